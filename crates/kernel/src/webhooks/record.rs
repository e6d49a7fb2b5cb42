use base::id::{DeliveryId, EndpointId, TenantId};
use base::{Fault, Service, Timestamp};
use db::Tx;

use super::store::{delivery, endpoint as endpoints};
use super::{Endpoint, Forms, State, claim, endpoint};
use crate::Random;
use crate::ctx::{Actor, Ctx};
use crate::{Kernel, audit};

/// How much of an answer is kept.
pub const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// After how long with nothing but failures an endpoint is disabled.
const FAILING_SECONDS_MAX: i64 = 120 * 3600;
/// An answer by which a receiver says that it wants nothing more.
const STATUS_GONE: u16 = 410;
/// How precisely the last success is kept.
const SUCCESS_PRECISION_US: i64 = 60_000_000;

/// How an attempt went.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub tenant_id: TenantId,
    pub endpoint_id: EndpointId,
    pub service: Service,
    pub delivery_id: DeliveryId,
    pub fence: i64,
    pub attempt: i64,
    pub tries: i64,
    pub began_at: Timestamp,
    pub duration_us: i64,
    /// `None`: there was no answer, and `error` says why.
    pub http_status: Option<u16>,
    pub error: Option<String>,
    /// At most [`ANSWER_BYTES_MAX`].
    pub answer: Vec<u8>,
    pub retry_after_s: Option<i64>,
}

impl Outcome {
    #[must_use]
    pub fn is_success(&self) -> bool {
        matches!(self.http_status, Some(200..=299)) && self.error.is_none()
    }
}

/// Where a delivery goes from here.
struct Next {
    status: &'static str,
    due_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
}

/// Records attempts of one tenant, and what they say about the health of their endpoints. Says how many counted: an
/// outcome whose lease went to somebody else is discarded.
///
/// # Errors
/// A database failure.
pub fn record(
    tx: &mut Tx<'_>,
    kernel: &Kernel,
    tenant_id: TenantId,
    outcomes: &[Outcome],
) -> Result<usize, Fault> {
    let mut endpoint_ids: Vec<EndpointId> = outcomes.iter().map(|outcome| outcome.endpoint_id).collect();
    // Everybody locks endpoints in the order of their ids.
    endpoint_ids.sort_unstable();
    endpoint_ids.dedup();
    let mut counted = 0;
    for endpoint_id in endpoint_ids {
        let Some(mut endpoint) = endpoints::lock(tx, tenant_id, endpoint_id)? else { continue };
        let was = endpoint.state;
        let now = kernel.clock.now();
        for outcome in outcomes.iter().filter(|outcome| outcome.endpoint_id == endpoint_id) {
            let next = next(outcome, kernel.forms, now, &kernel.random);
            if delivery::settle(tx, outcome, next.status, next.due_at, next.ended_at)? {
                delivery::insert_attempt(tx, outcome)?;
                note(&mut endpoint, outcome, now);
                counted += 1;
            }
        }
        let due_at = delivery::next_due(tx, &endpoint)?;
        endpoints::set_health(tx, &endpoint, due_at)?;
        if endpoint.state != was {
            note_disabled(tx, kernel, &endpoint, now)?;
        }
    }
    Ok(counted)
}

fn next(outcome: &Outcome, forms: Forms, now: Timestamp, random: &Random) -> Next {
    if outcome.is_success() {
        return Next { status: "delivered", due_at: None, ended_at: Some(now) };
    }
    let schedule = forms.of(outcome.service).schedule;
    match schedule.wait_us(outcome.tries, outcome.retry_after_s, random.id_bits()) {
        Some(wait_us) => Next { status: "retrying", due_at: Some(now.plus_micros(wait_us)), ended_at: None },
        None => Next { status: "failed", due_at: None, ended_at: Some(now) },
    }
}

/// What an attempt says about its endpoint: each failure halves what may be under way, each success doubles it.
fn note(endpoint: &mut Endpoint, outcome: &Outcome, now: Timestamp) {
    if outcome.is_success() {
        endpoint.concurrency = (endpoint.concurrency * 2).min(claim::CONCURRENCY_MAX);
        endpoint.consecutive_failures = 0;
        endpoint.failing_since = None;
        if endpoint.last_success_at.is_none_or(|at| now.micros() - at.micros() >= SUCCESS_PRECISION_US) {
            endpoint.last_success_at = Some(now);
        }
        return;
    }
    endpoint.concurrency = (endpoint.concurrency / 2).max(1);
    endpoint.consecutive_failures += 1;
    let since = *endpoint.failing_since.get_or_insert(now);
    let reason = if outcome.http_status == Some(STATUS_GONE) {
        endpoint::GONE
    } else if now >= since.plus_seconds(FAILING_SECONDS_MAX) {
        endpoint::FAILING
    } else {
        return;
    };
    if endpoint.state == State::Active {
        endpoint::disable(endpoint, reason);
    }
}

/// The audit row of an endpoint that was disabled by its own answers.
fn note_disabled(tx: &mut Tx<'_>, kernel: &Kernel, endpoint: &Endpoint, now: Timestamp) -> Result<(), Fault> {
    let actor = Actor::System { worker: "webhooks" };
    let request_id = base::id::RequestId::new(now, kernel.random.id_bits());
    let mut ctx =
        Ctx::new(endpoint.tenant_id, endpoint.environment, actor, request_id, now, kernel.random.clone());
    ctx.target(endpoint.endpoint_id.text());
    ctx.note(endpoint.disabled_reason.clone().unwrap_or_default());
    ctx.change(State::Active.name(), State::Disabled.name());
    audit::write(tx, &ctx, "platform.webhook.disable", audit::Outcome::Done)
}
