//! The raster that a page is drawn on.

use super::super::{PIXELS_MAX, Page, Unreadable, WHITE};
use super::matrix::{Bounds, Matrix, Point, whole};

/// How often each pixel may be painted, on average, beside the pixels of the largest picture there may be. A page that
/// takes more was made to take more.
const LAYERS_MAX: u64 = 100;
/// Lines of a pixel's height on which the edges of a path are followed.
const SUBLINES: u32 = 4;

pub(super) struct Canvas {
    page: Page,
    /// Pixels that may yet be painted.
    work: u64,
}

/// Which parts inside of a path are filled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    NonZero,
    EvenOdd,
}

/// A tone, and how much of it is laid over what is there.
#[derive(Clone, Copy)]
pub(super) struct Ink {
    pub(super) grey: u8,
    /// From 0, nothing, to 1.
    pub(super) alpha: f32,
}

/// Values in rows from the top.
pub(super) struct Plane {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) values: Vec<u8>,
}

/// What is painted into the unit square; the two planes need not be of one size.
pub(super) struct Painting {
    pub(super) grey: Plane,
    /// 255 covers.
    pub(super) cover: Option<Plane>,
}

struct Edge {
    top: f64,
    bottom: f64,
    /// Where it is at its top, and how far it goes to the right for each pixel down.
    x: f64,
    slope: f64,
    /// 1 if the path goes down here, -1 if it goes up.
    turn: i32,
}

impl Canvas {
    pub(super) fn new(width: u32, height: u32) -> Self {
        let pixels = width as usize * height as usize;
        let page = Page { width, height, grey: vec![WHITE; pixels] };
        Self { page, work: LAYERS_MAX * pixels as u64 + PIXELS_MAX }
    }

    pub(super) fn into_page(self) -> Page {
        self.page
    }

    pub(super) fn bounds(&self) -> Bounds {
        let (right, bottom) = (f64::from(self.page.width), f64::from(self.page.height));
        Bounds { left: 0.0, top: 0.0, right, bottom }
    }

    /// Takes some pixels of work from what is left.
    pub(super) fn spend(&mut self, work: u64) -> Result<(), Unreadable> {
        let left = self.work.checked_sub(work);
        self.work = left.ok_or_else(|| Unreadable::TooLarge("the page takes too much to draw".to_owned()))?;
        Ok(())
    }

    /// Fills closed polygons.
    pub(super) fn fill(
        &mut self,
        polygons: &[Vec<Point>],
        rule: Rule,
        ink: Ink,
        clip: Bounds,
    ) -> Result<(), Unreadable> {
        let clip = Bounds::around(polygons.iter().flatten().copied()).within(clip).within(self.bounds());
        if clip.left >= clip.right || clip.top >= clip.bottom {
            return Ok(());
        }
        let mut edges = edges(polygons, clip);
        edges.sort_by(|a, b| a.top.total_cmp(&b.top));
        self.spend(edges.len() as u64)?;
        let mut near: Vec<&Edge> = Vec::new();
        let mut rest = edges.iter().peekable();
        let mut covers = vec![0.0; self.page.width as usize];
        for y in whole(clip.top.floor())..whole(clip.bottom.ceil()) {
            near.extend(std::iter::from_fn(|| rest.next_if(|edge| edge.top < f64::from(y + 1))));
            near.retain(|edge| edge.bottom > f64::from(y));
            self.spend(near.len() as u64)?;
            for subline in 0..SUBLINES {
                let line = f64::from(y) + (f64::from(subline) + 0.5) / f64::from(SUBLINES);
                if (clip.top..clip.bottom).contains(&line) {
                    cover(&mut covers, &near, line, rule, clip);
                }
            }
            self.lay(y, &mut covers, ink, clip)?;
        }
        Ok(())
    }

    /// Lays ink over a row, where it is covered, and uncovers it.
    fn lay(&mut self, y: u32, covers: &mut [f32], ink: Ink, clip: Bounds) -> Result<(), Unreadable> {
        let columns =
            whole(clip.left.floor()) as usize..(whole(clip.right.ceil()) as usize).min(covers.len());
        self.spend(columns.len() as u64)?;
        let width = self.page.width as usize;
        let row = &mut self.page.grey[y as usize * width..][..width];
        for (grey, cover) in row[columns.clone()].iter_mut().zip(&mut covers[columns]) {
            *grey = blend(*grey, ink.grey.into(), ink.alpha * cover.min(1.0));
            *cover = 0.0;
        }
        Ok(())
    }

    /// Paints the unit square as the matrix places it.
    pub(super) fn paint(
        &mut self,
        painting: &Painting,
        matrix: Matrix,
        alpha: f32,
        clip: Bounds,
    ) -> Result<(), Unreadable> {
        let Some(back) = matrix.inverse() else { return Ok(()) };
        let corners = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)].map(|corner| matrix.at(corner));
        let clip = Bounds::around(corners).within(clip).within(self.bounds());
        let samples = painting.samples(back);
        let steps: Vec<f64> = (0..samples).map(|step| (f64::from(step) + 0.5) / f64::from(samples)).collect();
        let columns = whole(clip.left)..whole(clip.right);
        for y in whole(clip.top)..whole(clip.bottom) {
            self.spend(columns.len() as u64 * u64::from(samples))?;
            for x in columns.clone() {
                let points = steps.iter().flat_map(|down| steps.iter().map(move |along| (*along, *down)));
                let points = points.map(|(along, down)| back.at((f64::from(x) + along, f64::from(y) + down)));
                let (grey, cover) = painting.mean(points);
                let pixel = &mut self.page.grey[y as usize * self.page.width as usize + x as usize];
                *pixel = blend(*pixel, grey, alpha * cover);
            }
        }
        Ok(())
    }
}

fn edges(polygons: &[Vec<Point>], clip: Bounds) -> Vec<Edge> {
    let closed = polygons.iter().flat_map(|points| points.iter().zip(points.iter().cycle().skip(1)));
    let edges = closed.map(|(from, to)| {
        let turn = if from.1 < to.1 { 1 } else { -1 };
        let (high, low) = if turn == 1 { (from, to) } else { (to, from) };
        Edge { top: high.1, bottom: low.1, x: high.0, slope: (low.0 - high.0) / (low.1 - high.1), turn }
    });
    edges.filter(|edge| edge.bottom > edge.top && edge.bottom > clip.top && edge.top < clip.bottom).collect()
}

/// Adds what of each pixel is inside along a line.
fn cover(covers: &mut [f32], edges: &[&Edge], line: f64, rule: Rule, clip: Bounds) {
    let crossed = edges.iter().filter(|edge| (edge.top..edge.bottom).contains(&line));
    let mut crossings: Vec<(f64, i32)> =
        crossed.map(|edge| (edge.x + (line - edge.top) * edge.slope, edge.turn)).collect();
    crossings.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut winding = 0;
    for pair in crossings.windows(2) {
        winding += pair[0].1;
        let is_inside = if rule == Rule::NonZero { winding != 0 } else { winding % 2 != 0 };
        if is_inside {
            cover_span(covers, pair[0].0.max(clip.left), pair[1].0.min(clip.right));
        }
    }
}

fn cover_span(covers: &mut [f32], left: f64, right: f64) {
    if left >= right {
        return;
    }
    let share = |part: f64| single(part / f64::from(SUBLINES));
    let (first, last) = (whole(left.floor()) as usize, whole(right.floor()) as usize);
    if first == last {
        covers[first] += share(right - left);
        return;
    }
    covers[first] += share(left.floor() + 1.0 - left);
    covers[first + 1..last].iter_mut().for_each(|cover| *cover += share(1.0));
    // The right border of the page is the left one of no pixel.
    if let Some(cover) = covers.get_mut(last) {
        *cover += share(right - right.floor());
    }
}

impl Painting {
    /// Samples of a pixel along each side: one where its own pixels become large ones, two to smooth their edges where
    /// they do not, more where it is shrunk.
    fn samples(&self, back: Matrix) -> u32 {
        const LARGE: f64 = 1.0 / 3.0;
        const SAMPLES_MAX: u32 = 6;
        let (across, down) = (back.turn((1.0, 0.0)), back.turn((0.0, 1.0)));
        let planes = std::iter::once(&self.grey).chain(&self.cover);
        let shrinking = planes.map(|plane| {
            let (width, height) = (f64::from(plane.width), f64::from(plane.height));
            let length = |[x, y]: [f64; 2]| (x * width).hypot(y * height);
            length(across).max(length(down))
        });
        match shrinking.fold(0.0, f64::max) {
            ..LARGE => 1,
            shrinking => whole(shrinking.ceil()).clamp(2, SAMPLES_MAX),
        }
    }

    /// The grey of what covers these points, and how much of them it covers.
    fn mean(&self, points: impl Iterator<Item = Point>) -> (f32, f32) {
        let (mut tone, mut covered, mut all) = (0.0, 0.0, 0.0);
        for point in points {
            all += 1.0;
            if let Some(grey) = self.grey.at(point) {
                let cover = self.cover.as_ref().map_or(Some(u8::MAX), |cover| cover.at(point));
                let cover = cover.map_or(0.0, f32::from) / 255.0;
                tone += cover * f32::from(grey);
                covered += cover;
            }
        }
        if covered > 0.0 { (tone / covered, covered / all) } else { (0.0, 0.0) }
    }
}

impl Plane {
    /// The value at a point of the unit square, whose top is at 1; `None` outside.
    fn at(&self, (x, y): Point) -> Option<u8> {
        if !(0.0..1.0).contains(&x) || !(0.0..1.0).contains(&(1.0 - y)) {
            return None;
        }
        let column = below(x * f64::from(self.width));
        let row = below((1.0 - y) * f64::from(self.height));
        self.values.get(row * self.width as usize + column).copied()
    }
}

/// The whole number below a positive one: a cast, because on many machines `floor` is a call and takes longer.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates at 0 and the most"
)]
fn below(pixels: f64) -> usize {
    pixels as usize
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies between two bytes")]
fn blend(under: u8, over: f32, cover: f32) -> u8 {
    let under = f32::from(under);
    (under + (over - under) * cover + 0.5) as u8
}

#[expect(clippy::cast_possible_truncation, reason = "a share of a pixel need not be exact")]
fn single(share: f64) -> f32 {
    share as f32
}
