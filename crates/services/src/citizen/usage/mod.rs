//! How citizen counts: every verification is a row, its result is the outcome, and it says what it cost. A request
//! that was refused, or replayed under its Idempotency-Key, left none.

mod store;

use base::{Environment, Fault, Service, Timestamp};
use db::Tx;
use kernel::usage::{Source, Span, Totals};

use super::model::VerificationId;

pub(super) use store::STATEMENTS;

pub static SOURCE: Source = Source {
    service: Service::Citizen,
    id_at: |moment: Timestamp| VerificationId::new(moment, 0).text(),
    id_after: store::id_after,
    count: store::verifications,
    total,
};

/// No account of a client stands behind a verification.
fn total(
    tx: &mut Tx<'_>,
    span: &Span<'_>,
    environment: Environment,
    subject_id: Option<&str>,
) -> Result<Vec<(String, Totals)>, Fault> {
    if subject_id.is_some() { Ok(Vec::new()) } else { store::total(tx, span, environment) }
}
