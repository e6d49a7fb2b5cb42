//! Loads the real binary over real HTTP, reconciles every answer with the ledger, and compares with two yardsticks
//! of the same run: the server's own `/health`, and a naive peer on PostgreSQL.
//!
//! A missed bar is said and is no failure; an answer that the ledger does not show, or the reverse, is one.
#![expect(clippy::print_stdout, reason = "the table on standard output is what this program is for")]
#![expect(clippy::print_stderr, reason = "progress goes past the table that is kept")]
#![expect(clippy::cast_precision_loss, reason = "figures for people: 53 bits are enough")]

mod answer;
mod audit;
mod bulk;
mod codes;
mod load;
mod machine;
mod quota;
mod registry;
mod report;
mod subject;
mod webhooks;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "bench", about = "Loads the real binary over real HTTP and reconciles every answer.")]
struct Arguments {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Token verification: `POST /v1/verify`, one point a call.
    Quota(quota::Options),
    /// Token verification in bulk: `POST /v1/tokens/verify`, one point an item.
    Bulk(bulk::Options),
    /// The import of a registry beside quota traffic, and look-ups after it.
    Registry(registry::Options),
    /// The audit log: what sealing costs quota, and a long log sealed and proven in bounded memory.
    Audit(audit::Options),
    /// Product codes: minting, exporting, verifying, and what the database keeps.
    Codes(codes::Options),
    /// Webhooks: how fast they leave, and whether an endpoint that hangs makes the others wait.
    Webhooks(webhooks::Options),
}

fn main() -> ExitCode {
    if cfg!(debug_assertions) {
        eprintln!("this is a debug build, whose client is slow: cargo run --release -p bench -- …");
    }
    let report = match Arguments::parse().bench {
        Bench::Quota(options) => quota::run(&options).map(|report| report.to_string()),
        Bench::Bulk(options) => bulk::run(&options).map(|report| report.to_string()),
        Bench::Registry(options) => registry::run(&options).map(|report| report.to_string()),
        Bench::Audit(options) => audit::run(&options).map(|report| report.to_string()),
        Bench::Codes(options) => codes::run(&options).map(|report| report.to_string()),
        Bench::Webhooks(options) => webhooks::run(&options).map(|report| report.to_string()),
    };
    match report {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("FAILED: {error}");
            ExitCode::FAILURE
        }
    }
}
