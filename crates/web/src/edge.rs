//! The edge: what happens to every request before its handler and to every answer after it.
//!
//! One function around the router instead of a stack of layers, because each layer would cost every request a boxed
//! future, and because one function shows the order of things.

use std::fmt;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use base::id::RequestId;
use base::{Cidr, Code, Fault};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tower::Service as _;

use crate::body::BODY_DEADLINE;
use crate::client_address::client_address;
use crate::dialect::{ErrorContext, Failure, Owners};
use crate::metering::Meters;

/// The header of the request id, in both directions.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Where request ids come from: the owner of clock and randomness passes it in.
pub type RequestIds = Arc<dyn Fn() -> RequestId + Send + Sync>;

/// What an operator can set about the edge.
#[derive(Clone, Debug)]
pub struct EdgeSettings {
    /// Whether callers reach us by https only: then answers say so (`Strict-Transport-Security`).
    pub https: bool,
    /// The longest wait for a whole request body.
    pub body_deadline: Duration,
    /// The proxies whose word counts for where a call came from.
    pub trusted_proxies: Arc<[Cidr]>,
}

impl Default for EdgeSettings {
    fn default() -> Self {
        Self { https: false, body_deadline: BODY_DEADLINE, trusted_proxies: Arc::default() }
    }
}

/// What the edge knows about a request: an extension of it, and an extractor.
#[derive(Clone, Debug)]
pub struct RequestMeta {
    pub request_id: RequestId,
    /// The other end of the connection; `None` on a Unix socket. Behind a proxy this is the proxy.
    pub peer: Option<IpAddr>,
    /// Who called: the peer, or behind trusted proxies whom they name. `None` where it cannot be told.
    pub client: Option<IpAddr>,
    pub body_deadline: Duration,
    client_request_id: Option<HeaderValue>,
    traceparent: Option<HeaderValue>,
}

impl RequestMeta {
    /// The caller's own `X-Request-Id`, at most 128 printable ASCII characters: kept beside ours, never trusted as ours.
    #[must_use]
    pub fn client_request_id(&self) -> Option<&str> {
        self.client_request_id.as_ref().and_then(|value| value.to_str().ok())
    }

    /// The caller's trace (W3C Trace Context §3.2), if it is well-formed.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.traceparent.as_ref().and_then(|value| value.to_str().ok())
    }
}

impl<S: Sync> FromRequestParts<S> for RequestMeta {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let meta: Option<&Self> = parts.extensions.get();
        meta.cloned().ok_or_else(|| Fault::internal("the router is served without its edge").into())
    }
}

/// A router with its edge. Cheap to clone.
#[derive(Clone)]
pub struct Edge {
    inner: Arc<Inner>,
}

struct Inner {
    router: Router,
    owners: Owners,
    meters: Meters,
    templates: Vec<String>,
    request_ids: RequestIds,
    settings: EdgeSettings,
}

impl fmt::Debug for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edge").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}

impl Edge {
    /// `templates` are the router's paths as they were registered; metrics are counted by them.
    #[must_use]
    pub fn new(
        router: Router,
        templates: &[String],
        owners: Owners,
        request_ids: RequestIds,
        settings: EdgeSettings,
    ) -> Self {
        let router = router.fallback(unknown_path).method_not_allowed_fallback(unknown_method);
        let meters = Meters::new(templates);
        let templates = templates.to_vec();
        Self { inner: Arc::new(Inner { router, owners, meters, templates, request_ids, settings }) }
    }

    /// Every path of the router as it was registered, documented or not.
    #[must_use]
    pub fn templates(&self) -> &[String] {
        &self.inner.templates
    }

    /// Answers one request. Never fails and never panics: whatever happens becomes an answer in the path's dialect.
    #[expect(clippy::disallowed_methods, reason = "the edge is where a request's duration is measured")]
    pub async fn respond(&self, mut request: Request, peer: Option<IpAddr>) -> Response {
        let started = Instant::now();
        let inner = &*self.inner;
        let request_id = (inner.request_ids)();
        let meta = meta(request.headers(), request_id, peer, &inner.settings);
        request.extensions_mut().insert(meta);
        let method = request.method().clone();
        // A reference count, not a copy: the router keeps the request, an error still needs its path.
        let uri = request.uri().clone();
        let route = inner.meters.route(uri.path());

        let mut router = inner.router.clone();
        let mut response = match caught(async move { router.call(request).await }).await {
            Ok(Ok(response)) => response,
            Err(panic) => Failure::from(Fault::internal(panic)).into_response(),
        };
        if response.status().is_client_error() || response.status().is_server_error() {
            let context = ErrorContext { request_id, method: &method, path: uri.path(), allow: None };
            response = inner.in_dialect(response, context, route.template());
        }
        inner.finish(response.headers_mut(), request_id);

        let elapsed = started.elapsed();
        route.count(&method, response.status(), elapsed);
        tracing::debug!(
            %request_id,
            %method,
            route = route.template(),
            status = response.status().as_u16(),
            duration_us = elapsed.as_micros(),
            "answered"
        );
        response
    }
}

impl Inner {
    /// Writes an error in the dialect of its path. An error that a handler wrote itself passes as it is.
    fn in_dialect(&self, mut response: Response, context: ErrorContext<'_>, route: &str) -> Response {
        let Some(fault) = fault_in(&mut response) else { return response };
        if fault.is_ours() {
            log(&fault, context.request_id, route);
        }
        let (mut parts, _) = response.into_parts();
        let allow = parts.headers.get(header::ALLOW).cloned();
        let allow = allow.as_ref().and_then(|allow| allow.to_str().ok());
        let context = ErrorContext { allow, ..context };
        let rendered = (self.owners.dialect(context.path).render)(&fault, &context);
        parts.status = rendered.status;
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(rendered.content_type));
        if let Some(seconds) = retry_after(&fault) {
            parts.headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if rendered.status == StatusCode::UNAUTHORIZED {
            parts.headers.insert(header::WWW_AUTHENTICATE, challenge(fault.code));
        }
        parts.headers.extend(rendered.headers);
        Response::from_parts(parts, Body::from(rendered.body))
    }

    /// The headers of every answer. A handler's own choice stands, but the request id is ours.
    fn finish(&self, headers: &mut HeaderMap, request_id: RequestId) {
        headers.reserve(6);
        let id = HeaderValue::try_from(request_id.text()).expect("an id is lower-case ASCII");
        headers.insert(X_REQUEST_ID, id);
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
        headers.entry(header::CACHE_CONTROL).or_insert(NO_STORE);
        headers.entry(header::REFERRER_POLICY).or_insert(NO_REFERRER);
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(NOTHING_ALLOWED);
        if self.settings.https {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, TWO_YEARS);
        }
    }
}

// Constants rather than statics: a static text in a `HeaderValue` is copied as a pointer.
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
const NOTHING_ALLOWED: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
const TWO_YEARS: HeaderValue = HeaderValue::from_static("max-age=63072000; includeSubDomains");

async fn unknown_path() -> Failure {
    Fault::new(Code::NotFound, "There is nothing at this path. GET /openapi lists what there is.").into()
}

async fn unknown_method() -> Failure {
    Fault::new(Code::MethodNotAllowed, "This path does not know that method: see the header Allow.").into()
}

fn meta(
    headers: &HeaderMap,
    request_id: RequestId,
    peer: Option<IpAddr>,
    settings: &EdgeSettings,
) -> RequestMeta {
    let client_request_id = headers.get(X_REQUEST_ID).filter(|id| is_printable(id.as_bytes())).cloned();
    let traceparent = headers.get("traceparent").filter(|trace| is_traceparent(trace.as_bytes())).cloned();
    let client = client_address(headers, peer, &settings.trusted_proxies);
    let body_deadline = settings.body_deadline;
    RequestMeta { request_id, peer, client, body_deadline, client_request_id, traceparent }
}

fn is_printable(id: &[u8]) -> bool {
    (1..=128).contains(&id.len()) && id.iter().all(|byte| (b' '..=b'~').contains(byte))
}

/// `version-trace-parent-flags` in lower-case hex; version `ff` and all-zero ids are invalid (Trace Context §3.2.2).
fn is_traceparent(value: &[u8]) -> bool {
    let parts: Vec<&[u8]> = value.split(|&byte| byte == b'-').collect();
    let is_hex = |part: &[u8]| part.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_zero = |part: &[u8]| part.iter().all(|&byte| byte == b'0');
    match parts[..] {
        [version, trace, parent, flags] => {
            (version.len(), trace.len(), parent.len(), flags.len()) == (2, 32, 16, 2)
                && parts.iter().all(|part| is_hex(part))
                && version != b"ff"
                && !is_zero(trace)
                && !is_zero(parent)
        }
        _ => false,
    }
}

/// Runs `future`; a panic in it becomes its text.
async fn caught<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let mut future = pin!(future);
    std::future::poll_fn(move |context| {
        // The future is dropped, not polled again, after a panic: nobody sees what it left half done.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic_text(&*panic))),
        }
    })
    .await
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the handler panicked: {}", text.unwrap_or("without a text"))
}

/// The fault that a response carries, or the one that an extractor of axum means with its plain text.
///
/// Errors that handlers write themselves, replayed ones say, are JSON or HTML and carry none.
fn fault_in(response: &mut Response) -> Option<Arc<Fault>> {
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        return Some(failure.fault);
    }
    let content_type = response.headers().get(header::CONTENT_TYPE)?;
    if !content_type.as_bytes().starts_with(b"text/plain") {
        return None;
    }
    Some(Arc::new(match response.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Fault::new(Code::BodyTooLarge, "The body is too large."),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Fault::new(Code::UnsupportedMediaType, "The content type is not supported here.")
        }
        status if status.is_server_error() => Fault::internal(format!("a handler answered a bare {status}")),
        _ => Fault::malformed(
            "The path, query or a header cannot be read. Please check it against the documentation.",
        ),
    }))
}

fn log(fault: &Fault, request_id: RequestId, route: &str) {
    let cause =
        fault.source.as_ref().map_or_else(|| fault.detail.clone().into_owned(), |source| chain(&**source));
    tracing::error!(%request_id, route, code = ?fault.code, cause, "a request failed on our side");
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn retry_after(fault: &Fault) -> Option<u32> {
    fault.retry_after_s.or((fault.code == Code::Unavailable).then_some(1))
}

/// RFC 6750 §3: no `error` for a caller who sent no credential.
fn challenge(code: Code) -> HeaderValue {
    HeaderValue::from_static(match code {
        Code::CredentialMissing => r#"Bearer realm="api""#,
        _ => r#"Bearer realm="api", error="invalid_token""#,
    })
}

#[cfg(test)]
mod tests;
