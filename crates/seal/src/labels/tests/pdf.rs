//! The structure of a PDF, read as a reader reads it: from the end.

use super::*;

/// The offsets of all objects from 1 on, as the table tells them.
fn table(file: &File) -> Vec<u64> {
    let end = String::from_utf8(part(file, file.length() - 100, 100)).unwrap();
    let (_, end) = end.split_once("startxref\n").unwrap();
    let start: u64 = end.strip_suffix("\n%%EOF\n").unwrap().parse().unwrap();
    let table = String::from_utf8(part(file, start, usize::MAX)).unwrap();
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("xref"));
    let count: usize = lines.next().unwrap().strip_prefix("0 ").unwrap().parse().unwrap();
    assert_eq!(lines.next(), Some("0000000000 65535 f "));
    let entries: Vec<_> = lines.by_ref().take(count - 1).collect();
    assert_eq!((entries.len(), lines.next()), (count - 1, Some("trailer")));
    assert!(lines.next().unwrap().starts_with(&format!("<</Size {count}/Root 1 0 R/Info 2 0 R>>")));
    entries.iter().map(|entry| entry.strip_suffix(" 00000 n ").unwrap().parse().unwrap()).collect()
}

/// What stands at an offset, without what fills it up.
fn object(file: &File, number: usize, offset: u64) -> String {
    let start = String::from_utf8_lossy(&part(file, offset, 120)).into_owned();
    let object =
        start.strip_prefix(&format!("{number} 0 obj<<")).unwrap_or_else(|| panic!("{number}: {start}"));
    object.lines().next().unwrap().trim_end().to_owned()
}

fn number_after(text: &str, name: &str) -> u64 {
    let (_, text) = text.split_once(name).unwrap();
    text.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

/// Checks each of these objects, and returns how many pages there are.
fn check(file: &File, numbers: impl Iterator<Item = usize>) -> usize {
    let offsets = table(file);
    let pages = usize::try_from(number_after(&object(file, 4, offsets[3]), "/Count ")).unwrap();
    let nodes = pages.div_ceil(512);
    let first_page = 5 + nodes;
    assert_eq!(offsets.len() + 1, first_page + 2 * pages);
    for number in numbers.take_while(|number| *number <= offsets.len()) {
        let text = object(file, number, offsets[number - 1]);
        if number < first_page {
            continue;
        }
        let page = (number - first_page) / 2;
        if (number - first_page).is_multiple_of(2) {
            let (node, content) = (5 + page / 512, number + 1);
            let expected = format!("/Type/Page/Parent {node} 0 R/Contents {content} 0 R>>endobj");
            assert_eq!(text, expected);
        } else {
            let start = offsets[number - 1] + 40;
            let length = number_after(&text, "/Length ");
            assert_eq!(part(file, start, 10), b"stream\n/F ");
            let end = part(file, start + 7 + length - 1, 19);
            assert_eq!(String::from_utf8_lossy(&end), "\n\nendstream endobj\n");
        }
    }
    pages
}

#[test]
fn every_object_is_where_the_table_says() {
    for (sheet, quantity, pages) in [
        (Sheet::A4By65, 1, 1),
        (Sheet::A4By65, 65, 1),
        (Sheet::LetterBy65, 66, 2),
        (Sheet::A4By40, 512 * 40, 512),
        (Sheet::LetterBy40, 513 * 40 + 1, 514),
    ] {
        let file = file(Format::Pdf(sheet), run(1, quantity));
        assert_eq!(check(&file, 1..), pages, "{sheet:?}");
    }
}

#[test]
fn the_largest_pdf_has_offsets_of_ten_digits() {
    let run = |quantity| Run {
        page_address: format!("https://{}.example/", "a".repeat(270)),
        prefix: "A".repeat(20),
        ..run(u64::MAX - QUANTITY_MAX, quantity)
    };
    let format = Format::Pdf(Sheet::A4By40);
    let why = File::new(format, run(QUANTITY_MAX)).unwrap_err();
    assert_eq!(why, Unfit::TooLarge);
    assert!(why.to_string().contains("ask for a part of the batch"), "{why}");
    let file = file(format, run(9_200_000));
    assert!((9_800_000_000..10_000_000_000).contains(&file.length()), "{}", file.length());
    assert_eq!(check(&file, (1..460_400).step_by(997).chain(460_400..460_500)), 230_000);
}

#[test]
fn a_pdf_of_ten_million_codes_has_all_its_pages() {
    let file = file(Format::Pdf(Sheet::A4By40), run(1, QUANTITY_MAX));
    assert_eq!(check(&file, (1..500_400).step_by(997).chain(500_400..500_500)), 250_000);
    let last_page = part(&file, *table(&file).last().unwrap(), 20_000);
    assert!(String::from_utf8_lossy(&last_page).contains("(EXP24-10000000)Tj ET"));
}

#[test]
fn nodes_of_the_page_tree_have_all_pages_in_order() {
    let file = file(Format::Pdf(Sheet::A4By40), run(1, 513 * 40));
    let offsets = table(&file);
    let tree =
        String::from_utf8_lossy(&part(&file, offsets[4], in_memory(offsets[6] - offsets[4]))).into_owned();
    let kids: Vec<usize> = tree
        .split(['[', ']'])
        .skip(1)
        .step_by(2)
        .flat_map(|kids| kids.split(" 0 R").map(|kid| kid.trim().to_owned()).filter(|kid| !kid.is_empty()))
        .map(|kid| kid.parse().unwrap())
        .collect();
    assert_eq!(kids, (0..513).map(|page| 7 + 2 * page).collect::<Vec<_>>());
    assert!(tree.contains("/Count 512/Kids") && tree.contains("/Count 1/Kids"), "{tree}");
}
