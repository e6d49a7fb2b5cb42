//! Whatever bytes come as a body or query: no failure of ours, and no charge that was not asked for.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::Untouched;
use crate::fixture::{Ask, Client, World, verify, wait};

on_both_engines! {
    no_body_makes_a_500_and_only_a_readable_count_is_charged
    no_query_makes_a_500_or_an_unasked_charge
}

/// Noise, and noise that looks like what is meant.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let fragment = prop_oneof![
        Just("{"),
        Just("}"),
        Just("\"count\""),
        Just(":"),
        Just("1"),
        Just("-"),
        Just("0"),
        Just("."),
        Just("e9"),
        Just(","),
        Just("["),
        Just("]"),
        Just("null"),
        Just("\\"),
        Just("\\u0000"),
        Just("\""),
        Just(" "),
        Just("é"),
        Just("{\"count\":2}"),
        Just("99999999999999999999"),
    ];
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        prop::collection::vec(fragment, 0..12).prop_map(|parts| parts.concat().into_bytes()),
        ".{0,40}".prop_map(|text| format!("{{\"count\":{text}}}").into_bytes()),
        any::<i64>().prop_map(|count| format!("{{\"count\":{count}}}").into_bytes()),
        (1..=9_i64, ".{0,20}")
            .prop_map(|(count, key)| format!("{{\"count\":{count},{key:?}:1}}").into_bytes()),
    ]
}

fn config() -> Config {
    Config { cases: 150, failure_persistence: None, ..Config::default() }
}

async fn no_body_makes_a_500_and_only_a_readable_count_is_charged(world: Arc<World>) {
    const POINTS: i64 = 1_000_000_000;
    let client = world.client(POINTS).await;
    let left = std::cell::Cell::new(POINTS);
    let ran = TestRunner::new(config()).run(&bodies(), |body| {
        left.set(wait(ask(&world, &client, body, left.get())));
        Ok(())
    });
    ran.unwrap();
    assert!(left.get() < POINTS, "no body was readable: the generator is broken");
}

/// What is left after a body, once it was seen that the answer is true.
async fn ask(world: &World, client: &Client, body: Vec<u8>, left: i64) -> i64 {
    let meant = serde_json::from_slice::<serde_json::Value>(&body).ok();
    let is_empty = body.is_empty();
    let reply = world.send(verify(&client.token).body(body)).await;
    let now = world.balance(&client.account).await;
    if reply.status == 200 {
        let count =
            if is_empty { 1 } else { meant.unwrap().get("count").map_or(1, |count| count.as_i64().unwrap()) };
        assert_eq!((now, &reply.json()["balance"]), (left - count, &serde_json::json!(now)));
    } else {
        reply.refused_as(400, "Invalid Request");
        assert_eq!(now, left);
    }
    now
}

async fn no_query_makes_a_500_or_an_unasked_charge(world: Arc<World>) {
    let client = world.client(1000).await;
    let untouched = Untouched::of(&world, &client).await;
    let ran = TestRunner::new(config()).run(&"[!-~&&[^#<>\"`{}|^\\\\]]{0,40}", |query| {
        // A dry run that is asked for twice, or beside anything else, is never charged.
        let path = format!("/v1/verify?dry_run=true&{query}");
        let reply = wait(world.send(Ask::post(&path).bearer(&client.token)));
        assert!([200, 400].contains(&reply.status), "{path}: {reply:?}");
        Ok(())
    });
    ran.unwrap();
    untouched.assert("a dry run").await;
}
