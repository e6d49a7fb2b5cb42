//! What a tenant bought is given again for free, to that tenant alone.

use std::sync::Arc;

use base::Environment;
use serde_json::{Value, json};

use super::{ask, asked, events_of, key, leave_credits, listed};
use crate::fixture::{World, merge};

on_both_engines! {
    a_repeated_question_is_free_and_makes_a_row_and_an_event_of_its_own
    an_answer_grows_too_old_by_its_purchase_and_not_by_its_last_use
    another_question_about_the_same_person_is_bought_anew
    a_negative_result_is_kept_and_an_outage_is_not
    a_purchase_never_serves_another_tenant_or_environment
    a_repeated_answer_is_given_on_an_empty_wallet_too
}

fn essence(body: &Value) -> Value {
    json!([body["data"]["result"], body["data"]["reason"], body["data"]["match"], body["citizen"]])
}

async fn a_repeated_question_is_free_and_makes_a_row_and_an_event_of_its_own(world: Arc<World>) {
    let key = key(&world, "test").await;
    let claims = json!({ "fullName": "Mohamed Abdi Hassan", "dateOfBirth": "1990-01-01" });
    let question = json!({ "nationalId": "10000000001", "claims": claims, "purpose": "first" });
    let bought = world.send(ask(&key, &question)).await.expect(200);
    world.clock.advance_seconds(1);
    let again = merge(question, json!({ "purpose": "second", "reference": "r" }));
    let asked = asked(&world, ask(&key, &again)).await;
    let body = asked.reply.expect(200);
    assert_eq!((&body["cached"], &body["creditDeducted"]), (&json!(true), &json!(false)));
    assert_eq!((&body["data"]["creditsUsed"], &body["data"]["purpose"]), (&json!(0), &json!("second")));
    assert_eq!(essence(&body), essence(&bought));
    assert_ne!(body["data"]["id"], bought["data"]["id"]);
    assert_eq!(asked.reply.header("idempotent-replay"), None);
    asked.verified_for(0);
    let events = events_of(&world, asked.reply.request_id()).await;
    assert_eq!(events[0].1["verificationId"], body["data"]["id"]);
    let row = &listed(&world, &key, "?limit=1").await["data"][0];
    assert_eq!(
        (&row["id"], &row["cached"], &row["creditsUsed"]),
        (&body["data"]["id"], &json!(true), &json!(0))
    );
}

async fn an_answer_grows_too_old_by_its_purchase_and_not_by_its_last_use(world: Arc<World>) {
    let key = key(&world, "test").await;
    let question = json!({ "nationalId": "10000000001" });
    let is_cached = async |more: Value| {
        world.send(ask(&key, &merge(question.clone(), more))).await.expect(200)["cached"] == true
    };
    assert!(!is_cached(json!({})).await);
    world.clock.advance_seconds(86_399);
    assert!(is_cached(json!({})).await, "a day unless said");
    assert!(!is_cached(json!({ "maxAgeSeconds": 3600 })).await, "which buys it anew");
    world.clock.advance_seconds(1);
    assert!(is_cached(json!({ "maxAgeSeconds": 3600 })).await);
    assert!(!is_cached(json!({ "maxAgeSeconds": 0 })).await);
    world.clock.advance_seconds(31_535_999);
    assert!(is_cached(json!({ "maxAgeSeconds": 31_536_000 })).await);
    assert!(!is_cached(json!({})).await);
}

async fn another_question_about_the_same_person_is_bought_anew(world: Arc<World>) {
    let key = key(&world, "test").await;
    let name = |name: &str| json!({ "claims": { "fullName": name } });
    let date = json!({ "claims": { "dateOfBirth": "1990-01-01" } });
    for more in [
        json!({}),
        json!({ "disclose": "match" }),
        name("Mohamed Abdi Hassan"),
        name("Mohamed Abdi Hasan"),
        date.clone(),
        merge(date, json!({ "disclose": "match" })),
        json!({ "nationalId": "10000000011" }),
    ] {
        let question = merge(json!({ "nationalId": "10000000001" }), more);
        for is_cached in [false, true] {
            let asked = asked(&world, ask(&key, &question)).await;
            assert_eq!(asked.reply.expect(200)["cached"], is_cached, "{question}");
            asked.verified_for(i64::from(!is_cached));
        }
    }
}

async fn a_negative_result_is_kept_and_an_outage_is_not(world: Arc<World>) {
    let key = key(&world, "test").await;
    for number in ["10000000002", "10000000004", "10000000005"] {
        let question = json!({ "nationalId": number });
        let bought = world.send(ask(&key, &question)).await.expect(200);
        let again = world.send(ask(&key, &question)).await.expect(200);
        assert_eq!((&bought["cached"], &again["cached"]), (&json!(false), &json!(true)), "{number}");
        assert_eq!(essence(&again), essence(&bought));
    }
    let question = json!({ "nationalId": "10000000009" });
    assert_eq!(world.send(ask(&key, &question)).await.status, 503);
    let asked = asked(&world, ask(&key, &question)).await;
    assert_eq!(asked.reply.expect(200)["cached"], false);
    asked.verified_for(1);
}

async fn a_purchase_never_serves_another_tenant_or_environment(world: Arc<World>) {
    let (test, live) = (key(&world, "test").await, key(&world, "live").await);
    let others = world.key(&world.other, json!({ "service": "citizen" })).await.secret;
    let question = json!({ "nationalId": "10000000001" });
    world.send(ask(&test, &question)).await.expect(200);
    let theirs = world.send(ask(&others, &question)).await.expect(200);
    assert_eq!((&theirs["cached"], &theirs["creditDeducted"]), (&json!(false), &json!(true)));
    assert_eq!(world.send(ask(&live, &question)).await.status, 503, "there is no registry to ask");
}

async fn a_repeated_answer_is_given_on_an_empty_wallet_too(world: Arc<World>) {
    let key = key(&world, "test").await;
    let question = json!({ "nationalId": "10000000001" });
    let named = |question: &Value| ask(&key, question).header("idempotency-key", "on an empty wallet");
    world.send(named(&question)).await.expect(200);
    leave_credits(&world, Environment::Test, 0).await;
    let asked = asked(&world, ask(&key, &question)).await;
    assert_eq!(asked.reply.expect(200)["cached"], true);
    asked.verified_for(0);
    let replay = world.send(named(&question)).await;
    assert_eq!((replay.status, replay.header("idempotent-replay")), (200, Some("true")));
    let fresh = merge(question, json!({ "maxAgeSeconds": 0 }));
    assert_eq!(world.send(ask(&key, &fresh)).await.status, 402);
}
