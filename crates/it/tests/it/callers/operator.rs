//! The operator's listener opens to the operator token alone.

use std::sync::Arc;

use super::table::{About, Access, OPERATOR, Route, operator_open};
use super::{Refusal, assert_refused};
use crate::fixture::{Ask, World};

on_both_engines! {
    the_operator_api_refuses_everything_but_the_operator_token_without_effect
    the_public_listener_knows_no_operator_route
    what_is_open_on_the_operators_listener_needs_no_token
}

fn route(method: &'static str, template: &'static str) -> Route {
    Route { method, template, access: Access::Operator, about: About::Nothing, body: "", status: 200 }
}

async fn the_operator_api_refuses_everything_but_the_operator_token_without_effect(world: Arc<World>) {
    let client = world.client(100).await;
    let token = world.operator_token();
    let almost = format!("{}{}", &token[..token.len() - 1], if token.ends_with('0') { '1' } else { '0' });
    let mut wrong =
        vec![almost, token[..token.len() - 1].to_owned(), format!("{token}0"), token.to_uppercase()];
    wrong.push(client.token.clone());
    for service in ["quota", "platform"] {
        wrong.push(world.key(&world.mine, serde_json::json!({ "service": service })).await.secret);
    }
    let before = (world.state(&world.mine).await, world.state(&world.other).await);
    for &(method, template) in OPERATOR {
        let route = route(method, template);
        let path = template.replace("{id}", &world.mine);
        let ask = || Ask::new(method, &path).json(&serde_json::json!({ "tenantId": world.mine }));
        assert_refused(&route, &ask().send(world.operator()).await, Refusal::Missing);
        for text in &wrong {
            assert_refused(&route, &ask().bearer(text).send(world.operator()).await, Refusal::Invalid);
        }
        let basic = ask().header("authorization", format!("Basic {token}")).send(world.operator()).await;
        assert_eq!(basic.status, 401, "{basic:?}");
        let twice = ask().bearer(&token).bearer(&token).send(world.operator()).await;
        assert_eq!(twice.status, 401, "{twice:?}");
    }
    assert_eq!((world.state(&world.mine).await, world.state(&world.other).await), before);
}

async fn the_public_listener_knows_no_operator_route(world: Arc<World>) {
    for &(method, template) in OPERATOR {
        let path = template.replace("{id}", &world.mine);
        let reply = world.send(Ask::new(method, &path).bearer(&world.operator_token())).await;
        assert_eq!(reply.status, 404, "{method} {path}: {reply:?}");
    }
}

async fn what_is_open_on_the_operators_listener_needs_no_token(world: Arc<World>) {
    for path in operator_open() {
        Ask::get(path).send(world.operator()).await.expect(200);
    }
}
