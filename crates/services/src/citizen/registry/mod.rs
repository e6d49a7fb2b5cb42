//! Where live records come from.
//!
//! A registry answers one question: whose number is this? It knows the number, does not know it, or cannot say now.

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
