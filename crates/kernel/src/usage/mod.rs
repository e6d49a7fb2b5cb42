//! Usage: how often each service was called, by hour, derived from the rows that its calls leave.
//!
//! No call writes a figure. A worker folds rows that are old enough into hours; who asks gets the folded hours and a
//! count of the rows since, so that a call shows in the figures as soon as it was answered.
//! Tables: `usage_hour`, the sums; `usage_fold`, how far each service of a tenant was folded.
//!
//! Invariants: a row is in the sums exactly when its id is below the mark, because sums and mark commit together, and
//! the mark moves only from where the fold found it: two nodes that fold at once, or one that crashed, count nothing
//! twice. The mark stays [`SETTLE_SECONDS`] behind the clock, so that no row appears below it any more.
//! A fold may be deleted and made anew: `usage_hour` holds nothing that the rows do not.
//!
//! The kernel does not know the services: each brings its [`Source`].

mod fold;
mod range;
mod read;
mod rebuild;
mod store;

use base::id::TenantId;
use base::{Environment, Fault, Service, Timestamp};
use db::Tx;

pub use fold::{Batch, Step, apply, is_due, plan};
pub use range::{Bucket, Range};
pub use read::{Figure, Wanted, read};
pub use rebuild::{Difference, Recount, recount, replace};
pub use store::STATEMENTS;

/// How long a row may take from its id's time until it can be seen. On PostgreSQL no transaction is committed that began
/// [`db::WRITE_TIME_MAX`] ago, 25 seconds; one that falls silent is ended after 30, and a statement, COMMIT among them,
/// after 30: 85 in all. The rest is for clocks that differ, by a second where `doctor` is content.
/// On SQLite there is one writer, and who folds lets it end what it had begun: see [`plan`].
/// Should a row take longer all the same, [`recount`] finds it.
pub const SETTLE_SECONDS: i64 = 120;
pub const HOUR_US: i64 = 3_600_000_000;

/// How the rows of one service are counted.
#[derive(Debug)]
pub struct Source {
    pub service: Service,
    /// The smallest id that a row of this moment may have. Ids sort by the time under which a row is counted.
    pub id_at: fn(Timestamp) -> String,
    /// The id of the row that stands so many rows after the first one of a span, if there are as many.
    pub id_after: fn(&mut Tx<'_>, &Span<'_>, i64) -> Result<Option<String>, Fault>,
    /// All rows of a span, added up.
    pub count: fn(&mut Tx<'_>, &Span<'_>) -> Result<Vec<Count>, Fault>,
    /// The rows of a span, which lies within an hour, in one environment, added up by their outcome.
    pub total: Total,
}

/// Those of one subject, if one is named.
pub type Total =
    fn(&mut Tx<'_>, &Span<'_>, Environment, Option<&str>) -> Result<Vec<(String, Totals)>, Fault>;

/// Rows of a tenant whose ids are at least `from` and below `to`.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    pub tenant_id: TenantId,
    pub from: &'a str,
    pub to: &'a str,
}

/// Rows that are alike, added up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Count {
    /// The account that called; empty where a service has none.
    pub subject_id: String,
    pub environment: Environment,
    /// The beginning of the hour.
    pub hour: Timestamp,
    /// What came of the calls, as it is shown.
    pub outcome: String,
    pub totals: Totals,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    pub calls: i64,
    /// Of the tenant's wallet.
    pub credits: i64,
    /// Of accounts of the tenant's clients.
    pub points: i64,
}

impl Totals {
    fn add(&mut self, more: Self) {
        self.calls = self.calls.saturating_add(more.calls);
        self.credits = self.credits.saturating_add(more.credits);
        self.points = self.points.saturating_add(more.points);
    }
}
