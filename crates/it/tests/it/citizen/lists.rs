//! `GET /api/v1/verifications` and what else is read.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{ask, key, listed};
use crate::fixture::{Ask, World, text};

on_both_engines! {
    a_page_has_the_published_shape
    pages_go_from_new_to_old_without_gap_or_repetition
    every_filter_lets_through_what_it_names_and_counts_it
    a_parameter_out_of_range_is_refused_by_its_name
    a_read_ignores_a_body_and_an_idempotency_key_and_changes_nothing
    one_verification_is_shown_without_the_record
    the_scenarios_are_those_of_the_table
    the_registry_of_the_sandbox_is_online
}

async fn a_page_has_the_published_shape(world: Arc<World>) {
    let key = key(&world, "test").await;
    let empty = json!({
        "message": "Verifications retrieved successfully", "data": [],
        "pagination": { "page": 1, "limit": 20, "total": 0 },
    });
    assert_eq!(listed(&world, &key, "").await, empty);
    let question =
        json!({ "nationalId": "10000000001", "purpose": "pre_employment", "reference": "emp-4471" });
    let made = world.send(ask(&key, &question)).await.expect(200);
    let page = json!({
        "message": "Verifications retrieved successfully",
        "data": [{
            "id": made["data"]["id"], "result": "verified", "purpose": "pre_employment", "channel": "api",
            "createdAt": "2026-05-28T20:26:40.000Z", "reference": "emp-4471", "cached": false, "creditsUsed": 1,
            "nationalIdMasked": "*******0001",
        }],
        "pagination": { "page": 1, "limit": 20, "total": 1 },
    });
    assert_eq!(listed(&world, &key, "").await, page);
}

/// So many verifications, each of another second; every third one at the moment of the one before.
async fn fill(world: &World, key: &str, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        if number % 3 != 2 {
            world.clock.advance_seconds(1);
        }
        let question = json!({
            "nationalId": if number % 2 == 0 { "10000000001" } else { "10000000002" },
            "purpose": format!("purpose {}", number % 5), "reference": format!("reference {}", number % 4),
            "maxAgeSeconds": 0,
        });
        let made = world.send(ask(key, &question)).await.expect(200);
        ids.push(text(&made["data"], "id"));
    }
    ids
}

fn ids(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(|item| text(item, "id")).collect()
}

async fn pages_go_from_new_to_old_without_gap_or_repetition(world: Arc<World>) {
    let key = key(&world, "test").await;
    let mut made = fill(&world, &key, 23).await;
    let all = listed(&world, &key, "?limit=100").await;
    let mut sorted = all["data"].as_array().unwrap().clone();
    sorted.sort_by_key(|item| std::cmp::Reverse((text(item, "createdAt"), text(item, "id"))));
    assert_eq!(all["data"], json!(sorted), "newest first, ties by id");
    let until = "2100-01-01T00:00:00Z";
    let mut walked = Vec::new();
    for page in 1..=4 {
        let page = listed(&world, &key, &format!("?limit=10&page={page}&to={until}")).await;
        assert_eq!((&page["pagination"]["total"], &page["pagination"]["limit"]), (&json!(23), &json!(10)));
        walked.push(ids(&page));
    }
    assert_eq!(walked.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 3, 0]);
    assert_eq!(walked.concat(), ids(&all));
    let mut walked = walked.concat();
    walked.sort();
    made.sort();
    assert_eq!(walked, made);
}

async fn every_filter_lets_through_what_it_names_and_counts_it(world: Arc<World>) {
    let key = key(&world, "test").await;
    let made = fill(&world, &key, 20).await;
    let all = listed(&world, &key, "?limit=100").await;
    let all = all["data"].as_array().unwrap();
    for (query, lets_through) in [
        ("result=verified", &(|item: &Value| item["result"] == "verified") as &dyn Fn(&Value) -> bool),
        ("result=not_found", &|item| item["result"] == "not_found"),
        ("result=failed", &|_| false),
        ("result=provider_error", &|_| false),
        ("purpose=purpose%203", &|item| item["purpose"] == "purpose 3"),
        ("purpose=purpose", &|_| false),
        ("channel=api", &|_| true),
        ("channel=portal", &|_| false),
        ("reference=reference+2", &|item| item["reference"] == "reference 2"),
        ("reference=reference", &|_| false),
        ("reference=reference%202&result=verified", &|item| {
            item["reference"] == "reference 2" && item["result"] == "verified"
        }),
        ("from=2026-05-28T20:26:45Z", &|item| text(item, "createdAt").as_str() >= "2026-05-28T20:26:45.000Z"),
        ("to=2026-05-28T20:26:45Z", &|item| text(item, "createdAt").as_str() < "2026-05-28T20:26:45.000Z"),
        ("from=2026-05-28T20:26:45Z&to=2026-05-28T20:26:45Z", &|_| false),
        ("from=2026-05-28T23:26:45%2B03:00&to=2026-05-28T20:26:46Z", &|item| {
            item["createdAt"] == "2026-05-28T20:26:45.000Z"
        }),
        ("unknown=1&result=verified", &|item| item["result"] == "verified"),
    ] {
        let wanted: Vec<String> =
            all.iter().filter(|item| lets_through(item)).map(|item| text(item, "id")).collect();
        let page = listed(&world, &key, &format!("?limit=100&{query}")).await;
        assert_eq!(ids(&page), wanted, "{query}");
        assert_eq!(page["pagination"]["total"], wanted.len(), "{query}");
        assert!(wanted.len() < made.len() || query == "channel=api", "{query} filters nothing");
    }
}

async fn a_parameter_out_of_range_is_refused_by_its_name(world: Arc<World>) {
    let key = key(&world, "test").await;
    let before = world.state(&world.mine).await;
    let page = "page must be between 1 and 1000000000";
    let limit = "limit must be between 1 and 100";
    let result = "result must be verified, failed, not_found or provider_error";
    let (long, longer) = ("p".repeat(256), "r".repeat(129));
    for (query, field, message) in [
        ("page=0", "page", page),
        ("page=-1", "page", page),
        ("page=+1", "page", page),
        ("page=1.0", "page", page),
        ("page=", "page", page),
        ("page=one", "page", page),
        ("page=1000000001", "page", page),
        ("page=99999999999999999999", "page", page),
        ("page=1&page=1", "page", "page must be given once"),
        ("limit=0", "limit", limit),
        ("limit=101", "limit", limit),
        ("limit=x", "limit", limit),
        ("limit=%00", "limit", limit),
        ("limit=20&limit=21", "limit", "limit must be given once"),
        ("result=", "result", result),
        ("result=VERIFIED", "result", result),
        ("result=unknown", "result", result),
        ("channel=", "channel", "channel must be api or portal"),
        ("channel=web", "channel", "channel must be api or portal"),
        ("purpose=", "purpose", "purpose must have 1 to 255 characters"),
        (&format!("purpose={long}"), "purpose", "purpose must have 1 to 255 characters"),
        ("purpose=a%00b", "purpose", "purpose must have 1 to 255 characters"),
        ("reference=", "reference", "reference must have 1 to 128 characters"),
        (&format!("reference={longer}"), "reference", "reference must have 1 to 128 characters"),
        ("from=yesterday", "from", "from must be an RFC 3339 time like 2026-06-01T00:00:00Z"),
        ("from=2026-06-01", "from", "from must be an RFC 3339 time like 2026-06-01T00:00:00Z"),
        ("to=1780000000", "to", "to must be an RFC 3339 time like 2026-06-01T00:00:00Z"),
        ("from=2026-06-02T00:00:00Z&to=2026-06-01T00:00:00Z", "from", "from must not be after to"),
    ] {
        let reply = world.send(Ask::get(&format!("/api/v1/verifications?{query}")).bearer(&key)).await;
        let body = json!({
            "status": "failed", "code": "BAD_REQUEST", "message": "Validation failed",
            "errors": [{ "field": field, "message": message }],
        });
        assert_eq!(reply.essence(), (400, body), "{query}");
    }
    let reply =
        world.send(Ask::get("/api/v1/verifications?page=0&limit=0&result=x&from=x&to=x").bearer(&key)).await;
    let named: Vec<String> =
        reply.expect(400)["errors"].as_array().unwrap().iter().map(|error| text(error, "field")).collect();
    assert_eq!(named, ["page", "limit", "result", "from", "to"], "all of them at once");
    assert_eq!(world.state(&world.mine).await, before);
}

async fn a_read_ignores_a_body_and_an_idempotency_key_and_changes_nothing(world: Arc<World>) {
    let key = key(&world, "test").await;
    world.send(ask(&key, &json!({ "nationalId": "10000000001" }))).await.expect(200);
    let before = world.state(&world.mine).await;
    for body in ["{\"nationalId\":\"12345678901\"}", "not JSON", ""] {
        for header in ["verify-2026-06-02-001", "short", ""] {
            let asked = Ask::get("/api/v1/verifications").bearer(&key).header("idempotency-key", header);
            let page = world.send(asked.body(body)).await.expect(200);
            assert_eq!(page["pagination"]["total"], 1);
        }
    }
    assert_eq!(world.state(&world.mine).await, before);
}

async fn one_verification_is_shown_without_the_record(world: Arc<World>) {
    let key = key(&world, "test").await;
    let made = world.send(ask(&key, &json!({ "nationalId": "10000000001" }))).await.expect(200);
    let id = text(&made["data"], "id");
    let shown = json!({
        "message": "Verification retrieved successfully",
        "data": {
            "id": id, "result": "verified", "purpose": null, "channel": "api",
            "createdAt": "2026-05-28T20:26:40.000Z", "reference": null, "cached": false, "creditsUsed": 1,
            "nationalIdMasked": "*******0001", "reason": "MATCH", "environment": "test",
        },
    });
    for path in [id.clone(), id.to_uppercase()] {
        let reply = world.send(Ask::get(&format!("/api/v1/verifications/{path}")).bearer(&key)).await;
        assert_eq!(reply.expect(200), shown);
    }
}

async fn the_scenarios_are_those_of_the_table(world: Arc<World>) {
    let key = key(&world, "test").await;
    let listed = world.send(Ask::get("/api/v1/sandbox/scenarios").bearer(&key)).await.expect(200);
    let listed = listed["data"].as_array().unwrap();
    let table = services::citizen::sandbox::SCENARIOS;
    assert_eq!(listed.len(), table.len());
    for (listed, scenario) in listed.iter().zip(table) {
        let expected = json!({
            "nationalId": scenario.national_id, "result": scenario.result, "description": scenario.description,
        });
        assert_eq!(*listed, expected);
    }
}

async fn the_registry_of_the_sandbox_is_online(world: Arc<World>) {
    let key = key(&world, "test").await;
    let status = world.send(Ask::get("/api/v1/registry/status").bearer(&key)).await.expect(200);
    let expected = json!({
        "message": "OK",
        "data": {
            "status": "online", "circuit": "closed", "lastHourSuccessRate": 100.0,
            "lastCheckedAt": "2026-05-28T20:26:40.000Z",
        },
    });
    assert_eq!(status, expected);
}
