//! The Idempotency-Key: one charge, one row, and the published words for everything else.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{PATH, ask, asked, events_of, key, listed};
use crate::fixture::{Ask, World, merge, text};

on_both_engines! {
    the_same_key_and_body_replay_the_original_answer_without_a_charge_or_a_row
    key_order_and_white_space_make_no_other_body
    the_same_key_with_another_body_is_a_conflict_in_the_published_words
    a_key_is_free_again_after_a_refusal_an_outage_and_a_day
    a_key_survives_the_rotation_of_the_api_key_and_belongs_to_tenant_and_environment
    a_replay_is_marked_though_the_original_was_repeated_itself
}

fn named(key: &str, question: &Value, name: &str) -> Ask {
    ask(key, question).header("idempotency-key", name)
}

async fn the_same_key_and_body_replay_the_original_answer_without_a_charge_or_a_row(world: Arc<World>) {
    let key = key(&world, "test").await;
    let claims = json!({ "fullName": "Mohamed Abdi Hassan" });
    let question = json!({ "nationalId": "10000000001", "purpose": "loan", "claims": claims });
    let first = asked(&world, named(&key, &question, "verify-2026-06-02-001")).await;
    let original = first.reply.expect(200);
    first.verified_for(1);
    assert_eq!(first.after.replies, first.before.replies + 1);
    for _ in 0..3 {
        world.clock.advance_seconds(3600);
        let replay = asked(&world, named(&key, &question, "verify-2026-06-02-001")).await;
        let mut expected = original.clone();
        expected["cached"] = json!(true);
        expected["creditDeducted"] = json!(false);
        expected["data"]["creditsUsed"] = json!(0);
        assert_eq!(replay.reply.expect(200), expected);
        assert_eq!(replay.reply.header("idempotent-replay"), Some("true"));
        assert_ne!(replay.reply.request_id(), first.reply.request_id());
        assert!(events_of(&world, replay.reply.request_id()).await.is_empty());
        replay.changed_nothing();
    }
}

async fn key_order_and_white_space_make_no_other_body(world: Arc<World>) {
    let key = key(&world, "test").await;
    for (position, body) in [
        r#"{"nationalId":"10000000001","purpose":"loan"}"#,
        r#"{ "purpose" : "loan" , "nationalId" : "10000000001" }"#,
        "{\n\t\"purpose\":\"l\\u006fan\",\"nationalId\":\"10000000001\"}",
    ]
    .into_iter()
    .enumerate()
    {
        let reply =
            world.send(Ask::post(PATH).bearer(&key).header("idempotency-key", "the same").body(body)).await;
        reply.expect(200);
        assert_eq!(reply.header("idempotent-replay").is_some(), position > 0, "{body}");
    }
}

async fn the_same_key_with_another_body_is_a_conflict_in_the_published_words(world: Arc<World>) {
    let key = key(&world, "test").await;
    let question = json!({ "nationalId": "10000000001" });
    world.send(named(&key, &question, "one for each body")).await.expect(200);
    for more in [
        json!({ "nationalId": "10000000002" }),
        json!({ "purpose": "loan" }),
        json!({ "maxAgeSeconds": 0 }),
        json!({ "unknown": 1 }),
    ] {
        let other = merge(question.clone(), more);
        let asked = asked(&world, named(&key, &other, "one for each body")).await;
        let message = "Idempotency-Key was already used with a different request payload";
        asked.refused(409, "CONFLICT", message);
        asked.changed_nothing();
    }
}

async fn a_key_is_free_again_after_a_refusal_an_outage_and_a_day(world: Arc<World>) {
    let key = key(&world, "test").await;
    let name = "free again";
    assert_eq!(world.send(named(&key, &json!({ "nationalId": "1" }), name)).await.status, 400);
    assert_eq!(world.send(named(&key, &json!({ "nationalId": "10000000000" }), name)).await.status, 402);
    assert_eq!(world.send(named(&key, &json!({ "nationalId": "10000000007" }), name)).await.status, 503);
    let question = json!({ "nationalId": "10000000009", "maxAgeSeconds": 0 });
    assert_eq!(world.send(named(&key, &question, name)).await.status, 503);
    let first = asked(&world, named(&key, &question, name)).await;
    assert_eq!(first.reply.expect(200)["cached"], false);
    first.verified_for(1);
    world.clock.advance_seconds(86_400);
    assert_eq!(world.send(named(&key, &question, name)).await.status, 503, "a new day of the ninth scenario");
    let next = world.send(named(&key, &question, name)).await;
    assert_eq!((next.expect(200)["cached"].clone(), next.header("idempotent-replay")), (json!(false), None));
}

async fn a_key_survives_the_rotation_of_the_api_key_and_belongs_to_tenant_and_environment(world: Arc<World>) {
    let made = world.key(&world.mine, json!({ "service": "citizen" })).await;
    let question = json!({ "nationalId": "10000000001" });
    let original = world.send(named(&made.secret, &question, "survives")).await.expect(200);
    let path = format!("/operator/v1/keys/{}/rotate", made.id);
    let rotated =
        world.operate("POST", &path, json!({ "tenantId": world.mine, "environment": "test" })).await;
    let replay = world.send(named(&text(&rotated, "secret"), &question, "survives")).await;
    assert_eq!(replay.expect(200)["data"]["id"], original["data"]["id"]);
    assert_eq!(replay.header("idempotent-replay"), Some("true"));
    let others = world.key(&world.other, json!({ "service": "citizen" })).await.secret;
    let theirs = world.send(named(&others, &question, "survives")).await;
    assert_eq!(
        (theirs.expect(200)["cached"].clone(), theirs.header("idempotent-replay")),
        (json!(false), None)
    );
    let live = key(&world, "live").await;
    assert_eq!(world.send(named(&live, &question, "survives")).await.status, 503);
}

async fn a_replay_is_marked_though_the_original_was_repeated_itself(world: Arc<World>) {
    let key = key(&world, "test").await;
    let question = json!({ "nationalId": "10000000001" });
    world.send(ask(&key, &question)).await.expect(200);
    let repeated = world.send(named(&key, &question, "repeated")).await;
    assert_eq!(
        (repeated.expect(200)["cached"].clone(), repeated.header("idempotent-replay")),
        (json!(true), None)
    );
    let replay = world.send(named(&key, &question, "repeated")).await;
    assert_eq!(replay.expect(200), repeated.json());
    assert_eq!(replay.header("idempotent-replay"), Some("true"));
    assert_eq!(listed(&world, &key, "").await["pagination"]["total"], 2);
}
