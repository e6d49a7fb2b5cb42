//! What is said of codes that cannot be read, and of what is none.

use vision::sheet::{Page, Spot, read};

use crate::draw::{LABELS, MODULES, SIDE, Sheet, found, labels, place, text, texts};

const WHITE: u8 = 255;
const BLACK: u8 = 0;
/// The label that is damaged.
const DAMAGED: usize = 32;

/// Asserts that all labels but the damaged one are read, and that this one is the one spot.
#[track_caller]
fn assert_one_unread(sheet: &Sheet) {
    let findings = sheet.read();
    let others: Vec<String> = texts((0..LABELS).filter(|label| *label != DAMAGED)).into_iter().collect();
    assert_eq!(found(&findings), others);
    let [Spot { centre, side }] = findings.unread[..] else { panic!("{:?}", findings.unread) };
    let (x, y) = sheet.middle(DAMAGED);
    let away = (f64::from(centre.0) - x).hypot(f64::from(centre.1) - y);
    assert!(away < f64::from(side) / 2.0, "it is {away} pixels away");
    let (left, top) = sheet.pixel(place(DAMAGED).0, place(DAMAGED).1);
    let expected = 2.0_f64.sqrt() * (left - x).hypot(top - y);
    assert!((0.8..1.25).contains(&(f64::from(side) / expected)), "a side is {side}, not {expected}");
}

/// The sheet with rectangles over the damaged code: left, top, width and height in parts of a side of it.
fn covered(degrees: f64, rectangles: &[[f64; 4]], grey: u8) -> Sheet {
    let mut sheet = labels(150.0, degrees);
    let (x, y) = place(DAMAGED);
    for rectangle in rectangles {
        let [left, top, width, height] = rectangle.map(|part| part * SIDE);
        sheet.cover((x + left, y + top), (width, height), grey);
    }
    sheet
}

const MIDDLE: [f64; 4] = [0.3, 0.3, 0.4, 0.4];
const LEFT_TOP: [f64; 4] = [0.0, 0.0, 0.3, 0.3];
const RIGHT_TOP: [f64; 4] = [0.7, 0.0, 0.3, 0.3];
const LEFT_BOTTOM: [f64; 4] = [0.0, 0.7, 0.3, 0.3];

#[test]
fn a_code_with_a_blank_middle_is_unread_and_all_others_are_read() {
    for degrees in [0.0, 3.0, 90.0] {
        assert_one_unread(&covered(degrees, &[MIDDLE], WHITE));
    }
}

#[test]
fn a_code_under_a_blot_is_unread() {
    assert_one_unread(&covered(0.0, &[MIDDLE], BLACK));
    assert_one_unread(&covered(3.0, &[[0.4, 0.0, 0.2, 1.0]], BLACK));
}

#[test]
fn a_code_without_its_corners_is_unread() {
    for grey in [WHITE, BLACK] {
        assert_one_unread(&covered(0.0, &[LEFT_TOP], grey));
        assert_one_unread(&covered(3.0, &[LEFT_TOP, RIGHT_TOP], grey));
    }
    assert_one_unread(&covered(0.0, &[LEFT_TOP, RIGHT_TOP, LEFT_BOTTOM], WHITE));
}

#[test]
fn what_is_left_of_a_torn_code_is_unread() {
    assert_one_unread(&covered(0.0, &[[0.0, 0.0, 0.45, 1.0]], WHITE));
    assert_one_unread(&covered(0.0, &[[0.0, 0.0, 1.0, 0.45]], WHITE));
}

/// As much as error correction is there for.
#[test]
fn a_scratch_is_read_through() {
    let sheet = covered(0.0, &[[0.3, 0.45, 0.5, 0.05]], WHITE);
    let findings = sheet.read();
    assert_eq!(found(&findings), texts(0..LABELS).into_iter().collect::<Vec<_>>());
    assert_eq!(findings.unread, []);
}

/// Of one kind of damage on all of a sheet, nothing was read to compare with.
#[test]
fn a_sheet_of_which_nothing_can_be_read_is_all_unread() {
    let mut sheet = labels(150.0, 0.0);
    for (x, y) in (0..LABELS).map(place) {
        sheet.cover((x + 0.3 * SIDE, y + 0.3 * SIDE), (0.4 * SIDE, 0.4 * SIDE), WHITE);
    }
    let findings = sheet.read();
    assert_eq!((findings.codes.len(), findings.unread.len()), (0, LABELS));
}

#[test]
fn a_label_without_a_code_is_nothing() {
    let sheet = covered(0.0, &[[0.0, 0.0, 1.0, 1.0]], WHITE);
    let findings = sheet.read();
    assert_eq!((findings.codes.len(), findings.unread.len()), (LABELS - 1, 0));
}

/// Rings are the hardest: from one side to the other they are as dark and light as a finder pattern.
#[test]
fn logos_as_large_as_the_codes_are_nothing() {
    let logos: [fn(f64, f64) -> bool; 7] = [
        |x, y| x.hypot(y) < 0.5,
        |x, y| x.hypot(y) < 0.5 && (x.hypot(y) * 7.0) as i32 % 2 == 0,
        |x, y| x.hypot(y) < 0.5 && (x + y + 1.0).fract() < 0.5,
        |x, y| x.abs() + y.abs() < 0.5 && (x.abs() > 0.15 || y.abs() > 0.3),
        // A net.
        |x, y| ((x + 0.5) * 29.0) as i32 % 2 == 0 || ((y + 0.5) * 29.0) as i32 % 2 == 0,
        // Bar codes.
        |_, y| ((y + 0.5) * 29.0) as i32 * 7919 % 5 < 2,
        |x, _| ((x + 0.5) * 40.0) as i32 * 7919 % 5 < 3,
    ];
    for logo in logos {
        let mut sheet = labels(150.0, 0.0);
        for (x, y) in (0..LABELS).map(place) {
            sheet.cover((x + 18.2, y), (SIDE, SIDE), WHITE);
            sheet.draw((x + 18.2, y), (SIDE, SIDE), |u, v| logo(u - 0.5, v - 0.5));
        }
        let findings = sheet.read();
        assert_eq!((findings.codes.len(), findings.unread.len()), (LABELS, 0));
    }
}

/// Of three of them in three labels, a triple could be made.
#[test]
fn logos_like_a_finder_pattern_are_nothing() {
    let mut sheet = labels(150.0, 0.0);
    for (x, y) in (0..LABELS).map(place) {
        let side = 7.0 / MODULES * SIDE;
        sheet.cover((x + 17.0, y), (18.0, SIDE), WHITE);
        sheet.draw((x + 22.0, y + 6.0), (side, side), |u, v| {
            let ring = ((u - 0.5).abs().max((v - 0.5).abs()) * 7.0 + 0.5) as u32;
            ring != 2
        });
    }
    let findings = sheet.read();
    assert_eq!((findings.codes.len(), findings.unread.len()), (LABELS, 0));
}

/// Four lines are as wide and as tall as a code.
#[test]
fn a_block_of_text_as_large_as_the_codes_is_nothing() {
    let mut sheet = labels(150.0, 0.0);
    for (label, (x, y)) in (0..LABELS).map(place).enumerate() {
        sheet.cover((x + 17.0, y), (18.0, SIDE), WHITE);
        sheet.lines(4, label, x + 19.0, y);
    }
    for sheet in [sheet.clone(), sheet.blurred(1)] {
        let findings = sheet.read();
        assert_eq!((findings.codes.len(), findings.unread.len()), (LABELS, 0));
    }
}

#[test]
fn text_alone_and_noise_alone_are_nothing() {
    let mut sheet = Sheet::empty(150.0, 0.0);
    for (label, (x, y)) in (0..LABELS).map(place).enumerate() {
        sheet.words(label, x, y);
        sheet.words(label + LABELS, x + 17.0, y);
    }
    assert_eq!(sheet.read(), Default::default());
    assert_eq!(Sheet::empty(150.0, 0.0).noisy(100.0).read(), Default::default());
    assert_eq!(Sheet::empty(150.0, 0.0).read(), Default::default());
}

/// Too small for any code, or for the windows in which pixels are compared.
#[test]
fn a_page_of_any_size_is_read() {
    for (width, height) in [(1, 1), (1, 90), (90, 1), (20, 20), (21, 21), (39, 41), (2, 900)] {
        for (paper, ink) in [(WHITE, BLACK), (BLACK, WHITE)] {
            let mut grey = vec![paper; width * height];
            let middle = grey.len() / 2;
            grey[middle] = ink;
            let page = Page::new(width as u32, height as u32, grey).expect("it has an area");
            assert_eq!(read(&page), Default::default());
        }
    }
}

#[test]
fn a_code_that_is_cut_off_by_the_border_is_not_read_as_another() {
    let mut sheet = Sheet::empty(150.0, 0.0);
    sheet.code(&text(0), 30.0, -6.0, SIDE);
    sheet.code(&text(1), 204.0, 60.0, SIDE);
    assert_eq!(sheet.read().codes, []);
}
