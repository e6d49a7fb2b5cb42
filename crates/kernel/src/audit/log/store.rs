use base::id::{AuditId, TenantId};
use base::{Fault, Timestamp};
use db::{Row as Stored, Tx, args};
use seal::beginning::Beginning;
use seal::checkpoint::Checkpoint;
use seal::merkle::Hash;
use seal::row::Row;

use super::Head;
use crate::audit::row;

const HEADS: &str = "SELECT log_number, origin, beginning, size, root, checkpoint, signed_size, fence, began_at_us FROM audit_log ORDER BY log_number";
const NEWEST: &str = "SELECT log_number, origin, beginning, size, root, checkpoint, signed_size, fence, began_at_us FROM audit_log ORDER BY log_number DESC LIMIT 1";
const LOCK: &str = "SELECT log_number, origin, beginning, size, root, checkpoint, signed_size, fence, began_at_us FROM audit_log WHERE log_number = ?1 FOR UPDATE";
const INSERT: &str = "INSERT INTO audit_log (log_number, origin, beginning, size, root, checkpoint, signed_size, fence, lease_until_us, began_at_us) \
    VALUES (?1, ?2, ?3, 0, ?4, NULL, 0, 0, 0, ?5) ON CONFLICT (log_number) DO NOTHING";
const CLOSE: &str =
    "UPDATE audit_log SET fence = fence + 1, lease_until_us = 9223372036854775807 WHERE log_number = ?1";
const TAKE: &str = "UPDATE audit_log SET fence = fence + 1, lease_until_us = ?2 WHERE log_number = ?1 AND lease_until_us <= ?3 RETURNING fence";
const RELEASE: &str = "UPDATE audit_log SET lease_until_us = 0 WHERE log_number = ?1 AND fence = ?2";
const SET_SIZE: &str = "UPDATE audit_log SET size = ?2, root = ?3 WHERE log_number = ?1";
const SET_NOTE: &str = "UPDATE audit_log SET checkpoint = ?2, signed_size = ?3 WHERE log_number = ?1";
const TILE: &str = "SELECT hashes FROM audit_tile WHERE log_number = ?1 AND level = ?2 AND tile_number = ?3";
const PUT_TILE: &str = "INSERT INTO audit_tile (log_number, level, tile_number, hashes) VALUES (?1, ?2, ?3, ?4) \
    ON CONFLICT (log_number, level, tile_number) DO UPDATE SET hashes = excluded.hashes";
const FIRST_CHUNK: &str = "SELECT audit_chunk.log_number, first_index, places FROM audit_chunk JOIN audit_log ON audit_log.log_number = audit_chunk.log_number \
    WHERE first_index < signed_size ORDER BY audit_chunk.log_number, first_index LIMIT 1";
const ANY_CHUNK: &str = "SELECT first_index FROM audit_chunk LIMIT 1";
const FORGET_UNSIGNED: &str = "DELETE FROM audit_chunk WHERE log_number = ?1 AND first_index >= ?2";
const INSERT_CHUNK: &str = "INSERT INTO audit_chunk (log_number, first_index, places) VALUES (?1, ?2, ?3)";
const DELETE_CHUNK: &str = "DELETE FROM audit_chunk WHERE log_number = ?1 AND first_index = ?2";
const NEXT_TENANT: &str =
    "SELECT tenant_id FROM audit WHERE log_index IS NULL AND tenant_id > ?1 ORDER BY tenant_id LIMIT 1";
const UNSEALED: &str = "SELECT tenant_id, environment, audit_id, at_us, actor_type, actor_id, action, target, outcome, request_id, before_hash, after_hash, note, salt, erased \
    FROM audit WHERE tenant_id = ?1 AND log_index IS NULL ORDER BY audit_id LIMIT ?2";
const LAST_NUMBER: &str = "SELECT row_number FROM audit WHERE tenant_id = ?1 AND environment = ?2 AND row_number IS NOT NULL ORDER BY row_number DESC LIMIT 1";
const SALT: &str =
    "UPDATE audit SET salt = ?3 WHERE tenant_id = ?1 AND audit_id = ?2 AND salt IS NULL AND erased IS NULL";
const MARK: &str = "UPDATE audit SET log_number = ?3, log_index = ?4, row_number = ?5 WHERE tenant_id = ?1 AND audit_id = ?2 AND log_index IS NULL";

pub(in crate::audit) const STATEMENTS: &[&str] = &[
    HEADS,
    NEWEST,
    LOCK,
    INSERT,
    CLOSE,
    TAKE,
    RELEASE,
    SET_SIZE,
    SET_NOTE,
    TILE,
    PUT_TILE,
    FIRST_CHUNK,
    ANY_CHUNK,
    FORGET_UNSIGNED,
    INSERT_CHUNK,
    DELETE_CHUNK,
    NEXT_TENANT,
    UNSEALED,
    LAST_NUMBER,
    SALT,
    MARK,
];

/// A chunk that is to be marked.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    pub(super) log_number: i64,
    pub(super) first_index: i64,
    /// As [`Place`]s in JSON.
    pub(super) places: String,
}

/// Whose row, which one, and its number within tenant and environment.
pub(super) type Place = (TenantId, AuditId, i64);

/// An unsealed row: `whole` is what is hashed, with the number 0, and is not there while the row has no salt.
#[derive(Clone, Debug)]
pub(super) struct Unsealed {
    pub(super) audit_id: AuditId,
    pub(super) whole: Option<Row>,
}

pub(super) fn heads(tx: &mut Tx<'_>) -> Result<Vec<Head>, Fault> {
    Ok(tx.all(HEADS, args![], head)?)
}

pub(super) fn newest(tx: &mut Tx<'_>) -> Result<Option<Head>, Fault> {
    Ok(tx.opt(NEWEST, args![], head)?)
}

pub(super) fn lock(tx: &mut Tx<'_>, log_number: i64) -> Result<Option<Head>, Fault> {
    Ok(tx.opt(LOCK, args![log_number], head)?)
}

/// `false` when the log is there already.
pub(super) fn insert(
    tx: &mut Tx<'_>,
    log_number: i64,
    beginning: &Beginning,
    now: Timestamp,
) -> Result<bool, Fault> {
    let root = seal::merkle::empty_root();
    let changed = tx.exec(INSERT, args![log_number, &beginning.origin, beginning.text(), &root[..], now])?;
    Ok(changed == 1)
}

pub(super) fn close(tx: &mut Tx<'_>, log_number: i64) -> Result<(), Fault> {
    tx.exec(CLOSE, args![log_number])?;
    Ok(())
}

/// The fence of the lease, unless another holds it.
pub(super) fn take(
    tx: &mut Tx<'_>,
    log_number: i64,
    until: Timestamp,
    now: Timestamp,
) -> Result<Option<i64>, Fault> {
    Ok(tx.opt(TAKE, args![log_number, until, now], |row| row.int("fence"))?)
}

pub(super) fn release(tx: &mut Tx<'_>, log_number: i64, fence: i64) -> Result<(), Fault> {
    tx.exec(RELEASE, args![log_number, fence])?;
    Ok(())
}

pub(super) fn set_size(tx: &mut Tx<'_>, log_number: i64, size: i64, root: &Hash) -> Result<(), Fault> {
    tx.exec(SET_SIZE, args![log_number, size, &root[..]])?;
    Ok(())
}

pub(super) fn set_note(tx: &mut Tx<'_>, log_number: i64, note: &str, size: i64) -> Result<(), Fault> {
    tx.exec(SET_NOTE, args![log_number, note, size])?;
    Ok(())
}

pub(super) fn tile(
    tx: &mut Tx<'_>,
    log_number: i64,
    level: i64,
    number: i64,
) -> Result<Option<Vec<u8>>, Fault> {
    Ok(tx.opt(TILE, args![log_number, level, number], |row| row.bytes("hashes"))?)
}

pub(super) fn put_tile(
    tx: &mut Tx<'_>,
    log_number: i64,
    level: i64,
    number: i64,
    hashes: &[u8],
) -> Result<(), Fault> {
    tx.exec(PUT_TILE, args![log_number, level, number, hashes])?;
    Ok(())
}

/// Whether anything was appended whose rows do not all know it yet.
pub(super) fn has_chunk(tx: &mut Tx<'_>) -> Result<bool, Fault> {
    Ok(tx.opt(ANY_CHUNK, args![], |row| row.int("first_index"))?.is_some())
}

/// Takes their places back from rows that were appended and never signed.
pub(super) fn forget_unsigned(tx: &mut Tx<'_>, log_number: i64, signed_size: i64) -> Result<(), Fault> {
    tx.exec(FORGET_UNSIGNED, args![log_number, signed_size])?;
    Ok(())
}

/// The oldest chunk that was signed: only then do its rows learn their places, so that a row that knows its place can
/// be proven.
pub(super) fn first_chunk(tx: &mut Tx<'_>) -> Result<Option<Chunk>, Fault> {
    let chunk = |row: &Stored<'_>| {
        Ok(Chunk {
            log_number: row.int("log_number")?,
            first_index: row.int("first_index")?,
            places: row.text("places")?,
        })
    };
    Ok(tx.opt(FIRST_CHUNK, args![], chunk)?)
}

pub(super) fn insert_chunk(tx: &mut Tx<'_>, chunk: &Chunk) -> Result<(), Fault> {
    tx.exec(INSERT_CHUNK, args![chunk.log_number, chunk.first_index, &chunk.places])?;
    Ok(())
}

pub(super) fn delete_chunk(tx: &mut Tx<'_>, log_number: i64, first_index: i64) -> Result<(), Fault> {
    tx.exec(DELETE_CHUNK, args![log_number, first_index])?;
    Ok(())
}

/// The next tenant that has unsealed rows.
pub(super) fn next_tenant(tx: &mut Tx<'_>, after: &str) -> Result<Option<TenantId>, Fault> {
    Ok(tx.opt(NEXT_TENANT, args![after], |row| row.id("tenant_id"))?)
}

pub(super) fn unsealed(tx: &mut Tx<'_>, tenant_id: TenantId, limit: i64) -> Result<Vec<Unsealed>, Fault> {
    let unsealed =
        |row: &Stored<'_>| Ok(Unsealed { audit_id: row.id("audit_id")?, whole: row::read(row, 0)? });
    Ok(tx.all(UNSEALED, args![tenant_id, limit], unsealed)?)
}

/// The highest row number of a tenant's environment; 0 when none has one.
pub(super) fn last_number(tx: &mut Tx<'_>, tenant_id: TenantId, environment: &str) -> Result<i64, Fault> {
    let found = tx.opt(LAST_NUMBER, args![tenant_id, environment], |row| row.int("row_number"))?;
    Ok(found.unwrap_or(0))
}

pub(super) fn salt(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    audit_id: AuditId,
    salt: &[u8],
) -> Result<(), Fault> {
    tx.exec(SALT, args![tenant_id, audit_id, salt])?;
    Ok(())
}

pub(super) fn mark(
    tx: &mut Tx<'_>,
    (tenant_id, audit_id, row_number): Place,
    log_number: i64,
    log_index: i64,
) -> Result<(), Fault> {
    tx.exec(MARK, args![tenant_id, audit_id, log_number, log_index, row_number])?;
    Ok(())
}

fn head(row: &Stored<'_>) -> Result<Head, db::Error> {
    let unsigned = |column| u64::try_from(row.int(column)?).map_err(db::Error::corrupt);
    let root = row.bytes("root")?.try_into();
    Ok(Head {
        log_number: row.int("log_number")?,
        beginning: row.text("beginning")?,
        began_at: row.timestamp("began_at_us")?,
        checkpoint: Checkpoint {
            origin: row.text("origin")?,
            size: unsigned("size")?,
            root: root.map_err(|_| db::Error::corrupt("the root of the audit log is no hash"))?,
        },
        note: row.opt_text("checkpoint")?,
        signed_size: unsigned("signed_size")?,
        fence: row.int("fence")?,
    })
}
