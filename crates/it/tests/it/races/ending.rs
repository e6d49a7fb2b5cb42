//! Revoking, banning and suspending while calls are charged: after the acknowledgement nothing commits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kernel::Clock;
use serde_json::json;
use tokio::task::JoinSet;
use web::Edge;

use crate::fixture::{Ask, Client, Reply, START, World, verify};
use crate::quota::bulk::bulk;

on_both_engines! {
    after_a_revocation_is_answered_no_charge_of_the_token_commits
    after_a_ban_is_answered_no_charge_to_the_account_commits
    after_a_suspension_is_answered_no_charge_of_the_tenant_commits
    after_a_management_keys_revocation_is_answered_none_of_its_bulk_calls_charges
    after_a_management_keys_scope_is_taken_none_of_its_bulk_calls_charges
    what_was_ended_stays_ended_on_a_node_whose_clock_is_behind
}

const ROUNDS: usize = 3;
const CALLERS: usize = 16;
/// Calls that each caller sends after it has seen the end: enough to go through every node's queue again.
const AFTER: usize = 5;
/// An end under load may be told to repeat, but not for ever.
const ATTEMPTS_MAX: usize = 5;

async fn after_a_revocation_is_answered_no_charge_of_the_token_commits(world: Arc<World>) {
    let key = world.management_key().await;
    ended_while_charging(&world, both(&key), |client, _| {
        Ask::new("DELETE", &format!("/v1/tokens/{}", client.token_id)).bearer(&key)
    })
    .await;
}

async fn after_a_ban_is_answered_no_charge_to_the_account_commits(world: Arc<World>) {
    let key = world.management_key().await;
    ended_while_charging(&world, both(&key), |client, _| {
        let ask = Ask::new("PATCH", &format!("/v1/accounts/{}", client.account)).bearer(&key);
        ask.json(&json!({ "banned": true }))
    })
    .await;
}

async fn after_a_suspension_is_answered_no_charge_of_the_tenant_commits(world: Arc<World>) {
    let (token, key) = (world.operator_token(), world.management_key().await);
    ended_while_charging(&world, both(&key), |_, _| {
        let ask = Ask::post(&format!("/operator/v1/tenants/{}/status", world.mine)).bearer(&token);
        ask.json(&json!({ "status": "suspended" }))
    })
    .await;
    let suspended = ("operator".to_owned(), "platform.tenant.set_status".to_owned());
    assert!(world.audits_of(&world.mine).await.contains(&suspended));
}

async fn after_a_management_keys_revocation_is_answered_none_of_its_bulk_calls_charges(world: Arc<World>) {
    let token = world.operator_token();
    let mut keys = Vec::new();
    for _ in 0..ROUNDS {
        keys.push(world.key(&world.mine, json!({ "service": "quota" })).await);
    }
    let calls = |client: &Client, round: usize| {
        let ask = bulk_of(&keys[round].secret, client);
        [ask.clone(), ask]
    };
    ended_while_charging(&world, calls, |_, round| {
        let (id, tenant) = (&keys[round].id, &world.mine);
        let path = format!("/operator/v1/keys/{id}?environment=test&tenantId={tenant}");
        Ask::new("DELETE", &path).bearer(&token)
    })
    .await;
}

async fn after_a_management_keys_scope_is_taken_none_of_its_bulk_calls_charges(world: Arc<World>) {
    let token = world.operator_token();
    let mut keys = Vec::new();
    for _ in 0..ROUNDS {
        keys.push(world.key(&world.mine, json!({ "service": "quota" })).await);
    }
    let calls = |client: &Client, round: usize| {
        let ask = bulk_of(&keys[round].secret, client);
        [ask.clone(), ask]
    };
    ended_while_charging(&world, calls, |_, round| {
        let body = json!({ "tenantId": world.mine, "environment": "test", "scopes": ["accounts:read"] });
        Ask::new("PATCH", &format!("/operator/v1/keys/{}", keys[round].id)).bearer(&token).json(&body)
    })
    .await;
}

/// Single calls and bulk calls of a client.
fn both(key: &str) -> impl Fn(&Client, usize) -> [Ask; 2] {
    move |client, _| [verify(&client.token), bulk_of(key, client)]
}

fn bulk_of(key: &str, client: &Client) -> Ask {
    bulk(key, &vec![json!({ "token": client.token }); 5])
}

/// Charges through two nodes, ends it through the second, and looks at the ledger at the answer and at the end.
async fn ended_while_charging(
    world: &Arc<World>,
    calls: impl Fn(&Client, usize) -> [Ask; 2],
    end: impl Fn(&Client, usize) -> Ask,
) {
    let second = world.restarted(&world.secrets_file).await;
    let (public, private) = (second.public_site(), second.private_edge(second.operator_site()));
    for round in 0..ROUNDS {
        let client = world.client(1_000_000).await;
        let calls = calls(&client, round);
        let ended = Arc::new(AtomicBool::new(false));
        let mut callers = JoinSet::new();
        for number in 0..CALLERS {
            let edge = if number % 2 == 0 { world.public().clone() } else { public.clone() };
            callers.spawn(hammer(edge, calls[number / 2 % 2].clone(), Arc::clone(&ended)));
        }
        // The load is under way once something was charged.
        while world.balance(&client.account).await == 1_000_000 {
            tokio::task::yield_now().await;
        }
        let ask = end(&client, round);
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
        let passed: i64 = callers.join_all().await.into_iter().sum();
        assert_eq!(world.balance(&client.account).await, at_the_answer, "round {round}");
        assert_eq!(1_000_000 - at_the_answer, passed, "every 200 is a charge");
        world.set_status(&world.mine, "active").await;
    }
}

/// Calls until the end is known and for some calls after it; none of those may pass. Gives how many did pass before.
async fn hammer(edge: Edge, ask: Ask, ended: Arc<AtomicBool>) -> i64 {
    let (mut passed, mut after) = (0, 0);
    while after < AFTER {
        let was_ended = ended.load(Ordering::SeqCst);
        let reply = ask.clone().send(&edge).await;
        for status in statuses(&reply) {
            match status {
                200 => {
                    assert!(!was_ended, "a call that began after the answer passed");
                    passed += 1;
                }
                // Where transactions are serializable, a call may be told to come again.
                status => assert!([403, 503].contains(&status), "{reply:?}"),
            }
        }
        after += usize::from(was_ended);
    }
    passed
}

/// The status of a call, or those of a bulk call's items.
fn statuses(reply: &Reply) -> Vec<u64> {
    match reply.json()["results"].as_array() {
        Some(results) => results.iter().filter_map(|result| result["httpStatus"].as_u64()).collect(),
        None => vec![reply.status.into()],
    }
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
