//! PDF files, written here as label programs, drawing programs and scanners write them.

mod refused;

use std::fmt::Write;
use std::io::Read;

use flate2::Compression;
use flate2::read::ZlibEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use vision::sheet::{Findings, Unreadable, open, read};

use crate::draw::{LABELS, Random, found, labels, symbol, text, texts};

/// Points of a page of 60 by 40 millimetres.
const PAPER: &str = "[0 0 170 113]";
/// Takes the unit square to where the code is on it.
const PLACE: &str = "50 0 0 50 20 40 cm";
/// Where the middle of it is, in pixels at 300 dots per inch.
const MIDDLE: (f64, f64) = (45.0 / 72.0 * 300.0, (113.0 - 65.0) / 72.0 * 300.0);

/// How much grey an ink of its own stands for.
const TINT: &str = "<</FunctionType 2/Domain[0 1]/C0[1]/C1[0]/N 1>>";

/// A file, object after object; the first is the catalogue and the second the list of pages.
struct Pdf(Vec<Vec<u8>>);

impl Pdf {
    fn new() -> Self {
        Self(vec![b"<</Type/Catalog/Pages 2 0 R>>".to_vec(), Vec::new()])
    }

    /// Adds an object and gives its number.
    fn object(&mut self, object: &str) -> usize {
        self.0.push(object.as_bytes().to_vec());
        self.0.len()
    }

    fn stream(&mut self, dict: &str, data: &[u8]) -> usize {
        let mut object = format!("<</Length {}{dict}>>stream\n", data.len()).into_bytes();
        object.extend(data);
        object.extend(b"\nendstream");
        self.0.push(object);
        self.0.len()
    }

    /// Adds a page with these resources and operators.
    fn page(&mut self, resources: &str, contents: impl AsRef<[u8]>) {
        self.page_of("", resources, contents.as_ref());
    }

    fn page_of(&mut self, more: &str, resources: &str, contents: &[u8]) {
        let contents = self.stream("", contents);
        self.page_with(&format!("{more}/Contents {contents} 0 R/Resources<<{resources}>>"));
    }

    fn page_with(&mut self, entries: &str) {
        let page = self.object(&format!("<</Type/Page/Parent 2 0 R{entries}>>"));
        let kids = &mut self.0[1];
        kids.extend(format!("{page} 0 R ").as_bytes());
    }

    /// The file, with a table of where its objects are, and more entries for its trailer.
    fn file(mut self, trailer: &str) -> Vec<u8> {
        let kids = String::from_utf8(std::mem::take(&mut self.0[1])).expect("numbers are text");
        let pages = kids.matches('R').count();
        self.0[1] = format!("<</Type/Pages/Count {pages}/Kids[{kids}]/MediaBox{PAPER}>>").into_bytes();
        let mut file = b"%PDF-1.7\n".to_vec();
        let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", self.0.len() + 1);
        for (number, object) in (1..).zip(&self.0) {
            writeln!(table, "{:010} 00000 n ", file.len()).expect("text takes text");
            file.extend(format!("{number} 0 obj\n").as_bytes());
            file.extend(object);
            file.extend(b"\nendobj\n");
        }
        let start = file.len();
        file.extend(table.as_bytes());
        let size = self.0.len() + 1;
        file.extend(
            format!("trailer<</Size {size}/Root 1 0 R{trailer}>>\nstartxref\n{start}\n%%EOF").as_bytes(),
        );
        file
    }

    fn read(self) -> Findings {
        let sheet = open(self.file("")).expect("the file is whole");
        read(&sheet.page(0).expect("the page is whole"))
    }

    fn error(self) -> Unreadable {
        let sheet = open(self.file("")).expect("the file is whole");
        sheet.page(0).expect_err("the page cannot be read")
    }
}

/// The rows of a code from the top, a dark module being true.
fn modules(label: usize) -> Vec<Vec<bool>> {
    let symbol = symbol(&text(label));
    (0..symbol.size()).map(|y| (0..symbol.size()).map(|x| symbol.get_module(x, y)).collect()).collect()
}

/// Rows of bits, each filled up to a byte; a dark module becomes `dark`.
fn bits(rows: &[Vec<bool>], dark: bool) -> Vec<u8> {
    let byte = |bits: &[bool]| {
        (0..8)
            .fold(0, |byte, bit| byte << 1 | u8::from(bits.get(bit).is_some_and(|is_dark| *is_dark == dark)))
    };
    rows.iter().flat_map(|row| row.chunks(8).map(byte)).collect()
}

/// A value for each module.
fn samples(rows: &[Vec<bool>], dark: &[u8], light: &[u8]) -> Vec<u8> {
    rows.iter().flatten().flat_map(|is_dark| if *is_dark { dark } else { light }).copied().collect()
}

fn packed(data: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    ZlibEncoder::new(data, Compression::fast()).read_to_end(&mut packed).expect("a slice can be read");
    packed
}

#[track_caller]
fn assert_reads(pdf: Pdf, label: usize) {
    let findings = pdf.read();
    assert_eq!((found(&findings), findings.unread.len()), (vec![text(label)], 0));
    let (x, y) = findings.codes[0].centre;
    assert!((f64::from(x) - MIDDLE.0).hypot(f64::from(y) - MIDDLE.1) < 4.0, "it is at {x}, {y}");
}

#[test]
fn stencils_in_the_text_of_a_page_are_read() {
    let rows = modules(0);
    let side = rows.len();
    for (decode, dark) in [("/D[1 0]", true), ("", false), ("/Decode[0 1]", false)] {
        let mut contents = format!("q {PLACE} BI /W {side} /H {side} /IM true {decode} ID ").into_bytes();
        contents.extend(bits(&rows, dark));
        contents.extend(b" EI Q");
        let mut pdf = Pdf::new();
        pdf.page("", contents);
        assert_reads(pdf, 0);
    }
}

#[test]
fn pictures_in_all_colours_are_read() {
    let rows = modules(1);
    let spot = format!("/BitsPerComponent 8/ColorSpace[/Separation/Brand/DeviceGray{TINT}]");
    let pictures: [(&str, Vec<u8>); 11] = [
        ("/BitsPerComponent 1/ColorSpace/DeviceGray", bits(&rows, false)),
        ("/BitsPerComponent 1/ColorSpace/DeviceGray/Decode[1 0]", bits(&rows, true)),
        ("/BitsPerComponent 8/ColorSpace/DeviceGray", samples(&rows, &[0], &[255])),
        (
            "/BitsPerComponent 16/ColorSpace[/CalGray<</WhitePoint[1 1 1]>>]",
            samples(&rows, &[20, 0], &[250, 0]),
        ),
        ("/BitsPerComponent 8/ColorSpace/DeviceRGB", samples(&rows, &[0, 0, 120], &[255, 250, 200])),
        ("/BitsPerComponent 8/ColorSpace/DeviceCMYK", samples(&rows, &[255, 180, 0, 80], &[0; 4])),
        (
            "/BitsPerComponent 8/ColorSpace[/Lab<</WhitePoint[1 1 1]>>]",
            samples(&rows, &[20, 128, 128], &[240, 128, 128]),
        ),
        (&spot, samples(&rows, &[230], &[0])),
        (
            "/BitsPerComponent 8/ColorSpace[/DeviceN[/A/B]/DeviceGray 3 0 R]",
            samples(&rows, &[99, 200], &[0, 0]),
        ),
        ("/BitsPerComponent 1/ColorSpace[/Indexed/DeviceRGB 1<FFFFFF000040>]", bits(&rows, true)),
        ("/BitsPerComponent 8/ColorSpace[/Indexed/DeviceGray 2<8000FF>]", samples(&rows, &[1], &[2])),
    ];
    for (form, samples) in pictures {
        let mut pdf = Pdf::new();
        let inks = "/FunctionType 4/Domain[0 1 0 1]/Range[0 1]";
        assert_eq!(pdf.stream(inks, b"{ add 1 exch sub }"), 3);
        picture(&mut pdf, form, &samples, rows.len());
        assert_reads(pdf, 1);
    }
}

/// A page with a picture, which is packed.
fn picture(pdf: &mut Pdf, form: &str, samples: &[u8], side: usize) {
    let entries = format!("/Subtype/Image/Width {side}/Height {side}/Filter/FlateDecode{form}");
    let image = pdf.stream(&entries, &packed(samples));
    pdf.page(&format!("/XObject<</P {image} 0 R>>"), format!("{PLACE} /P Do"));
}

#[test]
fn a_colour_profile_is_known_by_its_components() {
    let rows = modules(1);
    let mut pdf = Pdf::new();
    let profile = pdf.stream("/N 3", b"");
    let form = format!("/BitsPerComponent 8/ColorSpace[/ICCBased {profile} 0 R]");
    picture(&mut pdf, &form, &samples(&rows, &[0, 0, 0], &[255, 255, 255]), rows.len());
    assert_reads(pdf, 1);
}

/// One black pixel, and the code in how opaque it is.
#[test]
fn a_code_in_the_mask_of_a_picture_is_read() {
    let rows = modules(2);
    let side = rows.len();
    let masks = [
        ("SMask", "/BitsPerComponent 8/ColorSpace/DeviceGray", samples(&rows, &[255], &[0])),
        ("Mask", "/BitsPerComponent 1/ImageMask true", bits(&rows, false)),
    ];
    for (key, form, mask) in masks {
        let mut pdf = Pdf::new();
        let mask = pdf.stream(&format!("/Subtype/Image/Width {side}/Height {side}{form}"), &mask);
        let form = format!("/BitsPerComponent 8/ColorSpace/DeviceGray/{key} {mask} 0 R");
        picture(&mut pdf, &form, &[0], 1);
        assert_reads(pdf, 2);
    }
}

#[test]
fn a_scan_is_read() {
    let scan = labels(200.0, 1.0);
    let mut jpeg = Vec::new();
    let (width, height) = (scan.width as u32, scan.height as u32);
    let encoder = JpegEncoder::new_with_quality(&mut jpeg, 50);
    encoder.write_image(&scan.grey, width, height, ExtendedColorType::L8).expect("it can be encoded");
    let mut pdf = Pdf::new();
    let form = "/Subtype/Image/BitsPerComponent 8/ColorSpace/DeviceGray/Filter/DCTDecode";
    let image = pdf.stream(&format!("{form}/Width {width}/Height {height}"), &jpeg);
    let resources = format!("/XObject<</P {image} 0 R>>");
    pdf.page_of("/MediaBox[0 0 595 842]", &resources, b"595 0 0 842 0 0 cm /P Do");
    assert_eq!(found(&pdf.read()), texts(0..LABELS).into_iter().collect::<Vec<_>>());
}

/// A scan has more pixels than the page is drawn with. Here every third of those in the dark modules is black, by chance.
#[test]
fn a_large_picture_is_drawn_with_all_of_its_pixels() {
    const PIXELS: usize = 28;
    let small = modules(3);
    let mut random = Random::new(3);
    let pixels = (0..small.len() * PIXELS).map(|y| {
        let row = &small[y / PIXELS];
        (0..row.len() * PIXELS).map(|x| row[x / PIXELS] && random.below(3) == 0).collect()
    });
    let rows: Vec<Vec<bool>> = pixels.collect();
    let mut pdf = Pdf::new();
    picture(&mut pdf, "/BitsPerComponent 1/ColorSpace/DeviceGray", &bits(&rows, false), rows.len());
    assert_reads(pdf, 3);
}

/// What draws the dark modules, in a square of one unit.
fn drawn(label: usize, one: impl Fn(f64, f64, f64) -> String) -> String {
    let rows = modules(label);
    let module = 1.0 / rows.len() as f64;
    let mut operators = String::new();
    for (row, y) in rows.iter().rev().zip(0..) {
        for (_, x) in row.iter().zip(0..).filter(|(is_dark, _)| **is_dark) {
            operators += &one(f64::from(x) * module, f64::from(y) * module, module);
        }
    }
    operators
}

#[test]
fn drawn_codes_are_read() {
    let squares = |end: &'static str| move |x, y, m| format!("{x} {y} {m} {m} re {end}\n");
    let outlines = |x: f64, y: f64, m: f64| {
        format!("{x} {y} m {} {y} l {} {} l {x} {} l h\n", x + m, x + m, y + m, y + m)
    };
    let lines =
        |x: f64, y: f64, m: f64| format!("{m} w {x} {} m {} {} l S\n", y + m / 2.0, x + m, y + m / 2.0);
    let dots = |x: f64, y: f64, m: f64| {
        format!("{m} w 2 J {} {} m {} {} l S\n", x + m / 2.0, y + m / 2.0, x + m / 2.0, y + m / 2.0)
    };
    let drawings = [
        drawn(4, squares("f")),
        format!("0 0 0.4 rg {}", drawn(4, squares("f*"))),
        format!("1 0.8 0 0.2 k 0 0 0 0 K 0 w {}", drawn(4, squares("b"))),
        format!("{} f", drawn(4, outlines)),
        drawn(4, lines),
        format!("0.2 G {}", drawn(4, dots)),
        format!("/Ink cs 0.9 scn {}", drawn(4, squares("F"))),
    ];
    for drawing in drawings {
        let mut pdf = Pdf::new();
        let ink = format!("/ColorSpace<</Ink[/Separation/Brand/DeviceGray{TINT}]>>");
        pdf.page(&ink, format!("q {PLACE} {drawing} Q"));
        assert_reads(pdf, 4);
    }
}

/// What is inside of two more squares is outside by one rule and inside by the other.
#[test]
fn the_rule_of_a_filled_path_is_kept() {
    let squares = drawn(5, |x, y, m| format!("{x} {y} {m} {m} re "));
    for (rule, codes) in [("f*", 1), ("f", 0)] {
        let mut pdf = Pdf::new();
        pdf.page("", format!("{PLACE} 0 0 1 1 re {squares} 0 0 1 1 re {rule}"));
        assert_eq!(pdf.read().codes.len(), codes, "{rule}");
    }
}

#[test]
fn a_form_is_drawn_with_its_own_matrix_and_resources() {
    let squares = drawn(6, |x, y, m| format!("{x} {y} {m} {m} re f "));
    let mut pdf = Pdf::new();
    let inner = pdf.stream("/Subtype/Form/BBox[0 0 1 1]", squares.as_bytes());
    let outer = format!(
        "/Subtype/Form/BBox[0 0 9 9]/Matrix[50 0 0 50 20 40]/Resources<</XObject<</I {inner} 0 R>>>>"
    );
    let outer = pdf.stream(&outer, b"/I Do");
    pdf.page(&format!("/XObject<</O {outer} 0 R>>"), "/O Do");
    assert_reads(pdf, 6);
}

#[test]
fn what_lies_over_a_code_hides_it() {
    let squares = drawn(7, |x, y, m| format!("{x} {y} {m} {m} re f "));
    let covers = [
        ("1 g 0 0 1 1 re f", 0),
        ("/Pale gs 1 g 0 0 1 1 re f", 1),
        ("0 0 1 1 re n", 1),
        ("/Pattern cs /P scn 0 0 1 1 re f", 1),
    ];
    for (cover, codes) in covers {
        let mut pdf = Pdf::new();
        pdf.page("/ExtGState<</Pale<</ca 0.5>>>>", format!("q {PLACE} {squares} {cover} Q"));
        assert_eq!(pdf.read().codes.len(), codes, "{cover}");
    }
}

#[test]
fn what_is_outside_of_a_clip_is_not_drawn() {
    let squares = drawn(8, |x, y, m| format!("{x} {y} {m} {m} re f "));
    for (clip, codes) in [("0 0 170 20 re W n", 0), ("0 0 170 113 re W n", 1), ("q 0 0 1 1 re W* n Q", 1)] {
        let mut pdf = Pdf::new();
        pdf.page("", format!("q {clip} {PLACE} {squares} Q"));
        assert_eq!(pdf.read().codes.len(), codes, "{clip}");
    }
}

#[test]
fn operators_that_are_not_drawn_disturb_nothing() {
    let squares = drawn(9, |x, y, m| format!("{x} {y} {m} {m} re f "));
    let others = "BT /F 9 Tf 20 20 Td (Label 1) Tj ET /S sh /Missing Do Q Q foo 1 2 bar /GS gs";
    let mut pdf = Pdf::new();
    pdf.page("", format!("{others} q {PLACE} {squares} Q {others}"));
    assert_reads(pdf, 9);
}

#[test]
fn a_turned_and_cropped_page_is_seen_as_a_viewer_shows_it() {
    let squares = drawn(10, |x, y, m| format!("{x} {y} {m} {m} re f "));
    let mut pdf = Pdf::new();
    pdf.page_of("/Rotate 90/CropBox[10 30 110 100]", "", format!("{PLACE} {squares}").as_bytes());
    let sheet = open(pdf.file("")).expect("the file is whole");
    let page = sheet.page(0).expect("the page is whole");
    assert_eq!((page.width(), page.height()), (292, 417));
    let findings = read(&page);
    assert_eq!(found(&findings), [text(10)]);
    // 35 points above the lower border and 35 from the left one, before it is turned to the right.
    assert_eq!(findings.codes[0].centre, (146, 146));
}

#[test]
fn every_page_is_read_for_itself_and_its_contents_may_be_in_parts() {
    let mut pdf = Pdf::new();
    for label in 11..14 {
        let squares = drawn(label, |x, y, m| format!("{x} {y} {m} {m} re f "));
        let parts =
            [format!("q {PLACE}"), squares, "Q".to_owned()].map(|part| pdf.stream("", part.as_bytes()));
        let [a, b, c] = parts;
        pdf.page_with(&format!("/Contents[{a} 0 R {b} 0 R {c} 0 R]"));
    }
    pdf.page_with("");
    let sheet = open(pdf.file("")).expect("the file is whole");
    assert_eq!(sheet.pages(), 4);
    let pages = (0..4).map(|index| read(&sheet.page(index).expect("the page is whole")));
    let texts: Vec<Vec<String>> = pages.map(|findings| found(&findings)).collect();
    assert_eq!(texts, [vec![text(11)], vec![text(12)], vec![text(13)], vec![]]);
    assert_eq!(sheet.page(4).err(), Some(Unreadable::NoPage(4)));
}

/// As many as are not kept from page to page.
#[test]
fn pages_of_very_many_operators_are_read_in_any_order() {
    let squares = drawn(18, |x, y, m| format!("{x} {y} {m} {m} re f "));
    let comment = " ".repeat(40 << 20);
    let mut pdf = Pdf::new();
    for _ in 0..3 {
        let contents = packed(format!("{PLACE} {squares} {comment}").as_bytes());
        let contents = pdf.stream("/Filter/FlateDecode", &contents);
        pdf.page_with(&format!("/Contents {contents} 0 R"));
    }
    let sheet = open(pdf.file("")).expect("the file is whole");
    for index in [0, 1, 2, 0] {
        assert_eq!(found(&read(&sheet.page(index).expect("the page is whole"))), [text(18)]);
    }
}
