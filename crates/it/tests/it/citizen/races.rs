//! Many callers at once: one charge for one key, no credit spent twice, and none after an end was answered.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base::Environment;
use serde_json::json;
use tokio::task::JoinSet;
use web::Edge;

use super::{ask, id_of, key, leave_credits, pay};
use crate::fixture::{Ask, Reply, State, World};

on_both_engines! {
    the_same_key_from_64_callers_on_two_nodes_is_charged_once
    the_same_question_without_a_key_is_bought_once
    the_last_credits_raced_are_spent_exactly
    after_a_suspension_is_answered_no_verification_commits
    after_a_revocation_is_answered_no_verification_of_the_key_commits
}

/// Sends all of them at once, by turns to two nodes, and gives the answers in no order.
async fn at_once(world: &Arc<World>, asks: impl IntoIterator<Item = Ask>) -> Vec<Reply> {
    let second = world.restarted(&world.secrets_file).await.public_site();
    let mut tasks = JoinSet::new();
    for (number, ask) in asks.into_iter().enumerate() {
        let edge = if number % 2 == 0 { world.public().clone() } else { second.clone() };
        tasks.spawn(async move { answered(&edge, ask).await });
    }
    tasks.join_all().await
}

/// Where transactions are serializable, a call may be told to come again.
async fn answered(edge: &Edge, ask: Ask) -> Reply {
    for _ in 0..50 {
        let reply = ask.clone().send(edge).await;
        if reply.status != 503 {
            return reply;
        }
    }
    panic!("503 again and again: {ask:?}")
}

async fn the_same_key_from_64_callers_on_two_nodes_is_charged_once(world: Arc<World>) {
    let key = key(&world, "test").await;
    for question in
        [json!({ "nationalId": "10000000001" }), json!({ "nationalId": "10000000002", "maxAgeSeconds": 0 })]
    {
        let before = world.state(&world.mine).await;
        let name = format!("sixty-four {}", question["nationalId"]);
        let asks = (0..64).map(|_| ask(&key, &question).header("idempotency-key", &name));
        let replies = at_once(&world, asks).await;
        let ids: BTreeSet<String> = replies
            .iter()
            .map(|reply| {
                reply.expect(200);
                id_of(reply)
            })
            .collect();
        assert_eq!(ids.len(), 1);
        let originals = replies.iter().filter(|reply| reply.header("idempotent-replay").is_none());
        assert_eq!(originals.count(), 1);
        let after = world.state(&world.mine).await;
        let expected = State {
            transfers: before.transfers + 1,
            credits: before.credits - 1,
            verifications: before.verifications + 1,
            audits: before.audits + 1,
            events: before.events + 1,
            replies: before.replies + 1,
            ..before
        };
        assert_eq!(after, expected);
    }
}

async fn the_same_question_without_a_key_is_bought_once(world: Arc<World>) {
    let key = key(&world, "test").await;
    let before = world.state(&world.mine).await;
    let replies = at_once(&world, (0..32).map(|_| ask(&key, &json!({ "nationalId": "10000000001" })))).await;
    let bought = replies.iter().filter(|reply| reply.expect(200)["cached"] == false);
    assert_eq!(bought.count(), 1);
    let after = world.state(&world.mine).await;
    assert_eq!((after.credits, after.verifications), (before.credits - 1, before.verifications + 32));
}

async fn the_last_credits_raced_are_spent_exactly(world: Arc<World>) {
    let key = key(&world, "test").await;
    for left in [0, 1, 7] {
        leave_credits(&world, Environment::Test, left).await;
        let before = world.state(&world.mine).await;
        let asks =
            (0..40).map(|number| ask(&key, &json!({ "nationalId": format!("7000000{left}{number:03}") })));
        let replies = at_once(&world, asks).await;
        let (passed, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
        assert_eq!(
            (passed.len(), refused.len()),
            (usize::try_from(left).unwrap(), 40 - usize::try_from(left).unwrap())
        );
        assert!(refused.iter().all(|reply| reply.expect(402)["code"] == "INSUFFICIENT_CREDITS"));
        let after = world.state(&world.mine).await;
        assert_eq!((after.credits, after.transfers), (before.credits - left, before.transfers + left));
        assert_eq!(after.verifications, before.verifications + left);
        assert_eq!(after.events, before.events + 40, "each of them is told");
        pay(&world, "test", 100).await;
    }
}

async fn after_a_suspension_is_answered_no_verification_commits(world: Arc<World>) {
    let key = key(&world, "test").await;
    let path = format!("/operator/v1/tenants/{}/status", world.mine);
    ended_while_verifying(&world, &key, Ask::post(&path).json(&json!({ "status": "suspended" }))).await;
}

async fn after_a_revocation_is_answered_no_verification_of_the_key_commits(world: Arc<World>) {
    let body = json!({ "service": "citizen", "rateLimitPerMinute": 0 });
    let key = world.key(&world.mine, body).await;
    let path = format!("/operator/v1/keys/{}?environment=test&tenantId={}", key.id, world.mine);
    ended_while_verifying(&world, &key.secret, Ask::new("DELETE", &path)).await;
}

/// Verifies through two nodes, ends it through the second, and looks at the tables at the answer and at the end.
async fn ended_while_verifying(world: &Arc<World>, key: &str, end: Ask) {
    let second = world.restarted(&world.secrets_file).await;
    let (public, private) = (second.public_site(), second.private_edge(second.operator_site()));
    let before = world.state(&world.mine).await;
    let ended = Arc::new(AtomicBool::new(false));
    let mut callers = JoinSet::new();
    for number in 0..8 {
        let edge = if number % 2 == 0 { world.public().clone() } else { public.clone() };
        let question = json!({ "nationalId": format!("8000000000{number}"), "maxAgeSeconds": 0 });
        callers.spawn(hammer(edge, ask(key, &question), Arc::clone(&ended)));
    }
    while world.state(&world.mine).await.verifications == before.verifications {
        tokio::task::yield_now().await;
    }
    let answer = answered(&private, end.bearer(&world.operator_token())).await;
    ended.store(true, Ordering::SeqCst);
    let at_the_answer = world.state(&world.mine).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let passed: i64 = callers.join_all().await.into_iter().sum();
    let after = world.state(&world.mine).await;
    assert_eq!(after, at_the_answer);
    assert_eq!(
        (before.credits - after.credits, after.verifications - before.verifications),
        (passed, passed)
    );
}

/// Asks until the end is known and for some calls after it; none of those may pass. Gives how many passed before.
async fn hammer(edge: Edge, ask: Ask, ended: Arc<AtomicBool>) -> i64 {
    let (mut passed, mut after) = (0, 0);
    while after < 5 {
        let was_ended = ended.load(Ordering::SeqCst);
        let reply = ask.clone().send(&edge).await;
        match reply.status {
            200 => {
                assert!(!was_ended, "a call that began after the answer passed");
                passed += 1;
            }
            status => assert!([401, 403, 503].contains(&status), "{reply:?}"),
        }
        after += usize::from(was_ended);
    }
    passed
}
