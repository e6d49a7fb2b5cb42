//! The audit log: who did what to what, with which outcome.
//!
//! Append-only rows, written only by the spine, in the transaction of the effect.
//! They are written without a number; committed rows get one later, and with it a place in [`log`].

pub mod export;
mod list;
pub mod log;
mod row;
mod store;

use aws_lc_rs::digest;
use base::id::{AuditId, TenantId};
use base::{Fault, Timestamp};
use db::Tx;

use crate::ctx::Ctx;

pub use list::{Filter, Listed, list};
pub use row::{SealedRow, erase, numbered, sealed_after};

/// Every statement of this folder.
#[must_use]
pub fn statements() -> Vec<&'static str> {
    [store::STATEMENTS, list::STATEMENTS, row::STATEMENTS, log::STATEMENTS].concat()
}

/// How an audited command ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    Done,
    /// Its rows stay, and nothing was charged.
    Recorded,
    /// Nothing of it stays but this row.
    Refused,
}

impl Outcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Recorded => "recorded",
            Self::Refused => "refused",
        }
    }
}

/// One row of the log as it is listed.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    pub id: String,
    pub at: Timestamp,
    pub actor_type: String,
    pub actor_id: String,
    pub action: String,
    pub target: String,
    pub outcome: String,
    pub request_id: String,
    pub note: Option<String>,
}

pub(crate) fn write(tx: &mut Tx<'_>, ctx: &Ctx, action: &str, outcome: Outcome) -> Result<(), Fault> {
    let hash =
        |text: &Option<String>| text.as_ref().map(|text| digest::digest(&digest::SHA256, text.as_bytes()));
    let (before, after) = (hash(&ctx.effects.before), hash(&ctx.effects.after));
    store::insert(
        tx,
        ctx,
        action,
        outcome.name(),
        before.as_ref().map(AsRef::as_ref),
        after.as_ref().map(AsRef::as_ref),
    )
}

/// The newest rows of a tenant that are older than `before`, at most `limit`.
///
/// # Errors
/// When the database fails.
pub fn newest(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    before: Option<AuditId>,
    limit: i64,
) -> Result<Vec<Entry>, Fault> {
    store::newest(tx, tenant_id, before.unwrap_or(AuditId::from_bits(u128::MAX)), limit)
}
