//! `balance.low` and `balance.exhausted`: once for each crossing, in the commit of the charge or refusal.

use std::sync::Arc;

use base::id::TenantId;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::bulk::bulk;
use crate::fixture::{Ask, Client, World, verify};

on_both_engines! {
    the_event_leaves_when_the_balance_falls_below_the_threshold_and_again_only_after_it_rose
    an_account_that_cannot_pay_is_told_once_until_something_is_added
    a_dry_run_a_ban_and_a_dead_token_tell_nothing
    a_threshold_is_set_changed_and_ended_by_a_patch
    a_bulk_call_tells_each_crossing_once
    many_callers_at_once_on_two_nodes_tell_each_crossing_once
}

/// Kind and body of all events of my tenant, in the order of their making.
async fn events(world: &World) -> Vec<(String, Value)> {
    const SQL: &str = "SELECT kind, payload FROM outbox WHERE tenant_id = ?1 ORDER BY event_id";
    let tenant_id: TenantId = world.mine.parse().unwrap();
    let read = world.app.kernel.db.read(move |tx| {
        let event = |row: &db::Row<'_>| Ok((row.text(0)?, row.text(1)?));
        Ok(tx.all(SQL, db::args![tenant_id], event)?)
    });
    let events = read.await.unwrap();
    events.into_iter().map(|(kind, payload)| (kind, serde_json::from_str(&payload).unwrap())).collect()
}

async fn kinds(world: &World) -> Vec<String> {
    events(world).await.into_iter().map(|(kind, _)| kind).collect()
}

async fn patch(world: &World, key: &str, client: &Client, change: Value) -> Value {
    let ask = Ask::new("PATCH", &format!("/v1/accounts/{}", client.account)).bearer(key);
    world.send(ask.json(&change)).await.expect(200)
}

async fn top_up(world: &World, key: &str, client: &Client, points: i64, once: &str) {
    let ask = Ask::post(&format!("/v1/accounts/{}/credits", client.account)).bearer(key);
    let ask = ask.header("idempotency-key", once).json(&json!({ "points": points }));
    world.send(ask).await.expect(200);
}

async fn spend(world: &World, client: &Client, count: i64, status: u16) {
    world.send(verify(&client.token).json(&json!({ "count": count }))).await.expect(status);
}

async fn the_event_leaves_when_the_balance_falls_below_the_threshold_and_again_only_after_it_rose(
    world: Arc<World>,
) {
    let key = world.management_key().await;
    let client =
        world.client_with(&world.mine, json!({ "points": 10, "externalId": "c-1" }), json!({})).await;
    patch(&world, &key, &client, json!({ "lowBalanceThreshold": 8 })).await;
    spend(&world, &client, 2, 200).await;
    assert_eq!(kinds(&world).await, [""; 0], "8 is not below 8");
    spend(&world, &client, 1, 200).await;
    let data = json!({ "accountId": client.account, "externalId": "c-1", "balance": 7, "threshold": 8 });
    let body = json!({ "type": "balance.low", "timestamp": "2026-05-28T20:26:40.000Z", "data": data });
    assert_eq!(events(&world).await, [("balance.low".to_owned(), body)]);
    spend(&world, &client, 3, 200).await;
    assert_eq!(kinds(&world).await, ["balance.low"], "it is low already");
    top_up(&world, &key, &client, 4, "one").await;
    spend(&world, &client, 1, 200).await;
    assert_eq!(kinds(&world).await, ["balance.low", "balance.low"], "it rose to 8 and fell to 7");
}

async fn an_account_that_cannot_pay_is_told_once_until_something_is_added(world: Arc<World>) {
    let (client, key) = (world.client(2).await, world.management_key().await);
    let before = world.state(&world.mine).await;
    for _ in 0..3 {
        spend(&world, &client, 3, 403).await;
    }
    let data = json!({ "accountId": client.account, "externalId": null, "balance": 2 });
    let body = json!({ "type": "balance.exhausted", "timestamp": "2026-05-28T20:26:40.000Z", "data": data });
    assert_eq!(events(&world).await, [("balance.exhausted".to_owned(), body)]);
    spend(&world, &client, 2, 200).await;
    spend(&world, &client, 1, 403).await;
    assert_eq!(kinds(&world).await.len(), 1, "nothing was added");
    assert_eq!(world.state(&world.mine).await.transfers, before.transfers + 1);
    top_up(&world, &key, &client, 1, "one").await;
    spend(&world, &client, 2, 403).await;
    spend(&world, &client, 2, 403).await;
    assert_eq!(kinds(&world).await, ["balance.exhausted"; 2]);
}

async fn a_dry_run_a_ban_and_a_dead_token_tell_nothing(world: Arc<World>) {
    let key = world.management_key().await;
    let (low, banned, revoked) = (world.client(5).await, world.client(0).await, world.client(0).await);
    patch(&world, &key, &low, json!({ "lowBalanceThreshold": 5 })).await;
    patch(&world, &key, &banned, json!({ "banned": true })).await;
    world
        .send(Ask::new("DELETE", &format!("/v1/tokens/{}", revoked.token_id)).bearer(&key))
        .await
        .expect(200);
    let before = world.state(&world.mine).await;
    for (client, count) in [(&low, 1), (&low, 6), (&banned, 1), (&revoked, 1)] {
        let body = json!({ "count": count });
        world.send(Ask::post("/v1/verify?dry_run=1").bearer(&client.token).json(&body)).await;
        world.send(bulk(&key, &[json!({ "token": client.token, "count": count, "dryRun": true })])).await;
    }
    for client in [&banned, &revoked] {
        spend(&world, client, 1, 403).await;
    }
    assert_eq!(world.state(&world.mine).await, before);
}

async fn a_threshold_is_set_changed_and_ended_by_a_patch(world: Arc<World>) {
    let (client, key) = (world.client(10).await, world.management_key().await);
    let shown = patch(&world, &key, &client, json!({ "lowBalanceThreshold": 10 })).await;
    assert_eq!(shown["lowBalanceThreshold"], 10);
    let shown = patch(&world, &key, &client, json!({ "name": "Other" })).await;
    assert_eq!(shown["lowBalanceThreshold"], 10, "what is not named stays");
    let shown = patch(&world, &key, &client, json!({ "lowBalanceThreshold": null })).await;
    assert_eq!(shown["lowBalanceThreshold"], Value::Null);
    spend(&world, &client, 5, 200).await;
    patch(&world, &key, &client, json!({ "lowBalanceThreshold": 9 })).await;
    assert_eq!(kinds(&world).await, [""; 0], "a threshold above the balance is no crossing");
    let ask = Ask::new("PATCH", &format!("/v1/accounts/{}", client.account)).bearer(&key);
    for (value, message) in [
        (json!(0), "lowBalanceThreshold: must be between 1 and 1000000000000000"),
        (json!(-5), "lowBalanceThreshold: must be between 1 and 1000000000000000"),
        (
            json!("9"),
            "lowBalanceThreshold: must be a whole number, written without fraction, exponent or quotes",
        ),
    ] {
        let body = json!({ "lowBalanceThreshold": value });
        world.send(ask.clone().json(&body)).await.refused(400, "Invalid Request", message);
    }
}

async fn a_bulk_call_tells_each_crossing_once(world: Arc<World>) {
    let key = world.management_key().await;
    let (one, other) = (world.client(5).await, world.client(3).await);
    patch(&world, &key, &one, json!({ "lowBalanceThreshold": 3 })).await;
    let mut items = vec![json!({ "token": one.token }); 8];
    items.extend(vec![json!({ "token": other.token }); 4]);
    let reply = world.send(bulk(&key, &items)).await;
    reply.expect(200);
    let mut told: Vec<(String, Value)> = events(&world)
        .await
        .into_iter()
        .map(|(kind, body)| (kind, json!([body["data"]["accountId"], body["data"]["balance"]])))
        .collect();
    told.sort_by_key(|(kind, body)| (kind.clone(), body.to_string()));
    let mut expected = vec![
        ("balance.exhausted".to_owned(), json!([one.account, 0])),
        ("balance.exhausted".to_owned(), json!([other.account, 0])),
        ("balance.low".to_owned(), json!([one.account, 2])),
    ];
    expected.sort_by_key(|(kind, body)| (kind.clone(), body.to_string()));
    assert_eq!(told, expected);
}

async fn many_callers_at_once_on_two_nodes_tell_each_crossing_once(world: Arc<World>) {
    let (client, key) = (world.client(50).await, world.management_key().await);
    patch(&world, &key, &client, json!({ "lowBalanceThreshold": 20 })).await;
    let other = world.restarted(&world.secrets_file).await.public_site();
    let mut tasks = JoinSet::new();
    for number in 0..80 {
        let edge = if number % 2 == 0 { world.public().clone() } else { other.clone() };
        let ask = verify(&client.token);
        tasks.spawn(async move { ask.send(&edge).await });
    }
    tasks.join_all().await;
    let mut told = kinds(&world).await;
    told.sort();
    assert_eq!(told, ["balance.exhausted", "balance.low"]);
}
