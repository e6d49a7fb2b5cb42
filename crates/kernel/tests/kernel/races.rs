//! Many at once: credits run out exactly, and a key is charged once.

use std::collections::HashSet;
use std::sync::Arc;

use base::{Code, Fault};
use kernel::Kernel;
use kernel::ledger;
use kernel::spine::{Answer, Call};
use tokio::task::JoinSet;

use crate::fixture::{World, with_key};
use crate::shop::*;

on_both_engines! {
    the_last_credits_are_spent_exactly_once
    one_key_in_many_hands_is_charged_once
    many_keys_at_once_are_each_charged_once
    a_hold_is_resolved_by_exactly_one_of_many
}

type Bought = Result<Answer<Receipt>, Fault>;

/// Runs all calls at once, half of them in another process.
async fn at_once(world: &Arc<World>, calls: Vec<Call>) -> Vec<Bought> {
    let kernels: [Kernel; 2] = [world.kernel.clone(), world.another_kernel(world.clock.clone())];
    let mut tasks = JoinSet::new();
    for (position, call) in calls.into_iter().enumerate() {
        let kernel = kernels[position % 2].clone();
        tasks.spawn(async move { until_available(&kernel, call).await });
    }
    tasks.join_all().await
}

/// A caller that does as it is told: "nothing was changed, please retry".
async fn until_available(kernel: &Kernel, call: Call) -> Bought {
    loop {
        match buy(kernel, call.clone()).await {
            Err(fault) if fault.code == Code::Unavailable => tokio::task::yield_now().await,
            outcome => return outcome,
        }
    }
}

async fn the_last_credits_are_spent_exactly_once(world: Arc<World>) {
    const LEFT: i64 = 20;
    let (key, _) = world.key().await;
    leave(&world, LEFT).await;
    let outcomes = at_once(&world, (0..64).map(|_| world.call(&key)).collect()).await;
    let bought = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let broke =
        |outcome: &&Bought| outcome.as_ref().is_err_and(|fault| fault.code == Code::InsufficientCredits);
    assert_eq!((bought, outcomes.iter().filter(broke).count()), (20, 44));
    let wanted = Traces { effects: LEFT, events: LEFT, audited: LEFT, charges: LEFT, saved_keys: 0 };
    assert_eq!(traces(&world).await, wanted);
    assert_eq!(world.balance().await, 0);
    world.assert_ledger_holds().await;
}

async fn one_key_in_many_hands_is_charged_once(world: Arc<World>) {
    let (key, _) = world.key().await;
    let before = world.balance().await;
    let outcomes = at_once(&world, vec![with_key(world.call(&key), "k-1"); 64]).await;
    let answers: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
    let numbers: HashSet<u64> = answers.iter().map(|answer| answer.value.number).collect();
    assert_eq!(numbers.len(), 1, "everybody gets the same receipt");
    assert_eq!(answers.iter().filter(|answer| !answer.is_replay).count(), 1);
    assert_eq!(traces(&world).await, Traces { saved_keys: 1, ..DONE });
    assert_eq!(world.balance().await, before - 1);
}

async fn many_keys_at_once_are_each_charged_once(world: Arc<World>) {
    let (key, _) = world.key().await;
    let calls = (0..64).map(|number| with_key(world.call(&key), &format!("k-{}", number % 16))).collect();
    let outcomes = at_once(&world, calls).await;
    let fresh = outcomes.iter().filter(|outcome| !outcome.as_ref().unwrap().is_replay).count();
    assert_eq!(fresh, 16);
    let traces = traces(&world).await;
    assert_eq!((traces.charges, traces.effects, traces.saved_keys), (16, 16, 16));
    world.assert_ledger_holds().await;
}

async fn a_hold_is_resolved_by_exactly_one_of_many(world: Arc<World>) {
    let account_id = world.customer(100).await;
    let hold_id = world.write(move |tx, ctx| ledger::hold(tx, ctx, account_id, 60, 60)).await.unwrap();
    let mut tasks = JoinSet::new();
    for number in 0..32 {
        let world = Arc::clone(&world);
        tasks.spawn(async move {
            let resolve = move |tx: &mut db::Tx<'_>, ctx: &mut kernel::Ctx| match number % 2 {
                0 => ledger::capture(tx, ctx, hold_id, 40),
                _ => ledger::void(tx, ctx, hold_id),
            };
            loop {
                match world.write(resolve).await {
                    Err(fault) if fault.code == Code::Unavailable => tokio::task::yield_now().await,
                    outcome => return outcome,
                }
            }
        });
    }
    let outcomes = tasks.join_all().await;
    let resolved: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
    assert_eq!(resolved.len(), 1);
    assert!(
        outcomes
            .iter()
            .filter_map(|outcome| outcome.as_ref().err())
            .all(|fault| fault.code == Code::Conflict)
    );
    let account = world.account(account_id).await;
    assert_eq!((account.balance, account.held), (100 - resolved[0].amount, 0));
    world.assert_ledger_holds().await;
}
