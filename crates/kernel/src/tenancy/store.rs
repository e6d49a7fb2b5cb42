use base::id::TenantId;
use base::{Fault, Timestamp};
use db::{Row, Tx, args};

use super::{Status, Tenant};
use crate::ctx::Ctx;

const INSERT: &str = "INSERT INTO tenant (tenant_id, parent_tenant_id, name, status, plan, live_approved_at_us, created_at_us) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const FIND: &str = "SELECT tenant_id, parent_tenant_id, name, status, plan, live_approved_at_us, created_at_us FROM tenant \
    WHERE tenant_id = ?1";
const LOCK: &str = "SELECT tenant_id, parent_tenant_id, name, status, plan, live_approved_at_us, created_at_us FROM tenant \
    WHERE tenant_id = ?1 FOR UPDATE";
const LIST: &str = "SELECT tenant_id, parent_tenant_id, name, status, plan, live_approved_at_us, created_at_us FROM tenant \
    WHERE tenant_id > ?1 ORDER BY tenant_id LIMIT ?2";
const STATUS: &str = "SELECT status FROM tenant WHERE tenant_id = ?1";
const SET_STATUS: &str = "UPDATE tenant SET status = ?2, status_reason = ?3, closed_at_us = COALESCE(closed_at_us, ?4) \
    WHERE tenant_id = ?1";
const SET_PLAN: &str = "UPDATE tenant SET plan = ?2 WHERE tenant_id = ?1";
const APPROVE_LIVE: &str =
    "UPDATE tenant SET live_approved_at_us = ?2 WHERE tenant_id = ?1 AND live_approved_at_us IS NULL";
const INSERT_GATE: &str = "INSERT INTO gate (tenant_id, subject_id, epoch) VALUES (?1, ?2, 0)";
const LOCK_GATES: &str = "SELECT subject_id, epoch FROM gate WHERE tenant_id = ?1 AND (subject_id = ?2 OR subject_id = ?3) \
    ORDER BY subject_id FOR SHARE";
const LOCK_GATE: &str = "SELECT epoch FROM gate WHERE tenant_id = ?1 AND subject_id = ?2 FOR UPDATE";
const BUMP_GATE: &str = "UPDATE gate SET epoch = epoch + 1 WHERE tenant_id = ?1 AND subject_id = ?2";
/// A new version of the row, though nothing of it changes: whoever began before it and locks the gate only now would,
/// under SERIALIZABLE, go on with what was read before, and is made to begin anew instead.
const TOUCH_GATE: &str = "UPDATE gate SET epoch = epoch WHERE tenant_id = ?1 AND subject_id = ?2";
const LIVE_KEYS: &str = "SELECT key_id FROM api_key WHERE tenant_id = ?1 AND lineage_id = ?2 AND (revoked_at_us IS NULL OR revoked_at_us > ?3) \
    ORDER BY key_id";
const DEAD_KEYS: &str = "SELECT key_id FROM api_key WHERE tenant_id = ?1 AND lineage_id = ?2 AND revoked_at_us <= ?3 ORDER BY key_id";
const ACTIVE_SECRET: &str =
    "SELECT version FROM secret_activation WHERE kind = ?1 ORDER BY version DESC LIMIT 1";
const INSERT_SECRET_CHECK: &str = "INSERT INTO secret_check (kind, version, mac) VALUES (?1, ?2, ?3) ON CONFLICT (kind, version) DO NOTHING";
const SECRET_CHECK: &str = "SELECT mac FROM secret_check WHERE kind = ?1 AND version = ?2";
const ACTIVATE_SECRET: &str = "INSERT INTO secret_activation (kind, version, activated_at_us) VALUES (?1, ?2, ?3) \
    ON CONFLICT (kind, version) DO NOTHING";

pub const STATEMENTS: &[&str] = &[
    INSERT,
    FIND,
    LOCK,
    LIST,
    STATUS,
    SET_STATUS,
    SET_PLAN,
    APPROVE_LIVE,
    INSERT_GATE,
    LOCK_GATES,
    LOCK_GATE,
    BUMP_GATE,
    TOUCH_GATE,
    LIVE_KEYS,
    DEAD_KEYS,
    ACTIVE_SECRET,
    ACTIVATE_SECRET,
    INSERT_SECRET_CHECK,
    SECRET_CHECK,
];

pub(super) fn insert(tx: &mut Tx<'_>, tenant: &Tenant) -> Result<(), Fault> {
    tx.exec(
        INSERT,
        args![
            tenant.tenant_id,
            tenant.parent_tenant_id,
            &tenant.name,
            tenant.status.name(),
            &tenant.plan,
            tenant.live_approved_at,
            tenant.created_at
        ],
    )?;
    Ok(())
}

pub(super) fn find(tx: &mut Tx<'_>, tenant_id: TenantId) -> Result<Option<Tenant>, Fault> {
    Ok(tx.opt(FIND, args![tenant_id], tenant)?)
}

pub(super) fn lock(tx: &mut Tx<'_>, tenant_id: TenantId) -> Result<Option<Tenant>, Fault> {
    Ok(tx.opt(LOCK, args![tenant_id], tenant)?)
}

pub(super) fn list(tx: &mut Tx<'_>, after: TenantId, limit: i64) -> Result<Vec<Tenant>, Fault> {
    Ok(tx.all(LIST, args![after, limit], tenant)?)
}

pub(super) fn status(tx: &mut Tx<'_>, tenant_id: TenantId) -> Result<Option<Status>, Fault> {
    Ok(tx.opt(STATUS, args![tenant_id], status_of)?)
}

pub(super) fn set_status(tx: &mut Tx<'_>, ctx: &Ctx, status: Status, reason: &str) -> Result<(), Fault> {
    let closed_at = (status == Status::Closed).then_some(ctx.now);
    tx.exec(SET_STATUS, args![ctx.tenant_id, status.name(), reason, closed_at])?;
    Ok(())
}

pub(super) fn set_plan(tx: &mut Tx<'_>, tenant_id: TenantId, plan: &str) -> Result<(), Fault> {
    tx.exec(SET_PLAN, args![tenant_id, plan])?;
    Ok(())
}

pub(super) fn approve_live(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<(), Fault> {
    tx.exec(APPROVE_LIVE, args![ctx.tenant_id, ctx.now])?;
    Ok(())
}

pub(super) fn insert_gate(tx: &mut Tx<'_>, tenant_id: TenantId, subject: &str) -> Result<(), Fault> {
    tx.exec(INSERT_GATE, args![tenant_id, subject])?;
    Ok(())
}

/// The subjects and epochs of the gates that are there.
pub(super) fn lock_gates(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    tenant: &str,
    key: &str,
) -> Result<Vec<(String, i64)>, Fault> {
    let gate = |row: &Row<'_>| Ok((row.text("subject_id")?, row.int("epoch")?));
    Ok(tx.all(LOCK_GATES, args![tenant_id, tenant, key], gate)?)
}

/// `false` when there is no such gate.
pub(super) fn touch_gate(tx: &mut Tx<'_>, tenant_id: TenantId, subject: &str) -> Result<bool, Fault> {
    Ok(tx.exec(TOUCH_GATE, args![tenant_id, subject])? == 1)
}

pub(super) fn live_keys(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    lineage: &str,
    now: Timestamp,
) -> Result<Vec<String>, Fault> {
    Ok(tx.all(LIVE_KEYS, args![tenant_id, lineage, now], |row| row.text("key_id"))?)
}

/// `false` when there is no such gate.
pub(super) fn lock_gate(tx: &mut Tx<'_>, tenant_id: TenantId, subject: &str) -> Result<bool, Fault> {
    Ok(tx.opt(LOCK_GATE, args![tenant_id, subject], |row| row.int("epoch"))?.is_some())
}

/// `false` when there is no such gate.
pub(super) fn bump_gate(tx: &mut Tx<'_>, tenant_id: TenantId, subject: &str) -> Result<bool, Fault> {
    Ok(tx.exec(BUMP_GATE, args![tenant_id, subject])? == 1)
}

/// The gates of a lineage's keys that are revoked at `now`.
pub(super) fn dead_keys(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    lineage: &str,
    now: Timestamp,
) -> Result<Vec<String>, Fault> {
    Ok(tx.all(DEAD_KEYS, args![tenant_id, lineage, now], |row| row.text("key_id"))?)
}

fn tenant(row: &Row<'_>) -> Result<Tenant, db::Error> {
    Ok(Tenant {
        tenant_id: row.id("tenant_id")?,
        parent_tenant_id: row.opt_id("parent_tenant_id")?,
        name: row.text("name")?,
        status: status_of(row)?,
        plan: row.text("plan")?,
        live_approved_at: row.opt_timestamp("live_approved_at_us")?,
        created_at: row.timestamp("created_at_us")?,
    })
}

fn status_of(row: &Row<'_>) -> Result<Status, db::Error> {
    row.named("status", Status::parse)
}

pub(super) fn active_secret(tx: &mut Tx<'_>, kind: &str) -> Result<Option<u32>, Fault> {
    let version = tx.opt(ACTIVE_SECRET, args![kind], |row| row.int("version"))?;
    version.map(|version| u32::try_from(version).map_err(Fault::internal)).transpose()
}

pub(super) fn activate_secret(
    tx: &mut Tx<'_>,
    kind: &str,
    version: u32,
    now: Timestamp,
) -> Result<(), Fault> {
    tx.exec(ACTIVATE_SECRET, args![kind, version, now])?;
    Ok(())
}

/// The MAC that the first node stored for this version of a secret.
pub(super) fn secret_check(
    tx: &mut Tx<'_>,
    kind: &str,
    version: u32,
    own: &crate::secrets::Mac,
) -> Result<Vec<u8>, Fault> {
    let version = i64::from(version);
    tx.exec(INSERT_SECRET_CHECK, args![kind, version, &own[..]])?;
    Ok(tx.one(SECRET_CHECK, args![kind, version], |row| row.bytes("mac"))?)
}
