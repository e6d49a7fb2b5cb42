use base::Fault;
use base::id::{DeliveryId, EndpointId, TenantId};
use db::{Row, Tx, args};

const FIND: &str = "SELECT endpoint_id FROM webhook_endpoint WHERE tenant_id = ?1 AND (state = 'deleted' OR EXISTS \
    (SELECT 1 FROM webhook_delivery WHERE webhook_delivery.tenant_id = ?1 \
    AND webhook_delivery.endpoint_id = webhook_endpoint.endpoint_id AND webhook_delivery.delivery_id < ?2 \
    AND (webhook_delivery.ended_at_us IS NOT NULL OR webhook_endpoint.state <> 'active'))) ORDER BY endpoint_id LIMIT 1";
const STATE: &str = "SELECT state FROM webhook_endpoint WHERE tenant_id = ?1 AND endpoint_id = ?2 FOR UPDATE";
const FORGOTTEN: &str = "SELECT delivery_id FROM webhook_delivery WHERE tenant_id = ?1 AND endpoint_id = ?2 AND delivery_id < ?3 \
    AND (ended_at_us IS NOT NULL OR ?4 <> 'active') ORDER BY delivery_id LIMIT ?5";
const DELETE_ATTEMPTS: &str =
    "DELETE FROM webhook_attempt WHERE tenant_id = ?1 AND endpoint_id = ?2 AND delivery_id = ?3";
const DELETE_DELIVERY: &str =
    "DELETE FROM webhook_delivery WHERE tenant_id = ?1 AND endpoint_id = ?2 AND delivery_id = ?3";
const DELETE_ENDPOINT: &str =
    "DELETE FROM webhook_endpoint WHERE tenant_id = ?1 AND endpoint_id = ?2 AND state = 'deleted'";

pub(in crate::webhooks) const STATEMENTS: &[&str] =
    &[FIND, STATE, FORGOTTEN, DELETE_ATTEMPTS, DELETE_DELIVERY, DELETE_ENDPOINT];

pub(in crate::webhooks) fn find(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    oldest_kept: DeliveryId,
) -> Result<Option<EndpointId>, Fault> {
    Ok(tx.opt(FIND, args![tenant_id, oldest_kept], |row| row.id("endpoint_id"))?)
}

/// All of a deleted endpoint; else those older than `oldest_kept` that are not on their way.
pub(in crate::webhooks) fn forget_deliveries(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    endpoint_id: EndpointId,
    oldest_kept: DeliveryId,
    limit: i64,
) -> Result<u64, Fault> {
    let state = |row: &Row<'_>| row.text("state");
    let Some(state) = tx.opt(STATE, args![tenant_id, endpoint_id], state)? else { return Ok(0) };
    let before = if state == "deleted" { DeliveryId::from_bits(u128::MAX) } else { oldest_kept };
    let args = args![tenant_id, endpoint_id, before, &state, limit];
    let forgotten: Vec<DeliveryId> = tx.all(FORGOTTEN, args, |row| row.id("delivery_id"))?;
    for &delivery_id in &forgotten {
        tx.exec(DELETE_ATTEMPTS, args![tenant_id, endpoint_id, delivery_id])?;
        tx.exec(DELETE_DELIVERY, args![tenant_id, endpoint_id, delivery_id])?;
    }
    u64::try_from(forgotten.len()).map_err(Fault::internal)
}

pub(in crate::webhooks) fn forget_deleted(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    endpoint_id: EndpointId,
) -> Result<u64, Fault> {
    Ok(tx.exec(DELETE_ENDPOINT, args![tenant_id, endpoint_id])?)
}
