use std::collections::BTreeMap;

use base::id::TenantId;
use base::{Code, Environment, Fault, Service, Timestamp};
use db::Tx;

use super::{HOUR_US, Range, Source, Span, Totals, store};

/// Rows that are counted for one answer, beside the sums.
const TAIL_ROWS_MAX: i64 = 3_000_000;

/// Whose figures of which time.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub tenant_id: TenantId,
    pub environment: Environment,
    /// An account, or `None` for the whole tenant.
    pub subject_id: Option<String>,
    pub range: Range,
}

/// What came of the calls of one service in one bucket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Figure {
    /// The beginning of the bucket.
    pub start: Timestamp,
    pub service: Service,
    pub outcome: String,
    pub totals: Totals,
}

/// The figures of these services, oldest first: the folded hours, and the rows that are not folded yet.
///
/// # Errors
/// [`Code::Unavailable`] while more rows wait to be folded than one answer may count; a database failure.
pub fn read(tx: &mut Tx<'_>, sources: &[&Source], wanted: &Wanted) -> Result<Vec<Figure>, Fault> {
    let mut figures = Vec::new();
    for source in sources {
        figures.extend(of_service(tx, source, wanted)?);
    }
    figures.sort_by(|one, other| {
        let place = |figure: &Figure| (figure.start, figure.service.name());
        place(one).cmp(&place(other)).then_with(|| one.outcome.cmp(&other.outcome))
    });
    Ok(figures)
}

fn of_service(tx: &mut Tx<'_>, source: &Source, wanted: &Wanted) -> Result<Vec<Figure>, Fault> {
    let Wanted { tenant_id, environment, range, .. } = *wanted;
    let subject_id = wanted.subject_id.as_deref().unwrap_or_default();
    let place = store::Place {
        tenant_id,
        environment,
        service: source.service,
        subject_id,
        from_us: range.from.micros(),
        to_us: range.to.micros(),
        bucket_us: range.bucket.micros(),
    };
    // A read sees one state of the database, so mark and sums belong together.
    let mark = store::find_mark(tx, tenant_id, source.service)?.unwrap_or_default();
    let mut figures: BTreeMap<(i64, String), Totals> = BTreeMap::new();
    for (start_us, outcome, totals) in store::sums(tx, &place)? {
        figures.entry((start_us, outcome)).or_default().add(totals);
    }
    for (hour, outcome, totals) in tail(tx, source, wanted, mark.of(subject_id))? {
        let start_us = hour.micros() / place.bucket_us * place.bucket_us;
        figures.entry((start_us, outcome)).or_default().add(totals);
    }
    let figures = figures.into_iter().map(|((start_us, outcome), totals)| Figure {
        start: Timestamp::from_micros(start_us),
        service: source.service,
        outcome,
        totals,
    });
    Ok(figures.collect())
}

/// The rows of the wanted time that are not in the sums: their hour, outcome and sums.
///
/// Hour by hour: to add up the rows of one hour, no engine has to sort them.
fn tail(
    tx: &mut Tx<'_>,
    source: &Source,
    wanted: &Wanted,
    folded_to: &str,
) -> Result<Vec<(Timestamp, String, Totals)>, Fault> {
    let Wanted { tenant_id, environment, range, .. } = *wanted;
    let subject_id = wanted.subject_id.as_deref();
    let to = (source.id_at)(range.to);
    let mut from = (source.id_at)(range.from).max(folded_to.to_owned());
    let mut hour = range.from;
    let mut found = Vec::new();
    if (source.id_after)(tx, &Span { tenant_id, from: &from, to: &to }, TAIL_ROWS_MAX)?.is_some() {
        return Err(Fault::new(
            Code::Unavailable,
            "So many calls are not summed up yet that they cannot be counted here. Try again in a few minutes.",
        ));
    }
    while let Some(first) = (source.id_after)(tx, &Span { tenant_id, from: &from, to: &to }, 0)? {
        let mut next = hour.plus_micros(HOUR_US);
        while (source.id_at)(next) <= first {
            (hour, next) = (next, next.plus_micros(HOUR_US));
        }
        let end = (source.id_at)(next);
        let totals = (source.total)(tx, &Span { tenant_id, from: &from, to: &end }, environment, subject_id)?;
        found.extend(totals.into_iter().map(|(outcome, totals)| (hour, outcome, totals)));
        (from, hour) = (end, next);
    }
    Ok(found)
}
