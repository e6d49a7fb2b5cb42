//! What a tenant does over HTTP while its keys are charged: after the answer nothing commits, and nothing is made twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tokio::task::JoinSet;
use web::Edge;

use crate::fixture::{Ask, NewKey, Reply, State, World, text};

on_both_engines! {
    after_a_tenants_revocation_is_answered_no_charge_of_the_key_commits
    after_a_rotation_without_grace_is_answered_no_charge_of_the_old_key_commits
    after_a_scope_is_taken_no_charge_that_needs_it_commits
    the_same_idempotency_key_from_many_callers_makes_one_key_and_one_refill
    refills_at_the_same_time_never_fill_a_wallet_beyond_its_limit
    two_changes_at_once_are_both_kept
}

const ROUNDS: usize = 3;
const CALLERS: usize = 12;
/// Calls that each caller sends after it has seen the end.
const AFTER: usize = 4;
/// An end under load may be told to repeat, but not for ever.
const ATTEMPTS_MAX: usize = 5;

async fn after_a_tenants_revocation_is_answered_no_charge_of_the_key_commits(world: Arc<World>) {
    let manager = platform_key(&world).await;
    ended_while_charging(&world, |key| Ask::new("DELETE", &path(key)).bearer(&manager)).await;
}

async fn after_a_rotation_without_grace_is_answered_no_charge_of_the_old_key_commits(world: Arc<World>) {
    let manager = platform_key(&world).await;
    ended_while_charging(&world, |key| {
        let ask = Ask::post(&format!("{}/rotate", path(key))).bearer(&manager);
        ask.json(&json!({ "grace_seconds": 0 }))
    })
    .await;
}

async fn after_a_scope_is_taken_no_charge_that_needs_it_commits(world: Arc<World>) {
    let manager = platform_key(&world).await;
    ended_while_charging(&world, |key| {
        Ask::new("PATCH", &path(key)).bearer(&manager).json(&json!({ "scopes": [] }))
    })
    .await;
}

fn path(key: &NewKey) -> String {
    format!("/platform/v1/keys/{}", key.id)
}

async fn platform_key(world: &World) -> String {
    world.key(&world.mine, json!({ "service": "platform", "rateLimitPerMinute": 0 })).await.secret
}

async fn citizen_key(world: &World) -> NewKey {
    world.key(&world.mine, json!({ "service": "citizen", "rateLimitPerMinute": 0 })).await
}

/// The credits of my test wallet.
async fn balance(world: &World) -> i64 {
    let path = format!("/operator/v1/wallet?environment=test&tenantId={}", world.mine);
    world.operate("GET", &path, Value::Null).await["balance"].as_i64().unwrap()
}

/// Charges through two nodes, ends the key through the second, and looks at the wallet at the answer and at the end.
async fn ended_while_charging(world: &Arc<World>, end: impl Fn(&NewKey) -> Ask) {
    let second = world.restarted(&world.secrets_file).await.public_site();
    for round in 0..ROUNDS {
        let key = citizen_key(world).await;
        let full = balance(world).await;
        let ended = Arc::new(AtomicBool::new(false));
        let callers = charging(world, &second, &key, &ended);
        while balance(world).await == full {
            tokio::task::yield_now().await;
        }
        let answer = until_done(world, &second, end(&key)).await;
        ended.store(true, Ordering::SeqCst);
        let at_the_answer = balance(world).await;
        assert!([200, 201].contains(&answer.status), "round {round}: {answer:?}");
        assert!(answer.json().get("warning").is_none(), "round {round}: {answer:?}");
        let passed: i64 = callers.join_all().await.into_iter().sum();
        assert_eq!(balance(world).await, at_the_answer, "round {round}");
        assert_eq!(full - at_the_answer, passed, "every 200 is a charge");
    }
}

async fn until_done(world: &World, edge: &Edge, ask: Ask) -> Reply {
    let mut answer = ask.clone().send(edge).await;
    for _ in 1..ATTEMPTS_MAX {
        if answer.status == 503 {
            answer = ask.clone().send(edge).await;
        }
    }
    assert_ne!(answer.status, 503, "{}: {answer:?}", world.mine);
    answer
}

/// Callers that verify citizens with this key, through my node and another one.
fn charging(world: &Arc<World>, other: &Edge, key: &NewKey, ended: &Arc<AtomicBool>) -> JoinSet<i64> {
    let mut callers = JoinSet::new();
    for number in 0..CALLERS {
        let edge = if number % 2 == 0 { world.public().clone() } else { other.clone() };
        let body = json!({ "nationalId": format!("1234567{number:04}"), "maxAgeSeconds": 0 });
        let ask = Ask::post("/api/v1/verify/citizen").bearer(&key.secret).json(&body);
        callers.spawn(hammer(edge, ask, Arc::clone(ended)));
    }
    callers
}

/// Calls until the end is known and for some calls after it; none of those may pass. Gives how many did pass before.
async fn hammer(edge: Edge, ask: Ask, ended: Arc<AtomicBool>) -> i64 {
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
            status => assert!([401, 403, 503].contains(&status), "{reply:?}"),
        }
        after += usize::from(was_ended);
    }
    passed
}

/// The replies to the same request, sent many times at once.
async fn at_once(world: &World, asks: Vec<Ask>) -> Vec<Reply> {
    let mut callers = JoinSet::new();
    for ask in asks {
        let edge = world.public().clone();
        callers.spawn(async move { ask.send(&edge).await });
    }
    callers.join_all().await
}

async fn the_same_idempotency_key_from_many_callers_makes_one_key_and_one_refill(world: Arc<World>) {
    let manager = platform_key(&world).await;
    let before = world.state(&world.mine).await;
    for (path, body, status) in [
        ("/platform/v1/keys", json!({ "service": "codes" }), 201),
        ("/platform/v1/wallet/refill", json!({ "amount": 7 }), 200),
    ] {
        let ask = Ask::post(path).bearer(&manager).header("idempotency-key", "once").json(&body);
        let replies = at_once(&world, vec![ask; 32]).await;
        let first = replies[0].essence();
        assert!(
            replies.iter().all(|reply| reply.status == status && reply.essence() == first),
            "{replies:?}"
        );
    }
    let after = State {
        keys: before.keys + 1,
        credits: before.credits + 7,
        transfers: before.transfers + 1,
        audits: before.audits + 2,
        replies: before.replies + 2,
        ..before
    };
    assert_eq!(world.state(&world.mine).await, after);
}

async fn refills_at_the_same_time_never_fill_a_wallet_beyond_its_limit(world: Arc<World>) {
    let manager = platform_key(&world).await;
    let refill = |number: usize| {
        let ask = Ask::post("/platform/v1/wallet/refill").bearer(&manager);
        ask.header("idempotency-key", number.to_string()).json(&json!({ "amount": 1_000_000 }))
    };
    let replies = at_once(&world, (0..24).map(refill).collect()).await;
    let count = |status| replies.iter().filter(|reply| reply.status == status).count();
    assert_eq!((count(200), count(409)), (9, 15), "{replies:?}");
    assert_eq!(balance(&world).await, 9_100_000);
}

async fn two_changes_at_once_are_both_kept(world: Arc<World>) {
    let manager = platform_key(&world).await;
    let change = |key: &NewKey, body: Value| Ask::new("PATCH", &path(key)).bearer(&manager).json(&body);
    for _ in 0..8 {
        let key = citizen_key(&world).await;
        let asks = vec![
            change(&key, json!({ "label": "new" })),
            change(&key, json!({ "spend_cap_per_day": 5 })),
            change(&key, json!({ "allowed_ips": ["10.0.0.0/8"] })),
            Ask::post(&format!("{}/rotate", path(&key))).bearer(&manager),
        ];
        let replies = at_once(&world, asks).await;
        let next = replies.iter().find(|reply| reply.status == 201).expect("the rotation is done");
        for id in [key.id.clone(), text(&next.json(), "id")] {
            let path = format!("/platform/v1/keys/{id}");
            let shown = world.send(Ask::get(&path).bearer(&manager)).await.expect(200);
            let kept = (&shown["label"], &shown["spend_cap_per_day"], &shown["allowed_ips"]);
            assert_eq!(kept, (&json!("new"), &json!(5), &json!(["10.0.0.0/8"])), "{replies:?}");
        }
    }
}
