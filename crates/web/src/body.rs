//! Reading a request's body: bounded in bytes and in time, in a content type that we read.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use base::{Code, Fault};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, header};
use http_body::Body as _;
use http_body_util::BodyExt as _;

use crate::dialect::Failure;
use crate::edge::RequestMeta;
use crate::json::{self, Document};

/// The bytes of a body unless a route says otherwise.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// The longest wait for a whole body unless the operator says otherwise.
pub const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// How much of a body is read, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    pub bytes_max: usize,
    /// For the whole body, from the moment its reading begins.
    pub deadline: Duration,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self { bytes_max: BODY_BYTES_MAX, deadline: BODY_DEADLINE }
    }
}

/// The JSON body of a request as an extractor, within [`BODY_BYTES_MAX`] and the operator's deadline.
///
/// Put it last in a handler's arguments, so that a caller is known before a byte of the body is read.
#[derive(Debug)]
pub struct Json(pub Document);

impl<S: Sync> FromRequest<S> for Json {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let deadline =
            request.extensions().get().map_or(BODY_DEADLINE, |meta: &RequestMeta| meta.body_deadline);
        let (parts, body) = request.into_parts();
        let limits = BodyLimits { deadline, ..BodyLimits::default() };
        Ok(Self(read_json(&parts.headers, body, limits).await?))
    }
}

/// Reads a body that is a JSON object; no body at all means `{}`.
///
/// # Errors
/// Those of [`read`] and [`json::parse_object`], and [`Code::UnsupportedMediaType`] for a content type that is not JSON.
pub async fn read_json(headers: &HeaderMap, body: Body, limits: BodyLimits) -> Result<Document, Fault> {
    if body.is_end_stream() {
        return Ok(Document::default());
    }
    require_json(headers)?;
    let bytes = read(headers, body, limits).await?;
    if bytes.is_empty() { Ok(Document::default()) } else { json::parse_object(&bytes) }
}

/// Reads a whole body.
///
/// # Errors
/// [`Code::BodyTooLarge`], at once when `Content-Length` announces it; [`Code::UnsupportedMediaType`] for a compressed
/// body; [`Code::RequestTimeout`] when it takes longer than the deadline; [`Code::Malformed`] when the connection or
/// the chunked coding breaks.
pub async fn read(headers: &HeaderMap, body: Body, limits: BodyLimits) -> Result<Bytes, Fault> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    require_identity(headers)?;
    if body.size_hint().lower() > limits.bytes_max as u64 {
        return Err(too_large(limits));
    }
    match tokio::time::timeout(limits.deadline, collect(body, limits)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Fault::new(
            Code::RequestTimeout,
            format!(
                "The body did not arrive within {} seconds. Please send it again.",
                limits.deadline.as_secs_f32()
            ),
        )),
    }
}

/// Most bodies arrive in one piece, which is handed on without a copy.
async fn collect(mut body: Body, limits: BodyLimits) -> Result<Bytes, Fault> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Fault::malformed("The body broke off before its end. Please send it again.").caused_by(error)
        })?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + rest.len() + data.len() > limits.bytes_max {
            return Err(too_large(limits));
        }
        if first.is_empty() {
            first = data;
        } else {
            rest.extend_from_slice(&data);
        }
    }
    if rest.is_empty() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(first.len() + rest.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&rest);
    Ok(whole.freeze())
}

/// `application/json`, any `+json`, with any parameters, or nothing said at all.
fn require_json(headers: &HeaderMap) -> Result<(), Fault> {
    let Some(content_type) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    if is_json(content_type) {
        return Ok(());
    }
    Err(Fault::new(
        Code::UnsupportedMediaType,
        "The body must be JSON: send the header Content-Type: application/json \
         (with curl: -H 'Content-Type: application/json').",
    ))
}

fn is_json(content_type: &HeaderValue) -> bool {
    let bytes = content_type.as_bytes();
    if bytes == b"application/json" {
        return true;
    }
    let essence = bytes.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
    let suffix = essence.len().checked_sub(5).map(|from| &essence[from..]);
    essence.eq_ignore_ascii_case(b"application/json")
        || suffix.is_some_and(|end| end.eq_ignore_ascii_case(b"+json"))
}

/// Nothing is ever decompressed: a small body must not become a large one.
fn require_identity(headers: &HeaderMap) -> Result<(), Fault> {
    match headers.get(header::CONTENT_ENCODING) {
        None => Ok(()),
        Some(coding) if coding.as_bytes().eq_ignore_ascii_case(b"identity") => Ok(()),
        Some(_) => Err(Fault::new(
            Code::UnsupportedMediaType,
            "A compressed body is not accepted: send it without Content-Encoding.",
        )),
    }
}

fn too_large(limits: BodyLimits) -> Fault {
    Fault::new(
        Code::BodyTooLarge,
        format!("The body is larger than the {} bytes allowed here.", limits.bytes_max),
    )
}

#[cfg(test)]
mod tests;
