//! Answers that handlers give.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use base::Fault;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body::Frame;
use serde::Serialize;
use tokio::sync::mpsc;

const APPLICATION_JSON: HeaderValue = HeaderValue::from_static("application/json");

/// `body` as JSON under `status`.
///
/// # Panics
/// When `body` has a map with keys that are not text: a mistake in its type.
#[must_use]
pub fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let bytes = serde_json::to_vec(body).expect("answers are structs with text as keys");
    json_bytes(status, bytes)
}

/// Bytes that are JSON already: a saved reply, say.
#[must_use]
pub fn json_bytes(status: StatusCode, bytes: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Body::from(bytes.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, APPLICATION_JSON);
    response
}

/// A text of the given type.
#[must_use]
pub fn text(content_type: &'static str, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A body that is sent as it is made. A failure breaks the connection off, so that nobody takes a part for the whole.
#[must_use]
pub fn stream(content_type: &'static str, pieces: mpsc::Receiver<Result<Bytes, Fault>>) -> Response {
    let mut response = Response::new(Body::new(Pieces(pieces)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

struct Pieces(mpsc::Receiver<Result<Bytes, Fault>>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
