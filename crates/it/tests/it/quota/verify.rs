//! `POST /v1/verify`: what passes, what it costs, and what is refused.

use std::sync::Arc;

use base::id::TenantId;
use db::args;
use serde_json::{Value, json};

use super::{BANNED, EXCEEDED, EXPIRED, INVALID};
use crate::fixture::{Ask, State, World, merge, verify};

on_both_engines! {
    a_call_is_charged_once_with_its_request_id_and_answers_what_is_left
    the_cost_is_the_count_times_the_tokens_points
    no_body_an_empty_object_and_unknown_fields_mean_a_count_of_one
    the_end_of_a_token_is_told_in_unix_milliseconds_and_is_exact
    a_balance_of_exactly_the_cost_passes_and_one_point_less_does_not
    tokens_of_one_account_spend_the_same_points
    a_live_token_spends_live_points_and_a_test_token_test_points
    a_revoked_token_is_refused_from_the_answer_on
    a_banned_account_is_refused_until_the_ban_is_lifted
    a_dead_token_is_told_so_before_its_body_is_judged
    a_text_that_is_no_token_of_ours_is_refused_by_its_form_or_as_unknown
    an_idempotency_key_is_ignored_unless_the_account_asked_for_it
    an_answer_carries_the_published_fields_and_no_limit_or_cors_headers
}

fn passed(balance: i64) -> Value {
    json!({ "status": "ok", "remaining": "check-admin", "balance": balance, "expires_at": null })
}

/// The same tables after so many charges of so many points in all, and nothing else.
fn charged(before: &State, charges: i64, points: i64) -> State {
    State { transfers: before.transfers + charges, points: before.points - points, ..before.clone() }
}

async fn a_call_is_charged_once_with_its_request_id_and_answers_what_is_left(world: Arc<World>) {
    let client = world.client(10).await;
    let (before, other) = (world.state(&world.mine).await, world.state(&world.other).await);
    let reply = world.send(verify(&client.token)).await;
    assert_eq!(reply.expect(200), passed(9));
    assert_eq!(world.state(&world.mine).await, charged(&before, 1, 1), "a charge, and no audit row or event");
    assert_eq!(world.state(&world.other).await, other);
    let (tenant_id, request_id): (TenantId, _) = (world.mine.parse().unwrap(), reply.request_id().to_owned());
    let booked = world.app.kernel.db.read(move |tx| {
        const SQL: &str = "SELECT debit_account_id, amount, unit, kind FROM transfer WHERE tenant_id = ?1 AND request_id = ?2";
        Ok(tx.all(SQL, args![tenant_id, &request_id], |row| {
            Ok((row.text(0)?, row.int(1)?, row.text(2)?, row.text(3)?))
        })?)
    });
    let expected = (client.account.clone(), 1, "point".to_owned(), "charge".to_owned());
    assert_eq!(booked.await.unwrap(), [expected]);
    assert_eq!(world.balance(&client.account).await, 9);
}

async fn the_cost_is_the_count_times_the_tokens_points(world: Arc<World>) {
    let account = json!({ "points": 1_000_000_000_000_i64 });
    let client = world.client_with(&world.mine, account, json!({ "pointsPerCall": 1_000_000 })).await;
    let before = world.state(&world.mine).await;
    for (count, left) in [(1, 999_999_000_000_i64), (3, 999_996_000_000), (999_996, 0)] {
        let reply = world.send(verify(&client.token).json(&json!({ "count": count }))).await;
        assert_eq!(reply.expect(200), passed(left), "{count}");
    }
    assert_eq!(world.state(&world.mine).await, charged(&before, 3, 1_000_000_000_000));
    world.send(verify(&client.token)).await.refused(403, "Quota Exceeded or Banned", EXCEEDED);
}

async fn no_body_an_empty_object_and_unknown_fields_mean_a_count_of_one(world: Arc<World>) {
    let client = world.client(10).await;
    let bodies = ["", "{}", " {\n} ", r#"{"count":1}"#, r#"{"Count":9,"points":9,"nested":{"count":9}}"#];
    for (body, left) in bodies.into_iter().zip((5..10).rev()) {
        assert_eq!(world.send(verify(&client.token).body(body)).await.expect(200), passed(left), "{body}");
    }
}

async fn the_end_of_a_token_is_told_in_unix_milliseconds_and_is_exact(world: Arc<World>) {
    // The world starts at 1 780 000 000 s.
    let end = json!({ "expiresAt": "2026-05-28T20:27:40.500Z" });
    let client = world.client_with(&world.mine, json!({ "points": 10 }), end).await;
    let told = merge(passed(9), json!({ "expires_at": 1_780_000_060_500_i64 }));
    assert_eq!(world.send(verify(&client.token)).await.expect(200), told);
    world.clock.advance_seconds(60);
    world.send(verify(&client.token)).await.expect(200);
    let before = world.state(&world.mine).await;
    world.clock.advance_seconds(1);
    world.send(verify(&client.token)).await.refused(403, "Token Expired", EXPIRED);
    world.send(verify(&client.token).json(&json!({ "count": 0 }))).await.refused(
        403,
        "Token Expired",
        EXPIRED,
    );
    assert_eq!(world.state(&world.mine).await, before);
}

async fn a_balance_of_exactly_the_cost_passes_and_one_point_less_does_not(world: Arc<World>) {
    let client = world.client_with(&world.mine, json!({ "points": 14 }), json!({ "pointsPerCall": 5 })).await;
    let before = world.state(&world.mine).await;
    let three = verify(&client.token).json(&json!({ "count": 3 }));
    world.send(three).await.refused(403, "Quota Exceeded or Banned", EXCEEDED);
    let told = State { events: before.events + 1, ..before };
    assert_eq!(world.state(&world.mine).await, told, "nothing but the event balance.exhausted");
    let two = verify(&client.token).json(&json!({ "count": 2 }));
    assert_eq!(world.send(two).await.expect(200), passed(4), "a refused call does not stand in the way");
    world.send(verify(&client.token)).await.refused(403, "Quota Exceeded or Banned", EXCEEDED);
    let exact = world.client(3).await;
    let three = verify(&exact.token).json(&json!({ "count": 3 }));
    assert_eq!(world.send(three).await.expect(200), passed(0));
}

async fn tokens_of_one_account_spend_the_same_points(world: Arc<World>) {
    let first = world.client(5).await;
    let body = json!({ "accountId": first.account, "pointsPerCall": 2 });
    let key = world.management_key().await;
    let made = world.send(Ask::post("/v1/tokens").bearer(&key).json(&body)).await.expect(201);
    let second = made["token"].as_str().unwrap();
    assert_eq!(world.send(verify(&first.token)).await.expect(200), passed(4));
    assert_eq!(world.send(verify(second)).await.expect(200), passed(2));
    assert_eq!(world.send(verify(second)).await.expect(200), passed(0));
    world.send(verify(&first.token)).await.refused(403, "Quota Exceeded or Banned", EXCEEDED);
}

async fn a_live_token_spends_live_points_and_a_test_token_test_points(world: Arc<World>) {
    let test = world.client(10).await;
    let live = json!({ "environment": "live", "points": 10 });
    let live = world.client_with(&world.mine, live, json!({})).await;
    assert!(test.token.starts_with("xa_test_") && live.token.starts_with("xa_live_"));
    assert_eq!(world.send(verify(&live.token)).await.expect(200), passed(9));
    assert_eq!(world.balance(&test.account).await, 10);
    let summary = |environment: &str| {
        let path = format!(
            "/operator/v1/ledger/summary?unit=point&environment={environment}&tenantId={}",
            world.mine
        );
        let world = Arc::clone(&world);
        async move { world.operate("GET", &path, Value::Null).await }
    };
    assert_eq!(summary("test").await["charged"], 0);
    assert_eq!(summary("live").await["charged"], 1);
    let body = json!({ "accountId": live.account });
    let key = world.management_key().await;
    let across = world.send(Ask::post("/v1/tokens").bearer(&key).json(&body)).await;
    across.refused(404, "Not Found", "There is no such account.");
}

async fn a_revoked_token_is_refused_from_the_answer_on(world: Arc<World>) {
    let client = world.client(10).await;
    world.send(verify(&client.token)).await.expect(200);
    let key = world.management_key().await;
    let path = format!("/v1/tokens/{}", client.token_id);
    let revoked = world.send(Ask::new("DELETE", &path).bearer(&key)).await.expect(200);
    assert_eq!(revoked["revokedAt"], "2026-05-28T20:26:40.000Z");
    assert_eq!(revoked.get("token"), None, "the secret is shown once");
    let before = world.state(&world.mine).await;
    world.send(verify(&client.token)).await.refused(403, "Invalid Token", INVALID);
    world.clock.advance_seconds(1000);
    world.send(verify(&client.token)).await.refused(403, "Invalid Token", INVALID);
    assert_eq!(world.state(&world.mine).await, before);
    world.clock.advance_seconds(1);
    let again = world.send(Ask::new("DELETE", &path).bearer(&key)).await.expect(200);
    assert_eq!(again["revokedAt"], revoked["revokedAt"], "a second revocation moves nothing");
}

async fn a_banned_account_is_refused_until_the_ban_is_lifted(world: Arc<World>) {
    let client = world.client(10).await;
    let bystander = world.client(10).await;
    let key = world.management_key().await;
    let ban = |banned: bool| {
        Ask::new("PATCH", &format!("/v1/accounts/{}", client.account))
            .bearer(&key)
            .json(&json!({ "banned": banned }))
    };
    let shown = world.send(ban(true)).await.expect(200);
    assert_eq!((&shown["banned"], &shown["balance"]), (&json!(true), &json!(10)));
    let before = world.state(&world.mine).await;
    world.send(verify(&client.token)).await.refused(403, "Quota Exceeded or Banned", BANNED);
    assert_eq!(world.state(&world.mine).await, before);
    assert_eq!(world.send(verify(&bystander.token)).await.expect(200), passed(9));
    assert_eq!(world.send(ban(false)).await.expect(200)["banned"], json!(false));
    assert_eq!(world.send(verify(&client.token)).await.expect(200), passed(9));
}

async fn a_dead_token_is_told_so_before_its_body_is_judged(world: Arc<World>) {
    let client = world.client(10).await;
    let bad = || verify(&client.token).body("not JSON");
    world.send(bad()).await.refused_as(400, "Invalid Request");
    let key = world.management_key().await;
    world.send(Ask::new("DELETE", &format!("/v1/tokens/{}", client.token_id)).bearer(&key)).await.expect(200);
    world.send(bad()).await.refused(403, "Invalid Token", INVALID);
    world.send(verify(&"x".repeat(40)).body("not JSON")).await.refused(403, "Invalid Token", INVALID);
    let suspended = world.client(10).await;
    world.set_status(&world.mine, "suspended").await;
    let reply = world.send(verify(&suspended.token).body("not JSON")).await;
    reply.refused(403, "Quota Exceeded or Banned", BANNED);
}

async fn a_text_that_is_no_token_of_ours_is_refused_by_its_form_or_as_unknown(world: Arc<World>) {
    let before = world.state(&world.mine).await;
    let mut texts: Vec<String> = [23, 24, 512, 513, 8000].map(|length| "k".repeat(length)).to_vec();
    texts.extend(
        ["a token with spaces in the middle of it", "sk_live_0123456789abcdefghijklmn"].map(str::to_owned),
    );
    texts.extend(
        ["xq_test_", "vg_live_", "qash_key_test_", "at_live_", "qv_pub_"]
            .map(|prefix| format!("{prefix}{}", "0".repeat(32))),
    );
    for text in texts {
        world.send(verify(&text)).await.refused(403, "Invalid Token", INVALID);
    }
    assert_eq!(world.state(&world.mine).await, before);
}

async fn an_idempotency_key_is_ignored_unless_the_account_asked_for_it(world: Arc<World>) {
    let client = world.client(10).await;
    let before = world.state(&world.mine).await;
    for (position, key) in ["pinned", "pinned", "", "caf\u{e9}", &"x".repeat(300)].into_iter().enumerate() {
        let reply = world.send(verify(&client.token).header("idempotency-key", key)).await;
        assert_eq!(reply.expect(200), passed(9 - i64::try_from(position).unwrap()));
    }
    let twice = verify(&client.token).header("idempotency-key", "a").header("idempotency-key", "b");
    assert_eq!(world.send(twice).await.expect(200), passed(4));
    assert_eq!(world.state(&world.mine).await, charged(&before, 6, 6));
}

async fn an_answer_carries_the_published_fields_and_no_limit_or_cors_headers(world: Arc<World>) {
    let client = world.client(10).await;
    let own_id = verify(&client.token).header("x-request-id", "mine").header("origin", "https://example.com");
    let reply = world.send(own_id).await;
    assert_eq!(reply.body, r#"{"status":"ok","remaining":"check-admin","balance":9,"expires_at":null}"#);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_ne!(reply.request_id(), "mine");
    for name in ["ratelimit", "ratelimit-policy", "access-control-allow-origin", "vary", "set-cookie"] {
        assert_eq!(reply.header(name), None, "{name}");
    }
}
