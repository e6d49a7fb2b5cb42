//! The wallet: what it holds, what moved in and out of it, and test credits for nothing.

use std::sync::Arc;

use serde_json::{Value, json};

use super::platform_key;
use crate::fixture::{Ask, State, World, text};

on_both_engines! {
    a_wallet_shows_what_it_holds_in_its_environment
    every_transfer_of_a_wallet_is_listed_once_newest_first
    transfers_are_listed_by_kind_and_time
    a_wrong_parameter_of_a_list_of_transfers_is_named
    a_refill_is_booked_once_per_idempotency_key
    a_refill_out_of_its_limits_is_refused_with_nothing_changed
    a_live_wallet_is_not_refilled_and_says_how_credits_are_bought
    an_operator_lets_a_wallet_be_overdrawn
}

const WALLET: &str = "/platform/v1/wallet";
const TRANSFERS: &str = "/platform/v1/wallet/transfers";

fn refill(key: &str, once: &str, body: &Value) -> Ask {
    Ask::post("/platform/v1/wallet/refill").bearer(key).header("idempotency-key", once).json(body)
}

/// Verifies a citizen, which costs a credit.
async fn spend(world: &World, key: &str, number: &str) -> crate::fixture::Reply {
    let body = json!({ "nationalId": number, "maxAgeSeconds": 0 });
    world.send(Ask::post("/api/v1/verify/citizen").bearer(key).json(&body)).await
}

async fn citizen_key(world: &World) -> String {
    world.key(&world.mine, json!({ "service": "citizen" })).await.secret
}

async fn a_wallet_shows_what_it_holds_in_its_environment(world: Arc<World>) {
    let (test, live) =
        (platform_key(&world, json!({})).await, platform_key(&world, json!({ "environment": "live" })).await);
    let before = world.state(&world.mine).await;
    for (key, environment, balance) in [(&test, "test", 100_000), (&live, "live", 0)] {
        let shown = world.send(Ask::get(WALLET).bearer(key)).await.expect(200);
        assert_eq!(shown, json!({ "environment": environment, "balance": balance, "held": 0, "floor": 0 }));
    }
    assert_eq!(world.state(&world.mine).await, before);
    spend(&world, &citizen_key(&world).await, "12345678901").await.expect(200);
    assert_eq!(world.send(Ask::get(WALLET).bearer(&test)).await.expect(200)["balance"], 99_999);
    assert_eq!(world.send(Ask::get(WALLET).bearer(&live)).await.expect(200)["balance"], 0);
}

async fn page(world: &World, key: &str, query: &str) -> (Vec<Value>, Option<String>) {
    let page = world.send(Ask::get(&format!("{TRANSFERS}?{query}")).bearer(key)).await.expect(200);
    (page["data"].as_array().unwrap().clone(), page["next_cursor"].as_str().map(str::to_owned))
}

async fn walk(world: &World, key: &str, query: &str) -> Vec<Value> {
    let (mut all, mut cursor) = page(world, key, query).await;
    while let Some(next) = cursor {
        let (rows, after) = page(world, key, &format!("{query}&cursor={next}")).await;
        all.extend(rows);
        cursor = after;
    }
    all
}

async fn every_transfer_of_a_wallet_is_listed_once_newest_first(world: Arc<World>) {
    let key = platform_key(&world, json!({})).await;
    let citizen = world.key(&world.mine, json!({ "service": "citizen" })).await;
    // Points of a client are no credits, and stand in the same table.
    world.client(7).await;
    let mut requests = Vec::new();
    for number in 0..4 {
        world.clock.advance_seconds(1);
        let reply = spend(&world, &citizen.secret, &format!("1234567890{number}")).await;
        requests.push(reply.request_id().to_owned());
    }
    world.clock.advance_seconds(1);
    let refilled = world.send(refill(&key, "r", &json!({ "amount": 5 }))).await;
    requests.push(refilled.request_id().to_owned());
    let before = world.state(&world.mine).await;
    let all = walk(&world, &key, "").await;
    assert_eq!(all.len(), 6, "{all:?}");
    requests.reverse();
    assert_eq!(all[..5].iter().map(|row| text(row, "request_id")).collect::<Vec<_>>(), requests);
    let sum: i64 = all.iter().map(|row| row["amount"].as_i64().unwrap()).sum();
    let wallet = world.send(Ask::get(WALLET).bearer(&key)).await.expect(200);
    assert_eq!(wallet["balance"], sum, "the balance is the sum of its transfers");
    assert_eq!(
        (&all[0]["kind"], &all[0]["amount"], &all[0]["reference"]),
        (&json!("grant"), &json!(5), &Value::Null)
    );
    assert_eq!((&all[1]["amount"], &all[1]["key_id"]), (&json!(-1), &json!(citizen.id)));
    assert_eq!((&all[5]["amount"], &all[5]["reference"]), (&json!(100_000), &json!("sandbox")));
    for limit in [1, 2, 5, 6, 7, 100] {
        assert_eq!(walk(&world, &key, &format!("limit={limit}")).await, all, "by {limit}");
    }
    let live = platform_key(&world, json!({ "environment": "live" })).await;
    let stranger = world.key(&world.other, json!({ "service": "platform" })).await.secret;
    assert_eq!(walk(&world, &live, "").await, [] as [Value; 0]);
    let theirs = walk(&world, &stranger, "").await;
    assert!(theirs.len() == 1 && !all.contains(&theirs[0]), "{theirs:?}");
    let after = State { keys: before.keys + 1, audits: before.audits + 1, ..before };
    assert_eq!(world.state(&world.mine).await, after, "only the live key is new");
}

async fn transfers_are_listed_by_kind_and_time(world: Arc<World>) {
    let key = platform_key(&world, json!({})).await;
    for amount in [1, 2, 3] {
        world.clock.advance_seconds(60);
        world.send(refill(&key, &amount.to_string(), &json!({ "amount": amount }))).await.expect(200);
    }
    world.clock.advance_seconds(60);
    let spent = spend(&world, &citizen_key(&world).await, "12345678901").await;
    spent.expect(200);
    let kind = walk(&world, &key, "").await[0]["kind"].as_str().unwrap().to_owned();
    for (query, amounts) in [
        ("kind=grant".to_owned(), vec![3, 2, 1, 100_000]),
        (format!("kind={kind}"), vec![-1]),
        ("kind=refund".to_owned(), vec![]),
        ("kind=adjust".to_owned(), vec![]),
        ("from=2026-05-28T20:28:40Z".to_owned(), vec![-1, 3, 2]),
        ("from=2026-05-28T20:28:40.001Z".to_owned(), vec![-1, 3]),
        ("to=2026-05-28T20:28:40Z".to_owned(), vec![1, 100_000]),
        ("to=2026-05-28T20:28:40.001Z".to_owned(), vec![2, 1, 100_000]),
        ("from=2026-05-28T20:27:40Z&to=2026-05-28T20:29:40Z".to_owned(), vec![2, 1]),
        ("from=2026-05-28T20:27:40Z&to=2026-05-28T20:27:40Z".to_owned(), vec![]),
        ("kind=grant&from=2026-05-28T22:28:40%2B02:00".to_owned(), vec![3, 2]),
        ("from=1970-01-01T00:00:00Z&to=9999-01-01T00:00:00Z".to_owned(), vec![-1, 3, 2, 1, 100_000]),
        ("from=1900-01-01T00:00:00Z".to_owned(), vec![-1, 3, 2, 1, 100_000]),
        ("to=1900-01-01T00:00:00Z".to_owned(), vec![]),
    ] {
        for limit in [1, 100] {
            let rows = walk(&world, &key, &format!("{query}&limit={limit}")).await;
            let found: Vec<i64> = rows.iter().map(|row| row["amount"].as_i64().unwrap()).collect();
            assert_eq!(found, amounts, "{query} by {limit}");
        }
        let path = format!("/operator/v1/transfers?tenantId={}&environment=test&{query}", world.mine);
        let rows = world.operate("GET", &path, Value::Null).await;
        let found: Vec<i64> =
            rows["data"].as_array().unwrap().iter().map(|row| row["amount"].as_i64().unwrap()).collect();
        assert_eq!(found, amounts, "the operator sees the same");
    }
}

async fn a_wrong_parameter_of_a_list_of_transfers_is_named(world: Arc<World>) {
    let key = platform_key(&world, json!({})).await;
    world.send(refill(&key, "r", &json!({ "amount": 5 }))).await.expect(200);
    let (_, cursor) = page(&world, &key, "limit=1").await;
    let time = "must be an RFC 3339 time like 2030-01-31T12:00:00Z";
    let kinds = "must be one of grant, charge, capture, void, expire, refund, adjust";
    let limit = "must be a whole number from 1 to 100";
    let list = "is not of this list: send the next_cursor of a page of the same list, with the same filters and key \
        environment, or leave it out to begin anew";
    let other = format!("kind=grant&cursor={}", cursor.unwrap());
    for (query, wrong) in [
        ("from=yesterday", vec![("from", time)]),
        ("from=2026-05-28", vec![("from", time)]),
        ("to=", vec![("to", time)]),
        ("kind=", vec![("kind", kinds)]),
        ("kind=Grant", vec![("kind", kinds)]),
        ("from=x&to=y&kind=z", vec![("from", time), ("to", time), ("kind", kinds)]),
        ("from=2026-05-28T20:27:41Z&to=2026-05-28T20:27:40Z", vec![("to", "must not lie before from")]),
        ("limit=0", vec![("limit", limit)]),
        (other.as_str(), vec![("cursor", list)]),
    ] {
        let reply = world.send(Ask::get(&format!("{TRANSFERS}?{query}")).bearer(&key)).await;
        reply.problem(400, "invalid_request", &wrong);
    }
}

async fn a_refill_is_booked_once_per_idempotency_key(world: Arc<World>) {
    let key = platform_key(&world, json!({})).await;
    let before = world.state(&world.mine).await;
    let first = world.send(refill(&key, "r", &json!({ "amount": 1_000_000 }))).await;
    let expected = json!({ "environment": "test", "balance": 1_100_000, "held": 0, "floor": 0 });
    assert_eq!(first.expect(200), expected);
    let after = State {
        credits: before.credits + 1_000_000,
        transfers: before.transfers + 1,
        audits: before.audits + 1,
        replies: before.replies + 1,
        ..before
    };
    assert_eq!(world.state(&world.mine).await, after);
    for _ in 0..2 {
        let again = world.send(refill(&key, "r", &json!({ "amount": 1_000_000 }))).await;
        assert_eq!(again.essence(), first.essence());
    }
    assert_eq!(world.state(&world.mine).await, after);
    let other = world.send(refill(&key, "r", &json!({ "amount": 1 }))).await;
    other.problem(422, "idempotency_key_reused", &[]);
    assert_eq!(world.state(&world.mine).await, State { audits: after.audits + 1, ..after });
}

async fn a_refill_out_of_its_limits_is_refused_with_nothing_changed(world: Arc<World>) {
    let key = platform_key(&world, json!({})).await;
    for number in 0..9 {
        let amount = json!({ "amount": 1_000_000 });
        world.send(refill(&key, &number.to_string(), &amount)).await.expect(200);
    }
    let before = world.state(&world.mine).await;
    let range = "must be between 1 and 1000000";
    let whole = "must be a whole number, written without fraction, exponent or quotes";
    for (amount, said) in [
        ("0", range),
        ("-1", range),
        ("1000001", range),
        ("9223372036854775808", range),
        ("1.0", whole),
        ("\"5\"", whole),
        ("null", whole),
    ] {
        let ask = refill(&key, "x", &Value::Null).body(format!(r#"{{"amount":{amount}}}"#));
        world.send(ask).await.problem(400, "invalid_request", &[("#/amount", said)]);
    }
    let missing = world.send(refill(&key, "x", &json!({}))).await;
    missing.problem(400, "invalid_request", &[("#/amount", "is required")]);
    assert_eq!(world.state(&world.mine).await, before);
    let without = Ask::post("/platform/v1/wallet/refill").bearer(&key).json(&json!({ "amount": 5 }));
    let required = "is required here: send any unique value, and the same one when you retry";
    world.send(without).await.problem(400, "invalid_request", &[("Idempotency-Key", required)]);
    let full = world.send(refill(&key, "x", &json!({ "amount": 900_001 }))).await;
    full.problem(409, "conflict", &[]);
    let detail = "A test wallet is refilled up to 10000000 credits, and this one has 9100000.";
    assert_eq!(full.json()["detail"], detail);
    assert_eq!(world.state(&world.mine).await, State { audits: before.audits + 2, ..before });
    world.send(refill(&key, "x", &json!({ "amount": 900_000 }))).await.expect(200);
}

async fn a_live_wallet_is_not_refilled_and_says_how_credits_are_bought(world: Arc<World>) {
    let key = platform_key(&world, json!({ "environment": "live" })).await;
    let before = world.state(&world.mine).await;
    let reply = world.send(refill(&key, "r", &json!({ "amount": 5 }))).await;
    reply.problem(409, "conflict", &[]);
    assert!(text(&reply.json(), "detail").contains("attestry credit grant"), "{reply:?}");
    assert_eq!(world.state(&world.mine).await, State { audits: before.audits + 1, ..before });
}

async fn an_operator_lets_a_wallet_be_overdrawn(world: Arc<World>) {
    let floor = |floor: &str| {
        let body = format!(r#"{{"tenantId":"{}","environment":"live","floor":{floor}}}"#, world.mine);
        Ask::post("/operator/v1/wallet/floor")
            .bearer(&world.operator_token())
            .body(body)
            .send(world.operator())
    };
    let before = world.state(&world.mine).await;
    for wrong in ["1000000000000001", "-1000000000000001", "-9223372036854775808"] {
        let range = "must be between -1000000000000000 and 1000000000000000";
        floor(wrong).await.problem(400, "invalid_request", &[("#/floor", range)]);
    }
    floor("1").await.problem(409, "conflict", &[]);
    assert_eq!(world.state(&world.mine).await, before);
    let expected = json!({ "environment": "live", "balance": 0, "held": 0, "floor": -500 });
    assert_eq!(floor("-500").await.expect(200), expected);
    let key = platform_key(&world, json!({ "environment": "live" })).await;
    assert_eq!(world.send(Ask::get(WALLET).bearer(&key)).await.expect(200), expected);
    let after = State { keys: before.keys + 1, audits: before.audits + 2, ..before };
    assert_eq!(world.state(&world.mine).await, after);
    assert_eq!(floor("0").await.expect(200)["floor"], 0);
}
