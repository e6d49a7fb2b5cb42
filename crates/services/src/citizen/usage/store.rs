use base::{Environment, Fault, Timestamp};
use db::{Row, Tx, args};
use kernel::usage::{Count, HOUR_US, Span, Totals};

const ID_AFTER: &str = "SELECT verification_id FROM citizen_verification \
    WHERE tenant_id = ?1 AND verification_id >= ?2 AND verification_id < ?3 ORDER BY verification_id LIMIT 1 OFFSET ?4";
const VERIFICATIONS: &str = "SELECT environment, created_at_us / 3600000000 AS hour, result, COUNT(*) AS calls, \
    CAST(SUM(credits_used) AS BIGINT) AS credits FROM citizen_verification \
    WHERE tenant_id = ?1 AND verification_id >= ?2 AND verification_id < ?3 \
    GROUP BY environment, created_at_us / 3600000000, result";

const TOTAL: &str = "SELECT result, COUNT(*) AS calls, CAST(SUM(credits_used) AS BIGINT) AS credits FROM citizen_verification \
    WHERE tenant_id = ?1 AND verification_id >= ?2 AND verification_id < ?3 AND environment = ?4 GROUP BY result";

pub(in crate::citizen) const STATEMENTS: &[&str] = &[ID_AFTER, VERIFICATIONS, TOTAL];

pub(super) fn id_after(tx: &mut Tx<'_>, span: &Span<'_>, rows: i64) -> Result<Option<String>, Fault> {
    Ok(tx.opt(ID_AFTER, args![span.tenant_id, span.from, span.to, rows], |row| row.text("verification_id"))?)
}

pub(super) fn verifications(tx: &mut Tx<'_>, span: &Span<'_>) -> Result<Vec<Count>, Fault> {
    Ok(tx.all(VERIFICATIONS, args![span.tenant_id, span.from, span.to], count)?)
}

pub(super) fn total(
    tx: &mut Tx<'_>,
    span: &Span<'_>,
    environment: Environment,
) -> Result<Vec<(String, Totals)>, Fault> {
    let Span { tenant_id, from, to } = *span;
    Ok(tx
        .all(TOTAL, args![tenant_id, from, to, environment], |row| Ok((row.text("result")?, totals(row)?)))?)
}

fn count(row: &Row<'_>) -> Result<Count, db::Error> {
    Ok(Count {
        subject_id: String::new(),
        environment: row.named("environment", Environment::parse)?,
        hour: Timestamp::from_micros(row.int("hour")? * HOUR_US),
        outcome: row.text("result")?,
        totals: totals(row)?,
    })
}

fn totals(row: &Row<'_>) -> Result<Totals, db::Error> {
    Ok(Totals { calls: row.int("calls")?, credits: row.int("credits")?, points: 0 })
}
