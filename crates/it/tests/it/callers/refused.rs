//! Credentials that open nothing: the exact answer, and no effect.

use std::sync::Arc;

use base::{Environment, KeyKind, KeyText, Service};
use serde_json::json;

use super::table::{Access, Route, guarded};
use super::{Refusal, assert_refused};
use crate::fixture::{Ask, Client, World};

on_both_engines! {
    no_key_is_a_401
    a_text_that_is_no_key_is_refused_without_effect
    a_key_of_another_service_or_kind_is_refused_without_effect
    a_revoked_key_is_refused_without_effect
    an_expired_key_is_refused_and_told_so
    a_rotated_key_is_refused_after_its_grace
    two_authorization_headers_are_refused_even_if_both_are_right
    a_key_without_the_scope_is_told_which_one
    a_suspended_tenants_keys_are_refused_and_work_again_afterwards
    the_scope_is_judged_before_the_body
}

/// Asks every guarded route with what `authorize` makes of it and expects this refusal and no effect at all.
async fn assert_all_refused(
    world: &World,
    client: &Client,
    refusal: Refusal,
    authorize: impl Fn(&Route, Ask) -> Option<Ask>,
) {
    let before = (world.state(&world.mine).await, world.state(&world.other).await);
    for route in guarded() {
        let Some(ask) = authorize(route, route.ask(client)) else { continue };
        assert_refused(route, &world.send(ask).await, refusal);
    }
    assert_eq!((world.state(&world.mine).await, world.state(&world.other).await), before);
}

async fn no_key_is_a_401(world: Arc<World>) {
    let client = world.client(100).await;
    assert_all_refused(&world, &client, Refusal::Missing, |_, ask| Some(ask)).await;
}

async fn a_text_that_is_no_key_is_refused_without_effect(world: Arc<World>) {
    let client = world.client(100).await;
    let key = world.management_key().await;
    let unknown = KeyText { service: Service::Quota, kind: KeyKind::Admin, environment: Environment::Test };
    let mut headers: Vec<Vec<u8>> = [
        "Bearer",
        "Bearer ",
        "Bearer nonsense",
        "nonsense",
        "",
        " ",
        "Basic dTpw",
        "Bearer  ",
        "Bearer a b c",
        "Bearer xa_admin_test_",
        "Bearer xa_test_",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    headers.push(format!("Bearer {}", unknown.mint([7; 17]).expose()).into_bytes());
    headers.push(b"Bearer caf\xc3\xa9".to_vec());
    headers.push(b"Bearer \xff".to_vec());
    headers.push(format!("Basic {key}").into_bytes());
    headers.push(key.into_bytes());
    headers.push(format!("Bearer {}", "A".repeat(600)).into_bytes());
    for text in [&client.token, &world.management_key().await] {
        headers.extend(mistyped(text).into_iter().map(|text| format!("Bearer {text}").into_bytes()));
    }
    for header in headers {
        assert_all_refused(&world, &client, Refusal::Invalid, |_, ask| {
            Some(ask.header("authorization", &header))
        })
        .await;
    }
}

/// What a typing error makes of a key.
fn mistyped(key: &str) -> Vec<String> {
    let last = if key.ends_with('0') { "1" } else { "0" };
    let mut mistyped = vec![
        format!("{}{last}", &key[..key.len() - 1]),
        key[..key.len() - 1].to_owned(),
        format!("{key}0"),
        key.to_lowercase(),
        key.replace("test", "live"),
        key.replace("_admin", ""),
    ];
    mistyped.retain(|text| text != key);
    mistyped
}

async fn a_key_of_another_service_or_kind_is_refused_without_effect(world: Arc<World>) {
    let client = world.client(100).await;
    let mut keys = Vec::new();
    for (service, kind) in [
        ("citizen", "secret"),
        ("identity", "secret"),
        ("identity", "publishable"),
        ("codes", "secret"),
        ("partner", "pair"),
        ("platform", "secret"),
        ("quota", "admin"),
    ] {
        for environment in ["test", "live"] {
            let body = json!({ "service": service, "kind": kind, "environment": environment });
            let key = world.key(&world.mine, body).await;
            keys.extend(key.pair_secret.map(|secret| (service, secret)));
            keys.push((service, key.secret));
        }
    }
    keys.push(("a token", client.token.clone()));
    for (service, key) in keys {
        assert_all_refused(&world, &client, Refusal::Invalid, |route, ask| {
            let owner = match route.access {
                Access::Quota(_) => "quota",
                Access::Platform(_) => "platform",
                Access::Token => "a token",
                Access::Open | Access::Operator => return None,
            };
            (service != owner).then(|| ask.bearer(&key))
        })
        .await;
    }
}

async fn a_revoked_key_is_refused_without_effect(world: Arc<World>) {
    let client = world.client(100).await;
    let mine = &world.mine;
    let (quota, platform) = each_key(&world, json!({})).await;
    for id in [&quota.0, &platform.0] {
        let path = format!("/operator/v1/keys/{id}?environment=test&tenantId={mine}");
        world.operate("DELETE", &path, json!(null)).await;
    }
    let path = format!("/operator/v1/tokens/{}?environment=test&tenantId={mine}", client.token_id);
    world.operate("DELETE", &path, json!(null)).await;
    let key = |route: &Route| of_route(route, &client.token, &quota.1, &platform.1);
    assert_all_refused(&world, &client, Refusal::Invalid, |route, ask| Some(ask.bearer(&key(route)))).await;
}

async fn an_expired_key_is_refused_and_told_so(world: Arc<World>) {
    let expires_at = json!({ "expiresAt": "2026-05-28T20:28:00Z" });
    let client = world.client_with(&world.mine, json!({ "points": 100 }), expires_at.clone()).await;
    let (quota, platform) = each_key(&world, expires_at).await;
    let key = |route: &Route| of_route(route, &client.token, &quota.1, &platform.1);
    for route in guarded() {
        let mut ask = route.ask(&world.client(100).await).bearer(&key(route));
        ask.headers.remove("idempotency-key");
        let ask = ask.header("idempotency-key", format!("{} {}", route.method, route.template));
        assert_eq!(world.send(ask).await.status, route.status, "before its end: {route:?}");
    }
    world.clock.advance_seconds(3600);
    assert_all_refused(&world, &client, Refusal::Expired, |route, ask| Some(ask.bearer(&key(route)))).await;
}

async fn a_rotated_key_is_refused_after_its_grace(world: Arc<World>) {
    let client = world.client(100).await;
    let (quota, platform) = each_key(&world, json!({})).await;
    let body = json!({ "tenantId": world.mine, "environment": "test" });
    for id in [&quota.0, &platform.0] {
        world.operate("POST", &format!("/operator/v1/keys/{id}/rotate"), body.clone()).await;
    }
    world.operate("POST", &format!("/operator/v1/tokens/{}/rotate", client.token_id), body).await;
    let key = |route: &Route| of_route(route, &client.token, &quota.1, &platform.1);
    world.clock.advance_seconds(899);
    let reply = world.send(Ask::get(&format!("/v1/accounts/{}", client.account)).bearer(&quota.1)).await;
    assert_eq!(reply.status, 200, "the grace is 15 minutes: {reply:?}");
    world.clock.advance_seconds(1);
    assert_all_refused(&world, &client, Refusal::Invalid, |route, ask| Some(ask.bearer(&key(route)))).await;
}

async fn two_authorization_headers_are_refused_even_if_both_are_right(world: Arc<World>) {
    let client = world.client(100).await;
    let (quota, platform) = each_key(&world, json!({})).await;
    let key = |route: &Route| of_route(route, &client.token, &quota.1, &platform.1);
    assert_all_refused(&world, &client, Refusal::Invalid, |route, ask| {
        Some(ask.bearer(&key(route)).bearer(&key(route)))
    })
    .await;
}

async fn a_key_without_the_scope_is_told_which_one(world: Arc<World>) {
    let client = world.client(100).await;
    for route in guarded() {
        let (service, scopes, needed) = match route.access {
            Access::Quota(needed) => ("quota", services::quota::SCOPES, needed),
            Access::Platform(needed) => ("platform", services::platform::SCOPES, needed),
            Access::Open | Access::Token | Access::Operator => continue,
        };
        let others: Vec<_> = scopes.iter().filter(|scope| **scope != needed).collect();
        for held in [json!(others), json!([])] {
            let key = world.key(&world.mine, json!({ "service": service, "scopes": held })).await;
            let before = world.state(&world.mine).await;
            let reply = world.send(route.ask(&client).bearer(&key.secret)).await;
            assert_refused(route, &reply, Refusal::ScopeMissing);
            assert_eq!(world.state(&world.mine).await, before, "{route:?}");
        }
    }
}

async fn a_suspended_tenants_keys_are_refused_and_work_again_afterwards(world: Arc<World>) {
    let client = world.client(100).await;
    let (quota, platform) = each_key(&world, json!({})).await;
    let key = |route: &Route| of_route(route, &client.token, &quota.1, &platform.1);
    world.set_status(&world.mine, "suspended").await;
    assert_all_refused(&world, &client, Refusal::Suspended, |route, ask| Some(ask.bearer(&key(route)))).await;
    let stranger = world.client_with(&world.other, json!({ "points": 1 }), json!({})).await;
    world.send(crate::fixture::verify(&stranger.token)).await.expect(200);
    world.set_status(&world.mine, "active").await;
    for route in guarded() {
        let reply = world.send(route.ask(&client).bearer(&key(route))).await;
        assert_eq!(reply.status, route.status, "{route:?}: {reply:?}");
    }
}

async fn the_scope_is_judged_before_the_body(world: Arc<World>) {
    let client = world.client(100).await;
    let (quota, platform) = each_key(&world, json!({ "scopes": [] })).await;
    let key = |route: &Route| of_route(route, &client.token, &quota.1, &platform.1);
    assert_all_refused(&world, &client, Refusal::ScopeMissing, |route, ask| {
        let is_scoped = !matches!(route.access, Access::Token) && route.method != "GET";
        is_scoped.then(|| ask.bearer(&key(route)).body("not JSON"))
    })
    .await;
}

/// Id and secret of a quota and of a platform key of my test environment.
async fn each_key(world: &World, more: serde_json::Value) -> ((String, String), (String, String)) {
    let mut keys = Vec::new();
    for service in ["quota", "platform"] {
        let body = crate::fixture::merge(json!({ "service": service }), more.clone());
        let key = world.key(&world.mine, body).await;
        keys.push((key.id, key.secret));
    }
    let platform = keys.pop().unwrap();
    (keys.pop().unwrap(), platform)
}

fn of_route(route: &Route, token: &str, quota: &str, platform: &str) -> String {
    match route.access {
        Access::Token => token,
        Access::Quota(_) => quota,
        Access::Platform(_) => platform,
        Access::Open | Access::Operator => "",
    }
    .to_owned()
}
