//! The report: figures, and each ratio against its bar, in Markdown.

use std::fmt;
use std::time::Duration;

use crate::load::Outcome;
use crate::quota::{Load, Spent};
use crate::subject::Engine;

const IDLE_MB_MAX: f64 = 64.0;
const PEAK_MB_MAX: f64 = 200.0;
const START_MAX: Duration = Duration::from_millis(500);
const P99_MAX: Duration = Duration::from_millis(10);
/// The bar for p99 on a slow disk, in its own `fdatasync`s.
const P99_SYNCS_MAX: u32 = 8;

/// One load on one engine.
#[derive(Debug)]
pub(crate) struct Measured {
    pub engine: Engine,
    pub load: Load,
    pub health: Outcome,
    pub peak: Outcome,
    pub paced: Outcome,
    /// Microseconds a request at the peak.
    pub spent: Spent,
}

/// One load on the naive peer.
#[derive(Debug)]
pub(crate) struct Peered {
    pub load: Load,
    pub outcome: Outcome,
    /// Microseconds a request.
    pub spent: Spent,
}

#[derive(Debug)]
pub(crate) struct Footprint {
    pub engine: Engine,
    pub started: Duration,
    pub idle_mb: f64,
    pub peak_mb: f64,
}

#[derive(Debug)]
pub(crate) struct Report {
    machine: String,
    file_system: String,
    fdatasync: Duration,
    accounts: usize,
    pub measured: Vec<Measured>,
    pub peers: Vec<Peered>,
    pub footprints: Vec<Footprint>,
}

impl Report {
    pub(crate) fn new(machine: String, file_system: String, fdatasync: Duration, accounts: usize) -> Self {
        Self {
            machine,
            file_system,
            fdatasync,
            accounts,
            measured: Vec::new(),
            peers: Vec::new(),
            footprints: Vec::new(),
        }
    }

    fn accounts(&self, load: Load) -> usize {
        if load.hot { 1 } else { self.accounts }
    }

    fn peer(&self, load: Load) -> Option<&Peered> {
        self.peers.iter().find(|peer| peer.load == load)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Machine: {}.", self.machine)?;
        let sync_ms = milliseconds(self.fdatasync);
        writeln!(f, "Disk: {}, `fdatasync` median {sync_ms:.2} ms (8 kB appends).\n", self.file_system)?;
        self.figures(f)?;
        self.bars(f)?;
        writeln!(f, "\nReconciled: every answer 200 is one charge in the ledger and one point off a balance.")
    }
}

impl Report {
    fn figures(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| what | connections | accounts | requests/s | p50 ms | p99 ms | p99.9 ms | not 200 | CPU µs/request |"
        )?;
        writeln!(f, "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |")?;
        for Measured { engine, load, health, peak, paced, spent } in &self.measured {
            let name = engine.name();
            self.line(f, &format!("{name}: `/health`"), *load, health, "")?;
            self.line(f, &format!("{name}: verify"), *load, peak, &cpu(spent))?;
            self.line(f, &format!("{name}: verify at half the peak"), *load, paced, "")?;
        }
        for Peered { load, outcome, spent } in &self.peers {
            self.line(f, "naive peer", *load, outcome, &cpu(spent))?;
        }
        writeln!(f)
    }

    fn line(
        &self,
        f: &mut fmt::Formatter<'_>,
        what: &str,
        load: Load,
        outcome: &Outcome,
        cpu: &str,
    ) -> fmt::Result {
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|quantile| outcome.quantile_ms(quantile));
        let (connections, accounts) = (load.connections, self.accounts(load));
        let (rate, refused) = (outcome.rate(), outcome.refused);
        writeln!(
            f,
            "| {what} | {connections} | {accounts} | {rate:.0} | {p50:.2} | {p99:.2} | {p999:.2} | {refused} | {cpu} |"
        )
    }

    fn bars(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| bar | measured | wanted | |\n| --- | ---: | ---: | --- |")?;
        for measured in &self.measured {
            self.bars_of_load(f, measured)?;
        }
        for footprint in &self.footprints {
            bars_of_footprint(f, footprint)?;
        }
        Ok(())
    }

    fn bars_of_load(&self, f: &mut fmt::Formatter<'_>, measured: &Measured) -> fmt::Result {
        let Measured { engine, load, health, peak, paced, .. } = measured;
        let name =
            format!("{}, {} connections, {} accounts", engine.name(), load.connections, self.accounts(*load));
        if let Some(bar) = of_health_min(*engine, *load) {
            at_least(f, &format!("{name}: × `/health`"), peak.rate() / health.rate(), bar)?;
        }
        if let Some(peer) = self.peer(*load) {
            let ratio = peak.rate() / peer.outcome.rate();
            at_least(f, &format!("{name}: × naive peer"), ratio, of_peer_min(*engine, *load))?;
        }
        let p99_max = milliseconds(P99_MAX.max(self.fdatasync * P99_SYNCS_MAX));
        at_most(f, &format!("{name}: p99 at half the peak, ms"), paced.quantile_ms(0.99), p99_max)
    }
}

fn cpu(spent: &Spent) -> String {
    let Spent { server, database, client } = spent;
    let database = if *database > 0.0 { format!(", database {database:.1}") } else { String::new() };
    format!("server {server:.1}{database}, client {client:.1}")
}

fn bars_of_footprint(f: &mut fmt::Formatter<'_>, footprint: &Footprint) -> fmt::Result {
    let name = footprint.engine.name();
    at_most(f, &format!("{name}: MB idle"), footprint.idle_mb, IDLE_MB_MAX)?;
    at_most(f, &format!("{name}: MB at the peak"), footprint.peak_mb, PEAK_MB_MAX)?;
    let start = milliseconds(footprint.started);
    at_most(f, &format!("{name}: start to first answer, ms"), start, milliseconds(START_MAX))
}

/// The share of the HTTP ceiling that is wanted; only SQLite runs in the same process.
fn of_health_min(engine: Engine, load: Load) -> Option<f64> {
    match (engine, load.hot, load.connections > 64) {
        (Engine::Postgres, ..) => None,
        (Engine::Sqlite, false, false) => Some(0.4),
        (Engine::Sqlite, false, true) | (Engine::Sqlite, true, false) => Some(0.5),
        (Engine::Sqlite, true, true) => Some(0.55),
    }
}

fn of_peer_min(engine: Engine, load: Load) -> f64 {
    match (engine, load.hot) {
        (Engine::Sqlite, false) => 5.0,
        (Engine::Sqlite, true) => 25.0,
        (Engine::Postgres, false) => 2.5,
        (Engine::Postgres, true) => 12.0,
    }
}

fn at_least(f: &mut fmt::Formatter<'_>, what: &str, measured: f64, bar: f64) -> fmt::Result {
    let verdict = verdict(measured >= bar, (bar - measured) / bar);
    writeln!(f, "| {what} | {measured:.2} | ≥ {bar} | {verdict} |")
}

fn at_most(f: &mut fmt::Formatter<'_>, what: &str, measured: f64, bar: f64) -> fmt::Result {
    let verdict = verdict(measured <= bar, (measured - bar) / bar);
    writeln!(f, "| {what} | {measured:.2} | ≤ {bar:.0} | {verdict} |")
}

fn verdict(met: bool, missed_by: f64) -> String {
    if met { "met".to_owned() } else { format!("**missed** by {:.0} %", missed_by * 100.0) }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
