//! The codes of a batch as a file, for printers and for other systems.
//!
//! | format | what a code is in it |
//! |---|---|
//! | CSV, NDJSON | a line with serial, token and address |
//! | ZPL | a label that the printer renders |
//! | PDF | a label on a sheet of them, with symbol and serial |
//! | zip of SVG | a drawing with symbol and serial |
//!
//! A file is a function of its [`Run`]: it has the same bytes whenever it is made, nothing of it is kept, and any part
//! of it is rendered without what lies before. Its parts are a code each, whose places are arithmetic; drawings alone
//! differ in length, so a zip is rendered once to learn where they are, and holds eight bytes for each of them.
//!
//! Absent on purpose: quoting and escaping. Serials are of `[A-Za-z0-9._-]`, tokens of Crockford's digits, and the
//! address of a page has letters, digits and `$%*+-./:` alone, because its capitals must fit into the alphanumeric
//! mode of a symbol. None of them means anything to CSV, JSON, ZPL, XML, or in a string of PDF.

mod lines;
mod pdf;
mod run;
mod sheet;
mod svg;
mod zip;

use std::fmt;

use crate::qr;
use lines::Lines;
use pdf::Pdf;
use zip::Zip;

pub use run::{Code, PREFIX_LENGTH_MAX, QUANTITY_MAX, Run, serial};
pub use sheet::Sheet;
pub use zip::DRAWINGS_MAX;

/// What a file is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// The header `serial,token,verifyUrl`, and a line for each code.
    Csv,
    /// A JSON object with the fields of the CSV on each line.
    Ndjson,
    /// A label for each code, in the language of Zebra's printers.
    Zpl,
    /// Sheets of labels.
    Pdf(Sheet),
    /// A drawing for each code, at most [`DRAWINGS_MAX`].
    SvgZip,
}

/// Why there is no file of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unfit {
    /// The prefix of its serials.
    Prefix,
    /// There are none, or more than [`QUANTITY_MAX`].
    Quantity,
    /// An ordinal is over [`crate::token::ORDINAL_MAX`], or a number over 64 bits.
    Range,
    /// The address of its pages does not fit into a symbol.
    Address(qr::Unfit),
    /// More codes than a zip has entries.
    TooMany,
    /// More than the 10 GB that a PDF can have, which takes millions of codes with a very long address.
    TooLarge,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix => {
                write!(f, "a prefix is 1 to {PREFIX_LENGTH_MAX} letters, digits, '.', '_' and '-'")
            }
            Self::Quantity => write!(f, "a file has 1 to {QUANTITY_MAX} codes"),
            Self::Range => f.write_str("the last code lies beyond the last ordinal or the last number"),
            Self::Address(qr::Unfit::Character) => f.write_str(
                "the page address must be of letters, digits and $%*+-./: alone to fit into a symbol",
            ),
            Self::Address(qr::Unfit::TooLong) => {
                f.write_str("the page address is too long for a symbol of version 10")
            }
            Self::TooMany => {
                write!(f, "a zip of drawings has at most {DRAWINGS_MAX} codes: ask for a part of the batch")
            }
            Self::TooLarge => f.write_str("a PDF has less than 10 GB: ask for a part of the batch"),
        }
    }
}

impl std::error::Error for Unfit {}

/// A file that is rendered as it is read.
pub struct File {
    format: Format,
    body: Body,
}

enum Body {
    Lines(Lines),
    Pdf(Box<Pdf>),
    Zip(Box<Zip>),
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("format", &self.format)
            .field("length", &self.length())
            .finish_non_exhaustive()
    }
}

impl File {
    /// Takes below a millisecond for lines, some milliseconds for a PDF (the tables of its symbols), and some
    /// microseconds for each drawing.
    ///
    /// # Errors
    /// Why there is no such file.
    pub fn new(format: Format, run: Run) -> Result<Self, Unfit> {
        let side = run.check()?;
        let body = match format {
            Format::Csv => Body::Lines(Lines::csv(run)),
            Format::Ndjson => Body::Lines(Lines::ndjson(run)),
            Format::Zpl => Body::Lines(Lines::zpl(run, side)),
            Format::Pdf(sheet) => Body::Pdf(Box::new(Pdf::new(run, sheet)?)),
            Format::SvgZip => Body::Zip(Box::new(Zip::new(run)?)),
        };
        Ok(Self { format, body })
    }

    /// Bytes of the whole file.
    #[must_use]
    pub fn length(&self) -> u64 {
        match &self.body {
            Body::Lines(lines) => lines.length(),
            Body::Pdf(pdf) => pdf.length(),
            Body::Zip(zip) => zip.length(),
        }
    }

    /// The media type. None is registered for ZPL.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        match self.format {
            Format::Csv => "text/csv; charset=utf-8",
            Format::Ndjson => "application/x-ndjson",
            Format::Zpl => "application/x-zpl",
            Format::Pdf(_) => "application/pdf",
            Format::SvgZip => "application/zip",
        }
    }

    /// What the name of the file ends in, without the dot.
    #[must_use]
    pub fn extension(&self) -> &'static str {
        match self.format {
            Format::Csv => "csv",
            Format::Ndjson => "ndjson",
            Format::Zpl => "zpl",
            Format::Pdf(_) => "pdf",
            Format::SvgZip => "zip",
        }
    }

    /// Appends up to `bytes` bytes of the file, from the offset `from` on; nothing at its end.
    ///
    /// Renders a code at each end that is needed in part only, so thousands of bytes at a time are best.
    pub fn read(&self, from: u64, bytes: usize, out: &mut Vec<u8>) {
        match &self.body {
            Body::Lines(lines) => read(lines, from, bytes, out),
            Body::Pdf(pdf) => read(&**pdf, from, bytes, out),
            Body::Zip(zip) => read(&**zip, from, bytes, out),
        }
    }
}

/// A file in pieces, each of which is rendered without the others.
trait Pieces {
    /// Bytes of all of them.
    fn length(&self) -> u64;

    /// Appends the piece that has the byte at `offset`, which is before the end, and returns where the piece begins.
    fn write_piece(&self, offset: u64, out: &mut Vec<u8>) -> u64;
}

fn read(pieces: &impl Pieces, from: u64, bytes: usize, out: &mut Vec<u8>) {
    let begin = out.len();
    let left = usize::try_from(pieces.length().saturating_sub(from)).unwrap_or(usize::MAX);
    let end = begin + left.min(bytes);
    while out.len() < end {
        let piece = out.len();
        let offset = from + (piece - begin) as u64;
        let before = offset - pieces.write_piece(offset, out);
        out.drain(piece..piece + in_memory(before));
    }
    out.truncate(end);
}

fn in_memory(length: u64) -> usize {
    usize::try_from(length).expect("what is counted is in memory")
}

#[cfg(test)]
mod tests;
