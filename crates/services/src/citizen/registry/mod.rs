//! Where live records come from.
//!
//! A registry answers one question: whose number is this? It knows the number, does not know it, or cannot say now.
//! There are two kinds: [`imported`], records that the operator loaded from a file and that stand in our own
//! database, and an upstream service that is asked over HTTP, which reaches this crate as an [`Upstream`].
//! Test keys never reach a registry.

pub mod imported;
pub mod sample;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What a registry knows of a citizen. Its `Debug` says nothing: a record must not reach a log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub full_name: String,
    /// `YYYY-MM-DD`.
    pub date_of_birth: String,
    pub status: RecordStatus,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Record([redacted])")
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordStatus {
    Active,
    Deceased,
    Blocked,
}

impl RecordStatus {
    pub const ALL: &'static [Self] = &[Self::Active, Self::Deceased, Self::Blocked];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deceased => "deceased",
            Self::Blocked => "blocked",
        }
    }

    /// In letters of any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|status| status.name().eq_ignore_ascii_case(text))
    }
}

/// What a registry answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    Record(Record),
    /// No citizen has this number.
    Unknown,
}

/// Why a registry could not say, for the log. Never holds a number or a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outage {
    pub cause: String,
}

/// A look-up by national number in a registry that is asked over the network.
pub type Upstream =
    Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = Result<Found, Outage>> + Send>> + Send + Sync>;

/// The registry of an installation.
#[derive(Clone, Default)]
pub enum Registry {
    #[default]
    Imported,
    Upstream(Upstream),
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Imported => "Registry::Imported",
            Self::Upstream(_) => "Registry::Upstream",
        })
    }
}

/// Whether a text is a national number: 11 ASCII digits.
#[must_use]
pub fn is_national_id(text: &str) -> bool {
    text.len() == 11 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a text is a day of the calendar, `YYYY-MM-DD`.
#[must_use]
pub fn is_date(text: &str) -> bool {
    let Some((year, month, day)) = parts_of_date(text) else { return false };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => 0,
    };
    year > 0 && (1..=days).contains(&day)
}

fn parts_of_date(text: &str) -> Option<(u32, u32, u32)> {
    let mut parts = text.split('-');
    let mut part = |length: usize| {
        let part = parts.next().filter(|part| part.len() == length)?;
        let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { part.parse().ok() } else { None }
    };
    let date = (part(4)?, part(2)?, part(2)?);
    if parts.next().is_none() { Some(date) } else { None }
}

pub(super) fn statements() -> Vec<&'static str> {
    imported::STATEMENTS.to_vec()
}

pub(super) fn postgres_statements() -> Vec<&'static str> {
    imported::POSTGRES_STATEMENTS.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_a_day_of_the_calendar() {
        for date in ["1990-01-01", "2000-02-29", "2024-02-29", "1999-12-31", "0001-01-01"] {
            assert!(is_date(date), "{date}");
        }
        for date in [
            "",
            "1990-1-1",
            "1990-01-32",
            "1990-13-01",
            "1990-00-10",
            "1990-01-00",
            "1900-02-29",
            "2023-02-29",
            "0000-01-01",
            "1990-01-01 ",
            "1990/01/01",
            "01-01-1990",
            "+990-01-01",
            "1990-01-01-01",
            "１990-01-01",
        ] {
            assert!(!is_date(date), "{date}");
        }
    }
}
