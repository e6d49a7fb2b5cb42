//! The bench of the audit log: what sealing a backlog costs the quota hot path, and whether a long log is sealed,
//! exported and proven in bounded memory.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base::id::{AuditId, RequestId, TenantId};
use clap::Args;
use db::{Db, Settings, Source, args};
use it::Result;
use it::client::{Client, Request};
use it::folder::Folder;
use it::server::Server;
use it::wait::until;
use kernel::migrations::MIGRATIONS;
use kernel::{Clock, Random};

use crate::load::{self, Outcome, Pace, Plan};
use crate::machine;
use crate::quota::reconcile;
use crate::subject::{self, POINTS};

const WARM_UP: Duration = Duration::from_secs(1);
const SEALED_MAX: Duration = Duration::from_secs(3600);
/// Between two looks at the memory of the command line.
const LOOK: Duration = Duration::from_millis(20);
const LOSS_PERCENT_MAX: f64 = 3.0;
const MEMORY_MB_MAX: f64 = 300.0;
const ROWS_A_TRANSACTION: usize = 1000;

const ROW: &str = "INSERT INTO audit (tenant_id, audit_id, environment, actor_type, actor_id, action, target, outcome, request_id, before_hash, after_hash, note, at_us) \
    VALUES (?1, ?2, 'live', 'operator', 'bench', 'bench.row', 'a target', 'done', ?3, NULL, NULL, NULL, ?4)";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Rows that wait to be sealed.
    #[arg(long, default_value_t = 1_000_000)]
    rows: usize,
    #[arg(long, default_value_t = 64)]
    connections: usize,
    #[arg(long, default_value_t = 1000)]
    accounts: usize,
    /// Measured seconds without sealing, and again beside it.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Where the data folder goes: a real disk.
    #[arg(long, default_value = "/var/tmp")]
    dir: PathBuf,
}

#[derive(Debug)]
pub(crate) struct Report {
    machine: String,
    file_system: String,
    fdatasync: Duration,
    rows: usize,
    quiet: Outcome,
    beside: Outcome,
    sealed_seconds: f64,
    server_mb: f64,
    export: Ran,
    verify: Ran,
}

#[derive(Debug)]
struct Ran {
    seconds: f64,
    peak_mb: f64,
}

/// Runs everything and gives the report.
///
/// # Errors
/// Something did not run, a row was not sealed, or an export does not verify.
pub(crate) fn run(options: &Options) -> Result<Report> {
    let file_system = machine::disk(&options.dir)?;
    let folder = Folder::within(&options.dir)?;
    let fdatasync = machine::fdatasync_median(folder.path())?;
    let launch = subject::launch(folder.path(), None)?;
    let plan = Plan {
        connections: options.connections,
        pace: Pace::Closed,
        warm_up: WARM_UP,
        measured: Duration::from_secs(options.seconds),
    };
    let server = Server::start(&launch)?;
    let tenant: TenantId = server.tenant().parse().map_err(|_| "the tenant has no id")?;
    let tokens = server.operator().seed(server.tenant(), options.accounts, POINTS, false)?.tokens;
    until("the first rows sealed", SEALED_MAX, || Ok(Some(signed(&server)?.0).filter(|size| *size > 1)))?;
    eprintln!("quota alone …");
    let quiet = charge(&server, &tokens, &plan)?;
    server.terminate()?;
    eprintln!("writing {} audit rows …", options.rows);
    write_rows(&launch.data, tenant, options.rows)?;
    let server = Server::start(&launch)?;
    let start = now();
    let wanted = options.rows as u64;
    eprintln!("quota beside sealing …");
    let beside = charge(&server, &tokens, &plan)?;
    eprintln!("sealing the rest: {} of {wanted} …", signed(&server)?.0);
    let (_, key) =
        until("sealed rows", SEALED_MAX, || Ok(Some(signed(&server)?).filter(|it| it.0 > wanted)))?;
    let sealed_seconds = start.elapsed().as_secs_f64();
    eprintln!("exporting and verifying …");
    let file = folder.path().join("audit.jsonl");
    let file = file.to_string_lossy();
    let export =
        ran(&launch.binary, &["audit", "export", "--data", &launch.data.to_string_lossy(), "--file", &file])?;
    let (_, server_mb) = machine::memory_mb(server.pid)?;
    let verify = ran(&launch.binary, &["audit", "verify", &file, "--key", &key])?;
    server.terminate()?;
    let (machine, rows) = (machine::description(), options.rows);
    Ok(Report {
        machine,
        file_system,
        fdatasync,
        rows,
        quiet,
        beside,
        sealed_seconds,
        server_mb,
        export,
        verify,
    })
}

fn charge(server: &Server, tokens: &[String], plan: &Plan) -> Result<Outcome> {
    let target = subject::verify(&server.base_url, tokens)?;
    let before = subject::summary(server)?;
    let outcome = load::run(&target, plan)?;
    reconcile("quota", outcome.acknowledged, before, subject::summary(server)?)?;
    Ok(outcome)
}

/// Rows as binaries of before the log wrote them, straight into the database of a server that does not run.
fn write_rows(data: &Path, tenant_id: TenantId, rows: usize) -> Result<()> {
    let db = Db::open(Settings::new(Source::Sqlite { folder: data.to_owned() }, MIGRATIONS))
        .map_err(|fault| fault.to_string())?;
    let (clock, random) = (Clock::system(), Random::system());
    let mut left = rows;
    while left > 0 {
        let count = left.min(ROWS_A_TRANSACTION);
        let (clock, random) = (clock.clone(), random.clone());
        let write = move |tx: &mut db::Tx<'_>| {
            for _ in 0..count {
                let now = clock.now();
                let (audit_id, request_id) =
                    (AuditId::new(now, random.id_bits()), RequestId::new(now, random.id_bits()));
                tx.exec(ROW, args![tenant_id, audit_id, request_id, now])?;
            }
            Ok(())
        };
        db.write_blocking(tenant_id, write).map_err(|fault| fault.to_string())?;
        left -= count;
    }
    db.close();
    Ok(())
}

/// How many entries are signed, and the log's public key.
fn signed(server: &Server) -> Result<(u64, String)> {
    let known = Client::new(&server.base_url).send(&Request::get("/.well-known/attestry"))?.json();
    let note = known["audit"]["logs"][0]["checkpoint"].as_str().unwrap_or_default();
    let size = note.lines().nth(1).unwrap_or("0").parse()?;
    Ok((size, known["audit"]["keys"][0].as_str().unwrap_or_default().to_owned()))
}

/// Runs a command to its good end, and looks at its memory meanwhile.
fn ran(binary: &Path, words: &[&str]) -> Result<Ran> {
    let child = Command::new(binary).args(words).stdout(Stdio::null()).spawn()?;
    watched(child, words[1])
}

#[expect(
    clippy::disallowed_methods,
    reason = "the bench measures a command, and looks at its memory now and then"
)]
fn watched(mut child: Child, what: &str) -> Result<Ran> {
    let start = now();
    let mut peak_mb = 0.0;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if let Ok((_, peak)) = machine::memory_mb(child.id()) {
            peak_mb = peak;
        }
        std::thread::sleep(LOOK);
    };
    if !status.success() {
        return Err(format!("audit {what} failed").into());
    }
    Ok(Ran { seconds: start.elapsed().as_secs_f64(), peak_mb })
}

#[expect(clippy::disallowed_methods, reason = "the bench measures")]
fn now() -> Instant {
    Instant::now()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Machine: {}.", self.machine)?;
        let sync_ms = self.fdatasync.as_secs_f64() * 1000.0;
        writeln!(f, "Disk: {}, `fdatasync` median {sync_ms:.2} ms (8 kB appends).\n", self.file_system)?;
        writeln!(f, "| what | a second | p50 ms | p99 ms |\n| --- | ---: | ---: | ---: |")?;
        for (what, outcome) in [("quota alone", &self.quiet), ("quota beside sealing", &self.beside)] {
            let [p50, p99] = [0.5, 0.99].map(|quantile| outcome.quantile_ms(quantile));
            writeln!(f, "| {what} | {:.0} | {p50:.2} | {p99:.2} |", outcome.rate())?;
        }
        let rate = self.rows as f64 / self.sealed_seconds;
        writeln!(f, "\n{} rows were sealed in {:.0} s ({rate:.0}/s),", self.rows, self.sealed_seconds)?;
        writeln!(
            f,
            "exported in {:.1} s and verified in {:.1} s.",
            self.export.seconds, self.verify.seconds
        )?;
        writeln!(f, "\n| bar | measured | wanted | |\n| --- | ---: | ---: | --- |")?;
        let loss = (1.0 - self.beside.rate() / self.quiet.rate()) * 100.0;
        at_most(f, "% of quota calls lost to sealing", loss, LOSS_PERCENT_MAX)?;
        at_most(f, "MB of the server at its peak", self.server_mb, MEMORY_MB_MAX)?;
        at_most(f, "MB of `audit export` at its peak", self.export.peak_mb, MEMORY_MB_MAX)?;
        at_most(f, "MB of `audit verify` at its peak", self.verify.peak_mb, MEMORY_MB_MAX)
    }
}

fn at_most(f: &mut fmt::Formatter<'_>, what: &str, measured: f64, bar: f64) -> fmt::Result {
    let verdict = if measured <= bar { "met" } else { "**missed**" };
    writeln!(f, "| {what} | {measured:.2} | ≤ {bar:.2} | {verdict} |")
}
