//! Slow commands: claim, act, record. Whatever goes wrong in between, nothing is charged twice or left behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use base::{Code, Fault, Secret};
use db::Tx;
use kernel::keys;
use kernel::spine::{Answer, Call, Claimed, Ending, lineage_gate};
use kernel::{Ctx, Kernel, ledger};
use tokio::sync::oneshot;

use crate::fixture::{World, with_key};
use crate::shop::{NOTHING, ORDER, ORDER_FREE, Receipt, Then, Traces, leave, order, traces};

on_both_engines! {
    a_slow_command_captures_what_its_result_costs_and_replays_free_of_charge
    a_claim_may_end_the_command_and_then_nothing_is_acted
    a_refused_result_frees_the_key_and_charges_nothing
    a_recorded_result_keeps_its_rows_and_charges_nothing
    a_key_revoked_during_the_act_pays_for_nothing
    an_act_that_panics_leaves_nothing_behind
    an_empty_wallet_is_refused_before_the_act
    a_retry_after_a_crash_takes_over_and_the_lost_worker_charges_nothing
    a_hold_that_ran_out_discards_the_result
    a_second_caller_on_another_node_waits_and_gets_the_same_reply
    a_result_that_costs_more_than_was_held_is_an_error_and_charges_nothing
    a_free_slow_command_holds_nothing
}

const SLOW_DONE: Traces = Traces { effects: 1, events: 1, audited: 1, charges: 0, saved_keys: 0 };

/// What is bought: `hold` units are held, and the record ends as the shop's order does.
#[derive(Clone, Copy, Debug)]
struct Purchase {
    hold: i64,
    units: i64,
    then: Then,
}

const BUY_TWO_OF_THREE: Purchase = Purchase { hold: 3, units: 2, then: Then::Done };

fn claim(_: &mut Tx<'_>, _: &mut Ctx, purchase: &Purchase) -> Result<Claimed<Receipt, i64>, Fault> {
    Ok(Claimed::Work { work: 7, units: purchase.hold })
}

fn record(
    tx: &mut Tx<'_>,
    ctx: &mut Ctx,
    purchase: &Purchase,
    worked: &i64,
) -> Result<Ending<Receipt>, Fault> {
    assert_eq!(*worked, 7);
    order(tx, ctx, &crate::shop::Order { units: purchase.units, then: purchase.then })
}

async fn buy(kernel: &Kernel, call: Call, purchase: Purchase) -> Result<Answer<Receipt>, Fault> {
    kernel.run_slow(call, &ORDER, purchase, claim, |work| async move { work }, record).await
}

async fn held(world: &World) -> i64 {
    world.account(world.wallet_id()).await.held
}

async fn a_slow_command_captures_what_its_result_costs_and_replays_free_of_charge(world: Arc<World>) {
    let (key, _) = world.key().await;
    let before = world.balance().await;
    let call = with_key(world.call(&key), "k-1");
    let first = buy(&world.kernel, call.clone(), BUY_TWO_OF_THREE).await.unwrap();
    assert_eq!((world.balance().await, held(&world).await), (before - 2, 0));
    let again = buy(&world.kernel, call, BUY_TWO_OF_THREE).await.unwrap();
    assert_eq!((again.value, first.is_replay, again.is_replay), (first.value, false, true));
    assert_eq!(world.balance().await, before - 2);
    assert_eq!(traces(&world).await, Traces { saved_keys: 1, ..SLOW_DONE });
    world.assert_ledger_holds().await;
}

async fn a_claim_may_end_the_command_and_then_nothing_is_acted(world: Arc<World>) {
    fn ended(tx: &mut Tx<'_>, ctx: &mut Ctx, purchase: &Purchase) -> Result<Claimed<Receipt, i64>, Fault> {
        record(tx, ctx, purchase, &7).map(Claimed::Ended)
    }
    let (key, _) = world.key().await;
    let before = world.balance().await;
    let acts = Arc::new(AtomicU32::new(0));
    let act = |acts: Arc<AtomicU32>| {
        move |work| async move {
            acts.fetch_add(1, Ordering::SeqCst);
            work
        }
    };
    for then in [Then::Done, Then::Record, Then::Refuse] {
        let purchase = Purchase { then, ..BUY_TWO_OF_THREE };
        let call = with_key(world.call(&key), "k-1");
        let ended =
            world.kernel.run_slow(call, &ORDER, purchase, ended, act(Arc::clone(&acts)), record).await;
        // The reply of the first is saved under the key.
        assert!(ended.is_ok(), "{ended:?}");
    }
    assert_eq!((world.balance().await, acts.load(Ordering::SeqCst)), (before - 2, 0));
}

async fn a_refused_result_frees_the_key_and_charges_nothing(world: Arc<World>) {
    let (key, _) = world.key().await;
    let before = world.balance().await;
    let call = with_key(world.call(&key), "k-1");
    let refused = Purchase { then: Then::Refuse, ..BUY_TWO_OF_THREE };
    let fault = buy(&world.kernel, call.clone(), refused).await.unwrap_err();
    assert_eq!(fault.detail, "sold out");
    assert_eq!((world.balance().await, held(&world).await), (before, 0));
    assert_eq!(traces(&world).await, NOTHING);
    // The key is free: another request may use it.
    let other = Call { fingerprint: [2; 32], ..call };
    buy(&world.kernel, other, BUY_TWO_OF_THREE).await.unwrap();
}

async fn a_recorded_result_keeps_its_rows_and_charges_nothing(world: Arc<World>) {
    let (key, _) = world.key().await;
    let before = world.balance().await;
    let call = with_key(world.call(&key), "k-1");
    let recorded = Purchase { then: Then::Record, ..BUY_TWO_OF_THREE };
    let fault = buy(&world.kernel, call, recorded).await.unwrap_err();
    assert_eq!(fault.detail, "the registry is away");
    assert_eq!((world.balance().await, held(&world).await), (before, 0));
    assert_eq!(traces(&world).await, SLOW_DONE);
}

async fn a_key_revoked_during_the_act_pays_for_nothing(world: Arc<World>) {
    let (key, _) = world.key().await;
    let before = world.balance().await;
    let (own, key_id, lineage_id) = (Arc::clone(&world), key.key_id, key.lineage_id);
    let revoke = move |work: i64| async move {
        own.write(move |tx, ctx| keys::revoke(tx, ctx, key_id).map(drop)).await.unwrap();
        own.kernel.drain(own.tenant_id, lineage_gate(lineage_id)).await.unwrap();
        work
    };
    let call = with_key(world.call(&key), "k-1");
    let fault =
        world.kernel.run_slow(call, &ORDER, BUY_TWO_OF_THREE, claim, revoke, record).await.unwrap_err();
    assert_eq!(fault.code, Code::CredentialInvalid);
    assert_eq!((world.balance().await, held(&world).await), (before, 0));
    assert_eq!(traces(&world).await, NOTHING);
}

async fn an_act_that_panics_leaves_nothing_behind(world: Arc<World>) {
    let (key, _) = world.key().await;
    let before = world.balance().await;
    let act = |_: i64| async { panic!("the act of a test") };
    let call = with_key(world.call(&key), "k-1");
    let fault = world.kernel.run_slow(call, &ORDER, BUY_TWO_OF_THREE, claim, act, record).await.unwrap_err();
    assert_eq!(fault.code, Code::Internal);
    assert_eq!((world.balance().await, held(&world).await), (before, 0));
    assert_eq!(traces(&world).await, NOTHING);
}

async fn an_empty_wallet_is_refused_before_the_act(world: Arc<World>) {
    let (key, _) = world.key().await;
    leave(&world, 2).await;
    let act = |_: i64| async { unreachable!("nothing may be asked that cannot be paid") };
    let call = with_key(world.call(&key), "k-1");
    let fault = world.kernel.run_slow(call, &ORDER, BUY_TWO_OF_THREE, claim, act, record).await.unwrap_err();
    assert_eq!(fault.code, Code::InsufficientCredits);
    assert_eq!((world.balance().await, held(&world).await), (2, 0));
    assert_eq!(traces(&world).await, NOTHING);
}

/// An act that tells that it began, and ends when it is told to.
fn paused() -> (oneshot::Receiver<()>, oneshot::Sender<()>, impl FnOnce(i64) -> Paused + Send + 'static) {
    let ((began, has_begun), (go_on, may_go_on)) = (oneshot::channel(), oneshot::channel());
    let act = move |work| -> Paused {
        Box::pin(async move {
            began.send(()).unwrap();
            may_go_on.await.ok();
            work
        })
    };
    (has_begun, go_on, act)
}

type Paused = std::pin::Pin<Box<dyn Future<Output = i64> + Send>>;

async fn a_retry_after_a_crash_takes_over_and_the_lost_worker_charges_nothing(world: Arc<World>) {
    let (key, _) = world.key().await;
    let before = world.balance().await;
    let call = with_key(world.call(&key), "k-1");
    let (has_begun, go_on, act) = paused();
    let (lost, lost_call) = (world.kernel.clone(), call.clone());
    let lost =
        tokio::spawn(
            async move { lost.run_slow(lost_call, &ORDER, BUY_TWO_OF_THREE, claim, act, record).await },
        );
    has_begun.await.unwrap();
    assert_eq!(held(&world).await, 3);

    world.clock.advance_seconds(61);
    let other = world.another_kernel(world.clock.clone());
    buy(&other, call.clone(), BUY_TWO_OF_THREE).await.unwrap();
    assert_eq!((world.balance().await, held(&world).await), (before - 2, 0));

    go_on.send(()).unwrap();
    let fault = lost.await.unwrap().unwrap_err();
    assert_eq!(fault.code, Code::Unavailable);
    assert_eq!((world.balance().await, held(&world).await), (before - 2, 0));
    assert_eq!(traces(&world).await, Traces { saved_keys: 1, ..SLOW_DONE });
    assert!(buy(&other, call, BUY_TWO_OF_THREE).await.unwrap().is_replay, "the reply is still there");
}

async fn a_hold_that_ran_out_discards_the_result(world: Arc<World>) {
    let (key, _) = world.key().await;
    let before = world.balance().await;
    let (clock, sweeper) = (world.clock.clone(), Arc::clone(&world));
    let act = move |work: i64| async move {
        clock.advance_seconds(61);
        sweeper.write(|tx, ctx| ledger::expire_due(tx, ctx, 10)).await.unwrap();
        work
    };
    let call = world.call(&key);
    let fault = world.kernel.run_slow(call, &ORDER, BUY_TWO_OF_THREE, claim, act, record).await.unwrap_err();
    assert_eq!(fault.code, Code::Unavailable);
    assert_eq!((world.balance().await, held(&world).await), (before, 0));
    assert_eq!(traces(&world).await, NOTHING);
}

async fn a_second_caller_on_another_node_waits_and_gets_the_same_reply(world: Arc<World>) {
    let (key, _) = world.key().await;
    let before = world.balance().await;
    let call = with_key(world.call(&key), "k-1");
    let (has_begun, go_on, act) = paused();
    let (first, first_call) = (world.kernel.clone(), call.clone());
    let first = tokio::spawn(async move {
        first.run_slow(first_call, &ORDER, BUY_TWO_OF_THREE, claim, act, record).await
    });
    has_begun.await.unwrap();
    let (other, other_call) = (world.another_kernel(world.clock.clone()), call.clone());
    let second = tokio::spawn(async move { buy(&other, other_call, BUY_TWO_OF_THREE).await });
    let other_request = Call { fingerprint: [2; 32], ..call };
    let third = world.another_kernel(world.clock.clone());
    let mismatch = buy(&third, other_request, BUY_TWO_OF_THREE).await.unwrap_err();
    assert_eq!(mismatch.code, Code::IdempotencyMismatch);
    go_on.send(()).unwrap();
    let (first, second) = (first.await.unwrap().unwrap(), second.await.unwrap().unwrap());
    assert_eq!((first.is_replay, second.is_replay, second.value), (false, true, first.value));
    assert_eq!((world.balance().await, held(&world).await), (before - 2, 0));
}

async fn a_result_that_costs_more_than_was_held_is_an_error_and_charges_nothing(world: Arc<World>) {
    let (key, _) = world.key().await;
    let before = world.balance().await;
    let dear = Purchase { hold: 1, ..BUY_TWO_OF_THREE };
    let fault = buy(&world.kernel, world.call(&key), dear).await.unwrap_err();
    assert_eq!(fault.code, Code::Internal);
    assert_eq!((world.balance().await, held(&world).await), (before, 0));
    assert_eq!(traces(&world).await, NOTHING);
}

async fn a_free_slow_command_holds_nothing(world: Arc<World>) {
    let (key, _) = world.key().await;
    let before = world.balance().await;
    let free = Purchase { hold: 0, units: 0, then: Then::Done };
    let call = Call { idempotency_key: Some(Secret::new("k-1".into())), ..world.call(&key) };
    let act = |work| async move { work };
    world.kernel.run_slow(call, &ORDER_FREE, free, claim, act, record).await.unwrap();
    assert_eq!(world.balance().await, before);
    assert_eq!(world.count("SELECT COUNT(*) FROM hold WHERE tenant_id = ?1").await, 0);
    assert_eq!(traces(&world).await, Traces { saved_keys: 1, ..SLOW_DONE });
}
