//! Once a revocation or suspension has drained, nothing more is charged: on any node, whatever its clock says.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use base::{Code, Fault};
use kernel::keys::{self, Key};
use kernel::spine::lineage_gate;
use kernel::tenancy::{self, Status};
use kernel::{Clock, Kernel};
use tokio::task::JoinSet;

use crate::fixture::{START, World};
use crate::shop::*;

on_both_engines! {
    no_charge_follows_a_drained_revocation
    no_charge_follows_a_drained_suspension
    a_revocation_does_not_wait_for_the_other_keys_of_its_lineage
    a_node_whose_clock_is_behind_honours_a_revocation
    a_suspended_tenant_is_refused_and_an_operator_is_not
    a_key_without_a_gate_is_refused
}

const LOOPS: usize = 4;

/// Callers that charge with one key in a loop, in two processes, until they are refused or told to stop.
struct Load {
    tasks: JoinSet<Result<(), Fault>>,
    charged: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Load {
    fn start(world: &Arc<World>, kernels: &[Kernel], key: &Key) -> Self {
        let mut load = Self { tasks: JoinSet::new(), charged: Arc::default(), stop: Arc::default() };
        for number in 0..LOOPS {
            let kernel = kernels[number % kernels.len()].clone();
            let (world, key) = (Arc::clone(world), key.clone());
            let (charged, stop) = (Arc::clone(&load.charged), Arc::clone(&load.stop));
            load.tasks.spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    match buy(&kernel, world.call(&key)).await {
                        Ok(_) => charged.fetch_add(1, Ordering::SeqCst),
                        Err(fault) if fault.code == Code::Unavailable => continue,
                        Err(fault) => return Err(fault),
                    };
                }
                Ok(())
            });
        }
        load
    }

    fn charged(&self) -> u64 {
        self.charged.load(Ordering::SeqCst)
    }

    async fn until(&self, charged: u64) {
        while self.charged() < charged {
            tokio::task::yield_now().await;
        }
    }

    /// The loops end by themselves, each with the same refusal.
    async fn refused(self, code: Code) -> u64 {
        for outcome in self.tasks.join_all().await {
            assert_eq!(outcome.unwrap_err().code, code);
        }
        self.charged.load(Ordering::SeqCst)
    }

    async fn stop(self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        for outcome in self.tasks.join_all().await {
            outcome.unwrap();
        }
        self.charged.load(Ordering::SeqCst)
    }
}

async fn charges_of(world: &Arc<World>, key: &Key) -> i64 {
    const CHARGES: &str =
        "SELECT COUNT(*) FROM transfer WHERE tenant_id = ?1 AND key_id = ?2 AND kind = 'charge'";
    let (tenant_id, key_id) = (key.tenant_id, key.key_id);
    world.read(move |tx| Ok(tx.one(CHARGES, db::args![tenant_id, key_id], |row| row.int(0))?)).await
}

/// Waits, and again when told that the wait may be repeated: a busy machine may take longer than a lock's time.
async fn drain(kernel: &Kernel, world: &Arc<World>, subject: String) {
    loop {
        match kernel.drain(world.tenant_id, subject.clone()).await {
            Err(fault) if fault.code == Code::Unavailable => {}
            outcome => return outcome.unwrap(),
        }
    }
}

async fn revoke_and_drain(kernel: &Kernel, world: &Arc<World>, key: &Key) {
    let key_id = key.key_id;
    let lineage_id = world.write(move |tx, ctx| keys::revoke(tx, ctx, key_id)).await.unwrap();
    drain(kernel, world, lineage_gate(lineage_id)).await;
}

async fn no_charge_follows_a_drained_revocation(world: Arc<World>) {
    let kernels = [world.kernel.clone(), world.another_kernel(world.clock.clone())];
    let (other, _) = world.key().await;
    let neighbour = Load::start(&world, &kernels, &other);
    for round in 1..=5 {
        let (key, _) = world.key().await;
        let load = Load::start(&world, &kernels, &key);
        load.until(20).await;
        revoke_and_drain(&world.kernel, &world, &key).await;
        let at_drain = charges_of(&world, &key).await;
        let answered = load.refused(Code::CredentialInvalid).await;
        assert_eq!(charges_of(&world, &key).await, at_drain, "round {round}");
        assert_eq!(i64::try_from(answered).unwrap(), at_drain, "every charge was answered, and only those");
        let seen = neighbour.charged();
        neighbour.until(seen + 10).await;
    }
    let answered = neighbour.stop().await;
    assert_eq!(charges_of(&world, &other).await, i64::try_from(answered).unwrap());
    world.assert_ledger_holds().await;
}

async fn no_charge_follows_a_drained_suspension(world: Arc<World>) {
    let kernels = [world.kernel.clone(), world.another_kernel(world.clock.clone())];
    let (key, _) = world.key().await;
    for _ in 0..3 {
        let load = Load::start(&world, &kernels, &key);
        load.until(20).await;
        let suspend = |status| world.write(move |tx, ctx| tenancy::set_status(tx, ctx, status, "unpaid"));
        suspend(Status::Suspended).await.unwrap();
        drain(&world.kernel, &world, world.tenant_id.text()).await;
        let (at_drain, balance) = (charges_of(&world, &key).await, world.balance().await);
        load.refused(Code::TenantInactive).await;
        assert_eq!((charges_of(&world, &key).await, world.balance().await), (at_drain, balance));
        suspend(Status::Active).await.unwrap();
        buy(&world.kernel, world.call(&key)).await.unwrap();
    }
}

async fn a_revocation_does_not_wait_for_the_other_keys_of_its_lineage(world: Arc<World>) {
    let kernels = [world.kernel.clone(), world.another_kernel(world.clock.clone())];
    let (mut old, _) = world.key().await;
    for _ in 0..3 {
        let (secrets, old_id) = (Arc::clone(&world.kernel.secrets), old.key_id);
        let rotate = world.write(move |tx, ctx| keys::rotate(tx, ctx, &secrets, old_id, 900));
        let (new, _) = rotate.await.unwrap();
        keys::note_use(&world.kernel, &new).await.unwrap();
        let (dying, living) = (Load::start(&world, &kernels, &old), Load::start(&world, &kernels, &new));
        dying.until(20).await;
        living.until(20).await;
        revoke_and_drain(&world.kernel, &world, &old).await;
        let at_drain = charges_of(&world, &old).await;
        dying.refused(Code::CredentialInvalid).await;
        assert_eq!(charges_of(&world, &old).await, at_drain);
        let seen = living.charged();
        living.until(seen + 20).await;
        living.stop().await;
        old = new;
    }
}

async fn a_node_whose_clock_is_behind_honours_a_revocation(world: Arc<World>) {
    let behind = world.another_kernel(Clock::manual(START.plus_seconds(-1)));
    let (key, _) = world.key().await;
    let (expiring, _) = world.key().await;
    let (secrets, expiring_id) = (Arc::clone(&world.kernel.secrets), expiring.key_id);
    buy(&behind, world.call(&key)).await.unwrap();
    revoke_and_drain(&world.kernel, &world, &key).await;
    let fault = buy(&behind, world.call(&key)).await.unwrap_err();
    assert_eq!(fault.code, Code::CredentialInvalid);
    assert_eq!(charges_of(&world, &key).await, 1);
    let (next, _) =
        world.write(move |tx, ctx| keys::rotate(tx, ctx, &secrets, expiring_id, 0)).await.unwrap();
    drain(&world.kernel, &world, lineage_gate(next.lineage_id)).await;
    assert_eq!(buy(&behind, world.call(&expiring)).await.unwrap_err().code, Code::CredentialInvalid);
    buy(&behind, world.call(&next)).await.unwrap();
}

async fn a_suspended_tenant_is_refused_and_an_operator_is_not(world: Arc<World>) {
    let (key, _) = world.key().await;
    let set = |status| world.write(move |tx, ctx| tenancy::set_status(tx, ctx, status, "unpaid"));
    set(Status::Suspended).await.unwrap();
    drain(&world.kernel, &world, world.tenant_id.text()).await;
    for command in [&ORDER, &ORDER_FREE] {
        let free = Order { units: 0, then: Then::Done };
        let fault = world.kernel.run(world.call(&key), command, free, order).await.unwrap_err();
        assert_eq!(fault.code, Code::TenantInactive);
    }
    assert_eq!(traces(&world).await, NOTHING);
    buy(&world.kernel, world.operator_call()).await.unwrap();
    set(Status::Active).await.unwrap();
    buy(&world.kernel, world.call(&key)).await.unwrap();
    assert_eq!(charges(&world).await, 2);
}

async fn a_key_without_a_gate_is_refused(world: Arc<World>) {
    const UNHINGE: &str = "DELETE FROM gate WHERE tenant_id = ?1 AND subject_id <> ?1";
    let (key, _) = world.key().await;
    world.write(|tx, ctx| Ok(tx.exec(UNHINGE, db::args![ctx.tenant_id])?)).await.unwrap();
    assert!(buy(&world.kernel, world.call(&key)).await.is_err(), "its revocation could not be exact");
    assert_eq!(traces(&world).await, NOTHING);
    let nowhere = world.kernel.drain(world.tenant_id, "lin_nowhere".into()).await;
    assert!(nowhere.is_err(), "nobody may think that this was drained");
}
