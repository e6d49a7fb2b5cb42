//! What the scans of a code say about it. Pure: the time comes with the scan.
//!
//! Sessions are counted, not hits: the same visitor within 30 minutes is one, because retries and double reads are what
//! made honest codes suspicious elsewhere. A rule is weak, soft or hard: weak ones make a code amber at most, one soft rule
//! makes it amber, one hard rule or two soft ones make it red. Places come from addresses, which lie: they count after the
//! accuracy of both places was taken off, and a place that is not known counts against nobody. What the rules make of a
//! month of scans is in `docs/risk.md`.

mod judge;
mod rules;
mod trail;

#[cfg(test)]
mod month;
#[cfg(test)]
mod tests;

use crate::codes::country::Country;

pub use judge::{record, shown};
pub use rules::Rules;
pub use trail::{Broken, Device, Place, Session, Trail};

/// How much a code is to be trusted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Band {
    #[default]
    Green,
    Amber,
    Red,
}

impl Band {
    const ALL: [Self; 3] = [Self::Green, Self::Amber, Self::Red];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Amber => "amber",
            Self::Red => "red",
        }
    }

    #[must_use]
    pub const fn stored(self) -> i64 {
        match self {
            Self::Green => 0,
            Self::Amber => 1,
            Self::Red => 2,
        }
    }

    #[must_use]
    pub fn from_stored(stored: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|band| band.stored() == stored)
    }
}

/// How a code was set to be by its owner: `qrStatus`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition {
    Active,
    Inactive,
    Recalled,
    Stolen,
    Consumed,
}

impl Condition {
    const ALL: [Self; 5] = [Self::Active, Self::Inactive, Self::Recalled, Self::Stolen, Self::Consumed];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Inactive => "INACTIVE",
            Self::Recalled => "RECALLED",
            Self::Stolen => "STOLEN",
            Self::Consumed => "CONSUMED",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|condition| condition.name() == text)
    }
}

/// A class of rules: what an owner is told, and nobody else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    Status,
    SellBy,
    Region,
    Sessions,
    Travel,
    Spread,
    Neighbours,
}

impl Reason {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Status, "status"),
        (Self::SellBy, "sell_by"),
        (Self::Region, "region"),
        (Self::Sessions, "sessions"),
        (Self::Travel, "travel"),
        (Self::Spread, "spread"),
        (Self::Neighbours, "neighbours"),
    ];
}

/// A set of reasons.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reasons(u8);

impl Reasons {
    #[must_use]
    pub fn stored(self) -> i64 {
        self.0.into()
    }

    #[must_use]
    pub fn from_stored(stored: i64) -> Option<Self> {
        u8::try_from(stored).ok().filter(|bits| *bits < 1 << Reason::ALL.len()).map(Self)
    }

    /// As they are told, in a fixed order.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        let held = Reason::ALL.into_iter().enumerate().filter(|(bit, _)| self.0 >> bit & 1 == 1);
        held.map(|(_, (_, name))| name).collect()
    }

    fn add(&mut self, reason: Reason) {
        let bit = Reason::ALL.iter().position(|(known, _)| *known == reason).expect("every reason is listed");
        self.0 |= 1 << bit;
    }
}

/// One look at a code by a shopper.
pub type Scan = Session;

/// What is known of a code that was scanned.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub band: Band,
    pub reasons: Reasons,
    pub scans: u32,
    pub sessions: u32,
    pub trail: Trail,
}

/// What a code is measured by.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Where its items are meant to be; empty: anywhere.
    pub expected: Vec<Country>,
    pub sell_by_at_s: Option<u32>,
    pub scanned_codes: u64,
    /// Of all scanned codes together.
    pub sessions: u64,
}
