//! Formats with a line for each code.

use super::Pieces;
use super::run::{Run, Stretches};
use crate::token::TOKEN_LENGTH;

/// Dots of a printer for each module: half a millimetre at 203 dots an inch.
const ZPL_MAGNIFICATION: usize = 4;
/// Dots of a quiet zone of four modules.
const ZPL_QUIET: usize = 4 * ZPL_MAGNIFICATION;
/// By how many dots a symbol stands below its origin: the height that `^BY` set last, which every label sets anew.
const ZPL_SINK: usize = 10;

/// A header, and lines that differ in serial and token.
pub(super) struct Lines {
    run: Run,
    header: &'static str,
    parts: Vec<Part>,
    stretches: Stretches,
}

enum Part {
    Text(String),
    Serial,
    Token,
}

impl Lines {
    /// RFC 4180, but for the ends of lines: `\n` alone.
    pub(super) fn csv(run: Run) -> Self {
        let address = format!(",{}", run.page_address);
        let parts = vec![Part::Serial, text(","), Part::Token, Part::Text(address), Part::Token, text("\n")];
        Self::new(run, "serial,token,verifyUrl\n", parts)
    }

    pub(super) fn ndjson(run: Run) -> Self {
        let address = format!(r#"","verifyUrl":"{}"#, run.page_address);
        let parts = vec![
            text(r#"{"serial":""#),
            Part::Serial,
            text(r#"","token":""#),
            Part::Token,
            Part::Text(address),
            Part::Token,
            text("\"}\n"),
        ];
        Self::new(run, "", parts)
    }

    /// The commands are of Zebra's ZPL II programming guide. `MA,` before the data is level M and automatic input, which
    /// finds the alphanumeric mode. The guide does not tell that a symbol sinks by the height of `^BY`.
    pub(super) fn zpl(run: Run, side: usize) -> Self {
        let symbol = format!(
            "^XA^BY2,3,{ZPL_SINK}^FO{ZPL_QUIET},{}^BQN,2,{ZPL_MAGNIFICATION}^FDMA,{}",
            ZPL_QUIET - ZPL_SINK,
            run.symbol_address()
        );
        let below = ZPL_QUIET + side * ZPL_MAGNIFICATION + ZPL_QUIET;
        let serial = format!("^FS^FO{ZPL_QUIET},{below}^A0N,20,20^FD");
        let parts = vec![Part::Text(symbol), Part::Token, Part::Text(serial), Part::Serial, text("^FS^XZ\n")];
        Self::new(run, "", parts)
    }

    fn new(run: Run, header: &'static str, parts: Vec<Part>) -> Self {
        let (mut fixed, mut serials) = (0, 0);
        for part in &parts {
            match part {
                Part::Text(text) => fixed += text.len(),
                Part::Token => fixed += TOKEN_LENGTH,
                Part::Serial => serials += 1,
            }
        }
        let stretches = Stretches::new(&run, header.len() as u64, fixed, serials);
        Self { run, header, parts, stretches }
    }

    fn write_line(&self, index: u64, out: &mut Vec<u8>) {
        let token = self.run.token(index);
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                Part::Token => out.extend_from_slice(&token),
                Part::Serial => self.run.write_serial(index, out),
            }
        }
    }
}

fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}

impl Pieces for Lines {
    fn length(&self) -> u64 {
        self.stretches.end()
    }

    fn write_piece(&self, offset: u64, out: &mut Vec<u8>) -> u64 {
        if offset < self.header.len() as u64 {
            out.extend_from_slice(self.header.as_bytes());
            return 0;
        }
        let (index, start) = self.stretches.find(offset);
        self.write_line(index, out);
        start
    }
}
