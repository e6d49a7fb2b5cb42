use base::id::{EndpointId, EventId, TenantId};
use base::{Environment, Fault, Service, Timestamp};
use db::{Row, Tx, args};

use crate::webhooks::NumberedEvent;

const NEXT_UNNUMBERED: &str = "SELECT tenant_id, environment FROM outbox WHERE seq IS NULL AND (tenant_id, environment) > (?1, ?2) \
    ORDER BY tenant_id, environment LIMIT 1";
const SEQUENCE: &str = "SELECT last_seq FROM event_sequence WHERE tenant_id = ?1 AND environment = ?2";
const BEGIN_SEQUENCE: &str = "INSERT INTO event_sequence (tenant_id, environment, last_seq) VALUES (?1, ?2, 0) \
    ON CONFLICT (tenant_id, environment) DO NOTHING";
const LOCK_SEQUENCE: &str =
    "SELECT last_seq FROM event_sequence WHERE tenant_id = ?1 AND environment = ?2 FOR UPDATE SKIP LOCKED";
const ADVANCE: &str = "UPDATE event_sequence SET last_seq = ?3 WHERE tenant_id = ?1 AND environment = ?2";
const NUMBER: &str = "UPDATE outbox SET seq = CAST(?3 AS BIGINT) + numbered.place \
    FROM (SELECT oldest.event_id AS numbered_id, ROW_NUMBER() OVER (ORDER BY oldest.at_us, oldest.event_id) AS place \
    FROM (SELECT event_id, at_us FROM outbox WHERE tenant_id = ?1 AND environment = ?2 AND seq IS NULL \
    ORDER BY at_us, event_id LIMIT ?4) AS oldest) AS numbered \
    WHERE outbox.tenant_id = ?1 AND outbox.event_id = numbered.numbered_id AND outbox.seq IS NULL \
    RETURNING event_id, seq, service, kind, at_us, endpoint_id";
const LIST: &str = "SELECT seq, event_id, service, kind, payload, request_id, at_us FROM outbox \
    WHERE tenant_id = ?1 AND environment = ?2 AND seq > ?3 ORDER BY seq LIMIT ?4";

pub(in crate::webhooks) const STATEMENTS: &[&str] =
    &[NEXT_UNNUMBERED, SEQUENCE, BEGIN_SEQUENCE, LOCK_SEQUENCE, ADVANCE, NUMBER, LIST];

/// An event that just got its number.
pub(in crate::webhooks) struct Numbered {
    pub(in crate::webhooks) event_id: EventId,
    pub(in crate::webhooks) seq: i64,
    pub(in crate::webhooks) service: Service,
    pub(in crate::webhooks) kind: String,
    pub(in crate::webhooks) at: Timestamp,
    /// The only endpoint it is for.
    pub(in crate::webhooks) endpoint_id: Option<EndpointId>,
}

pub(in crate::webhooks) fn next_unnumbered(
    tx: &mut Tx<'_>,
    after: Option<(TenantId, Environment)>,
) -> Result<Option<(TenantId, Environment)>, Fault> {
    let (tenant, environment) = match after {
        Some((tenant_id, environment)) => (tenant_id.text(), environment.name()),
        None => (String::new(), ""),
    };
    let place = |row: &Row<'_>| Ok((row.id("tenant_id")?, row.named("environment", Environment::parse)?));
    Ok(tx.opt(NEXT_UNNUMBERED, args![&tenant, environment], place)?)
}

/// The last number that was given; `None` while another worker numbers.
pub(in crate::webhooks) fn lock_sequence(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
) -> Result<Option<i64>, Fault> {
    let last_seq = |row: &Row<'_>| row.int("last_seq");
    if tx.opt(SEQUENCE, args![tenant_id, environment], last_seq)?.is_none() {
        tx.exec(BEGIN_SEQUENCE, args![tenant_id, environment])?;
    }
    Ok(tx.opt(LOCK_SEQUENCE, args![tenant_id, environment], last_seq)?)
}

pub(in crate::webhooks) fn advance(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    last_seq: i64,
) -> Result<(), Fault> {
    tx.exec(ADVANCE, args![tenant_id, environment, last_seq])?;
    Ok(())
}

/// Gives the oldest events the numbers after `last_seq`. In the order of their numbers.
pub(in crate::webhooks) fn number(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    last_seq: i64,
    limit: i64,
) -> Result<Vec<Numbered>, Fault> {
    let mut events = tx.all(NUMBER, args![tenant_id, environment, last_seq, limit], |row| {
        Ok(Numbered {
            event_id: row.id("event_id")?,
            seq: row.int("seq")?,
            service: row.named("service", Service::parse)?,
            kind: row.text("kind")?,
            at: row.timestamp("at_us")?,
            endpoint_id: row.opt_id("endpoint_id")?,
        })
    })?;
    events.sort_by_key(|event| event.seq);
    Ok(events)
}

pub(in crate::webhooks) fn list(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    after_seq: i64,
    limit: i64,
) -> Result<Vec<NumberedEvent>, Fault> {
    let event = |row: &Row<'_>| {
        Ok(NumberedEvent {
            seq: row.int("seq")?,
            event_id: row.id("event_id")?,
            service: row.named("service", Service::parse)?,
            kind: row.text("kind")?,
            payload: row.text("payload")?,
            request_id: row.id("request_id")?,
            at: row.timestamp("at_us")?,
        })
    };
    Ok(tx.all(LIST, args![tenant_id, environment, after_seq, limit], event)?)
}
