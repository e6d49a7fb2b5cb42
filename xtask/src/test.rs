//! `cargo xtask test`: everything that a change must pass.

use std::ffi::OsStr;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::Args;
use it::Result;
use it::postgres::{self, Cluster, Durability};
use it::server::{Profile, built};
use it::settings;

use crate::{apt, labels, openapi, standard_webhooks};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Do without PostgreSQL. Without this, a run that cannot start PostgreSQL fails.
    #[arg(long)]
    sqlite_only: bool,
    /// Do without what comes from PyPI: the validator of the OpenAPI documents, the verifier of webhooks, the reader of
    /// labels.
    #[arg(long)]
    without_validator: bool,
}

/// Runs every step and stops at the first that fails.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut steps = Steps::default();
    let outcome = run_steps(options, &mut steps);
    println!("\n{}", steps.table());
    let engines = outcome?;
    println!("engines: {engines}");
    println!("all passed");
    Ok(())
}

/// Runs one command with a cluster of its own, for work on a single crate.
pub(crate) fn with_postgres(command: &[String]) -> Result<()> {
    let cluster = start_postgres()?;
    let [program, arguments @ ..] = command else { return Err("name a command to run".into()) };
    let status =
        Command::new(program).args(arguments).env(settings::POSTGRES, cluster.admin_url()).status()?;
    if status.success() { Ok(()) } else { Err(format!("{program} ended with {status}").into()) }
}

fn run_steps(options: &Options, steps: &mut Steps) -> Result<String> {
    let cluster = if options.sqlite_only { None } else { Some(steps.time("postgres", start_postgres)?) };
    steps.cargo("format", cargo(["fmt", "--all", "--", "--check"]))?;
    let lints = ["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "-D", "warnings"];
    steps.cargo("lints", cargo(lints))?;
    steps.time("deny", check_dependencies)?;
    steps.cargo("build", cargo(["build", "--locked", "--quiet", "--package", "attestry"]))?;
    if !options.without_validator {
        let count = steps.time("openapi", openapi::validate)?;
        println!("{count} documents are OpenAPI 3.1");
        let count = steps.time("webhooks, verified", standard_webhooks::verify)?;
        println!("{count} deliveries verify with the package of Standard Webhooks");
        let count = steps.time("labels, read", labels::verify)?;
        println!("rxing read {count} labels");
    }
    let template = match &cluster {
        Some(cluster) => Some(steps.time("schema", || cluster.template(&built("attestry", Profile::Debug)))?),
        None => None,
    };
    let servers = cluster.as_ref().zip(template.as_deref());
    steps.cargo("tests", tests(servers, &["--workspace"]))?;
    if servers.is_some() {
        let packages = ["--package", "db", "--package", "kernel", "--package", "it", "postgres"];
        let mut command = tests(servers, &packages);
        command.env(settings::ISOLATION, "serializable");
        steps.cargo("tests, serializable", command)?;
    }
    Ok(match &cluster {
        Some(cluster) => format!("SQLite {}, PostgreSQL {}", sqlite_version(), cluster.version()?),
        None => {
            format!("SQLite {}; PostgreSQL was left out, as asked for with --sqlite-only", sqlite_version())
        }
    })
}

/// Starts a cluster for this run only, installing PostgreSQL when it is missing and we may.
fn start_postgres() -> Result<Cluster> {
    if postgres::binaries().is_none() {
        apt::install("postgresql").map_err(|error| format!("{error}; or leave it out with --sqlite-only"))?;
    }
    Cluster::create(&std::env::temp_dir(), Durability::Unsynced)
}

/// The version that is compiled in, from the bindings that its crate was built with.
fn sqlite_version() -> String {
    let folders = fs::read_dir(built("build", Profile::Debug)).into_iter().flatten().flatten();
    let bindings = folders
        .filter(|folder| folder.file_name().to_string_lossy().starts_with("libsqlite3-sys-"))
        .filter_map(|folder| fs::read_to_string(folder.path().join("out/bindgen.rs")).ok());
    let versions = bindings.filter_map(|text| {
        let line = text.lines().find(|line| line.starts_with("pub const SQLITE_VERSION:"))?;
        Some(line.split('"').nth(1)?.to_owned())
    });
    // Folders of earlier versions may still be there.
    versions.max().unwrap_or_else(|| "of unknown version".to_owned())
}

fn check_dependencies() -> Result<()> {
    if !apt::has("cargo-deny") {
        println!("deny: SKIPPED, cargo-deny is not installed (cargo install cargo-deny)");
        return Ok(());
    }
    // It looks at the crates of every target, and a build has those of this machine alone.
    if !cargo(["fetch", "--locked", "--quiet"]).status()?.success() {
        return Err("cargo fetch failed".into());
    }
    // Without `--offline` it would fetch an index that a closed machine cannot reach.
    let mut command = cargo(["deny", "--offline", "--locked", "check", "bans", "licenses", "sources"]);
    if command.status()?.success() { Ok(()) } else { Err("cargo deny found something".into()) }
}

/// Runs tests, on PostgreSQL too where there is a cluster with a template database.
fn tests(servers: Option<(&Cluster, &str)>, packages: &[&str]) -> Command {
    let mut command = if apt::has("cargo-nextest") {
        let quiet = ["--status-level", "fail", "--no-fail-fast", "--no-tests", "pass"];
        cargo(["nextest", "run", "--locked", "--cargo-quiet"].into_iter().chain(quiet))
    } else {
        cargo(["test", "--locked", "--quiet", "--no-fail-fast", "--tests"])
    };
    command.args(packages).env(settings::BINARY, built("attestry", Profile::Debug));
    match servers {
        Some((cluster, template)) => command
            .env(settings::POSTGRES, cluster.admin_url())
            .env(settings::TEMPLATE, template)
            .env_remove(settings::SQLITE_ONLY),
        None => command.env(settings::SQLITE_ONLY, "1").env_remove(settings::POSTGRES),
    };
    command
}

fn cargo<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let program = settings::variable("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(settings::workspace()).args(arguments).stdin(Stdio::null());
    command
}

/// How long each step took, for whoever wants the run to be shorter.
#[derive(Debug, Default)]
struct Steps(Vec<(&'static str, Duration)>);

impl Steps {
    #[expect(clippy::disallowed_methods, reason = "a task measures its own steps")]
    fn time<T>(&mut self, name: &'static str, step: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("── {name}");
        let start = Instant::now();
        let outcome = step();
        self.0.push((name, start.elapsed()));
        outcome.map_err(|error| format!("{name}: {error}").into())
    }

    fn cargo(&mut self, name: &'static str, mut command: Command) -> Result<()> {
        self.time(name, || {
            if command.status()?.success() {
                return Ok(());
            }
            let words: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
            Err(format!("`cargo {}` failed", words.join(" ")).into())
        })
    }

    fn table(&self) -> String {
        let total = self.0.iter().map(|(_, time)| *time).sum();
        let lines = self.0.iter().copied().chain([("total", total)]);
        lines.map(|(name, time)| format!("{name:<20} {:>7.1} s\n", time.as_secs_f64())).collect()
    }
}
