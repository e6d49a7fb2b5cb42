//! Symbols of the same addresses, by tables and by two libraries that compute each one.

use std::hint::black_box;
use std::time::Instant;

use fast_qr::{ECL, QRBuilder};
use qrcode::{EcLevel, QrCode};
use seal::qr::{Level, Printer};
use seal::token::TOKEN_LENGTH;

use super::Line;

const PREFIX: &str = "HTTPS://CODES.EXAMPLE.COM/V/";
const OURS: usize = 1_000_000;
const THEIRS: usize = 2_000;
const TIMES_MIN: f64 = 100.0;
/// Of the Crockford alphabet.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Invented tokens; a symbol does not know whether they were minted.
fn token(number: usize) -> [u8; TOKEN_LENGTH] {
    let mut state = (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    std::array::from_fn(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        DIGITS[(state >> 59) as usize]
    })
}

pub(super) fn measure() -> Vec<Line> {
    let printer = Printer::new(PREFIX, Level::Medium).expect("the prefix is alphanumeric and short");
    let ours = seconds_each(OURS, |number| {
        black_box(printer.symbol(&token(number)));
    });
    let address = |number| [PREFIX.as_bytes(), &token(number)].concat();
    let qrcode = seconds_each(THEIRS, |number| {
        black_box(QrCode::with_error_correction_level(address(number), EcLevel::M).expect("it is short"));
    });
    let fast_qr = seconds_each(THEIRS, |number| {
        black_box(QRBuilder::new(address(number)).ecl(ECL::M).build().expect("it is short"));
    });
    let mut lines = vec![Line::figure("a symbol", format!("{:.3} µs", ours * 1e6))];
    for (name, theirs) in [("qrcode", qrcode), ("fast_qr", fast_qr)] {
        let what = format!("symbols: × as fast as `{name}` ({:.1} µs)", theirs * 1e6);
        lines.push(Line::at_least(what, theirs / ours, TIMES_MIN, ""));
    }
    lines
}

#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn seconds_each(count: usize, draw: impl Fn(usize)) -> f64 {
    let start = Instant::now();
    (0..count).for_each(draw);
    start.elapsed().as_secs_f64() / count as f64
}
