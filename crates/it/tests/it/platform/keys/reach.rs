//! A key gives no more than it has, and not to itself.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{patch, post, rotate};
use crate::fixture::{Ask, State, World, merge, text};
use crate::platform::platform_key;

on_both_engines! {
    a_platform_key_gives_at_most_its_own_scopes
    a_platform_key_gives_neither_networks_nor_time_that_it_has_not
    a_wider_platform_key_is_not_rotated_into_ones_own_hands
    a_key_does_not_change_its_own_limits
    an_operator_gives_anything
}

/// Asks for it, and expects a refusal that names `lacking` and leaves an audit row alone.
async fn assert_refused(world: &World, ask: Ask, lacking: &str) {
    let before = world.state(&world.mine).await;
    let reply = world.send(ask).await;
    reply.problem(403, "insufficient_scope", &[]);
    assert!(text(&reply.json(), "detail").contains(lacking), "{reply:?}");
    assert_eq!(world.state(&world.mine).await, State { audits: before.audits + 1, ..before });
}

async fn a_platform_key_gives_at_most_its_own_scopes(world: Arc<World>) {
    let key = platform_key(&world, json!({ "scopes": ["keys:write", "wallet:read"] })).await;
    let body = json!({ "service": "platform", "scopes": ["wallet:read", "audit:read", "usage:read"] });
    assert_refused(&world, post(&key, &body), "has not the scopes audit:read, usage:read").await;
    let made = world.send(post(&key, &json!({ "service": "platform" }))).await.expect(201);
    assert_eq!(made["scopes"], json!(["keys:write", "wallet:read"]), "its own unless said");
    let (id, second) = (text(&made, "id"), text(&made, "secret"));
    let wider = json!({ "scopes": ["wallet:read", "tenant:write"] });
    assert_refused(&world, patch(&key, &id, &wider), "has not the scopes tenant:write").await;
    assert_refused(&world, patch(&second, &id, &wider), "has not the scopes tenant:write").await;
    // What a wider hand gave may stay, and be taken away.
    let wide = world
        .key(&world.mine, json!({ "service": "platform", "scopes": ["audit:read", "usage:read"] }))
        .await;
    world.send(patch(&key, &wide.id, &json!({ "label": "Mine" }))).await.expect(200);
    let less = json!({ "scopes": ["audit:read", "wallet:read"] });
    let changed = world.send(patch(&key, &wide.id, &less)).await.expect(200);
    assert_eq!(changed["scopes"], less["scopes"]);
    assert_refused(&world, patch(&key, &wide.id, &json!({ "scopes": ["usage:read"] })), "usage:read").await;
    // Keys of services are not measured by their maker.
    let quota = world.send(post(&key, &json!({ "service": "quota" }))).await.expect(201);
    assert_eq!(quota["scopes"], json!(services::quota::SCOPES));
}

async fn a_platform_key_gives_neither_networks_nor_time_that_it_has_not(world: Arc<World>) {
    let bound = json!({
        "service": "platform", "allowedIps": ["203.0.113.0/24"], "expiresAt": "2026-06-01T00:00:00Z",
    });
    let own = world.key(&world.mine, bound).await;
    let send = |ask: Ask| ask.peer("203.0.113.7");
    let (ips, end) =
        (json!({ "allowed_ips": ["203.0.113.128/25"] }), json!({ "expires_at": "2026-06-01T00:00:00Z" }));
    let of = |more: [&Value; 2]| {
        let body = merge(json!({ "service": "platform" }), more[0].clone());
        send(post(&own.secret, &merge(body, more[1].clone())))
    };
    let (networks, late) =
        ("has not networks other than its own allowed_ips", "has not an end later than its own");
    assert_refused(&world, of([&json!({}), &end]), networks).await;
    assert_refused(&world, of([&json!({ "allowed_ips": ["203.0.113.0/24", "::1"] }), &end]), networks).await;
    assert_refused(&world, of([&ips, &json!({})]), late).await;
    assert_refused(&world, of([&ips, &json!({ "expires_at": "2026-06-01T00:00:01Z" })]), late).await;
    let made = text(&world.send(of([&ips, &end])).await.expect(201), "id");
    for id in [&made, &own.id] {
        let change = |body: Value| send(patch(&own.secret, id, &body));
        assert_refused(&world, change(json!({ "allowed_ips": [] })), networks).await;
        assert_refused(&world, change(json!({ "expires_at": null })), late).await;
        world
            .send(change(json!({ "expires_at": "2026-05-31T00:00:00Z", "allowed_ips": ["203.0.113.7"] })))
            .await
            .expect(200);
    }
    // A service's key may outlive its maker, and be used from anywhere.
    world.send(send(post(&own.secret, &json!({ "service": "quota" })))).await.expect(201);
}

async fn a_wider_platform_key_is_not_rotated_into_ones_own_hands(world: Arc<World>) {
    let key = platform_key(&world, json!({ "scopes": ["keys:write"] })).await;
    let wide = world
        .key(&world.mine, json!({ "service": "platform", "scopes": ["keys:write", "audit:read"] }))
        .await;
    assert_refused(&world, rotate(&key, &wide.id, &json!({})), "has not the scopes audit:read").await;
    world.send(Ask::get("/platform/v1/tenant").bearer(&wide.secret)).await.problem(
        403,
        "insufficient_scope",
        &[],
    );
    let own = world.key(&world.mine, json!({ "service": "platform", "scopes": ["keys:write"] })).await;
    world.send(rotate(&key, &own.id, &json!({}))).await.expect(201);
    world.send(rotate(&wide.secret, &wide.id, &json!({}))).await.expect(201);
}

async fn a_key_does_not_change_its_own_limits(world: Arc<World>) {
    let own = world.key(&world.mine, json!({ "service": "platform", "rateLimitPerMinute": 100 })).await;
    for body in [
        json!({ "rate_limit_per_minute": 0 }),
        json!({ "rate_limit_per_minute": null }),
        json!({ "spend_cap_per_day": 5 }),
    ] {
        assert_refused(&world, patch(&own.secret, &own.id, &body), "cannot change its own").await;
    }
    let next = world.send(rotate(&own.secret, &own.id, &json!({}))).await.expect(201);
    let ask = patch(&text(&next, "secret"), &own.id, &json!({ "rate_limit_per_minute": 0 }));
    assert_refused(&world, ask, "cannot change its own").await;
    let same = json!({ "label": "Me", "rate_limit_per_minute": 100 });
    world.send(patch(&own.secret, &own.id, &same)).await.expect(200);
    let other = platform_key(&world, json!({})).await;
    world.send(patch(&other, &own.id, &json!({ "rate_limit_per_minute": 0 }))).await.expect(200);
}

async fn an_operator_gives_anything(world: Arc<World>) {
    let key = world.key(&world.mine, json!({ "service": "platform", "scopes": [] })).await;
    let body = json!({
        "tenantId": world.mine, "environment": "test", "scopes": services::platform::SCOPES, "label": "All",
        "allowedIps": ["203.0.113.0/24"], "rateLimitPerMinute": 0, "spendCapPerDay": 10, "expiresAt": "2030-01-01T00:00:00Z",
    });
    let changed = world.operate("PATCH", &format!("/operator/v1/keys/{}", key.id), body).await;
    assert_eq!(changed["scopes"], json!(services::platform::SCOPES));
    assert_eq!(
        (&changed["allowed_ips"], &changed["spend_cap_per_day"]),
        (&json!(["203.0.113.0/24"]), &json!(10))
    );
    assert_eq!(
        world.audits_of(&key.id).await.last(),
        Some(&("operator".into(), "platform.key.create".into()))
    );
    world.send(Ask::get("/platform/v1/tenant").bearer(&key.secret).peer("203.0.113.1")).await.expect(200);
}
