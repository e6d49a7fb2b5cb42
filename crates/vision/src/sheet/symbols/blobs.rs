//! Blobs of ink that are as large as the symbols on the page.
//!
//! The page is divided into cells of about a module. A cell has ink if it is darker than the paper around; cells with ink
//! that touch, or nearly, are a blob. The quiet zone of a symbol keeps other ink away from it.

use super::finders::Finder;
use super::tone::{View, float};
use super::{Area, Evidence, Page, Point, Suspect, Symbol, whole};

/// More blobs than this are a photograph of something else.
const BLOBS_MAX: usize = 20_000;

/// Blobs that no symbol and no suspect is known for. Without any of those nobody knows how large to look for.
pub(super) fn suspects(
    page: &Page,
    symbols: &[Symbol],
    known: &[Suspect],
    finders: &[Finder],
) -> Vec<Suspect> {
    let areas: Vec<Area> =
        symbols.iter().map(|symbol| symbol.area).chain(known.iter().map(|suspect| suspect.area)).collect();
    let Some(usual) = usual(&areas) else { return Vec::new() };
    let Some(cells) = Cells::of(page, usual) else { return Vec::new() };
    let is_new = |point: Point| !areas.iter().any(|area| area.holds(point));
    let lone: Vec<Point> = finders
        .iter()
        .filter(|finder| (0.7..1.4).contains(&(finder.module / usual.module)) && is_new(finder.centre))
        .map(|finder| finder.centre)
        .collect();
    let blobs = cells.blobs();
    let suspects =
        blobs.iter().filter(|blob| is_new(blob.centre)).filter_map(|blob| blob.suspect(usual, &lone));
    suspects.collect()
}

/// The side in the middle when all are sorted, and the module that goes with it.
fn usual(areas: &[Area]) -> Option<Area> {
    let mut areas = areas.to_vec();
    areas.sort_by(|a, b| a.side.total_cmp(&b.side));
    areas.get(areas.len() / 2).copied()
}

/// The page in cells, with ink or without.
struct Cells {
    columns: usize,
    has_ink: Vec<bool>,
    /// Pixels a side of a cell.
    size: u32,
}

/// Cells with ink that hang together; lengths in pixels of the page.
struct Blob {
    centre: Point,
    /// The sides of the rectangle whose area is spread out as the blob is, the longer one first.
    sides: (f32, f32),
    /// Left, top, right, bottom.
    reach: [f32; 4],
}

impl Cells {
    fn of(page: &Page, usual: Area) -> Option<Self> {
        /// Ink reflects less than this part of what the paper around it does.
        const INK: f32 = 0.75;
        let size = whole(usual.module).max(1);
        let cells = View::of(page).shrunk(size)?.page.into_owned();
        let papers = Papers::of(&cells, whole(usual.side / float(size)).max(1));
        let has_ink: Vec<bool> = (0..cells.height)
            .flat_map(|y| cells.row(y).iter().zip(0..).map(move |(grey, x)| (*grey, x, y)))
            .map(|(grey, x, y)| f32::from(grey) < INK * f32::from(papers.at(x, y)))
            .collect();
        let columns = cells.width as usize;
        Some(Self { columns, has_ink: spread(&has_ink, columns), size })
    }

    /// None if there are too many.
    fn blobs(mut self) -> Vec<Blob> {
        let mut blobs = Vec::new();
        for start in 0..self.has_ink.len() {
            if self.has_ink[start] {
                blobs.push(self.take(start));
            }
            if blobs.len() > BLOBS_MAX {
                return Vec::new();
            }
        }
        blobs
    }

    /// The blob of a cell. Its cells lose their ink.
    fn take(&mut self, start: usize) -> Blob {
        let mut moments = Moments::default();
        let mut open = vec![start];
        self.has_ink[start] = false;
        while let Some(cell) = open.pop() {
            let (x, y) = (cell % self.columns, cell / self.columns);
            moments.add(x, y);
            let beside = [(x > 0).then(|| cell - 1), (x + 1 < self.columns).then_some(cell + 1)];
            let above_below = [cell.checked_sub(self.columns), Some(cell + self.columns)];
            for next in beside.into_iter().chain(above_below).flatten() {
                if self.has_ink.get(next).is_some_and(|has_ink| *has_ink) {
                    self.has_ink[next] = false;
                    open.push(next);
                }
            }
        }
        moments.blob(float(self.size))
    }
}

/// How light the paper is, as the lightest cell in a wide surrounding tells.
struct Papers {
    lightest: Page,
    /// Cells a side of one block.
    block: u32,
}

impl Papers {
    fn of(cells: &Page, block: u32) -> Self {
        let (width, height) = (cells.width.div_ceil(block), cells.height.div_ceil(block));
        let mut lightest = Page { width, height, grey: vec![0; width as usize * height as usize] };
        for y in 0..cells.height {
            let start = (y / block * width) as usize;
            for (pixels, light) in cells.row(y).chunks(block as usize).zip(&mut lightest.grey[start..]) {
                *light = pixels.iter().copied().fold(*light, u8::max);
            }
        }
        Self { lightest, block }
    }

    /// Over the block of a cell and the eight around it.
    fn at(&self, x: u32, y: u32) -> u8 {
        let (x, y) = (x / self.block, y / self.block);
        let rows = y.saturating_sub(1)..(y + 2).min(self.lightest.height);
        let columns = x.saturating_sub(1) as usize..(x + 2).min(self.lightest.width) as usize;
        rows.flat_map(|y| &self.lightest.row(y)[columns.clone()]).copied().max().unwrap_or(u8::MAX)
    }
}

/// Cells beside ink have ink, too, so that the light modules in a symbol are part of its blob.
fn spread(has_ink: &[bool], columns: usize) -> Vec<bool> {
    let mut across = vec![false; has_ink.len()];
    for (row, to) in has_ink.chunks(columns).zip(across.chunks_mut(columns)) {
        for x in (0..columns).filter(|x| row[*x]) {
            to[x.saturating_sub(1)..(x + 2).min(columns)].fill(true);
        }
    }
    let mut spread = across.clone();
    for (cell, _) in across.iter().enumerate().filter(|(_, has_ink)| **has_ink) {
        for near in [cell.checked_sub(columns), Some(cell + columns)].into_iter().flatten() {
            if let Some(near) = spread.get_mut(near) {
                *near = true;
            }
        }
    }
    spread
}

/// Sums over the cells of a blob, and how far they reach.
#[derive(Default)]
struct Moments {
    cells: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
    yy: f64,
    reach: Option<[usize; 4]>,
}

impl Moments {
    fn add(&mut self, column: usize, row: usize) {
        let [left, top, right, bottom] = self.reach.unwrap_or([column, row, column, row]);
        self.reach = Some([left.min(column), top.min(row), right.max(column), bottom.max(row)]);
        let (x, y) = (double(column), double(row));
        self.cells += 1.0;
        self.x += x;
        self.y += y;
        self.xx += x * x;
        self.xy += x * y;
        self.yy += y * y;
    }

    /// The variance of a line of length l is l²/12, so that the variances along the axes of the blob give its sides.
    fn blob(&self, cell: f32) -> Blob {
        /// What [`spread`] added.
        const SPREAD_CELLS: f64 = 2.0;
        let (x, y) = (self.x / self.cells, self.y / self.cells);
        let (xx, yy, xy) =
            (self.xx / self.cells - x * x, self.yy / self.cells - y * y, self.xy / self.cells - x * y);
        let root = (xx - yy).hypot(2.0 * xy);
        let side = |variance: f64| single((12.0 * variance.max(0.0)).sqrt() - SPREAD_CELLS) * cell;
        let pixel = |cells: f64| single(cells + 0.5) * cell;
        let reach = self.reach.unwrap_or_default().map(|cells| pixel(double(cells)));
        Blob {
            centre: Point { x: pixel(x), y: pixel(y) },
            sides: (side(xx.midpoint(yy) + root / 2.0), side(xx.midpoint(yy) - root / 2.0)),
            reach,
        }
    }
}

impl Blob {
    fn suspect(&self, usual: Area, lone: &[Point]) -> Option<Suspect> {
        let [left, top, right, bottom] = self.reach;
        let has = |point: &&Point| (left..=right).contains(&point.x) && (top..=bottom).contains(&point.y);
        if let Some(finder) = lone.iter().find(has) {
            return self.with_finder(usual, *finder);
        }
        let (long, short) = self.sides;
        let is_usual = |side: f32| (0.75..1.35).contains(&(side / usual.side));
        let is_square = is_usual(long) && is_usual(short);
        is_square.then_some(Suspect { area: Area { centre: self.centre, ..usual }, why: Evidence::Blob })
    }

    /// What is left of a symbol is in the middle of its blob, unless other ink runs into that.
    fn with_finder(&self, usual: Area, finder: Point) -> Option<Suspect> {
        const PART_MIN: f32 = 0.2;
        let [left, top, right, bottom] = self.reach;
        if self.sides.0 * self.sides.1 < PART_MIN * usual.side * usual.side {
            return None;
        }
        let is_alone = (right - left).max(bottom - top) < 1.6 * usual.side;
        let centre = if is_alone { self.centre } else { finder };
        Some(Suspect { area: Area { centre, ..usual }, why: Evidence::Finder })
    }
}

#[expect(clippy::cast_precision_loss, reason = "a page has at most 20 000 cells a side")]
fn double(cells: usize) -> f64 {
    cells as f64
}

#[expect(clippy::cast_possible_truncation, reason = "a tenth of a pixel is exact enough")]
fn single(length: f64) -> f32 {
    length as f32
}
