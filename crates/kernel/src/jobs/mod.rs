//! Background work: queued in the transaction that wants it, claimed with a lease, finished with a fence.
//!
//! States: due (run_at passed, no lease) → leased → gone (done) | due again later (retry) | failed (attempts used up).
//! A worker that lost its lease holds an old fence, and its result is discarded.
//! Jobs must be idempotent: a worker may die after its effect and before `finish`.

mod store;

use base::id::{JobId, TenantId};
use base::{Fault, Timestamp};
use db::Tx;

use crate::ctx::Ctx;

pub use store::STATEMENTS;

/// Tenants hash to this many lanes, and a worker claims within one.
pub const LANES: i64 = 64;
const ATTEMPTS_MAX: i64 = 10;

/// The lane of a tenant.
#[must_use]
pub fn lane(tenant_id: TenantId) -> i64 {
    // The low bits of an id are its random part, so tenants spread evenly.
    i64::try_from(tenant_id.bits() % 64).expect("a remainder of 64 fits")
}

/// A job that this worker owns until `lease_until`.
#[derive(Clone, Debug)]
pub struct Leased {
    pub job_id: JobId,
    pub tenant_id: TenantId,
    pub kind: String,
    pub payload: String,
    pub fence: i64,
    pub attempts: i64,
}

/// Queues a job for `run_at`, when and only when the transaction commits.
///
/// # Errors
/// When the database fails.
pub fn enqueue(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    kind: &str,
    payload: &str,
    run_at: Timestamp,
) -> Result<JobId, Fault> {
    let job_id = JobId::new(ctx.now, ctx.random.id_bits());
    store::insert(tx, ctx, job_id, kind, payload, run_at, ATTEMPTS_MAX)?;
    Ok(job_id)
}

/// The lanes that have a due job of a kind: a look without a lock.
///
/// # Errors
/// When the database fails.
pub fn due_lanes(tx: &mut Tx<'_>, kind: &str, now: Timestamp) -> Result<Vec<i64>, Fault> {
    store::due_lanes(tx, kind, now)
}

/// Leases up to `limit` due jobs of a kind and lane for `lease_seconds`.
///
/// A job whose workers died in all its attempts is marked failed, so that it cannot take down one worker after another.
///
/// # Errors
/// When the database fails.
pub fn claim(
    tx: &mut Tx<'_>,
    kind: &str,
    lane: i64,
    now: Timestamp,
    lease_seconds: i64,
    limit: i64,
) -> Result<Vec<Leased>, Fault> {
    store::fail_exhausted(tx, lane, now)?;
    store::claim(tx, kind, lane, now, now.plus_seconds(lease_seconds), limit)
}

/// Removes a job that is done. `false` when the lease went to somebody else: the caller must undo its effect.
///
/// # Errors
/// When the database fails.
pub fn finish(tx: &mut Tx<'_>, job: &Leased) -> Result<bool, Fault> {
    store::delete(tx, job)
}

/// Puts a job back for `run_at`, or marks it failed when its attempts are used up. `false` as in [`finish`].
///
/// # Errors
/// When the database fails.
pub fn retry(
    tx: &mut Tx<'_>,
    job: &Leased,
    now: Timestamp,
    run_at: Timestamp,
    error: &str,
) -> Result<bool, Fault> {
    store::release(tx, job, now, run_at, error)
}
