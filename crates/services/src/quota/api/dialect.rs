//! The error shape of quota: `{"error":"<title>","message":"…"}`, titles as published.

use base::{Code, Fault};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use web::{Dialect, ErrorContext, Rendered};

pub(super) const DIALECT: Dialect = Dialect { name: "quota", render };

/// An error of this API.
#[derive(Serialize, ToSchema)]
#[schema(as = QuotaError)]
pub(super) struct ErrorBody<'a> {
    /// A fixed title.
    #[schema(example = "Invalid Token")]
    pub(super) error: &'a str,
    /// What to do about it.
    #[schema(example = "The provided token does not exist or has been revoked")]
    pub(super) message: &'a str,
}

fn render(fault: &Fault, _: &ErrorContext<'_>) -> Rendered {
    let (status, body) = said(fault);
    Rendered::json(status, &body)
}

/// How a fault is said, as an answer or as one result of a bulk call.
pub(super) fn said(fault: &Fault) -> (StatusCode, ErrorBody<'_>) {
    let (status, title) = title(fault.code);
    let is_about_token = fault.fields.first().is_some_and(|field| field.field.starts_with("token"));
    let error = if fault.code == Code::AlreadyExists && is_about_token { "Token Exists" } else { title };
    (status, ErrorBody { error, message: message(fault) })
}

/// The published sentence for a token that is not one; our own words elsewhere.
fn message(fault: &Fault) -> &str {
    match fault.code {
        Code::CredentialInvalid => "The provided token does not exist or has been revoked",
        _ => &fault.detail,
    }
}

const fn title(code: Code) -> (StatusCode, &'static str) {
    match code {
        Code::Malformed | Code::Invalid => (StatusCode::BAD_REQUEST, "Invalid Request"),
        Code::CredentialMissing => (StatusCode::UNAUTHORIZED, "Missing Token"),
        Code::CredentialInvalid => (StatusCode::FORBIDDEN, "Invalid Token"),
        Code::CredentialExpired => (StatusCode::FORBIDDEN, "Token Expired"),
        Code::InsufficientCredits | Code::TenantInactive => {
            (StatusCode::FORBIDDEN, "Quota Exceeded or Banned")
        }
        Code::ScopeMissing | Code::OriginDenied => (StatusCode::FORBIDDEN, "Forbidden"),
        Code::NotFound => (StatusCode::NOT_FOUND, "Not Found"),
        Code::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"),
        Code::RequestTimeout => (StatusCode::REQUEST_TIMEOUT, "Request Timeout"),
        Code::Conflict => (StatusCode::CONFLICT, "Conflict"),
        Code::AlreadyExists => (StatusCode::CONFLICT, "Already Exists"),
        Code::IdempotencyMismatch | Code::IdempotencyExpired => {
            (StatusCode::CONFLICT, "Idempotency Conflict")
        }
        Code::RequestInProgress => (StatusCode::CONFLICT, "Request In Progress"),
        Code::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Request Too Large"),
        Code::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported Media Type"),
        Code::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "Too Many Requests"),
        Code::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "Server Error"),
        Code::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
    }
}
