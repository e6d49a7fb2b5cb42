use base::Fault;
use base::id::{EndpointId, EventId, TenantId};
use db::{Tx, args};

use crate::ctx::{Ctx, Event};

const INSERT: &str = "INSERT INTO outbox (tenant_id, event_id, environment, service, kind, payload, request_id, at_us, endpoint_id) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
const COUNT: &str = "SELECT COUNT(*) AS events FROM outbox WHERE tenant_id = ?1 AND kind = ?2";

pub const STATEMENTS: &[&str] = &[INSERT, COUNT];

pub(super) fn insert(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    event_id: EventId,
    event: &Event,
    only_for: Option<EndpointId>,
) -> Result<(), Fault> {
    tx.exec(
        INSERT,
        args![
            ctx.tenant_id,
            event_id,
            ctx.environment,
            event.service,
            event.kind,
            &event.payload,
            ctx.request_id,
            ctx.now,
            only_for
        ],
    )?;
    Ok(())
}

pub(super) fn count(tx: &mut Tx<'_>, tenant_id: TenantId, kind: &str) -> Result<i64, Fault> {
    Ok(tx.one(COUNT, args![tenant_id, kind], |row| row.int("events"))?)
}
