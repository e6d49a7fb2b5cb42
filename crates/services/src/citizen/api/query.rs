//! The query of the list: each parameter once, unknown ones ignored.

use base::{Fault, Timestamp};
use web::json::both;

use crate::citizen::model::{Channel, Filter, Outcome, PURPOSE_LENGTH_MAX, REFERENCE_LENGTH_MAX};

pub(super) const PAGE_MAX: i64 = 1_000_000_000;
pub(super) const LIMIT_MAX: i64 = 100;

const PAGE_DEFAULT: i64 = 1;
const LIMIT_DEFAULT: i64 = 20;

/// What the list is asked for.
pub(super) struct ListQuery {
    pub(super) page: i64,
    pub(super) limit: i64,
    pub(super) filter: Filter,
}

/// # Errors
/// Every parameter that is out of range, no number, unknown or given twice.
pub(super) fn list_query(pairs: &[(String, String)]) -> Result<ListQuery, Fault> {
    let page = integer(pairs, "page", PAGE_MAX, PAGE_DEFAULT);
    let limit = integer(pairs, "limit", LIMIT_MAX, LIMIT_DEFAULT);
    let result =
        word(pairs, "result", Outcome::parse, "must be verified, failed, not_found or provider_error");
    let channel = word(pairs, "channel", Channel::parse, "must be api or portal");
    let purpose = text(pairs, "purpose", PURPOSE_LENGTH_MAX);
    let reference = text(pairs, "reference", REFERENCE_LENGTH_MAX);
    let period = period(pairs);
    let ((page, limit), (((result, channel), (purpose, reference)), (from, to))) =
        both(both(page, limit), both(both(both(result, channel), both(purpose, reference)), period))?;
    Ok(ListQuery { page, limit, filter: Filter { result, purpose, channel, reference, from, to } })
}

fn one<'a>(pairs: &'a [(String, String)], name: &'static str) -> Result<Option<&'a str>, Fault> {
    let mut values = pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let value = values.next();
    match values.next() {
        None => Ok(value),
        Some(_) => Err(Fault::invalid(name, "must be given once")),
    }
}

fn integer(pairs: &[(String, String)], name: &'static str, max: i64, default: i64) -> Result<i64, Fault> {
    let Some(text) = one(pairs, name)? else { return Ok(default) };
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) if is_plain && (1..=max).contains(&number) => Ok(number),
        _ => Err(Fault::invalid(name, format!("must be between 1 and {max}"))),
    }
}

fn word<T>(
    pairs: &[(String, String)],
    name: &'static str,
    parse: fn(&str) -> Option<T>,
    wrong: &'static str,
) -> Result<Option<T>, Fault> {
    match one(pairs, name)? {
        None => Ok(None),
        Some(text) => parse(text).map(Some).ok_or_else(|| Fault::invalid(name, wrong)),
    }
}

fn text(pairs: &[(String, String)], name: &'static str, length_max: usize) -> Result<Option<String>, Fault> {
    match one(pairs, name)? {
        Some(text) if text.contains('\0') || !(1..=length_max).contains(&text.chars().count()) => {
            Err(Fault::invalid(name, format!("must have 1 to {length_max} characters")))
        }
        text => Ok(text.map(str::to_owned)),
    }
}

fn period(pairs: &[(String, String)]) -> Result<(Timestamp, Timestamp), Fault> {
    let (from, to) = both(moment(pairs, "from"), moment(pairs, "to"))?;
    let (from, to) =
        (from.unwrap_or(Timestamp::from_micros(0)), to.unwrap_or(Timestamp::from_micros(i64::MAX)));
    if from > to {
        return Err(Fault::invalid("from", "must not be after to"));
    }
    Ok((from, to))
}

fn moment(pairs: &[(String, String)], name: &'static str) -> Result<Option<Timestamp>, Fault> {
    let wrong = |_| Fault::invalid(name, "must be an RFC 3339 time like 2026-06-01T00:00:00Z");
    one(pairs, name)?.map(|text| text.parse().map_err(wrong)).transpose()
}
