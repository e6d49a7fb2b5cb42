use clap::Subcommand;

use super::{Job, get};
use crate::cli::arguments::Target;
use crate::cli::show::{Columns, rows, table};

const COLUMNS: Columns = &[
    ("SEQ", "seq"),
    ("WHEN", "timestamp"),
    ("SERVICE", "service"),
    ("TYPE", "type"),
    ("ID", "id"),
    ("BODY", "body"),
];

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Verb {
    /// List what happened to a tenant, in the order of its numbers, which leave none out
    #[command(after_help = "Examples:\n  \
        attestry event list --tenant tn_01kdvdna00e008m2jtjb6jqfym\n  \
        attestry event list --tenant tn_01kdvdna00e008m2jtjb6jqfym --environment test --after 120")]
    List {
        #[command(flatten)]
        target: Target,
        /// How many at most, 1 to 1000
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        /// Go on after this number
        #[arg(long, value_name = "SEQ", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
        after: i64,
    },
}

impl Verb {
    pub(super) fn job(self) -> Job {
        let Self::List { target, limit, after } = self;
        let ask = get(format!("/operator/v1/events?{}&limit={limit}&after={after}", target.query()));
        Job::new(ask, move |body| {
            let rows = rows(body);
            let Some(last) = rows.last() else { return "There are no events after this one.".to_owned() };
            let table = table(rows, COLUMNS);
            if rows.len() < usize::try_from(limit).unwrap_or(usize::MAX) {
                return table;
            }
            format!("{table}\n\nThere may be more: go on with --after {}", last["seq"])
        })
    }
}
