//! How codes counts: every batch is a row, and says what it cost. A call of the service is a mint.

mod store;

use base::id::BatchId;
use base::{Environment, Fault, Service, Timestamp};
use db::Tx;
use kernel::usage::{Source, Span, Totals};

pub(super) use store::STATEMENTS;

pub static SOURCE: Source = Source {
    service: Service::Codes,
    id_at: |moment: Timestamp| BatchId::new(moment, 0).text(),
    id_after: store::id_after,
    count: store::batches,
    total,
};

/// No account of a client stands behind a batch.
fn total(
    tx: &mut Tx<'_>,
    span: &Span<'_>,
    environment: Environment,
    subject_id: Option<&str>,
) -> Result<Vec<(String, Totals)>, Fault> {
    if subject_id.is_some() { Ok(Vec::new()) } else { store::total(tx, span, environment) }
}
