//! A sheet of labels, as it was rendered, scanned or photographed: its pages, and every QR code on them.
//!
//! A file is a PDF, PNG, JPEG or WebP, told by its first bytes. A page is a raster of grey values and is made when it
//! is asked for, so that a file of thousands of pages needs the memory of one. [`read`] finds the codes of a page, and
//! the places that look like a code that nobody can read.
//!
//! Absent on purpose: colour, other kinds of bar codes, and codes in light modules on dark ground.

mod pdf;
mod picture;
mod symbols;

use std::fmt;

pub use symbols::{Findings, Found, Reader, Spot, read};

/// The largest file that is read, in bytes.
pub const BYTES_MAX: usize = 512 << 20;
/// The widest and the tallest page, in pixels.
pub const SIDE_MAX: u32 = 20_000;
/// The largest page, in pixels.
pub const PIXELS_MAX: u64 = 200_000_000;
/// The most pages that a file may have.
pub const PAGES_MAX: usize = 20_000;

const WHITE: u8 = 255;

/// Why a file or a page of it cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unreadable {
    /// The file is none of the kinds that are read.
    Kind,
    /// Something is larger than its limit: what, and the limit.
    TooLarge(String),
    /// The PDF asks for a password, or is encrypted in a way that is not known.
    Encrypted,
    /// The file breaks the rules of its kind: how.
    Broken(String),
    /// There is no page of this index, counted from 0.
    NoPage(usize),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind => write!(f, "this is no PDF, PNG, JPEG or WebP"),
            Self::TooLarge(what) => write!(f, "{what}"),
            Self::Encrypted => write!(f, "the PDF is encrypted: save a copy without a password"),
            Self::Broken(how) => write!(f, "the file is broken: {how}"),
            Self::NoPage(index) => write!(f, "there is no page {}", index.saturating_add(1)),
        }
    }
}

impl std::error::Error for Unreadable {}

/// Pages of a file, decoded one at a time so that memory stays bounded.
pub struct Sheet(Source);

enum Source {
    Picture(Vec<u8>, image::ImageFormat),
    Pdf(pdf::Document),
}

impl fmt::Debug for Sheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sheet").field("pages", &self.pages()).finish_non_exhaustive()
    }
}

/// Opens a file. Its kind is told by its first bytes, whatever it is called.
///
/// # Errors
/// [`Unreadable`] if the file is of no known kind or too large, or a PDF is encrypted, broken or has too many pages.
pub fn open(bytes: Vec<u8>) -> Result<Sheet, Unreadable> {
    if bytes.len() > BYTES_MAX {
        return Err(Unreadable::TooLarge(format!("the file is larger than {} MiB", BYTES_MAX >> 20)));
    }
    if pdf::is_pdf(&bytes) {
        return pdf::Document::open(bytes).map(|document| Sheet(Source::Pdf(document)));
    }
    let format = picture::format(&bytes).ok_or(Unreadable::Kind)?;
    Ok(Sheet(Source::Picture(bytes, format)))
}

impl Sheet {
    /// How many pages there are. A picture is one page.
    #[must_use]
    pub fn pages(&self) -> usize {
        match &self.0 {
            Source::Picture(..) => 1,
            Source::Pdf(document) => document.pages(),
        }
    }

    /// The raster of a page, counted from 0: a picture as it is, a page of a PDF at 300 dots per inch.
    ///
    /// # Errors
    /// [`Unreadable`] if there is no such page, or it is broken or too large.
    pub fn page(&self, index: usize) -> Result<Page, Unreadable> {
        if index >= self.pages() {
            return Err(Unreadable::NoPage(index));
        }
        match &self.0 {
            Source::Picture(bytes, format) => picture::decode(bytes, *format),
            Source::Pdf(document) => document.page(index),
        }
    }
}

/// A raster of grey values: 0 is black, 255 is white, row after row from the top.
#[derive(Clone, PartialEq, Eq)]
pub struct Page {
    width: u32,
    height: u32,
    grey: Vec<u8>,
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page")
            .field("width", &self.width)
            .field("height", &self.height)
            .finish_non_exhaustive()
    }
}

impl Page {
    /// A page of the given width and height, in pixels.
    ///
    /// # Errors
    /// [`Unreadable`] if a side is none or too long, or the values are not as many as the pixels.
    pub fn new(width: u32, height: u32, grey: Vec<u8>) -> Result<Self, Unreadable> {
        if grey.len() != pixels_of(width, height)? {
            return Err(Unreadable::Broken(format!("{} values for {width} × {height} pixels", grey.len())));
        }
        Ok(Self { width, height, grey })
    }

    /// In pixels.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// In pixels.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// A row of grey values.
    fn row(&self, y: u32) -> &[u8] {
        let width = self.width as usize;
        &self.grey[y as usize * width..][..width]
    }
}

/// The pixels of a page or picture, if it may be as large as that.
fn pixels_of(width: u32, height: u32) -> Result<usize, Unreadable> {
    if width == 0 || height == 0 {
        return Err(Unreadable::Broken("a page or picture without an area".to_owned()));
    }
    let pixels = u64::from(width) * u64::from(height);
    if width.max(height) > SIDE_MAX || pixels > PIXELS_MAX {
        return Err(Unreadable::TooLarge(format!(
            "{width} × {height} pixels are too many: {SIDE_MAX} a side and {} million in all are the most",
            PIXELS_MAX / 1_000_000
        )));
    }
    Ok(usize::try_from(pixels).expect("the most pixels fit into memory addresses"))
}
