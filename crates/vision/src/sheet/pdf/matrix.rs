//! Places on a page.

/// A place, in the units of a page or in pixels.
pub(super) type Point = (f64, f64);

/// Takes (x, y) to (ax + cy + e, bx + dy + f), as the six numbers of a PDF do.
#[derive(Clone, Copy)]
pub(super) struct Matrix(pub(super) [f64; 6]);

impl Matrix {
    pub(super) fn scale(factor: f64) -> Self {
        Self([factor, 0.0, 0.0, factor, 0.0, 0.0])
    }

    /// This one first, then the other.
    pub(super) fn then(self, other: Self) -> Self {
        let [a, b, c, d, e, f] = self.0;
        let [ax, ay] = other.turn((a, b));
        let [cx, cy] = other.turn((c, d));
        let (ex, ey) = other.at((e, f));
        Self([ax, ay, cx, cy, ex, ey])
    }

    pub(super) fn at(self, point: Point) -> Point {
        let [x, y] = self.turn(point);
        (x + self.0[4], y + self.0[5])
    }

    /// What becomes of a direction.
    pub(super) fn turn(self, (x, y): Point) -> [f64; 2] {
        let [a, b, c, d, ..] = self.0;
        [a * x + c * y, b * x + d * y]
    }

    /// `None` if it makes a line of everything.
    pub(super) fn inverse(self) -> Option<Self> {
        let [a, b, c, d, e, f] = self.0;
        let area = a * d - b * c;
        if !area.is_normal() {
            return None;
        }
        let [a, b, c, d] = [d / area, -b / area, -c / area, a / area];
        Some(Self([a, b, c, d, -(a * e + c * f), -(b * e + d * f)]))
    }
}

/// A rectangle along the axes, in pixels.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Bounds {
    /// Around some points; empty around none.
    pub(super) fn around(points: impl IntoIterator<Item = Point>) -> Self {
        let none = Self { left: f64::MAX, top: f64::MAX, right: f64::MIN, bottom: f64::MIN };
        points.into_iter().fold(none, |bounds, (x, y)| Self {
            left: bounds.left.min(x),
            top: bounds.top.min(y),
            right: bounds.right.max(x),
            bottom: bounds.bottom.max(y),
        })
    }

    pub(super) fn within(self, other: Self) -> Self {
        Self {
            left: self.left.max(other.left),
            top: self.top.max(other.top),
            right: self.right.min(other.right),
            bottom: self.bottom.min(other.bottom),
        }
    }
}

/// The nearest whole number; none are negative, and too large ones are the largest.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates at 0 and the most"
)]
pub(super) fn whole(pixels: f64) -> u32 {
    pixels.round() as u32
}
