//! Sheets of labels as pixels: A4, 65 labels, each with a code and three lines of text.

use std::collections::BTreeSet;

use qrcodegen::{Mask, QrCode, QrCodeEcc, QrSegment, Version};
use vision::sheet::{Findings, Page, read};

pub(crate) const LABELS: usize = 65;
/// A side of a code, in millimetres.
pub(crate) const SIDE: f64 = 16.0;
/// Modules a side of a code.
pub(crate) const MODULES: f64 = 29.0;

const COLUMNS: usize = 5;
const A4: (f64, f64) = (210.0, 297.0);
const MILLIMETRES_PER_INCH: f64 = 25.4;
/// Samples of a pixel along each side.
const SAMPLES: u32 = 3;

/// A sheet, whose places are in millimetres from its left and its top until it is turned.
#[derive(Clone)]
pub(crate) struct Sheet {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) grey: Vec<u8>,
    /// Pixels of a millimetre.
    scale: f64,
    /// Sine and cosine of the angle that it is turned by.
    turn: (f64, f64),
}

/// Where the code of a label has its left top corner.
pub(crate) fn place(label: usize) -> (f64, f64) {
    let (column, row) = (label % COLUMNS, label / COLUMNS);
    (6.75 + 40.6 * column as f64, 12.7 + 21.2 * row as f64)
}

/// What the code of a label says: as long as an address with a token.
pub(crate) fn text(label: usize) -> String {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut random = Random::new(label as u64 + 1);
    let token: String = (0..20).map(|_| char::from(DIGITS[random.below(32)])).collect();
    format!("HTTPS://LABEL.EXAMPLE/V/{token}")
}

pub(crate) fn texts(labels: impl IntoIterator<Item = usize>) -> BTreeSet<String> {
    labels.into_iter().map(text).collect()
}

/// The texts that were found, each as often as it was.
pub(crate) fn found(findings: &Findings) -> Vec<String> {
    let mut texts: Vec<String> = findings.codes.iter().map(|code| code.text.clone()).collect();
    texts.sort();
    texts
}

/// Asserts that each of these labels is read once, that nothing else is, and that nothing is left unread.
#[track_caller]
pub(crate) fn assert_reads(sheet: &Sheet, labels: impl IntoIterator<Item = usize>) {
    let findings = sheet.read();
    let expected: Vec<String> = texts(labels).into_iter().collect();
    assert_eq!(found(&findings), expected);
    assert_eq!(findings.unread, []);
}

pub(crate) fn symbol(text: &str) -> QrCode {
    let segments = QrSegment::make_segments(text);
    let (least, most) = (Version::new(3), Version::MAX);
    QrCode::encode_segments_advanced(&segments, QrCodeEcc::Medium, least, most, Some(Mask::new(2)), false)
        .expect("the text is short")
}

/// All labels of a sheet.
pub(crate) fn labels(dots_per_inch: f64, degrees: f64) -> Sheet {
    let mut sheet = Sheet::empty(dots_per_inch, degrees);
    (0..LABELS).for_each(|label| sheet.label(label, &text(label)));
    sheet
}

impl Sheet {
    /// White paper, turned about its middle.
    pub(crate) fn empty(dots_per_inch: f64, degrees: f64) -> Self {
        let scale = dots_per_inch / MILLIMETRES_PER_INCH;
        let is_upright = (degrees / 90.0).round() as i64 % 2 == 0;
        let (width, height) = if is_upright { A4 } else { (A4.1, A4.0) };
        let (width, height) = ((width * scale) as usize, (height * scale) as usize);
        Self { width, height, grey: vec![255; width * height], scale, turn: degrees.to_radians().sin_cos() }
    }

    /// Where a place is, in pixels.
    pub(crate) fn pixel(&self, x: f64, y: f64) -> (f64, f64) {
        let (sine, cosine) = self.turn;
        let (x, y) = ((x - A4.0 / 2.0) * self.scale, (y - A4.1 / 2.0) * self.scale);
        (x * cosine - y * sine + self.width as f64 / 2.0, x * sine + y * cosine + self.height as f64 / 2.0)
    }

    /// Where the middle of a label's code is, in pixels.
    pub(crate) fn middle(&self, label: usize) -> (f64, f64) {
        let (x, y) = place(label);
        self.pixel(x + SIDE / 2.0, y + SIDE / 2.0)
    }

    fn place_of(&self, x: f64, y: f64) -> (f64, f64) {
        let (sine, cosine) = self.turn;
        let (x, y) = (x - self.width as f64 / 2.0, y - self.height as f64 / 2.0);
        let (x, y) = (x * cosine + y * sine, y * cosine - x * sine);
        (x / self.scale + A4.0 / 2.0, y / self.scale + A4.1 / 2.0)
    }

    /// A code and words beside it.
    pub(crate) fn label(&mut self, label: usize, text: &str) {
        let (x, y) = place(label);
        self.code(text, x, y, SIDE);
        self.words(label, x + SIDE + 3.0, y + 2.0);
    }

    pub(crate) fn code(&mut self, text: &str, x: f64, y: f64, side: f64) {
        let symbol = symbol(text);
        let modules = f64::from(symbol.size());
        let is_dark = |u: f64, v: f64| symbol.get_module((u * modules) as i32, (v * modules) as i32);
        self.draw((x, y), (side, side), is_dark);
    }

    /// Three lines of text.
    pub(crate) fn words(&mut self, seed: usize, x: f64, y: f64) {
        self.lines(3, seed, x, y);
    }

    /// Lines of 15 millimetres, one every four.
    pub(crate) fn lines(&mut self, lines: u32, seed: usize, x: f64, y: f64) {
        let mut random = Random::new(seed as u64 + 1000);
        for line in 0..lines {
            let letters: Vec<[u8; 7]> = (0..10).map(|_| LETTERS[random.below(LETTERS.len())]).collect();
            self.draw((x, y + 4.0 * f64::from(line)), (15.0, 2.4), |u, v| {
                let (column, row) = ((u * 60.0) as usize, (v * 7.0) as usize);
                letters[column / 6][row] << (column % 6) & 0b10_0000 != 0
            });
        }
    }

    /// Ink where `is_dark` says so of a place, from 0 to 1 to the right and down.
    pub(crate) fn draw(&mut self, (x, y): (f64, f64), size: (f64, f64), is_dark: impl Fn(f64, f64) -> bool) {
        let corners = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)];
        let corners = corners.map(|(u, v)| self.pixel(x + u * size.0, y + v * size.1));
        let across = span(corners.map(|corner| corner.0), self.width);
        for row in span(corners.map(|corner| corner.1), self.height) {
            for column in across.clone() {
                let part = |step: u32| (f64::from(step) + 0.5) / f64::from(SAMPLES);
                let samples = (0..SAMPLES * SAMPLES).map(|s| (part(s % SAMPLES), part(s / SAMPLES)));
                let dark = samples.filter(|(right, down)| {
                    let (px, py) = self.place_of(column as f64 + right, row as f64 + down);
                    let (u, v) = ((px - x) / size.0, (py - y) / size.1);
                    (0.0..1.0).contains(&u) && (0.0..1.0).contains(&v) && is_dark(u, v)
                });
                let ink = dark.count() * 255 / (SAMPLES * SAMPLES) as usize;
                let grey = &mut self.grey[row * self.width + column];
                *grey = (usize::from(*grey)).saturating_sub(ink) as u8;
            }
        }
    }

    /// A rectangle of one grey.
    pub(crate) fn cover(&mut self, (x, y): (f64, f64), size: (f64, f64), grey: u8) {
        self.draw((x, y), size, |_, _| true);
        let corners = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)];
        let corners = corners.map(|(u, v)| self.pixel(x + u * size.0, y + v * size.1));
        let across = span(corners.map(|corner| corner.0), self.width);
        for row in span(corners.map(|corner| corner.1), self.height) {
            for column in across.clone() {
                let (px, py) = self.place_of(column as f64 + 0.5, row as f64 + 0.5);
                if (x..x + size.0).contains(&px) && (y..y + size.1).contains(&py) {
                    self.grey[row * self.width + column] = grey;
                }
            }
        }
    }

    /// A label, with its code, as it is on another sheet.
    pub(crate) fn with_label_of(mut self, label: usize, other: &Self) -> Self {
        let (x, y) = place(label);
        let corners =
            [(-2.0, -2.0), (38.0, -2.0), (-2.0, 18.0), (38.0, 18.0)].map(|(u, v)| self.pixel(x + u, y + v));
        let across = span(corners.map(|corner| corner.0), self.width);
        for row in span(corners.map(|corner| corner.1), self.height) {
            let pixels = row * self.width + across.start..row * self.width + across.end;
            self.grey[pixels.clone()].copy_from_slice(&other.grey[pixels]);
        }
        self
    }

    pub(crate) fn page(&self) -> Page {
        let (width, height) = (self.width as u32, self.height as u32);
        Page::new(width, height, self.grey.clone()).expect("the sheet is no larger than a page may be")
    }

    pub(crate) fn read(&self) -> Findings {
        read(&self.page())
    }

    /// Each grey value becomes another.
    pub(crate) fn toned(mut self, tone: impl Fn(f64) -> f64) -> Self {
        self.grey.iter_mut().for_each(|grey| *grey = tone(f64::from(*grey)) as u8);
        self
    }

    /// Out of focus: a mean over a square, three times, which is nearly a Gaussian.
    pub(crate) fn blurred(mut self, radius: usize) -> Self {
        for _ in 0..3 {
            self.grey = mean_of_rows(&self.grey, self.width, radius);
            self.grey = transposed(&self.grey, self.width);
            self.grey = mean_of_rows(&self.grey, self.height, radius);
            self.grey = transposed(&self.grey, self.height);
        }
        self
    }

    /// Every pixel up to so much darker or lighter.
    pub(crate) fn noisy(mut self, most: f64) -> Self {
        let mut random = Random::new(42);
        for grey in &mut self.grey {
            let noise = random.part() + random.part() + random.part() - 1.5;
            *grey = (f64::from(*grey) + noise * most).clamp(0.0, 255.0) as u8;
        }
        self
    }

    /// Less light towards the left top, where this part of it is left.
    pub(crate) fn shaded(mut self, least: f64) -> Self {
        let far = (self.width + self.height) as f64;
        for (place, grey) in self.grey.iter_mut().enumerate() {
            let near = (place % self.width + place / self.width) as f64;
            *grey = (f64::from(*grey) * (least + (1.0 - least) * near / far)) as u8;
        }
        self
    }

    /// Seen from aside, on a dark table.
    pub(crate) fn seen_from_aside(self, slant: f64) -> Self {
        let (width, height) = (self.width as f64, self.height as f64);
        let mut seen = self.clone();
        for (place, grey) in seen.grey.iter_mut().enumerate() {
            let (x, y) =
                ((place % self.width) as f64 / width - 0.5, (place / self.width) as f64 / height - 0.5);
            let distance = (1.0 - slant * y - slant * x / 2.0) / 1.2;
            let (x, y) = ((x / distance + 0.5) * width, (y / distance + 0.5) * height);
            let is_paper = (0.0..width - 1.0).contains(&x) && (0.0..height - 1.0).contains(&y);
            *grey = if is_paper { self.between(x, y) } else { 60 };
        }
        seen
    }

    fn between(&self, x: f64, y: f64) -> u8 {
        let (left, top) = (x as usize, y as usize);
        let at = |x: usize, y: usize| f64::from(self.grey[y * self.width + x]);
        let mix = |a: f64, b: f64, part: f64| a + (b - a) * part;
        let above = mix(at(left, top), at(left + 1, top), x.fract());
        let below = mix(at(left, top + 1), at(left + 1, top + 1), x.fract());
        mix(above, below, y.fract()) as u8
    }
}

fn span(ends: [f64; 4], length: usize) -> std::ops::Range<usize> {
    let least = ends.iter().copied().fold(f64::MAX, f64::min);
    let most = ends.iter().copied().fold(f64::MIN, f64::max);
    least.floor().max(0.0) as usize..(most.ceil().max(0.0) as usize).min(length)
}

fn mean_of_rows(grey: &[u8], width: usize, radius: usize) -> Vec<u8> {
    let rows = grey.chunks(width).flat_map(|row| {
        (0..width).map(move |x| {
            let near = &row[x.saturating_sub(radius)..(x + radius + 1).min(width)];
            (near.iter().map(|grey| usize::from(*grey)).sum::<usize>() / near.len()) as u8
        })
    });
    rows.collect()
}

fn transposed(grey: &[u8], width: usize) -> Vec<u8> {
    (0..width).flat_map(|x| grey.iter().copied().skip(x).step_by(width)).collect()
}

/// Numbers that are the same in every run (xorshift64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, most: usize) -> usize {
        (self.next() >> 32) as usize % most
    }

    /// From 0 to 1.
    fn part(&mut self) -> f64 {
        (self.next() >> 32) as f64 / f64::from(u32::MAX)
    }
}

/// Letters and digits of 5 by 7 dots, a row in the low bits of each byte with a gap to the right of it; the last is a
/// space.
const LETTERS: &[[u8; 7]] = &[
    [0x1C, 0x22, 0x22, 0x3E, 0x22, 0x22, 0x22],
    [0x3C, 0x22, 0x22, 0x3C, 0x22, 0x22, 0x3C],
    [0x1C, 0x22, 0x20, 0x20, 0x20, 0x22, 0x1C],
    [0x3E, 0x20, 0x20, 0x3C, 0x20, 0x20, 0x3E],
    [0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x3E],
    [0x22, 0x36, 0x2A, 0x2A, 0x22, 0x22, 0x22],
    [0x22, 0x32, 0x2A, 0x26, 0x22, 0x22, 0x22],
    [0x1C, 0x22, 0x22, 0x22, 0x22, 0x22, 0x1C],
    [0x3E, 0x08, 0x08, 0x08, 0x08, 0x08, 0x08],
    [0x1C, 0x22, 0x26, 0x2A, 0x32, 0x22, 0x1C],
    [0x08, 0x18, 0x08, 0x08, 0x08, 0x08, 0x1C],
    [0x1C, 0x22, 0x02, 0x04, 0x08, 0x10, 0x3E],
    [0x3E, 0x02, 0x04, 0x08, 0x10, 0x10, 0x10],
    [0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00],
];
