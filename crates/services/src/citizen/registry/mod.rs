//! Where live records come from.
//!
//! A registry answers one question: whose number is this? It knows the number, does not know it, or cannot say now.
//! There are two kinds: [`imported`], records that the operator loaded from a file and that stand in our own
//! database, and an upstream service that is asked over HTTP, which reaches this crate as an [`Upstream`].
//! Test keys never reach a registry.

pub mod breaker;
pub mod imported;
pub mod sample;
pub mod status;

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

pub(super) fn statements() -> Vec<&'static str> {
    imported::STATEMENTS.to_vec()
}

pub(super) fn postgres_statements() -> Vec<&'static str> {
    imported::POSTGRES_STATEMENTS.to_vec()
}
