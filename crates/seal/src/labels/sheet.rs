//! Sheets of labels, and what stands where on a label.

use super::run::Run;

/// Modules of the quiet zone on each side of a symbol (ISO/IEC 18004).
pub(super) const QUIET: u8 = 4;

/// A sheet of labels: the paper, and how many labels it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sheet {
    /// 5 × 13 labels of 38.1 × 21.2 mm, as Avery's L7651.
    A4By65,
    /// 4 × 10 labels of 45.7 × 25.4 mm, as Avery's L7654.
    A4By40,
    /// 5 × 13 labels of 1.5 × 0.8 inches, with a margin of 0.3 inches all around.
    LetterBy65,
    /// 4 × 10 labels of 1.75 × 1 inches, every 2 inches.
    LetterBy40,
}

impl Sheet {
    /// All that there are.
    pub const ALL: [Self; 4] = [Self::A4By65, Self::A4By40, Self::LetterBy65, Self::LetterBy40];

    /// The sheet of a name of [`Sheet::name`].
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sheet| sheet.name() == name)
    }

    /// Paper and labels, such as `a4-65`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::A4By65 => "a4-65",
            Self::A4By40 => "a4-40",
            Self::LetterBy65 => "letter-65",
            Self::LetterBy40 => "letter-40",
        }
    }

    /// In micrometres, as labels are sold.
    fn measures(self) -> Measures {
        let (paper, grid, label, pitch) = match self {
            Self::A4By65 => ((210_000, 297_000), (5, 13), (38_100, 21_200), (40_600, 21_200)),
            Self::A4By40 => ((210_000, 297_000), (4, 10), (45_700, 25_400), (48_300, 25_400)),
            Self::LetterBy65 => ((215_900, 279_400), (5, 13), (38_100, 20_320), (40_640, 20_320)),
            Self::LetterBy40 => ((215_900, 279_400), (4, 10), (44_450, 25_400), (50_800, 25_400)),
        };
        Measures { paper, grid, label, pitch }
    }
}

/// Pairs are across and down.
struct Measures {
    paper: (u64, u64),
    grid: (u64, u64),
    label: (u64, u64),
    /// From label to label.
    pitch: (u64, u64),
}

/// What stands where, in thousandths of a point (1/72 inch). The origin is the lower left corner of the paper.
pub(super) struct Plan {
    pub(super) paper: (u64, u64),
    /// The side of a symbol without its quiet zone.
    pub(super) symbol: u64,
    /// Of the serial, whose characters are six tenths as wide.
    pub(super) text_size: u64,
    /// Of the labels, line by line.
    pub(super) places: Vec<Place>,
}

/// A label.
pub(super) struct Place {
    /// The lower left corner of the symbol.
    pub(super) symbol: (u64, u64),
    /// The middle of the serial's baseline.
    pub(super) text: (u64, u64),
}

/// A dot of a printer with 300 dots an inch. Symbols whose modules are whole dots are the sharpest.
const DOT: u64 = 240;
const TEXT_SIZE_MAX: u64 = 6_000;
/// Left and right of the serial.
const TEXT_MARGIN: u64 = 2_000;

impl Plan {
    /// For symbols of so many modules a side. The label has the symbol within its quiet zone in the middle, and the
    /// serial below that.
    pub(super) fn new(sheet: Sheet, run: &Run, side: usize) -> Self {
        let measures = sheet.measures();
        let (width, height) = (points(measures.label.0), points(measures.label.1));
        let text_size =
            TEXT_SIZE_MAX.min((width - 2 * TEXT_MARGIN) * 10 / (6 * run.serial_length_max() as u64));
        // Courier reaches from a quarter of its size below the baseline to two thirds of it above.
        let text_height = text_size;
        let modules = (side + 2 * usize::from(QUIET)) as u64;
        let module = width.min(height - text_height) / modules / DOT * DOT;
        let block = modules * module + text_height;
        let symbol = side as u64 * module;
        let place = |left: u64, top: u64| {
            let bottom = points(measures.paper.1) - top - (height - block) / 2 - block;
            let middle = left + width / 2;
            Place {
                symbol: (middle - symbol / 2, bottom + text_height + u64::from(QUIET) * module),
                text: (middle, bottom + text_size / 4),
            }
        };
        let places = corners(&measures).map(|(left, top)| place(left, top)).collect();
        Self { paper: (points(measures.paper.0), points(measures.paper.1)), symbol, text_size, places }
    }
}

/// Where labels begin, from the left and from the top. The grid is in the middle of the paper.
fn corners(measures: &Measures) -> impl Iterator<Item = (u64, u64)> {
    let Measures { paper, grid, label, pitch } = *measures;
    let left = (paper.0 - (grid.0 - 1) * pitch.0 - label.0) / 2;
    let top = (paper.1 - (grid.1 - 1) * pitch.1 - label.1) / 2;
    (0..grid.1).flat_map(move |row| {
        (0..grid.0).map(move |column| (points(left + column * pitch.0), points(top + row * pitch.1)))
    })
}

/// Thousandths of a point, of 25 400 micrometres an inch.
fn points(micrometres: u64) -> u64 {
    micrometres * 72_000 / 25_400
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::token::TokenKey;

    fn run(prefix_length: usize) -> Run {
        Run {
            key: Arc::new(TokenKey::derive(&[7; 32], 1)),
            first_ordinal: 0,
            prefix: "A".repeat(prefix_length),
            first_number: 1,
            quantity: 10_000_000,
            page_address: String::new(),
        }
    }

    #[test]
    fn symbol_quiet_zone_and_serial_are_within_their_label() {
        for sheet in Sheet::ALL {
            let measures = sheet.measures();
            let (width, height) = (points(measures.label.0), points(measures.label.1));
            for (side, prefix_length) in (21..=57).step_by(4).flat_map(|side| [(side, 1), (side, 20)]) {
                let run = run(prefix_length);
                let plan = Plan::new(sheet, &run, side);
                let module = plan.symbol / side as u64;
                let quiet = 4 * module;
                let text_width = run.serial_length_max() as u64 * plan.text_size * 6 / 10;
                assert!(module >= 3 * DOT && plan.text_size > 4000, "{sheet:?} {side}");
                for ((left, top), place) in corners(&measures).zip(&plan.places) {
                    let bottom = plan.paper.1 - top - height;
                    assert!(place.symbol.0 >= left + quiet);
                    assert!(place.symbol.0 + plan.symbol + quiet <= left + width);
                    assert!(place.symbol.1 + plan.symbol + quiet <= bottom + height);
                    assert!(place.text.1 + plan.text_size * 2 / 3 <= place.symbol.1 - quiet);
                    assert!(place.text.1 >= bottom + plan.text_size / 4);
                    assert!(place.text.0 - text_width / 2 > left);
                    assert!(place.text.0 + text_width / 2 < left + width);
                }
            }
        }
    }

    #[test]
    fn labels_are_where_they_are_on_sheets_that_are_sold() {
        for (sheet, count, first, last) in [
            (Sheet::A4By65, 65, (4_750, 10_700), (167_150, 265_100)),
            (Sheet::A4By40, 40, (9_700, 21_500), (154_600, 250_100)),
            (Sheet::LetterBy65, 65, (7_620, 7_620), (170_180, 251_460)),
            (Sheet::LetterBy40, 40, (9_525, 12_700), (161_925, 241_300)),
        ] {
            let corners: Vec<_> = corners(&sheet.measures()).collect();
            let in_points = |(left, top)| (points(left), points(top));
            assert_eq!((corners.len(), corners[0]), (count, in_points(first)), "{sheet:?}");
            assert_eq!(corners[count - 1], in_points(last), "{sheet:?}");
            assert!(corners[1].0 > corners[0].0 && corners[1].1 == corners[0].1, "line by line");
        }
    }
}
