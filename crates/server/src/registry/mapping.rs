//! What an answer of an upstream registry means, by the operator's mapping. Pure.

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;
use services::citizen::model::is_date;
use services::citizen::registry::{Found, Record, RecordStatus};

use super::settings::{Fields, NotFound, Pointers, Settings, Statuses};

const NAME_LENGTH_MAX: usize = 200;

/// What an answer says about a number, or why it says nothing.
///
/// # Errors
/// A cause for the log, which never quotes the answer.
pub(super) fn read(
    settings: &Settings,
    national_id: &str,
    status: StatusCode,
    body: &Bytes,
) -> Result<Found, &'static str> {
    if status == StatusCode::NOT_FOUND && settings.not_found.http_404 {
        return Ok(Found::Unknown);
    }
    if !status.is_success() {
        return Err("it answered with an error status");
    }
    let answer: Value = serde_json::from_slice(body).map_err(|_| "it answered no JSON")?;
    if is_unknown(&settings.not_found, &answer) {
        return Ok(Found::Unknown);
    }
    record(&settings.fields, &settings.status, national_id, &answer).map(Found::Record)
}

fn is_unknown(not_found: &NotFound, answer: &Value) -> bool {
    let Some(pointer) = &not_found.pointer else { return false };
    match (&not_found.equals, text_at(answer, pointer)) {
        (Some(expected), Some(found)) => found == *expected,
        (Some(_), None) => false,
        (None, found) => found.is_none() && answer.pointer(pointer).is_none_or(Value::is_null),
    }
}

fn record(
    fields: &Fields,
    statuses: &Statuses,
    national_id: &str,
    answer: &Value,
) -> Result<Record, &'static str> {
    let about = text_at(answer, &fields.national_id).ok_or("it does not say whom it answers about")?;
    if about != national_id {
        return Err("it answered about another number");
    }
    let full_name = match &fields.full_name {
        Pointers::One(pointer) => text_at(answer, pointer).unwrap_or_default(),
        Pointers::Several(pointers) => {
            let parts: Vec<String> = pointers.iter().filter_map(|pointer| text_at(answer, pointer)).collect();
            parts.join(" ")
        }
    };
    let full_name = full_name.split_whitespace().collect::<Vec<_>>().join(" ");
    if full_name.is_empty() || full_name.chars().count() > NAME_LENGTH_MAX {
        return Err("it gave no name, or none that can be one");
    }
    let born = text_at(answer, &fields.date_of_birth).ok_or("it gave no birth date")?;
    let (date, rest) = born.split_at_checked(10).ok_or("it gave no date as birth date")?;
    if !is_date(date) || !(rest.is_empty() || rest.starts_with('T')) {
        return Err("it gave no date as birth date");
    }
    let status = match &fields.status {
        None => RecordStatus::Active,
        Some(pointer) => {
            let status = text_at(answer, pointer).ok_or("it gave no status")?;
            status_of(statuses, &status).ok_or("it gave a status that is not mapped")?
        }
    };
    Ok(Record { full_name, date_of_birth: date.to_owned(), status })
}

fn status_of(statuses: &Statuses, found: &str) -> Option<RecordStatus> {
    let means = |values: &[String]| values.iter().any(|value| value.eq_ignore_ascii_case(found));
    let known = [
        (&statuses.active, RecordStatus::Active),
        (&statuses.deceased, RecordStatus::Deceased),
        (&statuses.blocked, RecordStatus::Blocked),
    ];
    known.into_iter().find(|(values, _)| means(values)).map(|(_, status)| status)
}

/// A string, number or boolean as text.
fn text_at(answer: &Value, pointer: &str) -> Option<String> {
    match answer.pointer(pointer)? {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
