//! An invented registry: nobody in it exists. The same for the same seed.

use super::{Record, RecordStatus};

const MEN: &[&str] = &[
    "Maxamed",
    "Cabdi",
    "Axmed",
    "Xasan",
    "Cali",
    "Ibraahim",
    "Yuusuf",
    "Ismaaciil",
    "Cumar",
    "Cismaan",
    "Maxamuud",
    "Jaamac",
    "Warsame",
    "Faarax",
    "Nuur",
    "Saciid",
    "Mustafe",
    "Bashiir",
    "Daahir",
    "Guuleed",
    "Cabdiraxmaan",
    "Cabdullaahi",
    "Cabdirashiid",
    "Xuseen",
    "Muuse",
    "Liibaan",
    "Khaliif",
    "Rooble",
];
const WOMEN: &[&str] = &[
    "Xaliimo", "Faadumo", "Caasha", "Sahra", "Hodan", "Ifraax", "Khadiijo", "Maryan", "Saynab", "Hibaaq",
    "Nimco", "Deeqa", "Ubax", "Ruqiyo", "Ayaan", "Sagal", "Idil", "Xaawo", "Naima", "Filsan",
];

const FIRST_NUMBER: u64 = 20_000_000_000;
const NUMBERS: u64 = 79_999_999_987;
/// Shares no factor with the count of numbers, so that none comes twice.
const STEP: u64 = 61_803_398_875;

/// The most rows that have different numbers.
pub const ROWS_MAX: u64 = NUMBERS;

/// The row of this index, from 0, and its national number.
#[must_use]
pub fn row(seed: u64, index: u64) -> (String, Record) {
    let offset = u128::from(index % NUMBERS) * u128::from(STEP) + u128::from(mixed(seed));
    let number = u64::try_from(offset % u128::from(NUMBERS)).unwrap_or_default() + FIRST_NUMBER;
    let mut bits = mixed(mixed(seed) ^ index);
    let mut pick = |count: u64| {
        let picked = bits % count;
        bits = mixed(bits);
        picked
    };
    let first = if pick(2) == 0 { MEN } else { WOMEN };
    let name =
        [first, MEN, MEN].map(|names| names[usize::try_from(pick(names.len() as u64)).unwrap_or_default()]);
    let (year, month, day) = (1930 + pick(90), 1 + pick(12), 1 + pick(28));
    let status = match pick(1000) {
        0..5 => RecordStatus::Deceased,
        5..7 => RecordStatus::Blocked,
        _ => RecordStatus::Active,
    };
    let date_of_birth = format!("{year}-{month:02}-{day:02}");
    (number.to_string(), Record { full_name: name.join(" "), date_of_birth, status })
}

/// The finalizer of SplitMix64 (Steele, Lea and Flood 2014).
fn mixed(seed: u64) -> u64 {
    let mut bits = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::citizen::model::{NationalId, is_date};

    #[test]
    fn rows_are_right_and_no_number_comes_twice() {
        let mut numbers = HashSet::new();
        for (number, record) in (0..20_000).map(|index| row(7, index)) {
            assert!(NationalId::parse(&number).is_some(), "{number}");
            assert!(is_date(&record.date_of_birth), "{record:?}");
            assert!(numbers.insert(number));
        }
    }

    #[test]
    fn the_same_seed_makes_the_same_rows_and_another_seed_others() {
        assert_eq!(row(1, 5), row(1, 5));
        assert_ne!(row(1, 5), row(2, 5));
    }
}
