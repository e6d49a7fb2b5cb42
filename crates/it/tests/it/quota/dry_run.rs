//! A dry run answers exactly as the real call would, and takes nothing.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::{BANNED, EXCEEDED};
use crate::fixture::{Ask, Client, Reply, World, verify, wait};

on_both_engines! {
    dry_run_is_read_from_the_query_in_every_published_form
    a_dry_run_takes_no_idempotency_key
    a_dry_run_under_a_used_key_answers_as_the_call_under_it_would
    any_story_is_answered_as_a_simple_model_says_and_every_dry_run_as_its_call
}

async fn dry_run_is_read_from_the_query_in_every_published_form(world: Arc<World>) {
    let client = world.client(10).await;
    let ask = |query: &str| Ask::post(&format!("/v1/verify?{query}")).bearer(&client.token);
    let before = world.state(&world.mine).await;
    let dry = [
        "dry_run=true",
        "dry_run=TRUE",
        "dry_run=True",
        "dry_run=1",
        "a=b&dry_run=true",
        "dry_run=true&",
        "dry%5Frun=true",
        "dry_run=%74rue",
    ];
    for query in dry {
        assert_eq!(world.send(ask(query)).await.expect(200)["balance"], 10, "{query}");
        assert_eq!(world.state(&world.mine).await, before, "{query}");
    }
    for (query, left) in
        ["", "dry_run=false", "dry_run=FALSE", "dry_run=0", "x=dry_run"].into_iter().zip((5..10).rev())
    {
        assert_eq!(world.send(ask(query)).await.expect(200)["balance"], left, "{query}");
    }
}

async fn a_dry_run_takes_no_idempotency_key(world: Arc<World>) {
    let client =
        world.client_with(&world.mine, json!({ "points": 10, "idempotency": true }), json!({})).await;
    let before = world.state(&world.mine).await;
    let dry = Ask::post("/v1/verify?dry_run=1").bearer(&client.token).header("idempotency-key", "k");
    world.send(dry.json(&json!({ "count": 7 }))).await.expect(200);
    assert_eq!(world.state(&world.mine).await, before);
    let real = verify(&client.token).header("idempotency-key", "k").json(&json!({ "count": 2 }));
    assert_eq!(world.send(real).await.expect(200)["balance"], 8);
}

async fn a_dry_run_under_a_used_key_answers_as_the_call_under_it_would(world: Arc<World>) {
    let client = world.client_with(&world.mine, json!({ "points": 4, "idempotency": true }), json!({})).await;
    let ask = |query: &str, count: i64| call(&client, count, query).header("idempotency-key", "k");
    world.send(ask("", 3)).await.expect(200);
    world.send(verify(&client.token)).await.expect(200);
    let before = world.state(&world.mine).await;
    for count in [3, 1, 4] {
        let dry = world.send(ask("?dry_run=true", count)).await;
        assert_eq!(world.state(&world.mine).await, before);
        // The key's own count passes even on an empty account; any other is a conflict.
        assert_as_its_call(&dry, &world.send(ask("", count)).await, 0);
        assert_eq!(dry.status, if count == 3 { 200 } else { 409 });
    }
    world.clock.advance_seconds(24 * 3600);
    let dry = world.send(ask("?dry_run=true", 1)).await;
    assert_as_its_call(&dry, &world.send(ask("", 1)).await, 0);
    dry.refused(403, "Quota Exceeded or Banned", EXCEEDED);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Call(i64),
    TopUp(i64),
    Ban(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1..=6_i64).prop_map(Step::Call),
        1 => Just(Step::Call(1_000_000)),
        2 => (1..=9_i64).prop_map(Step::TopUp),
        1 => any::<bool>().prop_map(Step::Ban),
    ];
    prop::collection::vec(step, 1..8)
}

async fn any_story_is_answered_as_a_simple_model_says_and_every_dry_run_as_its_call(world: Arc<World>) {
    let config = Config { cases: 24, failure_persistence: None, ..Config::default() };
    let key = world.management_key().await;
    let story = (0..20_i64, 1..4_i64, steps());
    let told = TestRunner::new(config).run(&story, |(points, per_call, steps)| {
        wait(tell(&world, &key, points, per_call, &steps));
        Ok(())
    });
    told.unwrap();
}

async fn tell(world: &World, key: &str, points: i64, per_call: i64, steps: &[Step]) {
    let token = json!({ "pointsPerCall": per_call });
    let client = world.client_with(&world.mine, json!({ "points": points }), token).await;
    let (mut balance, mut banned) = (points, false);
    for (number, step) in steps.iter().enumerate() {
        match *step {
            Step::Call(count) => {
                let dry = world.send(call(&client, count, "?dry_run=true")).await;
                let real = world.send(call(&client, count, "")).await;
                let cost = count * per_call;
                assert_as_its_call(&dry, &real, balance);
                if banned {
                    real.refused(403, "Quota Exceeded or Banned", BANNED);
                } else if balance < cost {
                    real.refused(403, "Quota Exceeded or Banned", EXCEEDED);
                } else {
                    balance -= cost;
                    assert_eq!(real.expect(200)["balance"], balance);
                }
            }
            Step::TopUp(more) => {
                let ask = Ask::post(&format!("/v1/accounts/{}/credits", client.account)).bearer(key);
                let ask = ask.header("idempotency-key", format!("{} {number}", client.account));
                balance += more;
                let shown = world.send(ask.json(&json!({ "points": more }))).await.expect(200);
                assert_eq!(shown["balance"], balance);
            }
            Step::Ban(wanted) => {
                let ask = Ask::new("PATCH", &format!("/v1/accounts/{}", client.account)).bearer(key);
                world.send(ask.json(&json!({ "banned": wanted }))).await.expect(200);
                banned = wanted;
            }
        }
        assert_eq!(world.balance(&client.account).await, balance);
    }
}

fn call(client: &Client, count: i64, query: &str) -> Ask {
    Ask::post(&format!("/v1/verify{query}")).bearer(&client.token).json(&json!({ "count": count }))
}

/// The same answer; where it passes, the dry run tells what is left now.
#[track_caller]
fn assert_as_its_call(dry: &Reply, real: &Reply, balance: i64) {
    let mut expected = real.essence();
    if real.status == 200 {
        expected.1["balance"] = Value::from(balance);
    }
    assert_eq!(dry.essence(), expected);
}
