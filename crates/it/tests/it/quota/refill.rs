//! Allowances: an account is filled up to its level once a day or month, by whichever node looks first.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::fixture::{Ask, Client, State, World, verify};

on_both_engines! {
    an_allowance_fills_the_period_under_way_at_once_and_each_later_one_when_it_begins
    a_balance_above_the_level_is_never_lowered_and_not_filled
    an_allowance_is_booked_once_a_period_however_often_it_is_set
    a_monthly_allowance_is_filled_across_the_boundary_of_the_month
    two_nodes_fill_many_accounts_once
    a_period_that_no_node_saw_is_not_made_up_for
    what_is_no_allowance_is_refused_without_effect
    a_payment_cannot_take_the_name_of_a_refill
}

const DAY_SECONDS: i64 = 24 * 60 * 60;

async fn patch(world: &World, client: &Client, change: Value) -> Value {
    let key = world.management_key().await;
    let ask = Ask::new("PATCH", &format!("/v1/accounts/{}", client.account)).bearer(&key);
    world.send(ask.json(&change)).await.expect(200)
}

async fn sweep(world: &World) {
    attestry::workers::sweep(&world.app.kernel).await.unwrap();
}

async fn spend(world: &World, client: &Client, count: i64) {
    world.send(verify(&client.token).json(&json!({ "count": count }))).await.expect(200);
}

fn daily(level: i64) -> Value {
    json!({ "autoRefill": { "level": level, "period": "day" } })
}

async fn an_allowance_fills_the_period_under_way_at_once_and_each_later_one_when_it_begins(
    world: Arc<World>,
) {
    let client = world.client(3).await;
    let shown = patch(&world, &client, daily(10)).await;
    assert_eq!(shown["balance"], 10);
    // The world starts at 2026-05-28T20:26:40Z.
    let refill = json!({ "level": 10, "period": "day", "nextAt": "2026-05-29T00:00:00.000Z" });
    assert_eq!(shown["autoRefill"], refill);
    spend(&world, &client, 4).await;
    sweep(&world).await;
    assert_eq!(world.balance(&client.account).await, 6, "the day is not over");
    world.clock.advance_seconds(3 * 3600 + 33 * 60 + 20);
    let before = world.state(&world.mine).await;
    sweep(&world).await;
    let after = State {
        transfers: before.transfers + 1,
        points: before.points + 4,
        audits: before.audits + 1,
        ..before
    };
    assert_eq!(world.state(&world.mine).await, after);
    assert_eq!(world.balance(&client.account).await, 10);
    let audits = world.audits_of(&client.account).await;
    assert!(audits.contains(&("system".into(), "quota.account.refill".into())), "{audits:?}");
    sweep(&world).await;
    assert_eq!(world.state(&world.mine).await, after, "once a day");
    let shown = patch(&world, &client, json!({ "autoRefill": null })).await;
    assert_eq!(shown["autoRefill"], Value::Null);
    spend(&world, &client, 10).await;
    world.clock.advance_seconds(2 * DAY_SECONDS);
    sweep(&world).await;
    assert_eq!(world.balance(&client.account).await, 0, "it was ended");
}

async fn a_balance_above_the_level_is_never_lowered_and_not_filled(world: Arc<World>) {
    let client = world.client(50).await;
    let before = world.state(&world.mine).await.transfers;
    assert_eq!(patch(&world, &client, daily(10)).await["balance"], 50);
    world.clock.advance_seconds(DAY_SECONDS);
    sweep(&world).await;
    assert_eq!(world.balance(&client.account).await, 50);
    assert_eq!(world.state(&world.mine).await.transfers, before);
    spend(&world, &client, 45).await;
    sweep(&world).await;
    assert_eq!(world.balance(&client.account).await, 5, "only when a period begins");
    world.clock.advance_seconds(DAY_SECONDS);
    sweep(&world).await;
    assert_eq!(world.balance(&client.account).await, 10);
}

async fn an_allowance_is_booked_once_a_period_however_often_it_is_set(world: Arc<World>) {
    let client = world.client(0).await;
    assert_eq!(patch(&world, &client, daily(10)).await["balance"], 10);
    spend(&world, &client, 10).await;
    for change in [daily(10), json!({ "autoRefill": null }), daily(1000)] {
        assert_eq!(patch(&world, &client, change).await["balance"], 0, "the day's allowance is spent");
    }
    world.clock.advance_seconds(DAY_SECONDS);
    sweep(&world).await;
    assert_eq!(world.balance(&client.account).await, 1000);
}

async fn a_monthly_allowance_is_filled_across_the_boundary_of_the_month(world: Arc<World>) {
    let client = world.client(0).await;
    let monthly = json!({ "autoRefill": { "level": 7, "period": "month" } });
    let shown = patch(&world, &client, monthly).await;
    assert_eq!(
        (&shown["balance"], &shown["autoRefill"]["nextAt"]),
        (&json!(7), &json!("2026-06-01T00:00:00.000Z"))
    );
    spend(&world, &client, 7).await;
    // To 2026-05-31T23:59:59Z and a second further.
    world.clock.advance_seconds(3 * DAY_SECONDS + 3 * 3600 + 33 * 60 + 19);
    sweep(&world).await;
    assert_eq!(world.balance(&client.account).await, 0, "the last second of May");
    world.clock.advance_seconds(1);
    sweep(&world).await;
    sweep(&world).await;
    assert_eq!(world.balance(&client.account).await, 7);
    let key = world.management_key().await;
    let path = format!("/v1/accounts/{}/transfers", client.account);
    let page = world.send(Ask::get(&path).bearer(&key)).await.expect(200);
    let references: Vec<&str> =
        page["data"].as_array().unwrap().iter().filter_map(|row| row["reference"].as_str()).collect();
    assert_eq!(references, ["refill:2026-06", "refill:2026-05"]);
}

async fn two_nodes_fill_many_accounts_once(world: Arc<World>) {
    const ACCOUNTS: i64 = 120;
    let mut clients = Vec::new();
    for number in 0..ACCOUNTS {
        let client = world.client(number % 3).await;
        patch(&world, &client, daily(5)).await;
        spend(&world, &client, 5).await;
        clients.push(client);
    }
    world.clock.advance_seconds(DAY_SECONDS);
    let before = world.state(&world.mine).await;
    let other = world.restarted(&world.secrets_file).await;
    let mut tasks = JoinSet::new();
    for kernel in [&world.app.kernel, &other.kernel, &world.app.kernel, &other.kernel] {
        let kernel = kernel.clone();
        tasks.spawn(async move { attestry::workers::sweep(&kernel).await });
    }
    for swept in tasks.join_all().await {
        swept.unwrap();
    }
    let after = world.state(&world.mine).await;
    assert_eq!((after.transfers, after.points), (before.transfers + ACCOUNTS, before.points + 5 * ACCOUNTS));
    for client in &clients {
        assert_eq!(world.balance(&client.account).await, 5);
    }
}

async fn a_period_that_no_node_saw_is_not_made_up_for(world: Arc<World>) {
    let client = world.client(0).await;
    patch(&world, &client, daily(10)).await;
    spend(&world, &client, 10).await;
    world.clock.advance_seconds(5 * DAY_SECONDS);
    sweep(&world).await;
    sweep(&world).await;
    assert_eq!(world.balance(&client.account).await, 10, "to the level, and not five times");
}

async fn what_is_no_allowance_is_refused_without_effect(world: Arc<World>) {
    let (client, key) = (world.client(1).await, world.management_key().await);
    let before = world.state(&world.mine).await;
    let whole = "must be a whole number, written without fraction, exponent or quotes";
    for (refill, message) in [
        (json!({}), "autoRefill.level: is required; autoRefill.period: is required".to_owned()),
        (json!({ "level": 5 }), "autoRefill.period: is required".to_owned()),
        (json!({ "period": "day" }), "autoRefill.level: is required".to_owned()),
        (json!({ "level": 5, "period": "week" }), "autoRefill.period: must be day or month".to_owned()),
        (json!({ "level": 5, "period": 1 }), "autoRefill.period: must be a string".to_owned()),
        (
            json!({ "level": 0, "period": "day" }),
            "autoRefill.level: must be between 1 and 1000000000000000".to_owned(),
        ),
        (json!({ "level": "5", "period": "day" }), format!("autoRefill.level: {whole}")),
        (json!("day"), "autoRefill: must be an object".to_owned()),
        (json!([]), "autoRefill: must be an object".to_owned()),
    ] {
        let ask = Ask::new("PATCH", &format!("/v1/accounts/{}", client.account)).bearer(&key);
        let reply = world.send(ask.json(&json!({ "autoRefill": refill, "name": "Other" }))).await;
        reply.refused(400, "Invalid Request", &message);
    }
    assert_eq!(world.state(&world.mine).await, before);
}

async fn a_payment_cannot_take_the_name_of_a_refill(world: Arc<World>) {
    let (client, key) = (world.client(0).await, world.management_key().await);
    let ask = Ask::post(&format!("/v1/accounts/{}/credits", client.account)).bearer(&key);
    let body = json!({ "points": 1, "reference": "refill:2026-05-29" });
    let reply = world.send(ask.header("idempotency-key", "one").json(&body)).await;
    let message = "reference: must not start with refill:, which names automatic refills";
    reply.refused(400, "Invalid Request", message);
    assert_eq!(world.balance(&client.account).await, 0);
}
