//! What an import takes, what it rejects, and that it goes on where it was broken off.

use std::sync::Arc;

use serde_json::{Value, json};
use services::citizen::registry::{Found, RecordStatus};

use super::{IMPORTS, Rows, citizens, number_of, record};
use crate::fixture::{Ask, World};

alone_on_both_engines! {
    the_status_is_online_once_there_is_a_live_registry
    a_record_is_found_by_its_number_and_nobody_else_is
    a_wrong_line_is_rejected_with_its_number_and_reason_and_never_quoted
    a_number_that_stands_twice_is_taken_from_its_first_line
    a_step_that_is_repeated_answers_as_it_did_and_does_nothing
    an_import_goes_on_after_a_restart
    a_rehearsal_is_read_by_nobody
    many_records_are_merged_step_by_step
}

async fn a_record_is_found_by_its_number_and_nobody_else_is(world: Arc<World>) {
    assert_eq!(world.find("12345678901").await, None, "nothing was imported: that is an outage");
    let before = (world.state(&world.mine).await, world.registry_rows().await);
    let import = world
        .import(
            "live",
            "2,12345678901,Maxamed Cabdi Xasan,1990-01-31,active\n\
             3, 12345678902 ,\"محمد عبدي, حسن\",1930-12-01,Deceased\n\
             4,12345678903,Sahra,2000-02-29,BLOCKED\n",
        )
        .await;
    for (number, expected) in [
        ("12345678901", record("Maxamed Cabdi Xasan", "1990-01-31", RecordStatus::Active)),
        ("12345678902", record("محمد عبدي, حسن", "1930-12-01", RecordStatus::Deceased)),
        ("12345678903", record("Sahra", "2000-02-29", RecordStatus::Blocked)),
        ("12345678904", Some(Found::Unknown)),
        ("", Some(Found::Unknown)),
    ] {
        assert_eq!(world.find(number).await, expected, "{number}");
    }
    // Begun and finished are in the audit log of the installation; no tenant hears of it.
    let after = (world.state(&world.mine).await, world.registry_rows().await);
    assert_eq!(after.0, before.0);
    assert_eq!(after.1, Rows { records: 3, staged: 0, audits: before.1.audits + 2 });
    let audit = world.operate("GET", "/operator/v1/audit", Value::Null).await;
    let finished =
        audit["data"].as_array().unwrap().iter().find(|row| row["action"] == "citizen.registry.finish");
    let finished = finished.unwrap();
    assert_eq!(finished["target"], format!("registry live import {import}"));
    assert_eq!(finished["note"], "3 records, 0 lines rejected");
}

async fn a_wrong_line_is_rejected_with_its_number_and_reason_and_never_quoted(world: Arc<World>) {
    let import = world.begin_import("live").await;
    let long = "x".repeat(201);
    let rows = [
        "2,1234567890,A,1990-01-01,active",
        "3,123456789012,A,1990-01-01,active",
        "4,1234567890a,A,1990-01-01,active",
        "5,12345678901,,1990-01-01,active",
        &format!("6,12345678901,{long},1990-01-01,active"),
        "7,12345678901,A\u{7}B,1990-01-01,active",
        "8,12345678901,A,1990-02-30,active",
        "9,12345678901,A,01.02.1990,active",
        "10,12345678901,A,2999-01-01,active",
        "11,12345678901,A,1990-01-01,alive",
        "12,12345678901,A,1990-01-01,",
        "13,12345678901,A,1990-01-01",
        "14,12345678901,A,1990-01-01,active,more",
        "15,12345678901,Right,1990-01-01,active",
    ];
    let mut body = rows.join("\n").into_bytes();
    body.extend_from_slice(b"\n16,12345678902,\xff\xfe,1990-01-01,active\n");
    let ask = Ask::post(&format!("{IMPORTS}/{import}/rows?part=0")).body(body);
    let appended = world.operator_ask(ask).await;
    let text = String::from_utf8(appended.body.to_vec()).unwrap();
    assert!(!text.contains("123456789") && !text.contains("alive"), "{text}");
    let appended = appended.expect(200);
    assert_eq!(appended["accepted"], 1);
    let mut found: Vec<(String, Value)> = appended["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rejection| (rejection["reason"].as_str().unwrap().to_owned(), rejection["lines"].clone()))
        .collect();
    found.sort_by_key(|(reason, _)| reason.clone());
    let expected = [
        ("date_of_birth must be a date like 1990-01-31", json!([8, 9])),
        ("date_of_birth must not lie in the future", json!([10])),
        ("full_name must have 1 to 200 characters", json!([5, 6])),
        ("full_name must not contain control characters", json!([7])),
        ("must be written in UTF-8", json!([16])),
        ("must have 4 fields: national_id, full_name, date_of_birth, status", json!([13, 14])),
        ("national_id must be exactly 11 digits", json!([2, 3, 4])),
        ("status must be active, deceased or blocked", json!([11, 12])),
    ];
    assert_eq!(found, expected.map(|(reason, lines)| (reason.to_owned(), lines)));
    world.merge_import(import).await;
    let finished = world.finish_import(import).await;
    assert_eq!((&finished["records"], &finished["rejected"]), (&json!(1), &json!(14)));
    assert_eq!(world.find("12345678901").await, record("Right", "1990-01-01", RecordStatus::Active));
}

async fn a_number_that_stands_twice_is_taken_from_its_first_line(world: Arc<World>) {
    let import = world.begin_import("live").await;
    let row = |line: u64, name: &str| format!("{line},12345678901,{name},1990-01-01,active\n");
    let first = format!("{}{}{}", row(2, "First"), row(3, "Second"), citizens(10..20, "Others"));
    assert_eq!(world.send_rows(import, 0, &first).await.expect(200)["accepted"], 12);
    assert_eq!(world.send_rows(import, 1, &row(40, "Third")).await.expect(200)["accepted"], 1);
    let rejected = world.merge_import(import).await;
    assert_eq!(rejected, [json!({ "reason": "national_id stands on an earlier line", "lines": [3, 40] })]);
    let finished = world.finish_import(import).await;
    assert_eq!((&finished["records"], &finished["rejected"]), (&json!(11), &json!(2)));
    assert_eq!(world.find("12345678901").await, record("First", "1990-01-01", RecordStatus::Active));
}

async fn a_step_that_is_repeated_answers_as_it_did_and_does_nothing(world: Arc<World>) {
    let import = world.begin_import("live").await;
    let rows = format!("1,0,wrong,,\n{}", citizens(2..50, "Once"));
    let first = world.send_rows(import, 0, &rows).await.expect(200);
    let staged = world.registry_rows().await;
    assert_eq!(world.send_rows(import, 0, &rows).await.expect(200), first);
    assert_eq!(world.registry_rows().await, staged);
    let path = format!("{IMPORTS}/{import}/merge");
    let merged = world.operate("POST", &path, json!({ "bucket": 0 })).await;
    assert_eq!(merged["records"], 48);
    assert_eq!(world.operate("POST", &path, json!({ "bucket": 0 })).await, merged);
    assert_eq!(world.registry_rows().await.records, 48);
    let finished = world.finish_import(import).await;
    assert_eq!(world.finish_import(import).await, finished);
    assert_eq!(finished["rejected"], 1);
}

async fn an_import_goes_on_after_a_restart(world: Arc<World>) {
    let import = world.begin_import("live").await;
    world.send_rows(import, 0, &citizens(0..100, "Before")).await.expect(200);
    let next = world.restarted(&world.secrets_file).await;
    let operator = next.private_edge(next.operator_site());
    let ask = |path: &str| Ask::post(&format!("{IMPORTS}/{import}{path}")).bearer(&world.operator_token());
    let appended = ask("/rows?part=1").body(citizens(100..200, "After")).send(&operator).await.expect(200);
    assert_eq!(appended["nextPart"], 2);
    let merged = ask("/merge").json(&json!({ "bucket": 0 })).send(&operator).await.expect(200);
    assert_eq!(merged["records"], 200);
    assert_eq!(world.finish_import(import).await["records"], 200);
    assert_eq!(world.find(&number_of(7)).await, record("Before", "1990-01-31", RecordStatus::Active));
    assert_eq!(world.find(&number_of(107)).await, record("After", "1990-01-31", RecordStatus::Active));
}

async fn a_rehearsal_is_read_by_nobody(world: Arc<World>) {
    world.import("test", &citizens(0..10, "Rehearsed")).await;
    assert_eq!(world.find(&number_of(1)).await, None);
    world.import("live", &citizens(0..10, "Real")).await;
    assert_eq!(world.find(&number_of(1)).await, record("Real", "1990-01-31", RecordStatus::Active));
}

async fn many_records_are_merged_step_by_step(world: Arc<World>) {
    let import = world.begin_import("live").await;
    for part in 0..2 {
        let rows = citizens(part * 11_000..(part + 1) * 11_000, "Many");
        world.send_rows(import, i64::try_from(part).unwrap(), &rows).await.expect(200);
    }
    let path = format!("{IMPORTS}/{import}/merge");
    let first = world.operate("POST", &path, json!({ "bucket": 0 })).await;
    assert!(first["nextBucket"].as_i64().unwrap() < 256, "{first}");
    let next = world.operate("POST", &path, json!({ "bucket": first["nextBucket"] })).await;
    assert_eq!(next["nextBucket"], 256);
    assert_eq!(world.finish_import(import).await["records"], 22_000);
    assert_eq!(world.registry_rows().await.staged, 0);
    for number in [0, 10_999, 11_000, 21_999] {
        assert_ne!(world.find(&number_of(number)).await, Some(Found::Unknown), "{number}");
    }
}

async fn the_status_is_online_once_there_is_a_live_registry(world: Arc<World>) {
    let status = |environment: &'static str| {
        let world = Arc::clone(&world);
        async move {
            let body = json!({ "service": "citizen", "environment": environment });
            let key = world.key(&world.mine, body).await.secret;
            let status = world.send(Ask::get("/api/v1/registry/status").bearer(&key)).await.expect(200);
            let data = &status["data"];
            json!([data["status"], data["circuit"], data["lastHourSuccessRate"]])
        }
    };
    assert_eq!(status("live").await, json!(["offline", "closed", null]));
    assert_eq!(status("test").await, json!(["online", "closed", 100.0]));
    world.import("test", &citizens(0..5, "Rehearsed")).await;
    assert_eq!(status("live").await, json!(["offline", "closed", null]));
    world.import("live", &citizens(0..5, "Real")).await;
    assert_eq!(status("live").await, json!(["online", "closed", 100.0]));
}
