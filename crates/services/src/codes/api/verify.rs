use axum::extract::State;
use axum::response::Response;
use base::{Fault, Timestamp};
use http::StatusCode;
use kernel::spine::Scope;
use serde::Serialize;
use utoipa::ToSchema;
use web::json::Value;
use web::{Caller, Failure, Json, reply};

use super::dialect::{ErrorBody, TOKEN};
use crate::codes::Codes;
use crate::codes::command;
use crate::codes::command::look::{Genuine, look_as};

#[derive(ToSchema)]
#[schema(as = CodesVerify)]
#[expect(dead_code, reason = "the document's view of a body that is read field by field")]
struct VerifyBody {
    /// As it was scanned or typed: capitals do not matter, O is read as 0, I and L as 1.
    #[schema(example = "13MKARCQ3FZNKGKVZ22V")]
    token: String,
}

/// The verdict on a token. All fields from `product` on are there only for a genuine one.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CodesVerdict)]
pub(super) struct Verdict<'a> {
    #[schema(example = true)]
    valid: bool,
    /// `genuine` or `counterfeit`.
    #[schema(example = "genuine")]
    status: &'static str,
    /// As it was sent.
    #[schema(example = "13MKARCQ3FZNKGKVZ22V")]
    token: &'a str,
    #[serde(flatten)]
    genuine: Option<GenuineBody<'a>>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CodesGenuine)]
pub(super) struct GenuineBody<'a> {
    #[schema(example = "Premium Cooking Oil 5L")]
    product: &'a str,
    #[schema(example = "Acme Foods Ltd")]
    org: &'a str,
    #[schema(example = "EXP24-000001")]
    serial: String,
    /// `ACTIVE`, `INACTIVE`, `RECALLED`, `STOLEN` or `CONSUMED`.
    #[schema(example = "ACTIVE")]
    qr_status: &'static str,
    /// How often shoppers scanned it; this call is none.
    #[schema(example = 3)]
    scan_count: i64,
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-05-02T10:14:00.000Z")]
    first_scanned_at: Option<Timestamp>,
    /// `green`, `amber` or `red`.
    #[schema(example = "green")]
    risk_level: &'static str,
}

impl<'a> Verdict<'a> {
    fn of(token: &'a str, found: Option<&'a Genuine>) -> Self {
        let genuine = found.map(|code| GenuineBody {
            product: &code.product,
            org: &code.org,
            serial: code.serial(),
            qr_status: code.condition.name(),
            scan_count: code.scans,
            first_scanned_at: code.first_at,
            risk_level: code.band.name(),
        });
        let status = if genuine.is_some() { "genuine" } else { "counterfeit" };
        Self { valid: genuine.is_some(), status, token, genuine }
    }
}

/// `POST /api/v1/verify`: whether a token is genuine, and how its code is. Records no scan. Free.
#[utoipa::path(
    post,
    path = "/api/v1/verify",
    summary = "Verify a token",
    description = "A token that is unknown, malformed, tampered with, another organization's or of the other environment \
                   is `counterfeit`, always in the same words.",
    security(("key" = ["verify"])),
    request_body = VerifyBody,
    responses(
        (status = 200, description = "The verdict.", body = Verdict<'static>),
        (status = 400, description = "`missing_token` or `invalid_body`.", body = ErrorBody),
        (status = 401, description = "`unauthorized`.", body = ErrorBody),
        (status = 403, description = "`org_not_approved` or `insufficient_scope`.", body = ErrorBody),
        (status = 413, description = "`body_too_large`.", body = ErrorBody),
        (status = 415, description = "`unsupported_media_type`.", body = ErrorBody),
        (status = 429, description = "`rate_limited`.", body = ErrorBody),
        (status = 503, description = "`unavailable`.", body = ErrorBody),
    ),
)]
pub(super) async fn verify(
    State(codes): State<Codes>,
    caller: Caller,
    Json(document): Json,
) -> Result<Response, Failure> {
    caller.caller.ensure_scope(Scope::Key(command::VERIFY))?;
    let token = match document.get(TOKEN) {
        Some(Value::String(token)) if !token.is_empty() => token.clone(),
        _ => return Err(Fault::invalid(TOKEN, "is required: send {\"token\":\"…\"}").into()),
    };
    let owner = (caller.caller.tenant_id, caller.caller.environment);
    let (keys, now) = (codes.keys().clone(), codes.kernel().clock.now());
    let asked = token.clone();
    let read = move |tx: &mut db::Tx<'_>| look_as(tx, &keys, owner, &asked, now);
    let found = codes.kernel().db.read(read).await?;
    Ok(reply::json(StatusCode::OK, &Verdict::of(&token, found.as_ref())))
}
