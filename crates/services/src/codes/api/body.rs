//! Fields that several routes read alike, and the parts of their answers that are alike.

use axum::response::Response;
use base::Fault;
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use web::json::{Document, Value};
use web::{Listed, reply};

use crate::codes::country::Country;
use crate::codes::model::{self, REGIONS_MAX};

const IDEMPOTENT_REPLAY: HeaderName = HeaderName::from_static("idempotent-replay");

/// A page of a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListBody<T> {
    data: Vec<T>,
    /// Send it as `cursor` for the next page; `null` on the last one.
    next_cursor: Option<String>,
}

impl<T> From<Listed<T>> for ListBody<T> {
    fn from(listed: Listed<T>) -> Self {
        Self { data: listed.data, next_cursor: listed.next_cursor }
    }
}

/// An answer that says when it was given before.
pub(super) fn answer(status: StatusCode, body: &impl Serialize, is_replay: bool) -> Response {
    let mut response = reply::json(status, body);
    if is_replay {
        response.headers_mut().insert(IDEMPOTENT_REPLAY, HeaderValue::from_static("true"));
    }
    response
}

/// `None` where the field is absent, `Some(None)` where it is `null`.
pub(super) fn nullable<T>(
    document: &Document,
    name: &'static str,
    read: impl FnOnce(&'static str) -> Result<Option<T>, Fault>,
) -> Result<Option<Option<T>>, Fault> {
    if document.is_null(name) {
        return Ok(Some(None));
    }
    Ok(read(name)?.map(Some))
}

/// A prefix of serial numbers.
pub(super) fn prefix(document: &Document, name: &'static str) -> Result<Option<String>, Fault> {
    match document.optional_string(name, 0..=usize::MAX)? {
        None => Ok(None),
        Some(text) if model::is_prefix(text) => Ok(Some(text.to_owned())),
        Some(_) => Err(Fault::invalid(name, model::PREFIX_RULE)),
    }
}

/// Countries, by their English names or codes.
pub(super) fn regions(document: &Document, name: &'static str) -> Result<Option<Vec<Country>>, Fault> {
    if document.get(name).is_none() {
        return Ok(None);
    }
    let items = document.array(name, 0..=REGIONS_MAX)?;
    let mut countries: Vec<Country> = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let country = match item {
            Value::String(text) => Country::parse(text),
            _ => None,
        };
        let wrong = || {
            let rule = "must be a country: its English name or its code of two letters";
            Fault::invalid(format!("{name}.{index}"), rule)
        };
        let country = country.ok_or_else(wrong)?;
        if !countries.contains(&country) {
            countries.push(country);
        }
    }
    Ok(Some(countries))
}

/// An id in a path or body: one that cannot be read is nobody's.
pub(super) fn id<T: std::str::FromStr>(text: &str, not_found: impl FnOnce() -> Fault) -> Result<T, Fault> {
    text.parse().map_err(|_| not_found())
}
