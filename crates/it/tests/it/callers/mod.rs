//! Who may call what: every route of both listeners against every kind of caller.

mod foreign;
mod operator;
mod refused;
mod table;

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::fixture::{Ask, Client, Reply, World};
use crate::openapi::methods;
use table::{Access, OPERATOR, PUBLIC, Route, guarded, operator_open};

on_both_engines! {
    every_route_of_both_listeners_is_in_the_table
    an_open_route_asks_for_no_key_and_looks_at_none
    a_caller_who_may_is_let_in_whatever_the_case_of_the_scheme
    a_head_request_is_answered_as_its_get_without_a_body
}

async fn every_route_of_both_listeners_is_in_the_table(world: Arc<World>) {
    let public: BTreeSet<_> = PUBLIC.iter().map(|route| (route.method, route.template)).collect();
    let operator = OPERATOR.iter().copied().chain(operator_open().map(|template| ("GET", template)));
    for (edge, table) in [(world.public(), public), (world.operator(), operator.collect())] {
        let mut routed = BTreeSet::new();
        for template in edge.templates() {
            routed.extend(methods(edge, template).await.into_iter().map(|method| (method, template.clone())));
        }
        let table: BTreeSet<_> =
            table.into_iter().map(|(method, template)| (method.to_owned(), template.to_owned())).collect();
        let missing: Vec<_> = routed.difference(&table).collect();
        let gone: Vec<_> = table.difference(&routed).collect();
        assert!(missing.is_empty() && gone.is_empty(), "missing in the table: {missing:?}, gone: {gone:?}");
    }
}

async fn an_open_route_asks_for_no_key_and_looks_at_none(world: Arc<World>) {
    for route in PUBLIC.iter().filter(|route| route.access == Access::Open) {
        for key in [None, Some("Bearer nonsense"), Some("Basic dTpw")] {
            let ask = Ask::new(route.method, &route.path());
            let ask = match key {
                None => ask,
                Some(key) => ask.header("authorization", key),
            };
            let reply = world.send(ask).await;
            assert_eq!(reply.status, 200, "{}: {reply:?}", route.template);
            assert_eq!(reply.header("access-control-allow-origin"), None);
        }
    }
}

async fn a_caller_who_may_is_let_in_whatever_the_case_of_the_scheme(world: Arc<World>) {
    for route in guarded() {
        for scheme in ["Bearer", "bearer", "BEARER"] {
            let client = known(&world).await;
            let key = right_key(&world, route, &client).await;
            let ask = route.ask(&client).header("authorization", format!("{scheme} {key}"));
            // A key of its own for each round: a replay would prove nothing.
            let mut ask = ask;
            ask.headers.insert("idempotency-key", format!("{scheme} {}", client.account).parse().unwrap());
            let reply = world.send(ask).await;
            assert_eq!(reply.status, route.status, "{scheme} {route:?}: {reply:?}");
        }
    }
}

async fn a_head_request_is_answered_as_its_get_without_a_body(world: Arc<World>) {
    for route in PUBLIC.iter().filter(|route| route.method == "GET") {
        let client = known(&world).await;
        let key = right_key(&world, route, &client).await;
        let mut ask = route.ask(&client).bearer(&key);
        ask.method = "HEAD".parse().unwrap();
        let reply = world.send(ask).await;
        assert_eq!((reply.status, reply.body.len()), (200, 0), "{route:?}");
    }
}

/// What a tenant has that a foreigner must not see.
#[derive(Clone, Debug)]
struct Known {
    client: Client,
    verification: String,
    /// The id of a key that no test uses.
    key_id: String,
    webhook: String,
    product: String,
    batch: String,
}

impl Deref for Known {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// A client of my test environment with 100 points, a verification, and a key.
async fn known(world: &World) -> Known {
    known_with(world, "test", json!({})).await
}

/// The same in any environment; `token` says what is special about the client's token.
async fn known_with(world: &World, environment: &str, token: Value) -> Known {
    let account = json!({ "environment": environment, "points": 100 });
    let (product, batch) = batch(world, environment).await;
    Known {
        product,
        batch,
        client: world.client_with(&world.mine, account, token).await,
        verification: verification(world, environment).await,
        key_id: world.key(&world.mine, json!({ "service": "codes", "environment": environment })).await.id,
        webhook: webhook(world, environment).await,
    }
}

/// The ids of a new product of mine and of a batch of it.
async fn batch(world: &World, environment: &str) -> (String, String) {
    if environment == "live" {
        // A live wallet starts empty.
        let once = kernel::secrets::hex(&world.app.kernel.random.bytes::<16>());
        let body = json!({ "tenantId": world.mine, "environment": "live", "amount": 1, "reference": once });
        let paid = Ask::post("/operator/v1/credits").bearer(&world.operator_token());
        let paid = paid.header("idempotency-key", once).json(&body);
        assert!(paid.send(world.operator()).await.status < 300);
    }
    let key = world.key(&world.mine, json!({ "service": "codes", "environment": environment })).await.secret;
    let new = Ask::post("/api/v1/products").bearer(&key).json(&json!({ "name": "Oil" }));
    let product = crate::fixture::text(&world.send(new).await.expect(201), "productId");
    let body = json!({ "productId": product, "quantity": 1 });
    let minted = world.send(Ask::post("/api/v1/batches").bearer(&key).json(&body)).await.expect(201);
    (product, crate::fixture::text(&minted, "batchId"))
}

/// The id of a webhook of mine: the one that there is, because there may only be so many.
async fn webhook(world: &World, environment: &str) -> String {
    let body = json!({ "service": "platform", "environment": environment });
    let key = world.key(&world.mine, body).await.secret;
    let listed = world.send(Ask::get("/platform/v1/webhooks").bearer(&key)).await.expect(200);
    if let Some(id) = listed["data"][0]["id"].as_str() {
        return id.to_owned();
    }
    let new = json!({ "url": "https://hooks.example/", "service": "citizen" });
    let made = world.send(Ask::post("/platform/v1/webhooks").bearer(&key).json(&new)).await.expect(201);
    crate::fixture::text(&made, "id")
}

/// The id of a new verification of mine. Without a registry a live one is an outage, which is stored too.
async fn verification(world: &World, environment: &str) -> String {
    let body = json!({ "service": "citizen", "environment": environment });
    let key = world.key(&world.mine, body).await.secret;
    let question = json!({ "nationalId": "12345678901", "maxAgeSeconds": 0 });
    let asked = world.send(Ask::post("/api/v1/verify/citizen").bearer(&key).json(&question)).await;
    assert_eq!(asked.status, if environment == "test" { 200 } else { 503 }, "{asked:?}");
    let listed = world.send(Ask::get("/api/v1/verifications").bearer(&key)).await.expect(200);
    crate::fixture::text(&listed["data"][0], "id")
}

/// The credential that opens a route.
async fn right_key(world: &World, route: &Route, client: &Client) -> String {
    match route.access {
        Access::Open => String::new(),
        Access::Token => client.token.clone(),
        Access::Quota(scope) => key_with(world, "quota", &[scope]).await,
        Access::Citizen(scope) => key_with(world, "citizen", &[scope]).await,
        Access::Codes(scope) => key_with(world, "codes", &[scope]).await,
        Access::Platform(scope) => key_with(world, "platform", &[scope]).await,
        Access::Operator => world.operator_token(),
    }
}

/// A key of my test environment with these scopes alone.
async fn key_with(world: &World, service: &str, scopes: &[&str]) -> String {
    world.key(&world.mine, json!({ "service": service, "scopes": scopes })).await.secret
}

/// The refusal of a credential, as the owner of the route words it.
#[track_caller]
fn assert_refused(route: &Route, reply: &Reply, refusal: Refusal) {
    let expected = match route.access {
        Access::Open => unreachable!("an open route refuses no credential"),
        Access::Token | Access::Quota(_) => refusal.of_quota(route),
        Access::Citizen(_) => refusal.of_citizen(route),
        Access::Codes(_) => refusal.of_codes(route),
        Access::Platform(_) | Access::Operator => refusal.of_platform(route),
    };
    assert_eq!(reply.essence(), expected, "{route:?}");
    let challenge = reply.header("www-authenticate");
    match (expected.0, refusal) {
        (401, Refusal::Missing) => assert_eq!(challenge, Some("Bearer realm=\"api\"")),
        (401, _) => assert_eq!(challenge, Some("Bearer realm=\"api\", error=\"invalid_token\"")),
        _ => assert_eq!(challenge, None),
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Refusal {
    Missing,
    Invalid,
    Expired,
    ScopeMissing,
    Suspended,
}

impl Refusal {
    fn of_quota(self, route: &Route) -> (u16, Value) {
        let scope = scope(route);
        let (status, error, message) = match self {
            Self::Missing => {
                (401, "Missing Token", "Send your key in the header Authorization: Bearer <key>.".to_owned())
            }
            Self::Invalid => {
                (403, "Invalid Token", "The provided token does not exist or has been revoked".to_owned())
            }
            Self::Expired if route.access == Access::Token => {
                (403, "Token Expired", "The provided token has expired".to_owned())
            }
            Self::Expired => (403, "Token Expired", "This key has expired. Create a new one.".to_owned()),
            Self::ScopeMissing => {
                (403, "Forbidden", format!("This needs the scope {scope}, which the key lacks."))
            }
            Self::Suspended if route.access == Access::Token => {
                (403, "Quota Exceeded or Banned", "The account is banned.".to_owned())
            }
            Self::Suspended => (
                403,
                "Quota Exceeded or Banned",
                "This account is suspended. Please contact support.".to_owned(),
            ),
        };
        (status, json!({ "error": error, "message": message }))
    }

    fn of_citizen(self, route: &Route) -> (u16, Value) {
        let scope = scope(route);
        let (status, code, message) = match self {
            Self::Missing => {
                (401, "UNAUTHORIZED", "Send your key in the header Authorization: Bearer <key>.".to_owned())
            }
            Self::Invalid => {
                (401, "UNAUTHORIZED", "This key does not exist, was mistyped or has been revoked.".to_owned())
            }
            Self::Expired => (401, "UNAUTHORIZED", "This key has expired. Create a new one.".to_owned()),
            Self::ScopeMissing => {
                (403, "FORBIDDEN", format!("This needs the scope {scope}, which the key lacks."))
            }
            Self::Suspended => {
                (403, "FORBIDDEN", "This account is suspended. Please contact support.".to_owned())
            }
        };
        (status, json!({ "status": "failed", "code": code, "message": message }))
    }

    fn of_codes(self, route: &Route) -> (u16, Value) {
        let (status, body) = self.of_citizen(route);
        let code = match self {
            Self::Missing | Self::Invalid | Self::Expired => "unauthorized",
            Self::ScopeMissing => "insufficient_scope",
            Self::Suspended => "org_not_approved",
        };
        (status, json!({ "error": { "code": code, "message": body["message"] } }))
    }

    fn of_platform(self, route: &Route) -> (u16, Value) {
        let scope = scope(route);
        let operator = route.access == Access::Operator;
        let (status, code, title, detail) = match self {
            Self::Missing => (
                401,
                "credential_missing",
                "No credential was sent",
                "Send your key in the header Authorization: Bearer <key>.".to_owned(),
            ),
            Self::Invalid if operator => (
                401,
                "credential_invalid",
                "The credential is not valid",
                "This is not the operator token. `attestry secrets operator-token` shows it.".to_owned(),
            ),
            Self::Invalid => (
                401,
                "credential_invalid",
                "The credential is not valid",
                "This key does not exist, was mistyped or has been revoked.".to_owned(),
            ),
            Self::Expired => (
                401,
                "credential_expired",
                "The credential has expired",
                "This key has expired. Create a new one.".to_owned(),
            ),
            Self::ScopeMissing => (
                403,
                "insufficient_scope",
                "The key lacks a scope",
                format!("This needs the scope {scope}, which the key lacks."),
            ),
            Self::Suspended => (
                403,
                "tenant_inactive",
                "The tenant is not active",
                "This account is suspended. Please contact support.".to_owned(),
            ),
        };
        let problem = json!({
            "type": format!("/errors/{code}"), "title": title, "status": status, "detail": detail,
            "instance": "urn:attestry:req_", "code": code, "request_id": "req_",
        });
        (status, problem)
    }
}

fn scope(route: &Route) -> &'static str {
    match route.access {
        Access::Quota(scope) | Access::Citizen(scope) | Access::Codes(scope) | Access::Platform(scope) => {
            scope
        }
        Access::Open | Access::Token | Access::Operator => "",
    }
}
