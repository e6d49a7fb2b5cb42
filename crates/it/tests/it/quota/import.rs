//! Tokens that were made elsewhere: taken over whole or not at all, and shown by their last four characters only.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::INVALID;
use crate::fixture::{Ask, Client, State, World, verify};

on_both_engines! {
    an_imported_token_spends_its_accounts_points_and_is_never_shown
    a_thousand_tokens_are_taken_over_in_one_call
    a_token_that_exists_anywhere_is_a_conflict_and_nothing_is_imported
    the_same_tokens_from_many_callers_are_imported_once
    a_text_that_is_no_foreign_token_is_refused_by_its_place
    an_imported_token_is_revoked_and_rotated_like_ours
}

const FOREIGN: &str = "sk_live_51H8xYzFakeFakeFake";

fn import(key: &str, body: &Value) -> Ask {
    Ask::post("/v1/tokens/import").bearer(key).json(body)
}

fn of(client: &Client, token: &str) -> Value {
    json!({ "accountId": client.account, "token": token })
}

async fn an_imported_token_spends_its_accounts_points_and_is_never_shown(world: Arc<World>) {
    let (client, key) = (world.client(10).await, world.management_key().await);
    let before = world.state(&world.mine).await;
    world.send(verify(FOREIGN)).await.refused(403, "Invalid Token", INVALID);
    let body = json!({
        "accountId": client.account, "token": FOREIGN, "pointsPerCall": 3, "label": "gateway",
        "expiresAt": "2026-05-28T21:26:40Z",
    });
    let reply = world.send(import(&key, &body)).await;
    let made = reply.expect(201)["data"][0].clone();
    let expected = json!({
        "id": made["id"], "accountId": client.account, "environment": "test", "pointsPerCall": 3,
        "label": "gateway", "lastFour": "Fake", "createdAt": "2026-05-28T20:26:40.000Z", "lastUsedAt": null,
        "expiresAt": "2026-05-28T21:26:40.000Z", "revokedAt": null, "imported": true,
    });
    assert_eq!(made, expected);
    assert!(!String::from_utf8_lossy(&reply.body).contains(FOREIGN));
    let after = State { tokens: before.tokens + 1, audits: before.audits + 1, ..before };
    assert_eq!(world.state(&world.mine).await, after);
    let audits = world.audits_of(made["id"].as_str().unwrap()).await;
    assert_eq!(audits, [("key".into(), "quota.token.import".into())]);
    assert_eq!(world.send(verify(FOREIGN)).await.expect(200)["balance"], 7);
    world.clock.advance_seconds(3600);
    world.send(verify(FOREIGN)).await.refused_as(403, "Token Expired");
}

async fn a_thousand_tokens_are_taken_over_in_one_call(world: Arc<World>) {
    let (client, key) = (world.client(10).await, world.management_key().await);
    let once = &client.account;
    let tokens: Vec<String> = (0..1000).map(|number| format!("{once}-{number:0>481}")).collect();
    let body = json!({ "accountId": client.account, "tokens": tokens });
    assert!(body.to_string().len() > 500_000);
    let made = world.send(import(&key, &body)).await.expect(201);
    let last_fours: Vec<&str> =
        made["data"].as_array().unwrap().iter().map(|token| token["lastFour"].as_str().unwrap()).collect();
    let expected: Vec<String> = (0..1000).map(|number| format!("{number:0>4}")).collect();
    assert_eq!(last_fours, expected, "in the order of the request");
    assert_eq!(world.audits_of(&format!("1000 tokens of {once}")).await.len(), 1);
    assert_eq!(world.send(verify(&tokens[999])).await.expect(200)["balance"], 9);
    let mut more = tokens.clone();
    more.push("one more than a thousand".replace(' ', "-"));
    let body = json!({ "accountId": client.account, "tokens": more });
    world.send(import(&key, &body)).await.refused(
        400,
        "Invalid Request",
        "tokens: must have 1 to 1000 items",
    );
}

async fn a_token_that_exists_anywhere_is_a_conflict_and_nothing_is_imported(world: Arc<World>) {
    let (client, key) = (world.client(10).await, world.management_key().await);
    let other = world.client_with(&world.other, json!({}), json!({})).await;
    let other_key = world.key(&world.other, json!({ "service": "quota" })).await.secret;
    let unique = |name: &str| format!("{name}-{}", client.account);
    world.send(import(&other_key, &of(&other, &unique("theirs")))).await.expect(201);
    world.send(import(&key, &of(&client, &unique("ours")))).await.expect(201);
    let states = (world.state(&world.mine).await, world.state(&world.other).await);
    for known in ["theirs", "ours"] {
        let reply = world.send(import(&key, &of(&client, &unique(known)))).await;
        reply.refused(409, "Token Exists", "token: exists already; nothing was imported");
        let body = json!({ "accountId": client.account, "tokens": [unique("new"), unique(known)] });
        let reply = world.send(import(&key, &body)).await;
        reply.refused(409, "Token Exists", "tokens.1: exists already; nothing was imported");
    }
    assert_eq!((world.state(&world.mine).await, world.state(&world.other).await), states);
    world.send(verify(&unique("new"))).await.refused(403, "Invalid Token", INVALID);
}

async fn the_same_tokens_from_many_callers_are_imported_once(world: Arc<World>) {
    let (client, key) = (world.client(10).await, world.management_key().await);
    let other = world.restarted(&world.secrets_file).await.public_site();
    let before = world.state(&world.mine).await;
    let tokens: Vec<String> = (0..5).map(|number| format!("raced-{number}-{}", client.account)).collect();
    let mut tasks = JoinSet::new();
    for number in 0..12 {
        let edge = if number % 2 == 0 { world.public().clone() } else { other.clone() };
        let mut tokens = tokens.clone();
        tokens.rotate_left(number % 5);
        let ask = import(&key, &json!({ "accountId": client.account, "tokens": tokens }));
        tasks.spawn(async move { ask.send(&edge).await });
    }
    let replies = tasks.join_all().await;
    let made = replies.iter().filter(|reply| reply.status == 201).count();
    assert_eq!(made, 1, "{replies:?}");
    for reply in replies.iter().filter(|reply| reply.status != 201) {
        // Where transactions are serializable, a call may be told to come again.
        assert!([409, 503].contains(&reply.status), "{reply:?}");
    }
    assert_eq!(world.state(&world.mine).await.tokens, before.tokens + 5);
}

async fn a_text_that_is_no_foreign_token_is_refused_by_its_place(world: Arc<World>) {
    let (client, key) = (world.client(10).await, world.management_key().await);
    let before = world.state(&world.mine).await;
    let form = "must have 24 to 512 printable ASCII characters without a space";
    let ours = "must not begin like a key of this platform: import what was made elsewhere";
    let texts = [
        (String::new(), form),
        ("a".repeat(23), form),
        ("a".repeat(513), form),
        ("a token with spaces in it, long".to_owned(), form),
        ("caf\u{e9}-caf\u{e9}-caf\u{e9}-caf\u{e9}-caf\u{e9}".to_owned(), form),
        ("a\ttoken\twith\ttabs\tin\tit\tall".to_owned(), form),
        (client.token.clone(), ours),
        (key.clone(), ours),
        (format!("xa_live_{}", "0".repeat(32)), ours),
        (format!("XA_Test_{}", "0".repeat(32)), ours),
        (format!("xq_live_{}", "0".repeat(32)), ours),
        (format!("qv_pub_{}", "0".repeat(32)), ours),
        (format!("VG_TEST_{}", "0".repeat(32)), ours),
        (format!("qash_secret_live_{}", "0".repeat(32)), ours),
        (format!("at_test_{}", "0".repeat(32)), ours),
        (world.operator_token(), ours),
    ];
    for (text, wrong) in &texts {
        let reply = world.send(import(&key, &of(&client, text))).await;
        reply.refused(400, "Invalid Request", &format!("token: {wrong}"));
        let body = json!({ "accountId": client.account, "tokens": ["a-good-token-of-24-characters", text] });
        let reply = world.send(import(&key, &body)).await;
        reply.refused(400, "Invalid Request", &format!("tokens.1: {wrong}"));
    }
    let good = "a-good-token-of-24-characters";
    for (fields, message) in [
        (json!({}), "token: is required"),
        (json!({ "token": null }), "token: must be a string"),
        (json!({ "token": 7 }), "token: must be a string"),
        (
            json!({ "token": good, "tokens": [good] }),
            "tokens: must not be sent together with token: send one of them",
        ),
        (json!({ "tokens": null }), "tokens: must be an array"),
        (json!({ "tokens": good }), "tokens: must be an array"),
        (json!({ "tokens": [] }), "tokens: must have 1 to 1000 items"),
        (json!({ "tokens": [null] }), "tokens.0: must be a string"),
        (json!({ "tokens": [good, good] }), "tokens.1: stands in the list before"),
        (json!({ "token": good, "pointsPerCall": 0 }), "pointsPerCall: must be between 1 and 1000000"),
        (json!({ "token": good, "expiresAt": "2020-01-01T00:00:00Z" }), "expiresAt: must lie in the future"),
    ] {
        let body = crate::fixture::merge(json!({ "accountId": client.account }), fields);
        world.send(import(&key, &body)).await.refused(400, "Invalid Request", message);
    }
    assert_eq!(world.state(&world.mine).await, before);
}

async fn an_imported_token_is_revoked_and_rotated_like_ours(world: Arc<World>) {
    let (client, key) = (world.client(10).await, world.management_key().await);
    let text = format!("rotated-{}", client.account);
    let made = world.send(import(&key, &of(&client, &text))).await.expect(201)["data"][0].clone();
    let id = made["id"].as_str().unwrap();
    world.send(verify(&text)).await.expect(200);
    let next = world.send(Ask::post(&format!("/v1/tokens/{id}/rotate")).bearer(&key)).await.expect(201);
    assert_eq!(next["imported"], false);
    assert!(next["token"].as_str().unwrap().starts_with("xa_test_"), "its successor is made here");
    world.send(verify(&text)).await.expect(200);
    world.send(Ask::new("DELETE", &format!("/v1/tokens/{id}")).bearer(&key)).await.expect(200);
    world.send(verify(&text)).await.refused(403, "Invalid Token", INVALID);
    world.send(verify(next["token"].as_str().unwrap())).await.expect(200);
    let again = world.send(import(&key, &of(&client, &text))).await;
    again.refused_as(409, "Token Exists");
}
