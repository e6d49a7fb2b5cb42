use std::ops::Range;

use base::id::{DeliveryId, EventId};
use base::{Fault, Timestamp};
use db::{Engine, Row, Tx, args};

use crate::webhooks::{Attempt, Delivery, Endpoint, LEASE_SECONDS, Leased, Outcome, Status};

const INSERT: &str = "INSERT INTO webhook_delivery (tenant_id, endpoint_id, delivery_id, event_id, status, due_at_us, leased, fence, \
    attempts, attempts_before, created_at_us) VALUES (?1, ?2, ?3, ?4, 'pending', ?5, 0, 0, 0, 0, ?5)";
// One round trip for a whole chunk of events.
const INSERT_MANY: &str = "INSERT INTO webhook_delivery (tenant_id, endpoint_id, delivery_id, event_id, status, due_at_us, leased, fence, \
    attempts, attempts_before, created_at_us) SELECT CAST(?1 AS TEXT), CAST(?2 AS TEXT), made.delivery_id, made.event_id, 'pending', \
    CAST(?3 AS BIGINT), 0, 0, 0, 0, CAST(?3 AS BIGINT) FROM unnest(?4::text[], ?5::text[]) AS made (delivery_id, event_id)";
const UNDER_WAY: &str = "SELECT COUNT(*) FROM webhook_delivery \
    WHERE tenant_id = ?1 AND endpoint_id = ?2 AND leased = 1 AND due_at_us > ?3";
const DUE: &str = "SELECT delivery_id FROM webhook_delivery WHERE tenant_id = ?1 AND endpoint_id = ?2 AND due_at_us <= ?3 \
    ORDER BY due_at_us, delivery_id LIMIT ?4";
const LEASE: &str = "UPDATE webhook_delivery SET leased = 1, fence = fence + 1, due_at_us = ?3 \
    WHERE tenant_id = ?1 AND endpoint_id = ?2 AND delivery_id = ?4";
// ANY keeps the update on the index: beside a list that is selected, PostgreSQL reads every delivery of the endpoint.
const LEASE_MANY: &str = "UPDATE webhook_delivery SET leased = 1, fence = fence + 1, due_at_us = ?3 \
    WHERE tenant_id = ?1 AND endpoint_id = ?2 AND delivery_id = ANY(?4)";
// Not by equality, for which SQLite reads every delivery of the endpoint.
const LEASED: &str = "SELECT webhook_delivery.delivery_id, webhook_delivery.event_id, webhook_delivery.fence, webhook_delivery.attempts, \
    webhook_delivery.attempts_before, outbox.kind, outbox.payload, outbox.request_id FROM webhook_delivery \
    JOIN outbox ON outbox.tenant_id = ?1 AND outbox.event_id = webhook_delivery.event_id \
    WHERE webhook_delivery.tenant_id = ?1 AND webhook_delivery.endpoint_id = ?2 AND webhook_delivery.leased = 1 \
    AND webhook_delivery.due_at_us >= ?3";
const FIRST_LEASE_END: &str = "SELECT MIN(due_at_us) AS due_at_us FROM webhook_delivery \
    WHERE tenant_id = ?1 AND endpoint_id = ?2 AND leased = 1 AND due_at_us > ?3";
const NEXT_DUE: &str = "SELECT MIN(due_at_us) AS due_at_us FROM webhook_delivery \
    WHERE tenant_id = ?1 AND endpoint_id = ?2 AND due_at_us IS NOT NULL";
const SETTLE: &str = "UPDATE webhook_delivery SET status = ?5, leased = 0, due_at_us = ?6, ended_at_us = ?7, attempts = attempts + 1 \
    WHERE tenant_id = ?1 AND endpoint_id = ?2 AND delivery_id = ?3 AND fence = ?4 AND leased = 1";
const INSERT_ATTEMPT: &str = "INSERT INTO webhook_attempt (tenant_id, endpoint_id, delivery_id, attempt, at_us, duration_us, http_status, \
    error, answer) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
const LEASE_END: &str = "SELECT leased, due_at_us FROM webhook_delivery WHERE tenant_id = ?1 AND endpoint_id = ?2 AND delivery_id = ?3";
const REPLAY: &str = "UPDATE webhook_delivery SET status = 'pending', leased = 0, fence = fence + 1, due_at_us = ?3, \
    attempts_before = attempts, ended_at_us = NULL WHERE tenant_id = ?1 AND endpoint_id = ?2 AND delivery_id = ?4";
const REPLAY_MANY: &str = "UPDATE webhook_delivery SET status = 'pending', leased = 0, fence = fence + 1, due_at_us = ?3, \
    attempts_before = attempts, ended_at_us = NULL WHERE tenant_id = ?1 AND endpoint_id = ?2 AND delivery_id = ANY(?4)";
const FAILED: &str = "SELECT delivery_id FROM webhook_delivery WHERE tenant_id = ?1 AND endpoint_id = ?2 AND status = 'failed' \
    AND status <> 'delivered' AND delivery_id >= ?3 AND delivery_id < ?4 ORDER BY delivery_id LIMIT ?5";
const ENDED: &str = "SELECT delivery_id FROM webhook_delivery WHERE tenant_id = ?1 AND endpoint_id = ?2 AND ended_at_us IS NOT NULL \
    AND delivery_id >= ?3 AND delivery_id < ?4 ORDER BY delivery_id LIMIT ?5";

// The page is found in an index alone; only then are its rows read.
macro_rules! listed {
    ($condition:literal) => {
        concat!(
            "WITH page AS MATERIALIZED (SELECT page.delivery_id FROM webhook_delivery AS page \
             WHERE page.tenant_id = ?1 AND page.endpoint_id = ?2 AND page.delivery_id < ?3 ",
            $condition,
            " ORDER BY page.delivery_id DESC LIMIT ?4) \
             SELECT d.delivery_id, d.event_id, d.status, d.due_at_us, d.attempts, d.created_at_us, d.ended_at_us, \
             outbox.seq, outbox.kind, outbox.request_id, \
             a.at_us, a.duration_us, a.http_status, a.error, a.answer FROM page \
             JOIN webhook_delivery AS d ON d.tenant_id = ?1 AND d.endpoint_id = ?2 AND d.delivery_id = page.delivery_id \
             JOIN outbox ON outbox.tenant_id = ?1 AND outbox.event_id = d.event_id \
             LEFT JOIN webhook_attempt AS a ON a.tenant_id = ?1 AND a.endpoint_id = ?2 AND a.delivery_id = d.delivery_id \
             AND a.attempt = d.attempts ORDER BY d.delivery_id DESC"
        )
    };
}

const LIST: &str = listed!("");
const LIST_DELIVERED: &str = listed!("AND page.status = 'delivered'");
const LIST_OPEN: &str = listed!("AND page.due_at_us IS NOT NULL");
// The first condition is what the index is made for; the engines do not see that the second one implies it.
const LIST_OF: &str = listed!("AND page.status <> 'delivered' AND page.status = ?5");

/// Prepared on PostgreSQL alone.
pub(in crate::webhooks) const POSTGRES_STATEMENTS: &[&str] = &[INSERT_MANY, LEASE_MANY, REPLAY_MANY];

pub(in crate::webhooks) const STATEMENTS: &[&str] = &[
    INSERT,
    UNDER_WAY,
    DUE,
    LEASE,
    LEASED,
    FIRST_LEASE_END,
    NEXT_DUE,
    SETTLE,
    INSERT_ATTEMPT,
    LEASE_END,
    REPLAY,
    FAILED,
    ENDED,
    LIST,
    LIST_DELIVERED,
    LIST_OPEN,
    LIST_OF,
];

/// A delivery to this endpoint for each event.
pub(in crate::webhooks) fn insert(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
    made: &[(DeliveryId, EventId)],
    now: Timestamp,
) -> Result<(), Fault> {
    let (tenant_id, endpoint_id) = (endpoint.tenant_id, endpoint.endpoint_id);
    match tx.engine() {
        Engine::Postgres => {
            let (deliveries, events): (Vec<String>, Vec<String>) =
                made.iter().map(|(delivery_id, event_id)| (delivery_id.text(), event_id.text())).unzip();
            tx.exec(INSERT_MANY, args![tenant_id, endpoint_id, now, &deliveries, &events])?;
        }
        Engine::Sqlite => {
            for (delivery_id, event_id) in made {
                tx.exec(INSERT, args![tenant_id, endpoint_id, delivery_id, event_id, now])?;
            }
        }
    }
    Ok(())
}

/// How many of an endpoint's deliveries are leased.
pub(in crate::webhooks) fn under_way(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
    now: Timestamp,
) -> Result<i64, Fault> {
    Ok(tx.one(UNDER_WAY, args![endpoint.tenant_id, endpoint.endpoint_id, now], |row| row.int(0))?)
}

pub(in crate::webhooks) fn lease(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Leased>, Fault> {
    let (tenant_id, endpoint_id) = (endpoint.tenant_id, endpoint.endpoint_id);
    let until = now.plus_seconds(LEASE_SECONDS);
    let due = args![tenant_id, endpoint_id, now, limit];
    let taken: Vec<DeliveryId> = tx.all(DUE, due, |row| row.id("delivery_id"))?;
    if taken.is_empty() {
        return Ok(Vec::new());
    }
    update(tx, endpoint, &taken, until, (LEASE, LEASE_MANY))?;
    let mut deliveries = tx.all(LEASED, args![tenant_id, endpoint_id, until], leased)?;
    // Those of another worker may end as late.
    deliveries.retain(|delivery| taken.contains(&delivery.delivery_id));
    deliveries.sort_by_key(|delivery| delivery.delivery_id);
    Ok(deliveries)
}

fn leased(row: &Row<'_>) -> Result<Leased, db::Error> {
    let attempts = row.int("attempts")?;
    Ok(Leased {
        delivery_id: row.id("delivery_id")?,
        event_id: row.id("event_id")?,
        request_id: row.id("request_id")?,
        kind: row.text("kind")?,
        payload: row.text("payload")?,
        fence: row.int("fence")?,
        attempt: attempts + 1,
        tries: attempts + 1 - row.int("attempts_before")?,
    })
}

pub(in crate::webhooks) fn first_lease_end(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
    now: Timestamp,
) -> Result<Option<Timestamp>, Fault> {
    let args = args![endpoint.tenant_id, endpoint.endpoint_id, now];
    Ok(tx.one(FIRST_LEASE_END, args, |row| row.opt_timestamp("due_at_us"))?)
}

/// When the first open delivery of an endpoint can be taken up.
pub(in crate::webhooks) fn next_due(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
) -> Result<Option<Timestamp>, Fault> {
    let args = args![endpoint.tenant_id, endpoint.endpoint_id];
    Ok(tx.one(NEXT_DUE, args, |row| row.opt_timestamp("due_at_us"))?)
}

/// `false` when the lease went to somebody else.
pub(in crate::webhooks) fn settle(
    tx: &mut Tx<'_>,
    outcome: &Outcome,
    status: &str,
    due_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
) -> Result<bool, Fault> {
    let (tenant_id, endpoint_id) = (outcome.tenant_id, outcome.endpoint_id);
    let args = args![tenant_id, endpoint_id, outcome.delivery_id, outcome.fence, status, due_at, ended_at];
    Ok(tx.exec(SETTLE, args)? == 1)
}

pub(in crate::webhooks) fn insert_attempt(tx: &mut Tx<'_>, outcome: &Outcome) -> Result<(), Fault> {
    tx.exec(
        INSERT_ATTEMPT,
        args![
            outcome.tenant_id,
            outcome.endpoint_id,
            outcome.delivery_id,
            outcome.attempt,
            outcome.began_at,
            outcome.duration_us,
            outcome.http_status,
            &outcome.error,
            &outcome.answer
        ],
    )?;
    Ok(())
}

/// The end of a delivery's lease, if it has one; the outer `None`: there is no such delivery.
pub(in crate::webhooks) fn lease_end(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
    delivery_id: DeliveryId,
) -> Result<Option<Option<Timestamp>>, Fault> {
    let args = args![endpoint.tenant_id, endpoint.endpoint_id, delivery_id];
    let end = |row: &Row<'_>| {
        let is_leased = row.bool("leased")?;
        Ok(row.opt_timestamp("due_at_us")?.filter(|_| is_leased))
    };
    Ok(tx.opt(LEASE_END, args, end)?)
}

/// Begins the schedule of these deliveries anew.
pub(in crate::webhooks) fn replay(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
    deliveries: &[DeliveryId],
    now: Timestamp,
) -> Result<(), Fault> {
    update(tx, endpoint, deliveries, now, (REPLAY, REPLAY_MANY))
}

/// Runs the text for one delivery or, on PostgreSQL, the one for many.
fn update(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
    deliveries: &[DeliveryId],
    due_at: Timestamp,
    (one, many): (&'static str, &'static str),
) -> Result<(), Fault> {
    let (tenant_id, endpoint_id) = (endpoint.tenant_id, endpoint.endpoint_id);
    match tx.engine() {
        Engine::Postgres => {
            let deliveries: Vec<String> = deliveries.iter().map(|delivery| delivery.text()).collect();
            tx.exec(many, args![tenant_id, endpoint_id, due_at, &deliveries])?;
        }
        Engine::Sqlite => {
            for delivery in deliveries {
                tx.exec(one, args![tenant_id, endpoint_id, due_at, delivery])?;
            }
        }
    }
    Ok(())
}

pub(in crate::webhooks) fn failed(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
    range: &Range<DeliveryId>,
    limit: i64,
) -> Result<Vec<DeliveryId>, Fault> {
    let args = args![endpoint.tenant_id, endpoint.endpoint_id, range.start, range.end, limit];
    Ok(tx.all(FAILED, args, |row| row.id("delivery_id"))?)
}

/// Delivered and failed ones.
pub(in crate::webhooks) fn ended(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
    range: &Range<DeliveryId>,
    limit: i64,
) -> Result<Vec<DeliveryId>, Fault> {
    let args = args![endpoint.tenant_id, endpoint.endpoint_id, range.start, range.end, limit];
    Ok(tx.all(ENDED, args, |row| row.id("delivery_id"))?)
}

pub(in crate::webhooks) fn list(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
    before: DeliveryId,
    limit: i64,
) -> Result<Vec<Delivery>, Fault> {
    Ok(tx.all(LIST, args![endpoint.tenant_id, endpoint.endpoint_id, before, limit], delivery)?)
}

pub(in crate::webhooks) fn list_delivered(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
    before: DeliveryId,
    limit: i64,
) -> Result<Vec<Delivery>, Fault> {
    Ok(tx.all(LIST_DELIVERED, args![endpoint.tenant_id, endpoint.endpoint_id, before, limit], delivery)?)
}

pub(in crate::webhooks) fn list_open(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
    before: DeliveryId,
    limit: i64,
) -> Result<Vec<Delivery>, Fault> {
    Ok(tx.all(LIST_OPEN, args![endpoint.tenant_id, endpoint.endpoint_id, before, limit], delivery)?)
}

pub(in crate::webhooks) fn list_of(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
    status: Status,
    before: DeliveryId,
    limit: i64,
) -> Result<Vec<Delivery>, Fault> {
    let args = args![endpoint.tenant_id, endpoint.endpoint_id, before, limit, status.name()];
    Ok(tx.all(LIST_OF, args, delivery)?)
}

fn delivery(row: &Row<'_>) -> Result<Delivery, db::Error> {
    Ok(Delivery {
        delivery_id: row.id("delivery_id")?,
        event_id: row.id("event_id")?,
        seq: row.int("seq")?,
        kind: row.text("kind")?,
        request_id: row.id("request_id")?,
        status: row.named("status", Status::parse)?,
        attempts: row.int("attempts")?,
        next_attempt_at: row.opt_timestamp("due_at_us")?,
        created_at: row.timestamp("created_at_us")?,
        ended_at: row.opt_timestamp("ended_at_us")?,
        last_attempt: attempt(row)?,
    })
}

fn attempt(row: &Row<'_>) -> Result<Option<Attempt>, db::Error> {
    let Some(at) = row.opt_timestamp("at_us")? else { return Ok(None) };
    Ok(Some(Attempt {
        at,
        duration_us: row.int("duration_us")?,
        http_status: row.opt_int("http_status")?,
        error: row.opt_text("error")?,
        answer: row.bytes("answer")?,
    }))
}
