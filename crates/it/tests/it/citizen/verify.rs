//! `POST /api/v1/verify/citizen`: every verdict, its price and what it causes.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{ask, asked, audits_of, business_id, events_of, id_of, key, listed};
use crate::fixture::{World, merge};

on_both_engines! {
    the_published_example_is_answered_field_by_field
    every_scenario_of_the_sandbox_has_its_verdict_price_event_and_row
    a_number_outside_the_table_is_a_citizen_who_stays_the_same
    an_outage_is_stored_and_told_and_never_charged
    the_ninth_scenario_fails_once_a_day_for_each_tenant
    disclosing_a_match_alone_never_shows_the_citizen
    a_live_key_without_a_registry_meets_an_outage
    test_and_live_wallets_and_verifications_never_meet
}

async fn the_published_example_is_answered_field_by_field(world: Arc<World>) {
    let key = key(&world, "test").await;
    let question =
        json!({ "nationalId": "12345678901", "purpose": "pre_employment", "reference": "emp-4471" });
    let asked = asked(&world, ask(&key, &question)).await;
    let body = asked.reply.expect(200);
    let expected = json!({
        "message": "Verification completed", "cached": false, "creditDeducted": true,
        "data": {
            "id": body["data"]["id"], "result": "verified", "purpose": "pre_employment", "channel": "api",
            "creditsUsed": 1, "reason": "MATCH", "environment": "test",
            "createdAt": "2026-05-28T20:26:40.000Z", "reference": "emp-4471",
        },
        "citizen": { "fullName": "Example Citizen", "dateOfBirth": "1990-01-01" },
    });
    assert_eq!(body, expected);
    let published =
        r#"{"message":"Verification completed","cached":false,"creditDeducted":true,"data":{"id":""#;
    assert!(
        asked.reply.body.starts_with(published.as_bytes()),
        "the published order of fields: {:?}",
        asked.reply
    );
    assert_eq!(asked.reply.header("idempotent-replay"), None);
    asked.verified_for(1);
    let id = id_of(&asked.reply);
    assert_eq!(id.len(), 36, "{id}");
    let event = json!({
        "event": "verification_completed", "businessId": business_id(&world), "verificationId": id,
        "result": "verified", "purpose": "pre_employment", "channel": "api",
        "timestamp": "2026-05-28T20:26:40.000Z",
    });
    let request_id = asked.reply.request_id();
    assert_eq!(events_of(&world, request_id).await, [("verification_completed".to_owned(), event)]);
    let audit =
        ("citizen.verification.create".to_owned(), "done".to_owned(), Some("pre_employment".to_owned()));
    assert_eq!(audits_of(&world, request_id).await, [audit]);
    let audits = world.audits_of(&id).await;
    assert_eq!(audits, [("key".to_owned(), "citizen.verification.create".to_owned())]);
}

async fn every_scenario_of_the_sandbox_has_its_verdict_price_event_and_row(world: Arc<World>) {
    let key = key(&world, "test").await;
    let citizen = |name: &str, born: &str| json!({ "fullName": name, "dateOfBirth": born });
    for (number, result, reason, shown) in [
        ("12345678901", "verified", "MATCH", citizen("Example Citizen", "1990-01-01")),
        ("10000000001", "verified", "MATCH", citizen("Maxamed Cabdi Xasan", "1990-01-01")),
        ("10000000002", "not_found", "DOCUMENT_NOT_FOUND", Value::Null),
        ("10000000003", "verified", "MATCH", citizen("Faadumo Jaamac Rooble", "1990-01-01")),
        ("10000000004", "failed", "DECEASED", Value::Null),
        ("10000000005", "failed", "ID_BLOCKED", Value::Null),
        ("10000000006", "verified", "MATCH", citizen("Hodan Cabdi Xasan", "2016-01-01")),
    ] {
        let asked = asked(&world, ask(&key, &json!({ "nationalId": number }))).await;
        let body = asked.reply.expect(200);
        assert_eq!(
            (&body["data"]["result"], &body["data"]["reason"]),
            (&json!(result), &json!(reason)),
            "{number}"
        );
        assert_eq!(body.get("citizen").cloned().unwrap_or_default(), shown, "{number}");
        assert_eq!(
            (&body["creditDeducted"], &body["data"]["creditsUsed"]),
            (&json!(true), &json!(1)),
            "{number}"
        );
        asked.verified_for(1);
        let kind = if result == "verified" { "verification_completed" } else { "verification_failed" };
        let events = events_of(&world, asked.reply.request_id()).await;
        assert_eq!((events.len(), events[0].0.as_str(), &events[0].1["result"]), (1, kind, &json!(result)));
        let row = &listed(&world, &key, "?limit=1").await["data"][0];
        assert_eq!(row["id"], body["data"]["id"]);
        assert_eq!((&row["result"], &row["creditsUsed"]), (&json!(result), &json!(1)));
        assert_eq!(row["nationalIdMasked"], format!("*******{}", &number[7..]));
        world.clock.advance_seconds(1);
    }
}

async fn a_number_outside_the_table_is_a_citizen_who_stays_the_same(world: Arc<World>) {
    let key = key(&world, "test").await;
    let question = json!({ "nationalId": "55555555555", "maxAgeSeconds": 0 });
    let first = world.send(ask(&key, &question)).await.expect(200);
    assert_eq!(first["data"]["result"], "verified");
    assert!(first["citizen"]["fullName"].as_str().unwrap().split(' ').count() == 3, "{first}");
    let again = world.send(ask(&key, &question)).await.expect(200);
    assert_eq!(again["citizen"], first["citizen"]);
    assert_ne!(again["data"]["id"], first["data"]["id"]);
}

async fn an_outage_is_stored_and_told_and_never_charged(world: Arc<World>) {
    let key = key(&world, "test").await;
    let question = json!({ "nationalId": "10000000007", "purpose": "loan" });
    for _ in 0..2 {
        let asked = asked(&world, ask(&key, &question).header("idempotency-key", "an outage")).await;
        let message = "The registry cannot be reached just now. Nothing was charged. Please try again.";
        asked.refused(503, "SERVICE_UNAVAILABLE", message);
        assert_eq!(asked.reply.header("retry-after"), Some("5"));
        asked.verified_for(0);
        assert_eq!(asked.after.replies, asked.before.replies, "the key is free again");
        let events = events_of(&world, asked.reply.request_id()).await;
        assert_eq!(events[0].0, "verification_failed");
        assert_eq!(
            (&events[0].1["result"], &events[0].1["purpose"]),
            (&json!("provider_error"), &json!("loan"))
        );
        let audit =
            ("citizen.verification.create".to_owned(), "recorded".to_owned(), Some("loan".to_owned()));
        assert_eq!(audits_of(&world, asked.reply.request_id()).await, [audit]);
        let row = &listed(&world, &key, "?limit=1").await["data"][0];
        assert_eq!((&row["result"], &row["creditsUsed"]), (&json!("provider_error"), &json!(0)));
        assert_eq!(row["id"], events[0].1["verificationId"]);
        world.clock.advance_seconds(1);
    }
}

async fn the_ninth_scenario_fails_once_a_day_for_each_tenant(world: Arc<World>) {
    let key = key(&world, "test").await;
    let body = json!({ "service": "citizen" });
    let others = world.key(&world.other, body).await.secret;
    let question = json!({ "nationalId": "10000000009", "maxAgeSeconds": 0 });
    for _ in 0..2 {
        assert_eq!(world.send(ask(&key, &question)).await.status, 503);
        assert_eq!(world.send(ask(&others, &question)).await.status, 503, "each tenant has its own outage");
        for _ in 0..2 {
            let body = world.send(ask(&key, &question)).await.expect(200);
            assert_eq!(body["citizen"]["fullName"], "Maxamed Cabdi Xasan");
        }
        world.send(ask(&others, &question)).await.expect(200);
        world.clock.advance_seconds(86_400);
    }
}

async fn disclosing_a_match_alone_never_shows_the_citizen(world: Arc<World>) {
    let key = key(&world, "test").await;
    for number in ["12345678901", "10000000002", "10000000004", "66666666666"] {
        let body = json!({ "nationalId": number, "disclose": "match", "maxAgeSeconds": 0 });
        let hidden = world.send(ask(&key, &body)).await.expect(200);
        assert_eq!(hidden.get("citizen"), None, "{hidden}");
        let shown = merge(body, json!({ "disclose": "record" }));
        let shown = world.send(ask(&key, &shown)).await.expect(200);
        assert_eq!(shown["data"]["reason"], hidden["data"]["reason"]);
    }
}

async fn a_live_key_without_a_registry_meets_an_outage(world: Arc<World>) {
    let key = key(&world, "live").await;
    let asked = asked(&world, ask(&key, &json!({ "nationalId": "10000000001" }))).await;
    let message = "The registry cannot be reached just now. Nothing was charged. Please try again.";
    asked.refused(503, "SERVICE_UNAVAILABLE", message);
    asked.verified_for(0);
}

async fn test_and_live_wallets_and_verifications_never_meet(world: Arc<World>) {
    let (test, live) = (key(&world, "test").await, key(&world, "live").await);
    world.send(ask(&test, &json!({ "nationalId": "10000000001" }))).await.expect(200);
    assert_eq!(world.send(ask(&live, &json!({ "nationalId": "10000000001" }))).await.status, 503);
    let (test, live) = (listed(&world, &test, "").await, listed(&world, &live, "").await);
    assert_eq!((&test["pagination"]["total"], &live["pagination"]["total"]), (&json!(1), &json!(1)));
    assert_eq!(test["data"][0]["result"], "verified");
    assert_eq!(live["data"][0]["result"], "provider_error");
}
