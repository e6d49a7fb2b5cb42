//! Pages of a PDF, drawn in grey at 300 dots per inch by the library `hayro`.
//!
//! Text in a font that is not in the file is not drawn: no code is made of it.

mod cost;
mod growth;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hayro::hayro_interpret::{InterpreterSettings, InterpreterWarning};
use hayro::hayro_syntax::object::dict::keys::CONTENTS;
use hayro::hayro_syntax::page::Page as Contents;
use hayro::hayro_syntax::{LoadPdfError, Pdf, PdfData};
use hayro::kurbo::Affine;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::vello_cpu::peniko::ImageAlphaType;
use hayro::vello_cpu::{Pixmap, RasterizerSettings, RenderContext, Resources, TargetInit};
use hayro::{RenderCache, RenderSettings, render_into};
use image::{DynamicImage, RgbaImage};

use super::{PAGES_MAX, Page, Unreadable, pixels_of};

const DOTS_PER_INCH: f64 = 300.0;
/// Units of a page, unless it says otherwise.
const POINTS_PER_INCH: f64 = 72.0;
/// The library keeps the operators of every page that it has read. After so many bytes of them the file is opened anew.
const KEPT_MAX: usize = 64 << 20;

/// A file whose pages are drawn one at a time, by one thread at a time.
pub(super) struct Document {
    pages: usize,
    opened: Mutex<Opened>,
}

struct Opened {
    bytes: PdfData,
    /// None after a panic, because nobody knows what that left behind.
    pdf: Option<Pdf>,
    /// How much the library keeps, in bytes.
    kept: usize,
}

/// Readers take a PDF that begins within the first kilobyte.
pub(super) fn is_pdf(bytes: &[u8]) -> bool {
    const MARK: &[u8] = b"%PDF-";
    bytes[..bytes.len().min(1024)].windows(MARK.len()).any(|window| window == MARK)
}

impl Document {
    pub(super) fn open(bytes: Vec<u8>) -> Result<Self, Unreadable> {
        let bytes = PdfData::from(bytes);
        contained(|| {
            let pdf = load(bytes.clone())?;
            let pages = pdf.pages().len();
            match pages {
                0 => return Err(broken("the PDF has no pages")),
                1..=PAGES_MAX => growth::check_file(&pdf)?,
                _ => {
                    return Err(Unreadable::TooLarge(format!(
                        "the PDF has {pages} pages: {PAGES_MAX} are the most"
                    )));
                }
            }
            let opened = Opened { bytes: bytes.clone(), pdf: Some(pdf), kept: 0 };
            Ok(Self { pages, opened: Mutex::new(opened) })
        })
    }

    pub(super) fn pages(&self) -> usize {
        self.pages
    }

    pub(super) fn page(&self, index: usize) -> Result<Page, Unreadable> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let Opened { bytes, pdf, kept } = &mut *opened;
        let current = pdf.take().filter(|_| *kept <= KEPT_MAX);
        contained(|| {
            let current = match current {
                Some(current) => current,
                None => {
                    *kept = 0;
                    load(bytes.clone())?
                }
            };
            let contents = current.pages().get(index).ok_or(Unreadable::NoPage(index))?;
            let page = draw(contents);
            *kept += contents.page_stream().map_or(0, <[u8]>::len);
            *pdf = Some(current);
            page
        })
    }
}

fn load(bytes: PdfData) -> Result<Pdf, Unreadable> {
    Pdf::new(bytes).map_err(|error| match error {
        LoadPdfError::Decryption(_) => Unreadable::Encrypted,
        LoadPdfError::Invalid => broken("the PDF has no list of pages"),
    })
}

/// Makes an error of a panic.
///
/// The library promises not to panic, but it is large, young, and reads what strangers wrote: an index out of bounds must
/// cost a page, not the reading of all others. Unwinding is also how [`cost`] stops it. Unwind safety may be asserted
/// because whatever the library was busy with is dropped.
fn contained<T>(work: impl FnOnce() -> Result<T, Unreadable>) -> Result<T, Unreadable> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic: Box<dyn Any + Send>| {
        Err(match panic.downcast::<Unreadable>() {
            Ok(stop) => *stop,
            Err(_) => broken("a part of the PDF cannot be drawn"),
        })
    })
}

fn draw<'a>(contents: &'a Contents<'a>) -> Result<Page, Unreadable> {
    const SCALE: f64 = DOTS_PER_INCH / POINTS_PER_INCH;
    let (width, height) = contents.render_dimensions();
    let (width, height) = (pixels(f64::from(width) * SCALE), pixels(f64::from(height) * SCALE));
    pixels_of(width, height)?;
    if contents.raw().contains_key(CONTENTS) && contents.page_stream().is_none() {
        return Err(broken("the operators of a page cannot be unpacked"));
    }
    let transform = Affine::scale(SCALE) * Affine::new(contents.initial_transform(true).as_coeffs());
    let side = |pixels: u32| u16::try_from(pixels).expect("the longest side of a page is shorter");
    let mut context = RenderContext::new(side(width), side(height));
    let is_broken = Arc::new(AtomicBool::new(false));
    let settings = settings(&is_broken);
    cost::check(contents, &settings, transform, (width, height));
    // What is kept in it grows with the pages that it is used for.
    let cache = RenderCache::new();
    render_into(contents, &cache, &settings, &RenderSettings::default(), &mut context, transform);
    if is_broken.load(Ordering::Relaxed) {
        return Err(broken("a picture on the page cannot be unpacked"));
    }
    context.flush();
    let mut pixmap = Pixmap::new(side(width), side(height));
    let raster = RasterizerSettings { target_init: TargetInit::Clear(WHITE), ..Default::default() };
    context.render_with(&mut pixmap, &mut Resources::default(), raster);
    drop(context);
    let colours = pixmap.take_rgba8(ImageAlphaType::AlphaPremultiplied);
    let colours = RgbaImage::from_raw(width, height, colours).expect("there are four values for each pixel");
    Page::new(width, height, DynamicImage::from(colours).into_luma8().into_raw())
}

fn settings(is_broken: &Arc<AtomicBool>) -> InterpreterSettings {
    let is_broken = Arc::clone(is_broken);
    InterpreterSettings {
        warning_sink: Arc::new(move |warning| {
            if matches!(warning, InterpreterWarning::ImageDecodeFailure) {
                is_broken.store(true, Ordering::Relaxed);
            }
        }),
        ..Default::default()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what is too large or too small is refused as the largest or smallest number"
)]
fn pixels(length: f64) -> u32 {
    length.round() as u32
}

fn broken(how: &str) -> Unreadable {
    Unreadable::Broken(how.to_owned())
}
