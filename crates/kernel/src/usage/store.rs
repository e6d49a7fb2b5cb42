use std::collections::BTreeMap;

use base::id::TenantId;
use base::{Environment, Fault, Service, Timestamp};
use db::{Row, Tx, args};

use super::fold::Mark;
use super::{Count, Totals};

const FIND_MARK: &str =
    "SELECT folded_to, batch_to, batch_subject FROM usage_fold WHERE tenant_id = ?1 AND service = ?2";
const LOCK_MARK: &str = "SELECT folded_to, batch_to, batch_subject FROM usage_fold WHERE tenant_id = ?1 AND service = ?2 FOR UPDATE";
const OPEN_MARK: &str = "INSERT INTO usage_fold (tenant_id, service, folded_to, batch_to, batch_subject, updated_at_us) \
    VALUES (?1, ?2, '', '', '', ?3) ON CONFLICT (tenant_id, service) DO NOTHING";
const SET_MARK: &str = "UPDATE usage_fold SET folded_to = ?3, batch_to = ?4, batch_subject = ?5, updated_at_us = ?6 \
    WHERE tenant_id = ?1 AND service = ?2";
const ADD: &str = "INSERT INTO usage_hour (tenant_id, environment, service, subject_id, hour_us, outcome, calls, credits, points) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
    ON CONFLICT (tenant_id, environment, service, subject_id, hour_us, outcome) DO UPDATE SET \
    calls = usage_hour.calls + excluded.calls, credits = usage_hour.credits + excluded.credits, \
    points = usage_hour.points + excluded.points";
const SUMS: &str = "SELECT (hour_us / ?7) * ?7 AS start_us, outcome, CAST(SUM(calls) AS BIGINT) AS calls, \
    CAST(SUM(credits) AS BIGINT) AS credits, CAST(SUM(points) AS BIGINT) AS points FROM usage_hour \
    WHERE tenant_id = ?1 AND environment = ?2 AND service = ?3 AND subject_id = ?4 AND hour_us >= ?5 AND hour_us < ?6 \
    GROUP BY (hour_us / ?7) * ?7, outcome";

const SUMS_OF_HOUR: &str = "SELECT outcome, calls, credits, points FROM usage_hour \
    WHERE tenant_id = ?1 AND environment = ?2 AND service = ?3 AND subject_id = '' AND hour_us = ?4";
const FORGET_HOUR: &str =
    "DELETE FROM usage_hour WHERE tenant_id = ?1 AND environment = ?2 AND service = ?3 AND hour_us = ?4";

pub const STATEMENTS: &[&str] =
    &[FIND_MARK, LOCK_MARK, OPEN_MARK, SET_MARK, ADD, SUMS, SUMS_OF_HOUR, FORGET_HOUR];

pub(super) fn find_mark(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    service: Service,
) -> Result<Option<Mark>, Fault> {
    Ok(tx.opt(FIND_MARK, args![tenant_id, service], mark)?)
}

/// Opens the mark of a service that was never folded, and locks it.
pub(super) fn lock_mark(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    service: Service,
    now: Timestamp,
) -> Result<Mark, Fault> {
    tx.exec(OPEN_MARK, args![tenant_id, service, now])?;
    Ok(tx.one(LOCK_MARK, args![tenant_id, service], mark)?)
}

pub(super) fn set_mark(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    service: Service,
    mark: &Mark,
    now: Timestamp,
) -> Result<(), Fault> {
    let Mark { folded_to, batch_to, batch_subject } = mark;
    tx.exec(SET_MARK, args![tenant_id, service, folded_to, batch_to, batch_subject, now])?;
    Ok(())
}

pub(super) fn add(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    service: Service,
    count: &Count,
) -> Result<(), Fault> {
    let Totals { calls, credits, points } = count.totals;
    let Count { environment, subject_id, hour, outcome, .. } = count;
    tx.exec(
        ADD,
        args![tenant_id, *environment, service, subject_id, *hour, outcome, calls, credits, points],
    )?;
    Ok(())
}

/// Which sums are wanted. Times in microseconds.
pub(super) struct Place<'a> {
    pub(super) tenant_id: TenantId,
    pub(super) environment: Environment,
    pub(super) service: Service,
    pub(super) subject_id: &'a str,
    pub(super) from_us: i64,
    pub(super) to_us: i64,
    pub(super) bucket_us: i64,
}

/// Beginning of the bucket in microseconds, outcome, sums.
pub(super) fn sums(tx: &mut Tx<'_>, place: &Place<'_>) -> Result<Vec<(i64, String, Totals)>, Fault> {
    let Place { tenant_id, environment, service, subject_id, from_us, to_us, bucket_us } = *place;
    Ok(tx.all(
        SUMS,
        args![tenant_id, environment, service, subject_id, from_us, to_us, bucket_us],
        |row| {
            let totals =
                Totals { calls: row.int("calls")?, credits: row.int("credits")?, points: row.int("points")? };
            Ok((row.int("start_us")?, row.text("outcome")?, totals))
        },
    )?)
}

/// The sums of a whole tenant in one hour, by outcome.
pub(super) fn sums_of_hour(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    service: Service,
    hour: Timestamp,
) -> Result<BTreeMap<String, Totals>, Fault> {
    let sums = tx.all(SUMS_OF_HOUR, args![tenant_id, environment, service, hour], |row| {
        let totals =
            Totals { calls: row.int("calls")?, credits: row.int("credits")?, points: row.int("points")? };
        Ok((row.text("outcome")?, totals))
    })?;
    Ok(sums.into_iter().collect())
}

pub(super) fn forget_hour(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    service: Service,
    hour: Timestamp,
) -> Result<(), Fault> {
    tx.exec(FORGET_HOUR, args![tenant_id, environment, service, hour])?;
    Ok(())
}

fn mark(row: &Row<'_>) -> Result<Mark, db::Error> {
    Ok(Mark {
        folded_to: row.text("folded_to")?,
        batch_to: row.text("batch_to")?,
        batch_subject: row.text("batch_subject")?,
    })
}
