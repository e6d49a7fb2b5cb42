//! The tasks of the repository. `cargo xtask test` runs everything that a change must pass.
#![expect(clippy::print_stdout, reason = "these tasks talk to a person at a terminal or to a CI log")]

mod apt;
mod browser;
mod crash;
mod labels;
mod openapi;
mod standard_webhooks;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "The tasks of the repository.")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Format, lints, and all tests, on SQLite and on a private PostgreSQL.
    Test(test::Options),
    /// Kill the real server under load, again and again, and reconcile what it acknowledged.
    Crash(crash::Options),
    /// Open the shopper's page of product codes in a real Chromium, and check it.
    Browser(browser::Options),
    /// The receiver of webhooks that `crash` kills.
    #[command(hide = true)]
    Receiver(crash::ReceiverOptions),
    /// Run a command with a private PostgreSQL: `cargo xtask postgres cargo nextest run -p db`.
    Postgres {
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Test(options) => test::run(&options),
        Task::Crash(options) => crash::run(&options),
        Task::Browser(options) => browser::run(&options),
        Task::Receiver(options) => crash::receive(&options),
        Task::Postgres { command } => test::with_postgres(&command),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("\nFAILED: {error}");
            ExitCode::FAILURE
        }
    }
}
