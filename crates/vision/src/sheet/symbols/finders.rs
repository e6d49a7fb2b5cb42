//! Finder patterns, and those that belong together though their symbol was not read.

use std::f32::consts::TAU;

use super::{Area, Evidence, Page, Point, Suspect, Symbol};

/// Modules a side of a finder pattern.
pub(super) const FINDER_MODULES: f32 = 7.0;
/// More finder patterns on a page are noise: a sheet has at most some hundred symbols.
const FINDERS_MAX: usize = 600;
/// Modules from the middle of one finder pattern to the next: of version 1, and of version 40.
const LEG_MODULES: std::ops::RangeInclusive<f32> = 13.0..=185.0;

/// Three nested squares: one of 3 modules a side, a light ring of 1, a dark ring of 1.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Finder {
    pub(super) centre: Point,
    /// A side of one of its modules, in pixels.
    pub(super) module: f32,
}

impl Finder {
    /// Whether circles around its middle are dark in the inner square, light in the light ring and dark in the dark ring.
    ///
    /// The circles are on their ring all around, or nearly, however the squares are turned.
    pub(super) fn is_genuine(self, page: &Page) -> bool {
        const CONTRAST_MIN: f32 = 24.0;
        let [inner, light, dark] = [0.8, 2.05, 3.4].map(|modules| self.circle(page, modules));
        let mean = |circle: &Circle| circle.iter().sum::<f32>() / CIRCLE_SAMPLES_F;
        let (lightest, darkest) = (mean(&light), mean(&inner).max(mean(&dark)));
        if lightest - darkest < CONTRAST_MIN {
            return false;
        }
        let middle = lightest.midpoint(mean(&inner).midpoint(mean(&dark)));
        let is_mostly = |circle: &Circle, is_dark: bool| {
            circle.iter().filter(|grey| (**grey < middle) == is_dark).count() >= CIRCLE_SAMPLES * 2 / 3
        };
        is_mostly(&inner, true) && is_mostly(&light, false) && is_mostly(&dark, true)
    }

    fn circle(self, page: &Page, modules: f32) -> Circle {
        let mut angle = 0.0_f32;
        [(); CIRCLE_SAMPLES].map(|()| {
            angle += TAU / CIRCLE_SAMPLES_F;
            let radius = modules * self.module;
            page.grey_at(self.centre.x + radius * angle.cos(), self.centre.y + radius * angle.sin())
        })
    }
}

const CIRCLE_SAMPLES: usize = 32;
const CIRCLE_SAMPLES_F: f32 = 32.0;

type Circle = [f32; CIRCLE_SAMPLES];

/// The symbols whose finder patterns are all there, the surest first.
///
/// No finder pattern is in two of them, and none of them reaches over a symbol that was read.
pub(super) fn triples(finders: &[Finder], symbols: &[Symbol]) -> Vec<Suspect> {
    if finders.len() > FINDERS_MAX {
        return Vec::new();
    }
    let mut triples: Vec<Triple> =
        (0..finders.len()).flat_map(|corner| triples_at(finders, corner)).collect();
    triples.retain(|triple| !symbols.iter().any(|symbol| triple.area.holds(symbol.area.centre)));
    triples.sort_by(|a, b| a.strain.total_cmp(&b.strain));
    let mut is_used = vec![false; finders.len()];
    let mut suspects = Vec::new();
    for triple in triples {
        if triple.finders.iter().any(|finder| is_used[*finder]) {
            continue;
        }
        triple.finders.iter().for_each(|finder| is_used[*finder] = true);
        suspects.push(Suspect { area: triple.area, why: Evidence::Triple });
    }
    suspects
}

struct Triple {
    finders: [usize; 3],
    area: Area,
    /// How far it is from two equal legs at a right angle, and how long the legs are: neighbours come first.
    strain: f32,
}

/// Those with this finder pattern in the corner between the two legs.
fn triples_at(finders: &[Finder], corner: usize) -> Vec<Triple> {
    let legs: Vec<usize> =
        (0..finders.len()).filter(|other| is_leg(finders[corner], finders[*other])).collect();
    let pairs =
        legs.iter().enumerate().flat_map(|(i, a)| legs[i + 1..].iter().map(move |b| [corner, *a, *b]));
    pairs.filter_map(|three| triple(finders, three)).collect()
}

fn is_leg(corner: Finder, other: Finder) -> bool {
    let length = corner.centre.distance(other.centre) / corner.module.midpoint(other.module);
    LEG_MODULES.contains(&length) && (0.6..1.7).contains(&(corner.module / other.module))
}

fn triple(finders: &[Finder], three: [usize; 3]) -> Option<Triple> {
    const STRETCH_MAX: f32 = 1.25;
    const COSINE_MAX: f32 = 0.26;
    let [corner, a, b] = three.map(|finder| finders[finder]);
    let (along, down) = (corner.centre.distance(a.centre), corner.centre.distance(b.centre));
    let stretch = along.max(down) / along.min(down);
    let (ax, ay) = (a.centre.x - corner.centre.x, a.centre.y - corner.centre.y);
    let (bx, by) = (b.centre.x - corner.centre.x, b.centre.y - corner.centre.y);
    let cosine = (ax * bx + ay * by).abs() / (along * down);
    if stretch > STRETCH_MAX || cosine > COSINE_MAX {
        return None;
    }
    let module = (corner.module + a.module + b.module) / 3.0;
    let leg = along.midpoint(down);
    let area = Area { centre: a.centre.between(b.centre), side: leg + FINDER_MODULES * module, module };
    Some(Triple { finders: three, area, strain: leg * (stretch + cosine) })
}
