use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use base::Fault;
use http::StatusCode;
use utoipa::ToSchema;
use web::json::{Document, Value, both, inside, item_object};
use web::{Caller, Failure, Json};

use super::body;
use super::dialect::ErrorBody;
use crate::codes::Codes;
use crate::codes::command;
use crate::codes::command::status::{
    self, ChangedView, RANGES_MAX, SerialRange, SetStatus, TOKENS_MAX, Targets,
};
use crate::codes::risk::Condition;

/// A token is no longer than this.
const TOKEN_LENGTH_MAX: usize = 512;

/// `tokens` or `ranges`, not both.
#[derive(ToSchema)]
#[schema(as = CodesStatus)]
#[expect(dead_code, reason = "the document's view of a body that is read field by field")]
struct StatusBody {
    #[schema(min_items = 1, max_items = 1000, example = json!(["13MKARCQ3FZNKGKVZ22V"]))]
    tokens: Option<Vec<String>>,
    #[schema(min_items = 1, max_items = 100)]
    ranges: Option<Vec<RangeBody>>,
    /// `ACTIVE`, `INACTIVE`, `RECALLED`, `STOLEN` or `CONSUMED`.
    #[schema(example = "STOLEN")]
    status: String,
}

#[derive(ToSchema)]
#[schema(as = CodesSerialRange)]
#[expect(dead_code, reason = "the document's view of a body that is read field by field")]
struct RangeBody {
    #[schema(example = "EXP24-000001")]
    from: String,
    /// The last one, included.
    #[schema(example = "EXP24-000500")]
    to: String,
}

/// `POST /api/v1/codes/status`: sets the status of many codes. Free.
#[utoipa::path(
    post,
    path = "/api/v1/codes/status",
    summary = "Set the status of codes",
    description = "By their tokens, or by ranges of serial numbers, of which each costs one row however long it is. Of \
                   ranges, every number must have been minted, or nothing is changed; tokens that are not yours are \
                   listed, and the others changed. `ACTIVE` also takes back what scans made suspicious.",
    security(("key" = ["manage"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters.")),
    request_body = StatusBody,
    responses(
        (status = 200, body = ChangedView),
        (status = 400, description = "`invalid_body` or `invalid_request`.", body = ErrorBody),
        (status = 401, description = "`unauthorized`.", body = ErrorBody),
        (status = 403, description = "`org_not_approved` or `insufficient_scope`.", body = ErrorBody),
        (status = 409, description = "`request_in_progress`, or `conflict`: too many single ranges.", body = ErrorBody),
        (status = 422, description = "`idempotency_key_reused` or `idempotency_expired`.", body = ErrorBody),
        (status = 429, description = "`rate_limited`.", body = ErrorBody),
        (status = 503, description = "`unavailable`.", body = ErrorBody),
    ),
)]
pub(super) async fn set(
    State(codes): State<Codes>,
    caller: Caller,
    Json(document): Json,
) -> Result<Response, Failure> {
    let (condition, targets) = both(condition(&document), targets(&document))?;
    let call = caller.call("/api/v1/codes/status", &document);
    let input = SetStatus { targets, condition, keys: Arc::clone(codes.keys()) };
    let answer = codes.kernel().run(call, &command::SET_STATUS, input, status::set).await?;
    Ok(body::answer(StatusCode::OK, &answer.value, answer.is_replay))
}

fn condition(document: &Document) -> Result<Condition, Fault> {
    let text = document.string("status", 0..=usize::MAX)?;
    Condition::parse(text)
        .ok_or_else(|| Fault::invalid("status", "must be ACTIVE, INACTIVE, RECALLED, STOLEN or CONSUMED"))
}

fn targets(document: &Document) -> Result<Targets, Fault> {
    match (document.get("tokens"), document.get("ranges")) {
        (Some(_), None) => tokens(document.array("tokens", 1..=TOKENS_MAX)?).map(Targets::Tokens),
        (None, Some(_)) => ranges(document.array("ranges", 1..=RANGES_MAX)?).map(Targets::Ranges),
        (None, None) => Err(Fault::invalid("tokens", "or ranges must say which codes")),
        (Some(_), Some(_)) => Err(Fault::invalid("tokens", "and ranges cannot be sent together")),
    }
}

fn tokens(items: &[Value]) -> Result<Vec<String>, Fault> {
    let read = |(index, item): (usize, &Value)| match item {
        Value::String(text) if text.len() <= TOKEN_LENGTH_MAX => Ok(text.clone()),
        _ => Err(Fault::invalid(format!("tokens.{index}"), "must be a token")),
    };
    items.iter().enumerate().map(read).collect()
}

fn ranges(items: &[Value]) -> Result<Vec<SerialRange>, Fault> {
    let read = |(index, item): (usize, &Value)| {
        let range = item_object("ranges", index, item)?;
        let read = both(range.string("from", 1..=64), range.string("to", 1..=64))
            .and_then(|(from, to)| SerialRange::parse(from, to));
        read.map_err(|fault| inside(&format!("ranges.{index}"), fault))
    };
    items.iter().enumerate().map(read).collect()
}
