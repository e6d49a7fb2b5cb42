//! The published error shape, on every path that is citizen's.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{PATH, ask, asked, key};
use crate::fixture::{Ask, World, text};

on_both_engines! {
    a_wrong_field_is_named_in_the_published_words
    a_body_that_cannot_be_read_is_a_bad_request
    every_wrong_field_is_named_at_once
    an_unknown_path_or_method_speaks_citizens_dialect_before_any_key
    a_business_on_another_plan_is_forbidden_before_its_body_is_read
    the_sixty_first_request_of_a_minute_is_refused_and_consumes_nothing
    an_idempotency_key_outside_its_length_is_refused_by_its_name
}

fn invalid(errors: &[(&str, &str)]) -> Value {
    let errors: Vec<Value> =
        errors.iter().map(|(field, message)| json!({ "field": field, "message": message })).collect();
    json!({ "status": "failed", "code": "BAD_REQUEST", "message": "Validation failed", "errors": errors })
}

#[rustfmt::skip]
fn wrong_fields() -> Vec<(Value, &'static str, &'static str)> {
    let number = "National ID must be exactly 11 digits";
    let id = |value: Value| json!({ "nationalId": value });
    let with = |name: &str, value: Value| {
        let mut body = json!({ "nationalId": "12345678901" });
        body[name] = value;
        body
    };
    let age = "maxAgeSeconds must be between 0 and 31536000";
    let whole = "maxAgeSeconds must be a whole number, written without fraction, exponent or quotes";
    let date = "claims.dateOfBirth must be a date like 1990-01-31";
    let name = "claims.fullName must have 1 to 200 characters";
    vec![
        (json!({}), "nationalId", number),
        (id(json!(null)), "nationalId", number),
        (id(json!(12_345_678_901_i64)), "nationalId", number),
        (id(json!(["12345678901"])), "nationalId", number),
        (id(json!("")), "nationalId", number),
        (id(json!("1234567890")), "nationalId", number),
        (id(json!("123456789012")), "nationalId", number),
        (id(json!("1234567890a")), "nationalId", number),
        (id(json!(" 12345678901")), "nationalId", number),
        (id(json!("1234567890\u{661}")), "nationalId", number),
        (id(json!("+1234567890")), "nationalId", number),
        (id(json!("-1234567890")), "nationalId", number),
        (with("purpose", json!(null)), "purpose", "purpose must be a string"),
        (with("purpose", json!(1)), "purpose", "purpose must be a string"),
        (with("purpose", json!("p".repeat(256))), "purpose", "purpose must have at most 255 characters"),
        (with("reference", json!(null)), "reference", "reference must be a string"),
        (with("reference", json!("r".repeat(129))), "reference", "reference must have at most 128 characters"),
        (with("disclose", json!(null)), "disclose", "disclose must be record or match"),
        (with("disclose", json!("all")), "disclose", "disclose must be record or match"),
        (with("disclose", json!("RECORD")), "disclose", "disclose must be record or match"),
        (with("maxAgeSeconds", json!(-1)), "maxAgeSeconds", age),
        (with("maxAgeSeconds", json!(31_536_001)), "maxAgeSeconds", age),
        (with("maxAgeSeconds", json!(null)), "maxAgeSeconds", whole),
        (with("maxAgeSeconds", json!("0")), "maxAgeSeconds", whole),
        (with("maxAgeSeconds", json!(0.5)), "maxAgeSeconds", whole),
        (with("claims", json!(null)), "claims", "claims must be an object"),
        (with("claims", json!([])), "claims", "claims must be an object"),
        (with("claims", json!({})), "claims", "claims must have fullName, dateOfBirth or both"),
        (with("claims", json!({ "name": "A" })), "claims", "claims must have fullName, dateOfBirth or both"),
        (with("claims", json!({ "fullName": null })), "claims.fullName", "claims.fullName must be a string"),
        (with("claims", json!({ "fullName": "" })), "claims.fullName", name),
        (with("claims", json!({ "fullName": "n".repeat(201) })), "claims.fullName", name),
        (with("claims", json!({ "dateOfBirth": null })), "claims.dateOfBirth", "claims.dateOfBirth must be a string"),
        (with("claims", json!({ "dateOfBirth": "1990-02-30" })), "claims.dateOfBirth", date),
        (with("claims", json!({ "dateOfBirth": "01/01/1990" })), "claims.dateOfBirth", date),
        (with("claims", json!({ "dateOfBirth": "" })), "claims.dateOfBirth", date),
    ]
}

async fn a_wrong_field_is_named_in_the_published_words(world: Arc<World>) {
    let key = key(&world, "test").await;
    let before = world.state(&world.mine).await;
    for (body, field, message) in wrong_fields() {
        let reply = world.send(ask(&key, &body).header("idempotency-key", "wrong fields")).await;
        assert_eq!(reply.essence(), (400, invalid(&[(field, message)])), "{body}");
    }
    assert_eq!(world.state(&world.mine).await, before);
}

async fn every_wrong_field_is_named_at_once(world: Arc<World>) {
    let key = key(&world, "test").await;
    let body = json!({
        "nationalId": "1", "purpose": 1, "claims": { "fullName": 1, "dateOfBirth": "x" }, "disclose": 1,
        "reference": 1, "maxAgeSeconds": -1,
    });
    let reply = world.send(ask(&key, &body)).await.expect(400);
    let named: Vec<String> =
        reply["errors"].as_array().unwrap().iter().map(|error| text(error, "field")).collect();
    let fields = [
        "nationalId",
        "claims.fullName",
        "claims.dateOfBirth",
        "disclose",
        "maxAgeSeconds",
        "purpose",
        "reference",
    ];
    assert_eq!(named, fields);
}

async fn a_body_that_cannot_be_read_is_a_bad_request(world: Arc<World>) {
    let key = key(&world, "test").await;
    let before = world.state(&world.mine).await;
    for body in [
        "{",
        "[]",
        "\"12345678901\"",
        "null",
        "{\"nationalId\":\"1\",\"nationalId\":\"1\"}",
        "{\"purpose\":\"\\u0000\"}",
    ] {
        let reply = world.send(Ask::post(PATH).bearer(&key).body(body)).await;
        let shown = reply.expect(400);
        assert_eq!((&shown["status"], &shown["code"]), (&json!("failed"), &json!("BAD_REQUEST")), "{body}");
        assert_eq!(shown.get("errors"), None, "no field is to blame: {shown}");
        assert!(!text(&shown, "message").is_empty());
    }
    let large = format!("{{\"purpose\":\"{}\"}}", "p".repeat(70_000));
    let typed = Ask::post(PATH).bearer(&key).header("content-type", "text/plain");
    for (ask, status, code) in [
        (Ask::post(PATH).bearer(&key).body(large), 413, "PAYLOAD_TOO_LARGE"),
        (typed.body("{}"), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ] {
        let shown = world.send(ask).await.expect(status);
        assert_eq!((&shown["status"], &shown["code"]), (&json!("failed"), &json!(code)));
    }
    assert_eq!(world.state(&world.mine).await, before);
}

async fn an_unknown_path_or_method_speaks_citizens_dialect_before_any_key(world: Arc<World>) {
    let message = "There is nothing at this path. GET /openapi lists what there is.";
    let unknown = json!({ "status": "failed", "code": "NOT_FOUND", "message": message });
    for path in [
        "/api/v1/verify/anything-else",
        "/api/v1/verify/",
        "/api/v1/verify/citizen/",
        "/api/v1/verify/citizen/x",
        "/api/v1/verifications/",
        "/api/v1/verifications/x/y",
    ] {
        for method in ["GET", "POST", "BREW"] {
            let reply = world.send(Ask::new(method, path)).await;
            assert_eq!(reply.essence(), (404, unknown.clone()), "{method} {path}");
        }
    }
    for path in ["/api/v1", "/api/v1/registry", "/api/v1/sandbox", "/api/v1/docs", "/api/v1/verificationsx"] {
        let reply = world.send(Ask::get(path)).await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (404, Some("application/problem+json")),
            "{path}"
        );
    }
    let other = world.send(Ask::get("/api/v1/verify")).await.expect(405);
    assert_eq!(other["error"]["code"], "method_not_allowed", "the path itself is another service's");
    let method = json!({ "status": "failed", "code": "METHOD_NOT_ALLOWED", "message": "Method not allowed" });
    for (path, allow) in [
        (PATH, "POST"),
        ("/api/v1/verifications", "GET,HEAD"),
        ("/api/v1/verifications/x", "GET,HEAD"),
        ("/api/v1/registry/status", "GET,HEAD"),
        ("/api/v1/sandbox/scenarios", "GET,HEAD"),
        ("/api/v1/docs/openapi.json", "GET,HEAD"),
    ] {
        let reply = world.send(Ask::new("DELETE", path)).await;
        assert_eq!((reply.essence(), reply.header("allow")), ((405, method.clone()), Some(allow)), "{path}");
    }
}

async fn a_business_on_another_plan_is_forbidden_before_its_body_is_read(world: Arc<World>) {
    let body = json!({ "name": "Small", "liveApproved": true });
    let small = text(&world.operate("POST", "/operator/v1/tenants", body).await, "id");
    let key = world.key(&small, json!({ "service": "citizen" })).await.secret;
    let message = "This business is not on an enterprise plan. Please contact support to change it.";
    let expected = (403, json!({ "status": "failed", "code": "FORBIDDEN", "message": message }));
    let before = world.state(&small).await;
    for body in ["{\"nationalId\":\"12345678901\"}", "not JSON"] {
        let reply = world.send(Ask::post(PATH).bearer(&key).body(body)).await;
        assert_eq!(reply.essence(), expected);
    }
    for path in [
        "/api/v1/verifications",
        "/api/v1/registry/status",
        "/api/v1/sandbox/scenarios",
        "/api/v1/verifications/x",
    ] {
        assert_eq!(world.send(Ask::get(path).bearer(&key)).await.essence(), expected, "{path}");
    }
    assert_eq!(world.state(&small).await, before);
}

async fn the_sixty_first_request_of_a_minute_is_refused_and_consumes_nothing(world: Arc<World>) {
    let key = world.key(&world.mine, json!({ "service": "citizen" })).await.secret;
    let question = json!({ "nationalId": "12345678901" });
    for left in (0..60).rev() {
        let reply = world.send(ask(&key, &question)).await;
        reply.expect(200);
        assert_eq!(reply.header("ratelimit-policy"), Some("\"minute\";q=60;w=60"));
        assert!(
            reply.header("ratelimit").unwrap().starts_with(&format!("\"minute\";r={left};t=")),
            "{reply:?}"
        );
    }
    let asked = asked(&world, ask(&key, &question)).await;
    asked.refused(429, "RATE_LIMITED", "This key may send 60 requests a minute. Please wait 1 s.");
    assert_eq!(asked.reply.header("retry-after"), Some("1"));
    asked.changed_nothing();
    world.clock.advance_seconds(1);
    world.send(ask(&key, &question)).await.expect(200);
}

async fn an_idempotency_key_outside_its_length_is_refused_by_its_name(world: Arc<World>) {
    let key = key(&world, "test").await;
    let question = json!({ "nationalId": "12345678901" });
    for header in ["", "1234567", &"k".repeat(129), &"k".repeat(300)] {
        let asked = asked(&world, ask(&key, &question).header("idempotency-key", header)).await;
        let message = "Idempotency-Key must be one header of 8 to 128 printable characters";
        let errors = json!([{ "field": "Idempotency-Key", "message": message }]);
        let body = json!({
            "status": "failed", "code": "BAD_REQUEST", "message": "Validation failed", "errors": errors,
        });
        assert_eq!(asked.reply.essence(), (400, body), "{header}");
        asked.changed_nothing();
    }
    for header in ["12345678", &"k".repeat(128)] {
        world.send(ask(&key, &question).header("idempotency-key", header)).await.expect(200);
    }
}
