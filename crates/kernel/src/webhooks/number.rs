use base::id::{DeliveryId, EndpointId, EventId, TenantId};
use base::{Environment, Fault, Timestamp};
use db::Tx;

use super::store::{delivery, endpoint, event};
use super::{ENDPOINTS_MAX, Endpoint};
use crate::ctx::Random;

/// The environments that hold events without a number, at most `limit`, in a fixed order after `after`.
///
/// # Errors
/// A database failure.
pub fn unnumbered(
    tx: &mut Tx<'_>,
    after: Option<(TenantId, Environment)>,
    limit: usize,
) -> Result<Vec<(TenantId, Environment)>, Fault> {
    let mut found = Vec::new();
    let mut last = after;
    // One look for each, because a tenant may have a million.
    while found.len() < limit {
        let Some(next) = event::next_unnumbered(tx, last)? else { break };
        found.push(next);
        last = Some(next);
    }
    Ok(found)
}

/// Numbers up to `limit` committed events of an environment in the order of their times, and makes a delivery of each
/// for each endpoint that wants it. Says how many it numbered; none while another worker does it.
///
/// The row of the sequence is locked before the events are read, so that no number is given twice or left out. What
/// commits later gets a later number, even if its time is earlier.
///
/// # Errors
/// A database failure.
pub fn number(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    now: Timestamp,
    random: &Random,
    limit: i64,
) -> Result<usize, Fault> {
    let Some(last_seq) = event::lock_sequence(tx, tenant_id, environment)? else { return Ok(0) };
    let events = event::number(tx, tenant_id, environment, last_seq, limit)?;
    let Some(newest) = events.last() else { return Ok(0) };
    event::advance(tx, tenant_id, environment, newest.seq)?;
    // In the order of their ids, in which everybody locks them.
    for endpoint in endpoint::list(tx, tenant_id, environment, EndpointId::from_bits(0), ENDPOINTS_MAX)? {
        let wanted = events.iter().filter(|event| wants(&endpoint, event));
        // Its time is the event's, so that deliveries are listed in the order of what they tell.
        let made: Vec<(DeliveryId, EventId)> =
            wanted.map(|event| (DeliveryId::new(event.at, random.id_bits()), event.event_id)).collect();
        if !made.is_empty() {
            delivery::insert(tx, &endpoint, &made, now)?;
            endpoint::bring_forward(tx, tenant_id, endpoint.endpoint_id, now)?;
        }
    }
    Ok(events.len())
}

fn wants(endpoint: &Endpoint, event: &event::Numbered) -> bool {
    match event.endpoint_id {
        Some(only) => only == endpoint.endpoint_id,
        None => {
            event.service == endpoint.service
                && endpoint.events.as_ref().is_none_or(|events| events.contains(&event.kind))
        }
    }
}
