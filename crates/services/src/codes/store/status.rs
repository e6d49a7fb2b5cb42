//! Ranges of codes whose status was changed. They never overlap: a new one cuts what it covers out of the others.

use base::Fault;
use base::id::TenantId;
use db::{Row, Tx, args};
use kernel::Ctx;

use crate::codes::model::CodeNumber;
use crate::codes::risk::Condition;

const REACHING_IN: &str = "SELECT first_code, last_code, status FROM codes_status WHERE tenant_id = ?1 AND first_code < ?2 \
    ORDER BY first_code DESC LIMIT 1";
const REACHING_OUT: &str = "SELECT first_code, last_code, status FROM codes_status WHERE tenant_id = ?1 AND first_code >= ?2 AND first_code <= ?3 \
    ORDER BY first_code DESC LIMIT 1";
const SHORTEN: &str = "UPDATE codes_status SET last_code = ?3 WHERE tenant_id = ?1 AND first_code = ?2";
const DELETE: &str =
    "DELETE FROM codes_status WHERE tenant_id = ?1 AND first_code >= ?2 AND first_code <= ?3";
const INSERT: &str = "INSERT INTO codes_status (tenant_id, first_code, last_code, status, changed_at_us) VALUES (?1, ?2, ?3, ?4, ?5)";
const COUNT: &str = "SELECT COUNT(*) AS ranges FROM codes_status WHERE tenant_id = ?1";

pub(super) const STATEMENTS: &[&str] = &[REACHING_IN, REACHING_OUT, SHORTEN, DELETE, INSERT, COUNT];

struct Range {
    first: i64,
    last: i64,
    status: String,
}

/// Gives every code from `first` to `last` this status, whatever it had.
pub(in crate::codes) fn set(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    (first, last): (CodeNumber, CodeNumber),
    condition: Condition,
) -> Result<(), Fault> {
    let (tenant_id, first, last) = (ctx.tenant_id, first.stored(), last.stored());
    let reaching_in =
        tx.opt(REACHING_IN, args![tenant_id, first], range)?.filter(|range| range.last >= first);
    let reaching_out = tx.opt(REACHING_OUT, args![tenant_id, first, last], range)?;
    let beyond =
        reaching_out.or_else(|| reaching_in.as_ref().map(Range::copied)).filter(|range| range.last > last);
    if let Some(range) = &reaching_in {
        tx.exec(SHORTEN, args![tenant_id, range.first, first - 1])?;
    }
    tx.exec(DELETE, args![tenant_id, first, last])?;
    if let Some(range) = beyond {
        tx.exec(INSERT, args![tenant_id, last + 1, range.last, &range.status, ctx.now])?;
    }
    if condition != Condition::Active {
        tx.exec(INSERT, args![tenant_id, first, last, condition.name(), ctx.now])?;
    }
    Ok(())
}

/// How many ranges a tenant has.
pub(in crate::codes) fn count(tx: &mut Tx<'_>, tenant_id: TenantId) -> Result<i64, Fault> {
    Ok(tx.one(COUNT, args![tenant_id], |row| row.int("ranges"))?)
}

impl Range {
    fn copied(&self) -> Self {
        Self { first: self.first, last: self.last, status: self.status.clone() }
    }
}

fn range(row: &Row<'_>) -> Result<Range, db::Error> {
    Ok(Range { first: row.int("first_code")?, last: row.int("last_code")?, status: row.text("status")? })
}
