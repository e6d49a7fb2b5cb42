//! Kinds of files, and what is refused.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, GrayImage, ImageEncoder, ImageFormat, LumaA};
use vision::sheet::{PIXELS_MAX, Page, SIDE_MAX, Unreadable, open, read};

use crate::draw::{LABELS, Sheet, found, labels, texts};

fn picture(sheet: &Sheet) -> DynamicImage {
    let (width, height) = (sheet.width as u32, sheet.height as u32);
    GrayImage::from_raw(width, height, sheet.grey.clone()).expect("a value for each pixel").into()
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).expect("a picture can be encoded");
    bytes.into_inner()
}

#[track_caller]
fn assert_reads_all(bytes: Vec<u8>) {
    let sheet = open(bytes).expect("it is a picture");
    assert_eq!(sheet.pages(), 1);
    let page = sheet.page(0).expect("it is not broken");
    assert_eq!(found(&read(&page)), texts(0..LABELS).into_iter().collect::<Vec<_>>());
}

#[test]
fn a_picture_is_read_whatever_its_kind() {
    let picture = picture(&labels(150.0, 0.0));
    assert_reads_all(encoded(&picture, ImageFormat::Png));
    assert_reads_all(encoded(&picture.to_rgb8().into(), ImageFormat::Png));
    assert_reads_all(encoded(&picture.to_rgba8().into(), ImageFormat::WebP));
    let mut jpeg = Vec::new();
    picture.write_with_encoder(JpegEncoder::new_with_quality(&mut jpeg, 20)).expect("it can be encoded");
    assert_reads_all(jpeg);
}

#[test]
fn what_is_transparent_is_white_paper() {
    let mut picture = picture(&labels(150.0, 0.0)).to_luma_alpha8();
    for LumaA([grey, alpha]) in picture.pixels_mut() {
        (*grey, *alpha) = (0, 255 - *grey);
    }
    assert_reads_all(encoded(&picture.into(), ImageFormat::Png));
}

#[test]
fn a_file_of_another_kind_is_refused() {
    for bytes in [&b""[..], b"P5 1 1 255 \0", b"GIF89a\x01\0\x01\0\0\0\0;", b"<svg/>"] {
        assert_eq!(open(bytes.to_vec()).err(), Some(Unreadable::Kind));
    }
}

#[test]
fn a_picture_that_ends_too_early_is_broken() {
    let picture = picture(&labels(75.0, 0.0));
    for format in [ImageFormat::Png, ImageFormat::WebP] {
        let mut bytes = encoded(&picture, format);
        bytes.truncate(bytes.len() / 2);
        let page = open(bytes).expect("its first bytes are right").page(0);
        assert!(matches!(page, Err(Unreadable::Broken(_))), "{format:?}: {page:?}");
    }
}

/// A phone that is held upright stores what it sees lying on its side.
#[test]
fn a_photograph_is_turned_as_it_says() {
    let turned_right = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let picture = picture(&labels(75.0, 270.0));
    let mut jpeg = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, 90);
    encoder.set_exif_metadata(turned_right.to_vec()).expect("a JPEG takes it");
    picture.write_with_encoder(encoder).expect("it can be encoded");
    let page = open(jpeg).expect("it is a picture").page(0).expect("it is not broken");
    assert_eq!((page.width(), page.height()), (picture.height(), picture.width()));
    let upright = labels(75.0, 0.0).read();
    let near = |a: (u32, u32), b: (u32, u32)| a.0.abs_diff(b.0).max(a.1.abs_diff(b.1)) <= 2;
    for code in read(&page).codes {
        assert!(upright.codes.iter().any(|other| other.text == code.text && near(other.centre, code.centre)));
    }
}

/// A header alone, so that nothing but the size can be what is wrong.
#[test]
fn a_picture_that_is_too_large_is_refused_by_its_header() {
    for (width, height) in [(SIDE_MAX + 1, 1), (1, SIDE_MAX + 1), (SIDE_MAX, SIDE_MAX), (u32::MAX >> 1, 1)] {
        let page = open(png_header(width, height, GREY)).expect("its first bytes are right").page(0);
        assert!(matches!(page, Err(Unreadable::TooLarge(_))), "{width} × {height}: {page:?}");
    }
    let in_deep_colours = open(png_header(12_000, 12_000, DEEP)).expect("its first bytes are right").page(0);
    assert!(matches!(in_deep_colours, Err(Unreadable::TooLarge(_))), "{in_deep_colours:?}");
}

/// Bits of a sample, and kind of its colours.
const GREY: [u8; 2] = [8, 0];
const DEEP: [u8; 2] = [16, 6];

/// A PNG up to its pixels.
fn png_header(width: u32, height: u32, colours: [u8; 2]) -> Vec<u8> {
    let mut header = b"IHDR".to_vec();
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    header.extend(colours);
    header.extend([0, 0, 0]);
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0D".to_vec();
    bytes.extend(&header);
    bytes.extend(crc(&header).to_be_bytes());
    bytes.extend(b"\0\0\0\0IDAT\x35\xAF\x06\x1E");
    bytes
}

/// CRC-32 of ISO 3309, as PNG has it.
fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| {
                if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 }
            },
        )
    };
    !bytes.iter().fold(u32::MAX, step)
}

#[test]
fn a_page_has_an_area_within_limits_and_a_value_for_each_pixel() {
    assert!(matches!(Page::new(0, 5, vec![]), Err(Unreadable::Broken(_))));
    assert!(matches!(Page::new(2, 2, vec![0; 5]), Err(Unreadable::Broken(_))));
    assert!(matches!(Page::new(SIDE_MAX + 1, 1, vec![]), Err(Unreadable::TooLarge(_))));
    assert!(u64::from(SIDE_MAX) * u64::from(SIDE_MAX) > PIXELS_MAX);
    assert!(matches!(Page::new(SIDE_MAX, SIDE_MAX, vec![]), Err(Unreadable::TooLarge(_))));
}

#[test]
fn there_are_no_pages_after_the_last() {
    let sheet = open(encoded(&picture(&labels(75.0, 0.0)), ImageFormat::Png)).expect("it is a picture");
    assert_eq!(sheet.page(1).err(), Some(Unreadable::NoPage(1)));
}

#[test]
fn an_error_says_what_to_do_or_what_is_wrong() {
    let errors = [
        (Unreadable::Kind, "this is no PDF, PNG, JPEG or WebP"),
        (Unreadable::Encrypted, "the PDF is encrypted: save a copy without a password"),
        (Unreadable::Broken("why".to_owned()), "the file is broken: why"),
        (Unreadable::NoPage(1), "there is no page 2"),
    ];
    for (error, text) in errors {
        assert_eq!(error.to_string(), text);
    }
}
