//! Webhooks: what happened to a tenant goes to the addresses that it chose, at least once.
//!
//! An event is written into `outbox` in the transaction of its effect. From there it takes three steps, each a
//! transaction of one tenant, by whichever worker is first:
//! 1. *Number* ([`number`]): committed events get the next numbers of their tenant's environment, and a delivery is
//!    made for each endpoint that wants them.
//! 2. *Claim* ([`claim`]): a worker leases some of an endpoint's due deliveries, no more than that endpoint has earned.
//! 3. *Record* ([`record`]): the outcome is kept under the lease's fence. A result without its fence is discarded.
//!
//! States of a delivery: pending → delivered | retrying → … → delivered | failed (its schedule is used up). A failed
//! one begins anew when it is replayed. What is open while its endpoint is disabled is shown as held, and goes on when
//! the endpoint is enabled again. An attempt is counted when it is recorded: a worker that dies repeats it.
//! States of an endpoint: active ⇄ disabled (by its tenant, by 410, or after 120 hours of nothing but failures) →
//! deleted.
//!
//! A lock on the endpoint's row stands between claims, outcomes and changes of it, and keeps `due_at_us` right.
//! Tables: `event_sequence`, `webhook_endpoint`, `webhook_delivery`, `webhook_attempt`; numbers stand in `outbox`.

mod claim;
mod delivery;
mod endpoint;
pub mod form;
mod number;
mod record;
mod secret;
mod store;
mod sweep;

pub use claim::{Claimed, LEASE_SECONDS, Leased, claim, due};
pub use delivery::{
    Attempt, Delivery, NumberedEvent, REPLAYED_MAX, Replay, Replayed, Status, events, list_deliveries, replay,
};
pub use endpoint::{
    DESCRIPTION_LENGTH_MAX, ENDPOINTS_MAX, EVENTS_MAX, Endpoint, EndpointChange, NewEndpoint, State, change,
    create, delete, find, list, rotate, send_test,
};
pub use form::{Form, Forms, Schedule};
pub use number::{number, unnumbered};
pub use record::{ANSWER_BYTES_MAX, Outcome, record};
pub use secret::{OVERLAP_SECONDS, SigningSecrets, signing_secrets};
pub use sweep::{find_swept, sweep};

/// Every statement, for the test that prepares them on both engines.
#[must_use]
pub fn statements() -> Vec<&'static str> {
    [
        store::delivery::STATEMENTS,
        store::endpoint::STATEMENTS,
        store::event::STATEMENTS,
        store::sweep::STATEMENTS,
    ]
    .concat()
}

/// Statements that PostgreSQL alone runs.
#[must_use]
pub fn postgres_statements() -> Vec<&'static str> {
    [store::delivery::POSTGRES_STATEMENTS, store::event::POSTGRES_STATEMENTS].concat()
}
