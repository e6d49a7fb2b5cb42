//! Fields of bodies and queries that the tenant's and the operator's API read alike.

use std::str::FromStr;

use base::{Fault, KeyKind, KeyText, Service, Timestamp};
use kernel::keys::{KeyChange, LABEL_LENGTH_MAX, NewKey, RATE_LIMIT_MAX, RESTRICTIONS_MAX};
use kernel::ledger::{self, TransferFilter, TransferKind};
use kernel::settings::Changes;
use web::json::{Document, Value, all4, both};

/// What the fields of a key are called: the two APIs differ in their case.
#[derive(Debug)]
pub struct KeyFields {
    pub allowed_origins: &'static str,
    pub allowed_ips: &'static str,
    pub rate_limit_per_minute: &'static str,
    pub spend_cap_per_day: &'static str,
    pub expires_at: &'static str,
}

/// The tenant's API.
pub const SNAKE_CASE: KeyFields = KeyFields {
    allowed_origins: "allowed_origins",
    allowed_ips: "allowed_ips",
    rate_limit_per_minute: "rate_limit_per_minute",
    spend_cap_per_day: "spend_cap_per_day",
    expires_at: "expires_at",
};

/// The operator's API.
pub const CAMEL_CASE: KeyFields = KeyFields {
    allowed_origins: "allowedOrigins",
    allowed_ips: "allowedIps",
    rate_limit_per_minute: "rateLimitPerMinute",
    spend_cap_per_day: "spendCapPerDay",
    expires_at: "expiresAt",
};

/// What may be said of a key when it is made, and changed later. `null` takes a limit or an end away.
///
/// # Errors
/// Every field that is wrong. Whether the scopes are the service's is not judged here.
pub fn key(document: &Document, fields: &KeyFields) -> Result<KeyChange, Fault> {
    let label = document.optional_string("label", 0..=LABEL_LENGTH_MAX);
    let rate_limit = nullable(document, fields.rate_limit_per_minute, |name| {
        document.optional_integer(name, 0..=RATE_LIMIT_MAX.into())
    });
    let spend_cap = nullable(document, fields.spend_cap_per_day, |name| {
        document.optional_integer(name, 0..=ledger::AMOUNT_MAX)
    });
    let expires_at = nullable(document, fields.expires_at, |name| document.optional_timestamp(name));
    let lists = all4(
        label,
        scopes(document),
        list(document, fields.allowed_origins),
        list(document, fields.allowed_ips),
    );
    let ((label, scopes, allowed_origins, allowed_ips), (rate_limit, (spend_cap_per_day, expires_at))) =
        both(lists, both(rate_limit, both(spend_cap, expires_at)))?;
    let in_range = |limit: i64| u32::try_from(limit).expect("the range was checked");
    Ok(KeyChange {
        label: label.map(str::to_owned),
        scopes,
        allowed_origins,
        allowed_ips,
        rate_limit_per_minute: rate_limit.map(|limit| limit.map(in_range)),
        spend_cap_per_day,
        expires_at,
    })
}

/// A key to be made of what was said of it.
#[must_use]
pub fn new_key(form: KeyText, scopes: Vec<String>, said: KeyChange) -> NewKey {
    NewKey {
        scopes,
        label: said.label.unwrap_or_default(),
        allowed_origins: said.allowed_origins.unwrap_or_default(),
        allowed_ips: said.allowed_ips.unwrap_or_default(),
        rate_limit_per_minute: said.rate_limit_per_minute.flatten(),
        spend_cap_per_day: said.spend_cap_per_day.flatten(),
        expires_at: said.expires_at.flatten(),
        ..NewKey::new(form)
    }
}

/// The service of a new key, and its kind, which is the service's only one unless it is said.
///
/// # Errors
/// A name that is none.
pub fn service_and_kind(document: &Document) -> Result<(Service, KeyKind), Fault> {
    let service = document.string("service", 1..=20).and_then(|name| {
        let names = Service::ALL.iter().map(|service| service.name()).collect::<Vec<_>>().join(", ");
        Service::parse(name).ok_or_else(|| Fault::invalid("service", format!("must be one of {names}")))
    });
    let kind = document.optional_string("kind", 1..=20).and_then(|name| {
        let parsed = name.map(|name| KeyKind::parse(name).ok_or(()));
        parsed.transpose().map_err(|()| Fault::invalid("kind", "must be secret, publishable, pair or admin"))
    });
    let (service, kind) = both(service, kind)?;
    Ok((service, kind.unwrap_or(default_kind(service))))
}

/// The kind of a service's keys that manage or call it from a server.
#[must_use]
pub const fn default_kind(service: Service) -> KeyKind {
    match service {
        Service::Quota => KeyKind::Admin,
        Service::Partner => KeyKind::PairKey,
        Service::Citizen | Service::Identity | Service::Codes | Service::Platform => KeyKind::Secret,
    }
}

/// Nothing where the field is absent, `Some(None)` where it is `null`.
fn nullable<T>(
    document: &Document,
    name: &'static str,
    read: impl FnOnce(&'static str) -> Result<Option<T>, Fault>,
) -> Result<Option<Option<T>>, Fault> {
    if document.is_null(name) { Ok(Some(None)) } else { Ok(read(name)?.map(Some)) }
}

fn scopes(document: &Document) -> Result<Option<Vec<String>>, Fault> {
    if document.get("scopes").is_none() {
        return Ok(None);
    }
    let mut scopes = Vec::new();
    for item in document.array("scopes", 0..=RESTRICTIONS_MAX)? {
        match item {
            Value::String(scope) if scopes.contains(scope) => {}
            Value::String(scope) => scopes.push(scope.clone()),
            _ => return Err(Fault::invalid("scopes", "must be a list of texts")),
        }
    }
    Ok(Some(scopes))
}

/// Each item once, in the form in which it is kept.
fn list<T>(document: &Document, name: &'static str) -> Result<Option<Vec<T>>, Fault>
where
    T: FromStr<Err: ToString> + PartialEq,
{
    if document.get(name).is_none() {
        return Ok(None);
    }
    let mut items = Vec::new();
    for (index, item) in document.array(name, 0..=RESTRICTIONS_MAX)?.iter().enumerate() {
        let wrong = |why: String| Fault::invalid(format!("{name}.{index}"), why);
        let Value::String(text) = item else { return Err(wrong("must be a string".to_owned())) };
        let item = text.parse().map_err(|why: T::Err| wrong(why.to_string()))?;
        if !items.contains(&item) {
            items.push(item);
        }
    }
    Ok(Some(items))
}

/// The object `settings` of a body.
///
/// # Errors
/// Its absence, or that it is no object; whether names and values are right is the kernel's to say.
pub fn settings(document: &Document) -> Result<Changes, Fault> {
    let sent = document.optional_object("settings")?;
    let sent =
        sent.ok_or_else(|| Fault::invalid("settings", "is required: an object of settings by name"))?;
    Ok(sent.iter().map(|(name, value)| (name.to_owned(), plain(value))).collect())
}

/// What no setting may be becomes an object, which no kind of setting allows.
fn plain(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Boolean(flag) => (*flag).into(),
        Value::Integer(integer) => (*integer).into(),
        Value::String(text) => text.as_str().into(),
        Value::Decimal(_) | Value::Array(_) | Value::Object(_) => serde_json::json!({}),
    }
}

/// Which transfers of a wallet a query asks for.
///
/// # Errors
/// Every parameter that is wrong.
pub fn transfer_filter(
    from: Option<&str>,
    to: Option<&str>,
    kind: Option<&str>,
) -> Result<TransferFilter, Fault> {
    let kinds = || TransferKind::ALL.map(TransferKind::name).join(", ");
    let wrong = || Fault::invalid("kind", format!("must be one of {}", kinds()));
    let kind = kind.map(|name| TransferKind::parse(name).ok_or_else(wrong)).transpose();
    let ((from, to), kind) = both(span(from, to), kind)?;
    Ok(TransferFilter { kind, from, to })
}

/// From one moment to before another, where they are said.
///
/// # Errors
/// The parameter that is wrong.
pub fn span(from: Option<&str>, to: Option<&str>) -> Result<(Option<Timestamp>, Option<Timestamp>), Fault> {
    let (from, to) = both(moment("from", from), moment("to", to))?;
    if let (Some(from), Some(to)) = (from, to)
        && to < from
    {
        return Err(Fault::invalid("to", "must not lie before from"));
    }
    Ok((from, to))
}

fn moment(name: &'static str, text: Option<&str>) -> Result<Option<Timestamp>, Fault> {
    let wrong = |_| Fault::invalid(name, "must be an RFC 3339 time like 2030-01-31T12:00:00Z");
    text.map(|text| text.parse().map_err(wrong)).transpose()
}
