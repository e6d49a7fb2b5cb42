//! The bench of token verification: phases, and the reconciliation after each.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use it::Result;
use it::client::Request;
use it::folder::Folder;
use it::operator::Summary;
use it::postgres::{Cluster, Database, Durability, run_sql};
use it::server::{Launch, Server};

use crate::load::{self, Outcome, Pace, Plan, Target};
use crate::machine;
use crate::report::{Footprint, Measured, Peered, Report};
use crate::subject::{self, Engine, POINTS, Peer};

const WARM_UP: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[arg(long, value_enum, default_value = "sqlite")]
    engine: Engine,
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Measured seconds of each phase.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    #[arg(long, default_value_t = 10_000)]
    accounts: usize,
    /// All calls charge one account.
    #[arg(long)]
    hot: bool,
    /// Both engines, 64 and 256 connections, spread and hot.
    #[arg(long)]
    all: bool,
    /// Leave the naive peer out.
    #[arg(long)]
    no_peer: bool,
    /// Measure nothing but the naive peer.
    #[arg(long, conflicts_with = "no_peer")]
    only_peer: bool,
    /// Where the data folders go: a real disk.
    #[arg(long, default_value = "/var/tmp")]
    dir: PathBuf,
}

impl Options {
    fn engines(&self) -> Vec<Engine> {
        match (self.only_peer, self.all) {
            (true, _) => Vec::new(),
            (false, true) => vec![Engine::Sqlite, Engine::Postgres],
            (false, false) => vec![self.engine],
        }
    }

    fn loads(&self) -> Vec<Load> {
        if !self.all {
            return vec![Load { connections: self.connections, hot: self.hot }];
        }
        let spread = [64, 256].map(|connections| Load { connections, hot: false });
        spread.into_iter().chain(spread.map(|load| Load { hot: true, ..load })).collect()
    }

    fn plan(&self, connections: usize, pace: Pace) -> Plan {
        Plan { connections, pace, warm_up: WARM_UP, measured: Duration::from_secs(self.seconds) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    pub connections: usize,
    pub hot: bool,
}

/// Runs everything and gives the report.
///
/// # Errors
/// Something did not run, or a reconciliation failed.
pub(crate) fn run(options: &Options) -> Result<Report> {
    let kind = machine::disk(&options.dir)?;
    let folder = Folder::within(&options.dir)?;
    let fdatasync = machine::fdatasync_median(folder.path())?;
    let mut report = Report::new(machine::description(), kind, fdatasync, options.accounts);
    let needs_cluster = !options.no_peer || options.engines().contains(&Engine::Postgres);
    let cluster = if needs_cluster { Some(Cluster::create(&options.dir, Durability::Synced)?) } else { None };
    if let Some(cluster) = cluster.as_ref().filter(|_| !options.no_peer) {
        for load in options.loads() {
            report.peers.push(peer(options, cluster, load)?);
        }
    }
    for engine in options.engines() {
        let cluster = cluster.as_ref().filter(|_| engine == Engine::Postgres);
        bench_engine(options, engine, cluster, &mut report)?;
    }
    Ok(report)
}

fn peer(options: &Options, cluster: &Cluster, load: Load) -> Result<Peered> {
    let peer = Peer::start(cluster, options.accounts)?;
    let tokens = if load.hot { &peer.tokens[..1] } else { &peer.tokens[..] };
    let target = subject::verify(&peer.base_url, tokens)?;
    eprintln!("naive peer, {} connections{} …", load.connections, if load.hot { ", hot" } else { "" });
    let before = peer.summary()?;
    let spent_before = Spent::now(peer.pid(), Some(cluster))?;
    let outcome = load::run(&target, &options.plan(load.connections, Pace::Closed))?;
    let spent = Spent::now(peer.pid(), Some(cluster))?.since(&spent_before, outcome.acknowledged);
    reconcile("naive peer", outcome.acknowledged, before, peer.summary()?)?;
    Ok(Peered { load, spent, outcome })
}

fn bench_engine(
    options: &Options,
    engine: Engine,
    cluster: Option<&Cluster>,
    report: &mut Report,
) -> Result<()> {
    let folder = Folder::within(&options.dir)?;
    let database = cluster.map(Cluster::database).transpose()?;
    let launch = subject::launch(folder.path(), database.as_ref())?;
    let server = Server::start(&launch)?;
    eprintln!("{}: making {} accounts …", engine.name(), options.accounts);
    let seeded = server.operator().seed(server.tenant(), options.accounts, POINTS, false)?;
    if let Some(database) = &database {
        // What autovacuum does within a minute of such an import; the peer does the same.
        run_sql(&database.url(), "VACUUM ANALYZE")?;
    }
    let mut peak_mb = 0.0;
    for load in options.loads() {
        let tokens = if load.hot { &seeded.tokens[..1] } else { &seeded.tokens[..] };
        report.measured.push(measure(options, engine, load, &server, tokens, cluster)?);
        peak_mb = machine::memory_mb(server.pid)?.1;
    }
    server.operator().ledger_check()?;
    server.terminate()?;
    report.footprints.push(footprint(engine, &launch, &seeded.tokens[0], peak_mb)?);
    drop_in_order(folder, database);
    Ok(())
}

/// The server is gone by now; only then may its database and its folder go.
fn drop_in_order(folder: Folder, database: Option<Database>) {
    drop(database);
    drop(folder);
}

fn measure(
    options: &Options,
    engine: Engine,
    load: Load,
    server: &Server,
    tokens: &[String],
    cluster: Option<&Cluster>,
) -> Result<Measured> {
    let name =
        format!("{}, {} connections{}", engine.name(), load.connections, if load.hot { ", hot" } else { "" });
    eprintln!("{name}: /health …");
    let closed = options.plan(load.connections, Pace::Closed);
    let health = load::run(&subject::health(&server.base_url)?, &closed)?;
    let target = subject::verify(&server.base_url, tokens)?;
    eprintln!("{name}: /v1/verify …");
    let before = Spent::now(server.pid, cluster)?;
    let peak = reconciled(&name, server, &target, &closed)?;
    let spent = Spent::now(server.pid, cluster)?.since(&before, peak.acknowledged);
    eprintln!("{name}: /v1/verify at half of {:.0} a second …", peak.rate());
    let half = options.plan(load.connections, Pace::Open(peak.rate() / 2.0));
    let paced = reconciled(&name, server, &target, &half)?;
    Ok(Measured { engine, load, health, peak, paced, spent })
}

fn reconciled(name: &str, server: &Server, target: &Target, plan: &Plan) -> Result<Outcome> {
    let before = subject::summary(server)?;
    let outcome = load::run(target, plan)?;
    reconcile(name, outcome.acknowledged, before, subject::summary(server)?)?;
    Ok(outcome)
}

/// Every acknowledged call is one charge of one point, and nothing else was charged.
pub(crate) fn reconcile(name: &str, acknowledged: u64, before: Summary, after: Summary) -> Result<()> {
    let acknowledged = i64::try_from(acknowledged)?;
    let charges = after.charges - before.charges;
    let charged = after.charged - before.charged;
    let drop = before.balances - after.balances;
    if [charges, charged, drop] == [acknowledged; 3] {
        return Ok(());
    }
    Err(format!(
        "{name}: {acknowledged} answers 200, but {charges} charges of {charged} points and balances lower by {drop}"
    )
    .into())
}

/// Processor seconds of everybody who took part.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    pub server: f64,
    pub database: f64,
    pub client: f64,
}

impl Spent {
    pub(crate) fn now(server: u32, cluster: Option<&Cluster>) -> Result<Self> {
        let database = cluster.and_then(Cluster::pid).map(machine::cpu_seconds_of_family).transpose()?;
        Ok(Self {
            server: machine::cpu_seconds(server)?,
            database: database.unwrap_or(0.0),
            client: machine::cpu_seconds(std::process::id())?,
        })
    }

    /// Microseconds a request.
    pub(crate) fn since(&self, before: &Self, requests: u64) -> Self {
        let each = |now: f64, before: f64| (now - before) * 1e6 / (requests.max(1) as f64);
        Self {
            server: each(self.server, before.server),
            database: each(self.database, before.database),
            client: each(self.client, before.client),
        }
    }
}

/// Start to the first answer, and the memory of a server that has just answered it, on an existing database.
#[expect(clippy::disallowed_methods, reason = "the bench measures the start")]
fn footprint(engine: Engine, launch: &Launch, token: &str, peak_mb: f64) -> Result<Footprint> {
    let start = Instant::now();
    let server = Server::start(launch)?;
    let answer = server.client().send(&Request::post("/v1/verify?dry_run=true").bearer(token))?;
    let started = start.elapsed();
    if answer.status != 200 {
        return Err(format!("after a restart a good token gets {}: {}", answer.status, answer.text()).into());
    }
    let (idle_mb, _) = machine::memory_mb(server.pid)?;
    server.terminate()?;
    Ok(Footprint { engine, started, idle_mb, peak_mb })
}
