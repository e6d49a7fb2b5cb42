//! Whether a place that nobody could read looks like a symbol.

use super::tone::{View, extremes, float};
use super::{Area, Evidence, Page, Suspect, whole};

/// Whether to report it.
///
/// Finder patterns say enough. Without any, it must be as dark and change as often as modules do, of which half are dark
/// and half differ from the next, and have few patches of paper. A logo changes less often, a text has gaps between its
/// lines, and a bar code changes in one direction only.
pub(super) fn is_symbol(page: &Page, suspect: Suspect) -> bool {
    let changes = 0.3..0.8;
    match suspect.why {
        Evidence::Triple | Evidence::Finder => true,
        Evidence::Blob => Texture::of(page, suspect.area).is_some_and(|texture| {
            (0.36..0.64).contains(&texture.dark)
                && changes.contains(&texture.across)
                && changes.contains(&texture.down)
                && texture.patches < 0.125
        }),
    }
}

struct Texture {
    /// The dark part of all.
    dark: f32,
    /// Changes from dark to light or back, for each module that is passed from left to right.
    across: f32,
    /// The same from the top to the bottom.
    down: f32,
    /// Squares of two modules a side that are light, of all there are.
    patches: f32,
}

impl Texture {
    /// Half as wide and tall as the symbol is the square that is on it however it is turned; samples are half a module
    /// apart, each a mean over the pixels between, and need not meet the modules.
    fn of(page: &Page, area: Area) -> Option<Self> {
        const REACH: f32 = 0.35;
        const PATCH_MODULES: f32 = 2.0;
        let step = whole(area.module / 2.0).max(1);
        let view = View::around(page, area)?.shrunk(step)?;
        let (x, y) = (view.page.width / 2, view.page.height / 2);
        let reach = whole(area.side * REACH / float(step)).min(x).min(y);
        let row = |y: u32| &view.page.row(y)[(x - reach) as usize..(x + reach) as usize];
        let grey: Vec<&[u8]> = (y - reach..y + reach).map(row).collect();
        let all = grey.concat();
        let (dark, light) = extremes(&all, all.len() / 10);
        let middle = dark.midpoint(light);
        let rows: Vec<Vec<bool>> =
            grey.iter().map(|row| row.iter().map(|grey| *grey < middle).collect()).collect();
        let (samples, modules) = (count(all.len()), count(all.len()) * float(step) / area.module);
        Some(Self {
            dark: count(rows.iter().flatten().filter(|is_dark| **is_dark).count()) / samples,
            across: count(rows.iter().map(|row| changes(row, &row[1..])).sum()) / modules,
            down: count(rows.windows(2).map(|rows| changes(&rows[0], &rows[1])).sum()) / modules,
            patches: patches(&rows, whole(PATCH_MODULES * area.module / float(step)) as usize),
        })
    }
}

/// How many of the one row differ from the one at their place in the other.
fn changes(row: &[bool], next: &[bool]) -> usize {
    row.iter().zip(next).filter(|(a, b)| a != b).count()
}

/// How many of all squares of so many samples a side are light.
fn patches(rows: &[Vec<bool>], side: usize) -> f32 {
    let bands = rows.windows(side.max(1));
    let squares = bands.flat_map(|band| {
        let columns = band[0].len().saturating_sub(side);
        (0..columns).map(move |x| band.iter().all(|row| row[x..x + side].iter().all(|is_dark| !is_dark)))
    });
    let (all, light) =
        squares.fold((0, 0), |(all, light), is_light| (all + 1, light + usize::from(is_light)));
    count(light) / count(all.max(1))
}

fn count(of: usize) -> f32 {
    float(u32::try_from(of).unwrap_or(u32::MAX))
}
