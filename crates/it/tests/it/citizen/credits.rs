//! The wallet: empty, low, priced, and what the tenant's webhooks hear of it.

use std::sync::Arc;

use base::Environment;
use serde_json::{Value, json};
use services::citizen::{Citizen, Outside, Settings};

use super::{ask, asked, audits_of, business_id, events_of, key, leave_credits, listed};
use crate::fixture::World;

on_both_engines! {
    an_empty_wallet_is_a_402_that_is_told_and_leaves_no_verification
    the_scenario_of_an_empty_wallet_is_told_the_same
    a_wallet_that_falls_below_its_threshold_is_told_once
    an_operator_may_give_unknown_numbers_away
    a_missing_purpose_is_refused_where_the_tenant_asks_for_one
}

async fn an_empty_wallet_is_a_402_that_is_told_and_leaves_no_verification(world: Arc<World>) {
    let key = key(&world, "test").await;
    leave_credits(&world, Environment::Test, 1).await;
    world.send(ask(&key, &json!({ "nationalId": "10000000001" }))).await.expect(200);
    for number in ["10000000002", "12345678901", "77777777777"] {
        let named = ask(&key, &json!({ "nationalId": number })).header("idempotency-key", "an empty wallet");
        let asked = asked(&world, named).await;
        let body = asked.reply.expect(402);
        assert_eq!((&body["status"], &body["code"]), (&json!("failed"), &json!("INSUFFICIENT_CREDITS")));
        assert!(!body["message"].as_str().unwrap().is_empty());
        assert_told(&world, asked.reply.request_id()).await;
        let (before, after) = (&asked.before, &asked.after);
        assert_eq!((after.verifications, after.replies), (before.verifications, before.replies));
        assert_eq!(
            (after.credits, after.transfers, after.holds),
            (before.credits, before.transfers, before.holds)
        );
    }
    let outage = world.send(ask(&key, &json!({ "nationalId": "10000000007" }))).await;
    assert_eq!(outage.status, 503, "what is free needs no credits");
}

/// One event of an empty wallet, in the published form.
async fn assert_told(world: &World, request_id: &str) {
    let event = json!({
        "event": "credits_exhausted", "businessId": business_id(world), "balance": 0, "threshold": null,
        "timestamp": "2026-05-28T20:26:40.000Z",
    });
    assert_eq!(events_of(world, request_id).await, [("credits_exhausted".to_owned(), event)]);
}

async fn the_scenario_of_an_empty_wallet_is_told_the_same(world: Arc<World>) {
    let key = key(&world, "test").await;
    let asked = asked(&world, ask(&key, &json!({ "nationalId": "10000000000" }))).await;
    let message = "The wallet cannot pay for this verification. Top it up and try again.";
    asked.refused(402, "INSUFFICIENT_CREDITS", message);
    assert_told(&world, asked.reply.request_id()).await;
    let (before, after) = (&asked.before, &asked.after);
    assert_eq!((after.verifications, after.credits), (before.verifications, before.credits));
    assert_eq!(after.transfers, before.transfers);
    let audits = audits_of(&world, asked.reply.request_id()).await;
    assert_eq!(audits, [("citizen.verification.create".to_owned(), "recorded".to_owned(), None)]);
}

async fn a_wallet_that_falls_below_its_threshold_is_told_once(world: Arc<World>) {
    let key = key(&world, "test").await;
    let settings = json!({ "wallet.credits_low_threshold": 2 });
    let body = json!({ "tenantId": world.mine, "environment": "test", "settings": settings });
    world.operate("PATCH", "/operator/v1/settings", body).await;
    leave_credits(&world, Environment::Test, 4).await;
    for (left, is_told) in [(3, false), (2, false), (1, true), (0, false)] {
        let question = json!({ "nationalId": "10000000001", "maxAgeSeconds": 0 });
        let reply = world.send(ask(&key, &question)).await;
        reply.expect(200);
        let events = events_of(&world, reply.request_id()).await;
        let low: Vec<&Value> =
            events.iter().filter(|(kind, _)| kind == "credits_low").map(|(_, body)| body).collect();
        assert_eq!(low.len(), usize::from(is_told), "{left} left");
        if is_told {
            let expected = json!({
                "event": "credits_low", "businessId": business_id(&world), "balance": 1, "threshold": 2,
                "timestamp": "2026-05-28T20:26:40.000Z",
            });
            assert_eq!(low, [&expected]);
        }
    }
}

async fn an_operator_may_give_unknown_numbers_away(world: Arc<World>) {
    let key = key(&world, "test").await;
    let mut app = world.app.clone();
    let settings = Settings { charges_not_found: false };
    app.citizen = Citizen::new(&app.kernel, settings, Outside::default());
    let edge = app.public_site();
    for (number, credits) in [("10000000002", 0), ("10000000001", 1), ("10000000004", 1)] {
        let before = world.state(&world.mine).await;
        let body = ask(&key, &json!({ "nationalId": number })).send(&edge).await.expect(200);
        assert_eq!(
            (&body["data"]["creditsUsed"], &body["creditDeducted"]),
            (&json!(credits), &json!(credits == 1))
        );
        assert_eq!((&body["cached"], &body["data"]["channel"]), (&json!(false), &json!("api")));
        let after = world.state(&world.mine).await;
        assert_eq!(
            (after.credits, after.verifications),
            (before.credits - credits, before.verifications + 1)
        );
        world.clock.advance_seconds(1);
        assert_eq!(listed(&world, &key, "?limit=1").await["data"][0]["creditsUsed"], credits);
    }
}

async fn a_missing_purpose_is_refused_where_the_tenant_asks_for_one(world: Arc<World>) {
    let key = key(&world, "test").await;
    let set = async |value: Value| {
        let settings = json!({ "citizen.purpose_required": value });
        let body = json!({ "tenantId": world.mine, "environment": "test", "settings": settings });
        world.operate("PATCH", "/operator/v1/settings", body).await;
    };
    set(json!(true)).await;
    for purpose in [json!({}), json!({ "purpose": "" }), json!({ "purpose": " \t" })] {
        let question = crate::fixture::merge(json!({ "nationalId": "10000000001" }), purpose);
        let asked = asked(&world, ask(&key, &question)).await;
        let body = json!({
            "status": "failed", "code": "BAD_REQUEST", "message": "Validation failed",
            "errors": [{
                "field": "purpose",
                "message": "purpose is required: this business asks for one with every verification",
            }],
        });
        assert_eq!(asked.reply.essence(), (400, body));
        asked.changed_nothing();
    }
    world.send(ask(&key, &json!({ "nationalId": "10000000001", "purpose": "loan" }))).await.expect(200);
    set(Value::Null).await;
    world.send(ask(&key, &json!({ "nationalId": "10000000001" }))).await.expect(200);
}
