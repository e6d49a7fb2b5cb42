//! The two readers.

use std::panic::{AssertUnwindSafe, catch_unwind};

use quircs::Quirc;
use rxing::common::cpp_essentials::{ConcentricPattern, DecoderResult};
use rxing::common::{BitMatrix, DetectorRXingResult, HybridBinarizer};
use rxing::qrcode::cpp_port::decoder::Decode;
use rxing::qrcode::cpp_port::detector::{
    FindFinderPatterns, FinderPatternSet, GenerateFinderPatternSets, SampleQR,
};
use rxing::{Binarizer, Luma8Source};

use super::finders::{FINDER_MODULES, Finder};
use super::tone::View;
use super::{Area, Point, Reader, Symbol, add};

/// What rxing sees.
#[derive(Default)]
pub(super) struct Survey {
    pub(super) symbols: Vec<Symbol>,
    /// The finder patterns that belong to no symbol that was read.
    pub(super) finders: Vec<Finder>,
}

impl Survey {
    /// A side of the smallest module that was read, in pixels.
    pub(super) fn module(&self) -> Option<f32> {
        self.symbols.iter().map(|symbol| symbol.area.module).min_by(f32::total_cmp)
    }

    /// Whether no more than a few finder patterns are left: what they belong to is looked at closely.
    pub(super) fn is_complete(&self) -> bool {
        const LEFT_MAX: usize = 8;
        !self.symbols.is_empty() && self.finders.len() <= LEFT_MAX
    }

    /// What one look or the other saw. The finder patterns are those of the one that read more.
    pub(super) fn and(self, other: Self) -> Self {
        let (mut most, rest) =
            if other.symbols.len() > self.symbols.len() { (other, self) } else { (self, other) };
        rest.symbols.into_iter().for_each(|symbol| add(&mut most.symbols, symbol));
        most.finders.retain(|finder| !most.symbols.iter().any(|symbol| symbol.area.holds(finder.centre)));
        most
    }
}

/// All symbols that rxing reads, and the finder patterns that are left.
pub(super) fn survey(view: &View<'_>) -> Survey {
    undisturbed(|| black(view).map(|black| survey_of(&black, view)).unwrap_or_default()).unwrap_or_default()
}

/// All symbols that quircs reads. It is meant for a part of a page: it gets lost on one with many symbols.
pub(super) fn quircs(view: &View<'_>) -> Vec<Symbol> {
    let page = &view.page;
    let read = || {
        let mut quirc = Quirc::new();
        let codes = quirc.identify(page.width as usize, page.height as usize, &page.grey);
        codes.filter_map(Result::ok).filter_map(|code| quircs_symbol(view, &code)).collect()
    };
    undisturbed(read).unwrap_or_default()
}

/// `None` if a reader panics: both are ports of C++ and C that index pixels without asking, and a spot of the page that
/// one of them stumbles over is one that it cannot read.
fn undisturbed<T>(read: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(read)).ok()
}

/// Which pixels are dark, compared with their surroundings.
fn black(view: &View<'_>) -> Option<BitMatrix> {
    let page = &view.page;
    let source = Luma8Source::new_with_slice(&page.grey, page.width, page.height).ok()?;
    HybridBinarizer::new(source).get_black_matrix().ok().cloned()
}

fn survey_of(black: &BitMatrix, view: &View<'_>) -> Survey {
    const EVERY_THIRD_ROW: bool = true;
    let mut patterns = FindFinderPatterns(black, EVERY_THIRD_ROW, 0);
    let sets = GenerateFinderPatternSets(&mut patterns);
    let mut symbols: Vec<Symbol> = Vec::new();
    let mut used: Vec<ConcentricPattern> = Vec::new();
    for set in sets {
        let corners = [set.bl, set.tl, set.tr];
        if corners.iter().any(|corner| used.contains(corner)) {
            continue;
        }
        if let Some(symbol) = rxing_symbol(black, view, &set) {
            used.extend(corners);
            add(&mut symbols, symbol);
        }
    }
    let finders = patterns.iter().filter_map(|pattern| finder(view, *pattern));
    let finders =
        finders.filter(|finder| !symbols.iter().any(|symbol| symbol.area.holds(finder.centre))).collect();
    Survey { symbols, finders }
}

fn rxing_symbol(black: &BitMatrix, view: &View<'_>, set: &FinderPatternSet) -> Option<Symbol> {
    let sampled = SampleQR(black, set).ok()?;
    let decoded = Decode(sampled.getBits()).ok().filter(DecoderResult::isValid)?;
    let area = area_of(view, set, sampled.getBits().getWidth())?;
    Some(Symbol { text: decoded.content().to_string(), area, by: Reader::Rxing })
}

/// The middle is between the two finder patterns at the ends of the diagonal.
fn area_of(view: &View<'_>, set: &FinderPatternSet, modules: u32) -> Option<Area> {
    let [corner, right, below] =
        [set.tl, set.tr, set.bl].map(|pattern| view.on_page(pattern.p.x, pattern.p.y));
    let modules = f32::from(u16::try_from(modules).ok()?);
    let module = corner.distance(right).midpoint(corner.distance(below)) / (modules - FINDER_MODULES);
    Some(Area { centre: right.between(below), side: module * modules, module })
}

fn quircs_symbol(view: &View<'_>, code: &quircs::Code) -> Option<Symbol> {
    let data = code.decode().ok()?;
    let corners = code.corners.map(|corner| view.on_page(pixels(corner.x), pixels(corner.y)));
    let area = area_between(corners, u32::try_from(code.size).ok()?)?;
    Some(Symbol { text: text(data.payload), area, by: Reader::Quircs })
}

/// Bytes of a symbol are UTF-8 in practice and Latin 1 by the standard.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| error.as_bytes().iter().copied().map(char::from).collect())
}

/// The area between four corners in the order of the clock.
fn area_between(corners: [Point; 4], modules: u32) -> Option<Area> {
    let [a, b, c, d] = corners;
    let side = (a.distance(b) + b.distance(c) + c.distance(d) + d.distance(a)) / 4.0;
    let modules = u16::try_from(modules).ok().filter(|modules| *modules > 0)?;
    Some(Area { centre: a.between(c).between(b.between(d)), side, module: side / f32::from(modules) })
}

/// `None` if it is none: text and noise have something alike now and then.
fn finder(view: &View<'_>, pattern: ConcentricPattern) -> Option<Finder> {
    let seen = Finder {
        centre: Point { x: pattern.p.x, y: pattern.p.y },
        module: pixels(pattern.size) / FINDER_MODULES,
    };
    let on_page =
        Finder { centre: view.on_page(seen.centre.x, seen.centre.y), module: view.length(seen.module) };
    seen.is_genuine(&view.page).then_some(on_page)
}

#[expect(clippy::cast_precision_loss, reason = "a side has at most 60 000 pixels")]
fn pixels(length: i32) -> f32 {
    length as f32
}

#[cfg(test)]
mod tests {
    use qrcodegen::{QrCode, QrCodeEcc};

    use super::super::{Page, Point};
    use super::{Symbol, View, quircs, survey};

    const MODULE: i32 = 4;
    const QUIET: i32 = 4;

    fn page(text: &str) -> Page {
        let symbol = QrCode::encode_text(text, QrCodeEcc::Medium).expect("the text is short");
        let side = (symbol.size() + 2 * QUIET) * MODULE;
        let module = |pixel: i32| pixel / MODULE - QUIET;
        let grey = (0..side * side).map(|at| symbol.get_module(module(at % side), module(at / side)));
        let grey = grey.map(|is_dark| if is_dark { 0 } else { 255 }).collect();
        let side = u32::try_from(side).expect("a side is positive");
        Page { width: side, height: side, grey }
    }

    /// Where damage leaves a symbol to one of them, no one else would notice that the other is gone.
    #[test]
    fn both_readers_read_the_same_at_the_same_place() {
        for text in ["HTTPS://LABEL.EXAMPLE/V/0CSCWCM3C0WHZX7FMHDS", "plain text", "Größe ٣ мы 漢字"] {
            let page = page(text);
            let view = View::of(&page);
            let ([rxing], [quircs]) = (&survey(&view).symbols[..], &quircs(&view)[..]) else {
                panic!("{text}")
            };
            assert_eq!((rxing.text.as_str(), quircs.text.as_str()), (text, text));
            let side = page.width - 2 * (QUIET * MODULE).unsigned_abs();
            let is_right = |symbol: &Symbol| {
                let (middle, length) = (f64::from(page.width) / 2.0, f64::from(side));
                let Point { x, y } = symbol.area.centre;
                (f64::from(x) - middle).hypot(f64::from(y) - middle) < 2.0
                    && (f64::from(symbol.area.side) - length).abs() < 4.0
                    && (symbol.area.module - 4.0).abs() < 0.2
            };
            assert!(is_right(rxing) && is_right(quircs), "{rxing:?} {quircs:?}");
        }
    }

    #[test]
    fn what_is_seen_in_a_view_is_told_by_its_place_on_the_page() {
        let page = page("plain text");
        let plain = survey(&View::of(&page)).symbols.remove(0).area;
        let part = View::around(&page, plain).expect("it is on the page");
        for view in [part.enlarged(3), part.shrunk(2).expect("enough is left"), part.smoothed(), part] {
            let symbols = [survey(&view).symbols, quircs(&view)].concat();
            assert!(!symbols.is_empty());
            for symbol in symbols {
                let away = symbol.area.centre.distance(plain.centre);
                assert!(
                    away < 2.0 && (symbol.area.module - plain.module).abs() < 0.2,
                    "{symbol:?} {plain:?}"
                );
            }
        }
    }
}
