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
    total,
};

fn count(tx: &mut Tx<'_>, span: &Span<'_>) -> Result<Vec<Count>, Fault> {
    let charges = store::charges(tx, span)?;
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

fn total(
    tx: &mut Tx<'_>,
    span: &Span<'_>,
    environment: Environment,
    account_id: Option<&str>,
) -> Result<Vec<(String, Totals)>, Fault> {
    let revenue_id = SystemAccount::Revenue.id(span.tenant_id, environment, Unit::Point);
    let totals = store::total(tx, span, revenue_id, account_id)?;
    let has_any = totals.calls > 0;
    Ok(has_any.then(|| (PASSED.to_owned(), totals)).into_iter().collect())
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
