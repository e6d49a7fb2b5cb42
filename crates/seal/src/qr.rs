//! QR symbols of addresses that differ in their token alone, a thousand times faster than one by one.
//!
//! At a fixed version, level and mask, error correction (Reed-Solomon), interleaving and masking are linear over GF(2),
//! so a symbol is an affine function of the bits of its payload (ISO/IEC 18004): the symbol of the zero token, and for
//! each bit the modules that it turns over. The modules of each bit are taken from `qrcodegen`, once.
//!
//! The address is `HTTPS://HOST/V/` and the token, in the alphanumeric mode, which packs two characters into 11 bits.

use std::fmt;

use qrcodegen::{Mask, QrCode, QrCodeEcc, QrSegment, QrSegmentMode, Version};

use crate::token::TOKEN_LENGTH;

/// Modules a side at most: version 10, so that a row fits into 64 bits.
pub const SIDE_MAX: usize = 57;

const ALPHABET: &[u8; 45] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
const PAIR_BITS: usize = 11;
const SINGLE_BITS: usize = 6;
/// Values of one character, and so the step from one value of the first of a pair to the next.
const BASE: usize = 45;
/// Values of two characters.
const VALUES: usize = BASE * BASE;

/// How much of a symbol may be lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// 15 %: for labels.
    Medium,
    /// 25 %: for flexible and curved packs.
    Quartile,
}

/// A symbol without its quiet zone: the lowest bit of a row is its left module, a set bit is dark.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Symbol {
    pub rows: [u64; SIDE_MAX],
    /// Modules a side; the rows beyond it are empty.
    pub side: usize,
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows[..self.side] {
            let line: String = (0..self.side).map(|x| if row >> x & 1 == 1 { '#' } else { '.' }).collect();
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

impl Symbol {
    const EMPTY: [u64; SIDE_MAX] = [0; SIDE_MAX];

    fn of(code: &QrCode) -> Self {
        let side = usize::try_from(code.size()).expect("a side is positive");
        let mut rows = Self::EMPTY;
        for (y, row) in (0..).zip(&mut rows[..side]) {
            *row = (0..code.size()).fold(0, |row, x| row | u64::from(code.get_module(x, y)) << x);
        }
        Self { rows, side }
    }

    fn turn(&mut self, modules: &[u64]) {
        self.rows.iter_mut().zip(modules).for_each(|(row, modules)| *row ^= modules);
    }
}

/// Why there are no symbols for a prefix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unfit {
    /// It has a character that the alphanumeric mode lacks, such as a small letter.
    Character,
    /// With a token it would need more than [`SIDE_MAX`] modules a side.
    TooLong,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Character => "it must be of capital letters, digits and $%*+-./: alone",
            Self::TooLong => "it is too long for a symbol of version 10",
        })
    }
}

impl std::error::Error for Unfit {}

/// Modules a side of the symbols of a prefix, without what a [`Printer`] prepares.
///
/// # Errors
/// Why there are none.
pub fn side(prefix: &str, level: Level) -> Result<usize, Unfit> {
    let frame = Frame::new(prefix, level)?;
    Ok(4 * usize::from(frame.version.value()) + 17)
}

/// Makes the symbols of one prefix.
pub struct Printer {
    /// The symbol of the zero token.
    zero: Symbol,
    places: Vec<Place>,
}

impl fmt::Debug for Printer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Printer").field("side", &self.zero.side).finish_non_exhaustive()
    }
}

/// One or two characters of the token that are packed together.
struct Place {
    characters: std::ops::Range<usize>,
    /// The modules that each value turns over, `side` rows for each.
    modules: Vec<u64>,
}

impl Printer {
    /// For addresses that begin with `prefix`, such as `HTTPS://EXAMPLE.COM/V/`.
    ///
    /// # Errors
    /// Why there are none.
    pub fn new(prefix: &str, level: Level) -> Result<Self, Unfit> {
        let frame = Frame::new(prefix, level)?;
        let zero = frame.symbol(&frame.zero)?;
        let mut places = Vec::new();
        let mut from = 0;
        while from < TOKEN_LENGTH {
            // The first character fills up the last pair of an odd prefix, and then the last one is left alone.
            let is_alone = !prefix.len().is_multiple_of(2) && (from == 0 || from + 1 == TOKEN_LENGTH);
            let characters = from..from + if is_alone { 1 } else { 2 };
            from = characters.end;
            places.push(frame.place(characters, &zero)?);
        }
        Ok(Self { zero, places })
    }

    /// Modules a side, without the quiet zone of four on each.
    #[must_use]
    pub fn side(&self) -> usize {
        self.zero.side
    }

    /// The symbol of a token, given as the upper-case characters of [`crate::token::Token::text`].
    ///
    /// # Panics
    /// When a character is none of the alphanumeric mode.
    #[must_use]
    pub fn symbol(&self, token: &[u8; TOKEN_LENGTH]) -> Symbol {
        let mut symbol = self.zero;
        for place in &self.places {
            let from = pair_value(&token[place.characters.clone()]) * self.zero.side;
            symbol.turn(&place.modules[from..from + self.zero.side]);
        }
        symbol
    }
}

/// What is the same for all symbols of a prefix.
struct Frame<'a> {
    prefix: &'a str,
    level: QrCodeEcc,
    version: Version,
    mask: Mask,
    /// The bits of the address with the zero token.
    zero: Vec<bool>,
}

impl<'a> Frame<'a> {
    fn new(prefix: &'a str, level: Level) -> Result<Self, Unfit> {
        if !prefix.bytes().all(|byte| ALPHABET.contains(&byte)) {
            return Err(Unfit::Character);
        }
        let level = match level {
            Level::Medium => QrCodeEcc::Medium,
            Level::Quartile => QrCodeEcc::Quartile,
        };
        let zero = address_bits(prefix, [b'0'; TOKEN_LENGTH]);
        let segment = QrSegment::new(QrSegmentMode::Alphanumeric, prefix.len() + TOKEN_LENGTH, zero.clone());
        // The mask that suits the zero token is as good as any: decoders read them all.
        let range = (Version::MIN, Version::new(10));
        let sample = QrCode::encode_segments_advanced(&[segment], level, range.0, range.1, None, false);
        let sample = sample.map_err(|_| Unfit::TooLong)?;
        Ok(Self { prefix, level, version: sample.version(), mask: sample.mask(), zero })
    }

    fn symbol(&self, bits: &[bool]) -> Result<Symbol, Unfit> {
        let length = self.prefix.len() + TOKEN_LENGTH;
        let segment = QrSegment::new(QrSegmentMode::Alphanumeric, length, bits.to_vec());
        let (version, mask) = (self.version, Some(self.mask));
        let code = QrCode::encode_segments_advanced(&[segment], self.level, version, version, mask, false);
        code.map(|code| Symbol::of(&code)).map_err(|_| Unfit::TooLong)
    }

    /// The modules that each value of a place turns over, from those of its bits.
    fn place(&self, characters: std::ops::Range<usize>, zero: &Symbol) -> Result<Place, Unfit> {
        let start = self.prefix.len() + characters.start;
        let bits = start / 2 * PAIR_BITS..self.zero.len().min((start / 2 + 1) * PAIR_BITS);
        let mut of_bit = Vec::with_capacity(bits.len());
        for bit in bits {
            let mut turned = self.zero.clone();
            turned[bit] = !turned[bit];
            let mut symbol = self.symbol(&turned)?;
            symbol.turn(&zero.rows);
            of_bit.push(symbol.rows);
        }
        // What the prefix has in the same bits.
        let held =
            if start.is_multiple_of(2) { 0 } else { BASE * pair_value(&self.prefix.as_bytes()[start - 1..]) };
        let values = if characters.len() == 2 { VALUES } else { BASE };
        let mut modules = Vec::with_capacity(values * zero.side);
        for value in 0..values {
            let changed = (held + value) ^ held;
            let mut rows = Symbol { rows: Symbol::EMPTY, side: zero.side };
            for (bit, turned) in of_bit.iter().rev().enumerate() {
                if changed >> bit & 1 == 1 {
                    rows.turn(turned);
                }
            }
            modules.extend_from_slice(&rows.rows[..zero.side]);
        }
        Ok(Place { characters, modules })
    }
}

fn address_bits(prefix: &str, token: [u8; TOKEN_LENGTH]) -> Vec<bool> {
    let address = [prefix.as_bytes(), &token].concat();
    let mut bits = Vec::new();
    for characters in address.chunks(2) {
        let width = if characters.len() == 2 { PAIR_BITS } else { SINGLE_BITS };
        let value = pair_value(characters);
        bits.extend((0..width).rev().map(|bit| value >> bit & 1 == 1));
    }
    bits
}

/// The number of one character, or of two.
fn pair_value(characters: &[u8]) -> usize {
    characters
        .iter()
        .fold(0, |value, character| value * BASE + usize::from(VALUE_OF[usize::from(*character)]))
}

const VALUE_OF: [u8; 256] = {
    let mut values = [255; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        #[expect(clippy::cast_possible_truncation, reason = "there are 45 characters")]
        {
            values[ALPHABET[value] as usize] = value as u8;
        }
        value += 1;
    }
    values
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::token::{ORDINAL_MAX, Token, TokenKey};

    fn encoded(prefix: &str, token: Token, printer: &Printer, level: QrCodeEcc, mask: Mask) -> Symbol {
        let version = Version::new(u8::try_from((printer.side() - 17) / 4).unwrap());
        let segment = QrSegment::make_alphanumeric(&format!("{prefix}{token}"));
        let code = QrCode::encode_segments_advanced(&[segment], level, version, version, Some(mask), false);
        Symbol::of(&code.unwrap())
    }

    #[test]
    fn symbols_are_those_of_qrcodegen_whatever_shares_a_pair_with_the_token() {
        for (prefix, side) in [
            ("HTTPS://VG.AFRICA/V/", 29),
            ("HTTPS://VG.AFRICA/V/X", 29),
            ("HTTPS://CODES.EXAMPLE.COM/V/", 29),
            ("HTTPS://CODES.EXAMPLE.COM:8443/V/", 29),
            ("HTTPS://CODES.EXAMPLE.COM/01/09506000134352/21/", 33),
        ] {
            for (level, ecc) in [(Level::Medium, QrCodeEcc::Medium), (Level::Quartile, QrCodeEcc::Quartile)] {
                let printer = Printer::new(prefix, level).unwrap();
                assert_eq!(super::side(prefix, level), Ok(printer.side()), "{prefix}");
                assert!(level == Level::Quartile || printer.side() == side, "{prefix}: {}", printer.side());
                let mask = Frame::new(prefix, level).unwrap().mask;
                for ordinal in (0..40).map(|n| n * 27_000_000_011 % ORDINAL_MAX) {
                    let token = TokenKey::derive(&[7; 32], 1).mint(ordinal);
                    let expected = encoded(prefix, token, &printer, ecc, mask);
                    assert_eq!(printer.symbol(&token.text()), expected, "{prefix}{token}");
                }
            }
        }
    }

    #[test]
    fn a_prefix_that_does_not_fit_says_why() {
        let unfit = |prefix: &str| Printer::new(prefix, Level::Medium).unwrap_err();
        assert_eq!(unfit("https://example.com/v/"), Unfit::Character);
        assert_eq!(unfit(&"X".repeat(400)), Unfit::TooLong);
        assert!(unfit("HTTPS://EXAMPLE.COM/V?").to_string().contains("capital letters"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn any_token_of_any_prefix(prefix in "[A-Z0-9$%*+./:-]{0,40}", ordinal in 0..=ORDINAL_MAX) {
            let printer = Printer::new(&prefix, Level::Medium).unwrap();
            let mask = Frame::new(&prefix, Level::Medium).unwrap().mask;
            let token = TokenKey::derive(&[3; 32], 0).mint(ordinal);
            let expected = encoded(&prefix, token, &printer, QrCodeEcc::Medium, mask);
            prop_assert_eq!(printer.symbol(&token.text()), expected);
        }
    }
}
