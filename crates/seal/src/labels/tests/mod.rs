//! What holds for all formats. `decode` reads the symbols back, `pdf` the structure of a PDF.

mod decode;
mod pdf;

use std::sync::Arc;

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;
use crate::row::hex;
use crate::token::{ORDINAL_MAX, TokenKey};

const FORMATS: [Format; 8] = [
    Format::Csv,
    Format::Ndjson,
    Format::Zpl,
    Format::Pdf(Sheet::A4By65),
    Format::Pdf(Sheet::A4By40),
    Format::Pdf(Sheet::LetterBy65),
    Format::Pdf(Sheet::LetterBy40),
    Format::SvgZip,
];

fn run(first_number: u64, quantity: u64) -> Run {
    Run {
        key: Arc::new(TokenKey::derive(&[7; 32], 1)),
        first_ordinal: 5_000_000,
        prefix: "EXP24".into(),
        first_number,
        quantity,
        page_address: "https://codes.example.com/v/".into(),
    }
}

fn file(format: Format, run: Run) -> File {
    File::new(format, run).unwrap()
}

fn part(file: &File, from: u64, bytes: usize) -> Vec<u8> {
    let mut out = Vec::new();
    file.read(from, bytes, &mut out);
    out
}

fn whole(file: &File) -> Vec<u8> {
    let bytes = part(file, 0, usize::MAX);
    assert_eq!(bytes.len() as u64, file.length());
    bytes
}

fn text(file: &File) -> String {
    String::from_utf8(whole(file)).unwrap()
}

#[test]
fn the_first_lines_of_a_format_stay_as_they_are() {
    let lines = |format| text(&file(format, run(999_999, 2)));
    assert_eq!(
        lines(Format::Csv),
        "serial,token,verifyUrl\n\
         EXP24-999999,1R8F98Q5W1XD045TQ76D,https://codes.example.com/v/1R8F98Q5W1XD045TQ76D\n\
         EXP24-1000000,1M4KKK61TFSB9J9HWAGN,https://codes.example.com/v/1M4KKK61TFSB9J9HWAGN\n"
    );
    assert_eq!(
        lines(Format::Ndjson),
        "{\"serial\":\"EXP24-999999\",\"token\":\"1R8F98Q5W1XD045TQ76D\",\
         \"verifyUrl\":\"https://codes.example.com/v/1R8F98Q5W1XD045TQ76D\"}\n\
         {\"serial\":\"EXP24-1000000\",\"token\":\"1M4KKK61TFSB9J9HWAGN\",\
         \"verifyUrl\":\"https://codes.example.com/v/1M4KKK61TFSB9J9HWAGN\"}\n"
    );
    assert_eq!(
        lines(Format::Zpl),
        "^XA^BY2,3,10^FO16,6^BQN,2,4^FDMA,HTTPS://CODES.EXAMPLE.COM/V/1R8F98Q5W1XD045TQ76D^FS\
         ^FO16,148^A0N,20,20^FDEXP24-999999^FS^XZ\n\
         ^XA^BY2,3,10^FO16,6^BQN,2,4^FDMA,HTTPS://CODES.EXAMPLE.COM/V/1M4KKK61TFSB9J9HWAGN^FS\
         ^FO16,148^A0N,20,20^FDEXP24-1000000^FS^XZ\n"
    );
}

#[test]
fn a_file_of_today_is_the_file_of_any_other_day() {
    let digests = FORMATS.map(|format| hex(&Sha256::digest(whole(&file(format, run(999_990, 80))))[..8]));
    let expected = [
        "8adc6a9efd74b2cf",
        "116fb7e9f2889259",
        "14ce95eefd25fe6e",
        "909e2a14b9cea51c",
        "d8408c087ec8663a",
        "5925cd40bc8f90e3",
        "b288d2c43717b6bd",
        "831bc3d80bf21ef2",
    ];
    assert_eq!(digests, expected, "who renders a batch again must get the same bytes");
}

#[test]
fn any_part_of_a_file_is_that_part_of_the_whole() {
    for format in FORMATS {
        // Serials get longer within, and the last page is not full.
        let file = file(format, run(999_930, 140));
        let whole = whole(&file);
        // A prime, so that every place of a piece comes up in some piece.
        let step = if whole.len() > 100_000 { 41 } else { 5 };
        for (nth, from) in (0..whole.len() + step).step_by(step).enumerate() {
            let bytes = [1, 20, 333, 1000][nth % 4];
            let from_within = from.min(whole.len());
            let expected = &whole[from_within..(from + bytes).clamp(from_within, whole.len())];
            assert!(part(&file, from as u64, bytes) == expected, "{format:?}: {bytes} bytes from {from}");
        }
        let mut out = b"kept".to_vec();
        file.read(7, 0, &mut out);
        file.read(u64::MAX, 9, &mut out);
        assert_eq!(out, b"kept", "{format:?}");
    }
}

#[test]
fn a_file_of_ten_million_codes_is_read_from_its_end() {
    let run = run(1, QUANTITY_MAX);
    let last = run.code(QUANTITY_MAX - 1);
    assert_eq!(last.serial, "EXP24-10000000");
    let digits = 999_999 * 6 + 9_000_000 * 7 + 8;
    for (format, header, fixed, end) in [
        (Format::Csv, 23, "EXP24-,,\n".len() + 20 + 48, format!("{},{}\n", last.token, last.verify_url)),
        (Format::Ndjson, 0, r#"{"serial":"EXP24-","token":"","verifyUrl":""}n"#.len() + 20 + 48, {
            format!("\"token\":\"{}\",\"verifyUrl\":\"{}\"}}\n", last.token, last.verify_url)
        }),
    ] {
        let file = file(format, run.clone());
        assert_eq!(file.length(), header + digits + QUANTITY_MAX * fixed as u64, "{format:?}");
        let from = file.length() - end.len() as u64;
        assert_eq!(String::from_utf8(part(&file, from, 1 << 20)).unwrap(), end, "{format:?}");
    }
}

#[test]
fn lines_are_the_codes_and_need_no_quoting() {
    let run = Run { prefix: "aZ0._-".into(), ..run(8, 40) };
    let csv = text(&file(Format::Csv, run.clone()));
    let ndjson = text(&file(Format::Ndjson, run.clone()));
    assert_eq!((csv.lines().count(), ndjson.lines().count()), (41, 40));
    for (index, (csv, json)) in (0..).zip(csv.lines().skip(1).zip(ndjson.lines())) {
        let Code { serial, token, verify_url } = run.code(index);
        assert_eq!((serial.as_str(), token.len()), (format!("aZ0._--{:06}", 8 + index).as_str(), 20));
        assert_eq!(verify_url, format!("https://codes.example.com/v/{token}"));
        assert_eq!(csv.split(',').collect::<Vec<_>>(), [&serial, &token, &verify_url]);
        let expected = serde_json::json!({"serial": serial, "token": token, "verifyUrl": verify_url});
        assert_eq!(serde_json::from_str::<serde_json::Value>(json).unwrap(), expected);
    }
}

#[test]
fn nothing_that_would_need_quoting_comes_into_a_file() {
    for character in (0..=0x2FF).filter_map(char::from_u32) {
        let in_prefix = Run { prefix: format!("A{character}"), ..run(1, 1) };
        let in_address = Run { page_address: format!("https://a.example/{character}/"), ..run(1, 1) };
        for run in [in_prefix, in_address] {
            let is_special = !character.is_ascii_graphic() || "\",\\<>&'()^~".contains(character);
            assert!(!is_special || File::new(Format::Csv, run).is_err(), "{character:?}");
        }
    }
}

#[test]
fn serials_have_six_digits_or_as_many_as_they_need() {
    assert_eq!(serial("EXP24", 1), "EXP24-000001");
    assert_eq!(serial("a.b_c-", 999_999), "a.b_c--999999");
    assert_eq!(serial("X", 1_000_000), "X-1000000");
    assert_eq!(serial("X", u64::MAX), "X-18446744073709551615");
    let last = run(u64::MAX - 9, 10);
    assert!(text(&file(Format::Csv, last)).contains("\nEXP24-18446744073709551615,"));
}

#[test]
fn what_does_not_fit_says_why() {
    let unfit = |format, run| File::new(format, run).map(|file| file.length()).unwrap_err();
    for format in FORMATS {
        for prefix in ["", "EXP 24", "É", "A,B", &"A".repeat(21)] {
            assert_eq!(
                unfit(format, Run { prefix: prefix.into(), ..run(1, 1) }),
                Unfit::Prefix,
                "{prefix:?}"
            );
        }
        for quantity in [0, QUANTITY_MAX + 1, u64::MAX] {
            assert_eq!(unfit(format, run(1, quantity)), Unfit::Quantity);
        }
        assert_eq!(unfit(format, run(u64::MAX, 2)), Unfit::Range);
        for first_ordinal in [ORDINAL_MAX, u64::MAX] {
            assert_eq!(unfit(format, Run { first_ordinal, ..run(1, 2) }), Unfit::Range);
        }
        for (page_address, why) in [
            ("https://example.com/v?t=", qr::Unfit::Character),
            ("https://example.com/a b/", qr::Unfit::Character),
            ("https://exämple.com/v/", qr::Unfit::Character),
            (&format!("https://{}.example/", "a".repeat(300)), qr::Unfit::TooLong),
        ] {
            let run = Run { page_address: page_address.into(), ..run(1, 1) };
            assert_eq!(unfit(format, run), Unfit::Address(why), "{page_address}");
        }
    }
    let why = unfit(Format::SvgZip, run(1, DRAWINGS_MAX + 1));
    assert_eq!(why, Unfit::TooMany);
    assert!(why.to_string().contains("at most 65535 codes: ask for a part of the batch"), "{why}");
}

#[test]
fn names_of_sheets_come_back() {
    for sheet in Sheet::ALL {
        assert_eq!(Sheet::parse(sheet.name()), Some(sheet));
    }
    assert_eq!(Sheet::parse("a4-65"), Some(Sheet::A4By65));
    assert_eq!(Sheet::parse("A4-65"), None);
    let kinds = FORMATS.map(|format| {
        let file = file(format, run(1, 1));
        (file.extension(), file.content_type())
    });
    assert_eq!(kinds[0], ("csv", "text/csv; charset=utf-8"));
    assert_eq!((kinds[3], kinds[7]), (("pdf", "application/pdf"), ("zip", "application/zip")));
}

#[test]
fn a_file_is_shared_between_threads() {
    fn is_shared<T: Send + Sync + 'static>(_: &T) {}
    is_shared(&file(Format::SvgZip, run(1, 1)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn parts_join_to_the_whole_wherever_serials_get_longer(
        before in 0..30_u64,
        power in 6..15_u32,
        format in prop::sample::select(vec![Format::Csv, Format::Zpl, Format::SvgZip, Format::Pdf(Sheet::LetterBy40)]),
        bytes in 100..3000_usize,
    ) {
        let file = file(format, run(10_u64.pow(power) - before, 45));
        let whole = whole(&file);
        let mut joined = Vec::new();
        while joined.len() < whole.len() {
            let length = joined.len();
            file.read(length as u64, bytes, &mut joined);
            prop_assert_eq!(joined.len(), whole.len().min(length + bytes));
        }
        prop_assert!(joined == whole);
    }
}
