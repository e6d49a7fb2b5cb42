//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use base::Fault;
use clap::{Parser, Subcommand};

use crate::app::App;
use crate::config::{Config, Layer, LogFormat};
use crate::listen::{self, Listeners};

mod operate;
mod running;

pub use running::note_running;

/// A verification platform in one binary.
#[derive(Debug, Parser)]
#[command(name = "attestry", version, propagate_version = true)]
struct Arguments {
    #[command(flatten)]
    layer: Layer,
    /// Configuration file in TOML
    #[arg(long, env = "ATTESTRY_CONFIG", global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the configuration in effect, secrets redacted, and exit
    #[arg(long, global = true)]
    print_config: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve with two demo tenants, show every service once, and print lines to paste
    Dev {
        /// Print one JSON line when ready instead of the tour
        #[arg(long)]
        json: bool,
        /// Port of the public API on 127.0.0.1; 0 picks a free one
        #[arg(long, value_name = "N")]
        port: Option<u16>,
    },
    /// Serve
    Serve,
    #[command(flatten)]
    Operate(operate::Operate),
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(code) => code,
        Err(fault) => {
            report(&fault);
            ExitCode::FAILURE
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
    start_log(config.log);
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| Fault::internal("a second TLS provider is in this process"))?;
    match arguments.command {
        Command::Dev { json, .. } => {
            let app = App::open(&config)?;
            runtime()?.block_on(crate::dev::run(config, app, json))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Serve => {
            let app = App::open(&config)?;
            runtime()?.block_on(serve(config, app))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Operate(operate) => operate::run(&config, operate),
    }
}

async fn serve(config: Config, app: App) -> Result<(), Fault> {
    let metrics = listen::install_metrics()?;
    let listeners = Listeners::open(&config).await?;
    let operator = listeners.operator.local_addr().map_err(Fault::internal)?;
    note_running(&config, &operator.to_string())?;
    tracing::info!(listen = %config.listen, %operator, engine = app.kernel.db.engine().name(), "serving");
    let stop = listen::stop_signal()?;
    listen::run(app, listeners, metrics, stop).await;
    Ok(())
}

/// One thread a core: every request is short, and what is slow runs on the database's threads.
fn runtime() -> Result<tokio::runtime::Runtime, Fault> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Fault::internal)
}

fn start_log(form: LogFormat) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("ATTESTRY_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match form {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}

/// Prints a line for the person or script at the other end.
#[expect(clippy::print_stdout, reason = "standard output is the command line's answer")]
pub(crate) fn print(line: &str) {
    println!("{line}");
}

#[expect(clippy::print_stderr, reason = "standard error is where a command line says what went wrong")]
fn report(fault: &Fault) {
    eprintln!("attestry: {fault}");
    if let Some(source) = &fault.source {
        eprintln!("  because: {source}");
    }
}
