//! One import from the first line to the active registry: begin, append, merge, finish.
//!
//! Each step has a number, and the server answers a repeated one as it did, so a lost answer is asked for again.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use base::{Code, Fault};
use bytes::Bytes;
use http::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use services::citizen::registry::imported::{Appended, ImportView, Merged};
use tokio::runtime::Runtime;

use super::file::{self, Rows};
use super::progress::Progress;
use super::report::Report;
use super::{Import, get};
use crate::cli::arguments::Common;
use crate::cli::connection::Connection;
use crate::cli::{print, print_error, runtime, show};
use crate::client::{Answer, Ask};
use crate::config::Config;

const TRIES_MAX: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

pub(super) fn run(config: &Config, common: &Common, import: &Import) -> Result<ExitCode, Fault> {
    let mut report = Report::new(report_path(import))?;
    let rows = file::open(&import.file)?;
    let runtime = runtime()?;
    let connection = Connection::open(config, &runtime)?;
    let mut load = Load {
        runtime: &runtime,
        connection: &connection,
        operator: common.operator.as_deref(),
        import: 0,
        max_errors: import.max_errors,
        rests: connection.is_shared() && !import.fast,
        report: &mut report,
        progress: Progress::new(common.json),
    };
    let loaded = load.whole(rows, &import.environment);
    load.progress.end();
    connection.close();
    show(common, &loaded?, &report);
    Ok(ExitCode::SUCCESS)
}

fn report_path(import: &Import) -> PathBuf {
    let beside = |file: &Path| {
        let mut name = if file == Path::new("-") { "stdin".into() } else { file.as_os_str().to_owned() };
        name.push(".errors.csv");
        name.into()
    };
    import.report.clone().unwrap_or_else(|| beside(&import.file))
}

fn show(common: &Common, loaded: &ImportView, report: &Report) {
    if common.json {
        let path = report.path().map(|path| path.display().to_string());
        let view = json!({
            "import": loaded.import, "environment": loaded.environment, "state": loaded.state,
            "records": loaded.records, "rejected": report.lines, "report": path,
        });
        return print(&view.to_string());
    }
    let rejected = match report.path() {
        Some(path) => format!("{} lines rejected, listed in {}", report.lines, path.display()),
        None => "no line rejected".to_owned(),
    };
    print(&format!(
        "Import {} is the {} registry now: {} records, {rejected}.",
        loaded.import, loaded.environment, loaded.records
    ));
    if loaded.environment == "test" {
        print("It is a rehearsal: test keys are answered by the sandbox and never by a registry.");
    }
}

struct Load<'a> {
    runtime: &'a Runtime,
    connection: &'a Connection,
    operator: Option<&'a str>,
    import: i64,
    max_errors: u64,
    /// Whether requests of others have the server to themselves half of the time.
    rests: bool,
    report: &'a mut Report,
    progress: Progress,
}

impl Load<'_> {
    fn whole(&mut self, rows: Rows, environment: &str) -> Result<ImportView, Fault> {
        // Sent once: if its answer is lost, a second one would meet the import of the first.
        let begin = Ask::post("/operator/v1/registry/imports", "", json!({ "environment": environment }));
        let begun: ImportView = read(self.once(begin)?)?;
        self.import = begun.import;
        let loaded = self.steps(rows);
        if loaded.is_err() {
            self.give_up();
        }
        loaded
    }

    fn steps(&mut self, mut rows: Rows) -> Result<ImportView, Fault> {
        self.append_all(&mut rows)?;
        self.merge_all()?;
        self.post(self.path("/finish"), json!({}))
    }

    fn append_all(&mut self, rows: &mut Rows) -> Result<(), Fault> {
        self.progress.begin_reading(rows.bytes);
        let (mut part, mut accepted) = (0, 0);
        while let Some(read) = rows.next()? {
            self.reject(&read.rejected)?;
            let appended: Appended =
                self.send(&upload(self.path(&format!("/rows?part={part}")), &read.csv))?;
            accepted += u64::try_from(appended.accepted).unwrap_or_default();
            self.reject(&appended.rejected)?;
            self.progress.read(read.bytes_read, accepted, self.report.lines);
            part = appended.next_part;
        }
        Ok(())
    }

    fn merge_all(&mut self) -> Result<(), Fault> {
        let (mut bucket, mut records) = (0, 0);
        loop {
            let merged: Merged = self.post(self.path("/merge"), json!({ "bucket": bucket }))?;
            if bucket == 0 {
                self.progress.begin_writing(u64::try_from(merged.buckets).unwrap_or_default());
            }
            records += u64::try_from(merged.records).unwrap_or_default();
            self.reject(&merged.rejected)?;
            self.progress.written(u64::try_from(merged.next_bucket).unwrap_or_default(), records);
            bucket = merged.next_bucket;
            if bucket == merged.buckets {
                return Ok(());
            }
        }
    }

    fn reject(&mut self, rejected: &[services::citizen::registry::imported::Rejection]) -> Result<(), Fault> {
        self.report.add(rejected)?;
        if self.report.lines <= self.max_errors {
            return Ok(());
        }
        let listed =
            self.report.path().map_or_else(String::new, |path| format!(", listed in {}", path.display()));
        Err(Fault::conflict(format!(
            "More than {} lines are wrong{listed}. The import is given up and the active registry stays. \
             Correct the file, or let more pass with --max-errors N.",
            self.max_errors
        )))
    }

    fn give_up(&self) {
        let mut ask = get(self.path(""));
        ask.method = Method::DELETE;
        if let Err(fault) = self.once(ask) {
            print_error(&format!(
                "attestry: import {0} could not be given up: {fault} Do it later: attestry registry abort {0}",
                self.import
            ));
        }
    }

    fn path(&self, rest: &str) -> String {
        format!("/operator/v1/registry/imports/{}{rest}", self.import)
    }

    fn post<T: DeserializeOwned>(&self, path: String, body: Value) -> Result<T, Fault> {
        self.send(&Ask::post(path, "", body))
    }

    /// Sends a step until it is answered: a server that restarts or is full is asked again.
    #[expect(clippy::disallowed_methods, reason = "it rests for as long as it kept the server busy")]
    fn send<T: DeserializeOwned>(&self, ask: &Ask) -> Result<T, Fault> {
        let mut tries = 1;
        loop {
            let begun = Instant::now();
            match self.once(ask.clone()) {
                Ok(answer) => {
                    if self.rests {
                        self.runtime.block_on(pause(begun.elapsed().min(PAUSE)));
                    }
                    return read(answer);
                }
                Err(fault) if fault.code == Code::Unavailable && tries < TRIES_MAX => {
                    tries += 1;
                    self.runtime.block_on(pause(PAUSE));
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    fn once(&self, mut ask: Ask) -> Result<Answer, Fault> {
        if let Some(operator) = self.operator {
            ask.headers.push(("x-operator", operator.to_owned()));
        }
        let answer = self.runtime.block_on(self.connection.send(ask))?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        let code = if answer.status.as_u16() == 503 { Code::Unavailable } else { Code::Conflict };
        Err(Fault::new(code, show::refusal(&answer)))
    }
}

fn read<T: DeserializeOwned>(answer: Answer) -> Result<T, Fault> {
    serde_json::from_value(answer.body).map_err(Fault::internal)
}

fn upload(path: String, csv: &Bytes) -> Ask {
    Ask { method: Method::POST, csv: Some(csv.clone()), ..Ask::get(path, "") }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a server gives no sign when it is back, or has nothing else to do"
)]
async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}
