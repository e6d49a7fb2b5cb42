//! Another tenant's object, another environment's and one that does not exist are the same to a caller.

use std::sync::Arc;

use serde_json::json;

use super::table::{About, Access, Route, guarded};
use crate::fixture::{Client, World};

on_both_engines! {
    a_foreign_object_is_answered_exactly_as_an_unknown_one_and_stays_as_it_was
    what_a_foreign_key_makes_is_its_own_tenants
    a_key_sees_its_own_tenant_only
}

async fn a_foreign_object_is_answered_exactly_as_an_unknown_one_and_stays_as_it_was(world: Arc<World>) {
    let mine = world.client(100).await;
    let live =
        world.client_with(&world.mine, json!({ "environment": "live", "points": 100 }), json!({})).await;
    let nobody = Client {
        account: "acc_01k0example0000000000000000".to_owned(),
        token_id: "tok_01k0example0000000000000000".to_owned(),
        token: String::new(),
    };
    let strangers = [
        world.key(&world.other, json!({ "service": "quota" })).await.secret,
        world.key(&world.other, json!({ "service": "quota", "environment": "live" })).await.secret,
        world.key(&world.mine, json!({ "service": "quota", "environment": "live" })).await.secret,
    ];
    for route in guarded().filter(|route| route.about != About::Nothing) {
        for stranger in &strangers {
            assert_unseen(&world, route, stranger, &mine, &nobody).await;
        }
        let test_key = world.management_key().await;
        assert_unseen(&world, route, &test_key, &live, &nobody).await;
    }
}

async fn assert_unseen(world: &World, route: &Route, key: &str, theirs: &Client, nobody: &Client) {
    let before = (world.state(&world.mine).await, world.state(&world.other).await);
    let unknown = world.send(route.ask(nobody).bearer(key)).await;
    let noun = if route.about == About::Token { "token" } else { "account" };
    unknown.refused(404, "Not Found", &format!("There is no such {noun}."));
    let foreign = world.send(route.ask(theirs).bearer(key)).await;
    assert_eq!(foreign.essence(), unknown.essence(), "{route:?}");
    assert_eq!(names(&foreign), names(&unknown), "{route:?}");
    for malformed in ["acc_", "x", "%00", "%F0%9F%92%A9", "acc_ILOU0example000000000000000"] {
        if route.about == About::AccountInBody {
            continue;
        }
        let mut client = nobody.clone();
        (client.account, client.token_id) = (malformed.to_owned(), malformed.to_owned());
        let reply = world.send(route.ask(&client).bearer(key)).await;
        assert_eq!(reply.essence(), unknown.essence(), "{malformed} {route:?}");
    }
    assert_eq!((world.state(&world.mine).await, world.state(&world.other).await), before, "{route:?}");
}

fn names(reply: &crate::fixture::Reply) -> Vec<String> {
    let mut names: Vec<_> = reply.headers.keys().map(ToString::to_string).collect();
    names.sort();
    names
}

async fn what_a_foreign_key_makes_is_its_own_tenants(world: Arc<World>) {
    let client = world.client(100).await;
    let stranger = world.key(&world.other, json!({ "service": "quota" })).await.secret;
    let makes = |route: &&Route| {
        matches!(route.access, Access::Quota(_)) && route.about == About::Nothing && route.status == 201
    };
    for route in guarded().filter(makes) {
        let (mine, other) = (world.state(&world.mine).await, world.state(&world.other).await);
        let made = world.send(route.ask(&client).bearer(&stranger)).await.expect(route.status);
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
