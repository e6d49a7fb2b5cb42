//! Pictures: PNG, JPEG, WebP.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::{Page, Unreadable, WHITE, pixels_of};

/// What a decoder may take beside the picture itself, and for its colours, in bytes.
const MEMORY_MAX: u64 = 1 << 30;

pub(super) fn format(bytes: &[u8]) -> Option<ImageFormat> {
    match image::guess_format(bytes) {
        Ok(format @ (ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP)) => Some(format),
        _ => None,
    }
}

/// The picture as it is to be held, in grey, on white paper where it is transparent.
pub(super) fn decode(bytes: &[u8], format: ImageFormat) -> Result<Page, Unreadable> {
    let mut decoder = ImageReader::with_format(Cursor::new(bytes), format).into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    pixels_of(width, height)?;
    if decoder.total_bytes() > MEMORY_MAX {
        return Err(Unreadable::TooLarge(format!(
            "the picture takes {} MiB in its colours: {} are the most, grey takes less",
            decoder.total_bytes() >> 20,
            MEMORY_MAX >> 20
        )));
    }
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MEMORY_MAX);
    decoder.set_limits(limits).map_err(broken)?;
    let orientation = decoder.orientation().map_err(broken)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(broken)?;
    picture.apply_orientation(orientation);
    Page::new(picture.width(), picture.height(), grey(picture))
}

fn grey(picture: DynamicImage) -> Vec<u8> {
    if !picture.color().has_alpha() {
        return picture.into_luma8().into_raw();
    }
    let pairs = picture.into_luma_alpha8().into_raw();
    pairs.chunks_exact(2).map(|pair| over_white(pair[0], pair[1])).collect()
}

fn over_white(grey: u8, alpha: u8) -> u8 {
    let (grey, alpha, white) = (u32::from(grey), u32::from(alpha), u32::from(WHITE));
    u8::try_from((grey * alpha + white * (white - alpha)) / white).expect("a mean of bytes is a byte")
}

fn broken(error: ImageError) -> Unreadable {
    match error {
        ImageError::Limits(_) => {
            Unreadable::TooLarge(format!("the picture takes more than {} MiB to decode", MEMORY_MAX >> 20))
        }
        error => Unreadable::Broken(error.to_string()),
    }
}
