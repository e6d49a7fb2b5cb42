//! Whether a claimed name is the name of a record: Somali, Arabic and English, in Latin and in Arabic script.
//!
//! A name passes through: [`clean`] (one form of every letter) → [`words`] (titles off, particles marked) →
//! [`name`] (what each word sounds like, and which group of spellings it belongs to) → [`compare`] (two words) →
//! [`align`] (word by word in order) → [`verdict`].
//!
//! Pure: no clock, no transaction, no state but the table of [`alias`], which is read once.
//! Absent on purpose: a distance over whole names. `Maxamed` and `Maxamuud` are nearer to each other than two
//! spellings of either, so no threshold parts the same person from another.

mod alias;
mod align;
mod arabic;
mod clean;
mod compare;
mod name;
mod sound;
#[cfg(test)]
mod tests;
mod verdict;
mod words;

use serde::{Deserialize, Serialize};

/// The longest name that is compared, in characters as they were sent.
pub const NAME_CHARS_MAX: usize = 200;
/// The most words of a name that are compared, titles aside.
pub const NAME_WORDS_MAX: usize = 12;

/// How one claim agrees with its field of the record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldResult {
    /// It contradicts the record.
    NoMatch,
    /// It agrees as far as it goes, which is not far enough.
    Partial,
    Match,
}

impl FieldResult {
    /// For a field that is equal or is not, such as a date.
    #[must_use]
    pub const fn equal(is_equal: bool) -> Self {
        if is_equal { Self::Match } else { Self::NoMatch }
    }

    /// As it is written in an answer.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::NoMatch => "no_match",
            Self::Partial => "partial",
            Self::Match => "match",
        }
    }
}

/// How all claims together agree with the record: as the worst of them does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overall {
    None,
    Partial,
    Full,
}

impl Overall {
    /// `None`, the option, where nothing was claimed.
    pub fn worst(fields: impl IntoIterator<Item = FieldResult>) -> Option<Self> {
        fields.into_iter().min().map(Self::from)
    }

    /// As it is written in an answer.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Partial => "partial",
            Self::Full => "full",
        }
    }
}

impl From<FieldResult> for Overall {
    fn from(field: FieldResult) -> Self {
        match field {
            FieldResult::NoMatch => Self::None,
            FieldResult::Partial => Self::Partial,
            FieldResult::Match => Self::Full,
        }
    }
}

/// The answer for one name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NameMatch {
    pub result: FieldResult,
    /// 0 to 100; a match has at least 85, a partial match 40 to 84. It orders answers, it is not a probability.
    pub score: u8,
    /// Why, for people; `record = claim (how)`.
    /// A word of the record appears only beside a word of the claim that means the same, so that a caller who
    /// asked for a comparison does not learn the record from it.
    pub explain: Vec<String>,
}

/// Compares a claimed full name with a record's.
///
/// Takes any text: what is longer than [`NAME_CHARS_MAX`] or [`NAME_WORDS_MAX`], or holds no letter, is no match
/// and says so. Time is bounded by the product of both lengths.
#[must_use]
pub fn match_name(claim: &str, record: &str) -> NameMatch {
    match (name::read(claim), name::read(record)) {
        (Err(problem), _) => refused(format!("the claim {problem}")),
        (_, Err(problem)) => refused(format!("the record {problem}")),
        (Ok(claim), Ok(record)) => verdict::judge(&claim, &record),
    }
}

fn refused(why: String) -> NameMatch {
    NameMatch { result: FieldResult::NoMatch, score: 0, explain: vec![why] }
}
