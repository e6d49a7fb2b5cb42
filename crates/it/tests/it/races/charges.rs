//! Concurrent calls on one account.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::fixture::{Ask, Client, Reply, State, World, verify};
use crate::quota::bulk::bulk;

on_both_engines! {
    a_balance_of_n_lets_exactly_n_of_200_concurrent_calls_pass
    concurrent_costs_never_take_a_balance_below_zero_nor_leave_what_could_be_spent
    the_same_idempotency_key_from_64_callers_is_charged_once
    one_of_two_counts_under_one_key_wins_and_the_other_is_a_conflict
    the_last_points_raced_by_a_top_up_are_neither_lost_nor_spent_twice
    the_same_top_up_from_32_callers_is_booked_once
    rotation_under_load_loses_no_call
    two_nodes_share_one_balance_exactly
    bulk_calls_and_single_calls_on_two_nodes_share_one_balance_exactly
}

/// Sends all of them at once and gives the answers in no order.
async fn at_once(world: &Arc<World>, asks: impl IntoIterator<Item = Ask>) -> Vec<Reply> {
    let mut tasks = JoinSet::new();
    for ask in asks {
        let world = Arc::clone(world);
        tasks.spawn(async move { world.send(ask).await });
    }
    tasks.join_all().await
}

fn passed(replies: &[Reply]) -> Vec<i64> {
    let passed = replies.iter().filter(|reply| reply.status == 200);
    let mut balances: Vec<i64> = passed.map(|reply| reply.json()["balance"].as_i64().unwrap()).collect();
    balances.sort_unstable();
    balances
}

#[track_caller]
fn assert_rest_exceeded(replies: &[Reply]) {
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        reply.refused_as(403, "Quota Exceeded or Banned");
    }
}

async fn a_balance_of_n_lets_exactly_n_of_200_concurrent_calls_pass(world: Arc<World>) {
    for n in [0, 1, 57, 199, 200] {
        let client = world.client(n).await;
        let before = world.state(&world.mine).await;
        let replies = at_once(&world, (0..200).map(|_| verify(&client.token))).await;
        assert_eq!(passed(&replies), (0..n).collect::<Vec<_>>(), "every balance is told once");
        assert_rest_exceeded(&replies);
        let after = State {
            transfers: before.transfers + n,
            points: before.points - n,
            events: before.events + i64::from(n < 200),
            ..before
        };
        assert_eq!(world.state(&world.mine).await, after, "one event tells of all the refusals");
    }
}

async fn concurrent_costs_never_take_a_balance_below_zero_nor_leave_what_could_be_spent(world: Arc<World>) {
    let client = world.client(100).await;
    let costs = (0..120).map(|number| 1 + number % 7);
    let replies =
        at_once(&world, costs.map(|count| verify(&client.token).json(&json!({ "count": count })))).await;
    assert_rest_exceeded(&replies);
    // Calls of cost 1 were among those that came last in any order, so something is left only if nothing fits.
    let left = world.balance(&client.account).await;
    assert_eq!(passed(&replies).first(), Some(&left), "the smallest balance that was told is the last");
    let ones = at_once(&world, (0..=left).map(|_| verify(&client.token))).await;
    assert_eq!(passed(&ones).len(), usize::try_from(left).unwrap());
    assert_eq!(world.balance(&client.account).await, 0);
}

async fn idempotent(world: &World, points: i64) -> Client {
    world.client_with(&world.mine, json!({ "points": points, "idempotency": true }), json!({})).await
}

async fn the_same_idempotency_key_from_64_callers_is_charged_once(world: Arc<World>) {
    let client = idempotent(&world, 10).await;
    let before = world.state(&world.mine).await;
    let ask = verify(&client.token).header("idempotency-key", "k").json(&json!({ "count": 3 }));
    let replies = at_once(&world, std::iter::repeat_n(ask, 64)).await;
    for reply in &replies {
        assert_eq!(reply.expect(200), replies[0].json());
    }
    let after = State {
        transfers: before.transfers + 1,
        points: before.points - 3,
        replies: before.replies + 1,
        ..before
    };
    assert_eq!(world.state(&world.mine).await, after);
}

async fn one_of_two_counts_under_one_key_wins_and_the_other_is_a_conflict(world: Arc<World>) {
    let client = idempotent(&world, 10).await;
    let ask =
        |count: i64| verify(&client.token).header("idempotency-key", "k").json(&json!({ "count": count }));
    let replies = at_once(&world, (0..64).map(|number| ask(1 + number % 2))).await;
    let balances = passed(&replies);
    assert_eq!(balances.len(), 32);
    assert!(balances.iter().all(|balance| *balance == balances[0]), "{balances:?}");
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        reply.refused_as(409, "Idempotency Conflict");
    }
    assert_eq!(world.balance(&client.account).await, balances[0]);
}

async fn the_last_points_raced_by_a_top_up_are_neither_lost_nor_spent_twice(world: Arc<World>) {
    let key = world.management_key().await;
    for round in 0..5 {
        let client = world.client(1).await;
        let path = format!("/v1/accounts/{}/credits", client.account);
        let top_up = Ask::post(&path).bearer(&key).header("idempotency-key", format!("{round}"));
        let top_up = top_up.json(&json!({ "points": 5 }));
        let mut asks: Vec<Ask> = (0..40).map(|_| verify(&client.token)).collect();
        asks.insert(10 + round, top_up);
        let replies = at_once(&world, asks).await;
        let (topped, calls): (Vec<_>, Vec<_>) =
            replies.into_iter().partition(|reply| reply.json()["id"] != Value::Null);
        assert_eq!((topped.len(), topped[0].status), (1, 200));
        assert_rest_exceeded(&calls);
        let spent = i64::try_from(passed(&calls).len()).unwrap();
        assert!((1..=6).contains(&spent), "{spent}");
        assert_eq!(world.balance(&client.account).await, 6 - spent);
        let rest = at_once(&world, (0..10).map(|_| verify(&client.token))).await;
        assert_eq!(i64::try_from(passed(&rest).len()).unwrap(), 6 - spent, "what was topped up can be spent");
    }
}

async fn the_same_top_up_from_32_callers_is_booked_once(world: Arc<World>) {
    let (client, key) = (world.client(0).await, world.management_key().await);
    let ask = Ask::post(&format!("/v1/accounts/{}/credits", client.account)).bearer(&key);
    let ask = ask.header("idempotency-key", "k").json(&json!({ "points": 9, "reference": "r" }));
    let before = world.state(&world.mine).await;
    for reply in at_once(&world, std::iter::repeat_n(ask, 32)).await {
        assert_eq!(reply.expect(200)["balance"], 9);
    }
    let after = State {
        transfers: before.transfers + 1,
        points: before.points + 9,
        audits: before.audits + 1,
        replies: before.replies + 1,
        ..before
    };
    assert_eq!(world.state(&world.mine).await, after);
}

async fn rotation_under_load_loses_no_call(world: Arc<World>) {
    let (client, key) = (world.client(1000).await, world.management_key().await);
    let rotate = Ask::post(&format!("/v1/tokens/{}/rotate", client.token_id)).bearer(&key);
    let mut asks: Vec<Ask> = (0..150).map(|_| verify(&client.token)).collect();
    asks.insert(75, rotate);
    let (made, calls): (Vec<_>, Vec<_>) =
        at_once(&world, asks).await.into_iter().partition(|reply| reply.json()["token"] != Value::Null);
    assert_eq!((made.len(), made[0].status), (1, 201));
    assert_eq!(passed(&calls).len(), 150, "the old token goes on working");
    let next = made[0].json()["token"].as_str().unwrap().to_owned();
    let both = (0..100).map(|number| verify(if number % 2 == 0 { &next } else { &client.token }));
    assert_eq!(passed(&at_once(&world, both).await).len(), 100);
    assert_eq!(world.balance(&client.account).await, 750);
}

async fn two_nodes_share_one_balance_exactly(world: Arc<World>) {
    let client = world.client(77).await;
    let other = world.restarted(&world.secrets_file).await.public_site();
    let mut tasks = JoinSet::new();
    for number in 0..200 {
        let edge = if number % 2 == 0 { world.public().clone() } else { other.clone() };
        let ask = verify(&client.token);
        tasks.spawn(async move { ask.send(&edge).await });
    }
    let replies = tasks.join_all().await;
    assert_eq!(passed(&replies), (0..77).collect::<Vec<_>>());
    assert_rest_exceeded(&replies);
    assert_eq!(world.balance(&client.account).await, 0);
}

async fn bulk_calls_and_single_calls_on_two_nodes_share_one_balance_exactly(world: Arc<World>) {
    let key = world.management_key().await;
    let other = world.restarted(&world.secrets_file).await.public_site();
    for points in [0, 77, 150] {
        let client = world.client(points).await;
        let before = world.state(&world.mine).await;
        let mut tasks = JoinSet::new();
        for number in 0..60 {
            let edge = if number % 2 == 0 { world.public().clone() } else { other.clone() };
            let items = vec![json!({ "token": client.token }); 1 + number % 7];
            let ask = if number % 3 == 0 { bulk(&key, &items) } else { verify(&client.token) };
            tasks.spawn(async move { ask.send(&edge).await });
        }
        let mut balances: Vec<i64> = tasks.join_all().await.iter().flat_map(told).collect();
        balances.sort_unstable();
        assert_eq!(
            balances,
            (points - points.min(119)..points).collect::<Vec<_>>(),
            "each balance is told once"
        );
        let passed = points.min(119);
        let after = State {
            transfers: before.transfers + passed,
            points: before.points - passed,
            events: before.events + i64::from(points < 119),
            ..before
        };
        assert_eq!(world.state(&world.mine).await, after);
    }
}

/// The balances that a single or a bulk call was told.
fn told(reply: &Reply) -> Vec<i64> {
    let body = reply.json();
    let results = body["results"].as_array().cloned().unwrap_or_else(|| vec![body]);
    results.iter().filter_map(|result| result["balance"].as_i64()).collect()
}
