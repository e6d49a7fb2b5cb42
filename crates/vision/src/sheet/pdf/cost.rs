//! What it takes to draw a page, found out before any of it is drawn.
//!
//! The library has no limits of its own: a page of few bytes can have it paint all of the paper a million times, or hold a
//! thousand copies of a picture.

use std::panic::resume_unwind;

use hayro::hayro_interpret::font::{Glyph, GlyphRun};
use hayro::hayro_interpret::pattern::{Pattern, TilingPattern};
use hayro::hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps, InterpreterCache,
    InterpreterSettings, Paint, SoftMask, StrokeProps, interpret_page,
};
use hayro::hayro_syntax::page::Page;
use hayro::kurbo::{Affine, BezPath, Rect, Shape};

use super::super::{PIXELS_MAX, Unreadable, pixels_of};
use super::growth;

/// How many times all of the paper may be painted over.
const LAYERS_MAX: u64 = 100;
/// What every operation costs, however little it paints, in pixels.
const STEP: u64 = 64;
/// What a clip costs, which every form begins with, in pixels.
const CLIP: u64 = 1024;

/// Refuses a page that takes too much time or memory to draw.
///
/// The library cannot be told to stop, so this unwinds through it, with the error.
pub(super) fn check<'a>(
    page: &'a Page<'a>,
    settings: &InterpreterSettings,
    transform: Affine,
    (width, height): (u32, u32),
) {
    let paper = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
    let cache = InterpreterCache::new();
    let mut context = Context::new(transform, paper, &cache, page.xref(), settings.clone());
    let work = LAYERS_MAX * u64::from(width) * u64::from(height) + PIXELS_MAX;
    interpret_page(page, &mut context, &mut Meter { paper, work, held: PIXELS_MAX });
}

/// What a page may still take, in pixels.
struct Meter {
    paper: Rect,
    work: u64,
    /// Pictures and patterns are held until the page is done.
    held: u64,
}

impl Meter {
    fn work(&mut self, pixels: u64) {
        match self.work.checked_sub(pixels.saturating_add(STEP)) {
            Some(left) => self.work = left,
            None => stop(Unreadable::TooLarge("the page takes too much to draw".to_owned())),
        }
    }

    fn hold(&mut self, pixels: u64) {
        match self.held.checked_sub(pixels) {
            Some(left) => self.held = left,
            None => stop(Unreadable::TooLarge(format!(
                "the pictures on the page have more than {} million pixels",
                PIXELS_MAX / 1_000_000
            ))),
        }
    }

    fn on_paper(&self, area: Rect) -> u64 {
        whole(area.intersect(self.paper).area())
    }

    fn stroke(&mut self, path: &BezPath, transform: Affine, stroke: &StrokeProps) {
        let scale = transform.determinant().abs().sqrt();
        let length = |area: Rect| area.width() + area.height();
        let length: f64 = path.segments().map(|segment| length(segment.bounding_box())).sum();
        let width = (f64::from(stroke.line_width) * scale).clamp(1.0, length_of(self.paper));
        self.work(whole(length * scale * width));
        let period = f64::from(stroke.dash_array.iter().sum::<f32>());
        if !stroke.dash_array.is_empty() {
            self.work(whole(length / period * stroke.dash_array.len() as f64).saturating_mul(STEP));
        }
    }

    /// One tile as often as it is laid.
    fn tiles<'a>(&mut self, tile: &TilingPattern<'a>, area: Rect, is_stroke: bool) {
        let area = tile.matrix.inverse().transform_rect_bbox(area);
        let along = |area: f64, tile: f64, step: f32| ((area + tile) / f64::from(step.abs())).ceil() + 1.0;
        let tiles = along(area.width(), tile.bbox.width(), tile.x_step)
            * along(area.height(), tile.bbox.height(), tile.y_step);
        let before = self.work;
        tile.interpret(self, tile.matrix, is_stroke);
        self.work((before - self.work).saturating_add(STEP).saturating_mul(whole(tiles)));
    }

    fn mask<'a>(&mut self, mask: Option<&SoftMask<'a>>) {
        if let Some(mask) = mask {
            self.work(self.on_paper(self.paper));
            mask.interpret(self);
        }
    }
}

impl<'a> Device<'a> for Meter {
    fn draw_path(&mut self, path: &BezPath, props: DrawProps<'a>, mode: &DrawMode) {
        self.work(path.elements().len() as u64);
        self.mask(props.soft_mask.as_ref());
        let area = props.transform.transform_rect_bbox(path.control_box());
        if let Paint::Pattern(pattern) = &props.paint {
            self.hold(self.on_paper(area));
            if let Pattern::Tiling(tile) = &**pattern {
                self.tiles(tile, area.intersect(self.paper), matches!(mode, DrawMode::Stroke(_)));
            }
        }
        match mode {
            DrawMode::Fill(_) => self.work(self.on_paper(area)),
            DrawMode::Stroke(stroke) => self.stroke(path, props.transform, stroke),
            DrawMode::FillAndStroke(_, stroke) => {
                self.work(self.on_paper(area));
                self.stroke(path, props.transform, stroke);
            }
            DrawMode::Invisible => {}
        }
    }

    fn push_clip_path(&mut self, clip: &ClipPath) {
        self.work(clip.path.elements().len() as u64 + CLIP);
    }

    fn push_transparency_group(&mut self, _opacity: f32, mask: Option<SoftMask<'a>>, _mode: BlendMode) {
        self.work(0);
        self.mask(mask.as_ref());
    }

    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, _mode: &DrawMode) {
        for glyph in run.glyphs() {
            self.work(0);
            if let Glyph::Type3(drawn) = &**glyph {
                drawn.interpret(self, props.transform, glyph.transform(), &props.paint);
            }
        }
    }

    fn draw_image(&mut self, image: Image<'a, '_>, props: ImageDrawProps<'a>) {
        self.mask(props.soft_mask.as_ref());
        let (width, height) = (image.width(), image.height());
        let stream = match &image {
            Image::Stencil(stencil) => stencil.stream(),
            Image::Raster(raster) => raster.stream(),
        };
        let pixels = pixels_of(width, height).unwrap_or_else(|error| stop(error)) as u64;
        growth::check_picture(stream).unwrap_or_else(|error| stop(error));
        self.work(pixels);
        let local = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
        let drawn = props.transform.transform_rect_bbox(local);
        // It is held as it is drawn, if that is smaller.
        self.hold(pixels.min(whole(drawn.area())));
    }

    fn pop_clip(&mut self) {}

    fn pop_transparency_group(&mut self) {}
}

fn stop(error: Unreadable) -> ! {
    resume_unwind(Box::new(error))
}

fn length_of(area: Rect) -> f64 {
    area.width().hypot(area.height())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what is negative or no number becomes none, and what is too large the largest"
)]
fn whole(pixels: f64) -> u64 {
    pixels.ceil() as u64
}
