use base::id::{DeliveryId, EndpointId, EventId, RequestId, TenantId};
use base::{Environment, Fault, Service, Timestamp};
use db::Tx;

use super::store::{delivery as store, endpoint as endpoints, event};
use super::{Endpoint, State, endpoint};
use crate::ctx::Ctx;

/// How many deliveries one replay begins anew.
pub const REPLAYED_MAX: i64 = 10_000;

/// What a delivery is shown as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    Pending,
    Retrying,
    Delivered,
    Failed,
    /// Open, and its endpoint is disabled.
    Held,
}

impl Status {
    pub const ALL: [Self; 5] = [Self::Pending, Self::Retrying, Self::Delivered, Self::Failed, Self::Held];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Retrying => "retrying",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Held => "held",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// One event on its way to one endpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    pub delivery_id: DeliveryId,
    pub event_id: EventId,
    pub seq: i64,
    pub kind: String,
    pub request_id: RequestId,
    pub status: Status,
    /// How many attempts were recorded.
    pub attempts: i64,
    /// When the next one is due, or the one that is under way is given up.
    pub next_attempt_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub last_attempt: Option<Attempt>,
}

/// How an attempt went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attempt {
    pub at: Timestamp,
    pub duration_us: i64,
    pub http_status: Option<i64>,
    pub error: Option<String>,
    pub answer: Vec<u8>,
}

/// An event as it stands in the list of an environment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NumberedEvent {
    pub seq: i64,
    pub event_id: EventId,
    pub service: Service,
    pub kind: String,
    pub payload: String,
    pub request_id: RequestId,
    pub at: Timestamp,
}

/// The events of an environment after a number, without a gap.
///
/// # Errors
/// A database failure.
pub fn events(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    after_seq: i64,
    limit: i64,
) -> Result<Vec<NumberedEvent>, Fault> {
    event::list(tx, tenant_id, environment, after_seq, limit)
}

/// The deliveries of an endpoint that are older than `before`, newest first.
///
/// # Errors
/// Not found; a database failure.
pub fn list_deliveries(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    endpoint_id: EndpointId,
    status: Option<Status>,
    before: Option<DeliveryId>,
    limit: i64,
) -> Result<Vec<Delivery>, Fault> {
    let endpoint = endpoint::find(tx, tenant_id, environment, endpoint_id)?;
    let before = before.unwrap_or(DeliveryId::from_bits(u128::MAX));
    let is_active = endpoint.state == State::Active;
    let mut deliveries = match status {
        None => store::list(tx, &endpoint, before, limit)?,
        Some(Status::Delivered) => store::list_delivered(tx, &endpoint, before, limit)?,
        Some(Status::Held) if !is_active => store::list_open(tx, &endpoint, before, limit)?,
        Some(status @ Status::Failed) => store::list_of(tx, &endpoint, status, before, limit)?,
        Some(status @ (Status::Pending | Status::Retrying)) if is_active => {
            store::list_of(tx, &endpoint, status, before, limit)?
        }
        Some(_) => Vec::new(),
    };
    for delivery in deliveries.iter_mut().filter(|delivery| !is_active && delivery.ended_at.is_none()) {
        delivery.status = Status::Held;
        delivery.next_attempt_at = None;
    }
    Ok(deliveries)
}

/// What is delivered again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Replay {
    One(DeliveryId),
    /// Those that have ended, of events from `since` to before `until`.
    Range {
        since: Timestamp,
        until: Timestamp,
        only_failed: bool,
    },
}

/// How many deliveries begin anew, and whether a repetition of the call would find more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Replayed {
    pub count: i64,
    pub has_more: bool,
}

/// Begins the schedule of deliveries anew. Their ids stay, and their attempts go on counting.
///
/// # Errors
/// No such endpoint or delivery; one that is under way; a database failure.
pub fn replay(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    endpoint_id: EndpointId,
    replay: Replay,
) -> Result<Replayed, Fault> {
    let endpoint = endpoint::lock(tx, ctx, endpoint_id)?;
    let replayed = match replay {
        Replay::One(delivery_id) => replay_one(tx, ctx, &endpoint, delivery_id)?,
        Replay::Range { since, until, only_failed } => {
            // Ids sort by the times of their events.
            let range = DeliveryId::new(since, 0)..DeliveryId::new(until, 0);
            let ended = if only_failed {
                store::failed(tx, &endpoint, &range, REPLAYED_MAX)?
            } else {
                store::ended(tx, &endpoint, &range, REPLAYED_MAX)?
            };
            store::replay(tx, &endpoint, &ended, ctx.now)?;
            let count = i64::try_from(ended.len()).map_err(Fault::internal)?;
            Replayed { count, has_more: count == REPLAYED_MAX }
        }
    };
    let due_at = store::next_due(tx, &endpoint)?;
    endpoints::set_due(tx, &endpoint, due_at)?;
    Ok(replayed)
}

fn replay_one(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    endpoint: &Endpoint,
    delivery_id: DeliveryId,
) -> Result<Replayed, Fault> {
    let lease_end = store::lease_end(tx, endpoint, delivery_id)?;
    let Some(lease_end) = lease_end else { return Err(Fault::not_found("delivery")) };
    if lease_end.is_some_and(|end| ctx.now < end) {
        return Err(Fault::conflict("This delivery is under way. Look at its outcome first."));
    }
    store::replay(tx, endpoint, &[delivery_id], ctx.now)?;
    Ok(Replayed { count: 1, has_more: false })
}
