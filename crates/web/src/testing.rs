//! A small service with a dialect of its own, for the tests of this crate.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::extract::{Path, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base::id::RequestId;
use base::{Code, Fault, Timestamp};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use http_body_util::BodyExt as _;

use crate::openapi::About;
use crate::{
    Api, Dialect, Edge, EdgeSettings, ErrorContext, Failure, Json, Owned, Rendered, RequestIds, RequestMeta,
    Site, health, reply, routes,
};

pub(crate) const ABOUT: About = About {
    service: "sample",
    title: "Sample",
    description: "For tests.",
    version: "1",
    document_path: "/openapi/sample.json",
    owned: &[Owned::Subtree("/sample")],
    dialect: Dialect { name: "sample", render },
};

fn render(fault: &Fault, context: &ErrorContext<'_>) -> Rendered {
    let ErrorContext { request_id, method, path, allow } = context;
    Rendered::json(
        crate::dialect::status(fault.code),
        &serde_json::json!({
            "error": format!("{:?}", fault.code), "message": fault.detail, "requestId": request_id,
            "at": format!("{method} {path}"), "allow": allow,
        }),
    )
}

/// `POST /sample/count`: says what it counted.
#[utoipa::path(post, path = "/sample/count", responses((status = 200)))]
async fn count(meta: RequestMeta, Json(document): Json) -> Result<Response, Failure> {
    let count = document.integer_or("count", 1..=9, 1)?;
    Ok(reply::json(
        StatusCode::OK,
        &serde_json::json!({
            "count": count, "requestId": meta.request_id, "clientRequestId": meta.client_request_id(),
            "traceparent": meta.traceparent(), "peer": meta.peer,
        }),
    ))
}

async fn panics_at_once() -> Response {
    panic!("a tyre burst")
}

async fn panics_later() -> Response {
    tokio::task::yield_now().await;
    panic!("{} tyres burst", 2)
}

async fn fails(Path(what): Path<String>) -> Result<Response, Failure> {
    let fault = match what.as_str() {
        "missing-credential" => Fault::new(Code::CredentialMissing, "Send a key."),
        "expired" => Fault::new(Code::CredentialExpired, "Rotate the key."),
        "unavailable" => Fault::unavailable("Try again.").retry_after(7),
        "limited" => {
            let limited = Failure::from(Fault::new(Code::RateLimited, "Slower.").retry_after(3));
            return Err(limited.header(HeaderName::from_static("ratelimit"), HeaderValue::from_static("r=0")));
        }
        _ => Fault::internal("the disk burns"),
    };
    Err(fault.into())
}

/// As a replayed reply does: an error that is written already.
async fn replayed() -> Response {
    reply::json_bytes(StatusCode::CONFLICT, Bytes::from_static(br#"{"saved":true}"#))
}

async fn bare(Path(status): Path<u16>) -> impl IntoResponse {
    (StatusCode::from_u16(status).unwrap(), "plain words")
}

async fn own_headers() -> Response {
    let mut response = reply::json_bytes(StatusCode::OK, Bytes::from_static(b"{}"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public"));
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'self'"));
    response.headers_mut().insert(crate::edge::X_REQUEST_ID, HeaderValue::from_static("forged"));
    response
}

pub(crate) fn api() -> Api {
    Api::new(ABOUT)
        .routes(routes!(count))
        .page("/sample/panic", get(panics_at_once))
        .page("/sample/panic-later", get(panics_later))
        .page("/sample/fails/{what}", get(fails))
        .page("/sample/replayed", post(replayed))
        .page("/sample/bare/{status}", get(bare))
        .page("/sample/own-headers", get(own_headers))
}

pub(crate) fn site() -> Site {
    Site::new().api(health::api(Arc::new(health::Readiness::default))).api(api())
}

/// Ids that count up, so that every test knows its own.
pub(crate) fn request_ids() -> RequestIds {
    let next = AtomicU64::new(1);
    Arc::new(move || {
        RequestId::new(Timestamp::from_millis(1_780_403_400_000), next.fetch_add(1, Ordering::Relaxed))
    })
}

pub(crate) fn edge() -> Edge {
    site().edge(request_ids(), EdgeSettings::default())
}

pub(crate) fn request(method: &str, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path)
}

pub(crate) async fn bytes(response: Response) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

pub(crate) async fn json(response: Response) -> serde_json::Value {
    serde_json::from_slice(&bytes(response).await).unwrap()
}

pub(crate) async fn ask(edge: &Edge, method: &str, path: &str) -> Response {
    edge.respond(request(method, path).body(Body::empty()).unwrap(), None).await
}
