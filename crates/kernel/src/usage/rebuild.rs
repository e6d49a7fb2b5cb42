use std::collections::BTreeMap;

use base::id::TenantId;
use base::{Environment, Fault, Service, Timestamp};
use db::Tx;

use super::fold::{Mark, whole};
use super::{Count, HOUR_US, Source, Span, Totals, store};

/// A sum of a whole tenant that is not what its rows add up to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    pub service: Service,
    pub environment: Environment,
    pub hour: Timestamp,
    pub outcome: String,
    pub summed: Totals,
    pub counted: Totals,
}

/// An hour whose sums are wrong, and what they should be.
#[derive(Clone, Debug)]
pub struct Recount {
    source: &'static Source,
    mark: Mark,
    hour: Timestamp,
    counts: Vec<Count>,
    pub differences: Vec<Difference>,
}

/// Counts the rows of an hour that the sums should hold. `None`: they do.
///
/// # Errors
/// [`base::Code::Unavailable`] while a batch is half written; a database failure.
pub fn recount(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    source: &'static Source,
    hour: Timestamp,
) -> Result<Option<Recount>, Fault> {
    let mark = store::find_mark(tx, tenant_id, source.service)?.unwrap_or_default();
    if !mark.batch_to.is_empty() {
        return Err(busy());
    }
    let from = (source.id_at)(hour);
    let to = (source.id_at)(hour.plus_micros(HOUR_US)).min(mark.folded_to.clone());
    let mut counts =
        if from < to { (source.count)(tx, &Span { tenant_id, from: &from, to: &to })? } else { Vec::new() };
    let of_tenant = whole(&counts);
    let mut differences = Vec::new();
    for &environment in Environment::ALL {
        let counted = of_tenant.iter().filter(|count| count.environment == environment);
        let counted: BTreeMap<String, Totals> =
            counted.map(|count| (count.outcome.clone(), count.totals)).collect();
        let summed = store::sums_of_hour(tx, tenant_id, environment, source.service, hour)?;
        let mut outcomes: Vec<&String> = counted.keys().chain(summed.keys()).collect();
        outcomes.sort_unstable();
        outcomes.dedup();
        for outcome in outcomes {
            let of = |sums: &BTreeMap<String, Totals>| sums.get(outcome).copied().unwrap_or_default();
            let (summed, counted) = (of(&summed), of(&counted));
            if summed != counted {
                let (service, outcome) = (source.service, outcome.clone());
                differences.push(Difference { service, environment, hour, outcome, summed, counted });
            }
        }
    }
    if differences.is_empty() {
        return Ok(None);
    }
    counts.retain(|count| !count.subject_id.is_empty());
    counts.extend(of_tenant);
    Ok(Some(Recount { source, mark, hour, counts, differences }))
}

impl Recount {
    #[must_use]
    pub const fn service(&self) -> Service {
        self.source.service
    }

    #[must_use]
    pub const fn hour(&self) -> Timestamp {
        self.hour
    }
}

/// Puts what was counted in the place of the hour's sums, those of each subject included.
///
/// # Errors
/// [`base::Code::Unavailable`] when a fold went on since the rows were counted; a database failure.
pub fn replace(tx: &mut Tx<'_>, tenant_id: TenantId, recount: &Recount, now: Timestamp) -> Result<(), Fault> {
    let service = recount.source.service;
    if store::lock_mark(tx, tenant_id, service, now)? != recount.mark {
        return Err(busy());
    }
    for &environment in Environment::ALL {
        store::forget_hour(tx, tenant_id, environment, service, recount.hour)?;
    }
    recount.counts.iter().try_for_each(|count| store::add(tx, tenant_id, service, count))
}

fn busy() -> Fault {
    Fault::unavailable(
        "Usage is being summed up just now, and nothing was changed in this hour. Please repeat the call.",
    )
    .retry_after(1)
}
