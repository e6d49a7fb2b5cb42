use base::id::{DeliveryId, EndpointId, EventId, RequestId, TenantId};
use base::{Fault, Timestamp};
use db::Tx;

use super::store::{delivery, endpoint as endpoints};
use super::{Endpoint, State};

/// How long a claim is good for: longer than an attempt may take.
pub const LEASE_SECONDS: i64 = 60;
/// How many deliveries of an endpoint may be under way at a time: at first, and when all went well for a while.
pub(super) const CONCURRENCY_FIRST: i64 = 4;
pub(super) const CONCURRENCY_MAX: i64 = 64;

/// Deliveries of one endpoint that this worker owns until the lease ends.
#[derive(Clone, Debug)]
pub struct Claimed {
    pub endpoint: Endpoint,
    pub deliveries: Vec<Leased>,
}

#[derive(Clone, Debug)]
pub struct Leased {
    pub delivery_id: DeliveryId,
    pub event_id: EventId,
    pub request_id: RequestId,
    pub kind: String,
    pub payload: String,
    pub fence: i64,
    /// The number of the attempt that is to be made, from 1.
    pub attempt: i64,
    /// The same since the schedule last began anew.
    pub tries: i64,
}

/// Endpoints that have something to deliver at `now`, the longest waiting first.
///
/// # Errors
/// A database failure.
pub fn due(tx: &mut Tx<'_>, now: Timestamp, limit: i64) -> Result<Vec<(TenantId, EndpointId)>, Fault> {
    endpoints::due(tx, now, limit)
}

/// Leases up to `limit` due deliveries of an endpoint, the longest waiting first. `None` while somebody else works on
/// the endpoint, and when it is not active.
///
/// An endpoint has at most [`Endpoint::concurrency`] deliveries under way on all nodes together: who fails or hangs
/// gets few, and so slows nobody else.
///
/// # Errors
/// A database failure.
pub fn claim(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    endpoint_id: EndpointId,
    now: Timestamp,
    limit: i64,
) -> Result<Option<Claimed>, Fault> {
    let Some(endpoint) = endpoints::lock_if_free(tx, tenant_id, endpoint_id)? else { return Ok(None) };
    if endpoint.state != State::Active {
        endpoints::set_due(tx, &endpoint, None)?;
        return Ok(None);
    }
    let free = endpoint.concurrency - delivery::under_way(tx, &endpoint, now)?;
    let deliveries = delivery::lease(tx, &endpoint, now, free.min(limit).max(0))?;
    let is_full = i64::try_from(deliveries.len()).is_ok_and(|claimed| claimed >= free);
    // A full endpoint is looked at again when an outcome is recorded, or when a lease ends without one.
    let due_at = if is_full {
        delivery::first_lease_end(tx, &endpoint, now)?
    } else {
        delivery::next_due(tx, &endpoint)?
    };
    endpoints::set_due(tx, &endpoint, due_at)?;
    Ok(Some(Claimed { endpoint, deliveries }))
}
