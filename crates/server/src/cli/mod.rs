//! The command line.
//!
//! Exit codes: 0 done; 1 refused, failed, or a check found something; 2 the call or the configuration is wrong.

mod arguments;
mod connection;
mod help;
mod operate;
mod running;
mod serving;
mod show;
#[cfg(test)]
mod tests;

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use base::{Code, Fault};
use clap::{Parser, Subcommand};

use crate::app::App;
use crate::config::Layer;

pub(crate) use help::{COMMON, SERVER};
pub use running::note_running;

const EXIT_WRONG_CALL: u8 = 2;

/// Attestry: a verification platform in one binary
#[derive(Debug, Parser)]
#[command(name = "attestry", version, after_help = help::AFTER)]
struct Arguments {
    #[command(flatten)]
    layer: Layer,
    /// Configuration file in TOML
    #[arg(long, env = "ATTESTRY_CONFIG", help_heading = COMMON, hide_env_values = true, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the configuration in effect, secrets redacted, and exit
    #[arg(long, global = true, hide = true, help_heading = SERVER)]
    print_config: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve with two demo tenants, show every service once, and print lines to paste
    #[command(
        after_help = "Examples:\n  attestry dev\n  attestry dev --port 9000 --data /tmp/attestry\n  attestry dev --json"
    )]
    Dev {
        /// Print one JSON line when ready instead of the tour
        #[arg(long)]
        json: bool,
        /// Port of the public API on 127.0.0.1; 0 picks a free one
        #[arg(long, value_name = "N")]
        port: Option<u16>,
    },
    /// Serve, and do the background work
    #[command(after_help = "Examples:\n  \
        attestry serve --listen 0.0.0.0:8080\n  \
        attestry serve --no-workers --database postgres://attestry@db.example/attestry")]
    Serve {
        /// Leave the background work to `attestry worker`
        #[arg(long)]
        no_workers: bool,
    },
    /// Do the background work only, beside servers on PostgreSQL
    #[command(
        after_help = "Example:\n  attestry worker --database postgres://attestry@db.example/attestry --metrics-listen 127.0.0.1:9090"
    )]
    Worker,
    #[command(flatten)]
    Operate(operate::Operate),
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match help::parse(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    match run(arguments) {
        Ok(code) => code,
        Err(fault) => {
            report(&fault);
            if fault.code == Code::Invalid { ExitCode::from(EXIT_WRONG_CALL) } else { ExitCode::FAILURE }
        }
    }
}

fn run(arguments: Arguments) -> Result<ExitCode, Fault> {
    let file = arguments.config.as_deref().map(Layer::read).transpose()?.unwrap_or_default();
    let mut config = arguments.layer.over(file).finish()?;
    if let Command::Dev { port: Some(port), .. } = arguments.command {
        config.listen.set_port(port);
        // Two dev servers on one machine need two operator ports as well.
        config.operator_listen.set_port(0);
    }
    if arguments.print_config {
        print(config.shown().trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let level = if matches!(arguments.command, Command::Operate(_)) { "warn" } else { "info" };
    serving::start_log(config.log, level);
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| Fault::internal("a second TLS provider is in this process"))?;
    match arguments.command {
        Command::Dev { json, .. } => {
            let app = App::open(&config)?;
            runtime()?.block_on(crate::dev::run(config, app, json))?;
        }
        Command::Serve { no_workers } => {
            let app = App::open(&config)?;
            runtime()?.block_on(serving::serve(config, app, serving::background(no_workers)))?;
        }
        Command::Worker => serving::work(&config)?,
        Command::Operate(operate) => return operate::run(&config, operate),
    }
    Ok(ExitCode::SUCCESS)
}

/// One thread a core: every request is short, and what is slow runs on the database's threads.
fn runtime() -> Result<tokio::runtime::Runtime, Fault> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Fault::internal)
}

/// Whether text for a person may have colours.
#[expect(clippy::disallowed_methods, reason = "a convention of terminals, not a setting: see no-color.org")]
pub(crate) fn has_colours(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Prints a line for the person or script at the other end.
pub(crate) fn print(line: &str) {
    if let Err(error) = writeln!(io::stdout(), "{line}")
        // A reader like `head` that has seen enough is no failure.
        && error.kind() != ErrorKind::BrokenPipe
    {
        print_error(&format!("attestry: the answer could not be written: {error}"));
    }
}

#[expect(clippy::print_stderr, reason = "standard error is where a command line says what went wrong")]
fn print_error(line: &str) {
    eprintln!("{line}");
}

fn report(fault: &Fault) {
    print_error(&format!("attestry: {fault}"));
    if let Some(source) = &fault.source {
        print_error(&format!("  because: {source}"));
    }
}
