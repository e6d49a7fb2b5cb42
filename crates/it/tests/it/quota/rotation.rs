//! A rotated token works for exactly 15 minutes more, on the same points.

use std::sync::Arc;

use serde_json::{Value, json};

use super::INVALID;
use crate::fixture::{Ask, Client, State, World, verify};

on_both_engines! {
    rotation_mints_no_points_and_both_tokens_spend_the_same_balance
    a_rotated_token_works_for_exactly_15_minutes
    the_next_token_inherits_what_the_first_one_was
    a_retried_rotation_does_not_kill_the_deployed_token
    a_second_rotation_after_use_ends_the_older_token_at_once
    a_token_that_is_dead_is_not_rotated
    a_rotation_with_the_same_idempotency_key_gives_the_same_token
    revoking_one_token_of_a_lineage_leaves_the_other
    a_third_rotation_does_not_put_off_the_deadline_of_the_first_token
}

async fn rotate(world: &World, token_id: &str) -> Client {
    let key = world.management_key().await;
    let made = world.send(Ask::post(&format!("/v1/tokens/{token_id}/rotate")).bearer(&key)).await.expect(201);
    client_of(&made)
}

fn client_of(made: &Value) -> Client {
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    Client { account: text("accountId"), token_id: text("id"), token: text("token") }
}

async fn assert_works(world: &World, token: &str) {
    world.send(verify(token)).await.expect(200);
}

async fn assert_dead(world: &World, token: &str) {
    world.send(verify(token)).await.refused(403, "Invalid Token", INVALID);
}

async fn rotation_mints_no_points_and_both_tokens_spend_the_same_balance(world: Arc<World>) {
    let old = world.client(10).await;
    world.management_key().await;
    let before = world.state(&world.mine).await;
    let new = rotate(&world, &old.token_id).await;
    assert_ne!(new.token, old.token);
    assert_eq!(new.account, old.account);
    let expected = State {
        tokens: before.tokens + 1,
        tokens_ended: before.tokens_ended + 1,
        // The key that rotates, and the rotation.
        keys: before.keys + 1,
        audits: before.audits + 2,
        ..before
    };
    assert_eq!(world.state(&world.mine).await, expected);
    assert_eq!(world.audits_of(&new.token_id).await, [("key".into(), "quota.token.rotate".into())]);
    assert_eq!(world.send(verify(&old.token)).await.expect(200)["balance"], 9);
    assert_eq!(world.send(verify(&new.token)).await.expect(200)["balance"], 8);
    assert_eq!(world.balance(&old.account).await, 8);
}

async fn a_rotated_token_works_for_exactly_15_minutes(world: Arc<World>) {
    let old = world.client(10).await;
    let new = rotate(&world, &old.token_id).await;
    world.clock.advance_seconds(15 * 60 - 1);
    assert_works(&world, &old.token).await;
    world.clock.advance_seconds(1);
    assert_dead(&world, &old.token).await;
    assert_works(&world, &new.token).await;
    world.clock.advance_seconds(1_000_000);
    assert_dead(&world, &old.token).await;
    assert_works(&world, &new.token).await;
}

async fn the_next_token_inherits_what_the_first_one_was(world: Arc<World>) {
    let special = json!({ "pointsPerCall": 3, "label": "door", "expiresAt": "2027-01-01T00:00:00Z" });
    let old = world.client_with(&world.mine, json!({ "points": 10 }), special).await;
    let key = world.management_key().await;
    let path = format!("/v1/tokens/{}/rotate", old.token_id);
    let made = world.send(Ask::post(&path).bearer(&key)).await.expect(201);
    let shown = [&made["pointsPerCall"], &made["label"], &made["expiresAt"], &made["revokedAt"]];
    assert_eq!(shown, [&json!(3), &json!("door"), &json!("2027-01-01T00:00:00.000Z"), &Value::Null]);
    assert_eq!(world.send(verify(&client_of(&made).token)).await.expect(200)["balance"], 7);
}

async fn a_retried_rotation_does_not_kill_the_deployed_token(world: Arc<World>) {
    let deployed = world.client(10).await;
    let lost = rotate(&world, &deployed.token_id).await;
    world.clock.advance_seconds(300);
    let kept = rotate(&world, &deployed.token_id).await;
    assert_dead(&world, &lost.token).await;
    assert_works(&world, &deployed.token).await;
    assert_works(&world, &kept.token).await;
    world.clock.advance_seconds(599);
    assert_works(&world, &deployed.token).await;
    world.clock.advance_seconds(1);
    assert_dead(&world, &deployed.token).await;
    assert_works(&world, &kept.token).await;
}

async fn a_second_rotation_after_use_ends_the_older_token_at_once(world: Arc<World>) {
    let first = world.client(10).await;
    let second = rotate(&world, &first.token_id).await;
    assert_works(&world, &second.token).await;
    let third = rotate(&world, &second.token_id).await;
    assert_dead(&world, &first.token).await;
    assert_works(&world, &second.token).await;
    assert_works(&world, &third.token).await;
    world.clock.advance_seconds(15 * 60);
    assert_dead(&world, &second.token).await;
    assert_works(&world, &third.token).await;
}

async fn a_token_that_is_dead_is_not_rotated(world: Arc<World>) {
    let key = world.management_key().await;
    let end = json!({ "expiresAt": "2026-05-28T20:27:00Z" });
    let expired = world.client_with(&world.mine, json!({ "points": 10 }), end).await;
    let revoked = world.client(10).await;
    world
        .send(Ask::new("DELETE", &format!("/v1/tokens/{}", revoked.token_id)).bearer(&key))
        .await
        .expect(200);
    world.clock.advance_seconds(60);
    let before = world.state(&world.mine).await;
    for client in [&expired, &revoked] {
        let reply =
            world.send(Ask::post(&format!("/v1/tokens/{}/rotate", client.token_id)).bearer(&key)).await;
        reply.refused(409, "Conflict", "Only a live token can be rotated. Create a new one.");
    }
    assert_eq!(world.state(&world.mine).await, before);
}

async fn a_rotation_with_the_same_idempotency_key_gives_the_same_token(world: Arc<World>) {
    let old = world.client(10).await;
    let key = world.management_key().await;
    let ask =
        Ask::post(&format!("/v1/tokens/{}/rotate", old.token_id)).bearer(&key).header("idempotency-key", "k");
    let first = world.send(ask.clone()).await;
    first.expect(201);
    let before = world.state(&world.mine).await;
    assert_eq!(world.send(ask).await.essence(), first.essence());
    assert_eq!(world.state(&world.mine).await, before);
}

async fn revoking_one_token_of_a_lineage_leaves_the_other(world: Arc<World>) {
    let old = world.client(10).await;
    let new = rotate(&world, &old.token_id).await;
    let key = world.management_key().await;
    world.send(Ask::new("DELETE", &format!("/v1/tokens/{}", old.token_id)).bearer(&key)).await.expect(200);
    assert_dead(&world, &old.token).await;
    assert_works(&world, &new.token).await;
}

async fn a_third_rotation_does_not_put_off_the_deadline_of_the_first_token(world: Arc<World>) {
    let first = world.client(10).await;
    let second = rotate(&world, &first.token_id).await;
    let key = world.management_key().await;
    world.send(Ask::new("DELETE", &format!("/v1/tokens/{}", second.token_id)).bearer(&key)).await.expect(200);
    world.clock.advance_seconds(600);
    let third = rotate(&world, &first.token_id).await;
    world.clock.advance_seconds(300);
    assert_dead(&world, &first.token).await;
    assert_works(&world, &third.token).await;
}
