use base::{Environment, Fault, Timestamp};
use db::{Row, Tx, args};
use kernel::usage::{Count, HOUR_US, Span, Totals};

const OUTCOME: &str = "minted";

const ID_AFTER: &str = "SELECT batch_id FROM codes_batch WHERE tenant_id = ?1 AND batch_id >= ?2 AND batch_id < ?3 \
    ORDER BY batch_id LIMIT 1 OFFSET ?4";
const BATCHES: &str = "SELECT environment, created_at_us / 3600000000 AS hour, COUNT(*) AS calls, CAST(SUM(charged) AS BIGINT) AS credits \
    FROM codes_batch WHERE tenant_id = ?1 AND batch_id >= ?2 AND batch_id < ?3 GROUP BY environment, created_at_us / 3600000000";
const TOTAL: &str = "SELECT COUNT(*) AS calls, CAST(COALESCE(SUM(charged), 0) AS BIGINT) AS credits FROM codes_batch \
    WHERE tenant_id = ?1 AND batch_id >= ?2 AND batch_id < ?3 AND environment = ?4";

pub(in crate::codes) const STATEMENTS: &[&str] = &[ID_AFTER, BATCHES, TOTAL];

pub(super) fn id_after(tx: &mut Tx<'_>, span: &Span<'_>, rows: i64) -> Result<Option<String>, Fault> {
    Ok(tx.opt(ID_AFTER, args![span.tenant_id, span.from, span.to, rows], |row| row.text("batch_id"))?)
}

pub(super) fn batches(tx: &mut Tx<'_>, span: &Span<'_>) -> Result<Vec<Count>, Fault> {
    Ok(tx.all(BATCHES, args![span.tenant_id, span.from, span.to], |row| {
        Ok(Count {
            subject_id: String::new(),
            environment: row.named("environment", Environment::parse)?,
            hour: Timestamp::from_micros(row.int("hour")? * HOUR_US),
            outcome: OUTCOME.to_owned(),
            totals: totals(row)?,
        })
    })?)
}

pub(super) fn total(
    tx: &mut Tx<'_>,
    span: &Span<'_>,
    environment: Environment,
) -> Result<Vec<(String, Totals)>, Fault> {
    let Span { tenant_id, from, to } = *span;
    let totals = tx.one(TOTAL, args![tenant_id, from, to, environment], totals)?;
    Ok(if totals.calls == 0 { Vec::new() } else { vec![(OUTCOME.to_owned(), totals)] })
}

fn totals(row: &Row<'_>) -> Result<Totals, db::Error> {
    Ok(Totals { calls: row.int("calls")?, credits: row.int("credits")?, points: 0 })
}
