//! A stored row as it is hashed.

use base::Fault;
use base::id::{AuditId, TenantId};
use db::{Row as Stored, Tx, args};
use seal::row::{Personal, Row, SALT_LENGTH};

use crate::ctx::Random;

const NUMBERED: &str = "SELECT tenant_id, environment, row_number, audit_id, at_us, actor_type, actor_id, action, target, outcome, request_id, before_hash, after_hash, note, salt, erased, log_number, log_index \
    FROM audit WHERE tenant_id = ?1 AND environment = ?2 AND row_number > ?3 AND row_number IS NOT NULL \
    ORDER BY row_number LIMIT ?4";
const SEALED: &str = "SELECT tenant_id, environment, row_number, audit_id, at_us, actor_type, actor_id, action, target, outcome, request_id, before_hash, after_hash, note, salt, erased, log_number, log_index \
    FROM audit WHERE log_number = ?1 AND log_index > ?2 AND log_index IS NOT NULL \
    ORDER BY log_index LIMIT ?3";
const LOCK: &str = "SELECT tenant_id, environment, row_number, audit_id, at_us, actor_type, actor_id, action, target, outcome, request_id, before_hash, after_hash, note, salt, erased, log_number, log_index \
    FROM audit WHERE tenant_id = ?1 AND audit_id = ?2 FOR UPDATE";
const ERASE: &str = "UPDATE audit SET actor_id = '', target = '', before_hash = NULL, after_hash = NULL, note = NULL, salt = NULL, erased = ?3 \
    WHERE tenant_id = ?1 AND audit_id = ?2";

pub(super) const STATEMENTS: &[&str] = &[NUMBERED, SEALED, LOCK, ERASE];

/// A row and its place in the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SealedRow {
    pub row: Row,
    pub log_number: i64,
    pub log_index: u64,
}

/// The rows of a tenant's environment behind a row number, in their order.
///
/// # Errors
/// A database failure; a row that the log cannot have made.
pub fn numbered(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<SealedRow>, Fault> {
    Ok(tx.all(NUMBERED, args![tenant_id, environment, after, limit], sealed)?)
}

/// The rows of all tenants behind a place in a log, in their order: for the operator.
///
/// # Errors
/// A database failure; a row that the log cannot have made.
pub fn sealed_after(
    tx: &mut Tx<'_>,
    log_number: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<SealedRow>, Fault> {
    Ok(tx.all(SEALED, args![log_number, after, limit], sealed)?)
}

/// Destroys a row's personal fields together with their salt. What was proven about the row stays proven: the hashes
/// of the fields take their place. `false` when there is no such row.
///
/// # Errors
/// A database failure.
pub fn erase(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    audit_id: AuditId,
    random: &Random,
) -> Result<bool, Fault> {
    // A row that was not sealed yet may lack its salt; it gets one for its hashes, and nobody keeps it.
    let salt = random.bytes::<SALT_LENGTH>();
    let Some(row) = tx.opt(LOCK, args![tenant_id, audit_id], |row| personal(row, Some(salt)))? else {
        return Ok(false);
    };
    if let Some(Personal::Kept { .. }) = &row {
        let hashes = row.as_ref().map(Personal::hashes).unwrap_or_default().concat();
        tx.exec(ERASE, args![tenant_id, audit_id, hashes])?;
    }
    Ok(true)
}

fn sealed(row: &Stored<'_>) -> Result<SealedRow, db::Error> {
    let Some(whole) = read(row, row.int("row_number")?)? else {
        return Err(db::Error::corrupt("a sealed row has no salt"));
    };
    Ok(SealedRow { row: whole, log_number: row.int("log_number")?, log_index: unsigned(row, "log_index")? })
}

/// The row as it is hashed under this number; `None` while it has no salt.
pub(super) fn read(row: &Stored<'_>, number: i64) -> Result<Option<Row>, db::Error> {
    let Some(personal) = personal(row, None)? else { return Ok(None) };
    Ok(Some(Row {
        tenant_id: row.text("tenant_id")?,
        environment: row.opt_text("environment")?.unwrap_or_default(),
        number: u64::try_from(number).map_err(db::Error::corrupt)?,
        audit_id: row.text("audit_id")?,
        at_us: row.int("at_us")?,
        actor_type: row.text("actor_type")?,
        action: row.text("action")?,
        outcome: row.text("outcome")?,
        request_id: row.text("request_id")?,
        personal,
    }))
}

fn personal(row: &Stored<'_>, new_salt: Option<[u8; SALT_LENGTH]>) -> Result<Option<Personal>, db::Error> {
    if let Some(erased) = row.opt_bytes("erased")? {
        let hashes = seal::tile::hashes(&erased).and_then(|hashes| hashes.try_into().ok());
        return hashes.map(|hashes| Some(Personal::Erased(hashes))).ok_or_else(|| unreadable("erased"));
    }
    let salt = match row.opt_bytes("salt")? {
        Some(salt) => Some(salt.try_into().map_err(|_| unreadable("salt"))?),
        None => new_salt,
    };
    let Some(salt) = salt else { return Ok(None) };
    let values = [
        Some(row.text("actor_id")?.into_bytes()),
        Some(row.text("target")?.into_bytes()),
        row.opt_bytes("before_hash")?,
        row.opt_bytes("after_hash")?,
        row.opt_text("note")?.map(String::into_bytes),
    ];
    Ok(Some(Personal::Kept { salt, values }))
}

fn unsigned(row: &Stored<'_>, column: &'static str) -> Result<u64, db::Error> {
    u64::try_from(row.int(column)?).map_err(|_| unreadable(column))
}

fn unreadable(column: &'static str) -> db::Error {
    db::Error::corrupt(format!("the {column} of an audit row is not what was written"))
}
