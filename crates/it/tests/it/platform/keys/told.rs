//! A key that is turned away at the door is in its tenant's audit log, and fills nobody's disk.

use std::sync::Arc;

use serde_json::{Value, json};

use super::KEYS;
use crate::fixture::{Ask, State, World, text};
use crate::platform::platform_key;

on_both_engines! {
    a_refusal_at_the_door_is_in_the_audit_log_once_a_minute_for_each_key_and_reason
    what_is_no_refusal_of_a_live_key_is_not_told
}

/// Actor, target and note of the rows of my audit log about refused keys, newest first.
async fn told(world: &World) -> Vec<(String, String, String)> {
    let path = format!("/operator/v1/audit?limit=1000&tenantId={}", world.mine);
    let rows = world.operate("GET", &path, Value::Null).await;
    let rows = rows["data"].as_array().unwrap().iter();
    rows.filter(|row| row["action"] == "platform.key.refused")
        .inspect(|row| assert_eq!((&row["outcome"], &row["actorType"]), (&json!("refused"), &json!("key"))))
        .map(|row| (text(row, "actorId"), text(row, "target"), text(row, "note")))
        .collect()
}

async fn a_refusal_at_the_door_is_in_the_audit_log_once_a_minute_for_each_key_and_reason(world: Arc<World>) {
    let bound = json!({ "service": "quota", "allowedIps": ["203.0.113.0/24"], "scopes": ["accounts:read"] });
    let (one, other) = (world.key(&world.mine, bound.clone()).await, world.key(&world.mine, bound).await);
    let account = world.client(1).await.account;
    let path = format!("/v1/accounts/{account}");
    let before = (world.state(&world.mine).await, world.state(&world.other).await);
    let from = |key: &str, peer: &str| Ask::get(&path).bearer(key).peer(peer);
    let write =
        |key: &str| Ask::new("PATCH", &path).bearer(key).peer("203.0.113.1").json(&json!({ "banned": true }));
    for _ in 0..50 {
        assert_eq!(world.send(from(&one.secret, "198.51.100.1")).await.status, 403);
        assert_eq!(world.send(write(&one.secret)).await.status, 403);
    }
    assert_eq!(world.send(from(&other.secret, "198.51.100.2")).await.status, 403);
    let row = |id: &str, note: &str| (id.to_owned(), id.to_owned(), note.to_owned());
    let mut expected = vec![
        row(&one.id, "OriginDenied at GET /v1/accounts/{id}"),
        row(&one.id, "ScopeMissing at PATCH /v1/accounts/{id}"),
        row(&other.id, "OriginDenied at GET /v1/accounts/{id}"),
    ];
    expected.sort();
    let mut found = told(&world).await;
    found.sort();
    assert_eq!(found, expected);
    world.clock.advance_seconds(60);
    for _ in 0..2 {
        assert_eq!(world.send(from(&one.secret, "198.51.100.1")).await.status, 403);
    }
    assert_eq!(told(&world).await[0], row(&one.id, "OriginDenied at GET /v1/accounts/{id}"));
    let mine = State { audits: before.0.audits + 4, ..before.0 };
    assert_eq!((world.state(&world.mine).await, world.state(&world.other).await), (mine, before.1));
}

async fn what_is_no_refusal_of_a_live_key_is_not_told(world: Arc<World>) {
    let key = world.key(&world.mine, json!({ "service": "platform", "rateLimitPerMinute": 2 })).await;
    let quota = world.management_key().await;
    let before = world.state(&world.mine).await;
    world.send(Ask::get(KEYS).bearer(&key.secret)).await.expect(200);
    world.send(Ask::get("/platform/v1/keys/key_1").bearer(&key.secret)).await.expect(404);
    world.send(Ask::get(KEYS).bearer(&key.secret)).await.expect(429);
    world.send(Ask::get(KEYS).bearer(&quota)).await.expect(401);
    world.send(Ask::get(KEYS).bearer("at_test_nonsense")).await.expect(401);
    assert_eq!(world.state(&world.mine).await, before);
    let revoked = platform_key(&world, json!({})).await;
    world.set_status(&world.mine, "suspended").await;
    world.send(Ask::get(KEYS).bearer(&revoked)).await.expect(403);
    assert_eq!(told(&world).await, []);
}
