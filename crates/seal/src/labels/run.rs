//! Consecutive codes, and where their records stand in a file.

use std::io::Write as _;
use std::sync::Arc;

use super::Unfit;
use crate::qr::{self, Level};
use crate::token::{ORDINAL_MAX, TOKEN_LENGTH, TokenKey};

/// Codes of a file at most.
pub const QUANTITY_MAX: u64 = 10_000_000;
/// Characters of a prefix of serials at most.
pub const PREFIX_LENGTH_MAX: usize = 20;

/// Digits of a number at least.
const DIGITS_MIN: u32 = 6;
/// For labels that lie flat.
pub(super) const LEVEL: Level = Level::Medium;

/// The text of a serial: the prefix, a dash, and the number with six digits or as many as it needs.
#[must_use]
pub fn serial(prefix: &str, number: u64) -> String {
    format!("{prefix}-{number:06}")
}

/// Consecutive codes: which, and how they are addressed. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Run {
    pub key: Arc<TokenKey>,
    pub first_ordinal: u64,
    /// Of the serials: `[A-Za-z0-9._-]`, 1 to [`PREFIX_LENGTH_MAX`].
    pub prefix: String,
    /// Of the first serial.
    pub first_number: u64,
    /// 1 to [`QUANTITY_MAX`].
    pub quantity: u64,
    /// What an address has before the token, such as `https://example.com/v/`.
    pub page_address: String,
}

/// A code as a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Code {
    pub serial: String,
    /// In capitals.
    pub token: String,
    pub verify_url: String,
}

impl Run {
    /// A code, counted from 0.
    ///
    /// # Panics
    /// When its ordinal is over [`ORDINAL_MAX`].
    #[must_use]
    pub fn code(&self, index: u64) -> Code {
        let token = self.key.mint(self.first_ordinal + index).to_string();
        Code {
            serial: serial(&self.prefix, self.first_number + index),
            verify_url: format!("{}{token}", self.page_address),
            token,
        }
    }

    pub(super) fn token(&self, index: u64) -> [u8; TOKEN_LENGTH] {
        self.key.mint(self.first_ordinal + index).text()
    }

    pub(super) fn write_serial(&self, index: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(self.prefix.as_bytes());
        write!(out, "-{:06}", self.first_number + index).expect("memory takes all that is written");
    }

    pub(super) fn serial_length(&self, index: u64) -> usize {
        self.prefix.len() + 1 + digits(self.first_number + index) as usize
    }

    /// Of the last serial, since numbers only grow.
    pub(super) fn serial_length_max(&self) -> usize {
        self.serial_length(self.quantity - 1)
    }

    /// What the address in a symbol has before the token: the page address in capitals.
    pub(super) fn symbol_address(&self) -> String {
        self.page_address.to_ascii_uppercase()
    }

    /// The modules a side of its symbols, if it can be in a file at all.
    pub(super) fn check(&self) -> Result<usize, Unfit> {
        let is_of_serials = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if !(1..=PREFIX_LENGTH_MAX).contains(&self.prefix.len()) || !self.prefix.bytes().all(is_of_serials) {
            return Err(Unfit::Prefix);
        }
        if !(1..=QUANTITY_MAX).contains(&self.quantity) {
            return Err(Unfit::Quantity);
        }
        let last_ordinal = self.first_ordinal.checked_add(self.quantity - 1);
        let last_number = self.first_number.checked_add(self.quantity - 1);
        if last_ordinal.is_none_or(|last| last > ORDINAL_MAX) || last_number.is_none() {
            return Err(Unfit::Range);
        }
        // A symbol may have one, an address may not.
        if self.page_address.contains(' ') {
            return Err(Unfit::Address(qr::Unfit::Character));
        }
        qr::side(&self.symbol_address(), LEVEL).map_err(Unfit::Address)
    }
}

fn digits(number: u64) -> u32 {
    number.checked_ilog10().map_or(1, |log| log + 1).max(DIGITS_MIN)
}

/// Where records stand whose lengths follow those of their serials: in stretches of records of one length.
pub(super) struct Stretches {
    stretches: Vec<Stretch>,
    end: u64,
}

struct Stretch {
    /// The first record.
    index: u64,
    /// Where it begins.
    offset: u64,
    /// Bytes of a record.
    each: u64,
}

impl Stretches {
    /// Of the records of a run, one after another from `offset` on. Each has `fixed` bytes, and its serial so many times.
    pub(super) fn new(run: &Run, mut offset: u64, fixed: usize, serials: usize) -> Self {
        let mut stretches = Vec::new();
        let mut index = 0;
        while index < run.quantity {
            let each = (fixed + serials * run.serial_length(index)) as u64;
            stretches.push(Stretch { index, offset, each });
            let longer = 10_u64.checked_pow(digits(run.first_number + index));
            let until = longer.map_or(run.quantity, |longer| run.quantity.min(longer - run.first_number));
            offset += each * (until - index);
            index = until;
        }
        Self { stretches, end: offset }
    }

    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Which record has the byte at an offset, and where the record begins.
    pub(super) fn find(&self, offset: u64) -> (u64, u64) {
        let stretch = self.stretches.iter().rfind(|stretch| stretch.offset <= offset);
        let stretch = stretch.expect("the offset is of a record");
        let nth = (offset - stretch.offset) / stretch.each;
        (stretch.index + nth, stretch.offset + nth * stretch.each)
    }
}
