use base::Fault;
use base::id::AccountId;
use db::{Row, Tx, args};
use kernel::usage::Span;

const ID_AFTER: &str = "SELECT transfer_id FROM transfer WHERE tenant_id = ?1 AND transfer_id >= ?2 AND transfer_id < ?3 \
    ORDER BY transfer_id LIMIT 1 OFFSET ?4";
const CHARGES: &str = "SELECT debit_account_id, credit_account_id, at_us / 3600000000 AS hour, COUNT(*) AS calls, \
    CAST(SUM(amount) AS BIGINT) AS points FROM transfer \
    WHERE tenant_id = ?1 AND transfer_id >= ?2 AND transfer_id < ?3 AND unit = 'point' AND kind = 'charge' \
    GROUP BY debit_account_id, credit_account_id, at_us / 3600000000";
const CHARGES_OF: &str = "SELECT debit_account_id, credit_account_id, at_us / 3600000000 AS hour, COUNT(*) AS calls, \
    CAST(SUM(amount) AS BIGINT) AS points FROM transfer \
    WHERE tenant_id = ?1 AND transfer_id >= ?2 AND transfer_id < ?3 AND unit = 'point' AND kind = 'charge' \
    AND debit_account_id = ?4 GROUP BY debit_account_id, credit_account_id, at_us / 3600000000";

pub(in crate::quota) const STATEMENTS: &[&str] = &[ID_AFTER, CHARGES, CHARGES_OF];

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

pub(super) fn charges(
    tx: &mut Tx<'_>,
    span: &Span<'_>,
    account_id: Option<&str>,
) -> Result<Vec<Charges>, Fault> {
    Ok(match account_id {
        None => tx.all(CHARGES, args![span.tenant_id, span.from, span.to], charges_of)?,
        Some(id) => tx.all(CHARGES_OF, args![span.tenant_id, span.from, span.to, id], charges_of)?,
    })
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
