//! Pages of a PDF, drawn in grey at 300 dots per inch (ISO 32000-1).
//!
//! Drawn are pictures of all kinds, stencils, filled paths and lines: what codes are made of, whether a label printer's
//! program, a drawing program or a scanner wrote the file.
//!
//! Absent on purpose: text, patterns and shadings, blend modes, soft masks of the graphics state, annotations, layers
//! that are switched off (they are drawn), and clips that are no rectangle (their bounds clip). A complete renderer exists
//! and takes longer to compile than the rest of the product.

mod bounds;
mod canvas;
mod colour;
mod matrix;
mod paint;
mod path;
mod picture;

use hayro_syntax::object::dict::keys::CONTENTS;
use hayro_syntax::object::{Array, Stream};
use hayro_syntax::{LoadPdfError, Pdf};

use super::{PAGES_MAX, Page, Unreadable, pixels_of};
use canvas::Canvas;
use matrix::{Matrix, whole};

const DOTS_PER_INCH: f64 = 300.0;
/// Units of a page, unless it says otherwise.
const POINTS_PER_INCH: f64 = 72.0;

pub(super) struct Document(Pdf);

/// Readers take a PDF that begins within the first kilobyte.
pub(super) fn is_pdf(bytes: &[u8]) -> bool {
    const MARK: &[u8] = b"%PDF-";
    bytes[..bytes.len().min(1024)].windows(MARK.len()).any(|window| window == MARK)
}

impl Document {
    pub(super) fn open(bytes: Vec<u8>) -> Result<Self, Unreadable> {
        let pdf = Pdf::new(bytes).map_err(|error| match error {
            LoadPdfError::Decryption(_) => Unreadable::Encrypted,
            LoadPdfError::Invalid => Unreadable::Broken("the PDF has no list of pages".to_owned()),
        })?;
        match pdf.pages().len() {
            0 => Err(Unreadable::Broken("the PDF has no pages".to_owned())),
            1..=PAGES_MAX => Ok(Self(pdf)),
            pages => {
                Err(Unreadable::TooLarge(format!("the PDF has {pages} pages: {PAGES_MAX} are the most")))
            }
        }
    }

    pub(super) fn pages(&self) -> usize {
        self.0.pages().len()
    }

    pub(super) fn page(&self, index: usize) -> Result<Page, Unreadable> {
        const SCALE: f64 = DOTS_PER_INCH / POINTS_PER_INCH;
        let page = &self.0.pages()[index];
        let (width, height) = page.render_dimensions();
        let pixels = |points: f32| whole(f64::from(points) * SCALE);
        let (width, height) = (pixels(width), pixels(height));
        pixels_of(width, height)?;
        let matrix = Matrix(page.initial_transform(true).as_coeffs()).then(Matrix::scale(SCALE));
        let mut canvas = Canvas::new(width, height);
        paint::page(&mut canvas, &contents(page)?, page.resources(), matrix)?;
        Ok(canvas.into_page())
    }
}

/// The operators of a page. The library would keep those of every page once read.
fn contents(page: &hayro_syntax::page::Page<'_>) -> Result<Vec<u8>, Unreadable> {
    if let Some(stream) = page.raw().get::<Stream<'_>>(CONTENTS) {
        return bounds::data(&stream);
    }
    let mut all = Vec::new();
    for stream in page.raw().get::<Array<'_>>(CONTENTS).iter().flat_map(Array::iter::<Stream<'_>>) {
        all.extend(bounds::data(&stream)?);
        // A stream may end in the middle of a line, and never of a word.
        all.push(b'\n');
        bounds::check_contents(all.len())?;
    }
    Ok(all)
}
