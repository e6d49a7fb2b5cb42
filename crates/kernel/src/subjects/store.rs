use base::id::TenantId;
use base::{Fault, Timestamp};
use db::{Row, Tx, args};

use crate::ctx::Ctx;
use crate::secrets::Mac;

const FIND_TENANT_KEY: &str = "SELECT wrapped_key FROM tenant_key WHERE tenant_id = ?1";
const INSERT_TENANT_KEY: &str = "INSERT INTO tenant_key (tenant_id, wrapped_key, created_at_us) VALUES (?1, ?2, ?3) \
    ON CONFLICT (tenant_id) DO NOTHING";
const FIND_SUBJECT_KEY: &str =
    "SELECT wrapped_key FROM subject_key WHERE tenant_id = ?1 AND subject_mac = ?2";
/// An erased subject that is met again begins anew.
const INSERT_SUBJECT_KEY: &str = "INSERT INTO subject_key (tenant_id, subject_mac, wrapped_key, created_at_us) VALUES (?1, ?2, ?3, ?4) \
    ON CONFLICT (tenant_id, subject_mac) DO UPDATE \
    SET wrapped_key = excluded.wrapped_key, created_at_us = excluded.created_at_us, erased_at_us = NULL \
    WHERE subject_key.wrapped_key IS NULL";
const ERASE: &str = "UPDATE subject_key SET wrapped_key = NULL, erased_at_us = ?3 \
    WHERE tenant_id = ?1 AND subject_mac = ?2 AND wrapped_key IS NOT NULL RETURNING created_at_us";

pub const STATEMENTS: &[&str] =
    &[FIND_TENANT_KEY, INSERT_TENANT_KEY, FIND_SUBJECT_KEY, INSERT_SUBJECT_KEY, ERASE];

pub(super) fn find_tenant_key(tx: &mut Tx<'_>, tenant_id: TenantId) -> Result<Option<Vec<u8>>, Fault> {
    Ok(tx.opt(FIND_TENANT_KEY, args![tenant_id], |row| row.bytes("wrapped_key"))?)
}

pub(super) fn insert_tenant_key(tx: &mut Tx<'_>, ctx: &Ctx, wrapped: &[u8]) -> Result<(), Fault> {
    tx.exec(INSERT_TENANT_KEY, args![ctx.tenant_id, wrapped, ctx.now])?;
    Ok(())
}

/// `None` for an absent subject and for an erased one.
pub(super) fn find_subject_key(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    subject: &Mac,
) -> Result<Option<Vec<u8>>, Fault> {
    let found =
        tx.opt(FIND_SUBJECT_KEY, args![tenant_id, &subject[..]], |row| row.opt_bytes("wrapped_key"))?;
    Ok(found.flatten())
}

pub(super) fn insert_subject_key(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    subject: &Mac,
    wrapped: &[u8],
) -> Result<(), Fault> {
    tx.exec(INSERT_SUBJECT_KEY, args![ctx.tenant_id, &subject[..], wrapped, ctx.now])?;
    Ok(())
}

pub(super) fn erase(tx: &mut Tx<'_>, ctx: &Ctx, subject: &Mac) -> Result<Option<Timestamp>, Fault> {
    let made = |row: &Row<'_>| row.timestamp("created_at_us");
    Ok(tx.opt(ERASE, args![ctx.tenant_id, &subject[..], ctx.now], made)?)
}
