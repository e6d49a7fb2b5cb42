//! The bench of the bulk call: `POST /v1/tokens/verify`, one point an item, reconciled item by item.
//!
//! A call carries as many items as a thousand requests, so that blocking threads are cheap enough to load it with.

use std::fmt;
use std::path::PathBuf;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use hdrhistogram::Histogram;
use it::Result;
use it::client::{Client, Request};
use it::folder::Folder;
use it::postgres::{Cluster, Durability, run_sql};
use it::server::Server;
use serde_json::json;

use crate::machine;
use crate::quota::{Spent, reconcile};
use crate::subject::{self, Engine, POINTS};

const WARM_UP: Duration = Duration::from_secs(1);
/// Different requests that a connection sends in turn.
const REQUESTS: usize = 16;
/// What the contract's call is to reach on SQLite.
const RATE_MIN: f64 = 150_000.0;

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[arg(long, value_enum, default_value = "sqlite")]
    engine: Engine,
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Items of each call.
    #[arg(long, default_value_t = 1000)]
    items: usize,
    /// Measured seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    #[arg(long, default_value_t = 10_000)]
    accounts: usize,
    /// Where the data folder goes: a real disk.
    #[arg(long, default_value = "/var/tmp")]
    dir: PathBuf,
}

#[derive(Debug)]
pub(crate) struct Report {
    machine: String,
    file_system: String,
    fdatasync: Duration,
    engine: Engine,
    connections: usize,
    items: usize,
    accounts: usize,
    measured: Duration,
    outcome: Outcome,
    /// Microseconds an item.
    spent: Spent,
    idle_mb: f64,
    peak_mb: f64,
}

/// What came back over all connections.
#[derive(Debug)]
struct Outcome {
    /// Items of the whole phase that may pass, warm-up included: what the ledger must show.
    acknowledged: u64,
    /// Those of calls that were answered within the measured time.
    counted: u64,
    /// Items that may not pass.
    refused: u64,
    /// Microseconds a call.
    latency: Histogram<u64>,
}

/// Runs the load and gives the report.
///
/// # Errors
/// Something did not run, or an acknowledged item is not in the ledger, or the reverse.
pub(crate) fn run(options: &Options) -> Result<Report> {
    let file_system = machine::disk(&options.dir)?;
    let folder = Folder::within(&options.dir)?;
    let fdatasync = machine::fdatasync_median(folder.path())?;
    let cluster = match options.engine {
        Engine::Sqlite => None,
        Engine::Postgres => Some(Cluster::create(&options.dir, Durability::Synced)?),
    };
    let database = cluster.as_ref().map(Cluster::database).transpose()?;
    let server = Server::start(&subject::launch(folder.path(), database.as_ref())?)?;
    eprintln!("{}: making {} accounts …", options.engine.name(), options.accounts);
    let tokens = server.operator().seed(server.tenant(), options.accounts, POINTS, false)?.tokens;
    if let Some(database) = &database {
        run_sql(&database.url(), "VACUUM ANALYZE")?;
    }
    let (idle_mb, _) = machine::memory_mb(server.pid)?;
    eprintln!("{} connections, {} items a call …", options.connections, options.items);
    let before = subject::summary(&server)?;
    let spent = Spent::now(server.pid, cluster.as_ref())?;
    let outcome = load(options, &server, &tokens)?;
    let spent = Spent::now(server.pid, cluster.as_ref())?.since(&spent, outcome.acknowledged);
    let (_, peak_mb) = machine::memory_mb(server.pid)?;
    reconcile("bulk", outcome.acknowledged, before, subject::summary(&server)?)?;
    server.operator().ledger_check()?;
    server.terminate()?;
    drop(database);
    Ok(Report {
        machine: machine::description(),
        file_system,
        fdatasync,
        engine: options.engine,
        connections: options.connections,
        items: options.items,
        accounts: options.accounts,
        measured: Duration::from_secs(options.seconds),
        outcome,
        spent,
        idle_mb,
        peak_mb,
    })
}

fn load(options: &Options, server: &Server, tokens: &[String]) -> Result<Outcome> {
    let key = server.line["demo"]["quota"]["live"]["admin"].as_str().ok_or("no management key")?;
    let start = Barrier::new(options.connections);
    let outcomes = thread::scope(|scope| {
        let connections: Vec<_> = (0..options.connections)
            .map(|number| {
                let (start, client) = (&start, server.client());
                scope.spawn(move || {
                    connection(options, client, &requests(options, key, tokens, number), start)
                })
            })
            .collect();
        connections
            .into_iter()
            .map(|connection| connection.join().map_err(|_| "a connection panicked")?)
            .collect::<Result<Vec<Outcome>>>()
    })?;
    outcomes.iter().try_fold(Outcome::empty()?, Outcome::add)
}

/// Requests whose items are spread over all accounts, each connection's and each request's in another order.
fn requests(options: &Options, key: &str, tokens: &[String], connection: usize) -> Vec<Vec<u8>> {
    let request = |number: usize| {
        let first = (connection * REQUESTS + number) * options.items;
        let items: Vec<_> = (first..first + options.items)
            // A step that shares no factor with the usual counts visits all accounts in a scattered order.
            .map(|item| json!({ "token": tokens[item * 7919 % tokens.len()], "count": 1 }))
            .collect();
        Request::post("/v1/tokens/verify").bearer(key).json(&json!({ "items": items })).bytes("bench")
    };
    (0..REQUESTS).map(request).collect()
}

#[expect(clippy::disallowed_methods, reason = "a load generator measures time")]
fn connection(
    options: &Options,
    mut client: Client,
    requests: &[Vec<u8>],
    start: &Barrier,
) -> Result<Outcome> {
    let mut outcome = Outcome::empty()?;
    start.wait();
    let warm = Instant::now() + WARM_UP;
    let end = warm + Duration::from_secs(options.seconds);
    for request in requests.iter().cycle() {
        let sent = Instant::now();
        if sent >= end {
            break;
        }
        let answer = client.send_raw(request)?;
        let now = Instant::now();
        if answer.status != 200 {
            return Err(format!("a bulk call got {}: {}", answer.status, answer.text()).into());
        }
        let passed = memchr::memmem::find_iter(&answer.body, b"\"httpStatus\":200").count() as u64;
        outcome.acknowledged += passed;
        outcome.refused += options.items as u64 - passed;
        if sent >= warm && now < end {
            outcome.counted += passed;
            outcome.latency.saturating_record(u64::try_from((now - sent).as_micros())?.max(1));
        }
    }
    Ok(outcome)
}

impl Outcome {
    fn empty() -> Result<Self> {
        let latency = Histogram::new_with_bounds(1, 60_000_000, 3)?;
        Ok(Self { acknowledged: 0, counted: 0, refused: 0, latency })
    }

    fn add(mut self, other: &Self) -> Result<Self> {
        self.acknowledged += other.acknowledged;
        self.counted += other.counted;
        self.refused += other.refused;
        self.latency.add(&other.latency)?;
        Ok(self)
    }

    fn quantile_ms(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1000.0
    }
}

impl Report {
    fn rate(&self) -> f64 {
        self.outcome.counted as f64 / self.measured.as_secs_f64()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sync_ms = self.fdatasync.as_secs_f64() * 1000.0;
        writeln!(f, "{}, {}, `fdatasync` median {sync_ms:.2} ms\n", self.machine, self.file_system)?;
        writeln!(
            f,
            "| what | connections | items a call | accounts | verifications/s | p50 ms | p99 ms | refused | CPU µs/item | MB idle | MB peak |"
        )?;
        writeln!(f, "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: | ---: |")?;
        let Spent { server, database, client } = self.spent;
        let database = if database > 0.0 { format!("database {database:.2}, ") } else { String::new() };
        writeln!(
            f,
            "| {}: bulk | {} | {} | {} | {:.0} | {:.2} | {:.2} | {} | server {server:.2}, {database}client {client:.2} | {:.0} | {:.0} |",
            self.engine.name(),
            self.connections,
            self.items,
            self.accounts,
            self.rate(),
            self.outcome.quantile_ms(0.5),
            self.outcome.quantile_ms(0.99),
            self.outcome.refused,
            self.idle_mb,
            self.peak_mb,
        )?;
        if self.engine == Engine::Sqlite && self.rate() < RATE_MIN {
            let short = 100.0 * (1.0 - self.rate() / RATE_MIN);
            writeln!(f, "\nThe bar of {RATE_MIN:.0} verifications/s is **missed** by {short:.0} %.")?;
        }
        write!(
            f,
            "\nReconciled: {} items acknowledged, charged and off the balances.",
            self.outcome.acknowledged
        )
    }
}
