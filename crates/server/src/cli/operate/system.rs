use serde_json::Value;

use super::{Job, get};
use crate::cli::arguments::Common;
use crate::cli::show::{Columns, fields, rows, table};

const REPORT: Columns = &[
    ("Engine", "engine"),
    ("Clock skew (ms)", "clockSkewMs"),
    ("Waiting writes", "queueDepth"),
    ("Room for", "queueMax"),
    ("Pepper version", "pepperVersion"),
];
const MIGRATIONS: Columns = &[("VERSION", "version"), ("NAME", "name"), ("APPLIED", "appliedAt")];

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  attestry doctor && echo healthy")]
pub(in crate::cli) struct Doctor {
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    attestry migrate\n  \
    attestry migrate --database postgres://attestry@db.example/attestry --data /etc/attestry")]
pub(in crate::cli) struct Migrate {
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) fn doctor() -> Job {
    Job { is_fine: |body| body["ok"] == true, ..Job::new(get("/operator/v1/doctor"), diagnosis) }
}

/// Opening the database has brought it up to date.
pub(super) fn migrate() -> Job {
    Job::new(get("/operator/v1/migrations"), |body| {
        format!("{}\n\nThe database is up to date.", table(rows(body), MIGRATIONS))
    })
}

fn diagnosis(body: &Value) -> String {
    let figures = fields(body, REPORT);
    let problems: Vec<&str> =
        body["problems"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if problems.is_empty() {
        return format!("{figures}\n\nEverything is in order.");
    }
    format!("{figures}\n\nPROBLEMS:\n  {}", problems.join("\n  "))
}
