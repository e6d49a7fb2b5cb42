//! Revoking, banning and suspending while calls are charged: after the acknowledgement nothing commits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kernel::Clock;
use serde_json::json;
use tokio::task::JoinSet;
use web::Edge;

use crate::fixture::{Ask, Client, START, World, verify};

on_both_engines! {
    after_a_revocation_is_answered_no_charge_of_the_token_commits
    after_a_ban_is_answered_no_charge_to_the_account_commits
    after_a_suspension_is_answered_no_charge_of_the_tenant_commits
    what_was_ended_stays_ended_on_a_node_whose_clock_is_behind
}

const CALLERS: usize = 16;
/// Calls that each caller sends after it has seen the end: enough to go through every node's queue again.
const AFTER: usize = 5;
/// An end under load may be told to repeat, but not for ever.
const ATTEMPTS_MAX: usize = 5;

async fn after_a_revocation_is_answered_no_charge_of_the_token_commits(world: Arc<World>) {
    let key = world.management_key().await;
    ended_while_charging(&world, |client| {
        Ask::new("DELETE", &format!("/v1/tokens/{}", client.token_id)).bearer(&key)
    })
    .await;
}

async fn after_a_ban_is_answered_no_charge_to_the_account_commits(world: Arc<World>) {
    let key = world.management_key().await;
    ended_while_charging(&world, |client| {
        let ask = Ask::new("PATCH", &format!("/v1/accounts/{}", client.account)).bearer(&key);
        ask.json(&json!({ "banned": true }))
    })
    .await;
}

async fn after_a_suspension_is_answered_no_charge_of_the_tenant_commits(world: Arc<World>) {
    let token = world.operator_token();
    ended_while_charging(&world, |_| {
        let ask = Ask::post(&format!("/operator/v1/tenants/{}/status", world.mine)).bearer(&token);
        ask.json(&json!({ "status": "suspended" }))
    })
    .await;
    let suspended = ("operator".to_owned(), "platform.tenant.set_status".to_owned());
    assert!(world.audits_of(&world.mine).await.contains(&suspended));
}

/// Charges through two nodes, ends it through the second, and looks at the ledger at the answer and at the end.
async fn ended_while_charging(world: &Arc<World>, end: impl Fn(&Client) -> Ask) {
    let second = world.restarted(&world.secrets_file).await;
    let (public, private) = (second.public_site(), second.private_edge(second.operator_site()));
    for round in 0..3 {
        let client = world.client(1_000_000).await;
        let ended = Arc::new(AtomicBool::new(false));
        let mut callers = JoinSet::new();
        for number in 0..CALLERS {
            let edge = if number % 2 == 0 { world.public().clone() } else { public.clone() };
            callers.spawn(hammer(edge, verify(&client.token), Arc::clone(&ended)));
        }
        // The load is under way once something was charged.
        while world.balance(&client.account).await == 1_000_000 {
            tokio::task::yield_now().await;
        }
        let ask = end(&client);
        let edge = if ask.path.starts_with("/operator/") { &private } else { &public };
        let mut answer = ask.clone().send(edge).await;
        for _ in 1..ATTEMPTS_MAX {
            if answer.status == 503 {
                answer = ask.clone().send(edge).await;
            }
        }
        ended.store(true, Ordering::SeqCst);
        let at_the_answer = world.balance(&client.account).await;
        assert_eq!(answer.status, 200, "round {round}: {answer:?}");
        let passed: usize = callers.join_all().await.into_iter().sum();
        assert_eq!(world.balance(&client.account).await, at_the_answer, "round {round}");
        assert_eq!(1_000_000 - at_the_answer, i64::try_from(passed).unwrap(), "every 200 is a charge");
        world.set_status(&world.mine, "active").await;
    }
}

/// Calls until the end is known and for some calls after it; none of those may pass. Gives how many did pass before.
async fn hammer(edge: Edge, ask: Ask, ended: Arc<AtomicBool>) -> usize {
    let (mut passed, mut after) = (0, 0);
    while after < AFTER {
        let was_ended = ended.load(Ordering::SeqCst);
        let reply = ask.clone().send(&edge).await;
        match reply.status {
            200 => {
                assert!(!was_ended, "a call that began after the answer passed");
                passed += 1;
            }
            // Where transactions are serializable, a call may be told to come again.
            status => assert!([403, 503].contains(&status), "{reply:?}"),
        }
        after += usize::from(was_ended);
    }
    passed
}

async fn what_was_ended_stays_ended_on_a_node_whose_clock_is_behind(world: Arc<World>) {
    let key = world.management_key().await;
    let ahead = world.another_node(Clock::manual(START.plus_seconds(1))).await.public_site();
    let (revoked, replaced, banned) =
        (world.client(10).await, world.client(10).await, world.client(10).await);
    let rotate = |client: &Client| Ask::post(&format!("/v1/tokens/{}/rotate", client.token_id)).bearer(&key);
    let unused = rotate(&replaced).send(&ahead).await.expect(201)["token"].as_str().unwrap().to_owned();
    rotate(&replaced).send(&ahead).await.expect(201);
    Ask::new("DELETE", &format!("/v1/tokens/{}", revoked.token_id))
        .bearer(&key)
        .send(&ahead)
        .await
        .expect(200);
    let ban = Ask::new("PATCH", &format!("/v1/accounts/{}", banned.account)).bearer(&key);
    ban.json(&json!({ "banned": true })).send(&ahead).await.expect(200);

    let before = world.state(&world.mine).await;
    for token in [&revoked.token, &unused] {
        world.send(verify(token)).await.refused_as(403, "Invalid Token");
    }
    world.send(verify(&banned.token)).await.refused_as(403, "Quota Exceeded or Banned");
    world.send(rotate(&revoked)).await.refused_as(409, "Conflict");
    assert_eq!(world.state(&world.mine).await, before);
    world.send(verify(&replaced.token)).await.expect(200);
}
