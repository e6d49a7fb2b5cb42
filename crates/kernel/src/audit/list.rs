//! A tenant's rows, newest first.

use base::id::{AuditId, TenantId};
use base::{Environment, Fault, Timestamp};
use db::{Row, Tx, args};

/// Rows that are looked through for one page.
const SCANNED_MAX: i64 = 20_000;

const LIST: &str = "SELECT audit_id, at_us, actor_type, actor_id, action, target, outcome, request_id, note, erased, row_number, log_number, log_index FROM audit \
    WHERE tenant_id = ?1 AND environment = ?2 AND audit_id < ?3 AND audit_id >= ?4 \
    AND (?5 = '' OR action = ?5) AND (?6 = '' OR actor_id = ?6) AND (?7 = '' OR target = ?7) ORDER BY audit_id DESC LIMIT ?8";
const SCANNED: &str = "SELECT audit_id FROM audit WHERE tenant_id = ?1 AND audit_id < ?2 AND audit_id >= ?3 ORDER BY audit_id DESC LIMIT 1 OFFSET ?4";

pub(super) const STATEMENTS: &[&str] = &[LIST, SCANNED];

/// What narrows the list.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Filter {
    /// Empty: any.
    pub action: String,
    pub actor_id: String,
    pub target: String,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

/// A row as it is listed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    pub audit_id: AuditId,
    pub at: Timestamp,
    pub actor_type: String,
    pub actor_id: String,
    pub action: String,
    pub target: String,
    pub outcome: String,
    pub request_id: String,
    pub note: Option<String>,
    /// Actor, target and note were erased.
    pub is_erased: bool,
    /// Nothing until it is sealed.
    pub sealed: Option<Sealed>,
}

/// Where a row is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sealed {
    /// Within tenant and environment.
    pub number: i64,
    pub log_number: i64,
    pub log_index: i64,
}

/// The newest rows before `before`, at most `limit`. With it comes the id to go on before, when so many rows were looked
/// through that the rest must wait for the next page.
///
/// # Errors
/// A database failure.
pub fn list(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    filter: &Filter,
    before: Option<AuditId>,
    limit: i64,
) -> Result<(Vec<Listed>, Option<AuditId>), Fault> {
    // Ids begin with the time of their making.
    let before = before.unwrap_or(AuditId::from_bits(u128::MAX));
    let before = filter.to.map_or(before, |to| before.min(AuditId::new(to, 0)));
    let from = filter.from.map_or(AuditId::from_bits(0), |from| AuditId::new(from, 0));
    let floor = tx.opt(SCANNED, args![tenant_id, before, from, SCANNED_MAX], |row| row.id("audit_id"))?;
    let (action, actor_id, target) = (&filter.action, &filter.actor_id, &filter.target);
    let from = floor.unwrap_or(from);
    let rows =
        tx.all(LIST, args![tenant_id, environment, before, from, action, actor_id, target, limit], listed)?;
    Ok((rows, floor))
}

fn listed(row: &Row<'_>) -> Result<Listed, db::Error> {
    let sealed = match (row.opt_int("row_number")?, row.opt_int("log_number")?, row.opt_int("log_index")?) {
        (Some(number), Some(log_number), Some(log_index)) => Some(Sealed { number, log_number, log_index }),
        _ => None,
    };
    Ok(Listed {
        audit_id: row.id("audit_id")?,
        at: row.timestamp("at_us")?,
        actor_type: row.text("actor_type")?,
        actor_id: row.text("actor_id")?,
        action: row.text("action")?,
        target: row.text("target")?,
        outcome: row.text("outcome")?,
        request_id: row.text("request_id")?,
        note: row.opt_text("note")?,
        is_erased: row.opt_bytes("erased")?.is_some(),
        sealed,
    })
}
