//! Which hours or days somebody asks for.

use base::{Fault, Timestamp};

use super::HOUR_US;

const HOURS_MAX: i64 = 31 * 24;
const DAYS_MAX: i64 = 366;
const HOURS_DEFAULT: i64 = 24;
const DAYS_DEFAULT: i64 = 30;

/// How long the time of one figure is. Both are counted in UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bucket {
    Hour,
    Day,
}

impl Bucket {
    pub(super) const fn micros(self) -> i64 {
        match self {
            Self::Hour => HOUR_US,
            Self::Day => 24 * HOUR_US,
        }
    }

    const fn count_max(self) -> i64 {
        match self {
            Self::Hour => HOURS_MAX,
            Self::Day => DAYS_MAX,
        }
    }

    const fn count_default(self) -> i64 {
        match self {
            Self::Hour => HOURS_DEFAULT,
            Self::Day => DAYS_DEFAULT,
        }
    }
}

/// Whole hours or days, at most 31 days of hours or 366 days.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    pub bucket: Bucket,
    /// The beginning of the first one.
    pub from: Timestamp,
    /// The end of the last one.
    pub to: Timestamp,
}

impl Range {
    /// Reads `from`, `to` and `bucket` of a query: hours unless it says days, until now unless it says when, and the
    /// last 24 hours or 30 days unless it says since when. A bucket in which either time lies is whole.
    ///
    /// # Errors
    /// [`base::Code::Invalid`] for a parameter that cannot be read, and for a time that is too long or ends before it
    /// begins.
    pub fn parse(
        from: Option<&str>,
        to: Option<&str>,
        bucket: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, Fault> {
        let bucket = match bucket {
            None | Some("hour") => Bucket::Hour,
            Some("day") => Bucket::Day,
            Some(_) => return Err(Fault::invalid("bucket", "must be hour or day")),
        };
        let length = bucket.micros();
        let to = moment("to", to)?;
        let from = moment("from", from)?;
        let end = to.unwrap_or(now);
        let begin = from.unwrap_or_else(|| end.plus_micros(-length * bucket.count_default()));
        if begin >= end {
            return Err(Fault::invalid("from", "must lie before to, which is now unless it is given"));
        }
        if end.micros() - begin.micros() > bucket.count_max() * length {
            let days = bucket.count_max() * length / Bucket::Day.micros();
            let rule = format!("must lie at most {days} days before to; ask in several calls");
            return Err(Fault::invalid("from", rule));
        }
        let (first, last) = (begin.micros().div_euclid(length), (end.micros() - 1).div_euclid(length));
        let edge = |count: i64| Timestamp::from_micros(count * length);
        Ok(Self { bucket, from: edge(first), to: edge(last + 1) })
    }
}

/// From 1970 on, because ids have no earlier time.
fn moment(field: &'static str, text: Option<&str>) -> Result<Option<Timestamp>, Fault> {
    let wrong = || Fault::invalid(field, "must be an RFC 3339 time like 2030-01-31T12:00:00Z");
    let read = |text: &str| text.parse().ok().filter(|at: &Timestamp| at.micros() >= 0).ok_or_else(wrong);
    text.map(read).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-06-02T12:30:00Z";

    fn range(from: Option<&str>, to: Option<&str>, bucket: Option<&str>) -> Result<Range, Fault> {
        Range::parse(from, to, bucket, NOW.parse().expect("a time"))
    }

    #[track_caller]
    fn check(asked: (Option<&str>, Option<&str>, Option<&str>), from: &str, to: &str) {
        let read = range(asked.0, asked.1, asked.2).expect("a range");
        assert_eq!((read.from.to_string(), read.to.to_string()), (from.to_owned(), to.to_owned()));
    }

    #[test]
    fn the_last_day_or_month_is_told_unless_a_time_is_said() {
        check((None, None, None), "2026-06-01T12:00:00.000Z", "2026-06-02T13:00:00.000Z");
        check((None, None, Some("day")), "2026-05-03T00:00:00.000Z", "2026-06-03T00:00:00.000Z");
        let to = Some("2026-01-31T00:00:00Z");
        check((None, to, Some("day")), "2026-01-01T00:00:00.000Z", "2026-01-31T00:00:00.000Z");
    }

    #[test]
    fn a_bucket_is_whole_if_the_time_touches_it() {
        let (from, to) = (Some("2026-06-01T10:59:59.999Z"), Some("2026-06-01T13:00:00+02:00"));
        check((from, to, None), "2026-06-01T10:00:00.000Z", "2026-06-01T11:00:00.000Z");
        check((from, to, Some("day")), "2026-06-01T00:00:00.000Z", "2026-06-02T00:00:00.000Z");
    }

    #[test]
    fn the_longest_time_is_told_and_no_longer_one() {
        let (from, to) = (Some("2026-01-01T00:30:00Z"), Some("2026-02-01T00:30:00Z"));
        assert!(range(from, to, None).is_ok());
        assert_eq!(wrong(from, Some("2026-02-01T01:30:00Z"), None), "from");
        assert_eq!(wrong(from, Some("9999-12-30T00:00:00Z"), Some("day")), "from");
        assert!(range(Some("2025-06-01T00:00:00Z"), None, Some("day")).is_err());
        assert!(range(Some("2025-06-02T00:00:00Z"), None, Some("day")).is_ok());
    }

    fn wrong(from: Option<&str>, to: Option<&str>, bucket: Option<&str>) -> String {
        range(from, to, bucket).expect_err("refused").fields[0].field.to_string()
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_its_name() {
        assert_eq!(wrong(None, None, Some("week")), "bucket");
        assert_eq!(wrong(None, None, Some("")), "bucket");
        assert_eq!(wrong(Some("yesterday"), None, None), "from");
        assert_eq!(wrong(Some("1969-12-31T23:59:59Z"), None, None), "from");
        assert_eq!(wrong(None, Some("2026-06-02"), None), "to");
        assert_eq!(wrong(Some("2026-06-02T12:30:00Z"), None, None), "from");
        assert_eq!(wrong(Some("2030-01-01T00:00:00Z"), None, None), "from");
    }
}
