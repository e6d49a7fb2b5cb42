//! Bodies about webhooks, which the tenant's and the operator's API read alike.

use base::id::EndpointId;
use base::{Fault, Service, Timestamp};
use http::Uri;
use kernel::webhooks::{DESCRIPTION_LENGTH_MAX, EVENTS_MAX, EndpointChange, NewEndpoint, Replay, Status};
use web::destination::{ADDRESS_LENGTH_MAX, Network, permit};
use web::json::{Document, Value, all3, all4, both};

const KIND_LENGTH_MAX: usize = 100;

/// A new endpoint. Its service's events are not judged here.
///
/// # Errors
/// Every field that is wrong.
pub fn new_endpoint(document: &Document, receivers: Network) -> Result<NewEndpoint, Fault> {
    let url = document.string("url", 1..=ADDRESS_LENGTH_MAX).and_then(|url| permitted(url, receivers));
    let rest = both(events(document), document.boolean_or("active", true));
    let (service, url, description, (events, is_active)) =
        all4(service(document), url, description(document), rest)?;
    Ok(NewEndpoint {
        service,
        url,
        events: events.flatten(),
        description: description.unwrap_or_default(),
        is_active,
    })
}

/// What of an endpoint to change.
///
/// # Errors
/// Every field that is wrong.
pub fn endpoint_change(document: &Document, receivers: Network) -> Result<EndpointChange, Fault> {
    let url = document
        .optional_string("url", 1..=ADDRESS_LENGTH_MAX)
        .and_then(|url| url.map(|url| permitted(url, receivers)).transpose());
    let (url, events, description, is_active) =
        all4(url, events(document), description(document), document.optional_boolean("active"))?;
    Ok(EndpointChange { url, events, description, is_active })
}

/// Which deliveries to replay: `deliveryId`, or `since` with `until` (now unless said) and `failed` (true unless said).
///
/// # Errors
/// Every field that is wrong.
pub fn replay(document: &Document, now: Timestamp) -> Result<Replay, Fault> {
    let has_range = ["since", "until", "failed"].iter().any(|name| document.get(name).is_some());
    if document.get("deliveryId").is_some() {
        if has_range {
            return Err(Fault::invalid("deliveryId", "stands alone: leave out since, until and failed"));
        }
        let id = document.string("deliveryId", 1..=64)?;
        // Malformed, it is nobody's.
        return id.parse().map(Replay::One).map_err(|_| Fault::not_found("delivery"));
    }
    let since = document.optional_timestamp("since").and_then(|since| {
        since.ok_or_else(|| {
            Fault::invalid("since", "is required, or deliveryId: from when on events are delivered again")
        })
    });
    let (since, until, only_failed) =
        all3(since, document.optional_timestamp("until"), document.boolean_or("failed", true))?;
    let until = until.unwrap_or(now);
    if until < since {
        return Err(Fault::invalid("until", "must not lie before since"));
    }
    Ok(Replay::Range { since, until, only_failed })
}

/// The status that a list of deliveries is narrowed to.
///
/// # Errors
/// A name that is none.
pub fn status(name: Option<&str>) -> Result<Option<Status>, Fault> {
    let wrong = || {
        let names: Vec<&str> = Status::ALL.into_iter().map(Status::name).collect();
        Fault::invalid("status", format!("must be one of {}", names.join(", ")))
    };
    name.map(|name| Status::parse(name).ok_or_else(wrong)).transpose()
}

/// The number after which events are listed; 0 unless said.
///
/// # Errors
/// What is no such number.
pub fn after(text: Option<&str>) -> Result<i64, Fault> {
    let Some(text) = text else { return Ok(0) };
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain).ok_or_else(|| {
        Fault::invalid("after", "must be the seq of an event, or 0 for all: a whole number without a sign")
    })
}

/// A malformed id is nobody's id.
///
/// # Errors
/// Not found.
pub fn parse_id(text: &str) -> Result<EndpointId, Fault> {
    text.parse().map_err(|_| Fault::not_found("webhook"))
}

fn service(document: &Document) -> Result<Service, Fault> {
    let names = || Service::ALL.iter().map(|service| service.name()).collect::<Vec<_>>().join(", ");
    let name = document.string("service", 1..=20)?;
    Service::parse(name).ok_or_else(|| Fault::invalid("service", format!("must be one of {}", names())))
}

fn permitted(url: &str, receivers: Network) -> Result<String, Fault> {
    let wrong =
        |why: &str| Fault::invalid("url", format!("{why}; send an address like https://example.com/hooks"));
    // What is behind a # is never sent, and http::Uri drops it without a word.
    if url.contains('#') {
        return Err(wrong("it must not have a fragment"));
    }
    let uri: Uri = url.parse().map_err(|_| wrong("it must be a whole address"))?;
    permit(receivers, &uri).map_err(wrong)?;
    Ok(url.to_owned())
}

fn description(document: &Document) -> Result<Option<String>, Fault> {
    Ok(document.optional_string("description", 0..=DESCRIPTION_LENGTH_MAX)?.map(str::to_owned))
}

/// Nothing where the field is absent, `Some(None)` where it is `null`: all.
fn events(document: &Document) -> Result<Option<Option<Vec<String>>>, Fault> {
    if document.is_null("events") {
        return Ok(Some(None));
    }
    if document.get("events").is_none() {
        return Ok(None);
    }
    let mut events: Vec<String> = Vec::new();
    for (index, item) in document.array("events", 1..=EVENTS_MAX)?.iter().enumerate() {
        match item {
            Value::String(event) if events.contains(event) => {}
            Value::String(event) if (1..=KIND_LENGTH_MAX).contains(&event.len()) => {
                events.push(event.clone());
            }
            _ => {
                return Err(Fault::invalid(
                    format!("events.{index}"),
                    format!("must be the name of an event, of at most {KIND_LENGTH_MAX} characters"),
                ));
            }
        }
    }
    Ok(Some(Some(events)))
}
