//! Fields of a wrong type or out of range, at every route that has fields.

use std::sync::Arc;

use super::{Untouched, routes};
use crate::fixture::{Ask, World, verify};

on_both_engines! {
    a_count_that_is_no_whole_number_from_one_to_a_million_is_refused_without_effect
    a_field_of_a_wrong_type_or_size_is_refused_by_its_name_without_effect
    a_dry_run_that_is_neither_true_nor_false_is_refused_without_effect
    the_largest_and_smallest_values_are_read
}

const RANGE: &str = "count: must be between 1 and 1000000";
const WHOLE: &str = "count: must be a whole number, written without fraction, exponent or quotes";

async fn a_count_that_is_no_whole_number_from_one_to_a_million_is_refused_without_effect(world: Arc<World>) {
    let client = world.client(100).await;
    let untouched = Untouched::of(&world, &client).await;
    let huge = format!("1{}", "0".repeat(30));
    let long = "9".repeat(10_000);
    for (count, message) in [
        ("0", RANGE),
        ("-0", RANGE),
        ("-1", RANGE),
        ("-9223372036854775808", RANGE),
        ("-9223372036854775809", RANGE),
        ("1000001", RANGE),
        ("9223372036854775807", RANGE),
        ("9223372036854775808", RANGE),
        ("18446744073709551617", RANGE),
        (&huge, RANGE),
        (&long, RANGE),
        ("1.0", WHOLE),
        ("1.5", WHOLE),
        ("0.1", WHOLE),
        ("-1.5", WHOLE),
        ("1e0", WHOLE),
        ("1E2", WHOLE),
        ("1e400", WHOLE),
        ("-1e400", WHOLE),
        ("1e-400", WHOLE),
        ("1e999999999999", WHOLE),
        ("null", WHOLE),
        ("true", WHOLE),
        ("false", WHOLE),
        ("\"\"", WHOLE),
        ("\"1\"", WHOLE),
        ("\"one\"", WHOLE),
        ("[]", WHOLE),
        ("[1]", WHOLE),
        ("{}", WHOLE),
        ("{\"count\":1}", WHOLE),
    ] {
        for query in ["", "?dry_run=true"] {
            let ask = Ask::post(&format!("/v1/verify{query}")).bearer(&client.token);
            let reply = world.send(ask.body(format!("{{\"count\":{count}}}"))).await;
            reply.refused(400, "Invalid Request", message);
        }
    }
    untouched.assert("a wrong count").await;
}

/// Position among the routes, body, message.
fn wrong_fields(account: &str) -> Vec<(usize, String, String)> {
    let text = |length: usize| "n".repeat(length);
    let mut rows: Vec<(usize, String, &str)> = vec![
        (1, r"{}".into(), "name: is required"),
        (1, r#"{"name":null}"#.into(), "name: must be a string"),
        (1, r#"{"name":1}"#.into(), "name: must be a string"),
        (1, r#"{"name":["A"]}"#.into(), "name: must be a string"),
        (1, r#"{"name":""}"#.into(), "name: must have 1 to 200 characters"),
        (1, r#"{"name":" \t "}"#.into(), "name: must be a text of 1 to 200 characters"),
        (1, format!(r#"{{"name":"{}"}}"#, text(201)), "name: must have 1 to 200 characters"),
        (1, r#"{"name":"A","externalId":null}"#.into(), "externalId: must be a string"),
        (1, r#"{"name":"A","externalId":7}"#.into(), "externalId: must be a string"),
        (1, r#"{"name":"A","externalId":""}"#.into(), "externalId: must have 1 to 128 characters"),
        (
            1,
            format!(r#"{{"name":"A","externalId":"{}"}}"#, text(129)),
            "externalId: must have 1 to 128 characters",
        ),
        (1, r#"{"name":"A","idempotency":null}"#.into(), "idempotency: must be true or false"),
        (1, r#"{"name":"A","idempotency":"true"}"#.into(), "idempotency: must be true or false"),
        (1, r#"{"name":"A","idempotency":1}"#.into(), "idempotency: must be true or false"),
        (2, r#"{"name":null}"#.into(), "name: must be a string"),
        (2, r#"{"name":""}"#.into(), "name: must have 1 to 200 characters"),
        (2, r#"{"name":"  ","banned":true}"#.into(), "name: must be a text of 1 to 200 characters"),
        (2, r#"{"banned":null}"#.into(), "banned: must be true or false"),
        (2, r#"{"banned":"yes"}"#.into(), "banned: must be true or false"),
        (2, r#"{"banned":1}"#.into(), "banned: must be true or false"),
        (3, r"{}".into(), "points: is required"),
        (3, r#"{"points":0}"#.into(), "points: must be between 1 and 1000000000000000"),
        (3, r#"{"points":-5}"#.into(), "points: must be between 1 and 1000000000000000"),
        (3, r#"{"points":1000000000000001}"#.into(), "points: must be between 1 and 1000000000000000"),
        (3, r#"{"points":100000000000000000000}"#.into(), "points: must be between 1 and 1000000000000000"),
        (3, r#"{"points":5,"reference":null}"#.into(), "reference: must be a string"),
        (3, r#"{"points":5,"reference":""}"#.into(), "reference: must have 1 to 128 characters"),
        (4, r"{}".into(), "accountId: is required"),
        (4, r#"{"accountId":null}"#.into(), "accountId: must be a string"),
        (4, r#"{"accountId":7}"#.into(), "accountId: must be a string"),
        (4, r#"{"accountId":""}"#.into(), "accountId: must have 1 to 64 characters"),
    ];
    let whole = "must be a whole number, written without fraction, exponent or quotes";
    let mut rows: Vec<_> =
        rows.drain(..).map(|(route, body, message)| (route, body, message.to_owned())).collect();
    for value in ["null", "\"5\"", "1.5", "5.0", "1e400", "true", "[]"] {
        rows.push((3, format!(r#"{{"points":{value}}}"#), format!("points: {whole}")));
    }
    for (fields, message) in [
        (r#""pointsPerCall":0"#, "pointsPerCall: must be between 1 and 1000000"),
        (r#""pointsPerCall":-1"#, "pointsPerCall: must be between 1 and 1000000"),
        (r#""pointsPerCall":1000001"#, "pointsPerCall: must be between 1 and 1000000"),
        (r#""pointsPerCall":null"#, &format!("pointsPerCall: {whole}")),
        (r#""label":null"#, "label: must be a string"),
        (r#""expiresAt":null"#, "expiresAt: must be a string"),
        (r#""expiresAt":1893456000"#, "expiresAt: must be a string"),
        (r#""expiresAt":"tomorrow""#, "expiresAt: must be an RFC 3339 time like 2030-01-31T12:00:00Z"),
        (r#""expiresAt":"2030-01-31""#, "expiresAt: must be an RFC 3339 time like 2030-01-31T12:00:00Z"),
        (
            r#""expiresAt":"2030-13-31T12:00:00Z""#,
            "expiresAt: must be an RFC 3339 time like 2030-01-31T12:00:00Z",
        ),
        (r#""expiresAt":"2020-01-01T00:00:00Z""#, "expiresAt: must lie in the future"),
    ] {
        rows.push((4, format!(r#"{{"accountId":"{account}",{fields}}}"#), message.to_owned()));
    }
    let label = format!(r#"{{"accountId":"{account}","label":"{}"}}"#, text(101));
    rows.push((4, label, "label: must have at most 100 characters".to_owned()));
    rows
}

async fn a_field_of_a_wrong_type_or_size_is_refused_by_its_name_without_effect(world: Arc<World>) {
    let client = world.client(100).await;
    let routes = routes(&world, &client).await;
    let untouched = Untouched::of(&world, &client).await;
    for (route, body, message) in wrong_fields(&client.account) {
        let reply = world.send(routes[route].clone().body(body.clone())).await;
        assert_eq!(reply.status, 400, "{body}: {reply:?}");
        reply.refused(400, "Invalid Request", &message);
    }
    untouched.assert("a wrong field").await;
}

async fn a_dry_run_that_is_neither_true_nor_false_is_refused_without_effect(world: Arc<World>) {
    let client = world.client(100).await;
    let untouched = Untouched::of(&world, &client).await;
    for query in [
        "dry_run",
        "dry_run=",
        "dry_run=yes",
        "dry_run=2",
        "dry_run=00",
        "dry_run=null",
        "dry_run=true%20",
        "dry_run=+true",
        "dry_run=tru%65%00",
        "dry_run=%ff",
        "dry_run=%",
        "dry_run=%zz",
        "dry_run=true&dry_run=true",
        "dry_run=true&dry_run=false",
        "dry_run=false&dry%5frun=true",
        "dry_run=true;x",
    ] {
        let reply = world.send(Ask::post(&format!("/v1/verify?{query}")).bearer(&client.token)).await;
        reply.refused(400, "Invalid Request", "dry_run: must be true, false, 1 or 0, and be given once");
    }
    untouched.assert("a wrong dry_run").await;
}

async fn the_largest_and_smallest_values_are_read(world: Arc<World>) {
    let client = world.client(2_000_000).await;
    let largest = verify(&client.token).body("{\"count\":1000000}");
    assert_eq!(world.send(largest).await.expect(200)["balance"], 1_000_000);
    let routes = routes(&world, &client).await;
    let points = routes[3].clone().body("{\"points\":1000000000000000}");
    assert_eq!(world.send(points).await.expect(200)["balance"], 1_000_000_001_000_000_i64);
    let name = "\u{1F9D1}".repeat(200);
    let made = world.send(routes[1].clone().body(format!("{{\"name\":\"{name}\"}}"))).await.expect(201);
    assert_eq!(made["name"], name);
    let per_call =
        format!("{{\"accountId\":\"{}\",\"pointsPerCall\":1000000,\"label\":\"\"}}", client.account);
    world.send(routes[4].clone().body(per_call)).await.expect(201);
    let empty = world.send(routes[2].clone().body("{}")).await.expect(200);
    assert_eq!(empty["banned"], false, "a change of nothing changes nothing");
}
