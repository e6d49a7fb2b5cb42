//! How large things may become when they are unpacked.
//!
//! What the library unpacks for itself, the lists of objects of a file, is bounded by the size of the file alone.

use hayro_syntax::Filter;
use hayro_syntax::object::dict::keys::{COLUMNS, DECODE_PARMS, DP};
use hayro_syntax::object::stream::{FilterResult, ImageDecodeParams};
use hayro_syntax::object::{Array, Dict, Stream};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

use super::super::{PIXELS_MAX, SIDE_MAX, Unreadable};

/// The operators of a page, in bytes.
const CONTENTS_MAX: usize = 64 << 20;
/// A picture in its colours, in bytes.
const PICTURE_MAX: u64 = 4 * PIXELS_MAX;
/// What cannot be counted before it is unpacked may unpack to so many bytes at the very most.
const UNCOUNTED_MAX: u64 = 2 << 30;

/// The bytes of a stream of operators.
pub(super) fn data(stream: &Stream<'_>) -> Result<Vec<u8>, Unreadable> {
    check_growth(stream, CONTENTS_MAX as u64)?;
    let data = stream.decoded_data().map_err(|_| broken("the operators of a page cannot be unpacked"))?;
    check_contents(data.len())?;
    Ok(data.into_owned())
}

pub(super) fn check_contents(bytes: usize) -> Result<(), Unreadable> {
    if bytes > CONTENTS_MAX {
        return Err(too_large("the operators of a page", CONTENTS_MAX as u64));
    }
    Ok(())
}

/// The samples of a picture.
pub(super) fn picture<'a>(
    stream: &Stream<'a>,
    parameters: &ImageDecodeParams,
) -> Result<FilterResult<'a>, Unreadable> {
    check_growth(stream, PICTURE_MAX)?;
    let lines_are_sane = fax_columns(stream.dict()).is_none_or(|columns| columns <= SIDE_MAX);
    if !lines_are_sane {
        return Err(Unreadable::TooLarge(format!("a fax in the PDF is wider than {SIDE_MAX} pixels")));
    }
    stream.decoded_image(parameters).map_err(|_| broken("a picture on the page cannot be unpacked"))
}

fn fax_columns(dict: &Dict<'_>) -> Option<u32> {
    let of_one = [DP, DECODE_PARMS].iter().find_map(|key| dict.get::<Dict<'_>>(key));
    let of_many = || {
        let list = [DP, DECODE_PARMS].iter().find_map(|key| dict.get::<Array<'_>>(key))?;
        list.iter::<Dict<'_>>().find(|parameters| parameters.contains_key(COLUMNS))
    };
    of_one.or_else(of_many)?.get::<u32>(COLUMNS)
}

/// Refuses a stream that unpacks to more than so many bytes, as far as that can be told before.
///
/// A stream of DEFLATE is unpacked into nothing first, to count. Of one in another packing, or in one around another,
/// only as much is taken as cannot fill the memory.
fn check_growth(stream: &Stream<'_>, bytes_max: u64) -> Result<(), Unreadable> {
    let packed = stream.raw_data();
    let filters = stream.filters();
    let growth = filters.iter().map(growth).fold(1_u64, u64::saturating_mul);
    let is_plain = *filters == [Filter::FlateDecode];
    let is_small =
        growth.saturating_mul(packed.len() as u64) <= if is_plain { bytes_max } else { UNCOUNTED_MAX };
    if is_small || is_plain && unpacks_within(&packed, bytes_max)? {
        return Ok(());
    }
    Err(too_large("a part of the PDF", bytes_max))
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

/// Whether a stream of zlib (RFC 1950) unpacks to no more than so many bytes.
fn unpacks_within(packed: &[u8], bytes_max: u64) -> Result<bool, Unreadable> {
    /// DEFLATE looks back as far as this.
    const WINDOW: usize = 32 << 10;
    let mut state = DecompressorOxide::new();
    let mut window = vec![0; WINDOW];
    let (mut read, mut written, mut at) = (0, 0_u64, 0);
    let flags = inflate_flags::TINFL_FLAG_PARSE_ZLIB_HEADER;
    loop {
        let (status, took, gave) = decompress(&mut state, &packed[read..], &mut window, at, flags);
        read += took;
        written += gave as u64;
        at = (at + gave) % WINDOW;
        match status {
            _ if written > bytes_max => return Ok(false),
            TINFLStatus::Done => return Ok(true),
            TINFLStatus::HasMoreOutput => {}
            _ => return Err(broken("a part of the PDF cannot be unpacked")),
        }
    }
}

fn too_large(what: &str, bytes_max: u64) -> Unreadable {
    Unreadable::TooLarge(format!("{what} is larger than {} MiB when it is unpacked", bytes_max >> 20))
}

pub(super) fn broken(how: &str) -> Unreadable {
    Unreadable::Broken(how.to_owned())
}
