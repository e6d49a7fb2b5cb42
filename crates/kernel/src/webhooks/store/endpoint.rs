use base::id::{EndpointId, TenantId};
use base::{Environment, Fault, Service, Timestamp};
use db::{Row, Tx, args};

use crate::webhooks::{Endpoint, State};

const INSERT: &str = "INSERT INTO webhook_endpoint (tenant_id, endpoint_id, environment, service, url, events, description, state, \
    disabled_reason, sealed_secret, concurrency, consecutive_failures, created_at_us, updated_at_us) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0, ?12, ?12)";
const FIND: &str = "SELECT tenant_id, endpoint_id, environment, service, url, events, description, state, disabled_reason, sealed_secret, \
    sealed_previous, previous_until_us, concurrency, consecutive_failures, failing_since_us, last_success_at_us, created_at_us, updated_at_us \
    FROM webhook_endpoint WHERE tenant_id = ?1 AND endpoint_id = ?2";
const LOCK: &str = "SELECT tenant_id, endpoint_id, environment, service, url, events, description, state, disabled_reason, sealed_secret, \
    sealed_previous, previous_until_us, concurrency, consecutive_failures, failing_since_us, last_success_at_us, created_at_us, updated_at_us \
    FROM webhook_endpoint WHERE tenant_id = ?1 AND endpoint_id = ?2 FOR UPDATE";
const LOCK_IF_FREE: &str = "SELECT tenant_id, endpoint_id, environment, service, url, events, description, state, disabled_reason, sealed_secret, \
    sealed_previous, previous_until_us, concurrency, consecutive_failures, failing_since_us, last_success_at_us, created_at_us, updated_at_us \
    FROM webhook_endpoint WHERE tenant_id = ?1 AND endpoint_id = ?2 FOR UPDATE SKIP LOCKED";
const LIST: &str = "SELECT tenant_id, endpoint_id, environment, service, url, events, description, state, disabled_reason, sealed_secret, \
    sealed_previous, previous_until_us, concurrency, consecutive_failures, failing_since_us, last_success_at_us, created_at_us, updated_at_us \
    FROM webhook_endpoint WHERE tenant_id = ?1 AND environment = ?2 AND state <> 'deleted' AND endpoint_id > ?3 \
    ORDER BY endpoint_id LIMIT ?4";
const COUNT: &str =
    "SELECT COUNT(*) FROM webhook_endpoint WHERE tenant_id = ?1 AND environment = ?2 AND state <> 'deleted'";
const CHANGE: &str = "UPDATE webhook_endpoint SET url = ?3, events = ?4, description = ?5, state = ?6, disabled_reason = ?7, \
    sealed_secret = ?8, sealed_previous = ?9, previous_until_us = ?10, concurrency = ?11, consecutive_failures = ?12, \
    failing_since_us = ?13, updated_at_us = ?14 WHERE tenant_id = ?1 AND endpoint_id = ?2";
const SET_HEALTH: &str = "UPDATE webhook_endpoint SET state = ?3, disabled_reason = ?4, concurrency = ?5, consecutive_failures = ?6, \
    failing_since_us = ?7, last_success_at_us = ?8, due_at_us = ?9 WHERE tenant_id = ?1 AND endpoint_id = ?2";
const SET_DUE: &str = "UPDATE webhook_endpoint SET due_at_us = ?3 WHERE tenant_id = ?1 AND endpoint_id = ?2";
// Without a condition on the state, which somebody may be about to change: who enables it counts on this update to wait.
const BRING_FORWARD: &str = "UPDATE webhook_endpoint SET due_at_us = CASE WHEN state <> 'active' THEN NULL \
    WHEN due_at_us < ?3 THEN due_at_us ELSE CAST(?3 AS BIGINT) END WHERE tenant_id = ?1 AND endpoint_id = ?2";
const DUE: &str = "SELECT tenant_id, endpoint_id FROM webhook_endpoint WHERE due_at_us IS NOT NULL AND due_at_us <= ?1 \
    ORDER BY due_at_us LIMIT ?2";

pub(in crate::webhooks) const STATEMENTS: &[&str] =
    &[INSERT, FIND, LOCK, LOCK_IF_FREE, LIST, COUNT, CHANGE, SET_HEALTH, SET_DUE, BRING_FORWARD, DUE];

pub(in crate::webhooks) fn insert(tx: &mut Tx<'_>, endpoint: &Endpoint) -> Result<(), Fault> {
    tx.exec(
        INSERT,
        args![
            endpoint.tenant_id,
            endpoint.endpoint_id,
            endpoint.environment,
            endpoint.service,
            &endpoint.url,
            joined(endpoint),
            &endpoint.description,
            endpoint.state.name(),
            &endpoint.disabled_reason,
            &endpoint.sealed_secret,
            endpoint.concurrency,
            endpoint.created_at
        ],
    )?;
    Ok(())
}

pub(in crate::webhooks) fn find(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    endpoint_id: EndpointId,
) -> Result<Option<Endpoint>, Fault> {
    Ok(tx.opt(FIND, args![tenant_id, endpoint_id], endpoint)?)
}

pub(in crate::webhooks) fn lock(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    endpoint_id: EndpointId,
) -> Result<Option<Endpoint>, Fault> {
    Ok(tx.opt(LOCK, args![tenant_id, endpoint_id], endpoint)?)
}

/// `None` while somebody else has it locked, too.
pub(in crate::webhooks) fn lock_if_free(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    endpoint_id: EndpointId,
) -> Result<Option<Endpoint>, Fault> {
    Ok(tx.opt(LOCK_IF_FREE, args![tenant_id, endpoint_id], endpoint)?)
}

pub(in crate::webhooks) fn list(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    after: EndpointId,
    limit: i64,
) -> Result<Vec<Endpoint>, Fault> {
    Ok(tx.all(LIST, args![tenant_id, environment, after, limit], endpoint)?)
}

pub(in crate::webhooks) fn count(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
) -> Result<i64, Fault> {
    Ok(tx.one(COUNT, args![tenant_id, environment], |row| row.int(0))?)
}

pub(in crate::webhooks) fn change(tx: &mut Tx<'_>, endpoint: &Endpoint) -> Result<(), Fault> {
    tx.exec(
        CHANGE,
        args![
            endpoint.tenant_id,
            endpoint.endpoint_id,
            &endpoint.url,
            joined(endpoint),
            &endpoint.description,
            endpoint.state.name(),
            &endpoint.disabled_reason,
            &endpoint.sealed_secret,
            &endpoint.sealed_previous,
            endpoint.previous_until,
            endpoint.concurrency,
            endpoint.consecutive_failures,
            endpoint.failing_since,
            endpoint.updated_at
        ],
    )?;
    Ok(())
}

pub(in crate::webhooks) fn set_health(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
    due_at: Option<Timestamp>,
) -> Result<(), Fault> {
    tx.exec(
        SET_HEALTH,
        args![
            endpoint.tenant_id,
            endpoint.endpoint_id,
            endpoint.state.name(),
            &endpoint.disabled_reason,
            endpoint.concurrency,
            endpoint.consecutive_failures,
            endpoint.failing_since,
            endpoint.last_success_at,
            due_at.filter(|_| endpoint.state == State::Active)
        ],
    )?;
    Ok(())
}

pub(in crate::webhooks) fn set_due(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
    due_at: Option<Timestamp>,
) -> Result<(), Fault> {
    let due_at = due_at.filter(|_| endpoint.state == State::Active);
    tx.exec(SET_DUE, args![endpoint.tenant_id, endpoint.endpoint_id, due_at])?;
    Ok(())
}

/// The endpoint has something due at `at`, if it is active.
pub(in crate::webhooks) fn bring_forward(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    endpoint_id: EndpointId,
    at: Timestamp,
) -> Result<(), Fault> {
    tx.exec(BRING_FORWARD, args![tenant_id, endpoint_id, at])?;
    Ok(())
}

pub(in crate::webhooks) fn due(
    tx: &mut Tx<'_>,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<(TenantId, EndpointId)>, Fault> {
    let place = |row: &Row<'_>| Ok((row.id("tenant_id")?, row.id("endpoint_id")?));
    Ok(tx.all(DUE, args![now, limit], place)?)
}

fn joined(endpoint: &Endpoint) -> Option<String> {
    endpoint.events.as_ref().map(|events| events.join(" "))
}

fn endpoint(row: &Row<'_>) -> Result<Endpoint, db::Error> {
    let events = row.opt_text("events")?;
    Ok(Endpoint {
        tenant_id: row.id("tenant_id")?,
        endpoint_id: row.id("endpoint_id")?,
        environment: row.named("environment", Environment::parse)?,
        service: row.named("service", Service::parse)?,
        url: row.text("url")?,
        events: events.map(|events| events.split(' ').map(str::to_owned).collect()),
        description: row.text("description")?,
        state: row.named("state", State::parse)?,
        disabled_reason: row.opt_text("disabled_reason")?,
        sealed_secret: row.bytes("sealed_secret")?,
        sealed_previous: row.opt_bytes("sealed_previous")?,
        previous_until: row.opt_timestamp("previous_until_us")?,
        concurrency: row.int("concurrency")?,
        consecutive_failures: row.int("consecutive_failures")?,
        failing_since: row.opt_timestamp("failing_since_us")?,
        last_success_at: row.opt_timestamp("last_success_at_us")?,
        created_at: row.timestamp("created_at_us")?,
        updated_at: row.timestamp("updated_at_us")?,
    })
}
