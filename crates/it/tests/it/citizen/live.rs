//! Live keys and the imported registry. The registry is one for all tenants of a database.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{ask, asked, grant, key, listed};
use crate::fixture::{World, merge};

alone_on_both_engines! {
    an_imported_record_answers_live_keys_for_a_live_credit
    claims_are_compared_with_the_imported_record
    test_keys_never_reach_the_registry
    a_purchase_outlives_the_registry_that_it_came_from
}

const ROWS: &str = "1,40000000001,Xaliimo Warsame Jaamac,1985-03-12,active\n\
    2,40000000002,Cali Nuur Faarax,1941-07-01,deceased\n\
    3,40000000003,Aasha Barre Geedi,1979-11-30,blocked\n";

async fn an_imported_record_answers_live_keys_for_a_live_credit(world: Arc<World>) {
    world.import("live", ROWS).await;
    let key = key(&world, "live").await;
    assert_eq!(world.send(ask(&key, &json!({ "nationalId": "40000000001" }))).await.status, 402);
    grant(&world, 10).await;
    for (number, result, reason, citizen) in [
        (
            "40000000001",
            "verified",
            "MATCH",
            json!({ "fullName": "Xaliimo Warsame Jaamac", "dateOfBirth": "1985-03-12" }),
        ),
        ("40000000002", "failed", "DECEASED", Value::Null),
        ("40000000003", "failed", "ID_BLOCKED", Value::Null),
        ("40000000004", "not_found", "DOCUMENT_NOT_FOUND", Value::Null),
        ("10000000001", "not_found", "DOCUMENT_NOT_FOUND", Value::Null),
    ] {
        let asked = asked(&world, ask(&key, &json!({ "nationalId": number }))).await;
        let body = asked.reply.expect(200);
        assert_eq!(
            (&body["data"]["result"], &body["data"]["reason"]),
            (&json!(result), &json!(reason)),
            "{number}"
        );
        assert_eq!(body["data"]["environment"], "live");
        assert_eq!(body.get("citizen").cloned().unwrap_or_default(), citizen);
        asked.verified_for(1);
    }
    assert_eq!(listed(&world, &key, "").await["pagination"]["total"], 5, "and none for the empty wallet");
}

async fn claims_are_compared_with_the_imported_record(world: Arc<World>) {
    world.import("live", ROWS).await;
    let key = key(&world, "live").await;
    grant(&world, 10).await;
    for (name, date, reason) in [
        ("Halima Warsame Jama", "1985-03-12", "MATCH"),
        ("Xaliimo Jaamac", "1985-03-12", "PARTIAL_MATCH"),
        ("Faadumo Warsame Jaamac", "1985-03-12", "NO_MATCH"),
        ("Halima Warsame Jama", "1985-12-03", "NO_MATCH"),
    ] {
        let claims = json!({ "fullName": name, "dateOfBirth": date });
        let question = json!({ "nationalId": "40000000001", "claims": claims, "disclose": "match" });
        let body = world.send(ask(&key, &question)).await.expect(200);
        assert_eq!(
            (&body["data"]["reason"], body.get("citizen")),
            (&json!(reason), None),
            "{name} {date}: {body}"
        );
    }
}

async fn test_keys_never_reach_the_registry(world: Arc<World>) {
    world.import("live", ROWS).await;
    let key = key(&world, "test").await;
    for number in ["40000000001", "40000000002", "40000000003"] {
        let body = world.send(ask(&key, &json!({ "nationalId": number }))).await.expect(200);
        assert_eq!(body["data"]["reason"], "MATCH");
        assert!(!ROWS.contains(body["citizen"]["fullName"].as_str().unwrap()), "{body}");
    }
}

async fn a_purchase_outlives_the_registry_that_it_came_from(world: Arc<World>) {
    world.import("live", ROWS).await;
    let key = key(&world, "live").await;
    grant(&world, 10).await;
    let question = json!({ "nationalId": "40000000001" });
    let bought = world.send(ask(&key, &question)).await.expect(200);
    world.import("live", "1,40000000001,Xaliimo Warsame Jaamac,1985-03-12,deceased\n").await;
    let repeated = world.send(ask(&key, &question)).await.expect(200);
    assert_eq!((&repeated["cached"], &repeated["citizen"]), (&json!(true), &bought["citizen"]));
    let fresh = world.send(ask(&key, &merge(question, json!({ "maxAgeSeconds": 0 })))).await.expect(200);
    assert_eq!(fresh["data"]["reason"], "DECEASED");
}
