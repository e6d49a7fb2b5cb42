//! Credentials that open nothing: the exact answer, and no effect.

use std::sync::Arc;

use base::{Environment, KeyKind, KeyText, Service};
use serde_json::json;

use super::table::{Access, Route, guarded};
use super::{Known, Refusal, assert_refused, known, known_with};
use crate::fixture::{Ask, Client, NewKey, State, World, merge};

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
    client: &Known,
    refusal: Refusal,
    authorize: impl Fn(&Route, Ask) -> Option<Ask>,
) {
    let before = (world.state(&world.mine).await, world.state(&world.other).await);
    for route in guarded() {
        let Some(ask) = authorize(route, route.ask(client)) else { continue };
        assert_refused(route, &world.send(ask).await, refusal);
    }
    // Of a key without the scope the audit log is told, once for the key of each service.
    let told = if refusal == Refusal::ScopeMissing { 4 } else { 0 };
    let mine = State { audits: before.0.audits + told, ..before.0 };
    assert_eq!((world.state(&world.mine).await, world.state(&world.other).await), (mine, before.1));
}

async fn no_key_is_a_401(world: Arc<World>) {
    let client = known(&world).await;
    assert_all_refused(&world, &client, Refusal::Missing, |_, ask| Some(ask)).await;
}

async fn a_text_that_is_no_key_is_refused_without_effect(world: Arc<World>) {
    let client = known(&world).await;
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
    let client = known(&world).await;
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
                Access::Citizen(_) => "citizen",
                Access::Codes(_) => "codes",
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
    let client = known(&world).await;
    let mine = &world.mine;
    let keys = each_key(&world, &client, json!({})).await;
    for id in keys.ids() {
        let path = format!("/operator/v1/keys/{id}?environment=test&tenantId={mine}");
        world.operate("DELETE", &path, json!(null)).await;
    }
    let path = format!("/operator/v1/tokens/{}?environment=test&tenantId={mine}", client.token_id);
    world.operate("DELETE", &path, json!(null)).await;
    assert_all_refused(&world, &client, Refusal::Invalid, |route, ask| Some(ask.bearer(&keys.of(route))))
        .await;
}

async fn an_expired_key_is_refused_and_told_so(world: Arc<World>) {
    let expires_at = json!({ "expiresAt": "2026-05-28T20:28:00Z" });
    let client = known_with(&world, "test", expires_at.clone()).await;
    let keys = each_key(&world, &client, expires_at).await;
    for route in guarded() {
        let mut ask = route.ask(&known(&world).await).bearer(&keys.of(route));
        ask.headers.remove("idempotency-key");
        let ask = ask.header("idempotency-key", format!("{} {}", route.method, route.template));
        assert_eq!(world.send(ask).await.status, route.status, "before its end: {route:?}");
    }
    world.clock.advance_seconds(3600);
    assert_all_refused(&world, &client, Refusal::Expired, |route, ask| Some(ask.bearer(&keys.of(route))))
        .await;
}

async fn a_rotated_key_is_refused_after_its_grace(world: Arc<World>) {
    let client = known(&world).await;
    let keys = each_key(&world, &client, json!({})).await;
    let body = json!({ "tenantId": world.mine, "environment": "test" });
    for id in keys.ids() {
        world.operate("POST", &format!("/operator/v1/keys/{id}/rotate"), body.clone()).await;
    }
    world.operate("POST", &format!("/operator/v1/tokens/{}/rotate", client.token_id), body).await;
    world.clock.advance_seconds(899);
    let reply =
        world.send(Ask::get(&format!("/v1/accounts/{}", client.account)).bearer(&keys.quota.secret)).await;
    assert_eq!(reply.status, 200, "the grace is 15 minutes: {reply:?}");
    world.clock.advance_seconds(1);
    assert_all_refused(&world, &client, Refusal::Invalid, |route, ask| Some(ask.bearer(&keys.of(route))))
        .await;
}

async fn two_authorization_headers_are_refused_even_if_both_are_right(world: Arc<World>) {
    let client = known(&world).await;
    let keys = each_key(&world, &client, json!({})).await;
    assert_all_refused(&world, &client, Refusal::Invalid, |route, ask| {
        Some(ask.bearer(&keys.of(route)).bearer(&keys.of(route)))
    })
    .await;
}

async fn a_key_without_the_scope_is_told_which_one(world: Arc<World>) {
    let client = known(&world).await;
    for route in guarded() {
        let (service, scopes, needed) = match route.access {
            Access::Quota(needed) => ("quota", services::quota::SCOPES, needed),
            Access::Citizen(needed) => ("citizen", services::citizen::SCOPES, needed),
            Access::Codes(needed) => ("codes", services::codes::SCOPES, needed),
            Access::Platform(needed) => ("platform", services::platform::SCOPES, needed),
            Access::Open | Access::Token | Access::Operator => continue,
        };
        let others: Vec<_> = scopes.iter().filter(|scope| **scope != needed).collect();
        for held in [json!(others), json!([])] {
            let key = world.key(&world.mine, json!({ "service": service, "scopes": held })).await;
            let before = world.state(&world.mine).await;
            let reply = world.send(route.ask(&client).bearer(&key.secret)).await;
            assert_refused(route, &reply, Refusal::ScopeMissing);
            let told = State { audits: before.audits + 1, ..before };
            assert_eq!(world.state(&world.mine).await, told, "{route:?}");
        }
    }
}

async fn a_suspended_tenants_keys_are_refused_and_work_again_afterwards(world: Arc<World>) {
    let client = known(&world).await;
    let keys = each_key(&world, &client, json!({})).await;
    world.set_status(&world.mine, "suspended").await;
    assert_all_refused(&world, &client, Refusal::Suspended, |route, ask| Some(ask.bearer(&keys.of(route))))
        .await;
    let stranger = world.client_with(&world.other, json!({ "points": 1 }), json!({})).await;
    world.send(crate::fixture::verify(&stranger.token)).await.expect(200);
    world.set_status(&world.mine, "active").await;
    for route in guarded() {
        let reply = world.send(route.ask(&client).bearer(&keys.of(route))).await;
        assert_eq!(reply.status, route.status, "{route:?}: {reply:?}");
    }
}

async fn the_scope_is_judged_before_the_body(world: Arc<World>) {
    let client = known(&world).await;
    let keys = each_key(&world, &client, json!({ "scopes": [] })).await;
    assert_all_refused(&world, &client, Refusal::ScopeMissing, |route, ask| {
        let is_scoped = !matches!(route.access, Access::Token) && route.method != "GET";
        is_scoped.then(|| ask.bearer(&keys.of(route)).body("not JSON"))
    })
    .await;
}

/// A key of each service of my test environment, and a token.
struct Keys {
    token: String,
    quota: NewKey,
    citizen: NewKey,
    codes: NewKey,
    platform: NewKey,
}

async fn each_key(world: &World, client: &Client, more: serde_json::Value) -> Keys {
    let key = |service: &str| world.key(&world.mine, merge(json!({ "service": service }), more.clone()));
    Keys {
        token: client.token.clone(),
        quota: key("quota").await,
        citizen: key("citizen").await,
        codes: key("codes").await,
        platform: key("platform").await,
    }
}

impl Keys {
    fn ids(&self) -> [&str; 4] {
        [&self.quota.id, &self.citizen.id, &self.codes.id, &self.platform.id]
    }

    fn of(&self, route: &Route) -> String {
        match route.access {
            Access::Token => &self.token,
            Access::Quota(_) => &self.quota.secret,
            Access::Citizen(_) => &self.citizen.secret,
            Access::Codes(_) => &self.codes.secret,
            Access::Platform(_) => &self.platform.secret,
            Access::Open | Access::Operator => "",
        }
        .to_owned()
    }
}
