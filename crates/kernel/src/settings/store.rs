use base::id::TenantId;
use base::{Environment, Fault};
use db::{Tx, args};

use crate::ctx::Ctx;

const FIND: &str = "SELECT value FROM tenant_setting WHERE tenant_id = ?1 AND environment = ?2 AND name = ?3";
const ALL: &str = "SELECT name, value FROM tenant_setting WHERE tenant_id = ?1 AND environment = ?2";
const PUT: &str = "INSERT INTO tenant_setting (tenant_id, environment, name, value, updated_at_us) VALUES (?1, ?2, ?3, ?4, ?5) \
    ON CONFLICT (tenant_id, environment, name) DO UPDATE SET value = excluded.value, updated_at_us = excluded.updated_at_us";
const REMOVE: &str = "DELETE FROM tenant_setting WHERE tenant_id = ?1 AND environment = ?2 AND name = ?3";

pub const STATEMENTS: &[&str] = &[FIND, ALL, PUT, REMOVE];

pub(super) fn find(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    name: &str,
) -> Result<Option<String>, Fault> {
    Ok(tx.opt(FIND, args![tenant_id, environment, name], |row| row.text("value"))?)
}

/// Names and values.
pub(super) fn all(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
) -> Result<Vec<(String, String)>, Fault> {
    Ok(tx.all(ALL, args![tenant_id, environment], |row| Ok((row.text("name")?, row.text("value")?)))?)
}

pub(super) fn put(tx: &mut Tx<'_>, ctx: &Ctx, name: &str, value: &str) -> Result<(), Fault> {
    tx.exec(PUT, args![ctx.tenant_id, ctx.environment, name, value, ctx.now])?;
    Ok(())
}

pub(super) fn remove(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    name: &str,
) -> Result<(), Fault> {
    tx.exec(REMOVE, args![tenant_id, environment, name])?;
    Ok(())
}
