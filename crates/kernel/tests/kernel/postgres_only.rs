//! Two transactions at once, step by step: SQLite has no such thing.

use std::sync::Arc;

use base::{Code, Fault};
use db::Engine;
use kernel::idempotency::{self, Claim, KEEP_SECONDS, Slot};
use kernel::keys::{Key, KeyChange};
use kernel::tenancy::{self, Status};
use kernel::{Ctx, Kernel, keys, ledger};

use crate::fixture::{Pause, World, with_key};
use crate::shop::*;

macro_rules! on_postgres {
    ($($test:ident)*) => {
        mod postgres {
            $(#[test] fn $test() { crate::fixture::run(db::Engine::Postgres, super::$test); })*
        }
    };
}

on_postgres! {
    a_sweep_leaves_a_key_that_is_being_claimed_anew
    a_sweep_of_holds_passes_over_what_others_resolve
    closing_wins_over_a_suspension_under_way
    a_rotation_that_meets_another_sees_its_key
    a_rotation_that_meets_a_revocation_is_a_conflict
    a_drain_waits_for_the_charge_that_is_inside
    a_change_waits_for_the_charge_that_is_inside_and_leaves_the_gate_open
}

/// Waits until a transaction of this database waits for a lock.
async fn somebody_waits(world: &Arc<World>) {
    const WAITING: &str = "SELECT COUNT(*) FROM pg_stat_activity \
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while world.read(|tx| Ok(tx.one(WAITING, &[], |row| row.int(0))?)).await == 0 {
        tokio::task::yield_now().await;
    }
}

/// Runs `first` up to its end and holds it there; starts `second`, which must wait for it; then lets both go on.
async fn meet<T, U>(
    world: &Arc<World>,
    first: impl Fn(&mut db::Tx<'_>, &mut Ctx) -> Result<T, Fault> + Send + 'static,
    second: impl Fn(&mut db::Tx<'_>, &mut Ctx) -> Result<U, Fault> + Send + 'static,
) -> (Result<T, Fault>, Result<U, Fault>)
where
    T: Send + 'static,
    U: Send + 'static,
{
    assert_eq!(world.kernel.db.engine(), Engine::Postgres);
    let (pause, point) = Pause::new();
    let first = tokio::spawn({
        let world = Arc::clone(world);
        async move {
            let held = move |tx: &mut db::Tx<'_>, ctx: &mut Ctx| {
                let done = first(tx, ctx)?;
                point.reach();
                Ok(done)
            };
            world.write(held).await
        }
    });
    pause.wait();
    let second = tokio::spawn({
        let world = Arc::clone(world);
        async move { world.write(second).await }
    });
    somebody_waits(world).await;
    pause.release();
    (first.await.unwrap(), second.await.unwrap())
}

async fn a_sweep_leaves_a_key_that_is_being_claimed_anew(world: Arc<World>) {
    let (key, _) = world.key().await;
    let call = with_key(world.call(&key), "k-1");
    buy(&world.kernel, call.clone()).await.unwrap();
    world.clock.advance_seconds(KEEP_SECONDS);
    let mac = world.kernel.secrets.idempotency_mac("k-1");
    let claim_anew = move |tx: &mut db::Tx<'_>, ctx: &mut Ctx| {
        let slot = Slot {
            tenant_id: ctx.tenant_id,
            scope: "test:citizen:/test",
            key_mac: &mac,
            has_tombstone: false,
        };
        let claim = idempotency::claim(tx, slot, &[1; 32], ctx.now)?;
        idempotency::complete(tx, slot, &[1; 32], b"a reply")?;
        Ok(claim)
    };
    let sweep = |tx: &mut db::Tx<'_>, ctx: &mut Ctx| idempotency::sweep(tx, ctx.tenant_id, ctx.now, 10);
    let (claimed, swept) = meet(&world, claim_anew, sweep).await;
    assert_eq!((claimed.unwrap(), swept.unwrap()), (Claim::Fresh, 0));
    assert_eq!(traces(&world).await.saved_keys, 1, "a retry would be charged again");
}

async fn a_sweep_of_holds_passes_over_what_others_resolve(world: Arc<World>) {
    let (one, two) = (world.customer(10).await, world.customer(10).await);
    let hold = |id| world.write(move |tx, ctx| ledger::hold(tx, ctx, id, 4, 60));
    let raced = hold(one).await.unwrap();
    hold(two).await.unwrap();
    world.clock.advance_seconds(60);
    let (voided, expired) =
        meet(&world, move |tx, ctx| ledger::void(tx, ctx, raced), |tx, ctx| ledger::expire_due(tx, ctx, 10))
            .await;
    voided.unwrap();
    assert_eq!(expired.unwrap(), 1, "the other one");
    assert_eq!((world.account(one).await.held, world.account(two).await.held), (0, 0));
    world.assert_ledger_holds().await;
}

async fn closing_wins_over_a_suspension_under_way(world: Arc<World>) {
    let (closed, suspended) = meet(
        &world,
        |tx, ctx| tenancy::set_status(tx, ctx, Status::Closed, "for good"),
        |tx, ctx| tenancy::set_status(tx, ctx, Status::Suspended, "unpaid"),
    )
    .await;
    closed.unwrap();
    assert_eq!(suspended.unwrap_err().code, Code::Conflict);
    let tenant_id = world.tenant_id;
    assert_eq!(world.read(move |tx| tenancy::find(tx, tenant_id)).await.status, Status::Closed);
}

async fn a_rotation_that_meets_another_sees_its_key(world: Arc<World>) {
    const LIVE: &str = "SELECT COUNT(*) FROM api_key WHERE tenant_id = ?1 AND revoked_at_us IS NULL";
    let (key, _) = world.key().await;
    let rotate = |grace_seconds| {
        let (secrets, key_id) = (Arc::clone(&world.kernel.secrets), key.key_id);
        move |tx: &mut db::Tx<'_>, ctx: &mut Ctx| keys::rotate(tx, ctx, &secrets, key_id, grace_seconds)
    };
    let (first, second) = meet(&world, rotate(900), rotate(900)).await;
    let ((first, _), (second, _)) = (first.unwrap(), second.unwrap());
    assert_eq!(world.count(LIVE).await, 1, "one key of a lineage has no deadline");
    assert_eq!(buy(&world.kernel, world.call(&first)).await.unwrap_err().code, Code::CredentialInvalid);
    buy(&world.kernel, world.call(&second)).await.unwrap();
}

async fn a_rotation_that_meets_a_revocation_is_a_conflict(world: Arc<World>) {
    let (key, _) = world.key().await;
    let (secrets, key_id) = (Arc::clone(&world.kernel.secrets), key.key_id);
    let (revoked, rotated) = meet(
        &world,
        move |tx, ctx| keys::revoke(tx, ctx, key_id),
        move |tx, ctx| keys::rotate(tx, ctx, &secrets, key_id, 900).map(drop),
    )
    .await;
    revoked.unwrap();
    assert_eq!(rotated.unwrap_err().code, Code::Conflict);
    assert_eq!(
        world.count("SELECT COUNT(*) FROM api_key WHERE tenant_id = ?1").await,
        1,
        "and no key was made"
    );
    assert!(buy(&world.kernel, world.call(&key)).await.is_err());
}

async fn a_drain_waits_for_the_charge_that_is_inside(world: Arc<World>) {
    let key = world.key().await.0;
    let key_id = key.key_id;
    let revoke = move |tx: &mut db::Tx<'_>, ctx: &mut Ctx| keys::revoke(tx, ctx, key_id).map(drop);
    waits_for_the_charge_that_is_inside(&world, &key, revoke, |kernel, key| async move {
        kernel.drain(key.tenant_id, kernel::spine::lineage_gate(key.lineage_id)).await
    })
    .await;
    assert_eq!(buy(&world.kernel, world.call(&key)).await.unwrap_err().code, Code::CredentialInvalid);
}

async fn a_change_waits_for_the_charge_that_is_inside_and_leaves_the_gate_open(world: Arc<World>) {
    let key = world.key().await.0;
    let key_id = key.key_id;
    let change = move |tx: &mut db::Tx<'_>, ctx: &mut Ctx| {
        let change = KeyChange { label: Some("changed".into()), ..KeyChange::default() };
        keys::change(tx, ctx, key_id, &change).map(drop)
    };
    waits_for_the_charge_that_is_inside(&world, &key, change, |kernel, key| async move {
        kernel.wait_for_live(key.tenant_id, key.lineage_id).await
    })
    .await;
    buy(&world.kernel, world.call(&key)).await.unwrap();
}

async fn waits_for_the_charge_that_is_inside<F>(
    world: &Arc<World>,
    key: &Key,
    publish: impl Fn(&mut db::Tx<'_>, &mut Ctx) -> Result<(), Fault> + Send + Sync + 'static,
    wait: impl FnOnce(Kernel, Key) -> F,
) where
    F: Future<Output = Result<(), Fault>> + Send + 'static,
{
    let wallet_id = world.wallet_id();
    // Somebody holds the wallet, so that the charge stands between its gates and its commit.
    let (pause, point) = Pause::new();
    let holder = tokio::spawn({
        let world = Arc::clone(world);
        async move {
            world
                .write(move |tx, ctx| {
                    ledger::lock(tx, ctx.tenant_id, wallet_id)?;
                    point.reach();
                    Ok(())
                })
                .await
        }
    });
    pause.wait();
    let charge = tokio::spawn({
        let (world, key) = (Arc::clone(world), key.clone());
        async move { buy(&world.kernel, world.call(&key)).await }
    });
    somebody_waits(world).await;
    world.write(publish).await.unwrap();
    let other = world.another_kernel(world.clock.clone());
    let mut drain = tokio::spawn(wait(other, key.clone()));
    two_wait(world).await;
    assert!(!drain.is_finished() && !charge.is_finished());
    pause.release();
    holder.await.unwrap().unwrap();
    (&mut drain).await.unwrap().unwrap();
    let at_drain = charges(world).await;
    let charged = charge.await.unwrap();
    assert_eq!(charges(world).await, at_drain);
    assert_eq!(i64::from(charged.is_ok()), at_drain, "it was charged before the drain, or not at all");
}

async fn two_wait(world: &Arc<World>) {
    const WAITING: &str = "SELECT COUNT(*) FROM pg_stat_activity \
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while world.read(|tx| Ok(tx.one(WAITING, &[], |row| row.int(0))?)).await < 2 {
        tokio::task::yield_now().await;
    }
}
