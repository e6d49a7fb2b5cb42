//! What a key is bound to: refused elsewhere, with nothing changed.

use std::sync::Arc;

use serde_json::json;

use super::{KEYS, patch, post};
use crate::fixture::{Ask, State, TRUSTED_PROXY, World, text};
use crate::platform::platform_key;

on_both_engines! {
    a_key_bound_to_networks_is_refused_from_elsewhere_with_nothing_changed
    where_a_call_came_from_is_what_a_trusted_proxy_says
    a_key_limited_by_scope_or_end_is_refused_with_nothing_changed
    the_limit_of_a_key_is_its_lineages
}

async fn a_key_bound_to_networks_is_refused_from_elsewhere_with_nothing_changed(world: Arc<World>) {
    let bound = json!({ "service": "quota", "allowedIps": ["203.0.113.0/24", "2001:db8::/32"] });
    let quota = world.key(&world.mine, bound.clone()).await.secret;
    let platform = platform_key(&world, json!({ "allowedIps": bound["allowedIps"] })).await;
    let client = world.client(100).await;
    let before = world.state(&world.mine).await;
    let asks = || {
        [
            Ask::post(&format!("/v1/accounts/{}/credits", client.account))
                .bearer(&quota)
                .header("idempotency-key", "pay")
                .json(&json!({ "points": 5 })),
            Ask::new("PATCH", &format!("/v1/accounts/{}", client.account))
                .bearer(&quota)
                .json(&json!({ "banned": true })),
        ]
    };
    for peer in ["203.0.114.7", "2001:db9::7", "127.0.0.1"] {
        for ask in asks() {
            let reply = world.send(ask.peer(peer)).await;
            let message = format!("This key may not be used from {peer}: see its allowed_ips.");
            reply.refused(403, "Forbidden", &message);
        }
        for ask in [post(&platform, &json!({ "service": "codes" })), Ask::get(KEYS).bearer(&platform)] {
            world.send(ask.peer(peer)).await.problem(403, "origin_denied", &[]);
        }
    }
    let [unknown, _] = asks();
    world.send(unknown).await.refused_as(403, "Forbidden");
    // The audit log is told once of each key.
    let told = State { audits: before.audits + 2, ..before };
    assert_eq!(world.state(&world.mine).await, told);
    for (peer, points) in [("203.0.113.255", 105), ("::ffff:203.0.113.1", 110), ("2001:db8::1", 115)] {
        let [mut top_up, _] = asks();
        top_up.headers.insert("idempotency-key", peer.parse().unwrap());
        let reply = world.send(top_up.peer(peer)).await;
        assert_eq!(reply.expect(200)["balance"], points, "{peer}");
    }
}

async fn where_a_call_came_from_is_what_a_trusted_proxy_says(world: Arc<World>) {
    let bound = json!({ "service": "quota", "allowedIps": ["203.0.113.7"] });
    let key = world.key(&world.mine, bound).await.secret;
    let account = world.client(1).await.account;
    let ask = |peer: &str, said: &[&str]| {
        let ask = Ask::get(&format!("/v1/accounts/{account}")).bearer(&key).peer(peer);
        said.iter().fold(ask, |ask, line| ask.header("x-forwarded-for", line))
    };
    for (peer, said, status) in [
        (TRUSTED_PROXY, vec!["203.0.113.7"], 200),
        (TRUSTED_PROXY, vec!["198.51.100.1, 203.0.113.7"], 200),
        (TRUSTED_PROXY, vec!["198.51.100.1", "203.0.113.7"], 200),
        ("203.0.113.7", vec!["198.51.100.1"], 200),
        // A caller may write into the list whatever it likes, before what the proxy appends.
        (TRUSTED_PROXY, vec!["203.0.113.7, 198.51.100.1"], 403),
        (TRUSTED_PROXY, vec!["203.0.113.7", "198.51.100.1"], 403),
        (TRUSTED_PROXY, vec!["unknown"], 403),
        (TRUSTED_PROXY, vec![], 403),
        // Nobody else is believed.
        ("198.51.100.1", vec!["203.0.113.7"], 403),
    ] {
        let reply = world.send(ask(peer, &said)).await;
        assert_eq!(reply.status, status, "{peer} {said:?}: {reply:?}");
    }
}

async fn a_key_limited_by_scope_or_end_is_refused_with_nothing_changed(world: Arc<World>) {
    let manager = platform_key(&world, json!({})).await;
    let client = world.client(100).await;
    let made = world.send(post(&manager, &json!({ "service": "quota" }))).await.expect(201);
    let (id, secret) = (text(&made, "id"), text(&made, "secret"));
    let top_up = || {
        let ask = Ask::post(&format!("/v1/accounts/{}/credits", client.account)).bearer(&secret);
        ask.header("idempotency-key", "pay").json(&json!({ "points": 5 }))
    };
    world.send(patch(&manager, &id, &json!({ "scopes": ["accounts:read"] }))).await.expect(200);
    let before = world.state(&world.mine).await;
    let message = "This needs the scope accounts:write, which the key lacks.";
    world.send(top_up()).await.refused(403, "Forbidden", message);
    assert_eq!(world.state(&world.mine).await, State { audits: before.audits + 1, ..before });
    let end = json!({ "scopes": ["accounts:write"], "expires_at": "2026-05-28T20:27:00Z" });
    world.send(patch(&manager, &id, &end)).await.expect(200);
    world.clock.advance_seconds(20);
    let before = world.state(&world.mine).await;
    world.send(top_up()).await.refused_as(403, "Token Expired");
    assert_eq!(world.state(&world.mine).await, before);
}

async fn the_limit_of_a_key_is_its_lineages(world: Arc<World>) {
    let manager = platform_key(&world, json!({})).await;
    let made = world
        .send(post(&manager, &json!({ "service": "platform", "rate_limit_per_minute": 3 })))
        .await
        .expect(201);
    let (id, old) = (text(&made, "id"), text(&made, "secret"));
    let next = text(&world.send(super::rotate(&manager, &id, &json!({}))).await.expect(201), "secret");
    let ask = |key: &str| Ask::get("/platform/v1/tenant").bearer(key);
    for (key, left) in
        [(&old, "\"minute\";r=2;t=20"), (&next, "\"minute\";r=1;t=40"), (&old, "\"minute\";r=0;t=60")]
    {
        let reply = world.send(ask(key)).await;
        assert_eq!((reply.status, reply.header("ratelimit")), (200, Some(left)));
        assert_eq!(reply.header("ratelimit-policy"), Some("\"minute\";q=3;w=60"));
    }
    let refused = world.send(ask(&next)).await;
    refused.problem(429, "rate_limited", &[]);
    assert_eq!(refused.header("retry-after"), Some("20"));
    world.send(patch(&manager, &id, &json!({ "rate_limit_per_minute": 0 }))).await.expect(200);
    assert_eq!(world.send(ask(&old)).await.header("ratelimit"), None, "no limit, and nothing to tell");
}
