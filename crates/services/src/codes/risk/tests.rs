use super::*;

const DAY: u32 = 86_400;

/// A visitor in a city, so many seconds after the first.
fn scan(at_s: u32, visitor: u32, cell: Option<(i8, i16)>) -> Scan {
    let country = cell.and_then(|_| Country::parse("KE"));
    Session { at_s: 1_700_000_000 + at_s, visitor, place: Place { country, cell }, device: Device::Phone }
}

fn after(scans: &[Scan], batch: &Batch, condition: Condition) -> Known {
    let rules = Rules::default();
    scans.iter().fold(Known::default(), |known, scan| record(&known, scan, batch, &rules, condition, 0))
}

fn usual() -> Batch {
    Batch {
        expected: Country::parse("KE").into_iter().collect(),
        scanned_codes: 1000,
        sessions: 1200,
        sell_by_at_s: None,
    }
}

const NAIROBI: Option<(i8, i16)> = Some((-2, 36));
const MOMBASA: Option<(i8, i16)> = Some((-5, 39));
const KISUMU: Option<(i8, i16)> = Some((-1, 30));
const MANDERA: Option<(i8, i16)> = Some((3, 41));

#[test]
fn retries_are_one_session_and_stay_green() {
    let scans: Vec<Scan> = (0..20).map(|n| scan(n * 60, 7, NAIROBI)).collect();
    let known = after(&scans, &usual(), Condition::Active);
    assert_eq!((known.scans, known.sessions, known.band), (20, 1, Band::Green));
}

#[test]
fn a_code_that_is_cloned_into_several_cities_is_red_within_five_scans() {
    let cities = [NAIROBI, MOMBASA, KISUMU, MANDERA, NAIROBI];
    let scans: Vec<Scan> = (0..5).zip(cities).map(|(n, city)| scan(n * DAY, n, city)).collect();
    let known = after(&scans, &usual(), Condition::Active);
    assert_eq!(known.band, Band::Red, "{:?}", known.reasons.names());
    assert_eq!(known.reasons.names(), ["sessions", "spread"]);
    let fast: Vec<Scan> = (0..3).zip(cities).map(|(n, city)| scan(n * 60, n, city)).collect();
    assert_eq!(after(&fast, &usual(), Condition::Active).reasons.names(), ["travel", "spread"]);
}

#[test]
fn places_that_are_not_known_count_against_nobody() {
    let scans: Vec<Scan> = (0..4).map(|n| scan(n * 3600, n, None)).collect();
    let known = after(&scans, &usual(), Condition::Active);
    assert_eq!((known.band, known.sessions), (Band::Green, 4));
}

#[test]
fn a_scan_abroad_is_amber_and_three_are_red() {
    let abroad = |n: u32| {
        let place = Place { country: Country::parse("TZ"), cell: None };
        Session { place, ..scan(n * DAY, n, None) }
    };
    let band =
        |scans: u32| after(&(0..scans).map(abroad).collect::<Vec<_>>(), &usual(), Condition::Active).band;
    assert_eq!((band(1), band(2), band(3)), (Band::Amber, Band::Amber, Band::Red));
    let anywhere = Batch { expected: Vec::new(), ..usual() };
    assert_eq!(after(&[abroad(1)], &anywhere, Condition::Active).band, Band::Green);
}

/// A visitor of whom only the country is known.
fn in_country(at_s: u32, visitor: u32, country: &str) -> Scan {
    let place = Place { country: Country::parse(country), cell: None };
    Session { place, ..scan(at_s, visitor, None) }
}

#[test]
fn one_address_that_lies_makes_amber_at_most() {
    let abroad = [scan(0, 1, NAIROBI), in_country(60, 2, "US")];
    let known = after(&abroad, &usual(), Condition::Active);
    assert_eq!((known.band, known.reasons.names()), (Band::Amber, vec!["region"]));
    let elsewhere = [scan(0, 1, NAIROBI), scan(60, 2, MOMBASA)];
    let known = after(&elsewhere, &usual(), Condition::Active);
    assert_eq!((known.band, known.reasons.names()), (Band::Amber, vec!["travel"]));
    let often: Vec<Scan> = (0..7).map(|n| scan(n * DAY, n, if n == 3 { MOMBASA } else { NAIROBI })).collect();
    let known = after(&often, &usual(), Condition::Active);
    assert_eq!((known.band, known.reasons.names()), (Band::Amber, vec!["sessions"]));
}

#[test]
fn two_visitors_in_each_of_two_places_are_red_with_a_fifth() {
    let cities = [NAIROBI, MOMBASA, NAIROBI, MOMBASA, None];
    let scans: Vec<Scan> = (0..5).zip(cities).map(|(n, city)| scan(n * DAY, n, city)).collect();
    let unhurried = Batch { sessions: 3000, ..usual() };
    assert_eq!(after(&scans[..4], &unhurried, Condition::Active).band, Band::Green);
    let known = after(&scans, &unhurried, Condition::Active);
    assert_eq!((known.band, known.reasons.names()), (Band::Red, vec!["spread"]));
    let party: Vec<Scan> = (0..5).zip(cities).map(|(n, city)| scan(n * 200, n, city)).collect();
    assert_eq!(after(&party, &unhurried, Condition::Active).band, Band::Amber, "a family in a room");
}

#[test]
fn four_visitors_in_two_of_the_expected_countries_are_red() {
    let expected = ["KE", "TZ"].into_iter().filter_map(Country::parse).collect();
    let wide = Batch { expected, ..usual() };
    let countries = ["KE", "KE", "TZ", "KE"];
    let scans: Vec<Scan> =
        (0..4).zip(countries).map(|(n, country)| in_country(n * DAY, n, country)).collect();
    assert_eq!(after(&scans[..3], &wide, Condition::Active).band, Band::Green);
    assert_eq!(after(&scans, &wide, Condition::Active).reasons.names(), ["spread"]);
    let anywhere = Batch { expected: Vec::new(), ..usual() };
    assert_eq!(after(&scans, &anywhere, Condition::Active).band, Band::Green, "one address may lie");
}

#[test]
fn places_outside_the_region_count_as_places_where_the_region_does_not_matter() {
    let rules = Rules { region: false, ..Rules::default() };
    let cities = [Some((51, -1)), Some((40, -74)), Some((25, 55)), Some((19, 72))];
    let scans = (0..4).zip(cities).map(|(n, city)| {
        let place = Place { country: Country::parse("US"), cell: city };
        Session { place, ..scan(n * DAY, n, None) }
    });
    let known = scans
        .fold(Known::default(), |known, scan| record(&known, &scan, &usual(), &rules, Condition::Active, 0));
    assert_eq!((known.band, known.reasons.names()), (Band::Red, vec!["spread"]));
}

#[test]
fn a_recalled_code_is_red_at_once_and_falls_only_after_a_quiet_month() {
    let rules = Rules::default();
    let red = after(&[scan(0, 1, NAIROBI)], &usual(), Condition::Recalled);
    assert_eq!((red.band, red.reasons.names()), (Band::Red, vec!["status"]));
    let soon = record(&red, &scan(DAY, 2, NAIROBI), &usual(), &rules, Condition::Active, 0);
    assert_eq!(soon.band, Band::Red);
    let later = record(&red, &scan(31 * DAY, 2, NAIROBI), &usual(), &rules, Condition::Active, 0);
    assert_eq!((later.band, later.reasons), (Band::Green, Reasons::default()));
}

#[test]
fn red_neighbours_and_a_passed_date_make_amber() {
    let rules = Rules::default();
    let beside =
        |red| record(&Known::default(), &scan(0, 1, NAIROBI), &usual(), &rules, Condition::Active, red);
    assert_eq!((beside(2).band, beside(3).band), (Band::Green, Band::Amber));
    let past = Batch { sell_by_at_s: Some(1_700_000_000), ..usual() };
    assert_eq!(after(&[scan(0, 1, NAIROBI)], &past, Condition::Active).reasons.names(), ["sell_by"]);
}

#[test]
fn what_is_shown_is_at_least_what_the_owner_said() {
    for (condition, is_past, band) in [
        (Condition::Active, false, Band::Green),
        (Condition::Active, true, Band::Amber),
        (Condition::Inactive, false, Band::Amber),
        (Condition::Consumed, false, Band::Amber),
        (Condition::Recalled, false, Band::Red),
        (Condition::Stolen, true, Band::Red),
    ] {
        assert_eq!(shown(Band::Green, condition, is_past), band);
        assert_eq!(shown(Band::Red, condition, is_past), Band::Red);
    }
}

#[test]
fn a_trail_reads_back_and_keeps_the_latest() {
    let scans: Vec<Scan> =
        (0..40).map(|n| scan(n * DAY, n, if n % 2 == 0 { MANDERA } else { None })).collect();
    let known = after(&scans, &usual(), Condition::Active);
    assert_eq!(known.trail.sessions(), &scans[16..]);
    let bytes = known.trail.to_bytes();
    assert_eq!((Trail::from_bytes(&bytes), bytes.len()), (Ok(known.trail), 24 * 13));
    for broken in [&bytes[1..], &[0; 12][..], &[9; 13][..], &[0; 25 * 13][..]] {
        assert_eq!(Trail::from_bytes(broken), Err(Broken));
    }
    assert_eq!(Trail::from_bytes(&[]), Ok(Trail::default()));
}

#[test]
fn settings_have_ranges_and_unknown_ones_are_refused() {
    assert_eq!(Rules::read("{}").unwrap(), Rules::default());
    assert_eq!(Rules::read(r#"{"sessionsAmber":9}"#).unwrap().sessions_amber, 9);
    for wrong in [r#"{"sessionsAmber":1}"#, r#"{"x":1}"#, r#"{"region":1}"#, r#"{"quietDays":0}"#] {
        assert!(Rules::read(wrong).is_err(), "{wrong}");
    }
}
