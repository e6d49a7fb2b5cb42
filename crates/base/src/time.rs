//! Moments: microseconds since the Unix epoch, UTC. Shown as RFC 3339 with milliseconds.

use std::fmt;
use std::str::FromStr;

/// A moment in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

const DAY_US: i64 = 86_400_000_000;

/// Why a text is not a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotATimestamp;

impl Timestamp {
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1000))
    }

    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Unix milliseconds, rounded towards the past.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1000)
    }

    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// Midnight of its day, UTC.
    #[must_use]
    pub const fn start_of_day(self) -> Self {
        Self(self.0.div_euclid(DAY_US).saturating_mul(DAY_US))
    }

    /// Midnight of the first of its month, UTC. Moments beyond the years that have a name stay as they are.
    #[must_use]
    pub fn start_of_month(self) -> Self {
        let zoned = jiff::Timestamp::from_microsecond(self.0).map(|at| at.to_zoned(jiff::tz::TimeZone::UTC));
        let first = zoned.and_then(|at| at.first_of_month()).and_then(|first| first.start_of_day());
        first.map_or(self, |first| Self(first.timestamp().as_microsecond()))
    }

    #[must_use]
    pub const fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339, UTC, exactly three decimals: `2026-06-02T12:30:00.000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.millis().saturating_mul(1000)) {
            Ok(moment) => write!(f, "{moment:.3}"),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = NotATimestamp;

    fn from_str(text: &str) -> Result<Self, NotATimestamp> {
        let moment: jiff::Timestamp = text.parse().map_err(|_| NotATimestamp)?;
        Ok(Self(moment.as_microsecond()))
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(|NotATimestamp| serde::de::Error::custom("not an RFC 3339 timestamp"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_shown_with_exactly_three_decimals() {
        for (micros, shown) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_780_403_400_000_000, "2026-06-02T12:30:00.000Z"),
            (1_780_403_400_999_999, "2026-06-02T12:30:00.999Z"),
        ] {
            assert_eq!(Timestamp::from_micros(micros).to_string(), shown);
        }
    }

    #[test]
    fn days_and_months_begin_at_midnight_utc() {
        for (at, day, month) in [
            ("2026-11-22T02:31:00Z", "2026-11-22T00:00:00.000Z", "2026-11-01T00:00:00.000Z"),
            ("2026-11-30T23:59:59.999999Z", "2026-11-30T00:00:00.000Z", "2026-11-01T00:00:00.000Z"),
            ("2026-12-01T00:00:00Z", "2026-12-01T00:00:00.000Z", "2026-12-01T00:00:00.000Z"),
            ("2028-02-29T12:00:00Z", "2028-02-29T00:00:00.000Z", "2028-02-01T00:00:00.000Z"),
            ("1969-12-31T23:00:00Z", "1969-12-31T00:00:00.000Z", "1969-12-01T00:00:00.000Z"),
        ] {
            let at: Timestamp = at.parse().unwrap();
            assert_eq!(
                (at.start_of_day().to_string(), at.start_of_month().to_string()),
                (day.into(), month.into())
            );
        }
        let never = Timestamp::from_micros(i64::MAX);
        assert_eq!(never.start_of_month(), never);
    }

    #[test]
    fn a_shown_moment_reads_back() {
        let moment = Timestamp::from_millis(1_780_403_400_123);
        assert_eq!(moment.to_string().parse(), Ok(moment));
    }
}
