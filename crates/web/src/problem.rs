//! The default dialect: problem details, `application/problem+json` (RFC 9457).

use base::{Code, Fault, FieldError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::dialect::{Dialect, ErrorContext, Rendered, status};

/// What answers where no service's own shape is published.
pub const DIALECT: Dialect = Dialect { name: "problem", render };

/// The body of an error.
#[derive(Serialize, ToSchema, Debug)]
pub struct Problem {
    /// Names the kind of problem: `/errors/` and the code, a URI reference relative to this server.
    #[serde(rename = "type")]
    #[schema(example = "/errors/not_found")]
    pub kind: String,
    /// The same for every problem of this kind.
    #[schema(example = "Not found")]
    pub title: &'static str,
    /// The HTTP status.
    #[schema(example = 404)]
    pub status: u16,
    /// What happened here, and what to do about it.
    #[schema(example = "There is no such account.")]
    pub detail: String,
    /// This occurrence: `urn:attestry:` and the request id.
    #[schema(example = "urn:attestry:req_01jd7rqk3sf0x8e5v6y2wz9abc")]
    pub instance: String,
    /// Stable; what a program should look at.
    #[schema(example = "not_found")]
    pub code: &'static str,
    /// As in the header `X-Request-Id`.
    #[schema(example = "req_01jd7rqk3sf0x8e5v6y2wz9abc")]
    pub request_id: String,
    /// Every field that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProblemField>,
}

/// One field that is wrong.
#[derive(Serialize, ToSchema, Debug)]
pub struct ProblemField {
    #[schema(example = "must be between 1 and 1000000")]
    pub detail: String,
    /// A JSON Pointer into the body, as a URI fragment.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "#/items/0/count")]
    pub pointer: Option<String>,
    /// The header, when it is not the body that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
}

/// The stable name and the title of each kind of failure.
#[must_use]
pub const fn name(code: Code) -> (&'static str, &'static str) {
    match code {
        Code::Malformed => ("malformed_request", "The request cannot be read"),
        Code::Invalid => ("invalid_request", "A field is wrong"),
        Code::CredentialMissing => ("credential_missing", "No credential was sent"),
        Code::CredentialInvalid => ("credential_invalid", "The credential is not valid"),
        Code::CredentialExpired => ("credential_expired", "The credential has expired"),
        Code::InsufficientCredits => ("insufficient_credits", "Not enough credits"),
        Code::ScopeMissing => ("insufficient_scope", "The key lacks a scope"),
        Code::OriginDenied => ("origin_denied", "The key may not be used from this origin"),
        Code::TenantInactive => ("tenant_inactive", "The tenant is not active"),
        Code::NotFound => ("not_found", "Not found"),
        Code::MethodNotAllowed => ("method_not_allowed", "The method is not allowed here"),
        Code::RequestTimeout => ("request_timeout", "The request took too long to arrive"),
        Code::Conflict => ("conflict", "The current state does not allow this"),
        Code::AlreadyExists => ("already_exists", "It exists already"),
        Code::IdempotencyMismatch => {
            ("idempotency_key_reused", "The Idempotency-Key was used for another request")
        }
        Code::RequestInProgress => ("request_in_progress", "The same request is still in progress"),
        Code::BodyTooLarge => ("body_too_large", "The body is too large"),
        Code::UnsupportedMediaType => ("unsupported_media_type", "The content type is not supported"),
        Code::RateLimited => ("rate_limited", "Too many requests"),
        Code::Internal => ("internal_error", "Something went wrong on our side"),
        Code::Unavailable => ("unavailable", "Not available right now"),
    }
}

fn render(fault: &Fault, context: &ErrorContext<'_>) -> Rendered {
    let (code, title) = name(fault.code);
    let status = status(fault.code);
    let request_id = context.request_id.text();
    let problem = Problem {
        kind: format!("/errors/{code}"),
        title,
        status: status.as_u16(),
        detail: fault.detail.clone().into_owned(),
        instance: format!("urn:attestry:{request_id}"),
        code,
        request_id,
        errors: fault.fields.iter().map(field).collect(),
    };
    Rendered { content_type: "application/problem+json", ..Rendered::json(status, &problem) }
}

fn field(error: &FieldError) -> ProblemField {
    let detail = error.message.clone().into_owned();
    if is_header(&error.field) {
        return ProblemField { detail, pointer: None, header: Some(error.field.clone().into_owned()) };
    }
    ProblemField { detail, pointer: Some(pointer(&error.field)), header: None }
}

/// Fields of bodies are lower case in every contract; headers are written `Idempotency-Key`.
fn is_header(field: &str) -> bool {
    field.starts_with(|first: char| first.is_ascii_uppercase()) && field.contains('-')
}

/// `items.0.count` becomes `#/items/0/count` (RFC 6901 §3 and §6).
fn pointer(field: &str) -> String {
    let escaped = field.replace('~', "~0").replace('/', "~1").replace('.', "/");
    format!("#/{escaped}")
}

#[cfg(test)]
mod tests {
    use base::id::RequestId;
    use http::Method;

    use super::*;

    fn rendered(fault: &Fault) -> (Rendered, serde_json::Value) {
        let context = ErrorContext {
            request_id: RequestId::from_bits(7),
            method: &Method::POST,
            path: "/platform/v1/keys",
            allow: None,
        };
        let rendered = (DIALECT.render)(fault, &context);
        let body = serde_json::from_slice(&rendered.body).unwrap();
        (rendered, body)
    }

    #[test]
    fn every_code_has_its_own_name_and_an_error_status() {
        let mut seen = std::collections::HashSet::new();
        for &code in Code::ALL {
            let (rendered, body) = rendered(&Fault::new(code, "What to do."));
            assert!(rendered.status.as_u16() >= 400, "{code:?}");
            assert_eq!(rendered.content_type, "application/problem+json");
            assert_eq!(body["status"], rendered.status.as_u16());
            assert_eq!(body["detail"], "What to do.");
            assert!(body.get("errors").is_none(), "no field is wrong in {body}");
            assert!(seen.insert(body["code"].as_str().unwrap().to_owned()), "{body}");
            assert_eq!(body["type"], format!("/errors/{}", body["code"].as_str().unwrap()));
        }
    }

    #[test]
    fn wrong_fields_are_pointed_at() {
        let (_, body) = rendered(&Fault::invalid("items.0.count", "must be between 1 and 9"));
        assert_eq!(
            body["errors"],
            serde_json::json!([{ "detail": "must be between 1 and 9", "pointer": "#/items/0/count" }])
        );
        let (_, body) = rendered(&Fault::invalid("Idempotency-Key", "is required"));
        assert_eq!(
            body["errors"],
            serde_json::json!([{ "detail": "is required", "header": "Idempotency-Key" }])
        );
    }

    #[test]
    fn the_cause_stays_in_the_log() {
        let (rendered, body) = rendered(&Fault::internal("disk on fire at /var/lib"));
        assert_eq!(body["request_id"], RequestId::from_bits(7).text());
        assert_eq!(body["instance"], format!("urn:attestry:{}", RequestId::from_bits(7)));
        assert!(!String::from_utf8(rendered.body).unwrap().contains("fire"));
    }
}
