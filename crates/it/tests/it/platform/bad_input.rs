//! Bodies that cannot be read, and fields that are wrong: named in problem details, and nothing happens.

use std::sync::Arc;

use serde_json::{Value, json};

use super::platform_key;
use crate::bad_input::bodies::unreadable;
use crate::fixture::{Ask, World};

on_both_engines! {
    a_body_that_cannot_be_read_is_refused_at_every_route_without_effect
    a_wrong_field_of_a_key_is_named_without_effect
    every_wrong_field_is_named_at_once
    an_unknown_path_or_method_is_a_problem_before_any_key_is_looked_at
}

/// Every route that reads a body, without one.
async fn routes(world: &World) -> Vec<Ask> {
    let key = platform_key(world, json!({})).await;
    let id = world.key(&world.mine, json!({ "service": "quota" })).await.id;
    let with_key = |method: &str, path: &str| Ask::new(method, path).bearer(&key);
    let new = json!({ "url": "https://hooks.example/", "service": "citizen" });
    let webhook = world.send(with_key("POST", "/platform/v1/webhooks").json(&new)).await.expect(201);
    let webhook = crate::fixture::text(&webhook, "id");
    vec![
        with_key("PATCH", "/platform/v1/tenant"),
        with_key("POST", "/platform/v1/keys"),
        with_key("PATCH", &format!("/platform/v1/keys/{id}")),
        with_key("POST", &format!("/platform/v1/keys/{id}/rotate")),
        with_key("POST", "/platform/v1/webhooks"),
        with_key("PATCH", &format!("/platform/v1/webhooks/{webhook}")),
        with_key("POST", &format!("/platform/v1/webhooks/{webhook}/rotate-secret")),
        with_key("POST", &format!("/platform/v1/webhooks/{webhook}/test")),
        with_key("POST", &format!("/platform/v1/webhooks/{webhook}/replay")),
        with_key("POST", "/platform/v1/wallet/refill").header("idempotency-key", "bad input"),
    ]
}

async fn a_body_that_cannot_be_read_is_refused_at_every_route_without_effect(world: Arc<World>) {
    let routes = routes(&world).await;
    let before = world.state(&world.mine).await;
    for (body, why) in unreadable() {
        for ask in &routes {
            let reply = world.send(ask.clone().body(body.clone())).await;
            reply.problem(400, "malformed_request", &[]);
            assert_eq!(reply.json()["detail"], format!("The body cannot be read: {why}"));
        }
    }
    for ask in &routes {
        world.send(ask.clone().body(vec![b' '; 64 * 1024 + 1])).await.problem(413, "body_too_large", &[]);
        let typed = ask.clone().header("content-type", "text/plain").body("{}");
        world.send(typed).await.problem(415, "unsupported_media_type", &[]);
    }
    assert_eq!(world.state(&world.mine).await, before);
}

const LABEL: &str = "must have at most 100 characters";
const LIMIT: &str = "must be between 0 and 1000000";
const CAP: &str = "must be between 0 and 1000000000000000";
const WHOLE: &str = "must be a whole number, written without fraction, exponent or quotes";
const TIME: &str = "must be an RFC 3339 time like 2030-01-31T12:00:00Z";
const NETWORK: &str = "must be an address or a network like 203.0.113.7, 10.0.0.0/8 or 2001:db8::/32";
const FIFTY: &str = "must have at most 50 items";

/// What may not be said of a key, when it is made and when it is changed.
fn wrong_fields() -> Vec<(Value, String, String)> {
    let origin = "must be an origin like https://app.example.com or http://localhost:3000 (scheme, host and port, no \
        path), names below one like https://*.example.com, localhost, 127.0.0.1, or no-origin";
    let many = |item: &str| json!(vec![item; 51]);
    let mut rows = Vec::new();
    let mut wrong = |field: &str, values: &[Value], place: &str, said: &str| {
        rows.extend(
            values.iter().map(|value| (json!({ field: value }), format!("#/{place}"), said.to_owned())),
        );
    };
    wrong("label", &[json!("x".repeat(101))], "label", LABEL);
    wrong("label", &[json!(null), json!(7)], "label", "must be a string");
    wrong("scopes", &[json!(null), json!("keys:read"), json!({})], "scopes", "must be an array");
    wrong("scopes", &[json!([1]), json!([null])], "scopes", "must be a list of texts");
    wrong("scopes", &[many("accounts:read")], "scopes", FIFTY);
    let known = format!("must be a list of some of: {}", services::quota::SCOPES.join(", "));
    for scopes in [json!(["*"]), json!([""]), json!(["accounts:read", "keys:read"]), json!(["Accounts:read"])]
    {
        wrong("scopes", &[scopes], "scopes", &known);
    }
    wrong("allowed_ips", &[json!(null), json!("10.0.0.0/8")], "allowed_ips", "must be an array");
    wrong("allowed_ips", &[many("::1")], "allowed_ips", FIFTY);
    wrong("allowed_ips", &[json!(["::1", 7])], "allowed_ips/1", "must be a string");
    for text in ["", "10.0.0.0/33", "example.com", "10.0.0.0/8 ", "10.0.0"] {
        wrong("allowed_ips", &[json!([text])], "allowed_ips/0", NETWORK);
    }
    let bits = "has bits beyond its prefix: the network is 10.0.0.0/8";
    wrong("allowed_ips", &[json!(["::1", "10.1.0.0/8"])], "allowed_ips/1", bits);
    wrong(
        "allowed_ips",
        &[json!(["::ffff:10.0.0.1"])],
        "allowed_ips/0",
        "is IPv4 within IPv6: write it as IPv4",
    );
    for text in ["", "*", "example.com", "https://a.com/", "http://*.a.com", "null"] {
        wrong("allowed_origins", &[json!([text])], "allowed_origins/0", origin);
    }
    let pages = "is for publishable keys: the others are no page's to use";
    wrong("allowed_origins", &[json!(["https://a.com"])], "allowed_origins", pages);
    wrong("rate_limit_per_minute", &[json!(-1), json!(1_000_001)], "rate_limit_per_minute", LIMIT);
    wrong("rate_limit_per_minute", &[json!("9"), json!(1.5), json!(true)], "rate_limit_per_minute", WHOLE);
    wrong("spend_cap_per_day", &[json!(-1), json!(1_000_000_000_000_001_i64)], "spend_cap_per_day", CAP);
    wrong("spend_cap_per_day", &[json!("9")], "spend_cap_per_day", WHOLE);
    wrong("expires_at", &[json!("tomorrow"), json!("2030-01-31")], "expires_at", TIME);
    wrong("expires_at", &[json!(1_900_000_000)], "expires_at", "must be a string");
    wrong("expires_at", &[json!("2026-05-28T20:26:40Z")], "expires_at", "must lie in the future");
    rows
}

async fn a_wrong_field_of_a_key_is_named_without_effect(world: Arc<World>) {
    let routes = routes(&world).await;
    let before = world.state(&world.mine).await;
    let services = "must be one of citizen, identity, codes, partner, quota, platform";
    let kinds = "must be secret, publishable, pair or admin";
    let new = |body: &Value| routes[1].clone().json(body);
    for (body, place, said) in [
        (json!({}), "#/service", "is required"),
        (json!({ "service": null }), "#/service", "must be a string"),
        (json!({ "service": "Quota" }), "#/service", services),
        (json!({ "service": "quota", "kind": "root" }), "#/kind", kinds),
        (json!({ "service": "quota", "kind": null }), "#/kind", "must be a string"),
        (json!({ "service": "quota", "kind": "secret" }), "#/kind", "quota has no secret keys"),
        (json!({ "service": "quota", "kind": "token" }), "#/kind", "quota has no token keys"),
        (json!({ "service": "partner", "kind": "pair_secret" }), "#/kind", "partner has no pair_secret keys"),
        (json!({ "service": "citizen", "kind": "publishable" }), "#/kind", "citizen has no publishable keys"),
    ] {
        world.send(new(&body)).await.problem(400, "invalid_request", &[(place, said)]);
    }
    for (field, place, said) in wrong_fields() {
        let body = crate::fixture::merge(json!({ "service": "quota" }), field.clone());
        world.send(new(&body)).await.problem(400, "invalid_request", &[(&place, &said)]);
        let change = routes[2].clone().json(&field);
        world.send(change).await.problem(400, "invalid_request", &[(&place, &said)]);
    }
    let range = "must be between 0 and 900";
    for (grace, said) in [("-1", range), ("901", range), ("1.0", WHOLE), ("null", WHOLE), ("\"7\"", WHOLE)] {
        let ask = routes[3].clone().body(format!(r#"{{"grace_seconds":{grace}}}"#));
        world.send(ask).await.problem(400, "invalid_request", &[("#/grace_seconds", said)]);
    }
    let after = world.state(&world.mine).await;
    // Refusals by the rules of keys are in the audit log, those of the body alone are not; nothing else is left.
    assert_eq!(crate::fixture::State { audits: 0, ..after }, crate::fixture::State { audits: 0, ..before });
}

async fn every_wrong_field_is_named_at_once(world: Arc<World>) {
    let routes = routes(&world).await;
    let body = json!({
        "service": "x", "kind": "y", "label": 1, "scopes": 2, "allowed_origins": 3, "allowed_ips": [4],
        "rate_limit_per_minute": -5, "spend_cap_per_day": -6, "expires_at": "7",
    });
    let fields = [
        ("#/label", "must be a string"),
        ("#/scopes", "must be an array"),
        ("#/allowed_origins", "must be an array"),
        ("#/allowed_ips/0", "must be a string"),
        ("#/rate_limit_per_minute", LIMIT),
        ("#/spend_cap_per_day", CAP),
        ("#/expires_at", TIME),
    ];
    let names = [
        ("#/service", "must be one of citizen, identity, codes, partner, quota, platform"),
        ("#/kind", "must be secret, publishable, pair or admin"),
    ];
    let all = [&names[..], &fields[..]].concat();
    world.send(routes[1].clone().json(&body)).await.problem(400, "invalid_request", &all);
    world.send(routes[2].clone().json(&body)).await.problem(400, "invalid_request", &fields);
}

async fn an_unknown_path_or_method_is_a_problem_before_any_key_is_looked_at(world: Arc<World>) {
    for path in [
        "/platform",
        "/platform/",
        "/platform/v1",
        "/platform/v1/",
        "/platform/v1/tenant/",
        "/platform/v1/key",
        "/platform/v1/keys/",
        "/platform/v1/keys/x/rotate/",
        "/platform/v1/wallet/",
        "/platform/v2/tenant",
    ] {
        world.send(Ask::get(path)).await.problem(404, "not_found", &[]);
    }
    for (path, allow) in [
        ("/platform/v1/tenant", "GET,HEAD,PATCH"),
        ("/platform/v1/keys", "GET,HEAD,POST"),
        ("/platform/v1/keys/x", "GET,HEAD,PATCH,DELETE"),
        ("/platform/v1/keys/x/rotate", "POST"),
        ("/platform/v1/wallet", "GET,HEAD"),
        ("/platform/v1/wallet/transfers", "GET,HEAD"),
        ("/platform/v1/wallet/refill", "POST"),
    ] {
        let reply = world.send(Ask::new("PUT", path)).await;
        reply.problem(405, "method_not_allowed", &[]);
        assert_eq!(reply.header("allow"), Some(allow), "{path}");
    }
}
