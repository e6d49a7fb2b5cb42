//! Who calls: a key proven, limited and of an active tenant, before a handler sees the request.
//!
//! A service guards its routes as it registers them: `api.routes(guard.routes(routes!(create)))`.
//! The checks run in the published order: credential, rate limit, tenant status, the scopes that the handler's
//! annotation names, so that the document tells which ones, and the addresses and origins that the key is bound to.
//! The command asks again for what may have ended meanwhile.
//! Wrong methods are answered before the guard, and the state of the limit is on every answer behind it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use aws_lc_rs::digest;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use base::{Code, Fault, KeyKind, Secret, Service};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use kernel::keys::{self, Key, Presented};
use kernel::limits::Standing;
use kernel::spine::{Call, ensure_held};
use kernel::{Actor, Kernel, idempotency, tenancy};
use utoipa::openapi::path::{Operation, PathItem, Paths};
use utoipa_axum::router::UtoipaMethodRouter;

use crate::dialect::Failure;
use crate::edge::RequestMeta;
use crate::json::Document;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Which keys open a service's routes, and how often.
#[derive(Clone, Debug)]
pub struct Guard {
    pub kernel: Kernel,
    pub service: Service,
    pub kinds: &'static [KeyKind],
    /// Requests a minute per key lineage unless key or operator say otherwise; 0: no limit.
    pub rate_limit_per_minute: u32,
    /// How long an Idempotency-Key of this service may be.
    pub idempotency_key_length: RangeInclusive<usize>,
}

/// The scopes that each method of a path needs.
type Scopes = HashMap<Method, Vec<String>>;

/// A caller behind its guard: an extractor.
#[derive(Clone, Debug)]
pub struct Caller {
    pub caller: kernel::Caller,
    pub meta: RequestMeta,
    /// Method and path: what an Idempotency-Key is bound to besides the body.
    target: String,
    idempotency_key: Option<Secret>,
}

impl Guard {
    /// Puts the guard before the handlers of one path, but not before the answer to a wrong method.
    pub fn routes<S>(&self, (schemas, paths, handlers): UtoipaMethodRouter<S>) -> UtoipaMethodRouter<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        let scopes = Arc::new(scopes_by_method(&paths));
        (schemas, paths, handlers.route_layer(from_fn_with_state((self.clone(), scopes), admit)))
    }

    async fn authenticate(&self, text: &str) -> Result<Presented, Fault> {
        let presented = keys::authenticate(&self.kernel, text, None).await?;
        let key = &presented.key;
        if key.service != self.service || !self.kinds.contains(&key.kind) {
            return Err(keys::invalid());
        }
        keys::ensure_live(key, self.kernel.clock.now())?;
        Ok(presented)
    }

    fn limit(&self, key: &Key) -> Option<Standing> {
        let limits = &self.kernel.limits;
        let per_minute = key.rate_limit(limits.default_per_minute(self.rate_limit_per_minute))?;
        Some(limits.take(key.lineage_id, per_minute))
    }
}

impl Caller {
    /// The call that a command runs for.
    #[must_use]
    pub fn call(&self, route: &'static str, document: &Document) -> Call {
        Call {
            caller: self.caller.clone(),
            request_id: self.meta.request_id,
            route,
            idempotency_key: self.idempotency_key.clone(),
            fingerprint: fingerprint(&self.target, document),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let caller: Option<&Self> = parts.extensions.get();
        caller.cloned().ok_or_else(|| Fault::internal("the route is served without its guard").into())
    }
}

/// What an Idempotency-Key is bound to: method and path, and the parsed document.
#[must_use]
pub fn fingerprint(target: &str, document: &Document) -> idempotency::Fingerprint {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(target.as_bytes());
    hash.update(b"\n");
    hash.update(document.canonical().as_bytes());
    let mut fingerprint = idempotency::Fingerprint::default();
    fingerprint.copy_from_slice(hash.finish().as_ref());
    fingerprint
}

/// The text after `Bearer`, whose case does not matter.
///
/// # Errors
/// [`Code::CredentialMissing`] without the header; [`Code::CredentialInvalid`] for another scheme, two headers, or
/// bytes that no key has.
pub fn bearer(headers: &HeaderMap) -> Result<&str, Fault> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let missing =
        || Fault::new(Code::CredentialMissing, "Send your key in the header Authorization: Bearer <key>.");
    let value = values.next().ok_or_else(missing)?;
    if values.next().is_some() {
        return Err(keys::invalid());
    }
    let text = value.to_str().map_err(|_| keys::invalid())?;
    let (scheme, key) = text.split_once(' ').ok_or_else(keys::invalid)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(key.trim()) } else { Err(keys::invalid()) }
}

/// The raw Idempotency-Key of a request: a text, or the same text in quotes (RFC 8941 §3.3.3).
///
/// # Errors
/// [`Code::Invalid`] for two headers, or a length or characters that no key may have.
pub fn idempotency_key(headers: &HeaderMap, length: &RangeInclusive<usize>) -> Result<Option<Secret>, Fault> {
    let wrong = || {
        let (min, max) = (length.start(), length.end());
        let rule = format!("must be one header of {min} to {max} printable characters");
        Fault::invalid("Idempotency-Key", rule)
    };
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(wrong());
    }
    let text = value.to_str().map_err(|_| wrong())?.trim();
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let is_well_formed =
        length.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if is_well_formed { Ok(Some(Secret::new(text.to_owned()))) } else { Err(wrong()) }
}

/// The scopes in the handlers' annotations: `security(("management" = ["accounts:read"]))`.
fn scopes_by_method(paths: &Paths) -> Scopes {
    let operations = |item: &PathItem| {
        let of =
            |method: Method, operation: &Option<Operation>| Some((method, scopes_of(operation.as_ref()?)));
        [
            of(Method::GET, &item.get),
            of(Method::HEAD, &item.get),
            of(Method::POST, &item.post),
            of(Method::PUT, &item.put),
            of(Method::PATCH, &item.patch),
            of(Method::DELETE, &item.delete),
        ]
    };
    paths.paths.values().flat_map(operations).flatten().collect()
}

fn scopes_of(operation: &Operation) -> Vec<String> {
    let schemes = serde_json::to_value(&operation.security).expect("security requirements are text");
    let schemes = schemes.as_array().into_iter().flatten().filter_map(serde_json::Value::as_object);
    let scopes = schemes.flat_map(serde_json::Map::values).filter_map(serde_json::Value::as_array).flatten();
    scopes.filter_map(serde_json::Value::as_str).map(str::to_owned).collect()
}

async fn admit(
    State((guard, scopes)): State<(Guard, Arc<Scopes>)>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let authenticated = match bearer(&parts.headers) {
        Ok(text) => guard.authenticate(text).await,
        Err(fault) => Err(fault),
    };
    let Presented { key, tenant } = match authenticated {
        Ok(presented) => presented,
        Err(fault) => return Failure::from(fault).into_response(),
    };
    let standing = guard.limit(&key);
    let admitted = match standing.filter(|standing| standing.is_refused) {
        Some(refused) => Err(too_many(refused)),
        None => match caller_of(&guard, &scopes, (&key, tenant), &parts).await {
            Err(refusal) => {
                tell(&guard, &key, &parts, &refusal).await;
                Err(refusal)
            }
            admitted => admitted,
        },
    };
    let mut response = match admitted {
        Ok(caller) => {
            let mut request = Request::from_parts(parts, body);
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(fault) => Failure::from(fault).into_response(),
    };
    if let Some(standing) = standing {
        describe(standing, response.headers_mut());
    }
    response
}

fn too_many(standing: Standing) -> Fault {
    let Standing { limit, reset_s, .. } = standing;
    let detail = format!("This key may send {limit} requests a minute. Please wait {reset_s} s.");
    Fault::new(Code::RateLimited, detail).retry_after(reset_s)
}

/// What the audit log is told of a key that was turned away.
async fn tell(guard: &Guard, key: &Key, parts: &Parts, refusal: &Fault) {
    let Some(meta) = parts.extensions.get::<RequestMeta>() else { return };
    let template = parts.extensions.get().map_or("", MatchedPath::as_str);
    let place = format!("{} {template}", parts.method);
    guard.kernel.tell_refusal(key, meta.request_id, &place, refusal).await;
}

async fn caller_of(
    guard: &Guard,
    scopes: &Scopes,
    (key, tenant): (&Key, Option<tenancy::Status>),
    parts: &Parts,
) -> Result<Caller, Fault> {
    let kernel = &guard.kernel;
    tenancy::ensure_is_active(tenant)?;
    scopes.get(&parts.method).into_iter().flatten().try_for_each(|scope| ensure_held(&key.scopes, scope))?;
    let meta: Option<&RequestMeta> = parts.extensions.get();
    let meta = meta.ok_or_else(|| Fault::internal("the router is served without its edge"))?;
    ensure_allowed_from(key, meta.client, &parts.headers)?;
    keys::note_use(kernel, key).await?;
    let is_write = !matches!(parts.method, Method::GET | Method::HEAD);
    Ok(Caller {
        caller: kernel::Caller {
            tenant_id: key.tenant_id,
            environment: key.environment,
            service: key.service,
            actor: Actor::Key { key_id: key.key_id, lineage_id: key.lineage_id },
            scopes: key.scopes.clone(),
        },
        meta: meta.clone(),
        target: format!("{} {}", parts.method, parts.uri.path()),
        idempotency_key: if is_write {
            idempotency_key(&parts.headers, &guard.idempotency_key_length)?
        } else {
            None
        },
    })
}

/// Refuses a place from which the key may not be used.
fn ensure_allowed_from(key: &Key, client: Option<IpAddr>, headers: &HeaderMap) -> Result<(), Fault> {
    if !key.allows_address(client) {
        let from = client.map_or_else(|| "this address".to_owned(), |address| address.to_string());
        let detail = format!("This key may not be used from {from}: see its allowed_ips.");
        return Err(Fault::new(Code::OriginDenied, detail));
    }
    let mut origins =
        headers.get_all(header::ORIGIN).iter().map(|origin| origin.to_str().unwrap_or_default());
    let origin = match (origins.next(), origins.next()) {
        (origin, None) => origin,
        // Two are none that a rule could name.
        (_, Some(_)) => Some(""),
    };
    if key.allows_origin(origin) {
        return Ok(());
    }
    Err(Fault::new(Code::OriginDenied, "This key may not be used from this origin: see its allowed_origins."))
}

/// The fields of draft-ietf-httpapi-ratelimit-headers.
fn describe(standing: Standing, headers: &mut HeaderMap) {
    let Standing { limit, remaining, reset_s, .. } = standing;
    let value = |text: String| HeaderValue::from_str(&text).expect("digits and ASCII punctuation");
    headers.insert(RATE_LIMIT_POLICY, value(format!("\"minute\";q={limit};w=60")));
    headers.insert(RATE_LIMIT, value(format!("\"minute\";r={remaining};t={reset_s}")));
}

#[cfg(test)]
mod tests;
