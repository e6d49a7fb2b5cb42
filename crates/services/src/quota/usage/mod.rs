//! How quota counts: a call that passed and was charged is one transfer of points. A call that was refused, a dry run
//! and a repeated call leave no transfer, and are in no figure.

mod store;

use base::id::{AccountId, TenantId, TransferId};
use base::{Environment, Fault, Service, Timestamp};
use db::Tx;
use kernel::ledger::{SystemAccount, Unit};
use kernel::usage::{Count, HOUR_US, Source, Span, Totals};

pub(super) use store::STATEMENTS;

/// The one outcome that quota keeps.
const PASSED: &str = "passed";

pub static SOURCE: Source = Source {
    service: Service::Quota,
    id_at: |moment: Timestamp| TransferId::new(moment, 0).text(),
    id_after: store::id_after,
    count,
};

fn count(tx: &mut Tx<'_>, span: &Span<'_>, account_id: Option<&str>) -> Result<Vec<Count>, Fault> {
    let charges = store::charges(tx, span, account_id)?;
    charges
        .into_iter()
        .map(|charges| {
            Ok(Count {
                environment: environment(span.tenant_id, charges.revenue_id)?,
                subject_id: charges.account_id,
                hour: Timestamp::from_micros(charges.hour * HOUR_US),
                outcome: PASSED.to_owned(),
                totals: Totals { calls: charges.calls, credits: 0, points: charges.points },
            })
        })
        .collect()
}

/// Where a charge went says in which environment it was.
fn environment(tenant_id: TenantId, revenue_id: AccountId) -> Result<Environment, Fault> {
    let is_its = |environment: &&Environment| {
        SystemAccount::Revenue.id(tenant_id, **environment, Unit::Point) == revenue_id
    };
    let found = Environment::ALL.iter().find(is_its).copied();
    found.ok_or_else(|| {
        Fault::internal(format!("{revenue_id} took a charge and is no revenue of {tenant_id}"))
    })
}
