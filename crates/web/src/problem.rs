//! The default dialect: problem details, `application/problem+json` (RFC 9457).

use axum::routing::get;
use base::{Code, Fault, FieldError};
use http::Method;
use serde::Serialize;
use utoipa::ToSchema;

use crate::dialect::{Dialect, ErrorContext, Rendered, status};
use crate::reply;
use crate::site::Site;

/// What answers where no service's own shape is published.
pub const DIALECT: Dialect = Dialect { name: "problem", render };

/// The body of an error.
#[derive(Serialize, ToSchema, Debug)]
pub struct Problem {
    /// Names the kind of problem: `/errors/` and the code, a page of this server that explains it.
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
    /// The parameter of the query, where a request has no body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
}

/// What is said about each kind of failure.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Stable; what a program looks at.
    pub name: &'static str,
    pub title: &'static str,
    pub meaning: &'static str,
    /// What the caller should do.
    pub remedy: &'static str,
}

const fn described(
    name: &'static str,
    title: &'static str,
    meaning: &'static str,
    remedy: &'static str,
) -> Kind {
    Kind { name, title, meaning, remedy }
}

/// The one table of kinds.
#[must_use]
#[rustfmt::skip]
pub const fn kind(code: Code) -> Kind {
    match code {
        Code::Malformed => described("malformed_request", "The request cannot be read",
            "The body, the query or a header is not in its format at all, such as broken JSON.",
            "Read `detail`, correct the request and send it again."),
        Code::Invalid => described("invalid_request", "A field is wrong",
            "The request can be read, and a field of it is missing, out of its range or of the wrong type.",
            "Read `errors`: each names a field or header and says what it must be."),
        Code::CredentialMissing => described("credential_missing", "No credential was sent",
            "This route needs a key, and the request had none.",
            "Send your key in the header `Authorization: Bearer <key>`."),
        Code::CredentialInvalid => described("credential_invalid", "The credential is not valid",
            "The key is mistyped, unknown, revoked, or of another service.",
            "Check which key you send. If it was revoked, use its successor or create a new one."),
        Code::CredentialExpired => described("credential_expired", "The credential has expired",
            "The key was made with an end date, which has passed.",
            "Create a new key."),
        Code::InsufficientCredits => described("insufficient_credits", "Not enough credits",
            "The wallet or account cannot pay for this call, or it is banned. Nothing was charged.",
            "Top it up, or ask whoever manages it."),
        Code::ScopeMissing => described("insufficient_scope", "The key lacks a scope",
            "The key is good, and it was not given the permission that `detail` names.",
            "Use a key with that scope, or create one."),
        Code::OriginDenied => described("origin_denied", "The key may not be used from this origin",
            "The key is restricted to certain origins or addresses, and the request came from another.",
            "Call from an allowed one, or change what the key allows."),
        Code::TenantInactive => described("tenant_inactive", "The tenant is not active",
            "The account that the key belongs to is suspended, closed, or not on a plan that allows this.",
            "Contact the operator of this server."),
        Code::NotFound => described("not_found", "Not found",
            "There is no such route or object, or it is not yours: both are answered alike.",
            "Check the path and the id, and that the key is of the same environment, test or live."),
        Code::MethodNotAllowed => described("method_not_allowed", "The method is not allowed here",
            "The path exists, and not with this method.",
            "Use one of the methods in the header `Allow`."),
        Code::RequestTimeout => described("request_timeout", "The request took too long to arrive",
            "The body did not arrive in time. Nothing was done.",
            "Send the request again, over a faster connection or with a smaller body."),
        Code::Conflict => described("conflict", "The current state does not allow this",
            "The object is in a state in which this cannot be done.",
            "Read `detail` and the object, and decide anew."),
        Code::AlreadyExists => described("already_exists", "It exists already",
            "Something with this name or reference is there already.",
            "Use the one that is there, or choose another name."),
        Code::IdempotencyMismatch => described("idempotency_key_reused", "The Idempotency-Key was used for another request",
            "Within the last 24 hours the same `Idempotency-Key` came with another method, path or body.",
            "Send a new key for a new request, and the same key only with the same request."),
        Code::IdempotencyExpired => described("idempotency_expired", "The Idempotency-Key is too old",
            "A request with the same `Idempotency-Key` was done more than 24 hours ago, and its answer is not kept any more.",
            "Look up what that request did, and send a new key for a new request."),
        Code::RequestInProgress => described("request_in_progress", "The same request is still in progress",
            "A request with the same `Idempotency-Key` has not ended yet.",
            "Wait as long as `Retry-After` says, and retry with the same key."),
        Code::BodyTooLarge => described("body_too_large", "The body is too large",
            "The body has more bytes than this route takes.",
            "Send less, in several requests if need be."),
        Code::UnsupportedMediaType => described("unsupported_media_type", "The content type is not supported",
            "The body is declared as something that this route does not read.",
            "Send JSON, with `Content-Type: application/json`."),
        Code::RateLimited => described("rate_limited", "Too many requests",
            "The key has used up its requests for the moment. A refused request uses nothing up.",
            "Wait as long as `Retry-After` says; the field `RateLimit` of every answer says what is left."),
        Code::Internal => described("internal_error", "Something went wrong on our side",
            "A mistake of the server. Its log has the reason under the `request_id`.",
            "Try again, with the same `Idempotency-Key` if you sent one. If it lasts, tell the operator the `request_id`."),
        Code::Unavailable => described("unavailable", "Not available right now",
            "The server is full, restarting, out of space, or without its database. `detail` says whether anything was changed.",
            "Retry after as long as `Retry-After` says, with the same `Idempotency-Key` if you sent one."),
    }
}

/// Adds a page for each kind, at the address that `type` names.
///
/// # Panics
/// When another page has such a path.
pub fn pages(site: Site) -> Site {
    Code::ALL.iter().fold(site, |site, &code| {
        let page = page(kind(code));
        site.page(&address(code), get(move || async move { reply::text("text/plain; charset=utf-8", page) }))
    })
}

fn page(kind: Kind) -> String {
    let Kind { name, title, meaning, remedy } = kind;
    format!("{title}\n\nCode: {name}\n\nWhat it means: {meaning}\n\nWhat to do: {remedy}\n")
}

fn address(code: Code) -> String {
    format!("/errors/{}", kind(code).name)
}

fn render(fault: &Fault, context: &ErrorContext<'_>) -> Rendered {
    let Kind { name: code, title, .. } = kind(fault.code);
    let status = status(fault.code);
    let request_id = context.request_id.text();
    let problem = Problem {
        kind: address(fault.code),
        title,
        status: status.as_u16(),
        detail: fault.detail.clone().into_owned(),
        instance: format!("urn:attestry:{request_id}"),
        code,
        request_id,
        errors: fault.fields.iter().map(|error| field(error, context.method)).collect(),
    };
    Rendered { content_type: "application/problem+json", ..Rendered::json(status, &problem) }
}

fn field(error: &FieldError, method: &Method) -> ProblemField {
    let detail = error.message.clone().into_owned();
    let name = error.field.clone().into_owned();
    let nowhere = ProblemField { detail, pointer: None, header: None, parameter: None };
    if is_header(&name) {
        ProblemField { header: Some(name), ..nowhere }
    } else if matches!(*method, Method::GET | Method::HEAD | Method::DELETE) {
        ProblemField { parameter: Some(name), ..nowhere }
    } else {
        ProblemField { pointer: Some(pointer(&name)), ..nowhere }
    }
}

/// Fields of bodies are lower case in every contract; headers are written `Idempotency-Key`.
fn is_header(field: &str) -> bool {
    field.starts_with(|first: char| first.is_ascii_uppercase()) && field.contains('-')
}

/// `items.0.count` becomes `#/items/0/count` (RFC 6901 §3 and §6), and `settings[a.b]` becomes `#/settings/a.b`.
fn pointer(field: &str) -> String {
    let escaped = field.replace('~', "~0").replace('/', "~1");
    match escaped.strip_suffix(']').and_then(|open| open.split_once('[')) {
        Some((outer, key)) => format!("#/{}/{key}", outer.replace('.', "/")),
        None => format!("#/{}", escaped.replace('.', "/")),
    }
}

#[cfg(test)]
mod tests {
    use base::id::RequestId;

    use super::*;

    fn rendered(fault: &Fault) -> (Rendered, serde_json::Value) {
        rendered_for(&Method::POST, fault)
    }

    fn rendered_for(method: &Method, fault: &Fault) -> (Rendered, serde_json::Value) {
        let context = ErrorContext {
            request_id: RequestId::from_bits(7),
            method,
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

    #[tokio::test]
    async fn every_type_is_the_address_of_a_page_that_says_what_to_do() {
        use crate::testing::{ask, bytes, request_ids};
        let edge = pages(Site::new()).edge(request_ids(), crate::EdgeSettings::default());
        for &code in Code::ALL {
            let (_, body) = rendered(&Fault::new(code, "What to do."));
            let answer = ask(&edge, "GET", body["type"].as_str().unwrap()).await;
            assert_eq!(answer.status(), 200, "{code:?}");
            assert_eq!(answer.headers()[http::header::CONTENT_TYPE], "text/plain; charset=utf-8");
            let page = String::from_utf8(bytes(answer).await.to_vec()).unwrap();
            let Kind { name, title, meaning, remedy } = kind(code);
            for part in [name, title, meaning, remedy] {
                assert!(page.contains(part), "{page}");
            }
        }
    }

    #[test]
    fn wrong_fields_are_pointed_at() {
        let (_, body) = rendered(&Fault::invalid("items.0.count", "must be between 1 and 9"));
        assert_eq!(
            body["errors"],
            serde_json::json!([{ "detail": "must be between 1 and 9", "pointer": "#/items/0/count" }])
        );
        for (field, pointer) in [
            ("settings[wallet.low]", "#/settings/wallet.low"),
            ("settings[a/b~c[0]]", "#/settings/a~1b~0c[0]"),
            ("settings[", "#/settings["),
        ] {
            let (_, body) = rendered(&Fault::invalid(field, "is no setting"));
            assert_eq!(body["errors"][0]["pointer"], pointer);
        }
        let (_, body) = rendered(&Fault::invalid("Idempotency-Key", "is required"));
        assert_eq!(
            body["errors"],
            serde_json::json!([{ "detail": "is required", "header": "Idempotency-Key" }])
        );
        let (_, body) = rendered_for(&Method::GET, &Fault::invalid("limit", "must be 1 to 100"));
        assert_eq!(
            body["errors"],
            serde_json::json!([{ "detail": "must be 1 to 100", "parameter": "limit" }])
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
