//! The published error shape: `{"status":"failed","code":"…","message":"…","errors":[…]}`.

use base::{Code, Fault, FieldError};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use web::{Dialect, ErrorContext, Rendered};

pub(super) const DIALECT: Dialect = Dialect { name: "citizen", render };

/// An error of this API.
#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
pub(super) struct ErrorBody {
    #[schema(example = "failed")]
    pub(super) status: &'static str,
    /// Stable; what a program looks at.
    #[schema(example = "BAD_REQUEST")]
    pub(super) code: &'static str,
    #[schema(example = "Validation failed")]
    pub(super) message: String,
    /// Every field that is wrong; only when fields are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(super) errors: Vec<ErrorField>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ErrorField {
    #[schema(example = "nationalId")]
    pub(super) field: String,
    #[schema(example = "National ID must be exactly 11 digits")]
    pub(super) message: String,
}

fn render(fault: &Fault, _: &ErrorContext<'_>) -> Rendered {
    let (status, code) = kind(fault.code);
    let errors: Vec<ErrorField> = fault.fields.iter().map(field).collect();
    Rendered::json(status, &ErrorBody { status: "failed", code, message: message(fault), errors })
}

fn message(fault: &Fault) -> String {
    match fault.code {
        Code::Invalid => "Validation failed".to_owned(),
        Code::MethodNotAllowed => "Method not allowed".to_owned(),
        _ => fault.detail.clone().into_owned(),
    }
}

/// A message that begins in lower case goes on from the field's name: `limit must be between 1 and 100`.
fn field(error: &FieldError) -> ErrorField {
    let (field, message) = (&error.field, &error.message);
    let goes_on = message.starts_with(|first: char| first.is_ascii_lowercase());
    let message = if goes_on { format!("{field} {message}") } else { message.clone().into_owned() };
    ErrorField { field: field.clone().into_owned(), message }
}

const fn kind(code: Code) -> (StatusCode, &'static str) {
    match code {
        Code::Malformed | Code::Invalid => (StatusCode::BAD_REQUEST, "BAD_REQUEST"),
        Code::CredentialMissing | Code::CredentialInvalid | Code::CredentialExpired => {
            (StatusCode::UNAUTHORIZED, "UNAUTHORIZED")
        }
        Code::InsufficientCredits => (StatusCode::PAYMENT_REQUIRED, "INSUFFICIENT_CREDITS"),
        Code::ScopeMissing | Code::OriginDenied | Code::TenantInactive => {
            (StatusCode::FORBIDDEN, "FORBIDDEN")
        }
        Code::NotFound => (StatusCode::NOT_FOUND, "NOT_FOUND"),
        Code::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED"),
        Code::RequestTimeout => (StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT"),
        Code::Conflict | Code::AlreadyExists | Code::IdempotencyMismatch | Code::IdempotencyExpired => {
            (StatusCode::CONFLICT, "CONFLICT")
        }
        Code::RequestInProgress => (StatusCode::CONFLICT, "REQUEST_IN_PROGRESS"),
        Code::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE"),
        Code::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE"),
        Code::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED"),
        Code::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR"),
        Code::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "SERVICE_UNAVAILABLE"),
    }
}
