//! What is read from whole sheets, however they come.

use crate::draw::{LABELS, MODULES, SIDE, Sheet, assert_reads, found, labels, text};

#[test]
fn every_code_of_a_rendered_sheet_is_read() {
    assert_reads(&labels(150.0, 0.0), 0..LABELS);
    assert_reads(&labels(300.0, 0.0), 0..LABELS);
}

/// As the last page of a batch: a thousandth of the paper is ink.
#[test]
fn a_code_alone_on_a_sheet_is_read() {
    for (dots_per_inch, label) in [(150.0, 0), (150.0, 32), (300.0, 64)] {
        let mut sheet = Sheet::empty(dots_per_inch, 0.0);
        sheet.label(label, &text(label));
        assert_reads(&sheet, [label]);
        assert_reads(&sheet.noisy(20.0), [label]);
    }
}

#[test]
fn a_sheet_may_lie_on_any_side_and_askew() {
    for degrees in [3.0, -3.0, 90.0, 180.0, 270.0] {
        assert_reads(&labels(150.0, degrees), 0..LABELS);
    }
}

#[test]
fn a_code_may_be_turned_by_any_angle() {
    const INNER: [usize; 3] = [31, 32, 33];
    for degrees in (15..360).step_by(30) {
        let mut sheet = Sheet::empty(150.0, f64::from(degrees));
        INNER.into_iter().for_each(|label| sheet.label(label, &text(label)));
        assert_reads(&sheet, INNER);
    }
}

#[test]
fn noise_blur_and_pale_ink_are_read_through() {
    let sheet = labels(200.0, 0.0);
    assert_reads(&sheet.clone().noisy(60.0), 0..LABELS);
    assert_reads(&sheet.clone().blurred(1), 0..LABELS);
    assert_reads(&sheet.clone().toned(|grey| 120.0 + grey * 0.12), 0..LABELS);
    assert_reads(&sheet.blurred(1).noisy(30.0), 0..LABELS);
}

/// One look reads some of these only: noise as fine as this hides most.
#[test]
fn noise_that_hides_most_codes_is_smoothed_away() {
    assert_reads(&labels(200.0, 3.0).noisy(110.0), 0..LABELS);
}

/// A look at the whole page would show these, too, and is not worth it for one.
#[test]
fn a_single_noisy_or_blurred_label_is_looked_at_closely() {
    let fine = labels(200.0, 0.0);
    assert_reads(&fine.clone().with_label_of(32, &fine.noisy(120.0)), 0..LABELS);
    let coarse = labels(141.0, 0.0);
    assert_reads(&coarse.clone().with_label_of(32, &coarse.blurred(1)), 0..LABELS);
}

#[test]
fn a_photograph_in_uneven_light_and_from_aside_is_read() {
    let sheet = labels(200.0, 2.0);
    assert_reads(&sheet.clone().shaded(0.2), 0..LABELS);
    assert_reads(&sheet.seen_from_aside(0.15).shaded(0.4).noisy(20.0), 0..LABELS);
}

/// A module is less than two pixels.
#[test]
fn a_coarse_scan_is_read() {
    assert_reads(&labels(75.0, 0.0), 0..LABELS);
    assert_reads(&labels(75.0, 3.0), 0..LABELS);
}

/// Modules are as large as the windows that other pages are compared in, and full of noise.
#[test]
fn a_single_large_code_is_read() {
    let mut sheet = Sheet::empty(150.0, 4.0);
    sheet.code(&text(0), 25.0, 60.0, 160.0);
    assert_reads(&sheet, [0]);
    assert_reads(&sheet.noisy(80.0), [0]);
}

#[test]
fn a_code_is_found_where_it_is() {
    let sheet = labels(150.0, 3.0);
    let module = SIDE / MODULES * 150.0 / 25.4;
    let findings = sheet.read();
    for label in 0..LABELS {
        let code = findings.codes.iter().find(|code| code.text == text(label)).expect("every code is read");
        let (x, y) = sheet.middle(label);
        let away = (f64::from(code.centre.0) - x).hypot(f64::from(code.centre.1) - y);
        assert!(away < module, "{label} is found {away} pixels away");
    }
}

#[test]
fn codes_come_from_the_top_to_the_bottom() {
    let findings = labels(150.0, 0.0).read();
    assert!(findings.codes.is_sorted_by_key(|code| (code.centre.1, code.centre.0)));
}

#[test]
fn a_code_that_is_printed_twice_is_found_twice() {
    let mut sheet = Sheet::empty(150.0, 0.0);
    for label in 0..LABELS {
        sheet.label(label, &text(if label == 41 { 17 } else { label }));
    }
    let findings = sheet.read();
    let mut expected: Vec<String> =
        (0..LABELS).map(|label| text(if label == 41 { 17 } else { label })).collect();
    expected.sort();
    assert_eq!(found(&findings), expected);
    assert_eq!(findings.unread, []);
}

#[test]
fn text_is_read_as_it_was_written() {
    let texts = ["https://label.example/v/abc?x=1#y", "0123456789", "Größe ٣ мы 漢字", "A-Z $%*+-./:"];
    let mut sheet = Sheet::empty(150.0, 0.0);
    for (row, text) in (0..).zip(texts) {
        sheet.code(text, 30.0, 30.0 + 40.0 * f64::from(row), 20.0);
    }
    let findings = sheet.read();
    assert_eq!(findings.codes.iter().map(|code| code.text.as_str()).collect::<Vec<_>>(), texts);
}
