use base::id::{DeliveryId, EndpointId, TenantId};
use base::{Fault, Timestamp};
use db::Tx;

use super::store::sweep as store;

/// How long deliveries are kept.
const KEPT_SECONDS: i64 = 30 * 86_400;

/// A webhook of a tenant that has something to forget: it was deleted, or has deliveries that have ended, or are held,
/// and are older than 30 days.
///
/// # Errors
/// A database failure.
pub fn find_swept(tx: &mut Tx<'_>, tenant_id: TenantId, now: Timestamp) -> Result<Option<EndpointId>, Fault> {
    store::find(tx, tenant_id, oldest_kept(now))
}

/// Forgets up to `limit` deliveries of a webhook, and a deleted one itself when it has none left. Says how many rows.
///
/// # Errors
/// A database failure.
pub fn sweep(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    endpoint_id: EndpointId,
    now: Timestamp,
    limit: i64,
) -> Result<u64, Fault> {
    let forgotten = store::forget_deliveries(tx, tenant_id, endpoint_id, oldest_kept(now), limit)?;
    if forgotten > 0 { Ok(forgotten) } else { store::forget_deleted(tx, tenant_id, endpoint_id) }
}

/// Ids sort by the times of their events.
fn oldest_kept(now: Timestamp) -> DeliveryId {
    DeliveryId::new(now.plus_seconds(-KEPT_SECONDS), 0)
}
