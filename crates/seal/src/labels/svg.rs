//! A drawing of a code: its symbol within its quiet zone on white, and the serial below.

use super::Unfit;
use super::run::{LEVEL, Run};
use super::sheet::QUIET;
use crate::qr::{Printer, Symbol};

/// Modules below the quiet zone.
const TEXT_HEIGHT: usize = 4;
/// Of the serial, in hundredths of a module. Characters of a font of one width are about six tenths as wide.
const TEXT_SIZE_MAX: usize = 300;
const AFTER: &str = "</text></svg>\n";

/// The drawings of a run.
pub(super) struct Drawings {
    pub(super) run: Run,
    printer: Printer,
    before: String,
    between: String,
}

impl Drawings {
    /// A module is half a millimetre, unless it is scaled.
    pub(super) fn new(run: Run) -> Result<Self, Unfit> {
        let printer = Printer::new(&run.symbol_address(), LEVEL).map_err(Unfit::Address)?;
        let width = printer.side() + 2 * usize::from(QUIET);
        let height = width + TEXT_HEIGHT;
        let size = TEXT_SIZE_MAX.min(width * 1000 / 6 / run.serial_length_max());
        let hundredths = |value: usize| format!("{}.{:02}", value / 100, value % 100);
        let before = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}mm\" height=\"{}mm\" \
             viewBox=\"0 0 {width} {height}\"><path fill=\"#fff\" d=\"M0 0h{width}v{height}H0z\"/>\
             <path shape-rendering=\"crispEdges\" d=\"M",
            hundredths(width * 50),
            hundredths(height * 50),
        );
        let between = format!(
            "\"/><text x=\"{}\" y=\"{}\" font-family=\"monospace\" font-size=\"{}\" text-anchor=\"middle\">",
            hundredths(width * 50),
            hundredths(width * 100 + TEXT_SIZE_MAX),
            hundredths(size),
        );
        Ok(Self { run, printer, before, between })
    }

    pub(super) fn write(&self, index: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(self.before.as_bytes());
        write_path(&self.printer.symbol(&self.run.token(index)), out);
        out.extend_from_slice(self.between.as_bytes());
        self.run.write_serial(index, out);
        out.extend_from_slice(AFTER.as_bytes());
    }
}

/// The dark modules, behind the first letter. The outline of a row goes along its lower edge and up over each run of
/// dark modules; closing it leads back along the lower edge, where there is no area. So nothing depends on the width of
/// a stroke, which some programs keep when they scale a drawing.
fn write_path(symbol: &Symbol, out: &mut Vec<u8>) {
    let rows = (1..).zip(&symbol.rows[..symbol.side]).filter(|(_, row)| **row != 0);
    let mut before: Option<(u32, u32)> = None;
    for (bottom, row) in rows {
        let left = row.trailing_zeros();
        match before {
            None => write_pair(left + u32::from(QUIET), bottom + u32::from(QUIET), out),
            Some(before) => write_move(before, (left, bottom), out),
        }
        before = Some((left, bottom));
        write_outline(row >> left, out);
    }
}

/// From the beginning of the row before.
fn write_move(from: (u32, u32), to: (u32, u32), out: &mut Vec<u8>) {
    out.push(b'm');
    if to.0 < from.0 {
        out.push(b'-');
    }
    write_pair(to.0.abs_diff(from.0), to.1 - from.1, out);
}

/// Of a row whose first module is dark.
fn write_outline(mut row: u64, out: &mut Vec<u8>) {
    loop {
        let dark = row.trailing_ones();
        out.extend_from_slice(b"v-1h");
        write_number(dark, out);
        out.extend_from_slice(b"v1");
        row >>= dark;
        if row == 0 {
            break;
        }
        let light = row.trailing_zeros();
        out.push(b'h');
        write_number(light, out);
        row >>= light;
    }
    out.push(b'z');
}

fn write_pair(x: u32, y: u32, out: &mut Vec<u8>) {
    write_number(x, out);
    out.push(b' ');
    write_number(y, out);
}

/// Below 100.
fn write_number(number: u32, out: &mut Vec<u8>) {
    let digit = |value: u32| b'0' + u8::try_from(value).expect("a digit is below 10");
    if number > 9 {
        out.push(digit(number / 10));
    }
    out.push(digit(number % 10));
}
