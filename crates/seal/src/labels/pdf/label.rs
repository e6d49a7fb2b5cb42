//! Labels in the content of a page.
//!
//! A symbol is an inline image mask with a bit for each module, in hexadecimal, because readers search for the `EI` that
//! ends an image: it stands by chance in bare bits, and in ASCII85 next to what delimits words.

use std::fmt;
use std::io::Write as _;

use crate::labels::Unfit;
use crate::labels::in_memory;
use crate::labels::run::{LEVEL, Run};
use crate::labels::sheet::{Plan, Sheet};
use crate::qr::{Printer, Symbol};

/// Behind a symbol: all but the serial, with two measures of `999.999` at most.
const AFTER_LENGTH_MAX: usize = ">\nEI Q BT 999.999 999.999 Td()Tj ET\n".len();

/// The labels of a run.
pub(super) struct Labels {
    run: Run,
    printer: Printer,
    plan: Plan,
    /// What stands before a symbol, for each place of a page.
    before: Vec<String>,
    /// What a page begins with.
    opening: String,
    length: usize,
}

impl Labels {
    pub(super) fn new(run: Run, sheet: Sheet) -> Result<Self, Unfit> {
        let printer = Printer::new(&run.symbol_address(), LEVEL).map_err(Unfit::Address)?;
        let side = printer.side();
        let plan = Plan::new(sheet, &run, side);
        let before: Vec<_> = (0..plan.places.len()).map(|nth| before(&plan, nth, side)).collect();
        let before_length_max = before.iter().map(String::len).max().expect("a sheet has labels");
        let mask_length = side * side.div_ceil(8) * 2;
        let length = before_length_max + mask_length + AFTER_LENGTH_MAX + run.serial_length_max();
        let opening = format!("/F {} Tf\n", measure(plan.text_size));
        Ok(Self { run, printer, plan, before, opening, length })
    }

    /// Labels of a full page.
    pub(super) fn page_labels(&self) -> u64 {
        self.plan.places.len() as u64
    }

    pub(super) fn on_page(&self, page: u64) -> u64 {
        self.page_labels().min(self.run.quantity - page * self.page_labels())
    }

    /// Bytes of a label.
    pub(super) fn length(&self) -> u64 {
        self.length as u64
    }

    pub(super) fn opening(&self) -> &str {
        &self.opening
    }

    /// Width and height, in thousandths of a point.
    pub(super) fn paper(&self) -> (u64, u64) {
        self.plan.paper
    }

    /// The first and the last.
    pub(super) fn serials(&self) -> (String, String) {
        (self.run.code(0).serial, self.run.code(self.run.quantity - 1).serial)
    }

    pub(super) fn write(&self, page: u64, nth: u64, out: &mut Vec<u8>) {
        let index = page * self.page_labels() + nth;
        let nth = in_memory(nth);
        let end = out.len() + self.length;
        out.extend_from_slice(self.before[nth].as_bytes());
        write_mask(&self.printer.symbol(&self.run.token(index)), out);
        self.write_after(index, nth, out).expect("memory takes all that is written");
        out.resize(end - 1, b' ');
        out.push(b'\n');
    }

    fn write_after(&self, index: u64, nth: usize, out: &mut Vec<u8>) -> std::io::Result<()> {
        let (middle, baseline) = self.plan.places[nth].text;
        let width = self.run.serial_length(index) as u64 * self.plan.text_size * 6 / 10;
        write!(out, ">\nEI Q BT {} {} Td(", measure(middle - width / 2), measure(baseline))?;
        self.run.write_serial(index, out);
        out.write_all(b")Tj ET")
    }
}

/// A measure in thousandths of a point.
pub(super) fn measure(thousandths: u64) -> impl fmt::Display {
    fmt::from_fn(move |f| write!(f, "{}.{:03}", thousandths / 1000, thousandths % 1000))
}

fn before(plan: &Plan, nth: usize, side: usize) -> String {
    let size = measure(plan.symbol);
    let (left, bottom) = plan.places[nth].symbol;
    let (left, bottom) = (measure(left), measure(bottom));
    format!("q {size} 0 0 {size} {left} {bottom} cm BI/W {side}/H {side}/BPC 1/IM true/F/AHx ID ")
}

/// The rows of a symbol, each in whole bytes, the left module in the highest bit. A clear bit is dark.
fn write_mask(symbol: &Symbol, out: &mut Vec<u8>) {
    let row_length = symbol.side.div_ceil(8);
    for row in &symbol.rows[..symbol.side] {
        for byte in &(!row.reverse_bits()).to_be_bytes()[..row_length] {
            out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";
