//! Jobs: one worker at a time, by lease and fence.

use std::collections::HashSet;
use std::sync::Arc;

use base::Fault;
use base::id::JobId;
use kernel::jobs::{self, LANES, Leased};
use tokio::task::JoinSet;

use crate::fixture::World;

on_both_engines! {
    a_job_is_queued_with_its_transaction_or_not_at_all
    a_leased_job_is_nobody_elses_until_the_lease_ends
    a_worker_that_lost_its_lease_changes_nothing
    a_retried_job_comes_back_at_its_time_and_fails_in_the_end
    a_job_that_kills_its_workers_fails_in_the_end
    a_worker_sees_its_lane_and_kind_only
    many_workers_never_hold_the_same_job
}

const LEASE_SECONDS: i64 = 30;

async fn enqueue(world: &Arc<World>, delay_seconds: i64) -> JobId {
    let enqueued = world.write(move |tx, ctx| {
        jobs::enqueue(tx, ctx, "mail", "{\"n\":1}", ctx.now.plus_seconds(delay_seconds))
    });
    enqueued.await.unwrap()
}

async fn claim_in(world: &Arc<World>, lane: i64, limit: i64) -> Result<Vec<Leased>, Fault> {
    let now = world.clock.now();
    let claim = move |tx: &mut db::Tx<'_>| jobs::claim(tx, "mail", lane, now, LEASE_SECONDS, limit);
    world.kernel.db.write(world.tenant_id, claim).await
}

async fn claim(world: &Arc<World>) -> Vec<Leased> {
    claim_in(world, jobs::lane(world.tenant_id), 10).await.unwrap()
}

async fn finish(world: &Arc<World>, job: &Leased) -> bool {
    let job = job.clone();
    world.write(move |tx, _| jobs::finish(tx, &job)).await.unwrap()
}

async fn retry(world: &Arc<World>, job: &Leased, delay_seconds: i64) -> bool {
    let job = job.clone();
    let retry = world.write(move |tx, ctx| {
        jobs::retry(tx, &job, ctx.now, ctx.now.plus_seconds(delay_seconds), "the receiver is away")
    });
    retry.await.unwrap()
}

const LEFT: &str = "SELECT COUNT(*) FROM job WHERE tenant_id = ?1";
const FAILED: &str = "SELECT COUNT(*) FROM job WHERE tenant_id = ?1 AND failed_at_us IS NOT NULL";

async fn a_job_is_queued_with_its_transaction_or_not_at_all(world: Arc<World>) {
    let undone = world.write(|tx, ctx| {
        jobs::enqueue(tx, ctx, "mail", "{}", ctx.now)?;
        Err::<(), _>(Fault::conflict("no"))
    });
    assert!(undone.await.is_err() && claim(&world).await.is_empty());
    let job_id = enqueue(&world, 10).await;
    world.clock.advance_seconds(9);
    assert!(claim(&world).await.is_empty(), "not before its time");
    world.clock.advance_seconds(1);
    let leased = claim(&world).await;
    assert_eq!((leased.len(), leased[0].job_id, leased[0].tenant_id), (1, job_id, world.tenant_id));
    assert_eq!(
        (leased[0].kind.as_str(), leased[0].payload.as_str(), leased[0].attempts),
        ("mail", "{\"n\":1}", 1)
    );
    assert!(finish(&world, &leased[0]).await && world.count(LEFT).await == 0);
}

async fn a_leased_job_is_nobody_elses_until_the_lease_ends(world: Arc<World>) {
    enqueue(&world, 0).await;
    let first = claim(&world).await;
    world.clock.advance_seconds(LEASE_SECONDS - 1);
    assert!(first.len() == 1 && claim(&world).await.is_empty());
    world.clock.advance_seconds(1);
    let second = claim(&world).await;
    assert_eq!((second.len(), second[0].job_id, second[0].attempts), (1, first[0].job_id, 2));
    assert!(second[0].fence > first[0].fence);
}

async fn a_worker_that_lost_its_lease_changes_nothing(world: Arc<World>) {
    enqueue(&world, 0).await;
    let lost = claim(&world).await.remove(0);
    world.clock.advance_seconds(LEASE_SECONDS);
    let held = claim(&world).await.remove(0);
    assert!(!finish(&world, &lost).await && !retry(&world, &lost, 0).await);
    assert!(claim(&world).await.is_empty(), "the lease of the other stands");
    assert!(finish(&world, &held).await && !finish(&world, &held).await);
    assert_eq!(world.count(LEFT).await, 0);
}

async fn a_retried_job_comes_back_at_its_time_and_fails_in_the_end(world: Arc<World>) {
    enqueue(&world, 0).await;
    for attempt in 1..=10 {
        let job = claim(&world).await.remove(0);
        assert_eq!((job.attempts, world.count(FAILED).await), (attempt, 0));
        assert!(retry(&world, &job, 60).await);
        world.clock.advance_seconds(59);
        assert!(claim(&world).await.is_empty());
        world.clock.advance_seconds(1);
    }
    assert!(claim(&world).await.is_empty(), "its attempts are used up");
    assert_eq!((world.count(LEFT).await, world.count(FAILED).await), (1, 1), "it is kept for the operator");
}

async fn a_job_that_kills_its_workers_fails_in_the_end(world: Arc<World>) {
    enqueue(&world, 0).await;
    let mut claims = 0;
    while !claim(&world).await.is_empty() {
        claims += 1;
        assert!(claims <= 10, "nobody lives to call retry, and yet it must end");
        world.clock.advance_seconds(LEASE_SECONDS);
    }
    assert_eq!((claims, world.count(FAILED).await), (10, 1));
}

async fn a_worker_sees_its_lane_and_kind_only(world: Arc<World>) {
    enqueue(&world, 0).await;
    let own = jobs::lane(world.tenant_id);
    assert!((0..LANES).contains(&own));
    for lane in (0..LANES).filter(|lane| *lane != own) {
        assert!(claim_in(&world, lane, 10).await.unwrap().is_empty());
    }
    let now = world.clock.now();
    let lanes = |kind: &'static str| world.kernel.db.read(move |tx| jobs::due_lanes(tx, kind, now));
    assert!(lanes("mail").await.unwrap().contains(&own) && lanes("fax").await.unwrap().is_empty());
    let other = move |tx: &mut db::Tx<'_>| jobs::claim(tx, "fax", own, now, LEASE_SECONDS, 10);
    assert!(world.kernel.db.write(world.tenant_id, other).await.unwrap().is_empty());
    assert_eq!(claim(&world).await.len(), 1);
}

async fn many_workers_never_hold_the_same_job(world: Arc<World>) {
    const JOBS: usize = 60;
    for _ in 0..JOBS {
        enqueue(&world, 0).await;
    }
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let world = Arc::clone(&world);
        tasks.spawn(async move {
            let mut held = Vec::new();
            loop {
                match claim_in(&world, jobs::lane(world.tenant_id), 3).await {
                    Ok(leased) if leased.is_empty() => return held,
                    Ok(leased) => held.extend(leased.into_iter().map(|job| job.job_id)),
                    Err(fault) => assert_eq!(fault.code, base::Code::Unavailable),
                }
            }
        });
    }
    let held: Vec<JobId> = tasks.join_all().await.concat();
    let distinct: HashSet<JobId> = held.iter().copied().collect();
    assert_eq!(held.len(), distinct.len(), "no job was held twice");
    // A worker may find the last rows locked by others and leave, but nothing is lost.
    let rest = claim_in(&world, jobs::lane(world.tenant_id), 100).await.unwrap();
    assert_eq!(held.len() + rest.len(), JOBS);
}
