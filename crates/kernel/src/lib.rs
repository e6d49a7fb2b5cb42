//! What every service shares: tenants, keys, ledger, idempotency, limits, audit, outbox, webhooks, jobs, and the
//! spine that binds them into one transaction.
//!
//! Synchronous inside a transaction, and without HTTP.
//! It does not know which services exist: they bring their commands and scopes.

pub mod audit;
pub mod ctx;
pub mod idempotency;
pub mod jobs;
pub mod keys;
pub mod ledger;
pub mod limits;
pub mod migrations;
pub mod outbox;
pub mod refusals;
pub mod secrets;
pub mod settings;
pub mod spine;
pub mod subjects;
pub mod tenancy;
pub mod usage;
pub mod webhooks;

use std::sync::Arc;

use db::Db;

pub use ctx::{Actor, Clock, Ctx, Random};
pub use secrets::Secrets;
pub use spine::{Answer, Caller, Command, Ending};

/// The kernel of one process: a database, its secrets, time and randomness. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Kernel {
    pub db: Db,
    pub secrets: Arc<Secrets>,
    pub clock: Clock,
    pub random: Random,
    pub limits: Arc<limits::Limits>,
    pub(crate) in_flight: Arc<idempotency::InFlight>,
    pub(crate) refusals: Arc<refusals::Refusals>,
    pub renderers: Arc<spine::Renderers>,
    pub forms: webhooks::Forms,
}

impl Kernel {
    /// `rate_limit`: the operator's default requests a minute per key, 0 for none.
    #[must_use]
    pub fn new(db: Db, secrets: Secrets, clock: Clock, random: Random, rate_limit: Option<u32>) -> Self {
        Self {
            db,
            secrets: Arc::new(secrets),
            limits: Arc::new(limits::Limits::new(clock.clone(), rate_limit)),
            clock,
            random,
            in_flight: Arc::default(),
            forms: webhooks::Forms::default(),
            refusals: Arc::default(),
            renderers: Arc::default(),
        }
    }

    /// Lets services give what happens to a tenant and its wallets their own form.
    #[must_use]
    pub fn with_renderers(self, renderers: spine::Renderers) -> Self {
        Self { renderers: Arc::new(renderers), ..self }
    }

    /// Lets services give their webhooks the form that they have published.
    #[must_use]
    pub fn with_forms(self, forms: webhooks::Forms) -> Self {
        Self { forms, ..self }
    }
}

/// Every statement of the kernel, for the test that prepares them on both engines.
#[must_use]
pub fn statements() -> Vec<&'static str> {
    let of_audit = audit::statements();
    [
        &of_audit,
        idempotency::STATEMENTS,
        jobs::STATEMENTS,
        keys::STATEMENTS,
        ledger::STATEMENTS,
        ledger::CHECK_STATEMENTS,
        ledger::HISTORY_STATEMENTS,
        outbox::STATEMENTS,
        spine::STATEMENTS,
        subjects::STATEMENTS,
        settings::STATEMENTS,
        tenancy::STATEMENTS,
        usage::STATEMENTS,
        &webhooks::statements(),
    ]
    .concat()
}

/// Statements that PostgreSQL alone runs.
#[must_use]
pub fn postgres_statements() -> Vec<&'static str> {
    webhooks::postgres_statements()
}
