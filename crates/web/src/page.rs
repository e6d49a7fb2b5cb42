//! Pages of a list: a bounded number of rows, and a cursor that leads to the next ones.
//!
//! ```ignore
//! let place = page::Place { route: "/platform/v1/keys", filters: &[service] };
//! let page = Page::of(&kernel, &caller.caller, place, query.limit.as_deref(), query.cursor.as_deref())?;
//! let (after, rows_max) = (page.after()?, page.rows_max());
//! let keys = kernel.db.read(move |tx| keys::list(tx, …, after, rows_max)).await?;
//! Ok(reply::json(StatusCode::OK, &page.listed(keys, |key| key.key_id.text()).map(KeyView::of)))
//! ```
//!
//! A cursor is the position of the last row of a page, signed. The signature binds it to tenant, environment, route
//! and filters: a cursor of another list is refused instead of being read as a place in this one.

use std::str::FromStr;
use std::sync::Arc;

use base::id::TenantId;
use base::{Environment, Fault};
use kernel::secrets::{hex, is_equal, unhex};
use kernel::{Kernel, Secrets};
use serde::Serialize;
use utoipa::ToSchema;

use crate::json::both;

pub const LIMIT_DEFAULT: i64 = 20;
pub const LIMIT_MAX: i64 = 100;

/// Half of HMAC-SHA-256, as RFC 2104 §5 allows.
const MAC_LENGTH: usize = 16;
const CURSOR_LENGTH_MAX: usize = 1000;

/// Which list of a tenant's environment a page is of.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The route's template, with the ids of its path among the filters.
    pub route: &'a str,
    /// What narrows the list, in a fixed order; an empty text where nothing was asked for.
    pub filters: &'a [&'a str],
}

/// The page that a request asks for.
#[derive(Clone, Debug)]
pub struct Page {
    limit: i64,
    position: Option<String>,
    /// What a cursor of this list is bound to.
    bound_to: Vec<String>,
    secrets: Arc<Secrets>,
}

/// One page as it is answered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Listed<T> {
    pub data: Vec<T>,
    /// Send it as `cursor` for the next page; `null` on the last one.
    pub next_cursor: Option<String>,
}

impl Page {
    /// Reads `limit` (1 to 100, 20 unless said) and `cursor` of a query.
    ///
    /// # Errors
    /// [`base::Code::Invalid`] for a limit that is no number or out of range, and for a cursor of another list.
    pub fn of(
        kernel: &Kernel,
        caller: &kernel::Caller,
        place: Place<'_>,
        limit: Option<&str>,
        cursor: Option<&str>,
    ) -> Result<Self, Fault> {
        Self::new(Arc::clone(&kernel.secrets), (caller.tenant_id, caller.environment), place, limit, cursor)
    }

    fn new(
        secrets: Arc<Secrets>,
        (tenant_id, environment): (TenantId, Environment),
        place: Place<'_>,
        limit: Option<&str>,
        cursor: Option<&str>,
    ) -> Result<Self, Fault> {
        let mut bound_to = vec![tenant_id.text(), environment.name().to_owned(), place.route.to_owned()];
        bound_to.extend(place.filters.iter().map(|&filter| filter.to_owned()));
        let position = cursor.map(|cursor| open(&secrets, &bound_to, cursor)).transpose();
        let (limit, position) = both(read_limit(limit), position)?;
        Ok(Self { limit, position, bound_to, secrets })
    }

    /// Where the page before ended.
    ///
    /// # Errors
    /// A position that this list never had, which its signature rules out.
    pub fn after<T: FromStr>(&self) -> Result<Option<T>, Fault> {
        let wrong = |_| Fault::internal("a signed cursor holds no position of its list");
        self.position.as_deref().map(|text| text.parse().map_err(wrong)).transpose()
    }

    /// How many rows to read: one more than the page holds, which tells whether another page follows.
    #[must_use]
    pub const fn rows_max(&self) -> i64 {
        self.limit + 1
    }

    /// The cursor that leads to what comes after `position`: for a list whose page may end before it is full.
    #[must_use]
    pub fn cursor_at(&self, position: &str) -> String {
        seal(&self.secrets, &self.bound_to, position)
    }

    /// The page made of the rows that were read, at most [`Self::rows_max`].
    pub fn listed<T>(&self, mut rows: Vec<T>, position: impl Fn(&T) -> String) -> Listed<T> {
        let limit = usize::try_from(self.limit).unwrap_or_default();
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| has_more);
        let next_cursor = last.map(|row| self.cursor_at(&position(row)));
        Listed { data: rows, next_cursor }
    }
}

impl<T> Listed<T> {
    /// The same page with its rows as they are answered.
    pub fn map<U>(self, view: impl FnMut(T) -> U) -> Listed<U> {
        Listed { data: self.data.into_iter().map(view).collect(), next_cursor: self.next_cursor }
    }
}

fn read_limit(limit: Option<&str>) -> Result<i64, Fault> {
    let Some(text) = limit else { return Ok(LIMIT_DEFAULT) };
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(limit @ 1..=LIMIT_MAX) if is_plain => Ok(limit),
        _ => Err(Fault::invalid("limit", format!("must be a whole number from 1 to {LIMIT_MAX}"))),
    }
}

/// The MAC's hexadecimal digits, then the position's.
fn seal(secrets: &Secrets, bound_to: &[String], position: &str) -> String {
    hex(&mac(secrets, bound_to, position)) + &hex(position.as_bytes())
}

fn open(secrets: &Secrets, bound_to: &[String], cursor: &str) -> Result<String, Fault> {
    let wrong = || {
        Fault::invalid(
            "cursor",
            "is not of this list: send the next_cursor of a page of the same list, with the same filters and key \
             environment, or leave it out to begin anew",
        )
    };
    let bytes =
        Some(cursor).filter(|cursor| cursor.len() <= CURSOR_LENGTH_MAX).and_then(unhex).ok_or_else(wrong)?;
    let (shown, position) = bytes.split_first_chunk::<MAC_LENGTH>().ok_or_else(wrong)?;
    let position = std::str::from_utf8(position).map_err(|_| wrong())?;
    if is_equal(shown, &mac(secrets, bound_to, position)) { Ok(position.to_owned()) } else { Err(wrong()) }
}

fn mac(secrets: &Secrets, bound_to: &[String], position: &str) -> [u8; MAC_LENGTH] {
    let parts: Vec<&str> = bound_to.iter().map(String::as_str).chain([position]).collect();
    let mut short = [0; MAC_LENGTH];
    short.copy_from_slice(&secrets.cursor_mac(&parts)[..MAC_LENGTH]);
    short
}

#[cfg(test)]
mod tests;
