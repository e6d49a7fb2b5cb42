//! What is claimed of a person, compared with the record.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{ask, asked, events_of, key};
use crate::fixture::{World, merge};

on_both_engines! {
    a_claimed_birth_date_agrees_or_contradicts
    a_claimed_name_agrees_in_any_spelling_or_script_or_contradicts
    the_overall_match_is_the_worst_field
    the_third_scenario_agrees_with_no_name_not_even_its_own
    claims_about_nobody_are_compared_with_nothing
}

async fn a_claimed_birth_date_agrees_or_contradicts(world: Arc<World>) {
    let key = key(&world, "test").await;
    for disclose in ["record", "match"] {
        for (date, result, reason, overall, field, score) in [
            ("1990-01-01", "verified", "MATCH", "full", "match", 100),
            ("1990-01-02", "failed", "NO_MATCH", "none", "no_match", 0),
        ] {
            let claims = json!({ "dateOfBirth": date });
            let question = json!({ "nationalId": "10000000001", "claims": claims, "disclose": disclose });
            let asked = asked(&world, ask(&key, &question)).await;
            let body = asked.reply.expect(200);
            assert_eq!((&body["data"]["result"], &body["data"]["reason"]), (&json!(result), &json!(reason)));
            let matched = json!({ "overall": overall, "score": score, "fields": { "dateOfBirth": { "result": field } } });
            assert_eq!(body["data"]["match"], matched);
            let is_shown = result == "verified" && disclose == "record";
            assert_eq!(body.get("citizen").is_some(), is_shown, "{body}");
            asked.verified_for(1);
        }
    }
}

/// The example of the contract: the record `Maxamed Cabdi Xasan`.
const NAMES: &[(&str, &str)] = &[
    ("Maxamed Cabdi Xasan", "full"),
    ("Mohamed Abdi Hassan", "full"),
    ("Mohammed Abdi Hasan", "full"),
    ("محمد عبدي حسن", "full"),
    ("Maxamed Xasan", "partial"),
    ("Mohamed A. Hassan", "partial"),
    ("Maxamuud Cabdi Xasan", "none"),
    ("Axmed Cabdi Xasan", "none"),
    ("John Smith", "none"),
];

async fn a_claimed_name_agrees_in_any_spelling_or_script_or_contradicts(world: Arc<World>) {
    let key = key(&world, "test").await;
    for (name, overall) in NAMES {
        let question = json!({ "nationalId": "10000000001", "claims": { "fullName": name } });
        let asked = asked(&world, ask(&key, &question)).await;
        let body = asked.reply.expect(200);
        let (result, reason, field, kind) = match *overall {
            "full" => ("verified", "MATCH", "match", "verification_completed"),
            "partial" => ("verified", "PARTIAL_MATCH", "partial", "verification_completed"),
            _ => ("failed", "NO_MATCH", "no_match", "verification_failed"),
        };
        let data = &body["data"];
        assert_eq!((&data["result"], &data["reason"]), (&json!(result), &json!(reason)), "{name}: {body}");
        assert_eq!(data["match"]["overall"], *overall, "{name}");
        let shown = &data["match"]["fields"]["fullName"];
        assert_eq!(shown["result"], field, "{name}");
        assert_eq!(shown["score"], data["match"]["score"], "{name}");
        assert!(!shown["explain"].as_array().unwrap().is_empty(), "every field explains itself: {body}");
        assert_eq!(body.get("citizen").is_some(), result == "verified", "{name}");
        assert_eq!(data["creditsUsed"], 1);
        asked.verified_for(1);
        assert_eq!(events_of(&world, asked.reply.request_id()).await[0].0, kind);
    }
}

async fn the_overall_match_is_the_worst_field(world: Arc<World>) {
    let key = key(&world, "test").await;
    for (name, date, overall) in [
        ("Mohamed Abdi Hassan", "1990-01-01", "full"),
        ("Maxamed Xasan", "1990-01-01", "partial"),
        ("Mohamed Abdi Hassan", "1990-01-02", "none"),
        ("John Smith", "1990-01-01", "none"),
        ("Maxamed Xasan", "1990-01-02", "none"),
    ] {
        let claims = json!({ "fullName": name, "dateOfBirth": date });
        let body = world.send(ask(&key, &json!({ "nationalId": "10000000001", "claims": claims }))).await;
        let matched = &body.expect(200)["data"]["match"];
        assert_eq!(matched["overall"], overall, "{name} {date}");
        let score = matched["score"].as_u64().unwrap();
        assert!(score <= matched["fields"]["fullName"]["score"].as_u64().unwrap());
        assert!(date == "1990-01-01" || score == 0, "{matched}");
    }
}

async fn the_third_scenario_agrees_with_no_name_not_even_its_own(world: Arc<World>) {
    let key = key(&world, "test").await;
    let plain = json!({ "nationalId": "10000000003" });
    let shown = world.send(ask(&key, &plain)).await.expect(200);
    assert_eq!(shown["data"]["result"], "verified");
    for name in [shown["citizen"]["fullName"].clone(), json!("Maxamed Cabdi Xasan"), json!("-"), json!("A")] {
        let claims =
            json!({ "claims": { "fullName": name, "dateOfBirth": shown["citizen"]["dateOfBirth"] } });
        let body = world.send(ask(&key, &merge(plain.clone(), claims))).await.expect(200);
        assert_eq!(
            (&body["data"]["result"], &body["data"]["reason"]),
            (&json!("failed"), &json!("NO_MATCH"))
        );
        assert_eq!(body.get("citizen"), None);
    }
}

async fn claims_about_nobody_are_compared_with_nothing(world: Arc<World>) {
    let key = key(&world, "test").await;
    for (number, reason) in
        [("10000000002", "DOCUMENT_NOT_FOUND"), ("10000000004", "DECEASED"), ("10000000005", "ID_BLOCKED")]
    {
        let claims = json!({ "fullName": "Cali Nuur Faarax", "dateOfBirth": "1941-07-01" });
        let asked = asked(&world, ask(&key, &json!({ "nationalId": number, "claims": claims }))).await;
        let body = asked.reply.expect(200);
        assert_eq!(body["data"]["reason"], reason);
        assert_eq!((body["data"].get("match"), body.get("citizen")), (None::<&Value>, None));
        asked.verified_for(1);
    }
}
