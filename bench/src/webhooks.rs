//! The bench of webhooks: how fast they leave, and whether an endpoint that hangs makes the others wait.
//!
//! An event is what an account that cannot pay tells once, so each event is known by its account.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;
use hdrhistogram::Histogram;
use it::Result;
use it::client::{Client, Request};
use it::folder::Folder;
use it::postgres::{Cluster, Durability};
use it::receiver::{self, Delivery};
use it::server::Server;
use it::wait;
use serde_json::{Value, json};

use crate::machine;
use crate::subject::{self, Engine};

/// What one endpoint is to be sent on SQLite.
const RATE_MIN: f64 = 1500.0;
/// The p99 of the others' delays beside one endpoint that hangs, in their p99 without it.
const P99_TIMES_MAX: f64 = 2.0;
const ITEMS: usize = 1000;
const ARRIVED_LIMIT: Duration = Duration::from_secs(300);
/// The endpoint that hangs.
const HANGING: &str = "/0";

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[arg(long, value_enum, default_value = "sqlite")]
    engine: Engine,
    /// Events to one endpoint, as fast as they go.
    #[arg(long, default_value_t = 20_000)]
    events: usize,
    #[arg(long, default_value_t = 50)]
    endpoints: usize,
    /// Events a second to all endpoints.
    #[arg(long, default_value_t = 10)]
    rate: u32,
    /// Seconds with all endpoints well, and again with one that hangs.
    #[arg(long, default_value_t = 30)]
    seconds: u32,
    /// Where the data folder goes: a real disk.
    #[arg(long, default_value = "/var/tmp")]
    dir: PathBuf,
}

#[derive(Debug)]
pub(crate) struct Report {
    machine: String,
    file_system: String,
    fdatasync: Duration,
    options: String,
    engine: Engine,
    rate: f64,
    /// Microseconds from the answer of the call that told to the arrival.
    well: Histogram<u64>,
    beside: Histogram<u64>,
    peak_mb: f64,
}

/// Runs everything and gives the report.
///
/// # Errors
/// Something did not run, or an event did not arrive.
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
    let inbox = Arc::new(Inbox::default());
    let serving = Arc::clone(&inbox);
    let base = format!("http://{}", receiver::listen(0, move |delivery| serving.take(delivery))?);

    subscribe(&server, &base, 0..1)?;
    eprintln!("{}: {} events to one endpoint …", options.engine.name(), options.events);
    let rate = burst(&server, &inbox, options.events)?;
    subscribe(&server, &base, 1..options.endpoints)?;
    eprintln!("{} events a second to {} endpoints …", options.rate, options.endpoints);
    let well = stream(&server, &inbox, options)?;
    eprintln!("the same while one hangs …");
    inbox.hangs.store(true, Ordering::SeqCst);
    let beside = stream(&server, &inbox, options)?;
    let (_, peak_mb) = machine::memory_mb(server.pid)?;
    server.kill()?;
    Ok(Report {
        machine: machine::description(),
        file_system,
        fdatasync,
        options: format!("{} events a second to {} endpoints", options.rate, options.endpoints),
        engine: options.engine,
        rate,
        well,
        beside,
        peak_mb,
    })
}

/// When each account's event arrived, by endpoint.
#[derive(Default)]
struct Inbox {
    arrived: Mutex<HashMap<(String, String), Instant>>,
    hangs: AtomicBool,
}

impl Inbox {
    #[expect(clippy::disallowed_methods, reason = "a bench measures when what arrives")]
    fn take(&self, delivery: &Delivery) -> u16 {
        let now = Instant::now();
        while delivery.path == HANGING && self.hangs.load(Ordering::SeqCst) {
            std::thread::park();
        }
        let body: Value = serde_json::from_slice(&delivery.body).unwrap_or_default();
        let Some(account) = body["data"]["accountId"].as_str() else { return 400 };
        self.lock().entry((delivery.path.clone(), account.to_owned())).or_insert(now);
        200
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, String), Instant>> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn subscribe(server: &Server, base: &str, numbers: std::ops::Range<usize>) -> Result<()> {
    let key = server.line["demo"]["platform"]["live"].as_str().ok_or("no platform key")?;
    let mut client = server.client();
    for number in numbers {
        let body =
            json!({ "url": format!("{base}/{number}"), "service": "quota", "events": ["balance.exhausted"] });
        let request = Request::post("/platform/v1/webhooks").bearer(key).json(&body);
        let answer = client.send(&request.header("Idempotency-Key", &format!("bench-endpoint-{number}")))?;
        if answer.status != 201 {
            return Err(format!("no endpoint: {}", answer.text()).into());
        }
    }
    Ok(())
}

/// Makes these accounts tell that they cannot pay: one event each.
fn exhaust(server: &Server, client: &mut Client, tokens: &[String]) -> Result<()> {
    let key = server.line["demo"]["quota"]["live"]["admin"].as_str().ok_or("no management key")?;
    for tokens in tokens.chunks(ITEMS) {
        let items: Vec<Value> = tokens.iter().map(|token| json!({ "token": token })).collect();
        let request = Request::post("/v1/tokens/verify").bearer(key).json(&json!({ "items": items }));
        let answer = client.send(&request)?;
        if answer.status != 200 {
            return Err(format!("a bulk call got {}: {}", answer.status, answer.text()).into());
        }
    }
    Ok(())
}

/// Deliveries a second, from the first arrival to the last.
fn burst(server: &Server, inbox: &Inbox, events: usize) -> Result<f64> {
    let seeded = server.operator().seed(server.tenant(), events, 0, false)?;
    exhaust(server, &mut server.client(), &seeded.tokens)?;
    wait::until("all events to arrive", ARRIVED_LIMIT, || Ok((inbox.lock().len() >= events).then_some(())))?;
    let arrived = inbox.lock();
    let first = arrived.values().min().ok_or("nothing arrived")?;
    let last = arrived.values().max().ok_or("nothing arrived")?;
    Ok((arrived.len() - 1) as f64 / (*last - *first).as_secs_f64())
}

/// One event after the other at a steady rate. The delays of all endpoints but the one that may hang.
#[expect(clippy::disallowed_methods, reason = "an open loop keeps its pace, and measures delays")]
fn stream(server: &Server, inbox: &Inbox, options: &Options) -> Result<Histogram<u64>> {
    let events = (options.rate * options.seconds) as usize;
    let seeded = server.operator().seed(server.tenant(), events, 0, false)?;
    inbox.lock().clear();
    let mut client = server.client();
    let start = Instant::now();
    let mut told = Vec::with_capacity(events);
    for (number, (token, account)) in (0..).zip(seeded.tokens.iter().zip(&seeded.account_ids)) {
        let due = start + Duration::from_secs(1) * number / options.rate;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        exhaust(server, &mut client, std::slice::from_ref(token))?;
        told.push((account.clone(), Instant::now()));
    }
    let wanted = events * (options.endpoints - 1);
    let others = |(path, _): &(String, String)| path != HANGING;
    wait::until("all events to arrive", ARRIVED_LIMIT, || {
        Ok((inbox.lock().keys().filter(|key| others(key)).count() >= wanted).then_some(()))
    })?;
    let told: HashMap<String, Instant> = told.into_iter().collect();
    let mut delays = Histogram::new_with_bounds(1, 600_000_000, 3)?;
    for (key, at) in inbox.lock().iter().filter(|(key, _)| others(key)) {
        if let Some(told) = told.get(&key.1) {
            let delay = at.saturating_duration_since(*told).as_micros();
            delays.saturating_record(u64::try_from(delay)?.max(1));
        }
    }
    Ok(delays)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sync_ms = self.fdatasync.as_secs_f64() * 1000.0;
        writeln!(f, "{}, {}, `fdatasync` median {sync_ms:.2} ms\n", self.machine, self.file_system)?;
        writeln!(f, "{}: {:.0} deliveries/s to one endpoint.\n", self.engine.name(), self.rate)?;
        writeln!(f, "| {} | deliveries | p50 ms | p99 ms | p99.9 ms |", self.options)?;
        writeln!(f, "| --- | ---: | ---: | ---: | ---: |")?;
        for (what, delays) in [("all well", &self.well), ("the others, while one hangs", &self.beside)] {
            let [p50, p99, p999] =
                [0.5, 0.99, 0.999].map(|quantile| delays.value_at_quantile(quantile) as f64 / 1000.0);
            writeln!(f, "| {what} | {} | {p50:.2} | {p99:.2} | {p999:.2} |", delays.len())?;
        }
        let [well, beside] = [&self.well, &self.beside].map(|delays| delays.value_at_quantile(0.99) as f64);
        let times = beside / well;
        let judge = |is_met| if is_met { "met" } else { "**missed**" };
        writeln!(f, "\n| bar | measured | wanted | |\n| --- | ---: | ---: | --- |")?;
        if self.engine == Engine::Sqlite {
            let verdict = judge(self.rate >= RATE_MIN);
            writeln!(f, "| deliveries/s | {:.0} | ≥ {RATE_MIN:.0} | {verdict} |", self.rate)?;
        }
        let verdict = judge(times <= P99_TIMES_MAX);
        writeln!(f, "| p99 beside one that hangs, × | {times:.2} | ≤ {P99_TIMES_MAX:.1} | {verdict} |")?;
        write!(f, "\nEvery event arrived at every endpoint that answers; {:.0} MB at the peak.", self.peak_mb)
    }
}
