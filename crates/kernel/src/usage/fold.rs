use std::collections::BTreeMap;

use base::id::TenantId;
use base::{Environment, Fault, Timestamp};
use db::Tx;

use super::{Count, SETTLE_SECONDS, Source, Span, Totals, store};

/// Rows that are counted in one read: what they add up to is held in memory, at most so many sums.
const BATCH_ROWS_MAX: i64 = 250_000;

/// How far the rows of a service are in the sums.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Mark {
    pub(super) folded_to: String,
    /// Empty unless a batch is half written.
    pub(super) batch_to: String,
    /// The last subject of that batch that was written.
    pub(super) batch_subject: String,
}

impl Mark {
    /// Rows of this subject are in the sums if their ids are below it. Empty: those of the whole tenant.
    pub(super) fn of(&self, subject_id: &str) -> &str {
        let is_ahead = !subject_id.is_empty() && subject_id <= self.batch_subject.as_str();
        if is_ahead { &self.batch_to } else { &self.folded_to }
    }
}

/// Rows that were counted and are to be written. Reading and writing are apart, so that no writer waits for the count.
#[derive(Clone, Debug)]
pub struct Batch {
    tenant_id: TenantId,
    source: &'static Source,
    before: Mark,
    to: String,
    /// Sums of subjects, in the order of these.
    of_subjects: Vec<Count>,
    of_tenant: Vec<Count>,
}

/// What one transaction writes of a batch.
#[derive(Clone, Debug)]
pub struct Step {
    tenant_id: TenantId,
    source: &'static Source,
    before: Mark,
    after: Mark,
    counts: Vec<Count>,
}

/// Whether there is anything to fold.
///
/// # Errors
/// A database failure.
pub fn is_due(tx: &mut Tx<'_>, tenant_id: TenantId, source: &Source, now: Timestamp) -> Result<bool, Fault> {
    let mark = store::find_mark(tx, tenant_id, source.service)?.unwrap_or_default();
    let to = settled(source, now);
    Ok(!mark.batch_to.is_empty()
        || (source.id_after)(tx, &Span { tenant_id, from: &mark.folded_to, to: &to }, 0)?.is_some())
}

/// Counts the next rows, or again those of a batch that was left half written.
/// After `now` was taken, and before this is read, an empty transaction must have been written: then SQLite's writer has
/// ended every transaction that took an earlier time.
///
/// # Errors
/// A database failure.
pub fn plan(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    source: &'static Source,
    now: Timestamp,
) -> Result<Option<Batch>, Fault> {
    let before = store::find_mark(tx, tenant_id, source.service)?.unwrap_or_default();
    let to = if before.batch_to.is_empty() {
        let settled = settled(source, now);
        let span = Span { tenant_id, from: &before.folded_to, to: &settled };
        if (source.id_after)(tx, &span, 0)?.is_none() {
            return Ok(None);
        }
        (source.id_after)(tx, &span, BATCH_ROWS_MAX)?.unwrap_or(settled)
    } else {
        before.batch_to.clone()
    };
    let span = Span { tenant_id, from: &before.folded_to, to: &to };
    let mut counts = (source.count)(tx, &span)?;
    let of_tenant = whole(&counts);
    counts.retain(|count| !count.subject_id.is_empty());
    counts.sort_unstable_by(|one, other| one.subject_id.cmp(&other.subject_id));
    Ok(Some(Batch { tenant_id, source, before, to, of_subjects: counts, of_tenant }))
}

fn settled(source: &Source, now: Timestamp) -> String {
    (source.id_at)(now.plus_seconds(-SETTLE_SECONDS))
}

impl Batch {
    /// The transactions that write it, in order, each with about `rows` sums: those of one subject stay together.
    /// The sums of the whole tenant come with the last one.
    #[must_use]
    pub fn steps(&self, rows: usize) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut before = self.before.clone();
        let mut rest = self.left();
        while let Some(length) = cut(rest, rows) {
            let (counts, others) = rest.split_at(length);
            let batch_subject = counts[length - 1].subject_id.clone();
            let after = Mark { batch_to: self.to.clone(), batch_subject, ..before.clone() };
            steps.push(self.step(before, after.clone(), counts.to_vec()));
            (before, rest) = (after, others);
        }
        let after = Mark { folded_to: self.to.clone(), ..Mark::default() };
        let counts = [rest, &self.of_tenant].concat();
        steps.push(self.step(before, after, counts));
        steps
    }

    /// The sums of subjects that are not written yet.
    fn left(&self) -> &[Count] {
        let is_written = |count: &Count| count.subject_id <= self.before.batch_subject;
        &self.of_subjects[self.of_subjects.partition_point(is_written)..]
    }

    fn step(&self, before: Mark, after: Mark, counts: Vec<Count>) -> Step {
        Step { tenant_id: self.tenant_id, source: self.source, before, after, counts }
    }
}

/// How many sums the next step takes, if it is not the last one.
fn cut(counts: &[Count], rows: usize) -> Option<usize> {
    let last = &counts.get(rows.max(1) - 1)?.subject_id;
    let length = counts.partition_point(|count| count.subject_id <= *last);
    (length < counts.len()).then_some(length)
}

/// The sums of all subjects together, and of what a service counts without one.
pub(super) fn whole(counts: &[Count]) -> Vec<Count> {
    let mut sums: BTreeMap<_, (Environment, Totals)> = BTreeMap::new();
    for count in counts {
        let place = (count.environment.name(), count.hour, &count.outcome);
        let (_, totals) = sums.entry(place).or_insert((count.environment, Totals::default()));
        totals.add(count.totals);
    }
    let whole = sums.into_iter().map(|((_, hour, outcome), (environment, totals))| Count {
        subject_id: String::new(),
        environment,
        hour,
        outcome: outcome.clone(),
        totals,
    });
    whole.collect()
}

/// Writes a step. `false`: another node was here since the batch was counted, and nothing was written.
///
/// # Errors
/// A database failure: nothing was written, or the outcome of the COMMIT is unknown and the next plan will tell.
pub fn apply(tx: &mut Tx<'_>, step: &Step, now: Timestamp) -> Result<bool, Fault> {
    let (tenant_id, service) = (step.tenant_id, step.source.service);
    if store::lock_mark(tx, tenant_id, service, now)? != step.before {
        return Ok(false);
    }
    for count in &step.counts {
        store::add(tx, tenant_id, service, count)?;
    }
    store::set_mark(tx, tenant_id, service, &step.after, now)?;
    Ok(true)
}
