//! Paths: outlines in the units of a page, with their curves made of short lines.

use super::matrix::{Matrix, Point};

/// Lines for a curve. Codes have none; logos need no more.
const CURVE_LINES: u32 = 8;

#[derive(Default)]
pub(super) struct Path(Vec<Outline>);

#[derive(Default)]
struct Outline {
    points: Vec<Point>,
    is_closed: bool,
}

/// How lines are drawn.
#[derive(Clone, Copy)]
pub(super) struct Pen {
    /// In the units of the page.
    pub(super) width: f64,
    /// Whether lines go on for half their width beyond their ends.
    pub(super) is_projecting: bool,
}

impl Path {
    pub(super) fn move_to(&mut self, point: Point) {
        self.0.push(Outline { points: vec![point], is_closed: false });
    }

    pub(super) fn line_to(&mut self, point: Point) {
        match self.0.last_mut() {
            Some(outline) if !outline.is_closed => outline.points.push(point),
            Some(Outline { points, .. }) => {
                let start = points[0];
                self.move_to(start);
                self.line_to(point);
            }
            None => self.move_to(point),
        }
    }

    /// A cubic Bézier curve.
    pub(super) fn curve_to(&mut self, b: Point, c: Point, d: Point) {
        let a = self.end();
        for step in 1..=CURVE_LINES {
            let t = f64::from(step) / f64::from(CURVE_LINES);
            let s = 1.0 - t;
            let weights = [s * s * s, 3.0 * s * s * t, 3.0 * s * t * t, t * t * t];
            let mix =
                |values: [f64; 4]| weights.iter().zip(values).map(|(weight, value)| weight * value).sum();
            self.line_to((mix([a.0, b.0, c.0, d.0]), mix([a.1, b.1, c.1, d.1])));
        }
    }

    pub(super) fn close(&mut self) {
        if let Some(outline) = self.0.last_mut() {
            outline.is_closed = true;
        }
    }

    pub(super) fn rectangle(&mut self, (x, y): Point, width: f64, height: f64) {
        let points = vec![(x, y), (x + width, y), (x + width, y + height), (x, y + height)];
        self.0.push(Outline { points, is_closed: true });
    }

    /// Where the next line begins.
    pub(super) fn end(&self) -> Point {
        let point = |outline: &Outline| {
            if outline.is_closed { outline.points.first().copied() } else { outline.points.last().copied() }
        };
        self.0.last().and_then(point).unwrap_or_default()
    }

    /// The polygons that filling it fills.
    pub(super) fn polygons(&self, matrix: Matrix) -> Vec<Vec<Point>> {
        let place = |outline: &Outline| outline.points.iter().map(|point| matrix.at(*point)).collect();
        self.0.iter().map(place).collect()
    }

    /// The polygons that drawing its lines fills: one for each line, without what joins would add.
    pub(super) fn strokes(&self, pen: Pen, matrix: Matrix) -> Vec<Vec<Point>> {
        self.0.iter().flat_map(Outline::lines).map(|(from, to)| stroke(from, to, pen, matrix)).collect()
    }
}

impl Outline {
    fn lines(&self) -> impl Iterator<Item = (Point, Point)> {
        let open = self.points.iter().copied().zip(self.points.iter().copied().skip(1));
        let closing = self.is_closed.then(|| self.points.last().copied().zip(self.points.first().copied()));
        open.chain(closing.flatten())
    }
}

fn stroke(from: Point, to: Point, pen: Pen, matrix: Matrix) -> Vec<Point> {
    let length = (to.0 - from.0).hypot(to.1 - from.1);
    let (x, y) = if length > 0.0 { ((to.0 - from.0) / length, (to.1 - from.1) / length) } else { (1.0, 0.0) };
    let half = pen.width / 2.0;
    let beyond = if pen.is_projecting { half } else { 0.0 };
    let from = (from.0 - x * beyond, from.1 - y * beyond);
    let to = (to.0 + x * beyond, to.1 + y * beyond);
    let (aside_x, aside_y) = (-y * half, x * half);
    let corners = [
        (from.0 + aside_x, from.1 + aside_y),
        (to.0 + aside_x, to.1 + aside_y),
        (to.0 - aside_x, to.1 - aside_y),
        (from.0 - aside_x, from.1 - aside_y),
    ];
    corners.map(|corner| matrix.at(corner)).to_vec()
}
