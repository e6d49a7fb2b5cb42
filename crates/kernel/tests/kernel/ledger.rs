//! Grants, charges, floors and bans.

use std::sync::Arc;

use base::id::{AccountId, TenantId};
use base::{Code, Environment};
use kernel::ledger::{self, AMOUNT_MAX, TransferFilter, TransferKind, Unit, wallet_id};
use kernel::tenancy::SANDBOX_CREDITS;

use crate::fixture::World;

on_both_engines! {
    a_grant_is_booked_once_per_reference_and_account
    a_grant_out_of_range_changes_nothing
    a_charge_never_goes_below_the_floor
    a_floor_above_what_is_left_is_refused
    the_database_itself_refuses_to_break_a_floor
    a_frozen_account_cannot_pay
    accounts_of_another_tenant_are_not_there
    a_summary_adds_up
    a_wallets_transfers_of_every_kind_are_listed_newest_first
    the_newest_transfers_come_first_and_page
}

async fn a_grant_is_booked_once_per_reference_and_account(world: Arc<World>) {
    let (one, two) = (world.customer(0).await, world.customer(0).await);
    let grant = |account_id: AccountId, reference: &'static str| {
        world.write(move |tx, ctx| ledger::grant(tx, ctx, account_id, 10, Some(reference)))
    };
    let transfer = grant(one, "invoice-1").await.unwrap();
    assert_eq!((transfer.kind, transfer.reference.as_deref()), (TransferKind::Grant, Some("invoice-1")));
    assert_eq!(grant(one, "invoice-1").await.unwrap_err().code, Code::AlreadyExists);
    grant(one, "invoice-2").await.unwrap();
    grant(two, "invoice-1").await.unwrap();
    assert_eq!((world.account(one).await.balance, world.account(two).await.balance), (20, 10));
    world.assert_ledger_holds().await;
}

async fn a_grant_out_of_range_changes_nothing(world: Arc<World>) {
    let id = world.customer(0).await;
    for amount in [i64::MIN, -1, 0, AMOUNT_MAX + 1, i64::MAX] {
        let fault = world.write(move |tx, ctx| ledger::grant(tx, ctx, id, amount, None)).await.unwrap_err();
        assert_eq!(fault.code, Code::Invalid, "{amount}");
    }
    world.write(move |tx, ctx| ledger::grant(tx, ctx, id, AMOUNT_MAX, None)).await.unwrap();
    assert_eq!(world.account(id).await.balance, AMOUNT_MAX);
    world.assert_ledger_holds().await;
}

async fn set_floor(world: &Arc<World>, id: AccountId, floor: i64) -> Result<i64, base::Fault> {
    world.write(move |tx, ctx| ledger::set_floor(tx, ctx, id, floor)).await
}

async fn charge(world: &Arc<World>, id: AccountId, amount: i64) -> Result<(), base::Fault> {
    world
        .write(move |tx, ctx| {
            let account = ledger::lock(tx, ctx.tenant_id, id)?;
            ledger::charge(tx, ctx, &account, amount, None).map(drop)
        })
        .await
}

async fn a_charge_never_goes_below_the_floor(world: Arc<World>) {
    let id = world.customer(10).await;
    for (floor, amount, ends_at) in
        [(0, 11, None), (4, 7, None), (4, 6, Some(4)), (-5, 10, None), (-5, 9, Some(-5))]
    {
        set_floor(&world, id, floor).await.unwrap();
        let before = world.account(id).await.balance;
        let outcome = charge(&world, id, amount).await;
        match ends_at {
            Some(balance) => assert_eq!((outcome.is_ok(), world.account(id).await.balance), (true, balance)),
            None => {
                assert_eq!(outcome.unwrap_err().code, Code::InsufficientCredits);
                assert_eq!(world.account(id).await.balance, before);
            }
        }
    }
    world.assert_ledger_holds().await;
}

async fn a_floor_above_what_is_left_is_refused(world: Arc<World>) {
    let id = world.customer(10).await;
    world.write(move |tx, ctx| ledger::hold(tx, ctx, id, 4, 60)).await.unwrap();
    assert_eq!(set_floor(&world, id, 7).await.unwrap_err().code, Code::Conflict);
    assert_eq!(set_floor(&world, id, 6).await.unwrap(), 0);
    assert_eq!(set_floor(&world, id, -3).await.unwrap(), 6);
    for wrong in [AMOUNT_MAX + 1, -AMOUNT_MAX - 1, i64::MIN] {
        assert_eq!(set_floor(&world, id, wrong).await.unwrap_err().code, Code::Invalid);
    }
    charge(&world, id, 9).await.unwrap();
    assert_eq!(set_floor(&world, id, 0).await.unwrap_err().code, Code::Conflict);
    assert_eq!(world.account(id).await.floor, -3);
    world.assert_ledger_holds().await;
}

async fn the_database_itself_refuses_to_break_a_floor(world: Arc<World>) {
    let id = world.customer(10).await;
    let stale = world.account(id).await;
    charge(&world, id, 8).await.unwrap();
    let fault = world.write(move |tx, ctx| ledger::charge(tx, ctx, &stale, 8, None)).await.unwrap_err();
    assert_eq!(fault.code, Code::Conflict);
    assert_eq!(world.account(id).await.balance, 2);
    world.assert_ledger_holds().await;
}

async fn a_frozen_account_cannot_pay(world: Arc<World>) {
    let id = world.customer(10).await;
    let hold_id = world.write(move |tx, ctx| ledger::hold(tx, ctx, id, 5, 60)).await.unwrap();
    let voided = world.write(move |tx, ctx| ledger::hold(tx, ctx, id, 1, 60)).await.unwrap();
    world.write(move |tx, ctx| ledger::freeze(tx, ctx, id)).await.unwrap();
    assert_eq!(charge(&world, id, 1).await.unwrap_err().code, Code::InsufficientCredits);
    let held = world.write(move |tx, ctx| ledger::hold(tx, ctx, id, 1, 60)).await;
    assert_eq!(held.unwrap_err().code, Code::InsufficientCredits);
    let captured = world.write(move |tx, ctx| ledger::capture(tx, ctx, hold_id, 5)).await;
    assert_eq!(captured.unwrap_err().code, Code::InsufficientCredits, "a ban stops holds from before it too");
    world.write(move |tx, ctx| ledger::void(tx, ctx, voided)).await.unwrap();
    world.write(move |tx, ctx| ledger::grant(tx, ctx, id, 1, None)).await.unwrap();
    let account = world.account(id).await;
    assert_eq!((account.balance, account.held, account.frozen_at), (11, 5, Some(world.clock.now())));
    world.write(move |tx, ctx| ledger::unfreeze(tx, ctx, id)).await.unwrap();
    world.write(move |tx, ctx| ledger::capture(tx, ctx, hold_id, 5)).await.unwrap();
    charge(&world, id, 6).await.unwrap();
    assert_eq!(world.account(id).await.balance, 0);
    world.assert_ledger_holds().await;
}

async fn accounts_of_another_tenant_are_not_there(world: Arc<World>) {
    let (id, stranger) = (world.customer(10).await, world.another_tenant().await);
    let theirs = wallet_id(stranger, Environment::Test);
    for account_id in [theirs, AccountId::from_bits(1)] {
        let granted = world.write(move |tx, ctx| ledger::grant(tx, ctx, account_id, 5, None)).await;
        let held = world.write(move |tx, ctx| ledger::hold(tx, ctx, account_id, 5, 60)).await;
        let frozen = world.write(move |tx, ctx| ledger::freeze(tx, ctx, account_id)).await;
        for code in [granted.unwrap_err().code, held.unwrap_err().code, frozen.unwrap_err().code] {
            assert_eq!(code, Code::NotFound);
        }
    }
    let found = world.kernel.db.read(move |tx| ledger::find(tx, stranger, id)).await;
    assert_eq!(found.unwrap_err().code, Code::NotFound);
    let theirs = world.read(move |tx| ledger::find(tx, stranger, theirs)).await;
    assert_eq!((theirs.balance, theirs.frozen_at), (SANDBOX_CREDITS, None));
}

async fn a_summary_adds_up(world: Arc<World>) {
    let id = world.customer(100).await;
    charge(&world, id, 30).await.unwrap();
    let hold_id = world.write(move |tx, ctx| ledger::hold(tx, ctx, id, 20, 60)).await.unwrap();
    world.write(move |tx, ctx| ledger::capture(tx, ctx, hold_id, 5)).await.unwrap();
    let of = |environment, unit| {
        let tenant_id = world.tenant_id;
        world.read(move |tx| ledger::summary(tx, tenant_id, environment, unit))
    };
    let points = of(Environment::Test, Unit::Point).await;
    assert_eq!((points.charges, points.charged, points.balances, points.granted), (2, 35, 65, 100));
    let credits = of(Environment::Test, Unit::Credit).await;
    assert_eq!((credits.charges, credits.balances, credits.granted), (0, SANDBOX_CREDITS, SANDBOX_CREDITS));
    let live = of(Environment::Live, Unit::Point).await;
    assert_eq!((live.charges, live.charged, live.balances, live.granted), (0, 0, 0, 0));
}

async fn a_wallets_transfers_of_every_kind_are_listed_newest_first(world: Arc<World>) {
    let (tenant_id, wallet) = (world.tenant_id, world.wallet_id());
    let customer = world.customer(5).await;
    charge(&world, customer, 1).await.unwrap();
    let hold = |seconds| world.write(move |tx, ctx| ledger::hold(tx, ctx, wallet, 3, seconds));
    let mut kinds = vec![TransferKind::Grant];
    let mut next = |kind| {
        kinds.push(kind);
        world.clock.advance_seconds(1);
    };
    next(TransferKind::Charge);
    charge(&world, wallet, 2).await.unwrap();
    let (captured, voided) = (hold(60).await.unwrap(), hold(60).await.unwrap());
    next(TransferKind::Capture);
    world.write(move |tx, ctx| ledger::capture(tx, ctx, captured, 1)).await.unwrap();
    next(TransferKind::Void);
    world.write(move |tx, ctx| ledger::void(tx, ctx, voided)).await.unwrap();
    hold(1).await.unwrap();
    next(TransferKind::Expire);
    world.write(|tx, ctx| ledger::expire_due(tx, ctx, 9)).await.unwrap();
    kinds.reverse();
    let list = |kind, environment, limit| {
        world.read(move |tx| {
            let filter = TransferFilter { kind, ..TransferFilter::default() };
            let found = ledger::wallet_transfers(tx, tenant_id, environment, filter, None, limit)?;
            Ok(found.into_iter().map(|transfer| transfer.kind).collect::<Vec<_>>())
        })
    };
    assert_eq!(list(None, Environment::Test, 100).await, kinds);
    assert_eq!(list(None, Environment::Test, 2).await, kinds[..2]);
    assert_eq!(list(None, Environment::Live, 100).await, []);
    for kind in TransferKind::ALL {
        let expected: Vec<_> = kinds.iter().copied().filter(|&other| other == kind).collect();
        assert_eq!(list(Some(kind), Environment::Test, 100).await, expected);
    }
}

async fn the_newest_transfers_come_first_and_page(world: Arc<World>) {
    let id = world.customer(0).await;
    for amount in 1..=5 {
        world.clock.advance_seconds(1);
        world.write(move |tx, ctx| ledger::grant(tx, ctx, id, amount, None)).await.unwrap();
    }
    let page = |before, limit| {
        let tenant_id: TenantId = world.tenant_id;
        world.read(move |tx| ledger::transfers_of(tx, tenant_id, id, before, limit))
    };
    let first = page(None, 3).await;
    assert_eq!(first.iter().map(|transfer| transfer.amount).collect::<Vec<_>>(), [5, 4, 3]);
    let rest = page(Some(first[2].transfer_id), 10).await;
    assert_eq!(rest.iter().map(|transfer| transfer.amount).collect::<Vec<_>>(), [2, 1]);
}
