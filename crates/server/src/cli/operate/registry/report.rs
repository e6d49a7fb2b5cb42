//! The list of lines that were left out: made with the first of them, and never over a file that is there.

use std::fs::File;
use std::io::{BufWriter, ErrorKind};
use std::path::{Path, PathBuf};

use base::Fault;
use services::citizen::registry::imported::Rejection;

pub(super) struct Report {
    path: PathBuf,
    writer: Option<csv::Writer<BufWriter<File>>>,
    pub(super) lines: u64,
}

impl Report {
    /// # Errors
    /// A file of that name that is there already.
    pub(super) fn new(path: PathBuf) -> Result<Self, Fault> {
        if path.exists() {
            return Err(taken(&path));
        }
        Ok(Self { path, writer: None, lines: 0 })
    }

    /// Where it is, if there was anything to report.
    pub(super) fn path(&self) -> Option<&Path> {
        self.writer.as_ref().map(|_| self.path.as_path())
    }

    /// # Errors
    /// A file that cannot be written.
    pub(super) fn add(&mut self, rejected: &[Rejection]) -> Result<(), Fault> {
        let mut lines: Vec<(u64, &str)> = rejected
            .iter()
            .flat_map(|rejection| rejection.lines.iter().map(|line| (*line, rejection.reason.as_str())))
            .collect();
        if lines.is_empty() {
            return Ok(());
        }
        lines.sort_unstable();
        self.lines += lines.len() as u64;
        let (path, writer) = (self.path.clone(), self.open()?);
        let write = || {
            for (line, reason) in lines {
                writer.write_record([&line.to_string(), reason])?;
            }
            writer.flush()
        };
        write().map_err(|error| unwritable(&path, &error))
    }

    fn open(&mut self) -> Result<&mut csv::Writer<BufWriter<File>>, Fault> {
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => {
                let file = File::create_new(&self.path).map_err(|error| match error.kind() {
                    ErrorKind::AlreadyExists => taken(&self.path),
                    _ => unwritable(&self.path, &error),
                })?;
                let mut writer = csv::Writer::from_writer(BufWriter::new(file));
                writer.write_record(["line", "reason"]).map_err(Fault::internal)?;
                writer
            }
        };
        Ok(self.writer.insert(writer))
    }
}

fn taken(path: &Path) -> Fault {
    Fault::invalid(
        "report",
        format!(
            "{} is there already, perhaps from an earlier import. Move it away, or name another with --report FILE",
            path.display()
        ),
    )
}

fn unwritable(path: &Path, error: &std::io::Error) -> Fault {
    Fault::invalid("report", format!("{} cannot be written: {error}", path.display()))
}
