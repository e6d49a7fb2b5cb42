use base::id::{EndpointId, TenantId};
use base::{Environment, Fault, Secret, Service, Timestamp};
use db::Tx;

use super::secret::{self, OVERLAP_SECONDS};
use super::store::{delivery, endpoint as store};
use super::{Forms, claim};
use crate::ctx::{Ctx, Event};
use crate::outbox;
use crate::secrets::Secrets;

/// How many endpoints an environment of a tenant may have.
pub const ENDPOINTS_MAX: i64 = 50;
/// How many kinds of events an endpoint may name.
pub const EVENTS_MAX: usize = 50;
pub const DESCRIPTION_LENGTH_MAX: usize = 200;

/// Where the events of a service go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    pub tenant_id: TenantId,
    pub endpoint_id: EndpointId,
    pub environment: Environment,
    pub service: Service,
    pub url: String,
    /// `None`: all.
    pub events: Option<Vec<String>>,
    pub description: String,
    pub state: State,
    /// Why it is disabled: [`BY_TENANT`], [`GONE`] or [`FAILING`].
    pub disabled_reason: Option<String>,
    pub(super) sealed_secret: Vec<u8>,
    pub(super) sealed_previous: Option<Vec<u8>>,
    /// Until when the secret of before the last rotation still signs.
    pub previous_until: Option<Timestamp>,
    /// How many deliveries may be under way at a time.
    pub concurrency: i64,
    pub consecutive_failures: i64,
    /// Since when nothing but failures came.
    pub failing_since: Option<Timestamp>,
    /// To the minute.
    pub last_success_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

pub(super) const BY_TENANT: &str = "by_tenant";
pub(super) const GONE: &str = "gone";
pub(super) const FAILING: &str = "failing";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Active,
    Disabled,
    /// Nobody sees it any more; its rows are swept.
    Deleted,
}

impl State {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Deleted => "deleted",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Active, Self::Disabled, Self::Deleted].into_iter().find(|state| state.name() == name)
    }
}

/// An endpoint to be made. Whether its address may be asked was judged by whoever read it.
#[derive(Clone, Debug)]
pub struct NewEndpoint {
    pub service: Service,
    pub url: String,
    /// `None`: all.
    pub events: Option<Vec<String>>,
    pub description: String,
    pub is_active: bool,
}

/// What of an endpoint to change; what is not named stays.
#[derive(Clone, Debug, Default)]
pub struct EndpointChange {
    pub url: Option<String>,
    /// `Some(None)`: all.
    pub events: Option<Option<Vec<String>>>,
    pub description: Option<String>,
    pub is_active: Option<bool>,
}

/// Makes an endpoint. Its secret is returned once.
///
/// # Errors
/// Too many endpoints; a database failure.
pub fn create(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    secrets: &Secrets,
    new: &NewEndpoint,
) -> Result<(Endpoint, Secret), Fault> {
    if store::count(tx, ctx.tenant_id, ctx.environment)? >= ENDPOINTS_MAX {
        return Err(Fault::conflict(format!(
            "This environment has {ENDPOINTS_MAX} webhooks, and may have no more. Delete some first."
        )));
    }
    let endpoint_id = EndpointId::new(ctx.now, ctx.random.id_bits());
    let secret = secret::mint(&ctx.random);
    let endpoint = Endpoint {
        tenant_id: ctx.tenant_id,
        endpoint_id,
        environment: ctx.environment,
        service: new.service,
        url: new.url.clone(),
        events: new.events.clone(),
        description: new.description.clone(),
        state: if new.is_active { State::Active } else { State::Disabled },
        disabled_reason: (!new.is_active).then(|| BY_TENANT.to_owned()),
        sealed_secret: secret::seal(secrets, &ctx.random, ctx.tenant_id, endpoint_id, &secret),
        sealed_previous: None,
        previous_until: None,
        concurrency: claim::CONCURRENCY_FIRST,
        consecutive_failures: 0,
        failing_since: None,
        last_success_at: None,
        created_at: ctx.now,
        updated_at: ctx.now,
    };
    store::insert(tx, &endpoint)?;
    Ok((endpoint, secret))
}

/// # Errors
/// Not found, which another tenant's or environment's endpoint is too; a database failure.
pub fn find(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    endpoint_id: EndpointId,
) -> Result<Endpoint, Fault> {
    visible(store::find(tx, tenant_id, endpoint_id)?, environment)
}

pub(super) fn lock(tx: &mut Tx<'_>, ctx: &Ctx, endpoint_id: EndpointId) -> Result<Endpoint, Fault> {
    visible(store::lock(tx, ctx.tenant_id, endpoint_id)?, ctx.environment)
}

fn visible(endpoint: Option<Endpoint>, environment: Environment) -> Result<Endpoint, Fault> {
    endpoint
        .filter(|endpoint| endpoint.environment == environment && endpoint.state != State::Deleted)
        .ok_or_else(|| Fault::not_found("webhook"))
}

/// The endpoints of a tenant's environment after `after`, oldest first.
///
/// # Errors
/// A database failure.
pub fn list(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    after: Option<EndpointId>,
    limit: i64,
) -> Result<Vec<Endpoint>, Fault> {
    store::list(tx, tenant_id, environment, after.unwrap_or(EndpointId::from_bits(0)), limit)
}

/// Changes an endpoint, and returns it as it was and as it is. Enabled again, it takes up what it held, and its health
/// begins anew.
///
/// # Errors
/// Not found; a database failure.
pub fn change(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    endpoint_id: EndpointId,
    change: &EndpointChange,
) -> Result<(Endpoint, Endpoint), Fault> {
    let before = lock(tx, ctx, endpoint_id)?;
    let mut after = before.clone();
    after.url = change.url.clone().unwrap_or(after.url);
    after.events = change.events.clone().unwrap_or(after.events);
    after.description = change.description.clone().unwrap_or(after.description);
    after.updated_at = ctx.now;
    match (before.state, change.is_active) {
        (State::Active, Some(false)) => disable(&mut after, BY_TENANT),
        (State::Disabled, Some(true)) => enable(&mut after),
        _ => {}
    }
    store::change(tx, &after)?;
    let due_at = delivery::next_due(tx, &after)?;
    store::set_due(tx, &after, due_at)?;
    Ok((before, after))
}

pub(super) fn disable(endpoint: &mut Endpoint, reason: &str) {
    endpoint.state = State::Disabled;
    endpoint.disabled_reason = Some(reason.to_owned());
}

fn enable(endpoint: &mut Endpoint) {
    endpoint.state = State::Active;
    endpoint.disabled_reason = None;
    endpoint.concurrency = claim::CONCURRENCY_FIRST;
    endpoint.consecutive_failures = 0;
    endpoint.failing_since = None;
}

/// Gives an endpoint a new secret, returned once. The old one signs for [`OVERLAP_SECONDS`] more.
///
/// Rotated again within the overlap, the newest secret is replaced and the old one keeps its deadline, so that a
/// rotation that is repeated does not end the secret that receivers use.
///
/// # Errors
/// Not found; a database failure.
pub fn rotate(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    secrets: &Secrets,
    endpoint_id: EndpointId,
) -> Result<(Endpoint, Secret), Fault> {
    let mut endpoint = lock(tx, ctx, endpoint_id)?;
    let secret = secret::mint(&ctx.random);
    let sealed = secret::seal(secrets, &ctx.random, ctx.tenant_id, endpoint_id, &secret);
    let replaced = std::mem::replace(&mut endpoint.sealed_secret, sealed);
    if endpoint.previous_until.is_none_or(|until| until <= ctx.now) {
        endpoint.sealed_previous = Some(replaced);
        endpoint.previous_until = Some(ctx.now.plus_seconds(OVERLAP_SECONDS));
    }
    endpoint.updated_at = ctx.now;
    store::change(tx, &endpoint)?;
    Ok((endpoint, secret))
}

/// Deletes an endpoint. Nothing of it is delivered any more but what is under way.
///
/// # Errors
/// Not found; a database failure.
pub fn delete(tx: &mut Tx<'_>, ctx: &Ctx, endpoint_id: EndpointId) -> Result<Endpoint, Fault> {
    let before = lock(tx, ctx, endpoint_id)?;
    let after = Endpoint { state: State::Deleted, updated_at: ctx.now, ..before.clone() };
    store::change(tx, &after)?;
    store::set_due(tx, &after, None)?;
    Ok(before)
}

/// Writes an event for this endpoint alone, which takes the way of every other.
///
/// # Errors
/// Not found; a database failure.
pub fn send_test(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    forms: Forms,
    endpoint_id: EndpointId,
) -> Result<base::id::EventId, Fault> {
    let endpoint = find(tx, ctx.tenant_id, ctx.environment, endpoint_id)?;
    let form = forms.of(endpoint.service);
    let payload = (form.test_body)(ctx.tenant_id, endpoint_id, ctx.now);
    let event = Event { service: endpoint.service, kind: form.test_kind, payload };
    outbox::write_to(tx, ctx, &event, endpoint_id)
}
