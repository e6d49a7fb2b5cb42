//! Another tenant's object, another environment's and one that does not exist are the same to a caller.

use std::sync::Arc;

use serde_json::json;

use super::table::{About, Access, Route, guarded};
use super::{Known, known, known_with};
use crate::fixture::{Client, State, World};

on_both_engines! {
    a_foreign_object_is_answered_exactly_as_an_unknown_one_and_stays_as_it_was
    what_a_foreign_key_makes_is_its_own_tenants
    a_key_sees_its_own_tenant_only
}

async fn a_foreign_object_is_answered_exactly_as_an_unknown_one_and_stays_as_it_was(world: Arc<World>) {
    let (mine, live) = (known(&world).await, known_with(&world, "live", json!({})).await);
    let nobody = Known {
        client: Client {
            account: "acc_01kdvdna00e008m2jtjb6jqfym".to_owned(),
            token_id: "tok_01kdvdna00e008m2jtjb6jqfym".to_owned(),
            token: String::new(),
        },
        verification: "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9".to_owned(),
        key_id: "key_01kdvdna00e008m2jtjb6jqfym".to_owned(),
        webhook: "we_01kdvdna00e008m2jtjb6jqfym".to_owned(),
        product: "prod_01kdvdna00e008m2jtjb6jqfym".to_owned(),
        batch: "bat_01kdvdna00e008m2jtjb6jqfym".to_owned(),
    };
    for service in ["quota", "citizen", "codes", "platform"] {
        for (tenant, environment, theirs) in [
            (&world.other, "test", &mine),
            (&world.other, "live", &mine),
            (&world.mine, "live", &mine),
            (&world.mine, "test", &live),
        ] {
            let key = world.key(tenant, json!({ "service": service, "environment": environment })).await;
            let is_theirs = |route: &&Route| route.about != About::Nothing && service_of(route) == service;
            for route in guarded().filter(is_theirs) {
                assert_unseen(&world, route, (tenant, &key.secret), theirs, &nobody).await;
            }
        }
    }
}

fn service_of(route: &Route) -> &'static str {
    match route.access {
        Access::Token | Access::Quota(_) => "quota",
        Access::Citizen(_) => "citizen",
        Access::Codes(_) => "codes",
        Access::Platform(_) => "platform",
        Access::Open | Access::Operator => "",
    }
}

async fn assert_unseen(
    world: &World,
    route: &Route,
    (tenant, key): (&str, &str),
    theirs: &Known,
    nobody: &Known,
) {
    let before = states(world, tenant).await;
    let unknown = world.send(route.ask(nobody).bearer(key)).await;
    assert_not_found(route, &unknown);
    let foreign = world.send(route.ask(theirs).bearer(key)).await;
    assert_eq!(foreign.essence(), unknown.essence(), "{route:?}");
    assert_eq!(names(&foreign), names(&unknown), "{route:?}");
    for malformed in ["acc_", "x", "%00", "%F0%9F%92%A9", "acc_ILOU0example000000000000000"] {
        if matches!(route.about, About::AccountInBody | About::ProductInBody) {
            continue;
        }
        let own = || malformed.to_owned();
        let client = Client { account: own(), token_id: own(), token: String::new() };
        let (verification, key_id, webhook, product, batch) = (own(), own(), own(), own(), own());
        let known = Known { client, verification, key_id, webhook, product, batch };
        let reply = world.send(route.ask(&known).bearer(key)).await;
        assert_eq!(reply.essence(), unknown.essence(), "{malformed} {route:?}");
    }
    assert_eq!(states(world, tenant).await, before, "{route:?}");
}

#[track_caller]
fn assert_not_found(route: &Route, reply: &crate::fixture::Reply) {
    match route.about {
        About::Nothing => unreachable!("such a route is about no object"),
        About::Account | About::AccountInBody => reply.refused(404, "Not Found", "There is no such account."),
        About::Token => reply.refused(404, "Not Found", "There is no such token."),
        About::Verification => {
            let message = "There is no such verification.";
            let body = json!({ "status": "failed", "code": "NOT_FOUND", "message": message });
            assert_eq!(reply.essence(), (404, body), "{route:?}");
        }
        About::Product | About::ProductInBody => {
            let message = "There is no such product. GET /api/v1/products lists yours.";
            let body = json!({ "error": { "code": "product_not_found", "message": message } });
            assert_eq!(reply.essence(), (404, body), "{route:?}");
        }
        About::Batch => {
            let body = json!({ "error": { "code": "not_found", "message": "There is no such batch." } });
            assert_eq!(reply.essence(), (404, body), "{route:?}");
        }
        About::Key => {
            reply.problem(404, "not_found", &[]);
            assert_eq!(reply.json()["detail"], "There is no such key.");
        }
        About::Webhook => {
            reply.problem(404, "not_found", &[]);
            assert_eq!(reply.json()["detail"], "There is no such webhook.");
        }
    }
}

/// What both tenants have, but for the audit log of the caller's: it may tell of refusals.
async fn states(world: &World, caller: &str) -> (State, State) {
    let mut states = (world.state(&world.mine).await, world.state(&world.other).await);
    let audits = if caller == world.mine { &mut states.0.audits } else { &mut states.1.audits };
    *audits = 0;
    states
}

fn names(reply: &crate::fixture::Reply) -> Vec<String> {
    let mut names: Vec<_> = reply.headers.keys().map(ToString::to_string).collect();
    names.sort();
    names
}

async fn what_a_foreign_key_makes_is_its_own_tenants(world: Arc<World>) {
    let known = known(&world).await;
    let stranger = world.key(&world.other, json!({ "service": "quota" })).await.secret;
    let makes = |route: &&Route| {
        matches!(route.access, Access::Quota(_)) && route.about == About::Nothing && route.status == 201
    };
    for route in guarded().filter(makes) {
        let (mine, other) = (world.state(&world.mine).await, world.state(&world.other).await);
        let made = world.send(route.ask(&known).bearer(&stranger)).await.expect(route.status);
        assert_eq!(world.state(&world.mine).await, mine, "{route:?}");
        assert_eq!(world.state(&world.other).await.audits, other.audits + 1, "{route:?}");
        let id = made["id"].as_str().unwrap();
        let mine = world.management_key().await;
        let seen = world.send(crate::fixture::Ask::get(&format!("/v1/accounts/{id}")).bearer(&mine)).await;
        assert_eq!(seen.status, 404, "{seen:?}");
    }
}

async fn a_key_sees_its_own_tenant_only(world: Arc<World>) {
    for tenant in [&world.mine, &world.other] {
        for environment in ["test", "live"] {
            let body = json!({ "service": "platform", "environment": environment });
            let key = world.key(tenant, body).await.secret;
            let shown =
                world.send(crate::fixture::Ask::get("/platform/v1/tenant").bearer(&key)).await.expect(200);
            assert_eq!(shown["id"], json!(tenant));
        }
    }
}
