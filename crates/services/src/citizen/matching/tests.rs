use proptest::prelude::*;

use super::FieldResult::{self, Match, NoMatch, Partial};
use super::{NAME_CHARS_MAX, NAME_WORDS_MAX, NameMatch, Overall, match_name};

#[track_caller]
fn check(claim: &str, record: &str, expected: FieldResult) {
    let answer = match_name(claim, record);
    assert_eq!(answer.result, expected, "{claim} | {record}: {answer:?}");
    assert!(!answer.explain.is_empty(), "{claim} | {record} is not explained");
    let band = match answer.result {
        Match => 85..=100,
        Partial => 40..=84,
        NoMatch => 0..=39,
    };
    assert!(band.contains(&answer.score), "{claim} | {record}: {answer:?}");
}

#[track_caller]
fn explained(claim: &str, record: &str, expected: &[&str]) {
    assert_eq!(match_name(claim, record).explain, expected, "{claim} | {record}");
}

#[test]
fn the_spellings_of_one_name_match() {
    let record = "Maxamed Cabdi Xasan";
    for claim in ["Maxamed Cabdi Xasan", "Mohamed Abdi Hassan", "Mohammed Abdi Hasan", "محمد عبدي حسن"]
    {
        check(claim, record, Match);
        check(record, claim, Match);
    }
}

#[test]
fn what_is_missing_or_abbreviated_is_a_partial_match() {
    for claim in ["Maxamed Xasan", "Mohamed A. Hassan", "Maxamed Cabdi", "Maxamed"] {
        check(claim, "Maxamed Cabdi Xasan", Partial);
    }
}

#[test]
fn another_name_is_no_match_however_close_its_letters() {
    for claim in ["Maxamuud Cabdi Xasan", "Axmed Cabdi Xasan", "John Smith", "Maxamed Cabdi Xuseen"] {
        check(claim, "Maxamed Cabdi Xasan", NoMatch);
    }
}

#[test]
fn a_name_of_one_word_is_a_name() {
    check("Sahra", "Zahra", Match);
    check("Sahra", "Shukri", NoMatch);
    check("Sheekh", "Sheekh", Match);
}

#[test]
fn compounds_match_however_they_are_parted() {
    for claim in
        ["Abdi Rahman Ali", "Abdul Rahman Ali", "Abdur-Rahman Ali", "Abd al-Rahman Ali", "عبد الرحمن علي"]
    {
        check(claim, "Cabdiraxmaan Cali", Match);
    }
    for claim in ["Nur al-Din Ali", "Nuruddin Ali", "Noor Eddine Ali", "Nuur Diin Cali", "نور الدين علي"]
    {
        check(claim, "Nuuradiin Cali", Match);
    }
}

#[test]
fn order_is_lineage_unless_a_family_name_comes_first() {
    check("Cali Maxamed Xasan", "Maxamed Cali Xasan", NoMatch);
    check("Cali Maxamed", "Maxamed Cali", NoMatch);
    check("Smith John", "John Smith", Partial);
    check("Smith, John", "John Smith", Match);
    check("John Smith, PhD", "John Smith PhD", Match);
}

#[test]
fn a_generation_more_is_the_same_name_once_three_agree() {
    check("Maxamed Cabdi Xasan", "Mohamed Abdi Hassan Ali", Match);
    check("Maxamed Cabdi", "Mohamed Abdi Hassan", Partial);
    check("John Paul George", "John Paul George Smith", Partial);
}

#[test]
fn every_answer_says_why() {
    explained("mohamed cabdi xasan", "Maxamed Cabdi Xasan", &["maxamed = mohamed (alias)"]);
    explained("Maxamed Cabdi Xasan", "MAXAMED CABDI XASAN", &["every name is the same"]);
    explained("Deka Muse", "Deeqa Muuse", &["deeqa = deka (alias)", "muuse = muse (alias)"]);
    explained("Farole Ali", "Faroole Ali", &["faroole = farole (spelling)"]);
    explained("Maxamed X.", "Maxamed Xasan", &["x may be the record's (initial)"]);
    explained("Maxamed", "Maxamed Xasan", &["the claim lacks one name of the record"]);
    explained("Maxamed Xasan Nuur", "Maxamed", &["the record has no xasan", "the record has no nuur"]);
    explained("Axmed Nuur", "Maxamed Nuur", &["the record's given name is not axmed"]);
    explained("Cali Nuur", "Nuur Cali", &["the same names in another order, which is another lineage"]);
}

#[test]
fn an_answer_never_tells_a_name_that_the_claim_did_not() {
    for claim in
        ["Maxamed", "Maxamed Axmed", "Maxamed W.", "Maxamed Warsmae", "Nuur", "Maxamed Xasan Axmed Cali"]
    {
        let NameMatch { explain, .. } = match_name(claim, "Maxamed Warsame Xasan");
        assert!(!explain.concat().contains("warsame"), "{claim}: {explain:?}");
    }
}

#[test]
fn what_is_too_long_or_empty_is_refused_with_its_reason() {
    let long = "a".repeat(NAME_CHARS_MAX + 1);
    explained(&long, "Ali", &["the claim has more than 200 characters and was not compared"]);
    let words = "Ali ".repeat(NAME_WORDS_MAX + 1);
    explained("Ali", &words, &["the record has more than 12 words and was not compared"]);
    explained("…", "Ali", &["the claim holds no name"]);
    explained("Ali", "", &["the record holds no name"]);
    check(&"a".repeat(NAME_CHARS_MAX), &"a".repeat(NAME_CHARS_MAX), Match);
    check(&"Ali ".repeat(NAME_WORDS_MAX), &"Cali ".repeat(NAME_WORDS_MAX), Match);
}

#[test]
fn invisible_characters_and_accents_change_nothing() {
    check("Ma\u{200b}xamed Ca\u{0301}bdi", "Maxamed Cabdi", Match);
    check("مُحَمَّد", "محـمد", Match);
    check("O´Brien", "OBrien", Match);
    check("ＭＡＸＡＭＥＤ", "maxamed", Match);
    check("किम", "कम", NoMatch);
}

#[test]
fn all_claims_agree_as_the_worst_of_them_does() {
    assert_eq!(Overall::worst([]), None);
    assert_eq!(Overall::worst([Match]), Some(Overall::Full));
    assert_eq!(Overall::worst([Match, Partial]), Some(Overall::Partial));
    assert_eq!(Overall::worst([Partial, FieldResult::equal(false), Match]), Some(Overall::None));
    assert_eq!(FieldResult::equal(true), Match);
    assert_eq!([NoMatch, Partial, Match].map(FieldResult::text), ["no_match", "partial", "match"]);
}

/// Words that take every path: titles, particles, compounds, initials, three scripts, signs and marks.
fn name() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("Sheekh"),
        Just("al"),
        Just("bin"),
        Just("abdul"),
        Just("cabdi"),
        Just("raxmaan"),
        Just("عبد"),
        Just("الدين"),
        Just("din"),
        Just("x"),
        Just("c"),
        Just("محمد"),
        Just("و"),
        Just("Maxamed"),
        Just("mcc"),
        Just("Смит"),
        Just("ﷺ"),
        Just(","),
        Just("'"),
        Just("ee"),
        Just("कि"),
        Just("\u{0301}"),
        Just("ß"),
        Just("İ"),
    ];
    proptest::collection::vec((word, prop_oneof![Just(" "), Just(""), Just("-")]), 0..14)
        .prop_map(|words| words.into_iter().map(|(word, space)| format!("{word}{space}")).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_text_makes_it_panic(claim in ".{0,220}", record in ".{0,220}") {
        prop_assert!(match_name(&claim, &record).score <= 100);
    }

    #[test]
    fn any_name_is_compared_with_any_other(claim in name(), record in name()) {
        let answer = match_name(&claim, &record);
        prop_assert!(!answer.explain.is_empty());
    }

    #[test]
    fn a_name_matches_itself(name in "[A-Z][a-z]{2,9}( [A-Z][a-z]{2,9}){0,4}") {
        prop_assert_eq!(match_name(&name, &name).result, Match);
    }
}
