use base::Fault;
use base::id::AccountId;
use db::{Row, Tx, args};
use kernel::usage::{Span, Totals};

const ID_AFTER: &str = "SELECT transfer_id FROM transfer WHERE tenant_id = ?1 AND transfer_id >= ?2 AND transfer_id < ?3 \
    ORDER BY transfer_id LIMIT 1 OFFSET ?4";
const CHARGES: &str = "SELECT debit_account_id, credit_account_id, at_us / 3600000000 AS hour, COUNT(*) AS calls, \
    CAST(SUM(amount) AS BIGINT) AS points FROM transfer \
    WHERE tenant_id = ?1 AND transfer_id >= ?2 AND transfer_id < ?3 AND unit = 'point' AND kind = 'charge' \
    GROUP BY debit_account_id, credit_account_id, at_us / 3600000000";
const TOTAL: &str = "SELECT COUNT(*) AS calls, CAST(COALESCE(SUM(amount), 0) AS BIGINT) AS points FROM transfer \
    WHERE tenant_id = ?1 AND transfer_id >= ?2 AND transfer_id < ?3 AND unit = 'point' AND kind = 'charge' \
    AND credit_account_id = ?4";
const TOTAL_OF: &str = "SELECT COUNT(*) AS calls, CAST(COALESCE(SUM(amount), 0) AS BIGINT) AS points FROM transfer \
    WHERE tenant_id = ?1 AND transfer_id >= ?2 AND transfer_id < ?3 AND unit = 'point' AND kind = 'charge' \
    AND credit_account_id = ?4 AND debit_account_id = ?5";

pub(in crate::quota) const STATEMENTS: &[&str] = &[ID_AFTER, CHARGES, TOTAL, TOTAL_OF];

/// Charges of one account in one hour.
pub(super) struct Charges {
    pub(super) account_id: String,
    pub(super) revenue_id: AccountId,
    /// Hours since 1970.
    pub(super) hour: i64,
    pub(super) calls: i64,
    pub(super) points: i64,
}

pub(super) fn id_after(tx: &mut Tx<'_>, span: &Span<'_>, rows: i64) -> Result<Option<String>, Fault> {
    Ok(tx.opt(ID_AFTER, args![span.tenant_id, span.from, span.to, rows], |row| row.text("transfer_id"))?)
}

pub(super) fn charges(tx: &mut Tx<'_>, span: &Span<'_>) -> Result<Vec<Charges>, Fault> {
    Ok(tx.all(CHARGES, args![span.tenant_id, span.from, span.to], charges_of)?)
}

pub(super) fn total(
    tx: &mut Tx<'_>,
    span: &Span<'_>,
    revenue_id: AccountId,
    account_id: Option<&str>,
) -> Result<Totals, Fault> {
    let Span { tenant_id, from, to } = *span;
    Ok(match account_id {
        None => tx.one(TOTAL, args![tenant_id, from, to, revenue_id], totals)?,
        Some(id) => tx.one(TOTAL_OF, args![tenant_id, from, to, revenue_id, id], totals)?,
    })
}

fn totals(row: &Row<'_>) -> Result<Totals, db::Error> {
    Ok(Totals { calls: row.int("calls")?, credits: 0, points: row.int("points")? })
}

fn charges_of(row: &Row<'_>) -> Result<Charges, db::Error> {
    Ok(Charges {
        account_id: row.text("debit_account_id")?,
        revenue_id: row.id("credit_account_id")?,
        hour: row.int("hour")?,
        calls: row.int("calls")?,
        points: row.int("points")?,
    })
}
