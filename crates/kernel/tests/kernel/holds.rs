//! A hold sets credits aside and is resolved at most once.

use std::sync::Arc;

use base::Code;
use base::id::{AccountId, HoldId};
use kernel::ledger::{self, HOLD_SECONDS_MAX, TransferKind};

use crate::fixture::World;

on_both_engines! {
    a_hold_sets_credits_aside_without_spending_them
    a_capture_takes_at_most_what_was_held_and_frees_the_rest
    a_hold_is_resolved_at_most_once
    a_hold_expires_by_the_sweep_and_not_before_its_time
    an_expired_hold_cannot_be_captured_even_before_the_sweep
    a_hold_needs_credits_an_amount_and_a_limit
    a_hold_of_another_tenant_is_not_there
}

async fn hold(world: &Arc<World>, account_id: AccountId, amount: i64, seconds: i64) -> HoldId {
    world.write(move |tx, ctx| ledger::hold(tx, ctx, account_id, amount, seconds)).await.unwrap()
}

async fn capture(world: &Arc<World>, hold_id: HoldId, amount: i64) -> Result<ledger::Transfer, base::Fault> {
    world.write(move |tx, ctx| ledger::capture(tx, ctx, hold_id, amount)).await
}

async fn void(world: &Arc<World>, hold_id: HoldId) -> Result<ledger::Transfer, base::Fault> {
    world.write(move |tx, ctx| ledger::void(tx, ctx, hold_id)).await
}

async fn sweep(world: &Arc<World>, limit: i64) -> usize {
    world.write(move |tx, ctx| ledger::expire_due(tx, ctx, limit)).await.unwrap()
}

async fn balance_and_held(world: &Arc<World>, id: AccountId) -> (i64, i64) {
    let account = world.account(id).await;
    (account.balance, account.held)
}

async fn a_hold_sets_credits_aside_without_spending_them(world: Arc<World>) {
    let id = world.customer(10).await;
    hold(&world, id, 7, 60).await;
    assert_eq!((balance_and_held(&world, id).await, world.account(id).await.available()), ((10, 7), 3));
    let charged = world.write(move |tx, ctx| {
        let account = ledger::lock(tx, ctx.tenant_id, id)?;
        ledger::charge(tx, ctx, &account, 4, None)
    });
    assert_eq!(charged.await.unwrap_err().code, Code::InsufficientCredits);
    world.assert_ledger_holds().await;
}

async fn a_capture_takes_at_most_what_was_held_and_frees_the_rest(world: Arc<World>) {
    let id = world.customer(10).await;
    let hold_id = hold(&world, id, 7, 60).await;
    for amount in [8, i64::MAX, -1] {
        assert_eq!(capture(&world, hold_id, amount).await.unwrap_err().code, Code::Conflict);
        assert_eq!(balance_and_held(&world, id).await, (10, 7));
    }
    let transfer = capture(&world, hold_id, 5).await.unwrap();
    assert_eq!((transfer.kind, transfer.amount, transfer.hold_id), (TransferKind::Capture, 5, Some(hold_id)));
    assert_eq!(balance_and_held(&world, id).await, (5, 0));
    world.assert_ledger_holds().await;
}

async fn a_hold_is_resolved_at_most_once(world: Arc<World>) {
    let id = world.customer(10).await;
    let (captured, voided) = (hold(&world, id, 3, 60).await, hold(&world, id, 4, 60).await);
    capture(&world, captured, 3).await.unwrap();
    void(&world, voided).await.unwrap();
    for hold_id in [captured, voided] {
        assert_eq!(capture(&world, hold_id, 1).await.unwrap_err().code, Code::Conflict);
        assert_eq!(void(&world, hold_id).await.unwrap_err().code, Code::Conflict);
    }
    world.clock.advance_seconds(61);
    assert_eq!(sweep(&world, 10).await, 0);
    assert_eq!(balance_and_held(&world, id).await, (7, 0));
    world.assert_ledger_holds().await;
}

async fn a_hold_expires_by_the_sweep_and_not_before_its_time(world: Arc<World>) {
    let id = world.customer(10).await;
    for seconds in [60, 61, 62] {
        hold(&world, id, 2, seconds).await;
    }
    world.clock.advance_seconds(59);
    assert_eq!((sweep(&world, 10).await, balance_and_held(&world, id).await), (0, (10, 6)));
    world.clock.advance_seconds(2);
    assert_eq!(
        (sweep(&world, 1).await, balance_and_held(&world, id).await),
        (1, (10, 4)),
        "one at a time if asked"
    );
    assert_eq!((sweep(&world, 10).await, balance_and_held(&world, id).await), (1, (10, 2)));
    assert_eq!(sweep(&world, 10).await, 0);
    world.assert_ledger_holds().await;
}

async fn an_expired_hold_cannot_be_captured_even_before_the_sweep(world: Arc<World>) {
    let id = world.customer(10).await;
    let (late, voided) = (hold(&world, id, 7, 60).await, hold(&world, id, 1, 60).await);
    world.clock.advance_seconds(60);
    assert_eq!(capture(&world, late, 1).await.unwrap_err().code, Code::Conflict);
    void(&world, voided).await.unwrap();
    assert_eq!(balance_and_held(&world, id).await, (10, 7));
    assert_eq!((sweep(&world, 10).await, balance_and_held(&world, id).await), (1, (10, 0)));
    world.assert_ledger_holds().await;
}

async fn a_hold_needs_credits_an_amount_and_a_limit(world: Arc<World>) {
    let id = world.customer(10).await;
    for (amount, seconds, code) in [
        (0, 60, Code::Invalid),
        (-1, 60, Code::Invalid),
        (1, 0, Code::Invalid),
        (1, HOLD_SECONDS_MAX + 1, Code::Invalid),
        (11, 60, Code::InsufficientCredits),
    ] {
        let fault = world.write(move |tx, ctx| ledger::hold(tx, ctx, id, amount, seconds)).await.unwrap_err();
        assert_eq!(fault.code, code, "{amount} for {seconds} s");
    }
    assert_eq!(balance_and_held(&world, id).await, (10, 0));
    hold(&world, id, 10, HOLD_SECONDS_MAX).await;
}

async fn a_hold_of_another_tenant_is_not_there(world: Arc<World>) {
    let id = world.customer(10).await;
    let hold_id = hold(&world, id, 5, 60).await;
    let stranger = world.another_tenant().await;
    let kernel = world.kernel.clone();
    let stolen = world.kernel.db.write(stranger, move |tx| {
        ledger::capture(tx, &crate::fixture::ctx_of(&kernel, stranger), hold_id, 5)
    });
    assert_eq!(stolen.await.unwrap_err().code, Code::NotFound);
    assert_eq!(balance_and_held(&world, id).await, (10, 5));
}
