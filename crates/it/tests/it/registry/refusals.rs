//! Steps that are wrong or out of step: each is told why, and nothing is done.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{IMPORTS, citizens};
use crate::fixture::{Ask, Reply, World};

alone_on_both_engines! {
    a_step_out_of_its_turn_is_refused_and_told_what_is_next
    a_second_import_waits_for_the_first_unless_that_is_idle
    a_broken_call_is_refused_without_effect
    an_empty_import_replaces_nothing
}

#[track_caller]
fn refused(reply: &Reply, status: u16, code: &str, part: &str) {
    let body = reply.expect(status);
    assert_eq!(body["code"], code, "{body}");
    assert!(body["detail"].as_str().unwrap().contains(part), "{part:?} is not in {body}");
}

async fn step(world: &World, import: i64, path: &str, body: Value) -> Reply {
    world.operator_ask(Ask::post(&format!("{IMPORTS}/{import}{path}")).json(&body)).await
}

async fn a_step_out_of_its_turn_is_refused_and_told_what_is_next(world: Arc<World>) {
    let import = world.begin_import("live").await;
    let merge = |bucket: i64| json!({ "bucket": bucket });
    refused(&world.send_rows(import, 1, "").await, 409, "conflict", "waits for part 0");
    refused(&step(&world, import, "/merge", merge(1)).await, 409, "conflict", "waits for part 0");
    refused(&step(&world, import, "/finish", json!({})).await, 409, "conflict", "waits for part 0");
    world.send_rows(import, 0, &citizens(0..10, "A")).await.expect(200);
    refused(&world.send_rows(import, 2, "").await, 409, "conflict", "waits for part 1");
    world.merge_import(import).await;
    refused(&world.send_rows(import, 1, "").await, 409, "conflict", "waits for to be finished");
    refused(&step(&world, import, "/merge", merge(7)).await, 409, "conflict", "to be finished");
    world.finish_import(import).await;
    refused(&world.send_rows(import, 1, "").await, 409, "conflict", "finished");
    refused(&step(&world, import, "/merge", merge(0)).await, 409, "conflict", "finished");
    let abort = Ask::new("DELETE", &format!("{IMPORTS}/{import}"));
    refused(&world.operator_ask(abort).await, 409, "conflict", "is the active registry");
    let other = world.begin_import("live").await;
    world.operate("DELETE", &format!("{IMPORTS}/{other}"), Value::Null).await;
    refused(&world.send_rows(other, 0, "").await, 409, "conflict", "given up");
    refused(&step(&world, other, "/finish", json!({})).await, 409, "conflict", "given up");
}

async fn a_second_import_waits_for_the_first_unless_that_is_idle(world: Arc<World>) {
    let first = world.begin_import("live").await;
    let begin = || world.operator_ask(Ask::post(IMPORTS).json(&json!({ "environment": "live" })));
    refused(&begin().await, 409, "conflict", &format!("attestry registry abort {first}"));
    world.begin_import("test").await;
    world.clock.advance_seconds(200);
    world.send_rows(first, 0, &citizens(0..10, "A")).await.expect(200);
    world.clock.advance_seconds(200);
    refused(&begin().await, 409, "conflict", "is under way");
    world.clock.advance_seconds(101);
    let second = begin().await.expect(201)["import"].as_i64().unwrap();
    assert!(second > first);
    refused(&world.send_rows(first, 1, "").await, 409, "conflict", "given up");
}

async fn a_broken_call_is_refused_without_effect(world: Arc<World>) {
    let import = world.begin_import("live").await;
    let before = world.registry_rows().await;
    let rows = format!("{IMPORTS}/{import}/rows");
    for (ask, status, code, part) in [
        (Ask::post(IMPORTS), 400, "invalid_request", "environment: is required"),
        (Ask::post(IMPORTS).json(&json!({ "environment": "prod" })), 400, "invalid_request", "test or live"),
        (Ask::post(&rows), 400, "invalid_request", "the number of the part"),
        (Ask::post(&format!("{rows}?part=x")), 400, "invalid_request", "the number of the part"),
        (Ask::post(&format!("{rows}?part=-1")), 400, "invalid_request", "the number of the part"),
        (Ask::post(&format!("{rows}?part=0")).json(&json!({})), 415, "unsupported_media_type", "text/csv"),
        (
            Ask::post(&format!("{rows}?part=0")).body("national_id,full_name\n"),
            400,
            "malformed_request",
            "line number",
        ),
        (
            Ask::post(&format!("{rows}?part=0")).body(vec![b'1'; 2 * 1024 * 1024 + 1]),
            413,
            "body_too_large",
            "2097152",
        ),
        (Ask::post(&format!("{IMPORTS}/{import}/merge")), 400, "invalid_request", "bucket: is required"),
        (
            Ask::post(&format!("{IMPORTS}/{import}/merge")).json(&json!({ "bucket": 256 })),
            400,
            "invalid_request",
            "between 0 and 255",
        ),
        (
            Ask::post(&format!("{IMPORTS}/999/merge")).json(&json!({ "bucket": 0 })),
            404,
            "not_found",
            "no such import",
        ),
        (
            Ask::post(&format!("{IMPORTS}/999/rows?part=0")).body(citizens(0..1, "A")),
            404,
            "not_found",
            "no such import",
        ),
        (Ask::post(&format!("{IMPORTS}/x/finish")), 404, "not_found", "no such import"),
        (Ask::new("DELETE", &format!("{IMPORTS}/999")), 404, "not_found", "no such import"),
    ] {
        refused(&world.operator_ask(ask).await, status, code, part);
    }
    assert_eq!(world.registry_rows().await, before);
}

async fn an_empty_import_replaces_nothing(world: Arc<World>) {
    world.import("live", &citizens(0..10, "Old")).await;
    let empty = world.begin_import("live").await;
    world.send_rows(empty, 0, "1,0,wrong,,\n").await.expect(200);
    world.merge_import(empty).await;
    refused(&step(&world, empty, "/finish", json!({})).await, 409, "conflict", "nobody exists");
    assert!(world.find(&super::number_of(1)).await.is_some());
}
