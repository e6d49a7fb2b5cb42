//! Whether printed sheets of labels hold every code of a batch, once and legible.

mod report;

use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base::Fault;
use base::id::BatchId;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use vision::sheet::{self, Findings, Page, Sheet, Spot};

use super::{Part, post};
use crate::cli::arguments::{Common, Target, id};
use crate::cli::connection::Connection;
use crate::cli::{print, print_error, runtime, show};
use crate::client::Answer;
use crate::config::Config;
use report::{Batch, Code, Illegible, Report};

/// The server takes a thousand.
const TOKENS_A_CALL: usize = 500;
const BAR: &str = "{bar:30} page {pos} of {len}  {msg}  {elapsed}, {eta} left";

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Proof {
    /// The sheets: PDF, PNG, JPEG or WebP
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    target: Target,
    /// The batch that was printed [default: the one of the first code that is read]
    #[arg(long, value_name = "BATCH", value_parser = id::<BatchId>)]
    batch: Option<BatchId>,
    #[command(flatten)]
    part: Part,
}

impl Proof {
    /// Exit code 1 if a code is missing, is there twice, cannot be read or is no code of the batch.
    pub(super) fn run(&self, config: &Config, common: &Common) -> Result<ExitCode, Fault> {
        let read = self.read(common)?;
        let runtime = runtime()?;
        let connection = Connection::open(config, &runtime)?;
        let report = runtime.block_on(self.report(&connection, read));
        connection.close();
        let report = match report? {
            Ok(report) => report,
            Err(refusal) => {
                print_error(&format!("attestry: {}", show::refusal(&refusal)));
                return Ok(ExitCode::FAILURE);
            }
        };
        print(&if common.json { report.to_json().to_string() } else { report.to_string() });
        Ok(if report.is_fine() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// All that is on all pages. One page is in memory at a time.
    fn read(&self, common: &Common) -> Result<Read, Fault> {
        let sheets = self.files.iter().map(|file| open(file)).collect::<Result<Vec<_>, _>>()?;
        let pages = sheets.iter().map(Sheet::pages).sum();
        let bar = bar(common.json, pages);
        let mut read = Read { pages, ..Read::default() };
        for (file, sheet) in self.files.iter().zip(&sheets) {
            for index in 0..sheet.pages() {
                read.page(&Place { file: file.display().to_string(), page: index + 1 }, sheet.page(index));
                bar.set_message(format!("{} codes", read.codes.len()));
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        Ok(read)
    }

    async fn report(&self, connection: &Connection, read: Read) -> Result<Result<Report, Answer>, Fault> {
        let Read { pages, codes, illegible } = read;
        let mut found = Vec::with_capacity(codes.len());
        for codes in codes.chunks(TOKENS_A_CALL) {
            let tokens: Vec<&str> = codes.iter().map(|(text, _)| token(text)).collect();
            let said = [
                ("tenantId", json!(self.target.tenant)),
                ("environment", json!(self.target.environment)),
                ("tokens", json!(tokens)),
            ];
            let answer = connection.send(post("/operator/v1/codes/look", said)).await?;
            if !answer.status.is_success() {
                return Ok(Err(answer));
            }
            let looks = answer.body["data"].as_array().map(Vec::as_slice).unwrap_or_default();
            found.extend(codes.iter().zip(looks).map(|((text, place), look)| Code::of(text, place, look)));
        }
        let named = self.batch.map(|batch| batch.to_string());
        let batch = named.or_else(|| found.iter().find_map(|code| code.batch_id.clone()));
        let batch = match batch {
            None => None,
            Some(batch_id) => {
                let path = format!("/operator/v1/codes/batches/{batch_id}?{}", self.target.query());
                let answer = connection.send(super::get(path)).await?;
                if !answer.status.is_success() {
                    return Ok(Err(answer));
                }
                Some(self.batch_of(&answer.body)?)
            }
        };
        Ok(Ok(Report { pages, codes: found, illegible, batch }))
    }

    fn batch_of(&self, body: &Value) -> Result<Batch, Fault> {
        let quantity = body["quantity"].as_i64().unwrap_or_default();
        let (from, to) = (self.part.from.map_or(1, i64::from), self.part.to.map_or(quantity, i64::from));
        if from > to || to > quantity {
            let said = format!("must name a part of the batch, which has {quantity} codes");
            return Err(Fault::invalid(if to > quantity { "--to" } else { "--from" }, said));
        }
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        Ok(Batch { id: text("batchId"), first_serial: text("firstSerial"), from, to })
    }
}

/// What was read of all sheets.
#[derive(Default)]
struct Read {
    pages: usize,
    codes: Vec<(String, Place)>,
    illegible: Vec<Illegible>,
}

/// A page of a file, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    file: String,
    page: usize,
}

impl Read {
    fn page(&mut self, place: &Place, page: Result<Page, sheet::Unreadable>) {
        match page {
            Ok(page) => {
                let Findings { codes, unread } = sheet::read(&page);
                self.codes.extend(codes.into_iter().map(|found| (found.text, place.clone())));
                let spots = unread.iter().map(|spot| illegible(place, &page, spot));
                self.illegible.extend(spots);
            }
            Err(error) => self.illegible.push(Illegible::Page(place.clone(), error.to_string())),
        }
    }
}

fn illegible(place: &Place, page: &Page, spot: &Spot) -> Illegible {
    let percent = |pixels: u32, of: u32| u64::from(pixels) * 100 / u64::from(of.max(1));
    let (left, top) = spot.centre;
    Illegible::Spot(place.clone(), percent(left, page.width()), percent(top, page.height()))
}

fn open(file: &Path) -> Result<Sheet, Fault> {
    let name = file.display();
    let cannot =
        |why: &dyn std::fmt::Display| Fault::invalid("FILE", format!("{name} cannot be read: {why}"));
    let length = fs::metadata(file).map_err(|error| cannot(&error))?.len();
    if length > sheet::BYTES_MAX as u64 {
        return Err(cannot(&format!("it is larger than {} MiB", sheet::BYTES_MAX >> 20)));
    }
    let bytes = fs::read(file).map_err(|error| cannot(&error))?;
    sheet::open(bytes).map_err(|error| cannot(&error))
}

/// A symbol holds the address of the token's page.
fn token(text: &str) -> &str {
    let token = text.trim_end_matches('/').rsplit('/').next().unwrap_or(text);
    // Nothing that is longer is a token; the server takes texts of so many bytes.
    if token.len() > 64 { "" } else { token }
}

fn bar(is_silent: bool, pages: usize) -> ProgressBar {
    if is_silent || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(pages as u64), ProgressDrawTarget::stderr());
    bar.with_style(ProgressStyle::with_template(BAR).expect("the template is a constant of this file"))
}
