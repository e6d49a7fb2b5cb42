//! The figures as they stand in the document.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::run::{Outcome, Share};

/// A table of months by their assumptions; of several months the worst figure stands.
pub(super) fn table(columns: &[(&str, &Vec<Outcome>)]) -> String {
    let mut text = "\n| |".to_owned();
    for (name, months) in columns {
        let noun = if months.len() == 1 { "month" } else { "months" };
        write!(text, " {name}, {} {noun} |", months.len()).expect("text");
    }
    writeln!(text, "\n|---|{}", "---:|".repeat(columns.len())).expect("text");
    for (name, figure) in ROWS {
        let figures: String = columns.iter().map(|(_, months)| format!(" {} |", figure(months))).collect();
        writeln!(text, "| {name} |{figures}").expect("text");
    }
    text.push('\n');
    for (name, months) in columns {
        writeln!(text, "Honest codes that were red, {name}, by reasons: {}.", reasons(months)).expect("text");
    }
    text.push('\n');
    text
}

type Figure = fn(&[Outcome]) -> String;

const ROWS: [(&str, Figure); 13] = [
    ("honest codes scanned", |months| least(months, |month| month.honest.codes)),
    ("of them with five sessions or more", |months| {
        most(months, |month| (month.often_scanned, month.honest.codes))
    }),
    ("**honest codes ever red**", |months| most(months, |month| red(&month.honest))),
    ("honest codes amber at most", |months| most(months, |month| (month.honest.amber, month.honest.codes))),
    ("**copied, sold in several cities: red within five scans**", |months| {
        fewest(months, |month| red(&month.copied))
    }),
    ("those whose first five scans were in several cities of one country", |months| {
        fewest(months, |month| red(&month.seen_in_one_country))
    }),
    ("those whose first five scans were in three cities or more", |months| {
        fewest(months, |month| red(&month.seen_in_three))
    }),
    ("those of which three cities are two degrees apart", |months| {
        fewest(months, |month| red(&month.seen_far_apart))
    }),
    ("copied, sold in one city: red within five scans", |months| {
        fewest(months, |month| red(&month.copied_in_one_city))
    }),
    ("the same within the month", |months| fewest(months, |month| red(&month.copied_in_one_city_later))),
    ("shipped off the region: amber or red", |months| {
        fewest(months, |month| (month.off_region.amber + month.off_region.red, month.off_region.codes))
    }),
    ("of a crawler's 5000 scans counted; codes it made amber, red", |months| {
        let worst =
            months.iter().map(|month| &month.crawler).max_by_key(|crawler| (crawler.red, crawler.amber));
        let crawler = worst.expect("there is a month");
        format!("{}; {}, {}", crawler.counted, crawler.amber, crawler.red)
    }),
    ("scans of people taken for a crawler's, in all", |months| {
        months.iter().map(|month| month.mistaken).sum::<u32>().to_string()
    }),
];

const fn red(share: &Share) -> (u32, u32) {
    (share.red, share.codes)
}

fn least(months: &[Outcome], count: impl Fn(&Outcome) -> u32) -> String {
    months.iter().map(count).min().unwrap_or_default().to_string()
}

fn most(months: &[Outcome], share: impl Fn(&Outcome) -> (u32, u32)) -> String {
    percent(months.iter().map(share).map(per_100_000).max().unwrap_or_default())
}

fn fewest(months: &[Outcome], share: impl Fn(&Outcome) -> (u32, u32)) -> String {
    percent(months.iter().map(share).map(per_100_000).min().unwrap_or_default())
}

fn per_100_000((part, whole): (u32, u32)) -> u64 {
    let whole = u64::from(whole.max(1));
    (u64::from(part) * 100_000 + whole / 2) / whole
}

/// Small shares need three places after the point, others one.
fn percent(per_100_000: u64) -> String {
    if per_100_000 < 1000 {
        format!("0.{per_100_000:03} %")
    } else {
        let per_mille = (per_100_000 + 50) / 100;
        format!("{}.{} %", per_mille / 10, per_mille % 10)
    }
}

fn reasons(months: &[Outcome]) -> String {
    let mut all: BTreeMap<&str, u32> = BTreeMap::new();
    for (reasons, codes) in months.iter().flat_map(|month| &month.reasons) {
        *all.entry(reasons).or_default() += codes;
    }
    let named: Vec<String> = all.iter().map(|(reasons, codes)| format!("{reasons} {codes}")).collect();
    if named.is_empty() { "none".to_owned() } else { named.join(", ") }
}
