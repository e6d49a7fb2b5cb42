//! Events for a tenant's webhooks: rows that commit with the effect they tell of, or not at all.
//!
//! Numbering and delivery build on these rows: see [`crate::webhooks`].

mod store;

use base::id::{EndpointId, EventId};
use base::{Fault, Timestamp};
use db::Tx;

use crate::ctx::{Ctx, Event};

pub use store::STATEMENTS;

/// Writes events into the transaction of their effect: for what does not run through the spine, which does this itself.
///
/// # Errors
/// When the database fails.
pub fn write(tx: &mut Tx<'_>, ctx: &Ctx, events: &[Event]) -> Result<(), Fault> {
    events.iter().try_for_each(|event| store::insert(tx, ctx, ctx.event_id(), event, None))
}

/// Writes an event that is for one endpoint alone.
pub(crate) fn write_to(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    event: &Event,
    endpoint_id: EndpointId,
) -> Result<EventId, Fault> {
    let event_id = ctx.event_id();
    store::insert(tx, ctx, event_id, event, Some(endpoint_id))?;
    Ok(event_id)
}

/// The body of Standard Webhooks, for services that publish no form of their own: `type`, `timestamp`, `data`.
#[must_use]
pub fn standard_body(kind: &str, at: Timestamp, data: &serde_json::Value) -> String {
    serde_json::json!({ "type": kind, "timestamp": at, "data": data }).to_string()
}

/// How many events of this kind a tenant has: for tests and reconciliation.
///
/// # Errors
/// When the database fails.
pub fn count(tx: &mut Tx<'_>, tenant_id: base::id::TenantId, kind: &str) -> Result<i64, Fault> {
    store::count(tx, tenant_id, kind)
}
