//! The bench of the registry: an import beside quota traffic, then look-ups over HTTP, all reconciled.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use clap::Args;
use it::Result;
use it::client::Request;
use it::folder::Folder;
use it::server::Server;
use serde_json::{Value, json};

use crate::load::{self, Outcome, Pace, Plan, Target};
use crate::machine;
use crate::quota::reconcile;
use crate::subject::{self, Engine, POINTS};

const WARM_UP: Duration = Duration::from_secs(1);
/// An import that takes longer has failed.
const IMPORT_MAX: Duration = Duration::from_secs(1800);
/// Between two looks at the memory of the command line.
const LOOK: Duration = Duration::from_millis(20);
const IMPORT_SECONDS_MAX: f64 = 60.0;
const MEMORY_MB_MAX: f64 = 300.0;
/// The p99 of quota beside an import, in its p99 without one.
const P99_TIMES_MAX: f64 = 5.0;
const LOOK_UP_P99_MAX: Duration = Duration::from_millis(5);
/// The same on a slow disk, in its own `fdatasync`s.
const LOOK_UP_SYNCS_MAX: u32 = 8;

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[arg(long, default_value_t = 1_000_000)]
    rows: usize,
    /// Quota calls a second, before and beside the import.
    #[arg(long, default_value_t = 1000.0)]
    rate: f64,
    #[arg(long, default_value_t = 64)]
    connections: usize,
    #[arg(long, default_value_t = 1000)]
    accounts: usize,
    /// Measured seconds without an import, and of the look-ups.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Look-ups a second.
    #[arg(long, default_value_t = 500.0)]
    look_ups: f64,
    /// Import once more, so that the registry before is swept beside the look-ups.
    #[arg(long)]
    twice: bool,
    /// Where the data folder goes: a real disk.
    #[arg(long, default_value = "/var/tmp")]
    dir: PathBuf,
}

#[derive(Debug)]
struct Imported {
    quota: Outcome,
    seconds: f64,
    client_mb: f64,
}

#[derive(Debug)]
pub(crate) struct Report {
    machine: String,
    file_system: String,
    fdatasync: Duration,
    rows: usize,
    rate: f64,
    quiet: Outcome,
    imports: Vec<Imported>,
    idle_mb: f64,
    peak_mb: f64,
    look_ups: Outcome,
}

/// Runs everything and gives the report.
///
/// # Errors
/// Something did not run, an import lost a row, or an acknowledged call is not in the ledger.
pub(crate) fn run(options: &Options) -> Result<Report> {
    let file_system = machine::disk(&options.dir)?;
    let folder = Folder::within(&options.dir)?;
    let fdatasync = machine::fdatasync_median(folder.path())?;
    let launch = subject::launch(folder.path(), None)?;
    let file = folder.path().join("registry.csv");
    eprintln!("writing {} rows …", options.rows);
    write_sample(&launch.binary, options.rows, &file)?;
    let numbers = numbers(&file)?;
    let server = Server::start(&launch)?;
    eprintln!("{}: making {} accounts …", Engine::Sqlite.name(), options.accounts);
    let tokens = server.operator().seed(server.tenant(), options.accounts, POINTS, false)?.tokens;
    let target = subject::verify(&server.base_url, &tokens)?;
    let (idle_mb, _) = machine::memory_mb(server.pid)?;
    eprintln!("quota alone, {} calls a second …", options.rate);
    let plan = |seconds: u64, rate: f64| Plan {
        connections: options.connections,
        pace: Pace::Open(rate),
        warm_up: WARM_UP,
        measured: Duration::from_secs(seconds),
    };
    let quiet = reconciled(&server, || load::run(&target, &plan(options.seconds, options.rate)))?;
    let mut imports = Vec::new();
    for _ in 0..if options.twice { 2 } else { 1 } {
        eprintln!("the same beside an import of {} rows …", options.rows);
        let plan = Plan { warm_up: Duration::ZERO, ..plan(IMPORT_MAX.as_secs(), options.rate) };
        let import = Import::start(&launch.binary, &launch.data, &file)?;
        let is_running = || !import.is_over.load(Ordering::SeqCst);
        let quota = reconciled(&server, || load::run_while(&target, &plan, is_running))?;
        imports.push(import.end(quota, options.rows)?);
    }
    let (_, peak_mb) = machine::memory_mb(server.pid)?;
    eprintln!("{} look-ups a second …", options.look_ups);
    let look_ups = look_up(&server, &numbers, &plan(options.seconds, options.look_ups))?;
    server.operator().ledger_check()?;
    server.terminate()?;
    let (machine, rows, rate) = (machine::description(), options.rows, options.rate);
    Ok(Report { machine, file_system, fdatasync, rows, rate, quiet, imports, idle_mb, peak_mb, look_ups })
}

fn write_sample(binary: &Path, rows: usize, file: &Path) -> Result<()> {
    let mut command = Command::new(binary);
    command.args(["registry", "sample", "--rows", &rows.to_string()]).stdout(File::create(file)?);
    if command.status()?.success() { Ok(()) } else { Err("no sample was written".into()) }
}

/// Numbers of the file, at most a hundred thousand of them from all over it.
fn numbers(file: &Path) -> Result<Vec<String>> {
    const NUMBERS_MAX: usize = 100_000;
    let text = fs::read_to_string(file)?;
    let rows: Vec<&str> = text.lines().skip(1).filter_map(|row| row.get(..11)).collect();
    let step = rows.len().div_ceil(NUMBERS_MAX).max(1);
    Ok(rows.into_iter().step_by(step).map(str::to_owned).collect())
}

fn reconciled(server: &Server, phase: impl FnOnce() -> Result<Outcome>) -> Result<Outcome> {
    let before = subject::summary(server)?;
    let outcome = phase()?;
    reconcile("quota", outcome.acknowledged, before, subject::summary(server)?)?;
    Ok(outcome)
}

/// The command line's import, as an operator runs it, and a thread that watches it.
struct Import {
    is_over: Arc<AtomicBool>,
    watcher: JoinHandle<std::result::Result<Watched, String>>,
}

struct Watched {
    seconds: f64,
    client_mb: f64,
    output: String,
}

impl Import {
    fn start(binary: &Path, data: &Path, file: &Path) -> Result<Self> {
        let mut command = Command::new(binary);
        command.args(["registry", "import", "--env", "live", "--json", "--data"]).arg(data).arg(file);
        let child = command.stdout(Stdio::piped()).spawn()?;
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let watcher = std::thread::Builder::new().name("import".into()).spawn(move || {
            let watched = watch(child);
            over.store(true, Ordering::SeqCst);
            watched.map_err(|error| error.to_string())
        })?;
        Ok(Self { is_over, watcher })
    }

    fn end(self, quota: Outcome, rows: usize) -> Result<Imported> {
        let watched = self.watcher.join().map_err(|_| "the watcher panicked")??;
        let said: Value = serde_json::from_str(&watched.output)?;
        if said["records"] != json!(rows) {
            return Err(format!("{rows} rows were sent, and the import says {said}").into());
        }
        Ok(Imported { quota, seconds: watched.seconds, client_mb: watched.client_mb })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the bench measures the import, and looks at its memory now and then"
)]
fn watch(mut child: Child) -> Result<Watched> {
    let started = Instant::now();
    let mut client_mb = 0.0;
    while child.try_wait()?.is_none() {
        if let Ok((_, peak_mb)) = machine::memory_mb(child.id()) {
            client_mb = peak_mb;
        }
        std::thread::sleep(LOOK);
    }
    let seconds = started.elapsed().as_secs_f64();
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err("the import failed".into());
    }
    Ok(Watched { seconds, client_mb, output: String::from_utf8(output.stdout)? })
}

/// Verifications of a live key, each of another number: none is answered from what was bought before.
fn look_up(server: &Server, numbers: &[String], plan: &Plan) -> Result<Outcome> {
    let mut operator = server.operator();
    let body = json!({ "tenantId": server.tenant(), "environment": "live", "service": "citizen" });
    let key = operator.post("/operator/v1/keys", &body)?["secret"].as_str().ok_or("no secret")?.to_owned();
    let first = numbers.first().ok_or("no numbers")?;
    let body = json!({ "nationalId": first, "maxAgeSeconds": 0 });
    let request = Request::post("/api/v1/verify/citizen").bearer(&key).json(&body).bytes("bench");
    let position = memchr::memmem::find(&request, first.as_bytes()).ok_or("the request lacks its number")?;
    let address = subject::verify(&server.base_url, &[key])?.address;
    load::run(&Target { address, request, tokens: Some((position, numbers.to_vec())) }, plan)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Machine: {}.", self.machine)?;
        let sync_ms = self.fdatasync.as_secs_f64() * 1000.0;
        writeln!(f, "Disk: {}, `fdatasync` median {sync_ms:.2} ms (8 kB appends).\n", self.file_system)?;
        writeln!(f, "| what | a second | p50 ms | p99 ms | p99.9 ms | not 200 |")?;
        writeln!(f, "| --- | ---: | ---: | ---: | ---: | ---: |")?;
        line(f, "quota alone", &self.quiet)?;
        for Imported { quota, .. } in &self.imports {
            line(f, &format!("quota beside an import of {} rows", self.rows), quota)?;
        }
        line(f, "look-ups after it", &self.look_ups)?;
        self.bars(f)?;
        write!(
            f,
            "\nQuota calls were sent at {} a second, an open loop. Reconciled: every row is a record, every quota call a charge.",
            self.rate
        )
    }
}

impl Report {
    fn bars(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n| bar | measured | wanted | |\n| --- | ---: | ---: | --- |")?;
        for Imported { quota, seconds, client_mb } in &self.imports {
            let rate = self.rows as f64 / seconds;
            let scaled = IMPORT_SECONDS_MAX * self.rows as f64 / 1e6;
            at_most(f, &format!("seconds of the import ({rate:.0} rows/s)"), *seconds, scaled)?;
            let times = quota.quantile_ms(0.99) / self.quiet.quantile_ms(0.99);
            at_most(f, "p99 of quota beside it, × quiet", times, P99_TIMES_MAX)?;
            at_most(f, "MB of the command line at its peak", *client_mb, MEMORY_MB_MAX)?;
        }
        let name = format!("MB of the server at its peak ({:.0} before)", self.idle_mb);
        at_most(f, &name, self.peak_mb, MEMORY_MB_MAX)?;
        let p99_max = LOOK_UP_P99_MAX.max(self.fdatasync * LOOK_UP_SYNCS_MAX).as_secs_f64() * 1000.0;
        at_most(f, "p99 of a look-up, ms", self.look_ups.quantile_ms(0.99), p99_max)
    }
}

fn line(f: &mut fmt::Formatter<'_>, what: &str, outcome: &Outcome) -> fmt::Result {
    let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|quantile| outcome.quantile_ms(quantile));
    let (rate, refused) = (outcome.rate(), outcome.refused);
    writeln!(f, "| {what} | {rate:.0} | {p50:.2} | {p99:.2} | {p999:.2} | {refused} |")
}

fn at_most(f: &mut fmt::Formatter<'_>, what: &str, measured: f64, bar: f64) -> fmt::Result {
    let verdict = if measured <= bar {
        "met".to_owned()
    } else {
        format!("**missed** by {:.0} %", (measured - bar) / bar * 100.0)
    };
    writeln!(f, "| {what} | {measured:.2} | ≤ {bar:.2} | {verdict} |")
}
