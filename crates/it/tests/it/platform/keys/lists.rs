//! Lists of keys: page by page, each key once.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{KEYS, delete, post};
use crate::fixture::{Ask, World, text};
use crate::platform::platform_key;

on_both_engines! {
    every_key_is_listed_once_whatever_the_size_of_a_page
    a_list_shows_what_was_asked_for
    a_cursor_of_another_list_is_refused
    a_wrong_parameter_is_named
}

async fn page(world: &World, key: &str, query: &str) -> (Vec<String>, Option<String>) {
    let page = world.send(Ask::get(&format!("{KEYS}?{query}")).bearer(key)).await.expect(200);
    let ids = page["data"].as_array().unwrap().iter().map(|row| text(row, "id")).collect();
    assert!(page["data"].as_array().unwrap().iter().all(|row| row.get("secret").is_none()), "{page}");
    (ids, page["next_cursor"].as_str().map(str::to_owned))
}

async fn a_walk(world: &World, key: &str, query: &str) -> Vec<String> {
    let (mut all, mut cursor) = page(world, key, query).await;
    while let Some(next) = cursor {
        let (ids, after) = page(world, key, &format!("{query}&cursor={next}")).await;
        all.extend(ids);
        cursor = after;
    }
    all
}

async fn every_key_is_listed_once_whatever_the_size_of_a_page(world: Arc<World>) {
    let key = platform_key(&world, json!({})).await;
    for number in 0..5 {
        world.send(post(&key, &json!({ "service": "codes", "label": number.to_string() }))).await.expect(201);
        world.clock.advance_seconds(1);
    }
    let all = a_walk(&world, &key, "").await;
    assert_eq!(all.len(), 6);
    for limit in [1, 2, 5, 6, 7, 100] {
        assert_eq!(a_walk(&world, &key, &format!("limit={limit}")).await, all, "by {limit}");
    }
    // What is made during the walk is on a later page and hides nothing.
    let (first, cursor) = page(&world, &key, "limit=3").await;
    let made = text(&world.send(post(&key, &json!({ "service": "codes" }))).await.expect(201), "id");
    let (rest, _) = page(&world, &key, &format!("cursor={}", cursor.unwrap())).await;
    assert_eq!([first, rest].concat(), [all, vec![made]].concat());
}

async fn a_list_shows_what_was_asked_for(world: Arc<World>) {
    let own = world.key(&world.mine, json!({ "service": "platform" })).await;
    let live = world.key(&world.mine, json!({ "service": "quota", "environment": "live" })).await;
    let other = world.key(&world.other, json!({ "service": "quota" })).await;
    world.clock.advance_seconds(1);
    let quota = text(&world.send(post(&own.secret, &json!({ "service": "quota" }))).await.expect(201), "id");
    world.clock.advance_seconds(1);
    let codes = text(&world.send(post(&own.secret, &json!({ "service": "codes" }))).await.expect(201), "id");
    world.send(delete(&own.secret, &codes)).await.expect(200);
    for (query, expected) in [
        ("", vec![&own.id, &quota]),
        ("include_revoked=false", vec![&own.id, &quota]),
        ("include_revoked=true", vec![&own.id, &quota, &codes]),
        ("service=quota", vec![&quota]),
        ("service=codes", vec![]),
        ("service=codes&include_revoked=true", vec![&codes]),
        ("service=partner", vec![]),
    ] {
        let (ids, cursor) = page(&world, &own.secret, query).await;
        assert_eq!((ids.iter().collect::<Vec<_>>(), cursor), (expected, None), "{query}");
        assert!(!ids.contains(&live.id) && !ids.contains(&other.id));
    }
}

async fn a_cursor_of_another_list_is_refused(world: Arc<World>) {
    let key = platform_key(&world, json!({})).await;
    let live = platform_key(&world, json!({ "environment": "live" })).await;
    let stranger = world.key(&world.other, json!({ "service": "platform" })).await.secret;
    world.send(post(&key, &json!({ "service": "codes" }))).await.expect(201);
    let (_, cursor) = page(&world, &key, "limit=1").await;
    let cursor = cursor.unwrap();
    let said = "is not of this list: send the next_cursor of a page of the same list, with the same filters and key \
        environment, or leave it out to begin anew";
    for (key, query) in [
        (&stranger, format!("cursor={cursor}")),
        (&live, format!("cursor={cursor}")),
        (&key, format!("cursor={cursor}&service=codes")),
        (&key, format!("cursor={cursor}&include_revoked=true")),
        (&key, format!("cursor={cursor}0")),
        (&key, format!("cursor={}", &cursor[1..])),
        (&key, "cursor=".to_owned()),
        (&key, "cursor=key_01kdvdna00e008m2jtjb6jqfym".to_owned()),
    ] {
        let reply = world.send(Ask::get(&format!("{KEYS}?{query}")).bearer(key)).await;
        reply.problem(400, "invalid_request", &[("cursor", said)]);
    }
    page(&world, &key, &format!("limit=2&cursor={cursor}")).await;
}

async fn a_wrong_parameter_is_named(world: Arc<World>) {
    let key = platform_key(&world, json!({})).await;
    let limit = "must be a whole number from 1 to 100";
    let services = "must be one of citizen, identity, codes, partner, quota, platform";
    for (query, wrong) in [
        ("limit=0", vec![("limit", limit)]),
        ("limit=101", vec![("limit", limit)]),
        ("limit=", vec![("limit", limit)]),
        ("limit=x", vec![("limit", limit)]),
        ("limit=1.5", vec![("limit", limit)]),
        ("service=", vec![("service", services)]),
        ("service=%FF", vec![("service", services)]),
        ("service=Quota", vec![("service", services)]),
        ("include_revoked=1", vec![("include_revoked", "must be true or false")]),
        (
            "service=x&include_revoked=",
            vec![("service", services), ("include_revoked", "must be true or false")],
        ),
    ] {
        let reply = world.send(Ask::get(&format!("{KEYS}?{query}")).bearer(&key)).await;
        reply.problem(400, "invalid_request", &wrong);
    }
    let twice = world.send(Ask::get(&format!("{KEYS}?limit=1&limit=2")).bearer(&key)).await;
    twice.problem(400, "malformed_request", &[]);
    let ignored = world.send(Ask::get(&format!("{KEYS}?colour=red")).bearer(&key)).await.expect(200);
    assert_eq!(ignored["next_cursor"], Value::Null);
}
