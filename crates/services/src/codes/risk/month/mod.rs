//! A scripted month of scans: what the rules make of honest codes, and of copied ones.

mod dice;
mod figures;
mod run;
mod script;
mod world;

use std::fs;

use dice::Dice;
use run::{Outcome, Share};
use script::Assumptions;
use world::{Accuracy, World};

use super::Rules;

/// Per 100 000 honest codes: no more may ever be red.
const HONEST_RED_MAX: u32 = 100;
/// Per 1000 copied codes that are red within five scans, below which a month must not fall: of all that are sold in
/// several cities, and of those whose first five scans were in three cities two degrees apart. They only ever rise.
const COPIED_RED_FLOORS: (u32, u32) = (800, 900);

const FIGURES_START: &str = "<!-- figures -->\n";
const FIGURES_END: &str = "<!-- end of figures -->\n";
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/risk.md");

/// What the rules were changed on.
const TUNED: Assumptions = Assumptions {
    accuracy: Accuracy {
        unknown: 100,
        country_alone: 100,
        mobile_in_wrong_city: 40,
        home_in_wrong_city: 15,
        in_wrong_country: 5,
    },
    vpn: (5, 5),
    again: 140,
    family: 45,
    together: 850,
    resold: 15,
    curious: 7,
    staff: 30,
    parcel: 80,
    trip: 20,
    retried: 250,
    cities: 3..=7,
    first_city: 1,
    hours_apart: 6..=36,
};

/// Written, and run for the first time, when the rules were done.
const HELD_OUT: Assumptions = Assumptions {
    accuracy: Accuracy {
        unknown: 90,
        country_alone: 130,
        mobile_in_wrong_city: 45,
        home_in_wrong_city: 10,
        in_wrong_country: 4,
    },
    vpn: (6, 4),
    again: 120,
    family: 60,
    together: 800,
    resold: 20,
    curious: 5,
    staff: 35,
    parcel: 120,
    trip: 15,
    retried: 200,
    cities: 4..=6,
    first_city: 2,
    hours_apart: 3..=30,
};

/// More is unknown and wrong, people look more often, copies are sold in fewer cities and more slowly.
const HARSH: Assumptions = Assumptions {
    accuracy: Accuracy {
        unknown: 120,
        country_alone: 120,
        mobile_in_wrong_city: 50,
        home_in_wrong_city: 20,
        in_wrong_country: 6,
    },
    vpn: (8, 8),
    again: 160,
    family: 55,
    together: 800,
    resold: 20,
    curious: 8,
    staff: 40,
    parcel: 100,
    trip: 25,
    retried: 300,
    cities: 3..=6,
    first_city: 2,
    hours_apart: 4..=48,
};

#[test]
fn few_honest_codes_are_red_and_most_copied_ones_within_five_scans_as_the_document_says() {
    let tuned = months(&TUNED, &[1]);
    let held_out = months(&HELD_OUT, &[101, 102, 103]);
    let harsh = months(&HARSH, &[11]);
    let text = fs::read_to_string(DOCUMENT).expect("docs/risk.md is there");
    let (before, rest) = text.split_once(FIGURES_START).expect("the figures begin");
    let (_, after) = rest.split_once(FIGURES_END).expect("the figures end");
    let figures = figures::table(&[("tuned", &tuned), ("held out", &held_out), ("harsh", &harsh)]);
    let now = format!("{before}{FIGURES_START}{figures}{FIGURES_END}{after}");
    if is_to_be_written() {
        fs::write(DOCUMENT, now).expect("the document can be written");
    } else {
        assert!(text == now, "the rules changed: UPDATE=1 cargo test -p services risk, and look at the diff");
    }
    for outcome in tuned.iter().chain(&held_out) {
        assert_bounds(outcome);
    }
}

fn months(assumptions: &Assumptions, seeds: &[u64]) -> Vec<Outcome> {
    let month = |seed: &u64| {
        let mut dice = Dice::new(*seed);
        let world = World::new(&assumptions.accuracy, &mut dice);
        let script = script::write(&world, assumptions, &mut dice);
        run::run(&world, &script, &Rules::default())
    };
    seeds.iter().map(month).collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "whoever changed the rules says that the document is to follow"
)]
fn is_to_be_written() -> bool {
    std::env::var("UPDATE").is_ok_and(|value| value == "1")
}

fn assert_bounds(outcome: &Outcome) {
    let per = |share: &Share, whole: u32| share.red * whole / share.codes;
    let honest = &outcome.honest;
    assert!(
        honest.codes > 30_000 && per(honest, 100_000) <= HONEST_RED_MAX,
        "{honest:?} {:?}",
        outcome.reasons
    );
    let (all, far_apart) = COPIED_RED_FLOORS;
    assert!(per(&outcome.copied, 1000) >= all, "{:?}", outcome.copied);
    assert!(per(&outcome.seen_far_apart, 1000) >= far_apart, "{:?}", outcome.seen_far_apart);
}
