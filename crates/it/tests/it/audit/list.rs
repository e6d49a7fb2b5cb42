//! A tenant's own rows.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{make_rows, seal_all};
use crate::fixture::{Ask, World, text};

alone_on_both_engines! {
    a_row_has_its_number_and_place_once_it_is_sealed
    a_tenant_sees_the_rows_of_its_environment_and_no_others
    every_row_is_on_one_page_and_the_filters_narrow_them
    a_wrong_parameter_is_named
}

const AUDIT: &str = "/platform/v1/audit";

async fn reader(world: &World, environment: &str) -> String {
    let body = json!({ "service": "platform", "scopes": ["audit:read"], "environment": environment });
    world.key(&world.mine, body).await.secret
}

async fn rows(world: &World, key: &str, query: &str) -> Vec<Value> {
    let page = world.send(Ask::get(&format!("{AUDIT}?limit=100&{query}")).bearer(key)).await.expect(200);
    assert_eq!(page["next_cursor"], Value::Null);
    page["data"].as_array().unwrap().clone()
}

async fn a_row_has_its_number_and_place_once_it_is_sealed(world: Arc<World>) {
    let key = reader(&world, "test").await;
    make_rows(&world, 2).await;
    let before = rows(&world, &key, "").await;
    assert_eq!(before.len(), 3, "the reader's key is the first");
    for row in &before {
        assert_eq!((&row["number"], &row["log_index"]), (&Value::Null, &Value::Null));
    }
    seal_all(&world).await;
    let after = rows(&world, &key, "").await;
    let numbers: Vec<_> = after.iter().map(|row| row["number"].as_i64().unwrap()).collect();
    assert_eq!(numbers, [3, 2, 1]);
    let row = &after[0];
    assert!(row["log_index"].as_i64().unwrap() > 0 && row["erased"] == false, "{row}");
    assert_eq!(
        (text(row, "actor_type"), text(row, "action")),
        ("operator".into(), "platform.key.create".into())
    );
    assert_eq!((text(row, "actor"), text(row, "outcome")), ("operator".into(), "done".into()));
    assert!(text(row, "target").starts_with("key_") && text(row, "request_id").starts_with("req_"));
}

async fn a_tenant_sees_the_rows_of_its_environment_and_no_others(world: Arc<World>) {
    let (test, live) = (reader(&world, "test").await, reader(&world, "live").await);
    world.key(&world.other, json!({ "service": "citizen" })).await;
    let state = world.state(&world.other).await;
    let of_test = rows(&world, &test, "").await;
    assert_eq!(of_test.len(), 1);
    // The tenant itself was made in live.
    let mut of_live: Vec<String> =
        rows(&world, &live, "").await.iter().map(|row| text(row, "action")).collect();
    of_live.sort();
    assert_eq!(of_live, ["platform.key.create", "platform.tenant.create"]);
    assert_eq!(world.state(&world.other).await, state);
}

async fn every_row_is_on_one_page_and_the_filters_narrow_them(world: Arc<World>) {
    let key = reader(&world, "test").await;
    make_rows(&world, 4).await;
    world.clock.advance_seconds(60);
    let late = world.key(&world.mine, json!({ "service": "quota" })).await;
    let all = rows(&world, &key, "").await;
    let (mut walked, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world.send(Ask::get(&format!("{AUDIT}?limit=2{cursor}")).bearer(&key)).await.expect(200);
        walked.extend(page["data"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(walked, all);
    assert_eq!(rows(&world, &key, &format!("target={}", late.id)).await, all[..1]);
    assert_eq!(rows(&world, &key, "from=2026-05-28T20:27:00Z").await, all[..1]);
    assert_eq!(rows(&world, &key, "to=2026-05-28T20:27:00Z").await, all[1..]);
    assert_eq!(rows(&world, &key, "actor=operator&action=platform.key.create").await, all);
    assert_eq!(rows(&world, &key, "actor=nobody").await, Vec::<Value>::new());
    assert_eq!(rows(&world, &key, "action=platform.key").await, Vec::<Value>::new(), "whole names");
}

async fn a_wrong_parameter_is_named(world: Arc<World>) {
    let key = reader(&world, "test").await;
    make_rows(&world, 2).await;
    let page = world.send(Ask::get(&format!("{AUDIT}?limit=1")).bearer(&key)).await.expect(200);
    let cursor = text(&page, "next_cursor");
    let long = "a".repeat(201);
    for (query, parameter) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("cursor=00", "cursor"),
        ("from=yesterday", "from"),
        ("to=1", "to"),
        ("from=2026-06-02T00:00:00Z&to=2026-06-01T00:00:00Z", "to"),
        ("action=", "action"),
        (&format!("actor={long}"), "actor"),
        (&format!("target={long}"), "target"),
        // A cursor is good for its own filters only.
        (&format!("limit=1&action=a&cursor={cursor}"), "cursor"),
    ] {
        let reply = world.send(Ask::get(&format!("{AUDIT}?{query}")).bearer(&key)).await;
        let body = reply.expect(400);
        assert_eq!(body["errors"][0]["parameter"], parameter, "{query}: {body}");
    }
    for after in ["", "-1", "+1", "x", "1.0", "9999999999999999"] {
        let reply = world.send(Ask::get(&format!("{AUDIT}/export?after={after}")).bearer(&key)).await;
        assert_eq!(reply.expect(400)["errors"][0]["parameter"], "after", "{after}");
    }
}
