//! The API over webhooks: what may be said of one, who sees it, and what each call leaves behind.

use std::sync::Arc;

use attestry::app::App;
use serde_json::{Value, json};
use services::citizen::{self, Outside};

use super::{Tenant, WEBHOOKS, emit};
use crate::fixture::{Act, Ask, State, Stub, World, text};

on_both_engines! {
    a_webhook_is_made_changed_and_deleted_and_each_change_is_audited
    a_secret_is_shown_once_and_again_only_to_a_retry
    a_wrong_field_is_named_without_effect
    every_wrong_field_is_named_at_once
    an_address_into_a_private_network_is_refused_without_effect
    an_environment_has_at_most_fifty_webhooks
    lists_are_paged_and_a_cursor_is_of_its_list
    a_method_that_is_not_there_is_told_which_are
}

async fn a_webhook_is_made_changed_and_deleted_and_each_change_is_audited(world: Arc<World>) {
    let tenant = Tenant::new(&world).await;
    let before = world.state(&world.mine).await;
    let new = json!({ "url": "https://hooks.example/a?b=c", "service": "citizen", "events": ["credits_low", "credits_low"], "description": "one" });
    let made = tenant.ask(&world, "POST", WEBHOOKS, new).await.expect(201);
    let id = text(&made, "id");
    assert!(id.starts_with("we_") && text(&made, "secret").starts_with("whsec_"));
    let path = format!("{WEBHOOKS}/{id}");
    let mut shown = made.clone();
    shown.as_object_mut().unwrap().remove("secret");
    assert_eq!(tenant.ask(&world, "GET", &path, Value::Null).await.expect(200), shown);
    let expected = json!({
        "id": id, "environment": "test", "service": "citizen", "url": "https://hooks.example/a?b=c",
        "events": ["credits_low"], "description": "one", "active": true, "disabled_reason": null,
        "consecutive_failures": 0, "failing_since": null, "last_success_at": null,
        "previous_secret_until": null, "created_at": made["created_at"], "updated_at": made["created_at"],
    });
    assert_eq!(shown, expected);

    world.clock.advance_seconds(5);
    let change = json!({ "url": "https://hooks.example/b", "events": null, "active": false });
    let changed = tenant.ask(&world, "PATCH", &path, change).await.expect(200);
    assert_eq!((&changed["url"], &changed["events"]), (&json!("https://hooks.example/b"), &Value::Null));
    assert_eq!((&changed["active"], &changed["disabled_reason"]), (&json!(false), &json!("by_tenant")));
    assert_eq!(changed["description"], "one", "what is not named stays");
    let same = tenant.ask(&world, "PATCH", &path, json!({ "active": false })).await.expect(200);
    assert_eq!(same["disabled_reason"], "by_tenant");
    tenant.ask(&world, "POST", &format!("{path}/test"), Value::Null).await.expect(202);
    tenant.ask(&world, "POST", &format!("{path}/rotate-secret"), Value::Null).await.expect(201);
    tenant
        .ask(&world, "POST", &format!("{path}/replay"), json!({ "since": "2026-01-01T00:00:00Z" }))
        .await
        .expect(202);
    let now = world.state(&world.mine).await;
    assert_eq!(now, State { audits: before.audits + 6, webhooks: 1, events: 1, ..before.clone() });
    tenant.ask(&world, "DELETE", &path, Value::Null).await.expect(200);
    let after = world.state(&world.mine).await;
    assert_eq!(after, State { audits: before.audits + 7, events: 1, ..before });
    let audited = world.audits_of(&id).await;
    let mut actions = ["change", "change", "create", "delete", "replay", "rotate_secret", "test"]
        .map(|action| ("key".to_owned(), format!("platform.webhook.{action}")))
        .to_vec();
    actions.sort();
    assert_eq!(audited, actions);
}

async fn a_secret_is_shown_once_and_again_only_to_a_retry(world: Arc<World>) {
    let tenant = Tenant::new(&world).await;
    let new = json!({ "url": "https://hooks.example/", "service": "quota" });
    let ask = |path: &str, key: &'static str, body: &Value| {
        Ask::post(path).bearer(&tenant.key).header("idempotency-key", key).json(body)
    };
    let made = world.send(ask(WEBHOOKS, "one", &new)).await.expect(201);
    let before = world.state(&world.mine).await;
    assert_eq!(world.send(ask(WEBHOOKS, "one", &new)).await.expect(201), made);
    let other = json!({ "url": "https://hooks.example/other", "service": "quota" });
    world.send(ask(WEBHOOKS, "one", &other)).await.problem(422, "idempotency_key_reused", &[]);
    let rotate = format!("{WEBHOOKS}/{}/rotate-secret", text(&made, "id"));
    let rotated = world.send(ask(&rotate, "two", &Value::Null)).await.expect(201);
    assert_eq!(world.send(ask(&rotate, "two", &Value::Null)).await.expect(201), rotated);
    assert_ne!(rotated["secret"], made["secret"]);
    let after = world.state(&world.mine).await;
    assert_eq!(
        after,
        State { audits: before.audits + 2, replies: before.replies + 1, ..before },
        "the refusal is audited, too"
    );
}

const NAME: &str = "must be the name of an event, of at most 100 characters";
const TIME: &str = "must be an RFC 3339 time like 2030-01-31T12:00:00Z";

/// What may not be said of a webhook, when it is made and when it is changed.
fn wrong_fields() -> Vec<(Value, &'static str, String)> {
    let mut rows = Vec::new();
    let mut wrong = |field: &str, values: &[Value], place: &'static str, said: &str| {
        rows.extend(values.iter().map(|value| (json!({ field: value }), place, said.to_owned())));
    };
    let whole = "it must be a whole address like https://example.com/path; send an address like https://example.com/hooks";
    wrong("url", &[json!("/relative")], "#/url", whole);
    let scheme = "it must begin with https://; send an address like https://example.com/hooks";
    wrong("url", &[json!("hooks.example"), json!("ftp://hooks.example/")], "#/url", scheme);
    let whole = "it must be a whole address; send an address like https://example.com/hooks";
    wrong("url", &[json!("https://a b/"), json!("https://é.example/")], "#/url", whole);
    let fragment = "it must not have a fragment; send an address like https://example.com/hooks";
    wrong("url", &[json!("https://hooks.example/#a")], "#/url", fragment);
    let user = "it must not hold a user or password; send an address like https://example.com/hooks";
    wrong("url", &[json!("https://me:secret@hooks.example/")], "#/url", user);
    let length = "must have 1 to 2048 characters";
    wrong("url", &[json!(""), json!("x".repeat(2049))], "#/url", length);
    wrong("url", &[json!(null), json!(7)], "#/url", "must be a string");
    wrong("events", &[json!("credits_low"), json!({})], "#/events", "must be an array");
    wrong("events", &[json!([]), json!(vec!["credits_low"; 51])], "#/events", "must have 1 to 50 items");
    wrong("events", &[json!([7]), json!([""]), json!(["x".repeat(101)])], "#/events/0", NAME);
    let known = "must be a list of some of: verification_completed, verification_failed, credits_low, \
        credits_exhausted, business_suspended";
    wrong("events", &[json!(["verification.completed"]), json!(["credits_low", "*"])], "#/events", known);
    wrong("description", &[json!("x".repeat(201))], "#/description", "must have at most 200 characters");
    wrong("description", &[json!(null)], "#/description", "must be a string");
    wrong("active", &[json!("yes"), json!(1), json!(null)], "#/active", "must be true or false");
    rows
}

async fn a_wrong_field_is_named_without_effect(world: Arc<World>) {
    let tenant = Tenant::new(&world).await;
    let stub = Stub::start([Act::Answer(200, String::new())]).await;
    let webhook = tenant.webhook(&world, &stub, json!({})).await;
    let path = format!("{WEBHOOKS}/{}", webhook.id);
    let (before, shown) = (world.state(&world.mine).await, tenant.get(&world, &webhook).await);
    let new = json!({ "url": "https://hooks.example/", "service": "citizen" });
    for (field, place, said) in wrong_fields() {
        let body = crate::fixture::merge(new.clone(), field.clone());
        tenant.ask(&world, "POST", WEBHOOKS, body).await.problem(400, "invalid_request", &[(place, &said)]);
        tenant.ask(&world, "PATCH", &path, field).await.problem(400, "invalid_request", &[(place, &said)]);
    }
    assert_wrong_when_new(&world, &tenant).await;
    assert_wrong_elsewhere(&world, &tenant, &webhook).await;
    assert_eq!(tenant.get(&world, &webhook).await, shown);
    let now = world.state(&world.mine).await;
    assert_eq!(
        State { audits: 0, ..now },
        State { audits: 0, ..before },
        "refusals alone are in the audit log"
    );
}

async fn assert_wrong_when_new(world: &World, tenant: &Tenant) {
    let names = "must be one of citizen, identity, codes, partner, quota, platform";
    for (body, place, said) in [
        (json!({ "url": "https://hooks.example/" }), "#/service", "is required"),
        (json!({ "service": "citizen" }), "#/url", "is required"),
        (json!({ "url": "https://hooks.example/", "service": "Quota" }), "#/service", names),
        (
            json!({ "url": "https://hooks.example/", "service": "partner", "events": ["credits_low"] }),
            "#/events",
            "partner has no events to choose from: leave it out to get all that come",
        ),
    ] {
        tenant.ask(world, "POST", WEBHOOKS, body).await.problem(400, "invalid_request", &[(place, said)]);
    }
}

async fn assert_wrong_elsewhere(world: &World, tenant: &Tenant, webhook: &super::Webhook) {
    let path = format!("{WEBHOOKS}/{}", webhook.id);
    let since = "is required, or deliveryId: from when on events are delivered again";
    for (body, place, said) in [
        (json!({}), "#/since", since),
        (json!({ "since": "yesterday" }), "#/since", TIME),
        (json!({ "since": 5 }), "#/since", "must be a string"),
        (
            json!({ "since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z" }),
            "#/until",
            "must not lie before since",
        ),
        (json!({ "since": "2026-01-02T00:00:00Z", "failed": "no" }), "#/failed", "must be true or false"),
        (
            json!({ "deliveryId": "dlv_1", "failed": true }),
            "#/deliveryId",
            "stands alone: leave out since, until and failed",
        ),
        (json!({ "deliveryId": 7 }), "#/deliveryId", "must be a string"),
    ] {
        let reply = tenant.post(world, webhook, "replay", body).await;
        reply.problem(400, "invalid_request", &[(place, said)]);
    }
    tenant.post(world, webhook, "replay", json!({ "deliveryId": "x" })).await.problem(404, "not_found", &[]);
    let status = "must be one of pending, retrying, delivered, failed, held";
    let after = "must be the seq of an event, or 0 for all: a whole number without a sign";
    for (query, place, said) in [
        (format!("{path}/deliveries?status=gone"), "status", status),
        (format!("{path}/deliveries?limit=0"), "limit", "must be a whole number from 1 to 100"),
        ("/platform/v1/events?after=-1".to_owned(), "after", after),
        ("/platform/v1/events?after=+1".to_owned(), "after", after),
        ("/platform/v1/events?after=".to_owned(), "after", after),
        ("/platform/v1/events?after=9223372036854775808".to_owned(), "after", after),
    ] {
        let reply = tenant.ask(world, "GET", &query, Value::Null).await;
        reply.problem(400, "invalid_request", &[(place, said)]);
    }
}

async fn every_wrong_field_is_named_at_once(world: Arc<World>) {
    let tenant = Tenant::new(&world).await;
    let body = json!({ "url": 1, "service": 2, "events": 3, "description": 4, "active": 5 });
    let wrong = [
        ("#/service", "must be a string"),
        ("#/url", "must be a string"),
        ("#/description", "must be a string"),
        ("#/events", "must be an array"),
        ("#/active", "must be true or false"),
    ];
    tenant.ask(&world, "POST", WEBHOOKS, body).await.problem(400, "invalid_request", &wrong);
}

async fn an_address_into_a_private_network_is_refused_without_effect(world: Arc<World>) {
    let tenant = Tenant::new(&world).await;
    let settings = world.app.settings.clone();
    let kernel = world.app.kernel.clone();
    let open = move || App::over(kernel, settings, citizen::Settings::default(), Outside::default());
    let app = tokio::task::spawn_blocking(open).await.unwrap().unwrap();
    let edge = app.public_site();
    let before = world.state(&world.mine).await;
    for (url, why) in [
        ("http://hooks.example/", "it must begin with https://"),
        ("https://hooks.example:22/", "its port must be 443 or 8443"),
        ("https://127.0.0.1/", "it must not lead into a private network"),
        ("https://localhost/", "it must not lead into a private network"),
        ("https://[::ffff:10.0.0.1]/", "it must not lead into a private network"),
        ("https://2130706433/", "its host must be a name, or an address like 203.0.113.7"),
    ] {
        let ask = Ask::post(WEBHOOKS).bearer(&tenant.key);
        let ask = ask.json(&json!({ "url": url, "service": "citizen" }));
        let said = format!("{why}; send an address like https://example.com/hooks");
        ask.send(&edge).await.problem(400, "invalid_request", &[("#/url", &said)]);
    }
    assert_eq!(world.state(&world.mine).await, before);
}

async fn an_environment_has_at_most_fifty_webhooks(world: Arc<World>) {
    let tenant = Tenant::new(&world).await;
    let new = json!({ "url": "https://hooks.example/", "service": "citizen" });
    let mut last = String::new();
    for _ in 0..50 {
        last = text(&tenant.ask(&world, "POST", WEBHOOKS, new.clone()).await.expect(201), "id");
    }
    let refused = tenant.ask(&world, "POST", WEBHOOKS, new.clone()).await;
    refused.problem(409, "conflict", &[]);
    let told = "This environment has 50 webhooks, and may have no more. Delete some first.";
    assert_eq!(refused.json()["detail"], told);
    tenant.ask(&world, "DELETE", &format!("{WEBHOOKS}/{last}"), Value::Null).await.expect(200);
    tenant.ask(&world, "POST", WEBHOOKS, new).await.expect(201);
}

async fn walk(world: &World, tenant: &Tenant, path: &str, query: &str, field: &str) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page =
            tenant.ask(world, "GET", &format!("{path}?{query}{cursor}"), Value::Null).await.expect(200);
        all.extend(page["data"].as_array().unwrap().iter().map(|row| row[field].clone()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

async fn lists_are_paged_and_a_cursor_is_of_its_list(world: Arc<World>) {
    let tenant = Tenant::new(&world).await;
    let stub = Stub::start([Act::Answer(500, String::new())]).await;
    let mut webhooks = Vec::new();
    for _ in 0..3 {
        webhooks.push(tenant.webhook(&world, &stub, json!({})).await);
        world.clock.advance_seconds(1);
    }
    emit(&world, &["credits_low"; 5]).await;
    tenant.deliver().await;
    let all = walk(&world, &tenant, WEBHOOKS, "", "id").await;
    assert_eq!(all, webhooks.iter().map(|webhook| json!(webhook.id)).collect::<Vec<_>>());
    let path = format!("{WEBHOOKS}/{}/deliveries", webhooks[0].id);
    for status in ["", "status=retrying&"] {
        let whole = walk(&world, &tenant, &path, status, "id").await;
        assert_eq!(whole.len(), 5);
        for limit in [1, 2, 5] {
            assert_eq!(walk(&world, &tenant, &path, &format!("{status}limit={limit}"), "id").await, whole);
        }
    }
    let page = tenant.ask(&world, "GET", &format!("{path}?limit=1"), Value::Null).await.expect(200);
    let cursor = text(&page, "next_cursor");
    let elsewhere = format!("{WEBHOOKS}/{}/deliveries", webhooks[1].id);
    for other in [format!("{path}?status=retrying&"), format!("{elsewhere}?"), format!("{WEBHOOKS}?")] {
        let reply = tenant.ask(&world, "GET", &format!("{other}cursor={cursor}"), Value::Null).await;
        assert_eq!((reply.status, &reply.json()["errors"][0]["parameter"]), (400, &json!("cursor")));
    }
}

async fn a_method_that_is_not_there_is_told_which_are(world: Arc<World>) {
    for (path, allow) in [
        (WEBHOOKS.to_owned(), "GET,HEAD,POST"),
        (format!("{WEBHOOKS}/we_1"), "GET,HEAD,PATCH,DELETE"),
        (format!("{WEBHOOKS}/we_1/rotate-secret"), "POST"),
        (format!("{WEBHOOKS}/we_1/test"), "POST"),
        (format!("{WEBHOOKS}/we_1/replay"), "POST"),
        (format!("{WEBHOOKS}/we_1/deliveries"), "GET,HEAD"),
        ("/platform/v1/events".to_owned(), "GET,HEAD"),
    ] {
        let reply = world.send(Ask::new("PUT", &path).body("not JSON")).await;
        reply.problem(405, "method_not_allowed", &[]);
        assert_eq!(reply.header("allow"), Some(allow), "{path}");
    }
}
