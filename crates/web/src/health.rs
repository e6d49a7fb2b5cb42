//! Whether the server lives, and whether it can take requests.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::openapi::{About, Api, routes};
use crate::problem;
use crate::reply;

/// Why requests would fail right now. Empty: ready.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Readiness {
    /// For the operator: "the database is read-only: no space left".
    pub reasons: Vec<Cow<'static, str>>,
}

/// Asked on every `GET /ready`, so it must only look, not try.
pub type ReadinessCheck = Arc<dyn Fn() -> Readiness + Send + Sync>;

/// `/health` and `/ready`, for [`crate::Site::api`].
pub fn api(check: ReadinessCheck) -> Api {
    described().with_state(check)
}

/// The same without a check to ask: for its document.
pub fn described() -> Api<ReadinessCheck> {
    Api::new(About {
        service: "system",
        title: "System",
        description: "Whether this server lives and is ready. No key is needed.",
        version: env!("CARGO_PKG_VERSION"),
        document_path: "/openapi/system.json",
        owned: &[],
        dialect: problem::DIALECT,
    })
    .routes(routes!(health))
    .routes(routes!(ready))
}

/// The body of `/health` and `/ready`.
#[derive(Serialize, ToSchema, Debug)]
struct Status {
    /// `ok` or `unavailable`.
    #[schema(example = "ok")]
    status: &'static str,
    /// Why it is not ready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<Cow<'static, str>>,
}

/// `GET /health`: the process answers. It asks nothing else, so a slow database does not get the process restarted.
#[utoipa::path(get, path = "/health", responses((status = 200, description = "The process answers.", body = Status)))]
async fn health() -> Response {
    reply::json_bytes(StatusCode::OK, Bytes::from_static(br#"{"status":"ok"}"#))
}

/// `GET /ready`: requests would succeed.
#[utoipa::path(
    get,
    path = "/ready",
    responses(
        (status = 200, description = "Requests are answered.", body = Status),
        (status = 503, description = "Requests would fail now, for these reasons.", body = Status),
    )
)]
async fn ready(State(check): State<ReadinessCheck>) -> Response {
    let Readiness { reasons } = check();
    if reasons.is_empty() {
        return reply::json(StatusCode::OK, &Status { status: "ok", reasons });
    }
    let mut response =
        reply::json(StatusCode::SERVICE_UNAVAILABLE, &Status { status: "unavailable", reasons });
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}
