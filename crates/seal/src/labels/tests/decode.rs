//! Symbols as another implementation reads them from what the files themselves describe.

use std::collections::HashMap;
use std::io::{Cursor, Read as _};

use ::zip::ZipArchive;
use rxing::BarcodeFormat;
use rxing::helpers::detect_in_luma;

use super::*;

/// Dark modules.
struct Grid {
    side: usize,
    modules: Vec<bool>,
}

impl Grid {
    fn light(side: usize) -> Self {
        Self { side, modules: vec![false; side * side] }
    }

    /// What the symbol says, within so many light modules on each side.
    fn decode(&self, quiet: usize) -> String {
        const DOTS: usize = 3;
        let width = (self.side + 2 * quiet) * DOTS;
        let mut dots = vec![255; width * width];
        for (y, x) in (0..self.side).flat_map(|y| (0..self.side).map(move |x| (y, x))) {
            for dot in (0..DOTS * DOTS).filter(|_| self.modules[y * self.side + x]) {
                let (down, across) = ((y + quiet) * DOTS + dot / DOTS, (x + quiet) * DOTS + dot % DOTS);
                dots[down * width + across] = 0;
            }
        }
        let width = u32::try_from(width).unwrap();
        let found = detect_in_luma(dots, width, width, Some(BarcodeFormat::QR_CODE)).unwrap();
        found.getText().to_owned()
    }
}

/// The address of each serial.
fn expected(run: &Run) -> HashMap<String, String> {
    let codes = (0..run.quantity).map(|index| run.code(index));
    codes.map(|code| (code.serial, code.verify_url.to_ascii_uppercase())).collect()
}

/// The inline images of a PDF with the serials below them.
fn labels(pdf: &[u8]) -> Vec<(Grid, String)> {
    let text = String::from_utf8_lossy(pdf);
    let label = |text: &str| {
        let (width, text) = text.split_once("/H ").unwrap();
        let (height, text) = text.split_once("/BPC 1/IM true/F/AHx ID ").unwrap();
        assert_eq!(width, height);
        let (digits, text) = text.split_once(">\nEI Q BT ").unwrap();
        let (_, text) = text.split_once(" Td(").unwrap();
        let (serial, _) = text.split_once(")Tj ET").unwrap();
        (image(width.parse().unwrap(), digits), serial.to_owned())
    };
    text.split(" cm BI/W ").skip(1).map(label).collect()
}

/// A mask with whole bytes a row, in which a clear bit paints.
fn image(side: usize, digits: &str) -> Grid {
    let mut grid = Grid::light(side);
    let row_digits = side.div_ceil(8) * 2;
    assert_eq!(digits.len(), side * row_digits);
    for (y, row) in digits.as_bytes().chunks(row_digits).enumerate() {
        for x in 0..side {
            let digit = char::from(row[x / 4]).to_digit(16).unwrap();
            grid.modules[y * side + x] = digit >> (3 - x % 4) & 1 == 0;
        }
    }
    grid
}

/// The second path of a drawing, its width without the serial, and the serial.
fn drawing(svg: &str) -> (Grid, usize, String) {
    let width = svg.split_once("viewBox=\"0 0 ").unwrap().1.split(' ').next().unwrap();
    let path = svg.split_once("crispEdges\" d=\"").unwrap().1.split('"').next().unwrap();
    let serial = svg.split_once("middle\">").unwrap().1.split('<').next().unwrap();
    (filled(path, width.parse().unwrap()), width.parse().unwrap(), serial.to_owned())
}

/// Fills a path of `M`, `m`, `h`, `v` and `z`: whoever crosses an upright edge enters or leaves.
fn filled(path: &str, side: usize) -> Grid {
    let mut grid = Grid::light(side);
    let (mut x, mut y, mut start) = (0, 0, (0, 0));
    for (letter, numbers) in commands(path) {
        match (letter, &numbers[..]) {
            ('M' | 'm', [across, down]) => {
                (x, y) = (x + across, y + down);
                start = (x, y);
            }
            ('h', [across]) => x += across,
            ('v', [down @ (1 | -1)]) => {
                let row = usize::try_from(y.min(y + down)).unwrap() * side;
                let right = row + usize::try_from(x).unwrap()..row + side;
                grid.modules[right].iter_mut().for_each(|module| *module = !*module);
                y += down;
            }
            ('z', []) => {
                assert_eq!(y, start.1, "what closes an outline is level");
                (x, y) = start;
            }
            other => panic!("{other:?}"),
        }
    }
    grid
}

fn commands(path: &str) -> Vec<(char, Vec<i64>)> {
    let mut commands = Vec::new();
    let starts: Vec<usize> = path.match_indices(char::is_alphabetic).map(|(at, _)| at).collect();
    for (nth, start) in starts.iter().enumerate() {
        let end = starts.get(nth + 1).map_or(path.len(), |next| *next);
        let numbers = path[start + 1..end].split_whitespace().map(|number| number.parse().unwrap());
        commands.push((path[*start..].chars().next().unwrap(), numbers.collect()));
    }
    commands
}

#[test]
fn every_symbol_of_a_pdf_is_read() {
    for (sheet, quantity) in
        [(Sheet::A4By65, 150), (Sheet::A4By40, 41), (Sheet::LetterBy65, 65), (Sheet::LetterBy40, 3)]
    {
        let run = run(999_950, quantity);
        let labels = labels(&whole(&file(Format::Pdf(sheet), run.clone())));
        let read: HashMap<_, _> =
            labels.iter().map(|(grid, serial)| (serial.clone(), grid.decode(4))).collect();
        assert_eq!((read, labels.len() as u64), (expected(&run), quantity), "{sheet:?}");
    }
}

#[test]
fn every_drawing_of_a_zip_is_read() {
    let run = run(999_800, 300);
    let mut archive = ZipArchive::new(Cursor::new(whole(&file(Format::SvgZip, run.clone())))).unwrap();
    let mut read = HashMap::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).unwrap();
        let mut svg = String::new();
        // Checks the checksum, too.
        entry.read_to_string(&mut svg).unwrap();
        let (grid, width, serial) = drawing(&svg);
        assert_eq!(entry.name().unwrap(), format!("{serial}.svg"));
        let is_quiet = |at: usize| at < 4 || at >= width - 4;
        let mut dark = (0..width * width).filter(|at| grid.modules[*at]);
        assert!(dark.all(|at| !is_quiet(at % width) && !is_quiet(at / width)), "{serial}");
        read.insert(serial, grid.decode(0));
    }
    assert_eq!((read, archive.len() as u64), (expected(&run), run.quantity));
}

#[test]
fn symbols_of_any_size_are_read() {
    for length in [1, 40, 90, 150, 240] {
        let page_address = format!("https://{}.example/", "a".repeat(length));
        let run = Run { page_address, ..run(1, 4) };
        let pdf = whole(&file(Format::Pdf(Sheet::A4By65), run.clone()));
        let read: HashMap<_, _> =
            labels(&pdf).into_iter().map(|(grid, serial)| (serial, grid.decode(4))).collect();
        assert_eq!(read, expected(&run));
        let mut archive = ZipArchive::new(Cursor::new(whole(&file(Format::SvgZip, run.clone())))).unwrap();
        let mut svg = String::new();
        archive.by_name("EXP24-000002.svg").unwrap().read_to_string(&mut svg).unwrap();
        assert_eq!(drawing(&svg).0.decode(0), expected(&run)["EXP24-000002"]);
    }
}

#[test]
fn the_largest_zip_has_all_its_drawings() {
    let run = run(990_000, DRAWINGS_MAX);
    let archive = ZipArchive::new(Cursor::new(whole(&file(Format::SvgZip, run.clone())))).unwrap();
    assert_eq!(archive.len() as u64, DRAWINGS_MAX);
    let names = (0..DRAWINGS_MAX).map(|index| format!("{}.svg", serial("EXP24", 990_000 + index)));
    assert!(names.eq(archive.file_names().map(Result::unwrap)));
}
