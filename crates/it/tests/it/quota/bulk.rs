//! `POST /v1/tokens/verify`: each item is judged as its single call would be, in order, and what passes is on disk.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::{BANNED, EXCEEDED, EXPIRED, INVALID};
use crate::fixture::{Ask, Client, Reply, State, World, merge, verify, wait};

on_both_engines! {
    items_are_charged_in_order_under_the_requests_id_and_answer_what_is_left
    each_item_has_the_status_and_body_of_its_single_call
    a_token_of_another_tenant_or_environment_is_no_token_here
    a_wrong_item_does_not_stop_the_others
    a_body_that_is_no_list_of_1_to_10000_items_decides_nothing
    any_sequence_gets_the_same_verdicts_and_balances_as_single_calls
    ten_thousand_items_are_decided_in_order_and_charged_each_once
    a_bulk_call_ignores_an_idempotency_key
}

pub(crate) fn bulk(key: &str, items: &[Value]) -> Ask {
    Ask::post("/v1/tokens/verify").bearer(key).json(&json!({ "items": items }))
}

fn results(reply: &Reply, items: usize) -> Vec<Value> {
    let body = reply.expect(200);
    let results = body["results"].as_array().unwrap().clone();
    assert_eq!((results.len(), body.as_object().unwrap().len()), (items, 1), "{body}");
    results
}

fn passed(balance: i64) -> Value {
    json!({ "httpStatus": 200, "status": "ok", "remaining": "check-admin", "balance": balance, "expires_at": null })
}

fn refused(status: u16, error: &str, message: &str) -> Value {
    json!({ "httpStatus": status, "error": error, "message": message })
}

async fn items_are_charged_in_order_under_the_requests_id_and_answer_what_is_left(world: Arc<World>) {
    let (one, other, key) = (world.client(10).await, world.client(5).await, world.management_key().await);
    let before = world.state(&world.mine).await;
    let items = [
        json!({ "token": one.token }),
        json!({ "token": other.token, "count": 2 }),
        json!({ "token": one.token, "count": 4, "dryRun": true }),
        json!({ "token": one.token, "count": 4 }),
        json!({ "token": one.token, "count": 6 }),
        json!({ "token": one.token, "count": 5 }),
        json!({ "token": other.token, "count": 3, "unknown": { "fields": "are ignored" } }),
    ];
    let reply = world.send(bulk(&key, &items)).await;
    let expected = [
        passed(9),
        passed(3),
        passed(9),
        passed(5),
        refused(403, "Quota Exceeded or Banned", EXCEEDED),
        passed(0),
        passed(0),
    ];
    assert_eq!(results(&reply, 7), expected);
    let after = State {
        transfers: before.transfers + 5,
        points: before.points - 15,
        events: before.events + 1,
        ..before
    };
    assert_eq!(
        world.state(&world.mine).await,
        after,
        "charges, one balance.exhausted, no audit row or saved reply"
    );
    let charged = world.charges_of(reply.request_id()).await;
    let charge = |client: &Client, points| (client.account.clone(), points);
    assert_eq!(
        charged,
        [charge(&one, 1), charge(&other, 2), charge(&one, 4), charge(&one, 5), charge(&other, 3)],
        "in the order of the items"
    );
}

async fn each_item_has_the_status_and_body_of_its_single_call(world: Arc<World>) {
    let key = world.management_key().await;
    let mine = &world.mine;
    let expiring = json!({ "expiresAt": "2026-05-28T20:27:00.500Z" });
    let expired = world.client_with(mine, json!({ "points": 9 }), expiring).await;
    let (live, revoked, banned, poor) =
        (world.client(9).await, world.client(9).await, world.client(9).await, world.client(0).await);
    let path = format!("/v1/tokens/{}", revoked.token_id);
    world.send(Ask::new("DELETE", &path).bearer(&key)).await.expect(200);
    let ban = Ask::new("PATCH", &format!("/v1/accounts/{}", banned.account)).bearer(&key);
    world.send(ban.json(&json!({ "banned": true }))).await.expect(200);
    world.clock.advance_seconds(60);
    let tokens = [
        &live.token,
        &expired.token,
        &revoked.token,
        &banned.token,
        &poor.token,
        &key,
        &format!("{}0", live.token),
        "",
        "nonsense",
        "an_unknown_foreign_token_of_24",
        &"A".repeat(600),
        "caf\u{e9} caf\u{e9} caf\u{e9} caf\u{e9} caf\u{e9}",
    ];
    let counts = [json!(1), json!(0), json!("1"), json!(null), json!(1_000_001)];
    for (count, token) in counts.iter().flat_map(|count| tokens.iter().map(move |token| (count, *token))) {
        let items = [json!({ "token": token, "count": count, "dryRun": true })];
        let found = results(&world.send(bulk(&key, &items)).await, 1).remove(0);
        let mut single = Ask::post("/v1/verify?dry_run=true").json(&json!({ "count": count }));
        if !token.is_ascii() || token.is_empty() {
            single = single.header("authorization", "Bearer nonsense");
        } else {
            single = single.bearer(token);
        }
        let (status, body) = world.send(single).await.essence();
        assert_eq!(found, merge(json!({ "httpStatus": status }), body), "{token} {count}");
    }
    for (client, message) in [(&banned, BANNED), (&poor, EXCEEDED)] {
        let found = results(&world.send(bulk(&key, &[json!({ "token": client.token })])).await, 1);
        assert_eq!(found, [refused(403, "Quota Exceeded or Banned", message)]);
    }
    let found = results(&world.send(bulk(&key, &[json!({ "token": expired.token })])).await, 1);
    assert_eq!(found, [refused(403, "Token Expired", EXPIRED)]);
}

async fn a_token_of_another_tenant_or_environment_is_no_token_here(world: Arc<World>) {
    let key = world.management_key().await;
    let foreign = world.client_with(&world.other, json!({ "points": 9 }), json!({})).await;
    let live = json!({ "points": 9, "environment": "live" });
    let live = world.client_with(&world.mine, live, json!({})).await;
    let own = world.client(9).await;
    let tokens = [&foreign.token, &live.token, &own.token, "nobody_knows_this_token_at_all"];
    let items = tokens.map(|token| json!({ "token": token, "count": 1 }));
    let unknown = refused(403, "Invalid Token", INVALID);
    for round in 1..3 {
        let before = (world.state(&world.mine).await, world.state(&world.other).await);
        let found = results(&world.send(bulk(&key, &items)).await, 4);
        assert_eq!(found, [unknown.clone(), unknown.clone(), passed(9 - round), unknown.clone()]);
        let mine = State { transfers: before.0.transfers + 1, points: before.0.points - 1, ..before.0 };
        assert_eq!((world.state(&world.mine).await, world.state(&world.other).await), (mine, before.1));
        // The second round finds them in the index of this node.
        for token in [&foreign.token, &live.token] {
            world.send(verify(token)).await.expect(200);
        }
    }
}

async fn a_wrong_item_does_not_stop_the_others(world: Arc<World>) {
    let (client, key) = (world.client(13).await, world.management_key().await);
    let whole = "must be a whole number, written without fraction, exponent or quotes";
    let wrong = [
        (json!(null), "item: must be an object".to_owned()),
        (json!("token"), "item: must be an object".to_owned()),
        (json!([]), "item: must be an object".to_owned()),
        (json!({}), "token: is required".to_owned()),
        (json!({ "token": null }), "token: must be a string".to_owned()),
        (json!({ "token": 7 }), "token: must be a string".to_owned()),
        (json!({ "token": client.token, "count": 0 }), "count: must be between 1 and 1000000".to_owned()),
        (json!({ "token": client.token, "count": -1 }), "count: must be between 1 and 1000000".to_owned()),
        (json!({ "token": client.token, "count": 1.5 }), format!("count: {whole}")),
        (json!({ "token": client.token, "count": null }), format!("count: {whole}")),
        (json!({ "token": client.token, "dryRun": null }), "dryRun: must be true or false".to_owned()),
        (json!({ "token": client.token, "dryRun": "true" }), "dryRun: must be true or false".to_owned()),
        (
            json!({ "token": client.token, "count": "1", "dryRun": 1 }),
            format!("count: {whole}; dryRun: must be true or false"),
        ),
    ];
    let before = world.state(&world.mine).await;
    for (left, (item, message)) in (0..13).rev().zip(&wrong) {
        let items = [json!({ "token": client.token, "dryRun": true }), item.clone(), items_token(&client)];
        let found = results(&world.send(bulk(&key, &items)).await, 3);
        assert_eq!(found[1], refused(400, "Invalid Request", message), "{item}");
        assert_eq!([&found[0], &found[2]], [&passed(left + 1), &passed(left)], "{item}");
    }
    let after = State { transfers: before.transfers + 13, points: before.points - 13, ..before };
    assert_eq!(world.state(&world.mine).await, after, "a wrong item is never charged");
    let all_wrong: Vec<Value> = wrong.iter().map(|(item, _)| item.clone()).collect();
    let found = results(&world.send(bulk(&key, &all_wrong)).await, wrong.len());
    assert!(found.iter().all(|result| result["httpStatus"] == 400), "{found:?}");
}

fn items_token(client: &Client) -> Value {
    json!({ "token": client.token })
}

async fn a_body_that_is_no_list_of_1_to_10000_items_decides_nothing(world: Arc<World>) {
    let (client, key) = (world.client(20_000).await, world.management_key().await);
    let before = world.state(&world.mine).await;
    let item = items_token(&client).to_string();
    let many = format!("{{\"items\":[{}{item}]}}", format!("{item},").repeat(10_000));
    for (body, message) in [
        ("", "items: is required"),
        ("{}", "items: is required"),
        (r#"{"items":null}"#, "items: must be an array"),
        (r#"{"items":{}}"#, "items: must be an array"),
        (r#"{"items":"x"}"#, "items: must be an array"),
        (r#"{"items":[]}"#, "items: must have 1 to 10000 items"),
        (&many, "items: must have 1 to 10000 items"),
    ] {
        let ask = Ask::post("/v1/tokens/verify").bearer(&key).body(body.to_owned());
        world.send(ask).await.refused(400, "Invalid Request", message);
    }
    let large = format!("{{\"items\":[{item}],\"x\":\"{}\"}}", "x".repeat(4 * 1024 * 1024));
    let ask = Ask::post("/v1/tokens/verify").bearer(&key).body(large);
    world.send(ask).await.refused(
        413,
        "Request Too Large",
        "The body is larger than the 4194304 bytes allowed here.",
    );
    let ask = bulk(&key, &[items_token(&client)]);
    let mut ask = ask.header("content-encoding", "gzip");
    world.send(ask.clone()).await.refused_as(415, "Unsupported Media Type");
    ask.headers.remove("content-encoding");
    ask.headers.insert("content-type", "text/plain".parse().unwrap());
    world.send(ask).await.refused_as(415, "Unsupported Media Type");
    assert_eq!(world.state(&world.mine).await, before);
}

/// Which token, what count and whether it is a dry run.
type Step = (usize, i64, bool);

async fn any_sequence_gets_the_same_verdicts_and_balances_as_single_calls(world: Arc<World>) {
    let key = world.management_key().await;
    let steps = proptest::collection::vec((0..5_usize, 1..8_i64, proptest::bool::weighted(0.2)), 1..40);
    let config = Config { cases: 12, failure_persistence: None, ..Config::default() };
    let sequences = (steps, proptest::collection::vec(0..40_i64, 4));
    TestRunner::new(config)
        .run(&sequences, |(steps, points)| {
            let (single, together) = wait(async {
                let clients = [clients(&world, &points).await, clients(&world, &points).await];
                let single = one_by_one(&world, &clients[0], &steps).await;
                let together = all_at_once(&world, &key, &clients[1], &steps).await;
                (
                    (single, balances(&world, &clients[0]).await),
                    (together, balances(&world, &clients[1]).await),
                )
            });
            prop_assert_eq!(single, together);
            Ok(())
        })
        .unwrap();
}

/// Four accounts of these points; the last one has a second token of three points a call.
async fn clients(world: &World, points: &[i64]) -> Vec<Client> {
    let mut clients = Vec::new();
    for points in points {
        clients.push(world.client(*points).await);
    }
    let account = &clients[3].account;
    let body =
        json!({ "tenantId": world.mine, "environment": "test", "accountId": account, "pointsPerCall": 3 });
    let made = world.operate("POST", "/operator/v1/tokens", body).await;
    let token = made["token"].as_str().unwrap().to_owned();
    clients.push(Client { token, ..clients[3].clone() });
    clients
}

async fn one_by_one(world: &World, clients: &[Client], steps: &[Step]) -> Vec<Value> {
    let mut verdicts = Vec::new();
    for (client, count, is_dry_run) in steps {
        let ask = Ask::post(&format!("/v1/verify?dry_run={is_dry_run}")).bearer(&clients[*client].token);
        let (status, body) = world.send(ask.json(&json!({ "count": count }))).await.essence();
        verdicts.push(merge(json!({ "httpStatus": status }), body));
    }
    verdicts
}

async fn all_at_once(world: &World, key: &str, clients: &[Client], steps: &[Step]) -> Vec<Value> {
    let items: Vec<Value> = steps
        .iter()
        .map(|(client, count, is_dry_run)| {
            json!({ "token": clients[*client].token, "count": count, "dryRun": is_dry_run })
        })
        .collect();
    results(&world.send(bulk(key, &items)).await, steps.len())
}

async fn balances(world: &World, clients: &[Client]) -> Vec<i64> {
    let mut balances = Vec::new();
    for client in clients {
        balances.push(world.balance(&client.account).await);
    }
    balances
}

async fn ten_thousand_items_are_decided_in_order_and_charged_each_once(world: Arc<World>) {
    let (client, other, key) =
        (world.client(9_000).await, world.client(100).await, world.management_key().await);
    let before = world.state(&world.mine).await;
    let mut items = vec![items_token(&client); 10_000];
    items[5_000] = items_token(&other);
    let found = results(&world.send(bulk(&key, &items)).await, 10_000);
    assert_eq!(found[5_000], passed(99));
    let mut left = (0..9_000).rev();
    for (number, result) in found.iter().enumerate().filter(|(number, _)| *number != 5_000) {
        let expected = left.next().map_or_else(|| refused(403, "Quota Exceeded or Banned", EXCEEDED), passed);
        assert_eq!(*result, expected, "item {number}");
    }
    let after = State {
        transfers: before.transfers + 9_001,
        points: before.points - 9_001,
        events: before.events + 1,
        ..before
    };
    assert_eq!(world.state(&world.mine).await, after);
}

async fn a_bulk_call_ignores_an_idempotency_key(world: Arc<World>) {
    let key = world.management_key().await;
    let account = json!({ "points": 9, "idempotency": true });
    let client = world.client_with(&world.mine, account, json!({})).await;
    let before = world.state(&world.mine).await;
    for balance in [8, 7] {
        let ask = bulk(&key, &[items_token(&client)]).header("idempotency-key", "the same");
        assert_eq!(results(&world.send(ask).await, 1), [passed(balance)]);
    }
    let after = State { transfers: before.transfers + 2, points: before.points - 2, ..before };
    assert_eq!(world.state(&world.mine).await, after);
}
