//! How large the parts of a file become when they are unpacked.
//!
//! The library unpacks whatever it comes to, however large that becomes. The lists of objects of a file it unpacks before
//! anything can be asked: they are bounded by the size of the file alone.

use std::io::{Cursor, Read};

use flate2::read::DeflateDecoder;
use hayro::hayro_syntax::object::dict::keys::{COLUMNS, DECODE_PARMS, DP, IMAGE, MASK, SMASK, SUBTYPE};
use hayro::hayro_syntax::object::{Array, Dict, Name, Object, Stream};
use hayro::hayro_syntax::{Filter, Pdf};
use image::{ImageDecoder, ImageFormat, ImageReader};

use super::super::{PIXELS_MAX, SIDE_MAX, Unreadable, pixels_of};

/// A part that is no picture: operators, a font, a colour profile.
const PART_MAX: u64 = 64 << 20;
/// A picture in its colours.
const PICTURE_MAX: u64 = 4 * PIXELS_MAX;
/// What cannot be counted before it is unpacked may unpack to so many bytes at the very most.
const UNCOUNTED_MAX: u64 = 2 << 30;
/// The header of a zlib stream (RFC 1950).
const HEADER: usize = 2;

/// Refuses a file with a part, not a picture, that unpacks to too much.
pub(super) fn check_file(pdf: &Pdf) -> Result<(), Unreadable> {
    for object in pdf.objects() {
        let Object::Stream(stream) = object else { continue };
        if stream.dict().get::<Name<'_>>(SUBTYPE).is_none_or(|subtype| &*subtype != IMAGE) {
            check(&stream, PART_MAX)?;
        }
    }
    Ok(())
}

/// Refuses a picture if it or its mask unpacks to too much.
pub(super) fn check_picture(stream: &Stream<'_>) -> Result<(), Unreadable> {
    let masks = [SMASK, MASK].into_iter().filter_map(|key| stream.dict().get::<Stream<'_>>(key));
    for stream in masks.chain([stream.clone()]) {
        check(&stream, PICTURE_MAX)?;
        match stream.filters().last() {
            Some(Filter::CcittFaxDecode) if fax_columns(stream.dict()) > SIDE_MAX => {
                return Err(Unreadable::TooLarge(format!(
                    "a fax in the PDF is wider than {SIDE_MAX} pixels"
                )));
            }
            Some(Filter::DctDecode) => check_photograph(&stream.raw_data())?,
            Some(Filter::JpxDecode) => check_codestream(&stream.raw_data())?,
            Some(Filter::Jbig2Decode) => check_bilevel(&stream.raw_data())?,
            _ => {}
        }
    }
    Ok(())
}

/// Of one that is packed, or is no JPEG, the library tells.
fn check_photograph(jpeg: &[u8]) -> Result<(), Unreadable> {
    let decoder = ImageReader::with_format(Cursor::new(jpeg), ImageFormat::Jpeg).into_decoder();
    let Ok((width, height)) = decoder.map(|decoder| decoder.dimensions()) else { return Ok(()) };
    pixels_of(width, height).map(drop)
}

/// The size of a JPEG 2000 is in the first of its markers (ISO/IEC 15444-1, A.5.1).
fn check_codestream(jpeg: &[u8]) -> Result<(), Unreadable> {
    const START_AND_SIZE: &[u8] = b"\xFF\x4F\xFF\x51";
    let start = jpeg.windows(START_AND_SIZE.len()).position(|window| window == START_AND_SIZE);
    start.map_or(Ok(()), |start| check_sides(&jpeg[start..], 8))
}

/// The size of a JBIG2 is in its first segment (ITU-T T.88, 7.2 and 7.4.8).
fn check_bilevel(jbig2: &[u8]) -> Result<(), Unreadable> {
    const PAGE: u8 = 48;
    let is_page = jbig2.get(4).is_some_and(|flags| flags & 0x3F == PAGE);
    if is_page { check_sides(jbig2, 11) } else { Ok(()) }
}

/// Width and height, one after the other, if they are there and known.
fn check_sides(bytes: &[u8], offset: usize) -> Result<(), Unreadable> {
    let number = |offset: usize| Some(u32::from_be_bytes(*bytes.get(offset..)?.first_chunk()?));
    match (number(offset), number(offset + 4)) {
        (Some(width), Some(height)) if height != u32::MAX => pixels_of(width, height).map(drop),
        _ => Ok(()),
    }
}

fn fax_columns(dict: &Dict<'_>) -> u32 {
    let of_one = [DP, DECODE_PARMS].iter().find_map(|key| dict.get::<Dict<'_>>(key));
    let of_many = || {
        let list = [DP, DECODE_PARMS].iter().find_map(|key| dict.get::<Array<'_>>(key))?;
        list.iter::<Dict<'_>>().find(|parameters| parameters.contains_key(COLUMNS))
    };
    of_one.or_else(of_many).and_then(|parameters| parameters.get::<u32>(COLUMNS)).unwrap_or(0)
}

/// Refuses a stream that unpacks to more than so many bytes, as far as that can be told before.
///
/// A stream of DEFLATE is unpacked into nothing, to count. Of one in another packing, or in one around another, only as
/// much is taken as cannot fill the memory.
fn check(stream: &Stream<'_>, bytes_max: u64) -> Result<(), Unreadable> {
    let packed = stream.raw_data();
    let filters = stream.filters();
    let growth = filters.iter().map(growth).fold(1_u64, u64::saturating_mul);
    let is_plain = *filters == [Filter::FlateDecode];
    let most = growth.saturating_mul(packed.len() as u64);
    if most <= if is_plain { bytes_max } else { UNCOUNTED_MAX } {
        return Ok(());
    }
    // The library unpacks it without its header, too, if it has none.
    let unpacks_within =
        |packed: Option<&[u8]>| packed.is_none_or(|packed| unpacks_within(packed, bytes_max));
    if is_plain && unpacks_within(Some(&packed)) && unpacks_within(packed.get(HEADER..)) {
        return Ok(());
    }
    Err(Unreadable::TooLarge(format!("a part of the PDF unpacks to more than {} MiB", bytes_max >> 20)))
}

/// How many bytes one may become. Pictures in a form of their own say how large they are.
fn growth(filter: &Filter) -> u64 {
    match filter {
        Filter::FlateDecode => 1032,
        Filter::LzwDecode => 2730,
        Filter::RunLengthDecode => 64,
        _ => 1,
    }
}

/// Whether DEFLATE (RFC 1951) unpacks to no more than so many bytes, up to where it is broken.
fn unpacks_within(packed: &[u8], bytes_max: u64) -> bool {
    let mut decoder = DeflateDecoder::new(packed);
    let mut nothing = vec![0; 64 << 10];
    let mut left = bytes_max;
    while let Ok(read @ 1..) = decoder.read(&mut nothing) {
        match left.checked_sub(read as u64) {
            Some(rest) => left = rest,
            None => return false,
        }
    }
    true
}
