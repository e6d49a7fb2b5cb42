//! QR codes on a page.
//!
//! 1. One reader looks at the whole page and finds nearly all, because it finds their finder patterns (ISO/IEC 18004,
//!    the three nested squares) wherever they are and however they are turned.
//! 2. What it left is suspected: three finder patterns that belong together, and blobs as large as the codes that were
//!    read. Both readers look at each suspect closely: as it is, without noise, larger.
//! 3. A suspect that neither could read is reported if it looks like a code, and forgotten if it looks like a logo.

mod blobs;
mod finders;
mod readers;
mod texture;
mod tone;

use super::Page;
use readers::Survey;
use tone::View;

/// A page of more pixels is not looked at in double size: it was not scanned coarsely.
const DOUBLED_PIXELS_MAX: usize = 10_000_000;

/// What is on a page, from the top to the bottom.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Findings {
    pub codes: Vec<Found>,
    /// Places that look like a code and that neither reader could read.
    pub unread: Vec<Spot>,
}

/// A code that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    pub text: String,
    /// Its middle, in pixels from the left and from the top.
    pub centre: (u32, u32),
    pub by: Reader,
}

/// Which reader read a code. They fail at different damage, so that together they read more than either.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reader {
    Rxing,
    Quircs,
}

/// A place that looks like a code and that neither reader could read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spot {
    /// Its middle, in pixels from the left and from the top.
    pub centre: (u32, u32),
    /// About how long a side of it is, in pixels.
    pub side: u32,
}

#[derive(Clone, Copy, PartialEq, Debug)]
struct Point {
    x: f32,
    y: f32,
}

impl Point {
    fn distance(self, other: Self) -> f32 {
        (self.x - other.x).hypot(self.y - other.y)
    }

    fn between(self, other: Self) -> Self {
        Self { x: self.x.midpoint(other.x), y: self.y.midpoint(other.y) }
    }
}

/// Where a symbol is, or may be; lengths in pixels.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Area {
    centre: Point,
    /// A side of the symbol, without its quiet zone.
    side: f32,
    /// A side of one of its modules.
    module: f32,
}

impl Area {
    /// Whether a point is on the symbol, however that is turned.
    fn holds(&self, point: Point) -> bool {
        self.centre.distance(point) < self.side * 0.72
    }

    fn pixel(&self) -> (u32, u32) {
        (whole(self.centre.x), whole(self.centre.y))
    }
}

/// A symbol that was read.
#[derive(Clone, Debug)]
struct Symbol {
    text: String,
    area: Area,
    by: Reader,
}

/// Where a symbol may be, and why it is thought so.
#[derive(Clone, Copy, Debug)]
struct Suspect {
    area: Area,
    why: Evidence,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Evidence {
    /// Three finder patterns that belong together.
    Triple,
    /// A finder pattern as large as the others on the page, in a blob.
    Finder,
    /// A blob as large as the symbols on the page.
    Blob,
}

/// Finds all QR codes on a page.
#[must_use]
pub fn read(page: &Page) -> Findings {
    let Some(page) = tone::stretched(page) else { return Findings::default() };
    let Survey { mut symbols, finders } = look(&page);
    let mut suspects = finders::triples(&finders, &symbols);
    suspects.extend(blobs::suspects(&page, &symbols, &suspects, &finders));
    let mut unread: Vec<Area> = Vec::new();
    for suspect in suspects {
        let is_taken = |area: &Area| area.holds(suspect.area.centre);
        if symbols.iter().any(|symbol| is_taken(&symbol.area)) || unread.iter().any(is_taken) {
            continue;
        }
        if !texture::is_symbol(&page, suspect) {
            continue;
        }
        match look_closely(&page, suspect.area) {
            Some(symbol) => add(&mut symbols, symbol),
            None => unread.push(suspect.area),
        }
    }
    findings(symbols, unread)
}

/// What is seen on the whole page.
///
/// Most pages need one look. One that shows no symbol may show some without noise, or smaller, or larger; one that shows
/// many finder patterns of symbols that cannot be read may show more without noise that is finer than its modules.
fn look(page: &Page) -> Survey {
    let plain = View::of(page);
    let mut seen = readers::survey(&plain);
    let is_small = page.grey.len() <= DOUBLED_PIXELS_MAX;
    let others: [&dyn Fn() -> Option<View<'static>>; 6] = [
        &|| Some(plain.smoothed()),
        &|| plain.shrunk(2),
        &|| plain.shrunk(4),
        &|| plain.shrunk(8),
        &|| plain.shrunk(16),
        &|| is_small.then(|| plain.enlarged(2)),
    ];
    for other in others {
        if !seen.symbols.is_empty() {
            break;
        }
        seen = other().map(|view| readers::survey(&view)).into_iter().fold(seen, Survey::and);
    }
    if let Some(module) = seen.module().filter(|_| !seen.is_complete()) {
        let views = [plain.calmed(module), plain.magnified(module).filter(|_| is_small && module < 4.0)];
        seen = views.iter().flatten().fold(seen, |seen, view| seen.and(readers::survey(view)));
    }
    seen
}

/// Adds a symbol that is not there yet.
fn add(symbols: &mut Vec<Symbol>, symbol: Symbol) {
    if !symbols.iter().any(|other| other.area.holds(symbol.area.centre)) {
        symbols.push(symbol);
    }
}

/// Both readers on a part of the page: as it is, then without noise, then larger.
fn look_closely(page: &Page, area: Area) -> Option<Symbol> {
    let plain = View::around(page, area)?;
    let here = |symbols: Vec<Symbol>| {
        symbols.into_iter().find(|symbol| symbol.area.centre.distance(area.centre) < area.side / 2.0)
    };
    let read = |view: &View<'_>| here(readers::survey(view).symbols).or_else(|| here(readers::quircs(view)));
    read(&plain)
        .or_else(|| read(&plain.calmed(area.module)?))
        .or_else(|| read(&plain.magnified(area.module)?))
}

fn findings(symbols: Vec<Symbol>, unread: Vec<Area>) -> Findings {
    let place = |centre: &(u32, u32)| (centre.1, centre.0);
    let mut codes: Vec<Found> = symbols
        .into_iter()
        .map(|symbol| Found { text: symbol.text, centre: symbol.area.pixel(), by: symbol.by })
        .collect();
    codes.sort_by_key(|code| place(&code.centre));
    let mut unread: Vec<Spot> =
        unread.into_iter().map(|area| Spot { centre: area.pixel(), side: whole(area.side) }).collect();
    unread.sort_by_key(|spot| place(&spot.centre));
    Findings { codes, unread }
}

/// The nearest whole number of pixels; none are negative, and none are more than a page has.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates at 0 and the most"
)]
fn whole(pixels: f32) -> u32 {
    pixels.round() as u32
}
