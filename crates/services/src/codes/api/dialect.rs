//! The published error shape: `{"error":{"code":"…","message":"…"}}`.

use base::{Code, Fault, FieldError};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use web::{Dialect, ErrorContext, Rendered};

use crate::codes::command::product;

pub(super) const DIALECT: Dialect = Dialect { name: "codes", render };

/// The field whose absence has an error of its own.
pub(super) const TOKEN: &str = "token";
const VERIFY_PATH: &str = "/api/v1/verify";
const MINT_PATH: &str = "/api/v1/batches";

/// An error of this API.
#[derive(Serialize, ToSchema)]
#[schema(as = CodesError)]
pub(super) struct ErrorBody {
    error: ErrorDetail,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CodesErrorDetail)]
pub(super) struct ErrorDetail {
    /// Stable; what a program looks at.
    #[schema(example = "invalid_request")]
    code: &'static str,
    #[schema(example = "quantity must be between 1 and 10000000")]
    message: String,
}

fn render(fault: &Fault, context: &ErrorContext<'_>) -> Rendered {
    let (status, code) = kind(fault, context);
    Rendered::json(status, &ErrorBody { error: ErrorDetail { code, message: message(fault) } })
}

/// Every wrong field by its name, and what it must be.
fn message(fault: &Fault) -> String {
    if fault.fields.is_empty() {
        return fault.detail.clone().into_owned();
    }
    let sentence = |error: &FieldError| format!("{} {}", error.field, error.message);
    fault.fields.iter().map(sentence).collect::<Vec<_>>().join("; ")
}

fn kind(fault: &Fault, context: &ErrorContext<'_>) -> (StatusCode, &'static str) {
    let is_token = fault.fields.iter().any(|error| error.field == TOKEN);
    match fault.code {
        Code::Malformed => (StatusCode::BAD_REQUEST, "invalid_body"),
        Code::Invalid if is_token && context.path == VERIFY_PATH => {
            (StatusCode::BAD_REQUEST, "missing_token")
        }
        Code::Invalid => (StatusCode::BAD_REQUEST, "invalid_request"),
        Code::CredentialMissing | Code::CredentialInvalid | Code::CredentialExpired => {
            (StatusCode::UNAUTHORIZED, "unauthorized")
        }
        Code::InsufficientCredits => (StatusCode::PAYMENT_REQUIRED, "insufficient_credits"),
        Code::ScopeMissing | Code::OriginDenied => (StatusCode::FORBIDDEN, "insufficient_scope"),
        Code::TenantInactive => (StatusCode::FORBIDDEN, "org_not_approved"),
        Code::NotFound if fault.detail == product::NOT_FOUND => (StatusCode::NOT_FOUND, "product_not_found"),
        Code::NotFound => (StatusCode::NOT_FOUND, "not_found"),
        Code::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
        Code::RequestTimeout => (StatusCode::REQUEST_TIMEOUT, "request_timeout"),
        Code::Conflict | Code::AlreadyExists => (StatusCode::CONFLICT, "conflict"),
        Code::RequestInProgress => (StatusCode::CONFLICT, "request_in_progress"),
        Code::IdempotencyMismatch => (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused"),
        Code::IdempotencyExpired => (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_expired"),
        Code::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
        Code::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
        Code::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
        // Published for a mint that failed: nothing was charged.
        Code::Internal if context.path == MINT_PATH => {
            (StatusCode::INTERNAL_SERVER_ERROR, "generation_failed")
        }
        Code::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
        Code::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    }
}
