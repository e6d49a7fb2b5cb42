//! How citizen counts: every verification is a row, its result is the outcome, and it says what it cost. A request
//! that was refused, or replayed under its Idempotency-Key, left none.

mod store;

use base::{Fault, Service, Timestamp};
use db::Tx;
use kernel::usage::{Count, Source, Span};

use super::model::VerificationId;

pub(super) use store::STATEMENTS;

pub static SOURCE: Source = Source {
    service: Service::Citizen,
    id_at: |moment: Timestamp| VerificationId::new(moment, 0).text(),
    id_after: store::id_after,
    count,
};

/// No account of a client stands behind a verification.
fn count(tx: &mut Tx<'_>, span: &Span<'_>, subject_id: Option<&str>) -> Result<Vec<Count>, Fault> {
    if subject_id.is_some() {
        return Ok(Vec::new());
    }
    store::verifications(tx, span)
}
