//! Idempotency-Keys at `POST /v1/verify`, for accounts that were created with them.

use std::sync::Arc;

use serde_json::json;

use super::{BANNED, EXCEEDED, EXPIRED, INVALID, REUSED};
use crate::fixture::{Ask, Client, State, World, verify};

on_both_engines! {
    the_same_key_and_count_is_charged_once_and_answered_the_same
    another_count_under_a_charged_key_is_a_conflict_and_takes_nothing
    a_refused_call_frees_its_key_for_any_count
    a_key_is_forgotten_after_exactly_a_day
    the_same_key_at_two_accounts_is_two_keys
    a_key_belongs_to_the_account_and_survives_the_rotation_of_its_token
    no_saved_answer_lets_a_dead_token_or_a_banned_account_pass
    an_ill_formed_key_is_a_400_and_takes_nothing
    a_key_in_quotes_is_the_same_key
    a_call_without_a_key_is_charged_every_time
}

async fn client(world: &World, points: i64) -> Client {
    world.client_with(&world.mine, json!({ "points": points, "idempotency": true }), json!({})).await
}

fn keyed(client: &Client, key: &str, count: i64) -> Ask {
    verify(&client.token).header("idempotency-key", key).json(&json!({ "count": count }))
}

async fn the_same_key_and_count_is_charged_once_and_answered_the_same(world: Arc<World>) {
    let client = client(&world, 10).await;
    let before = world.state(&world.mine).await;
    let first = world.send(keyed(&client, "k", 3)).await;
    first.expect(200);
    for _ in 0..3 {
        let again = world.send(keyed(&client, "k", 3)).await;
        assert_eq!(again.essence(), first.essence());
        assert_ne!(again.request_id(), first.request_id());
    }
    let bare = verify(&client.token).header("idempotency-key", "k2");
    assert_eq!(world.send(bare.clone()).await.expect(200)["balance"], 6);
    assert_eq!(
        world.send(bare.json(&json!({ "count": 1 }))).await.expect(200)["balance"],
        6,
        "no body is a count of 1"
    );
    let after = State {
        transfers: before.transfers + 2,
        points: before.points - 4,
        replies: before.replies + 2,
        ..before
    };
    assert_eq!(world.state(&world.mine).await, after);
}

async fn another_count_under_a_charged_key_is_a_conflict_and_takes_nothing(world: Arc<World>) {
    let client = client(&world, 10).await;
    let first = world.send(keyed(&client, "k", 3)).await;
    let before = world.state(&world.mine).await;
    for count in [1, 2, 4, 100] {
        world.send(keyed(&client, "k", count)).await.refused(409, "Idempotency Conflict", REUSED);
    }
    assert_eq!(world.state(&world.mine).await, before);
    assert_eq!(
        world.send(keyed(&client, "k", 3)).await.essence(),
        first.essence(),
        "the first answer stands"
    );
}

async fn a_refused_call_frees_its_key_for_any_count(world: Arc<World>) {
    let client = client(&world, 2).await;
    let before = world.state(&world.mine).await;
    world.send(keyed(&client, "k", 3)).await.refused(403, "Quota Exceeded or Banned", EXCEEDED);
    world.send(keyed(&client, "k", 0)).await.refused_as(400, "Invalid Request");
    assert_eq!(world.state(&world.mine).await, State { events: before.events + 1, ..before });
    assert_eq!(world.send(keyed(&client, "k", 2)).await.expect(200)["balance"], 0);
    assert_eq!(
        world.send(keyed(&client, "k", 2)).await.expect(200)["balance"],
        0,
        "answered from an empty account"
    );
}

async fn a_key_is_forgotten_after_exactly_a_day(world: Arc<World>) {
    let client = client(&world, 10).await;
    world.send(keyed(&client, "k", 1)).await.expect(200);
    world.clock.advance_seconds(24 * 3600 - 1);
    assert_eq!(world.send(keyed(&client, "k", 1)).await.expect(200)["balance"], 9);
    world.clock.advance_seconds(1);
    assert_eq!(
        world.send(keyed(&client, "k", 4)).await.expect(200)["balance"],
        5,
        "charged anew, with any count"
    );
    world.send(keyed(&client, "k", 1)).await.refused(409, "Idempotency Conflict", REUSED);
}

async fn the_same_key_at_two_accounts_is_two_keys(world: Arc<World>) {
    let (one, two) = (client(&world, 10).await, client(&world, 20).await);
    assert_eq!(world.send(keyed(&one, "k", 1)).await.expect(200)["balance"], 9);
    assert_eq!(world.send(keyed(&two, "k", 5)).await.expect(200)["balance"], 15);
    assert_eq!(world.send(keyed(&one, "k", 1)).await.expect(200)["balance"], 9);
    let elsewhere = json!({ "points": 30, "idempotency": true });
    let three = world.client_with(&world.other, elsewhere, json!({})).await;
    assert_eq!(world.send(keyed(&three, "k", 7)).await.expect(200)["balance"], 23);
}

async fn a_key_belongs_to_the_account_and_survives_the_rotation_of_its_token(world: Arc<World>) {
    let client = client(&world, 10).await;
    let first = world.send(keyed(&client, "k", 3)).await;
    let path = format!("/v1/tokens/{}/rotate", client.token_id);
    let made = world.send(Ask::post(&path).bearer(&world.management_key().await)).await.expect(201);
    let next = Client { token: made["token"].as_str().unwrap().to_owned(), ..client.clone() };
    assert_eq!(world.send(keyed(&next, "k", 3)).await.essence(), first.essence());
    assert_eq!(world.balance(&client.account).await, 7);
}

async fn no_saved_answer_lets_a_dead_token_or_a_banned_account_pass(world: Arc<World>) {
    let key = world.management_key().await;
    let end = json!({ "expiresAt": "2026-05-28T20:27:00Z" });
    let account = json!({ "points": 10, "idempotency": true });
    let expiring = world.client_with(&world.mine, account, end).await;
    let (revoked, banned) = (client(&world, 10).await, client(&world, 10).await);
    for client in [&expiring, &revoked, &banned] {
        world.send(keyed(client, "k", 1)).await.expect(200);
    }
    world.clock.advance_seconds(60);
    world
        .send(Ask::new("DELETE", &format!("/v1/tokens/{}", revoked.token_id)).bearer(&key))
        .await
        .expect(200);
    let ban = Ask::new("PATCH", &format!("/v1/accounts/{}", banned.account)).bearer(&key);
    world.send(ban.json(&json!({ "banned": true }))).await.expect(200);
    world.send(keyed(&expiring, "k", 1)).await.refused(403, "Token Expired", EXPIRED);
    world.send(keyed(&revoked, "k", 1)).await.refused(403, "Invalid Token", INVALID);
    world.send(keyed(&banned, "k", 1)).await.refused(403, "Quota Exceeded or Banned", BANNED);
}

async fn an_ill_formed_key_is_a_400_and_takes_nothing(world: Arc<World>) {
    let client = client(&world, 10).await;
    let before = world.state(&world.mine).await;
    for key in ["", " ", "\"\"", "caf\u{e9}", "tab\there", &"x".repeat(256)] {
        world.send(keyed(&client, key, 1)).await.refused_as(400, "Invalid Request");
    }
    let twice = keyed(&client, "a", 1).header("idempotency-key", "a");
    world.send(twice).await.refused_as(400, "Invalid Request");
    assert_eq!(world.state(&world.mine).await, before);
    assert_eq!(world.send(keyed(&client, &"x".repeat(255), 1)).await.expect(200)["balance"], 9);
}

async fn a_key_in_quotes_is_the_same_key(world: Arc<World>) {
    let client = client(&world, 10).await;
    world.send(keyed(&client, "k", 1)).await.expect(200);
    assert_eq!(world.send(keyed(&client, "\"k\"", 1)).await.expect(200)["balance"], 9);
    assert_eq!(world.send(keyed(&client, "K", 1)).await.expect(200)["balance"], 8, "case matters");
}

async fn a_call_without_a_key_is_charged_every_time(world: Arc<World>) {
    let client = client(&world, 10).await;
    for left in (7..10).rev() {
        assert_eq!(world.send(verify(&client.token)).await.expect(200)["balance"], left);
    }
}
