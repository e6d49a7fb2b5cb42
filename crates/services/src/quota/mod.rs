//! quota: token verification and metering, the hottest path of the platform.
//!
//! A tenant's clients have accounts of points; tokens belong to accounts and spend from them.
//! States of a token: live → expiring (rotated) → revoked; expiry is a date of its own.
//! States of an account: open ⇄ banned, which is a frozen ledger account.
//! Tables: `quota_account`, `quota_token`, `credential` (look-up), and the ledger's own.
//! Prices: nothing in credits; a verification costs its account `count × points_per_call` points.
//!
//! `POST /v1/verify` does not run through the spine: [`flush`] gathers calls and commits them together, with the
//! same locks in the same order. The transfer is the record; no audit row is written for it.
//! `POST /v1/tokens/verify`, the same for many tokens at once, joins the same flushes.
//!
//! Absent on purpose: any cache of balances or of revocation. What is cached is immutable.

pub mod api;
pub mod command;
mod flush;
mod index;
pub mod model;
mod store;
pub mod usage;
pub mod webhook;

use std::sync::Arc;

use kernel::Kernel;

pub use flush::Flusher;

/// The scopes a management key may hold.
pub const SCOPES: &[&str] = &["accounts:read", "accounts:write", "tokens:read", "tokens:write", VERIFY_SCOPE];

/// What the bulk call asks a management key for.
const VERIFY_SCOPE: &str = "tokens:verify";

/// What the handlers of this service share. One pointer, because every request clones it.
#[derive(Clone, Debug)]
pub struct Quota(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    kernel: Kernel,
    index: index::Index,
}

impl Quota {
    #[must_use]
    pub fn new(kernel: &Kernel) -> Self {
        let index = index::Index::new(Flusher::new(kernel.clone()));
        Self(Arc::new(Shared { kernel: kernel.clone(), index }))
    }

    fn kernel(&self) -> &Kernel {
        &self.0.kernel
    }

    fn index(&self) -> &index::Index {
        &self.0.index
    }
}

pub(crate) fn statements() -> Vec<&'static str> {
    [store::account::STATEMENTS, store::token::STATEMENTS, flush::STATEMENTS, usage::STATEMENTS].concat()
}

pub(crate) fn postgres_statements() -> Vec<&'static str> {
    [store::token::POSTGRES_STATEMENTS, flush::POSTGRES_STATEMENTS].concat()
}

pub(crate) fn sqlite_statements() -> Vec<&'static str> {
    flush::SQLITE_STATEMENTS.to_vec()
}
