//! Error dialects: one [`Fault`], said in the shape of the service that owns the path.
//!
//! A handler returns `Result<Response, Failure>` and uses `?` on anything that fails with a [`Fault`].
//! The [`crate::Edge`] asks [`Owners`] whose path it is and lets that service's [`Dialect`] write the answer.

use std::fmt;
use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use base::id::RequestId;
use base::{Code, Fault};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::problem;

/// How one service writes its errors.
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    pub name: &'static str,
    pub render: fn(&Fault, &ErrorContext<'_>) -> Rendered,
}

/// What a dialect may say about the request that failed.
#[derive(Clone, Copy, Debug)]
pub struct ErrorContext<'a> {
    pub request_id: RequestId,
    pub method: &'a Method,
    /// As it was sent, without the query.
    pub path: &'a str,
    /// The methods that the path knows, when this is about the method: `GET,HEAD`. The edge sends the header itself.
    pub allow: Option<&'a str>,
}

/// An error in its service's shape.
///
/// The edge adds what every error has: `X-Request-Id`, `Allow`, `Retry-After` where the fault has one, and
/// `WWW-Authenticate` on a 401 unless `headers` brings its own.
#[derive(Clone, PartialEq, Debug)]
pub struct Rendered {
    pub status: StatusCode,
    pub content_type: &'static str,
    pub body: Vec<u8>,
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Rendered {
    /// A JSON body under `status`.
    #[must_use]
    pub fn json(status: StatusCode, body: &impl serde::Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("error bodies are structs of text and numbers");
        Self { status, content_type: "application/json", body, headers: Vec::new() }
    }
}

/// A [`Fault`] on its way out of a handler, with the headers that its answer must carry.
#[derive(Clone)]
pub struct Failure {
    pub fault: Arc<Fault>,
    pub headers: HeaderMap,
}

impl Failure {
    /// Adds a header to the answer, such as the state of a rate limit.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self { fault: Arc::new(fault), headers: HeaderMap::new() }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl IntoResponse for Failure {
    /// Carries the fault to the edge, which writes the body.
    fn into_response(mut self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status(self.fault.code);
        *response.headers_mut() = std::mem::take(&mut self.headers);
        response.extensions_mut().insert(self);
        response
    }
}

/// The status of a failure unless a dialect says otherwise.
#[must_use]
pub const fn status(code: Code) -> StatusCode {
    match code {
        Code::Malformed | Code::Invalid => StatusCode::BAD_REQUEST,
        Code::CredentialMissing | Code::CredentialInvalid | Code::CredentialExpired => {
            StatusCode::UNAUTHORIZED
        }
        Code::InsufficientCredits => StatusCode::PAYMENT_REQUIRED,
        Code::ScopeMissing | Code::OriginDenied | Code::TenantInactive => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Code::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
        Code::Conflict | Code::AlreadyExists | Code::RequestInProgress => StatusCode::CONFLICT,
        Code::IdempotencyMismatch | Code::IdempotencyExpired => StatusCode::UNPROCESSABLE_ENTITY,
        Code::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// A part of the path space that one service owns, by whole segments; `{…}` stands for any one segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owned {
    /// The path and nothing else: `/v1/verify`, not `/v1/verify/` or `/v1/verify/x`.
    Exact(&'static str),
    /// The path and everything below it.
    Subtree(&'static str),
}

impl Owned {
    const fn path(self) -> &'static str {
        match self {
            Self::Exact(path) | Self::Subtree(path) => path,
        }
    }

    fn covers(self, path: &str) -> bool {
        let mut segments = path.split('/');
        let head = self.path().split('/').all(|wanted| match segments.next() {
            Some(segment) => wanted.starts_with('{') || wanted == segment,
            None => false,
        });
        head && (matches!(self, Self::Subtree(_)) || segments.next().is_none())
    }

    /// How much a pattern says: more segments first, then exact before subtree, then fewer wildcards.
    fn weight(self) -> (usize, bool, usize) {
        let path = self.path();
        let segments = path.split('/').count();
        (segments, matches!(self, Self::Exact(_)), segments - path.matches('{').count())
    }
}

/// Who owns which path. The longest match wins; what nobody owns answers in [`problem::DIALECT`].
#[derive(Debug, Default)]
pub struct Owners {
    table: Vec<(Owned, Dialect)>,
}

impl Owners {
    /// Gives `owned` to `dialect`.
    ///
    /// # Panics
    /// When another dialect owns one of the patterns already: that is a mistake in the wiring, found at the start.
    pub fn add(&mut self, owned: &[Owned], dialect: Dialect) {
        for &pattern in owned {
            if let Some((_, other)) = self.table.iter().find(|(taken, _)| *taken == pattern) {
                panic!("{pattern:?} is claimed by {} and by {}", other.name, dialect.name);
            }
            self.table.push((pattern, dialect));
        }
    }

    /// The dialect of `path`, which is taken as it was sent: nothing is decoded or normalized.
    #[must_use]
    pub fn dialect(&self, path: &str) -> Dialect {
        let covering = self.table.iter().filter(|(owned, _)| owned.covers(path));
        covering.max_by_key(|(owned, _)| owned.weight()).map_or(problem::DIALECT, |(_, dialect)| *dialect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &'static str) -> Dialect {
        Dialect { name, ..problem::DIALECT }
    }

    #[test]
    fn the_longest_match_by_whole_segments_owns_a_path() {
        let mut owners = Owners::default();
        owners.add(
            &[Owned::Exact("/v1/verify"), Owned::Subtree("/v1/accounts"), Owned::Subtree("/v1/tokens")],
            named("quota"),
        );
        owners.add(&[Owned::Subtree("/v1/verify"), Owned::Subtree("/v1/uploads")], named("identity"));
        owners.add(
            &[Owned::Exact("/api/v1/verify"), Owned::Exact("/v/{token}"), Owned::Exact("/v/{token}/scan")],
            named("codes"),
        );
        owners.add(&[Owned::Subtree("/api/v1/verify")], named("citizen"));
        for (path, owner) in [
            ("/v1/verify", "quota"),
            ("/v1/verify/", "identity"),
            ("/v1/verify/vf_1/submit", "identity"),
            ("/v1/verifyx", "problem"),
            ("/v1/accounts", "quota"),
            ("/v1/accounts/", "quota"),
            ("/v1/accounts/acc_1/credits", "quota"),
            ("/v1/accountsx", "problem"),
            ("/v1", "problem"),
            ("/v1/", "problem"),
            ("/api/v1/verify", "codes"),
            ("/api/v1/verify/citizen", "citizen"),
            ("/api/v1/verify/anything-else", "citizen"),
            ("/api/v1", "problem"),
            ("/v/abc", "codes"),
            ("/v/abc/scan", "codes"),
            ("/v/abc/scan/x", "problem"),
            ("/", "problem"),
            ("*", "problem"),
            ("", "problem"),
        ] {
            assert_eq!(owners.dialect(path).name, owner, "{path}");
        }
    }

    #[test]
    #[should_panic(expected = "is claimed by quota and by identity")]
    fn two_owners_of_one_pattern_are_refused() {
        let mut owners = Owners::default();
        owners.add(&[Owned::Exact("/v1/verify")], named("quota"));
        owners.add(&[Owned::Exact("/v1/verify")], named("identity"));
    }
}
