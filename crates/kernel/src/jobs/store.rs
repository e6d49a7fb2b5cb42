use base::id::JobId;
use base::{Fault, Timestamp};
use db::{Row, Tx, args};

use super::Leased;
use crate::ctx::Ctx;

const INSERT: &str = "INSERT INTO job (lane, job_id, tenant_id, kind, payload, run_at_us, lease_until_us, fence, attempts, attempts_max, created_at_us) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 0, 0, ?7, ?8)";
const DUE: &str = "SELECT job_id FROM job WHERE lane = ?1 AND kind = ?4 AND run_at_us <= ?2 AND lease_until_us <= ?2 AND failed_at_us IS NULL \
    ORDER BY run_at_us, job_id LIMIT ?3 FOR UPDATE SKIP LOCKED";
const DUE_LANES: &str = "SELECT DISTINCT lane FROM job WHERE kind = ?1 AND run_at_us <= ?2 AND lease_until_us <= ?2 AND failed_at_us IS NULL \
    ORDER BY lane";
const LEASE: &str = "UPDATE job SET lease_until_us = ?3, fence = fence + 1, attempts = attempts + 1 WHERE lane = ?1 AND job_id = ?2 \
    RETURNING job_id, tenant_id, kind, payload, fence, attempts";
const DELETE: &str = "DELETE FROM job WHERE lane = ?1 AND job_id = ?2 AND fence = ?3";
const RELEASE: &str = "UPDATE job SET lease_until_us = 0, run_at_us = ?4, last_error = ?5, \
    failed_at_us = CASE WHEN attempts >= attempts_max THEN CAST(?6 AS BIGINT) END \
    WHERE lane = ?1 AND job_id = ?2 AND fence = ?3";

const FAIL_EXHAUSTED: &str = "UPDATE job SET failed_at_us = ?2, lease_until_us = 0, \
    last_error = 'The last worker that had this job did not live to say how it went.' \
    WHERE lane = ?1 AND run_at_us <= ?2 AND lease_until_us <= ?2 AND failed_at_us IS NULL AND attempts >= attempts_max";

pub const STATEMENTS: &[&str] = &[INSERT, DUE, DUE_LANES, LEASE, DELETE, RELEASE, FAIL_EXHAUSTED];

pub(super) fn insert(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    job_id: JobId,
    kind: &str,
    payload: &str,
    run_at: Timestamp,
    attempts_max: i64,
) -> Result<(), Fault> {
    let lane = super::lane(ctx.tenant_id);
    tx.exec(INSERT, args![lane, job_id, ctx.tenant_id, kind, payload, run_at, attempts_max, ctx.now])?;
    Ok(())
}

pub(super) fn claim(
    tx: &mut Tx<'_>,
    kind: &str,
    lane: i64,
    now: Timestamp,
    lease_until: Timestamp,
    limit: i64,
) -> Result<Vec<Leased>, Fault> {
    let due: Vec<JobId> = tx.all(DUE, args![lane, now, limit, kind], |row| row.id("job_id"))?;
    let lease = |job_id: JobId| tx.one(LEASE, args![lane, job_id, lease_until], leased).map_err(Fault::from);
    due.into_iter().map(lease).collect()
}

pub(super) fn due_lanes(tx: &mut Tx<'_>, kind: &str, now: Timestamp) -> Result<Vec<i64>, Fault> {
    Ok(tx.all(DUE_LANES, args![kind, now], |row| row.int("lane"))?)
}

/// Ends the jobs that used up their attempts without a word from their workers.
pub(super) fn fail_exhausted(tx: &mut Tx<'_>, lane: i64, now: Timestamp) -> Result<(), Fault> {
    tx.exec(FAIL_EXHAUSTED, args![lane, now])?;
    Ok(())
}

pub(super) fn delete(tx: &mut Tx<'_>, job: &Leased) -> Result<bool, Fault> {
    Ok(tx.exec(DELETE, args![super::lane(job.tenant_id), job.job_id, job.fence])? == 1)
}

pub(super) fn release(
    tx: &mut Tx<'_>,
    job: &Leased,
    now: Timestamp,
    run_at: Timestamp,
    error: &str,
) -> Result<bool, Fault> {
    let lane = super::lane(job.tenant_id);
    Ok(tx.exec(RELEASE, args![lane, job.job_id, job.fence, run_at, error, now])? == 1)
}

fn leased(row: &Row<'_>) -> Result<Leased, db::Error> {
    Ok(Leased {
        job_id: row.id("job_id")?,
        tenant_id: row.id("tenant_id")?,
        kind: row.text("kind")?,
        payload: row.text("payload")?,
        fence: row.int("fence")?,
        attempts: row.int("attempts")?,
    })
}
