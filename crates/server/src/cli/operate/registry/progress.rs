//! How far an import is: a bar on a terminal, a line now and then elsewhere, nothing beside `--json`.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::print_error;

/// Rows between two lines.
const ROWS_A_LINE: u64 = 100_000;

pub(super) enum Progress {
    Bar(ProgressBar),
    Lines { rows: u64 },
    Silent,
}

impl Progress {
    pub(super) fn new(is_silent: bool) -> Self {
        if is_silent {
            return Self::Silent;
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines { rows: 0 };
        }
        Self::Bar(ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()))
    }

    /// The rows are being read; `bytes` is the length of the file where it is known.
    pub(super) fn begin_reading(&self, bytes: Option<u64>) {
        if let Self::Bar(bar) = self {
            let template = match bytes {
                Some(_) => "Reading  {bar:30} {percent:>3} %  {msg}  {elapsed}, {eta} left",
                None => "Reading  {spinner} {bytes}  {msg}  {elapsed}",
            };
            restart(bar, bytes, template);
        }
    }

    pub(super) fn read(&mut self, bytes_read: u64, rows: u64, rejected: u64) {
        match self {
            Self::Bar(bar) => {
                bar.set_message(format!("{rows} rows, {rejected} rejected"));
                bar.set_position(bytes_read);
            }
            Self::Lines { rows: shown } if rows / ROWS_A_LINE > *shown / ROWS_A_LINE => {
                *shown = rows;
                print_error(&format!("{rows} rows read, {rejected} rejected"));
            }
            Self::Lines { .. } | Self::Silent => {}
        }
    }

    pub(super) fn begin_writing(&mut self, buckets: u64) {
        match self {
            Self::Bar(bar) => {
                restart(bar, Some(buckets), "Writing  {bar:30} {percent:>3} %  {msg}  {elapsed}, {eta} left");
            }
            Self::Lines { rows } => *rows = 0,
            Self::Silent => {}
        }
    }

    pub(super) fn written(&mut self, bucket: u64, records: u64) {
        match self {
            Self::Bar(bar) => {
                bar.set_message(format!("{records} records"));
                bar.set_position(bucket);
            }
            Self::Lines { rows } if records / ROWS_A_LINE > *rows / ROWS_A_LINE => {
                *rows = records;
                print_error(&format!("{records} records written"));
            }
            Self::Lines { .. } | Self::Silent => {}
        }
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn restart(bar: &ProgressBar, length: Option<u64>, template: &str) {
    match length {
        Some(length) => bar.set_length(length),
        None => bar.unset_length(),
    }
    bar.set_style(ProgressStyle::with_template(template).expect("the template is a constant of this file"));
    bar.reset();
}
