//! Keys: made, listed, changed, rotated and revoked by a tenant itself.

mod bound;
mod lists;
mod reach;
mod told;

use std::sync::Arc;

use serde_json::{Value, json};

use super::platform_key;
use crate::fixture::{Ask, State, World, merge, text};

on_both_engines! {
    a_key_of_every_service_is_made_and_shown_once
    what_is_said_of_a_key_is_kept_in_one_form
    a_retry_shows_the_same_secret_and_makes_nothing
    a_change_holds_for_the_whole_lineage_and_names_who_did_it
    a_rotated_secret_works_to_the_end_of_its_grace
    a_revoked_key_is_dead_at_the_answer_and_revoking_again_changes_nothing
    a_key_that_has_ended_is_neither_changed_nor_rotated
    an_environment_has_a_limit_of_keys_that_work
}

pub(super) const KEYS: &str = "/platform/v1/keys";

pub(super) fn post(key: &str, body: &Value) -> Ask {
    Ask::post(KEYS).bearer(key).json(body)
}

pub(super) fn patch(key: &str, id: &str, body: &Value) -> Ask {
    Ask::new("PATCH", &format!("{KEYS}/{id}")).bearer(key).json(body)
}

pub(super) fn rotate(key: &str, id: &str, body: &Value) -> Ask {
    Ask::post(&format!("{KEYS}/{id}/rotate")).bearer(key).json(body)
}

pub(super) fn delete(key: &str, id: &str) -> Ask {
    Ask::new("DELETE", &format!("{KEYS}/{id}")).bearer(key)
}

/// A read with a management key of quota.
fn use_of(secret: &str, account: &str) -> Ask {
    Ask::get(&format!("/v1/accounts/{account}")).bearer(secret)
}

async fn a_key_of_every_service_is_made_and_shown_once(world: Arc<World>) {
    for (environment, middle) in [("test", "test_"), ("live", "live_")] {
        let key = platform_key(&world, json!({ "environment": environment })).await;
        for (service, kind, prefix) in [
            ("citizen", "secret", "xq_"),
            ("codes", "secret", "vg_"),
            ("partner", "pair", "qash_key_"),
            ("quota", "admin", "xa_admin_"),
            ("platform", "secret", "at_"),
        ] {
            let before = world.state(&world.mine).await;
            let made = world.send(post(&key, &json!({ "service": service }))).await.expect(201);
            let secret = text(&made, "secret");
            assert!(secret.starts_with(&format!("{prefix}{middle}")), "{made}");
            assert_eq!((&made["kind"], &made["environment"]), (&json!(kind), &json!(environment)));
            assert_eq!(made["pair_secret"].is_string(), service == "partner");
            let scopes = services::scopes(base::Service::parse(service).unwrap());
            assert_eq!(made["scopes"], json!(scopes), "all that the service has");
            let after = State { keys: before.keys + 1, audits: before.audits + 1, ..before };
            assert_eq!(world.state(&world.mine).await, after);
            let id = text(&made, "id");
            assert_eq!(world.audits_of(&id).await, [("key".into(), "platform.key.create".into())]);
            let shown = world.send(Ask::get(&format!("{KEYS}/{id}")).bearer(&key)).await.expect(200);
            let mut made = made;
            made.as_object_mut().unwrap().retain(|name, _| !name.ends_with("secret"));
            assert_eq!(shown, made);
        }
        for (kind, prefix) in [("secret", "qv_sec_"), ("publishable", "qv_pub_")] {
            let body = json!({ "service": "identity", "kind": kind });
            let made = world.send(post(&key, &body)).await.expect(201);
            let is_test = text(&made, "secret").starts_with(&format!("{prefix}test_"));
            assert!(
                text(&made, "secret").starts_with(prefix) && is_test == (environment == "test"),
                "{made}"
            );
        }
    }
}

async fn what_is_said_of_a_key_is_kept_in_one_form(world: Arc<World>) {
    let key = platform_key(&world, json!({})).await;
    let body = json!({
        "service": "identity", "kind": "publishable", "label": "A shop",
        "allowed_origins": ["https://Shop.Example.com:443", "*.example.org", "http://localhost:3000",
            "https://shop.example.com"],
        "allowed_ips": ["203.0.113.7", "2001:DB8::/32", "203.0.113.7/32"],
        "rate_limit_per_minute": 0, "spend_cap_per_day": 5000, "expires_at": "2030-01-31T13:00:00+01:00",
    });
    let made = world.send(post(&key, &body)).await.expect(201);
    let kept = json!({
        "id": made["id"], "lineage_id": made["lineage_id"], "secret": made["secret"], "environment": "test",
        "service": "identity", "kind": "publishable", "scopes": [], "label": "A shop",
        "last_four": text(&made, "secret")[text(&made, "secret").len() - 4..],
        "allowed_origins": ["https://shop.example.com", "https://*.example.org", "http://localhost:3000"],
        "allowed_ips": ["203.0.113.7/32", "2001:db8::/32"],
        "rate_limit_per_minute": 0, "spend_cap_per_day": 5000, "expires_at": "2030-01-31T12:00:00.000Z",
        "created_at": "2026-05-28T20:26:40.000Z", "last_used_at": null, "revoked_at": null,
    });
    assert_eq!(made, kept);
    let nothing = json!({
        "service": "quota", "scopes": [], "label": "", "allowed_ips": [], "rate_limit_per_minute": null,
        "spend_cap_per_day": null, "expires_at": null,
    });
    let made = world.send(post(&key, &nothing)).await.expect(201);
    for name in ["rate_limit_per_minute", "spend_cap_per_day", "expires_at"] {
        assert_eq!(made[name], Value::Null, "{name}");
    }
}

async fn a_retry_shows_the_same_secret_and_makes_nothing(world: Arc<World>) {
    let key = platform_key(&world, json!({})).await;
    let ask = |body: Value| post(&key, &body).header("idempotency-key", "create");
    let first = world.send(ask(json!({ "service": "quota" }))).await;
    let id = text(&first.expect(201), "id");
    let turn = |body: Value| rotate(&key, &id, &body).header("idempotency-key", "rotate");
    let rotated = world.send(turn(json!({}))).await;
    rotated.expect(201);
    let before = world.state(&world.mine).await;
    assert_eq!(world.send(ask(json!({ "service": "quota" }))).await.essence(), first.essence());
    assert_eq!(world.send(turn(json!({}))).await.essence(), rotated.essence());
    let other = ask(json!({ "service": "codes" }));
    world.send(other).await.problem(422, "idempotency_key_reused", &[]);
    world.send(turn(json!({ "grace_seconds": 0 }))).await.problem(422, "idempotency_key_reused", &[]);
    // The two refusals are in the audit log.
    assert_eq!(world.state(&world.mine).await, State { audits: before.audits + 2, ..before });
    let another = post(&key, &json!({ "service": "quota" })).header("idempotency-key", "another");
    assert_ne!(world.send(another).await.expect(201)["secret"], first.json()["secret"]);
}

async fn a_change_holds_for_the_whole_lineage_and_names_who_did_it(world: Arc<World>) {
    let key = platform_key(&world, json!({})).await;
    let made = world.send(post(&key, &json!({ "service": "quota", "label": "A" }))).await.expect(201);
    let (id, old) = (text(&made, "id"), text(&made, "secret"));
    let account = world.client(1).await.account;
    world.send(use_of(&old, &account)).await.expect(200);
    let next = world.send(rotate(&key, &id, &json!({}))).await.expect(201);
    let (next_id, new) = (text(&next, "id"), text(&next, "secret"));
    let before = world.state(&world.mine).await;
    let body = json!({
        "label": "B", "scopes": ["tokens:read"], "rate_limit_per_minute": 9, "spend_cap_per_day": 0,
        "allowed_ips": [], "expires_at": "2026-05-28T20:30:00Z",
    });
    let changed = world.send(patch(&key, &next_id, &body)).await.expect(200);
    for (name, value) in body.as_object().unwrap().iter().filter(|(name, _)| *name != "expires_at") {
        assert_eq!(changed[name], *value);
    }
    assert!(changed.get("secret").is_none());
    assert_eq!(world.state(&world.mine).await, State { audits: before.audits + 1, ..before });
    assert_eq!(world.audits_of(&next_id).await, [("key".into(), "platform.key.change".into())]);
    for secret in [&old, &new] {
        world.send(use_of(secret, &account)).await.refused_as(403, "Forbidden");
    }
    let older = world.send(Ask::get(&format!("{KEYS}/{id}")).bearer(&key)).await.expect(200);
    assert_eq!((&older["label"], &older["expires_at"]), (&json!("B"), &changed["expires_at"]));
    world
        .send(patch(&key, &id, &json!({ "scopes": ["accounts:read"], "rate_limit_per_minute": null })))
        .await
        .expect(200);
    for secret in [&old, &new] {
        let reply = world.send(use_of(secret, &account)).await;
        assert_eq!((reply.status, reply.header("ratelimit")), (200, None), "{reply:?}");
    }
    world.clock.advance_seconds(200);
    for secret in [&old, &new] {
        world.send(use_of(secret, &account)).await.refused_as(403, "Token Expired");
    }
    let shown = world.send(patch(&key, &platform_id(&world).await, &json!({}))).await.expect(200);
    assert_eq!(shown["label"], "", "a change of nothing changes nothing");
}

/// A platform key of my test environment by its id.
async fn platform_id(world: &World) -> String {
    world.key(&world.mine, json!({ "service": "platform" })).await.id
}

async fn a_rotated_secret_works_to_the_end_of_its_grace(world: Arc<World>) {
    let key = platform_key(&world, json!({})).await;
    let account = world.client(1).await.account;
    for (body, grace) in
        [(json!({}), 900), (json!({ "grace_seconds": 7 }), 7), (json!({ "grace_seconds": 0 }), 0)]
    {
        let limits =
            json!({ "rate_limit_per_minute": 50, "spend_cap_per_day": 8, "allowed_ips": ["203.0.113.0/24"] });
        let made = merge(json!({ "service": "quota", "label": "L" }), limits.clone());
        let made = world.send(post(&key, &made)).await.expect(201);
        let (id, old) = (text(&made, "id"), text(&made, "secret"));
        let before = world.state(&world.mine).await;
        let next = world.send(rotate(&key, &id, &body)).await.expect(201);
        assert_eq!((&next["lineage_id"], &next["label"]), (&made["lineage_id"], &json!("L")));
        for (name, value) in limits.as_object().unwrap() {
            assert_eq!(next[name], *value, "limits belong to the lineage");
        }
        assert!(
            next["id"] != made["id"] && next["secret"] != made["secret"] && next.get("warning").is_none()
        );
        let after = State { keys: before.keys + 1, audits: before.audits + 1, ..before };
        assert_eq!(world.state(&world.mine).await, after);
        let from = |secret: &str| use_of(secret, &account).peer("203.0.113.7");
        world.send(from(&text(&next, "secret"))).await.expect(200);
        if grace > 0 {
            world.clock.advance_seconds(grace - 1);
            world.send(from(&old)).await.expect(200);
            world.clock.advance_seconds(1);
        }
        world.send(from(&old)).await.refused_as(403, "Invalid Token");
        world.send(from(&text(&next, "secret"))).await.expect(200);
    }
}

async fn a_revoked_key_is_dead_at_the_answer_and_revoking_again_changes_nothing(world: Arc<World>) {
    let key = platform_key(&world, json!({})).await;
    let made = world.send(post(&key, &json!({ "service": "quota" }))).await.expect(201);
    let (id, secret) = (text(&made, "id"), text(&made, "secret"));
    let account = world.client(1).await.account;
    let before = world.state(&world.mine).await;
    let revoked = world.send(delete(&key, &id)).await.expect(200);
    assert_eq!((&revoked["id"], &revoked["revoked_at"]), (&json!(id), &json!("2026-05-28T20:26:40.000Z")));
    world.send(use_of(&secret, &account)).await.refused_as(403, "Invalid Token");
    world.clock.advance_seconds(5);
    assert_eq!(world.send(delete(&key, &id)).await.expect(200), revoked);
    let after = State { audits: before.audits + 2, ..before };
    assert_eq!(world.state(&world.mine).await, after);
    // A key may end itself, and is answered.
    let own = world.key(&world.mine, json!({ "service": "platform" })).await;
    world.send(delete(&own.secret, &own.id)).await.expect(200);
    world.send(delete(&own.secret, &own.id)).await.problem(401, "credential_invalid", &[]);
}

async fn a_key_that_has_ended_is_neither_changed_nor_rotated(world: Arc<World>) {
    let key = platform_key(&world, json!({})).await;
    let revoked = text(&world.send(post(&key, &json!({ "service": "quota" }))).await.expect(201), "id");
    world.send(delete(&key, &revoked)).await.expect(200);
    let body = json!({ "service": "quota", "expires_at": "2026-05-28T20:27:00Z" });
    let expired = text(&world.send(post(&key, &body)).await.expect(201), "id");
    world.clock.advance_seconds(20);
    let before = world.state(&world.mine).await;
    for id in [&revoked, &expired] {
        for ask in [patch(&key, id, &json!({ "expires_at": null })), rotate(&key, id, &json!({}))] {
            world.send(ask).await.problem(409, "conflict", &[]);
        }
    }
    assert_eq!(world.state(&world.mine).await, State { audits: before.audits + 4, ..before });
}

async fn an_environment_has_a_limit_of_keys_that_work(world: Arc<World>) {
    const FILL: &str = "INSERT INTO api_key (tenant_id, key_id, lineage_id, environment, service, kind, scopes, label, last_four, \
        allowed_origins, allowed_ips, created_at_us) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2) \
        SELECT ?1, 'filler ' || i, 'filler', 'test', 'codes', 'secret', '', '', '', '', '', 1 FROM n";
    let key = platform_key(&world, json!({})).await;
    let tenant_id: base::id::TenantId = world.mine.parse().unwrap();
    let count = services::platform::command::KEYS_MAX - 2;
    let fill = move |tx: &mut db::Tx<'_>| Ok(tx.exec(FILL, db::args![tenant_id, count])?);
    world.app.kernel.db.write(tenant_id, fill).await.unwrap();
    let last = world.send(post(&key, &json!({ "service": "codes" }))).await.expect(201);
    let before = world.state(&world.mine).await;
    world.send(post(&key, &json!({ "service": "codes" }))).await.problem(409, "conflict", &[]);
    assert_eq!(world.state(&world.mine).await, State { audits: before.audits + 1, ..before });
    world.send(delete(&key, &text(&last, "id"))).await.expect(200);
    world.send(post(&key, &json!({ "service": "codes" }))).await.expect(201);
}
