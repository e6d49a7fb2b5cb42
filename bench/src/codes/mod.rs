//! The bench of product codes: minting, exporting, verifying, and what the database keeps of it.
//!
//! Yardsticks of the same run: the server's own `/health`, two libraries that draw symbols one by one, and a mint that
//! writes a row for each code.

mod growth;
mod rows;
mod shop;
mod symbols;
mod times;
mod verify;

use std::fmt;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use it::Result;
use it::client::Request;
use it::folder::Folder;
use it::server::{Launch, Server};

use crate::machine;
use crate::subject;
use shop::Shop;

const MILLION: i64 = 1_000_000;
/// Enough for what everything here mints.
const CREDITS: i64 = 1_000_000_000;
const MINTS: usize = 15;
const MINT_MS_MAX: f64 = 20.0;
/// By how much a mint of a thousand may differ from one of a million.
const MINT_SPREAD_MAX: f64 = 0.5;
const CSV_SECONDS_MAX: f64 = 1.5;
const PDF_SECONDS_MAX: f64 = 8.0;
const GROWTH_MB_MAX: f64 = 64.0;

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Measured seconds of each phase of verification.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Only the parts whose name has this: mint, export, symbols, rows, verify, times, growth.
    #[arg(long)]
    only: Option<String>,
    /// Where the data folders go: a real disk.
    #[arg(long, default_value = "/var/tmp")]
    dir: PathBuf,
}

/// One figure and, where there is one, what it should be.
#[derive(Debug)]
struct Line {
    what: String,
    measured: String,
    wanted: Option<(String, bool)>,
}

impl Line {
    fn figure(what: impl Into<String>, measured: impl Into<String>) -> Self {
        Self { what: what.into(), measured: measured.into(), wanted: None }
    }

    fn at_most(what: impl Into<String>, measured: f64, limit: f64, unit: &str) -> Self {
        let wanted = Some((format!("≤ {limit}{unit}"), measured <= limit));
        Self { wanted, ..Self::figure(what, format!("{measured:.2}{unit}")) }
    }

    fn at_least(what: impl Into<String>, measured: f64, limit: f64, unit: &str) -> Self {
        let wanted = Some((format!("≥ {limit}{unit}"), measured >= limit));
        Self { wanted, ..Self::figure(what, format!("{measured:.2}{unit}")) }
    }
}

#[derive(Debug)]
pub(crate) struct Report {
    machine: String,
    file_system: String,
    fdatasync: Duration,
    lines: Vec<Line>,
}

/// Runs everything and gives the report.
///
/// # Errors
/// Something did not run, or an answer was not what it must be.
pub(crate) fn run(options: &Options) -> Result<Report> {
    let file_system = machine::disk(&options.dir)?;
    let folder = Folder::within(&options.dir)?;
    let fdatasync = machine::fdatasync_median(folder.path())?;
    let mut lines = Vec::new();
    type Part<'a> = (&'a str, &'a dyn Fn() -> Result<Vec<Line>>);
    let parts: [Part<'_>; 6] = [
        ("mint, export", &|| mint_and_export(options)),
        ("symbols", &|| Ok(symbols::measure())),
        ("rows", &|| rows::measure(options)),
        ("verify", &|| verify::measure(options)),
        ("times", &|| times::measure(options)),
        ("growth", &|| growth::measure(options)),
    ];
    for (name, part) in parts {
        if options.only.as_ref().is_none_or(|only| name.contains(only.as_str())) {
            eprintln!("{name} …");
            lines.extend(part()?);
        }
    }
    Ok(Report { machine: machine::description(), file_system, fdatasync, lines })
}

/// A server that may use one processor core and no more.
fn on_one_core(folder: &Folder) -> Result<Launch> {
    let wrapper = ["taskset", "-c", "0"].map(str::to_owned).to_vec();
    Ok(Launch { wrapper, ..subject::launch(folder.path(), None)? })
}

fn mint_and_export(options: &Options) -> Result<Vec<Line>> {
    let folder = Folder::within(&options.dir)?;
    let server = Server::start(&on_one_core(&folder)?)?;
    let mut shop = Shop::open(&server)?;
    let mut lines = Vec::new();
    // Not counted: the first of everything.
    for quantity in [1000, 1001, MILLION] {
        shop.mint(quantity)?;
    }
    let sizes = [(1000, 201), (1001, 202), (MILLION, 202), (10 * MILLION, 202)];
    let mut medians = Vec::new();
    for (quantity, status) in sizes {
        let mut times = Vec::with_capacity(MINTS);
        for _ in 0..MINTS {
            let (answer, time) = shop.timed_mint(quantity)?;
            if answer.status != status {
                return Err(format!("a mint of {quantity} got {}: {}", answer.status, answer.text()).into());
            }
            times.push(time);
        }
        times.sort();
        let (median, last) = (millis(times[MINTS / 2]), millis(times[MINTS - 1]));
        medians.push(median);
        let what = format!("mint of {quantity}, a {status}: median of {MINTS} (slowest {last:.2} ms)");
        lines.push(Line::at_most(what, median, MINT_MS_MAX, " ms"));
    }
    let [inline, small, large, _] = medians[..] else { return Err("not every size was minted".into()) };
    for (name, of_thousand) in [("1001, a 202", small), ("1000, a 201 that holds them", inline)] {
        let differs = (of_thousand / large - 1.0).abs();
        let what = format!("mint of {name}, against one of {MILLION}: differs by");
        lines.push(Line::at_most(what, differs, MINT_SPREAD_MAX, ""));
    }
    let batch = shop.mint(MILLION)?;
    shop.wait_until_ready()?;
    for (format, limit) in
        [("csv", Some(CSV_SECONDS_MAX)), ("ndjson", None), ("zpl", None), ("pdf", Some(PDF_SECONDS_MAX))]
    {
        lines.extend(export(&server, &shop, &batch, format, limit)?);
    }
    server.operator().ledger_check()?;
    server.terminate()?;
    Ok(lines)
}

/// The best and worst of three downloads, and how much memory the server took for them.
fn export(server: &Server, shop: &Shop, batch: &str, format: &str, limit: Option<f64>) -> Result<Vec<Line>> {
    let (before, _) = machine::memory_mb(server.pid)?;
    machine::forget_peak(server.pid)?;
    let mut times = Vec::new();
    let mut bytes = 0;
    for _ in 0..3 {
        let (time, length) = download(server, &shop.request(batch, format))?;
        times.push(time.as_secs_f64());
        bytes = length;
    }
    let (_, peak) = machine::memory_mb(server.pid)?;
    times.sort_by(f64::total_cmp);
    let size = format!("{:.0} MB", bytes as f64 / 1e6);
    let what = format!(
        "{format} of {MILLION} codes ({size}), server on one core: slowest of 3 (best {:.2} s)",
        times[0]
    );
    let time = match limit {
        Some(limit) => Line::at_most(what, times[2], limit, " s"),
        None => Line::figure(what, format!("{:.2} s", times[2])),
    };
    let what = format!("{format}: memory of the server grew by");
    Ok(vec![time, Line::at_most(what, (peak - before).max(0.0), GROWTH_MB_MAX, " MB")])
}

/// Reads a whole answer and throws it away.
#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn download(server: &Server, request: &Request) -> Result<(Duration, u64)> {
    let mut stream = server.client().connect()?;
    let mut buffer = vec![0; 1 << 20];
    let start = Instant::now();
    stream.write_all(&request.bytes("bench"))?;
    let mut head = Vec::new();
    let end = loop {
        let count = stream.read(&mut buffer)?;
        head.extend_from_slice(&buffer[..count]);
        if let Some(end) = memchr::memmem::find(&head, b"\r\n\r\n") {
            break end;
        }
    };
    let text = String::from_utf8_lossy(&head[..end]).to_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).ok_or("no length")?;
    let length: u64 = length.parse()?;
    if !text.starts_with("http/1.1 200") {
        return Err(format!("a download got {text}").into());
    }
    let mut received = (head.len() - end - 4) as u64;
    while received < length {
        match stream.read(&mut buffer)? {
            0 => return Err("a download was cut short".into()),
            count => received += count as u64,
        }
    }
    Ok((start.elapsed(), length))
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sync_ms = self.fdatasync.as_secs_f64() * 1000.0;
        writeln!(f, "{}, {}, `fdatasync` median {sync_ms:.2} ms\n", self.machine, self.file_system)?;
        write!(f, "| what | measured | wanted | |\n| --- | ---: | ---: | --- |")?;
        for Line { what, measured, wanted } in &self.lines {
            let (wanted, verdict) = match wanted {
                None => ("", ""),
                Some((wanted, true)) => (wanted.as_str(), "met"),
                Some((wanted, false)) => (wanted.as_str(), "**missed**"),
            };
            write!(f, "\n| {what} | {measured} | {wanted} | {verdict} |")?;
        }
        Ok(())
    }
}
