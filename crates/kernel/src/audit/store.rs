use base::Fault;
use base::id::{AuditId, TenantId};
use db::{Row, Tx, args};

use super::Entry;
use super::log::new_salt;
use crate::ctx::Ctx;

const INSERT: &str = "INSERT INTO audit (tenant_id, audit_id, environment, actor_type, actor_id, action, target, outcome, request_id, before_hash, after_hash, note, at_us, salt) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
const NEWEST: &str = "SELECT audit_id, at_us, actor_type, actor_id, action, target, outcome, request_id, note FROM audit \
    WHERE tenant_id = ?1 AND audit_id < ?2 ORDER BY audit_id DESC LIMIT ?3";

pub(super) const STATEMENTS: &[&str] = &[INSERT, NEWEST];

pub(super) fn insert(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    action: &str,
    outcome: &str,
    before: Option<&[u8]>,
    after: Option<&[u8]>,
) -> Result<(), Fault> {
    tx.exec(
        INSERT,
        args![
            ctx.tenant_id,
            ctx.audit_id(),
            ctx.environment,
            ctx.actor.kind(),
            ctx.actor.id(),
            action,
            &ctx.effects.target,
            outcome,
            ctx.request_id,
            before,
            after,
            ctx.effects.note.as_deref(),
            ctx.now,
            &new_salt(&ctx.random)[..]
        ],
    )?;
    Ok(())
}

pub(super) fn newest(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    before: AuditId,
    limit: i64,
) -> Result<Vec<Entry>, Fault> {
    Ok(tx.all(NEWEST, args![tenant_id, before, limit], entry)?)
}

fn entry(row: &Row<'_>) -> Result<Entry, db::Error> {
    Ok(Entry {
        id: row.text("audit_id")?,
        at: row.timestamp("at_us")?,
        actor_type: row.text("actor_type")?,
        actor_id: row.text("actor_id")?,
        action: row.text("action")?,
        target: row.text("target")?,
        outcome: row.text("outcome")?,
        request_id: row.text("request_id")?,
        note: row.opt_text("note")?,
    })
}
