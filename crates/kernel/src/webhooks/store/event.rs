use base::id::{EndpointId, EventId, TenantId};
use base::{Environment, Fault, Service, Timestamp};
use db::{Engine, Row, Tx, args};

use crate::webhooks::NumberedEvent;

const NEXT_UNNUMBERED: &str = "SELECT tenant_id, environment FROM outbox WHERE seq IS NULL AND (tenant_id, environment) > (?1, ?2) \
    ORDER BY tenant_id, environment LIMIT 1";
const SEQUENCE: &str = "SELECT last_seq FROM event_sequence WHERE tenant_id = ?1 AND environment = ?2";
const BEGIN_SEQUENCE: &str = "INSERT INTO event_sequence (tenant_id, environment, last_seq) VALUES (?1, ?2, 0) \
    ON CONFLICT (tenant_id, environment) DO NOTHING";
const LOCK_SEQUENCE: &str =
    "SELECT last_seq FROM event_sequence WHERE tenant_id = ?1 AND environment = ?2 FOR UPDATE SKIP LOCKED";
const ADVANCE: &str = "UPDATE event_sequence SET last_seq = ?3 WHERE tenant_id = ?1 AND environment = ?2";
const UNNUMBERED: &str = "SELECT event_id, service, kind, at_us, endpoint_id FROM outbox \
    WHERE tenant_id = ?1 AND environment = ?2 AND seq IS NULL ORDER BY at_us, event_id LIMIT ?3";
const NUMBER: &str = "UPDATE outbox SET seq = ?3 WHERE tenant_id = ?1 AND event_id = ?2 AND seq IS NULL";
// ANY keeps the update on the index, whatever the planner thinks of the join.
const NUMBER_MANY: &str = "UPDATE outbox SET seq = given.seq FROM unnest(?2::text[], ?3::bigint[]) AS given (event_id, seq) \
    WHERE outbox.tenant_id = ?1 AND outbox.event_id = ANY(?2) AND outbox.event_id = given.event_id AND outbox.seq IS NULL";
const LIST: &str = "SELECT seq, event_id, service, kind, payload, request_id, at_us FROM outbox \
    WHERE tenant_id = ?1 AND environment = ?2 AND seq > ?3 ORDER BY seq LIMIT ?4";

pub(in crate::webhooks) const STATEMENTS: &[&str] =
    &[NEXT_UNNUMBERED, SEQUENCE, BEGIN_SEQUENCE, LOCK_SEQUENCE, ADVANCE, UNNUMBERED, NUMBER, LIST];

/// Prepared on PostgreSQL alone.
pub(in crate::webhooks) const POSTGRES_STATEMENTS: &[&str] = &[NUMBER_MANY];

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
    let mut seq = last_seq;
    let events = tx.all(UNNUMBERED, args![tenant_id, environment, limit], |row| {
        seq += 1;
        Ok(Numbered {
            event_id: row.id("event_id")?,
            seq,
            service: row.named("service", Service::parse)?,
            kind: row.text("kind")?,
            at: row.timestamp("at_us")?,
            endpoint_id: row.opt_id("endpoint_id")?,
        })
    })?;
    let numbered = match tx.engine() {
        Engine::Postgres => {
            let ids: Vec<String> = events.iter().map(|event| event.event_id.text()).collect();
            let numbers: Vec<i64> = events.iter().map(|event| event.seq).collect();
            tx.exec(NUMBER_MANY, args![tenant_id, &ids, &numbers])?
        }
        Engine::Sqlite => {
            let mut numbered = 0;
            for event in &events {
                numbered += tx.exec(NUMBER, args![tenant_id, event.event_id, event.seq])?;
            }
            numbered
        }
    };
    if usize::try_from(numbered) != Ok(events.len()) {
        return Err(Fault::internal("an event got its number from somebody who did not hold the sequence"));
    }
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
