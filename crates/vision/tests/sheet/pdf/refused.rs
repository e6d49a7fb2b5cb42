//! What is broken, hostile or too large, which must never end a program.

use vision::sheet::{PAGES_MAX, Unreadable, open};

use super::{PLACE, Pdf, assert_reads, bits, drawn, modules, packed, picture};
use crate::draw::Random;

/// The values of /O and /U are not those of the empty password.
#[test]
fn an_encrypted_file_is_refused_as_such() {
    let mut pdf = Pdf::new();
    pdf.page("", "");
    let key = "00".repeat(32);
    let encryption = format!("/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<{key}>/U<{key}>>>/ID[<00><00>]");
    assert_eq!(open(pdf.file(&encryption)).err(), Some(Unreadable::Encrypted));
}

#[test]
fn a_broken_file_is_refused_as_such() {
    assert!(matches!(open(b"%PDF-1.7\nnothing".to_vec()), Err(Unreadable::Broken(_))));
    assert!(matches!(open(Pdf::new().file("")), Err(Unreadable::Broken(_))));
    let mut pdf = Pdf::new();
    let contents = pdf.stream("/Filter/DCTDecode", b"no operators");
    pdf.page_with(&format!("/Contents {contents} 0 R"));
    assert!(matches!(pdf.error(), Unreadable::Broken(_)));
    let mut pdf = Pdf::new();
    let image = pdf.stream("/Subtype/Image/Width 9/Height 9/Filter/DCTDecode", b"no JPEG");
    pdf.page(&format!("/XObject<</P {image} 0 R>>"), format!("{PLACE} /P Do"));
    assert!(matches!(pdf.error(), Unreadable::Broken(_)));
}

#[test]
fn a_file_of_too_many_pages_is_refused() {
    let mut pdf = Pdf::new();
    let page = pdf.object("<</Type/Page/Parent 2 0 R>>");
    let copy = |pdf: &mut Pdf| pdf.0[1].extend(b"<</Type/Page/Parent 2 0 R>> ");
    assert_eq!(page, 3);
    (0..=PAGES_MAX).for_each(|_| copy(&mut pdf));
    assert!(matches!(open(pdf.file("")), Err(Unreadable::TooLarge(_))));
}

#[test]
fn a_page_or_picture_that_is_too_large_is_refused() {
    let mut pdf = Pdf::new();
    pdf.page_of("/MediaBox[0 0 5000 100]", "", b"");
    assert!(matches!(pdf.error(), Unreadable::TooLarge(_)));
    let mut pdf = Pdf::new();
    picture(&mut pdf, "/BitsPerComponent 8/ColorSpace/DeviceGray", &[], 20_001);
    assert!(matches!(pdf.error(), Unreadable::TooLarge(_)));
    let sizes: [(&str, &[u8]); 3] = [
        ("/CCITTFaxDecode/DecodeParms<</K -1/Columns 2000000000>>", b""),
        ("/JPXDecode", b"\xFF\x4F\xFF\x51\0\0\0\0\0\0\xFF\xFF\0\0\xFF\xFF"),
        ("/JBIG2Decode", b"\0\0\0\0\x30\0\x01\0\0\0\x13\0\0\xFF\xFF\0\0\xFF\xFF"),
    ];
    for (filter, picture) in sizes {
        let mut pdf = Pdf::new();
        let form = format!("/Subtype/Image/Width 9/Height 9/BitsPerComponent 1/Filter{filter}");
        let image = pdf.stream(&form, picture);
        pdf.page(&format!("/XObject<</P {image} 0 R>>"), format!("{PLACE} /P Do"));
        assert!(matches!(pdf.error(), Unreadable::TooLarge(_)), "{filter}");
    }
}

/// So large that it is counted before it is unpacked.
#[test]
fn what_unpacks_to_much_is_read() {
    let mut random = Random::new(5);
    let noise: String = (0..200_000).map(|_| format!("%{}\n", random.below(1 << 30))).collect();
    let squares = drawn(14, |x, y, m| format!("{x} {y} {m} {m} re f "));
    let mut pdf = Pdf::new();
    let contents = pdf.stream("/Filter/FlateDecode", &packed(format!("{noise}{PLACE} {squares}").as_bytes()));
    pdf.page_with(&format!("/Contents {contents} 0 R"));
    assert_reads(pdf, 14);
}

/// 65 MiB of spaces, packed once and twice; and letters of which nobody knows what they are before they are unpacked.
#[test]
fn what_unpacks_to_too_much_is_refused() {
    let once = packed(&vec![b' '; 65 << 20]);
    let twice = packed(&once);
    let letters = vec![b'0'; 3 << 20];
    let streams = [
        ("/Filter/FlateDecode", once),
        ("/Filter[/FlateDecode/FlateDecode]", twice),
        ("/Filter[/ASCIIHexDecode/FlateDecode]", letters),
    ];
    for (filter, stream) in streams {
        let mut pdf = Pdf::new();
        let contents = pdf.stream(filter, &stream);
        pdf.page_with(&format!("/Contents {contents} 0 R"));
        assert!(matches!(open(pdf.file("")), Err(Unreadable::TooLarge(_))), "{filter}");
    }
}

#[test]
fn a_page_that_takes_too_much_to_draw_is_refused() {
    let mut fills = Pdf::new();
    fills.page("", "0 0 170 113 re f ".repeat(2000));
    let mut dashes = Pdf::new();
    dashes.page("", "[0.0001] 0 d 0 0 m 170 113 l S ".repeat(10));
    let mut copies = Pdf::new();
    picture(&mut copies, "/BitsPerComponent 1/ColorSpace/DeviceGray", &[], 5000);
    let image = copies.0.len() - 2;
    copies.0[1].clear();
    copies.page(&format!("/XObject<</P {image} 0 R>>"), "q 170 0 0 113 0 0 cm /P Do Q ".repeat(500));
    let mut tiles = Pdf::new();
    let tile = "/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 9 9]/XStep 0.01/YStep 0.01/Resources<<>>";
    let tile = tiles.stream(tile, b"0 0 1 1 re f");
    let pattern = format!("/Pattern<</T {tile} 0 R>>");
    tiles.page(&pattern, "/Pattern cs /T scn 0 0 170 113 re f");
    for pdf in [fills, dashes, copies, tiles] {
        assert!(matches!(pdf.error(), Unreadable::TooLarge(_)));
    }
}

/// Each of 40 forms draws the one before it twice.
#[test]
fn a_page_that_would_be_drawn_forever_is_refused() {
    let mut pdf = Pdf::new();
    let mut form = pdf.stream("/Subtype/Form/BBox[0 0 9 9]", b"");
    for _ in 0..40 {
        let resources = format!("/Resources<</XObject<</F {form} 0 R>>>>");
        form = pdf.stream(&format!("/Subtype/Form/BBox[0 0 9 9]{resources}"), b"/F Do /F Do");
    }
    pdf.page(&format!("/XObject<</F {form} 0 R>>"), "/F Do");
    assert!(matches!(pdf.error(), Unreadable::TooLarge(_)));
}

#[test]
fn a_form_within_itself_ends() {
    let squares = drawn(15, |x, y, m| format!("{x} {y} {m} {m} re f "));
    let mut pdf = Pdf::new();
    let form = pdf.stream("/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</F 3 0 R>>>>", b"/F Do");
    assert_eq!(form, 3);
    pdf.page("/XObject<</F 3 0 R>>", format!("/F Do {PLACE} {squares}"));
    assert_reads(pdf, 15);
}

/// Some bytes of it are others, or the rest is missing.
#[test]
fn a_damaged_file_is_drawn_or_refused() {
    let rows = modules(16);
    let mut pdf = Pdf::new();
    let mask = pdf.stream("/Subtype/Image/Width 1/Height 1/BitsPerComponent 8/ColorSpace/DeviceGray", &[255]);
    let form = format!("/BitsPerComponent 1/ColorSpace/DeviceGray/SMask {mask} 0 R");
    picture(&mut pdf, &form, &bits(&rows, false), rows.len());
    pdf.page("", drawn(17, |x, y, m| format!("{x} {y} {m} {m} re f ")));
    let file = pdf.file("");
    let mut random = Random::new(6);
    for _ in 0..200 {
        let mut damaged = file.clone();
        for _ in 0..=random.below(20) {
            damaged[random.below(file.len())] = random.below(256) as u8;
        }
        damaged.truncate(file.len() - random.below(2) * random.below(file.len()));
        let Ok(sheet) = open(damaged) else { continue };
        for index in 0..sheet.pages() {
            assert!(!matches!(sheet.page(index), Err(Unreadable::NoPage(_))));
        }
    }
}
