//! A scripted month of scans: what the rules make of honest codes, and of copied ones.

mod dice;
mod run;
mod script;
mod world;

use dice::Dice;
use run::Outcome;
use script::Assumptions;
use world::{Accuracy, World};

use super::Rules;

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

/// What the rules were not tuned on: less is known, more is wrong, people look more often, copies are less spread.
const HELD_OUT: Assumptions = Assumptions {
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

fn month(assumptions: &Assumptions, seed: u64) -> Outcome {
    let mut dice = Dice::new(seed);
    let world = World::new(&assumptions.accuracy, &mut dice);
    let script = script::write(&world, assumptions, &mut dice);
    run::run(&world, &script, &Rules::default())
}

#[test]
fn figures() {
    for (a, seed) in [(&TUNED, 1), (&HELD_OUT, 11)] {
        println!("{:#?}", month(a, seed));
    }
}
