//! Allowances: at the start of each period an account is filled up to a level, never lowered.

use base::Timestamp;

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// What the references of automatic grants begin with; no top-up may use it.
pub const REFERENCE_PREFIX: &str = "refill:";

/// How an account is filled up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AutoRefill {
    /// What it holds after a refill, unless it held more.
    pub level: i64,
    pub period: Period,
}

/// A day or a month, UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Period {
    Day,
    Month,
}

impl Period {
    pub const ALL: [Self; 2] = [Self::Day, Self::Month];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|period| period.name() == text)
    }

    /// When the period after that of `now` begins.
    #[must_use]
    pub fn next_start(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Day => now.start_of_day().plus_seconds(DAY_SECONDS),
            // No month is longer than 31 days, and none is shorter than the four days that this may overshoot.
            Self::Month => now.start_of_month().plus_seconds(32 * DAY_SECONDS).start_of_month(),
        }
    }

    /// The name of the period of `now`, under which its refill is booked: once.
    #[must_use]
    pub fn reference(self, now: Timestamp) -> String {
        let date = now.to_string();
        let length = match self {
            Self::Day => "2026-11-22".len(),
            Self::Month => "2026-11".len(),
        };
        format!("{REFERENCE_PREFIX}{}", &date[..length])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_named_by_its_date_and_ends_where_the_next_begins() {
        for (at, day, next_day, month, next_month) in [
            ("2026-11-22T02:31:00Z", "2026-11-22", "2026-11-23", "2026-11", "2026-12-01"),
            ("2026-12-31T23:59:59.999999Z", "2026-12-31", "2027-01-01", "2026-12", "2027-01-01"),
            ("2027-01-01T00:00:00Z", "2027-01-01", "2027-01-02", "2027-01", "2027-02-01"),
            ("2028-02-28T12:00:00Z", "2028-02-28", "2028-02-29", "2028-02", "2028-03-01"),
        ] {
            let now: Timestamp = at.parse().unwrap();
            let midnight = |date: &str| format!("{date}T00:00:00.000Z");
            assert_eq!(Period::Day.reference(now), format!("refill:{day}"));
            assert_eq!(Period::Day.next_start(now).to_string(), midnight(next_day));
            assert_eq!(Period::Month.reference(now), format!("refill:{month}"));
            assert_eq!(Period::Month.next_start(now).to_string(), midnight(next_month));
        }
    }
}
