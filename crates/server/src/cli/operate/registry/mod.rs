//! The registry of citizens: import, status, abort, sample.
//!
//! An import is many calls, so it is no [`Job`](super::Job): see [`import`].

mod file;
mod import;
mod progress;
mod report;
mod sample;

use std::path::PathBuf;
use std::process::ExitCode;

use base::Fault;
use clap::Subcommand;
use http::Method;
use serde_json::Value;

use super::{Job, get, text};
use crate::cli::arguments::Common;
use crate::cli::show::{Columns, fields, rows, table};
use crate::config::Config;

const LIVE: Columns = &[
    ("Live registry", "status"),
    ("Circuit", "circuit"),
    ("Answers in the last hour (%)", "lastHourSuccessRate"),
    ("Last asked", "lastCheckedAt"),
];
const COLUMNS: Columns = &[
    ("IMPORT", "import"),
    ("ENVIRONMENT", "environment"),
    ("STATE", "state"),
    ("RECORDS", "records"),
    ("REJECTED", "rejected"),
    ("BY", "begunBy"),
    ("BEGUN", "begunAt"),
    ("ACTIVE SINCE", "activatedAt"),
];

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Verb {
    /// Load a registry from a CSV file and, once it is whole, put it in the place of the one before
    #[command(
        after_help = "The file's first line names its columns: national_id,full_name,date_of_birth,status\n\
        A status is active, deceased or blocked. Lines that are wrong are left out and listed in FILE.errors.csv.\n\n\
        Examples:\n  attestry registry import citizens.csv --env live\n  \
        attestry registry import citizens.csv --env test --max-errors 0     # a rehearsal\n  \
        zcat citizens.csv.gz | attestry registry import - --env live"
    )]
    Import(Import),
    /// Show what was imported, newest first
    #[command(after_help = "Example:\n  attestry registry status")]
    Status,
    /// Give an import up that is under way; the active registry stays
    #[command(after_help = "Example:\n  attestry registry abort 7")]
    Abort {
        /// Its number: see `attestry registry status`
        import: u64,
    },
    /// Write an invented registry as CSV on standard output
    #[command(after_help = "Example:\n  attestry registry sample --rows 1000 > sample.csv")]
    Sample {
        /// How many citizens
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
        rows: u64,
        /// Another seed makes other citizens
        #[arg(long, value_name = "N", default_value_t = 1)]
        seed: u64,
    },
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Import {
    /// The CSV file; - reads standard input
    file: PathBuf,
    /// live is what live keys are answered from; test is a rehearsal that nobody reads
    #[arg(long, visible_alias = "env", value_name = "NAME", value_parser = ["test", "live"])]
    environment: String,
    /// Give up, and keep the active registry, when more lines than this are wrong
    #[arg(long, value_name = "N", default_value_t = 1000)]
    max_errors: u64,
    /// Do not rest beside a running server; else each step is followed by a rest as long as it took
    #[arg(long)]
    fast: bool,
    /// Where wrong lines are listed [default: FILE.errors.csv]
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

pub(super) fn run(config: &Config, common: &Common, verb: Verb) -> Result<ExitCode, Fault> {
    match verb {
        Verb::Import(import) => import::run(config, common, &import),
        Verb::Status => super::call(config, common, Job::new(get("/operator/v1/registry/imports"), status)),
        Verb::Abort { import } => {
            let mut ask = get(format!("/operator/v1/registry/imports/{import}"));
            ask.method = Method::DELETE;
            let job = Job::new(ask, |body| {
                format!(
                    "Import {} is given up. The active {} registry stays.",
                    body["import"],
                    text(body, "environment")
                )
            });
            super::call(config, common, job)
        }
        Verb::Sample { rows, seed } => sample::run(rows, seed).map(|()| ExitCode::SUCCESS),
    }
}

fn status(body: &Value) -> String {
    let live = fields(&body["live"], LIVE);
    let imports = match rows(body) {
        [] => "Nothing was imported yet: every live verification is answered as an outage, free of charge.\n\
               Import a registry: attestry registry import FILE --env live"
            .to_owned(),
        imports => table(imports, COLUMNS),
    };
    format!("{live}\n\n{imports}")
}
