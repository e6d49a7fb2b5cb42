//! Views of a page: a part of it, with more contrast, without noise, in another size.

use std::borrow::Cow;

use super::{Area, Page, Point, whole};

/// Pages with fewer grey values between paper and ink are blank.
const CONTRAST_MIN: u8 = 12;
/// Pages with more are left as they are.
const CONTRAST_GOOD: u8 = 200;
/// Modules of white around a symbol (ISO/IEC 18004).
const QUIET_MODULES: f32 = 4.0;

impl Page {
    /// The grey value at a point between pixels, whose own points are in their middles.
    pub(super) fn grey_at(&self, x: f32, y: f32) -> f32 {
        let (x, y) = ((x - 0.5).max(0.0), (y - 0.5).max(0.0));
        let (left, top) = (whole(x.floor()).min(self.width - 1), whole(y.floor()).min(self.height - 1));
        let (right, bottom) = ((left + 1).min(self.width - 1), (top + 1).min(self.height - 1));
        let at = |x: u32, y: u32| f32::from(self.row(y)[x as usize]);
        let (above, below) = (
            mix(at(left, top), at(right, top), x.fract()),
            mix(at(left, bottom), at(right, bottom), x.fract()),
        );
        mix(above, below, y.fract())
    }
}

/// The page with its ink black and its paper white, or `None` if it has no ink.
///
/// What one pixel in 200 is darker or lighter than counts as black or white: dust and glare are not the measure. A page
/// with a single label has less ink than that, so one in 2000 is asked, too, before ink is taken to be pale or none.
pub(super) fn stretched(page: &Page) -> Option<Cow<'_, Page>> {
    let at = |part: usize| extremes(&page.grey, page.grey.len() / part);
    let (most, rare) = (at(200), at(2000));
    if [most, rare].iter().any(|(dark, light)| light - dark >= CONTRAST_GOOD) {
        return Some(Cow::Borrowed(page));
    }
    let is_ink = |(dark, light): &(u8, u8)| light - dark >= CONTRAST_MIN;
    let (dark, light) = [most, rare].into_iter().find(is_ink)?;
    let levels: Vec<u8> = (0..=u8::MAX).map(|grey| level(grey, dark, light)).collect();
    let grey = page.grey.iter().map(|grey| levels[usize::from(*grey)]).collect();
    Some(Cow::Owned(Page { grey, ..*page }))
}

/// The darkest and the lightest value, when so many of each end are left out.
pub(super) fn extremes(grey: &[u8], left_out: usize) -> (u8, u8) {
    let mut counts = [0_usize; 256];
    grey.iter().for_each(|grey| counts[usize::from(*grey)] += 1);
    let dark = after(left_out, &counts, 0..=u8::MAX).unwrap_or(0);
    let light = after(left_out, &counts, (0..=u8::MAX).rev()).unwrap_or(u8::MAX);
    (dark.min(light), light)
}

/// The first of these levels with which more pixels are counted than are left out.
fn after(left_out: usize, counts: &[usize; 256], mut levels: impl Iterator<Item = u8>) -> Option<u8> {
    let mut seen = 0;
    levels.find(|level| {
        seen += counts[usize::from(*level)];
        seen > left_out
    })
}

fn level(grey: u8, dark: u8, light: u8) -> u8 {
    let (above, range) = (u32::from(grey.saturating_sub(dark)), u32::from(light - dark));
    u8::try_from(above * 255 / range).unwrap_or(u8::MAX)
}

/// A page or a part of it, and where its pixels are on the page.
pub(super) struct View<'a> {
    pub(super) page: Cow<'a, Page>,
    /// Its pixels for one of the page.
    scale: f32,
    left: f32,
    top: f32,
}

impl<'a> View<'a> {
    pub(super) fn of(page: &'a Page) -> Self {
        Self { page: Cow::Borrowed(page), scale: 1.0, left: 0.0, top: 0.0 }
    }

    /// The surroundings of an area, so wide that its symbol is whole with its quiet zone, however it is turned.
    pub(super) fn around(page: &Page, area: Area) -> Option<View<'static>> {
        let reach = area.side * std::f32::consts::FRAC_1_SQRT_2 + QUIET_MODULES * area.module;
        let (x, y) = (area.centre.x, area.centre.y);
        let (left, top) = (whole(x - reach), whole(y - reach));
        let (right, bottom) = (whole(x + reach).min(page.width), whole(y + reach).min(page.height));
        if left >= right || top >= bottom {
            return None;
        }
        let rows = (top..bottom).flat_map(|y| &page.row(y)[left as usize..right as usize]);
        let part = Page { width: right - left, height: bottom - top, grey: rows.copied().collect() };
        Some(View { page: Cow::Owned(part), scale: 1.0, left: float(left), top: float(top) })
    }

    /// Where a point of the view is on the page.
    pub(super) fn on_page(&self, x: f32, y: f32) -> Point {
        Point { x: x / self.scale + self.left, y: y / self.scale + self.top }
    }

    /// How long it is on the page.
    pub(super) fn length(&self, pixels: f32) -> f32 {
        pixels / self.scale
    }

    /// With less noise, which is finer than the modules.
    pub(super) fn calmed(&self, module: f32) -> Option<View<'static>> {
        const MODULE_PIXELS: f32 = 5.0;
        let factor = whole((module / MODULE_PIXELS).floor());
        if factor >= 2 { self.shrunk(factor) } else { Some(self.smoothed()) }
    }

    /// Larger, unless the modules are large enough.
    pub(super) fn magnified(&self, module: f32) -> Option<View<'static>> {
        match module {
            ..4.0 => Some(self.enlarged(3)),
            4.0..8.0 => Some(self.enlarged(2)),
            _ => None,
        }
    }

    /// Each pixel is a mean of 25, weighted by binomials: a Gaussian of one pixel.
    pub(super) fn smoothed(&self) -> View<'static> {
        let (width, height) = (self.page.width, self.page.height);
        let mut grey = Vec::with_capacity(self.page.grey.len());
        let mut down = Vec::with_capacity(width as usize);
        for y in 0..height {
            let near = [y.saturating_sub(2), y.saturating_sub(1), y, y + 1, y + 2];
            let [a, b, c, d, e] = near.map(|y| self.page.row(y.min(height - 1)));
            let pixels = a.iter().zip(b).zip(c).zip(d).zip(e);
            down.clear();
            down.extend(pixels.map(|((((a, b), c), d), e)| binomial([*a, *b, *c, *d, *e])));
            smooth_across(&down, &mut grey);
        }
        self.with(Page { width, height, grey }, self.scale)
    }

    /// Each pixel is the mean of `factor` by `factor`; `None` if nothing of use is left.
    pub(super) fn shrunk(&self, factor: u32) -> Option<View<'static>> {
        const SIDE_MIN: u32 = 21;
        let (width, height) = (self.page.width / factor, self.page.height / factor);
        if width < SIDE_MIN || height < SIDE_MIN {
            return None;
        }
        let grey = (0..height).flat_map(|y| shrunk_row(&self.page, y, width, factor)).collect();
        Some(self.with(Page { width, height, grey }, self.scale / float(factor)))
    }

    /// `factor` by `factor` pixels for each, between the nearest four.
    pub(super) fn enlarged(&self, factor: u32) -> View<'static> {
        let (width, height) = (self.page.width * factor, self.page.height * factor);
        let columns: Vec<_> = (0..width).map(|x| between(x, factor, self.page.width)).collect();
        let rows = (0..height).map(|y| between(y, factor, self.page.height));
        let grey = rows
            .flat_map(|(top, bottom, part)| {
                let (top, bottom) = (self.page.row(top), self.page.row(bottom));
                columns.iter().map(move |&(left, right, share)| {
                    let (left, right) = (left as usize, right as usize);
                    let above = mix(top[left].into(), top[right].into(), share);
                    let below = mix(bottom[left].into(), bottom[right].into(), share);
                    rounded(mix(above, below, part))
                })
            })
            .collect();
        self.with(Page { width, height, grey }, self.scale * float(factor))
    }

    fn with(&self, page: Page, scale: f32) -> View<'static> {
        View { page: Cow::Owned(page), scale, left: self.left, top: self.top }
    }
}

/// Appends a row, smoothed across. Its first and last two pixels have fewer neighbours and stay as they are.
fn smooth_across(row: &[u8], grey: &mut Vec<u8>) {
    let end = row.len().saturating_sub(2).max(2).min(row.len());
    grey.extend(&row[..2.min(row.len())]);
    grey.extend(row.windows(5).map(|near| binomial([near[0], near[1], near[2], near[3], near[4]])));
    grey.extend(&row[end..]);
}

fn binomial(near: [u8; 5]) -> u8 {
    let [a, b, c, d, e] = near.map(u16::from);
    byte((a + 4 * b + 6 * c + 4 * d + e) / 16)
}

fn shrunk_row(page: &Page, y: u32, width: u32, factor: u32) -> Vec<u8> {
    let mut sums = vec![0_u32; width as usize];
    for row in (y * factor..(y + 1) * factor).map(|y| page.row(y)) {
        let pixels = row.chunks_exact(factor as usize);
        sums.iter_mut()
            .zip(pixels)
            .for_each(|(sum, pixels)| *sum += pixels.iter().map(|p| u32::from(*p)).sum::<u32>());
    }
    let mean = |sum| u8::try_from(sum / (factor * factor)).expect("a mean of bytes is a byte");
    sums.into_iter().map(mean).collect()
}

/// The two pixels that a pixel of the enlarged page lies between, and how far it is from the first.
fn between(enlarged: u32, factor: u32, length: u32) -> (u32, u32, f32) {
    let place = ((float(enlarged) + 0.5) / float(factor) - 0.5).max(0.0);
    let first = whole(place.floor()).min(length - 1);
    (first, (first + 1).min(length - 1), place - place.floor())
}

fn mix(from: f32, to: f32, share: f32) -> f32 {
    from + (to - from) * share
}

#[expect(clippy::cast_possible_truncation, reason = "a mean of bytes is a byte")]
fn byte(mean: u16) -> u8 {
    mean as u8
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies between two bytes")]
fn rounded(grey: f32) -> u8 {
    (grey + 0.5) as u8
}

/// Lengths are far below 2^24 pixels, so that nothing is lost.
#[expect(clippy::cast_precision_loss, reason = "a side has at most 60 000 pixels")]
pub(super) fn float(pixels: u32) -> f32 {
    pixels as f32
}
