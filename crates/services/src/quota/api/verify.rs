use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, RawQuery, Request, State};
use axum::response::Response;
use base::{Code, Fault};
use http::{HeaderMap, StatusCode};
use kernel::idempotency::KEY_LENGTH;
use serde::Serialize;
use utoipa::ToSchema;
use web::body::{BodyLimits, read_json};
use web::caller::{bearer, idempotency_key};
use web::{Failure, RequestMeta, reply};

use super::dialect::ErrorBody;
use crate::quota::flush::Ask;
use crate::quota::index::Entry;
use crate::quota::model::{COUNT_MAX, Verdict};
use crate::quota::{Quota, VERIFY_SCOPE};

/// The token may pass.
#[derive(Serialize, ToSchema)]
#[schema(as = QuotaVerified)]
pub(super) struct Verified {
    #[schema(example = "ok")]
    status: &'static str,
    /// A constant.
    #[schema(example = "check-admin")]
    remaining: &'static str,
    /// Points left after this call; for a dry run, left now.
    #[schema(example = 997_768)]
    balance: i64,
    /// Unix milliseconds.
    #[schema(example = 1_735_516_800_000_i64)]
    expires_at: Option<i64>,
}

/// What may be sent; an empty body means `{}`.
#[derive(ToSchema)]
#[schema(as = QuotaVerify)]
#[expect(dead_code, reason = "the document's view of a body that is read field by field")]
pub(super) struct VerifyBody {
    /// The consumption multiplier.
    #[schema(minimum = 1, maximum = 1_000_000, default = 1)]
    count: Option<i64>,
}

/// `POST /v1/verify`: lets one call of a token pass and charges it `count` × the token's points. A 200 is on disk.
#[utoipa::path(
    post,
    path = "/v1/verify",
    summary = "Verify a token and charge its account",
    description = "A 200 means that the deduction is on disk. Every call deducts unless `dry_run` is set. An \
                   `Idempotency-Key` counts only where the token's account was created with `\"idempotency\": true`.",
    security(("token" = [])),
    params(("dry_run" = Option<bool>, Query, description = "Validate only: the same answer, no deduction. `true`, `false`, `1` or `0`.")),
    request_body(content = Option<VerifyBody>),
    responses(
        (status = 200, description = "The call may pass.", body = Verified),
        (status = 400, description = "`Invalid Request`: nothing was charged.", body = ErrorBody<'static>),
        (status = 401, description = "`Missing Token`.", body = ErrorBody<'static>),
        (status = 403, description = "`Invalid Token`, `Token Expired`, or `Quota Exceeded or Banned`.", body = ErrorBody<'static>),
        (status = 409, description = "`Idempotency Conflict`: the key came with another count.", body = ErrorBody<'static>),
        (status = 413, description = "`Request Too Large`.", body = ErrorBody<'static>),
        (status = 415, description = "`Unsupported Media Type`.", body = ErrorBody<'static>),
        (status = 503, description = "`Service Unavailable`: retry later.", body = ErrorBody<'static>),
    ),
)]
pub(super) async fn verify(
    State(quota): State<Quota>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, Failure> {
    let (mut parts, body) = request.into_parts();
    let meta = RequestMeta::from_request_parts(&mut parts, &()).await?;
    let token = quota.index().find(quota.kernel(), bearer(&parts.headers)?).await?;
    let ask = match read_ask(&token, &meta, query.as_deref(), &parts.headers, body).await {
        Ok(ask) => ask,
        // The credential is judged before the body, and a dead token learns nothing about its body.
        Err(fault) => return Err(refusal_of_credential(token, &meta).await?.unwrap_or(fault).into()),
    };
    let verdict = token.lane.ask(ask).await?;
    let verified = Verified::of(verdict).ok_or_else(|| refuse(verdict))?;
    Ok(reply::json(StatusCode::OK, &verified))
}

impl Verified {
    /// What a call that may pass is told.
    pub(super) fn of(verdict: Verdict) -> Option<Self> {
        let Verdict::Passed { balance, expires_at } = verdict else { return None };
        let expires_at = expires_at.map(base::Timestamp::millis);
        Some(Self { status: "ok", remaining: "check-admin", balance, expires_at })
    }
}

async fn read_ask(
    token: &Arc<Entry>,
    meta: &RequestMeta,
    query: Option<&str>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Ask, Fault> {
    let is_dry_run = dry_run(query.unwrap_or_default())?;
    let limits = BodyLimits { deadline: meta.body_deadline, ..BodyLimits::default() };
    let document = read_json(headers, body, limits).await?;
    let count = document.integer_or("count", 1..=COUNT_MAX, 1)?;
    // End-users' headers are passed through: elsewhere a pinned key would mean never to pay.
    let idempotency_key = if token.is_idempotent { idempotency_key(headers, &KEY_LENGTH)? } else { None };
    Ok(Ask {
        token: Arc::clone(token),
        count,
        is_dry_run,
        idempotency_key,
        request_id: meta.request_id,
        key_id: None,
    })
}

/// Asks in vain, and tells whether the token, its account or its tenant is why.
async fn refusal_of_credential(token: Arc<Entry>, meta: &RequestMeta) -> Result<Option<Fault>, Fault> {
    let lane = Arc::clone(&token.lane);
    let ask = Ask {
        token,
        count: 1,
        is_dry_run: true,
        idempotency_key: None,
        request_id: meta.request_id,
        key_id: None,
    };
    Ok(match lane.ask(ask).await? {
        refusal @ (Verdict::Revoked | Verdict::Expired | Verdict::Banned) => Some(refuse(refusal)),
        Verdict::Passed { .. } | Verdict::Exceeded | Verdict::KeyReused | Verdict::CallerRefused(_) => None,
    })
}

/// The refusal of a verdict that is none to pass.
pub(super) fn refuse(verdict: Verdict) -> Fault {
    match verdict {
        Verdict::Revoked => kernel::keys::invalid(),
        Verdict::Expired => Fault::new(Code::CredentialExpired, "The provided token has expired"),
        Verdict::Exceeded => Fault::new(
            Code::InsufficientCredits,
            "The balance is below the cost of this call. Top up the account.",
        ),
        Verdict::Banned => Fault::new(Code::InsufficientCredits, "The account is banned."),
        Verdict::KeyReused => kernel::idempotency::mismatch(),
        Verdict::CallerRefused(Code::CredentialExpired) => kernel::keys::expired(),
        Verdict::CallerRefused(Code::TenantInactive) => kernel::tenancy::inactive(),
        Verdict::CallerRefused(Code::ScopeMissing) => kernel::spine::scope_missing(VERIFY_SCOPE),
        Verdict::CallerRefused(_) => kernel::keys::invalid(),
        Verdict::Passed { .. } => Fault::internal("a call that passed is no refusal"),
    }
}

fn dry_run(query: &str) -> Result<bool, Fault> {
    let wrong = || Fault::invalid("dry_run", "must be true, false, 1 or 0, and be given once");
    let mut values = query
        .split('&')
        .filter_map(|pair| pair.split_once('=').or(Some((pair, ""))))
        .filter(|(name, _)| decoded(name) == b"dry_run")
        .map(|(_, value)| decoded(value));
    let Some(value) = values.next() else { return Ok(false) };
    if values.next().is_some() {
        return Err(wrong());
    }
    match value.as_slice() {
        b"1" => Ok(true),
        b"0" => Ok(false),
        _ if value.eq_ignore_ascii_case(b"true") => Ok(true),
        _ if value.eq_ignore_ascii_case(b"false") => Ok(false),
        _ => Err(wrong()),
    }
}

/// `%XX` as its byte (RFC 3986 §2.1): a caller that encodes too much must not be charged for a dry run.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digit = |position: usize| char::from(*after.get(position)?).to_digit(16);
        rest = after;
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).expect("two hexadecimal digits are a byte"));
                rest = &after[2..];
            }
            _ => bytes.push(first),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dry_run_is_read_in_any_case_and_refused_otherwise() {
        for (query, expected) in [
            ("", Some(false)),
            ("x=1&y", Some(false)),
            ("dry_run=true", Some(true)),
            ("dry_run=TRUE&x=2", Some(true)),
            ("dry_run=1", Some(true)),
            ("dry_run=0", Some(false)),
            ("dry_run=False", Some(false)),
            ("dry_run=", None),
            ("dry_run", None),
            ("dry_run=yes", None),
            ("dry_run=true&dry_run=false", None),
            ("dry%5Frun=%74rue", Some(true)),
            ("dry_run=1&dry%5frun=0", None),
            ("dry_run=%", None),
            ("dry_run=%+1", None),
            ("%=1&%5&dry_run=0", Some(false)),
        ] {
            assert_eq!(dry_run(query).ok(), expected, "{query}");
        }
    }
}
