//! The sandbox: what test keys are answered. One table, for the code and for whoever reads it over HTTP.

use std::time::Duration;

use base::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::model::Question;
use super::registry::{Found, Record, RecordStatus};

/// How long [`Behaviour::Slow`] takes.
pub const SLOW: Duration = Duration::from_secs(8);

const MINOR_YEARS: i64 = 10;

/// What happens to a number of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Behaviour {
    Known(&'static str, &'static str, RecordStatus),
    /// A record that no claimed name agrees with, not even its own.
    Stranger(&'static str, &'static str),
    /// Born ten years before the year in which it is asked for.
    Minor(&'static str),
    Unknown,
    /// The registry cannot be reached.
    Unavailable,
    /// The same on the first call of a tenant and day (UTC), and [`CITIZEN`] afterwards.
    UnavailableOnce,
    /// [`CITIZEN`], after [`SLOW`].
    Slow,
    /// As if the wallet were empty.
    OutOfCredits,
}

const CITIZEN: Behaviour = Behaviour::Known("Maxamed Cabdi Xasan", "1990-01-01", RecordStatus::Active);

/// A number with a fixed answer.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Scenario)]
pub struct Scenario {
    #[schema(example = "10000000001")]
    pub national_id: &'static str,
    /// The `result` of the verification, or the `code` of the error where none is made.
    #[schema(example = "verified")]
    pub result: &'static str,
    #[schema(example = "Maxamed Cabdi Xasan, born 1990-01-01.")]
    pub description: &'static str,
    #[serde(skip)]
    #[schema(ignore)]
    pub behaviour: Behaviour,
}

const fn scenario(
    national_id: &'static str,
    result: &'static str,
    behaviour: Behaviour,
    description: &'static str,
) -> Scenario {
    Scenario { national_id, result, description, behaviour }
}

#[rustfmt::skip]
pub const SCENARIOS: &[Scenario] = &[
    scenario("12345678901", "verified", Behaviour::Known("Example Citizen", "1990-01-01", RecordStatus::Active),
        "Example Citizen, born 1990-01-01."),
    scenario("10000000001", "verified", CITIZEN, "Maxamed Cabdi Xasan, born 1990-01-01."),
    scenario("10000000002", "not_found", Behaviour::Unknown, "No citizen has this number."),
    scenario("10000000003", "verified", Behaviour::Stranger("Faadumo Jaamac Rooble", "1990-01-01"),
        "Faadumo Jaamac Rooble, born 1990-01-01, with whom no claimed name agrees: failed as soon as you claim one."),
    scenario("10000000004", "failed", Behaviour::Known("Cali Nuur Faarax", "1941-07-01", RecordStatus::Deceased),
        "A citizen who is deceased."),
    scenario("10000000005", "failed", Behaviour::Known("Xaliimo Warsame Jaamac", "1985-03-12", RecordStatus::Blocked),
        "A number that is blocked."),
    scenario("10000000006", "verified", Behaviour::Minor("Hodan Cabdi Xasan"),
        "Hodan Cabdi Xasan, a minor: born ten years ago."),
    scenario("10000000007", "provider_error", Behaviour::Unavailable,
        "The registry cannot be reached: 503, never charged."),
    scenario("10000000008", "verified", Behaviour::Slow, "As 10000000001, after 8 seconds."),
    scenario("10000000009", "verified", Behaviour::UnavailableOnce,
        "503 on your first call of a day (UTC), then as 10000000001."),
    scenario("10000000000", "INSUFFICIENT_CREDITS", Behaviour::OutOfCredits, "402, as with an empty wallet."),
];

/// What the sandbox says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Word {
    Found(Found),
    Unavailable,
    OutOfCredits,
}

/// What happens to a number, if the table has it.
#[must_use]
pub fn behaviour(national_id: &str) -> Option<Behaviour> {
    let scenario = SCENARIOS.iter().find(|scenario| scenario.national_id == national_id);
    scenario.map(|scenario| scenario.behaviour)
}

/// Whether the sandbox takes its time over a question.
#[must_use]
pub fn is_slow(question: &Question) -> bool {
    behaviour(question.national_id.expose()) == Some(Behaviour::Slow)
}

/// Whether the answer to a question depends on what was answered before.
#[must_use]
pub fn fails_once(question: &Question) -> bool {
    behaviour(question.national_id.expose()) == Some(Behaviour::UnavailableOnce)
}

/// Answers a question. `had_outage_today`: whether the tenant was told of an outage for this number since midnight.
#[must_use]
pub fn ask(question: &Question, now: Timestamp, had_outage_today: bool) -> Word {
    let number = question.national_id.expose();
    let record = match behaviour(number).map(|behaviour| settled(behaviour, had_outage_today)) {
        None => invented(number),
        Some(Behaviour::Known(full_name, date_of_birth, status)) => record(full_name, date_of_birth, status),
        Some(Behaviour::Stranger(full_name, date_of_birth)) => {
            let claims_name = question.claims.as_ref().is_some_and(|claims| claims.full_name.is_some());
            // A name without a letter is like no other.
            record(if claims_name { "-" } else { full_name }, date_of_birth, RecordStatus::Active)
        }
        Some(Behaviour::Minor(full_name)) => record(full_name, &minors_birth(now), RecordStatus::Active),
        Some(Behaviour::Unknown) => return Word::Found(Found::Unknown),
        Some(Behaviour::OutOfCredits) => return Word::OutOfCredits,
        Some(Behaviour::Unavailable | Behaviour::UnavailableOnce | Behaviour::Slow) => {
            return Word::Unavailable;
        }
    };
    Word::Found(Found::Record(record))
}

/// What a behaviour that depends on the call comes down to.
const fn settled(behaviour: Behaviour, had_outage_today: bool) -> Behaviour {
    match behaviour {
        Behaviour::Slow => CITIZEN,
        Behaviour::UnavailableOnce if had_outage_today => CITIZEN,
        other => other,
    }
}

fn record(full_name: &str, date_of_birth: &str, status: RecordStatus) -> Record {
    Record { full_name: full_name.to_owned(), date_of_birth: date_of_birth.to_owned(), status }
}

fn minors_birth(now: Timestamp) -> String {
    let today = now.to_string();
    let year: i64 = today[..4].parse().expect("a time begins with its year");
    format!("{}-01-01", year - MINOR_YEARS)
}

const GIVEN_NAMES: &[&str] = &[
    "Axmed",
    "Cabdullaahi",
    "Cabdiraxmaan",
    "Faarax",
    "Ismaaciil",
    "Liibaan",
    "Mustafe",
    "Yuusuf",
    "Aamina",
    "Asha",
    "Faadumo",
    "Hibaaq",
    "Ifraax",
    "Khadiija",
    "Sahra",
    "Xaawo",
];
const FATHERS_NAMES: &[&str] = &[
    "Aadan", "Bashiir", "Cismaan", "Daahir", "Guuleed", "Ibraahim", "Jaamac", "Maxamuud", "Nuur", "Saciid",
    "Warsame", "Xuseen",
];
const GRANDFATHERS_NAMES: &[&str] = &[
    "Abuukar", "Barre", "Diiriye", "Faarax", "Geedi", "Hirsi", "Kaariye", "Rooble", "Samatar", "Shire",
    "Yoonis",
];

/// A citizen that is the same whenever the number is asked for, and exists nowhere.
fn invented(number: &str) -> Record {
    let mut bits: u64 = number.parse().expect("a national number is 11 digits");
    // The finalizer of SplitMix64 (Steele, Lea and Flood 2014): neighbours get unlike names.
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^= bits >> 31;
    let mut below = |count: usize| {
        let count = u64::try_from(count).expect("a short list");
        let chosen = bits % count;
        bits /= count;
        usize::try_from(chosen).expect("below a short list's length")
    };
    let full_name = format!(
        "{} {} {}",
        GIVEN_NAMES[below(GIVEN_NAMES.len())],
        FATHERS_NAMES[below(FATHERS_NAMES.len())],
        GRANDFATHERS_NAMES[below(GRANDFATHERS_NAMES.len())]
    );
    let (year, month, day) = (1950 + below(55), 1 + below(12), 1 + below(28));
    record(&full_name, &format!("{year}-{month:02}-{day:02}"), RecordStatus::Active)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::citizen::model::{Channel, Disclose, NationalId, is_date};

    fn question(number: &str) -> Question {
        Question {
            national_id: NationalId::parse(number).unwrap(),
            claims: None,
            disclose: Disclose::Record,
            purpose: None,
            reference: None,
            channel: Channel::Api,
            max_age_seconds: 0,
        }
    }

    const NOW: Timestamp = Timestamp::from_millis(1_780_000_000_000);

    #[test]
    fn an_invented_citizen_is_the_same_whenever_asked_and_unlike_its_neighbours() {
        let names: std::collections::HashSet<String> = (0..1000)
            .map(|number| {
                let question = question(&format!("2{number:010}"));
                let Word::Found(Found::Record(record)) = ask(&question, NOW, false) else {
                    panic!("{number}")
                };
                assert_eq!(
                    ask(&question, NOW.plus_seconds(86_400), true),
                    Word::Found(Found::Record(record.clone()))
                );
                assert!(is_date(&record.date_of_birth), "{}", record.date_of_birth);
                record.full_name
            })
            .collect();
        assert!(names.len() > 600, "{}", names.len());
    }

    #[test]
    fn every_behaviour_has_one_number_and_every_number_one_behaviour() {
        for scenario in SCENARIOS {
            let number = NationalId::parse(scenario.national_id).unwrap();
            assert_eq!(behaviour(number.expose()), Some(scenario.behaviour));
        }
        let numbers: std::collections::HashSet<_> =
            SCENARIOS.iter().map(|scenario| scenario.national_id).collect();
        assert_eq!(numbers.len(), 11);
    }

    #[test]
    fn a_minor_stays_a_minor() {
        let Word::Found(Found::Record(record)) = ask(&question("10000000006"), NOW, false) else { panic!() };
        assert_eq!(record.date_of_birth, "2016-01-01");
    }
}
