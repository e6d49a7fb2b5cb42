use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base::Fault;
use base::id::BatchId;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::Part;
use crate::cli::arguments::{Common, Target, id};
use crate::cli::connection::Connection;
use crate::cli::{print, print_error, runtime, show};
use crate::client::Ask;
use crate::config::Config;

const BAR: &str = "{bar:30} {percent:>3} %  {bytes} of {total_bytes}  {elapsed}, {eta} left";

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Export {
    /// The batch: bat_…
    #[arg(value_name = "BATCH", value_parser = id::<BatchId>)]
    batch: BatchId,
    #[command(flatten)]
    target: Target,
    /// What is written
    #[arg(long, value_name = "NAME", default_value = "csv", value_parser = ["csv", "ndjson", "zpl", "pdf", "svg-zip"])]
    format: String,
    /// Labels of a PDF [default: a4-65]
    #[arg(long, value_name = "NAME", value_parser = ["a4-65", "a4-40", "letter-65", "letter-40"])]
    sheet: Option<String>,
    #[command(flatten)]
    part: Part,
    /// Where to write, - is standard output; nothing is overwritten [default: BATCH with the format's extension]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

impl Export {
    /// Writes the file beside its place and puts it there once it is whole.
    pub(super) fn run(&self, config: &Config, common: &Common) -> Result<ExitCode, Fault> {
        let mut file = Destination::open(&self.path())?;
        let runtime = runtime()?;
        let connection = Connection::open(config, &runtime)?;
        let (bar, mut bytes) = (bar(common.json), 0_u64);
        let outcome = runtime.block_on(connection.download(self.ask(), &mut |piece, length| {
            bar.set_length(length);
            bytes += piece.len() as u64;
            bar.set_position(bytes);
            file.write(piece)
        }));
        connection.close();
        bar.finish_and_clear();
        match outcome {
            Ok(None) => file.finish()?,
            Ok(Some(refusal)) => {
                file.give_up();
                print_error(&format!("attestry: {}", show::refusal(&refusal)));
                return Ok(ExitCode::FAILURE);
            }
            Err(fault) => {
                file.give_up();
                return Err(fault);
            }
        }
        if let Some(path) = &file.path {
            let (batch, path) = (self.batch, path.display());
            print(&match common.json {
                true => json!({ "batchId": batch, "file": path.to_string(), "bytes": bytes }).to_string(),
                false => format!("The codes of {batch} are in {path}, {bytes} bytes."),
            });
        }
        Ok(ExitCode::SUCCESS)
    }

    fn path(&self) -> PathBuf {
        let extension = match self.format.as_str() {
            "svg-zip" => "zip",
            other => other,
        };
        self.file.clone().unwrap_or_else(|| PathBuf::from(format!("{}.{extension}", self.batch)))
    }

    fn ask(&self) -> Ask {
        let said = [
            ("format", Some(self.format.clone())),
            ("sheet", self.sheet.clone()),
            ("from", self.part.from.map(|from| from.to_string())),
            ("to", self.part.to.map(|to| to.to_string())),
        ];
        let said = said.into_iter().filter_map(|(name, value)| Some(format!("&{name}={}", value?)));
        let (batch, target) = (self.batch, self.target.query());
        super::get(format!("/operator/v1/codes/batches/{batch}/codes?{target}{}", said.collect::<String>()))
    }
}

fn bar(is_silent: bool) -> ProgressBar {
    if is_silent || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.with_style(ProgressStyle::with_template(BAR).expect("the template is a constant of this file"))
}

/// A file that is not there before it is whole, or standard output.
struct Destination {
    out: Box<dyn Write>,
    /// `None` for standard output.
    path: Option<PathBuf>,
}

impl Destination {
    fn open(path: &Path) -> Result<Self, Fault> {
        if path == Path::new("-") {
            return Ok(Self { out: Box::new(BufWriter::new(io::stdout())), path: None });
        }
        if path.exists() {
            let said = format!("{} is there already: name another with --file FILE", path.display());
            return Err(Fault::invalid("--file", said));
        }
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(beside(path));
        let out = Box::new(BufWriter::new(file.map_err(|error| cannot(&error))?));
        Ok(Self { out, path: Some(path.to_owned()) })
    }

    fn write(&mut self, piece: &[u8]) -> Result<(), Fault> {
        self.out.write_all(piece).map_err(|error| cannot(&error))
    }

    fn finish(&mut self) -> Result<(), Fault> {
        let put = |path: &PathBuf| {
            File::open(beside(path))?.sync_all()?;
            std::fs::rename(beside(path), path)
        };
        self.out.flush().and_then(|()| self.path.as_ref().map_or(Ok(()), put)).map_err(|error| cannot(&error))
    }

    fn give_up(&mut self) {
        if let Some(path) = &self.path {
            // What is left of it is no use to anybody, and in nobody's way.
            drop(std::fs::remove_file(beside(path)));
        }
    }
}

/// Where a file grows.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    path.with_file_name(name)
}

fn cannot(error: &io::Error) -> Fault {
    Fault::invalid("--file", format!("the codes cannot be written: {error}"))
}
