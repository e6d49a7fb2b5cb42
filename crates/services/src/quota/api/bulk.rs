//! The call for gateways that gather calls: many items, each judged as its single call would be.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use base::Fault;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use web::body::{BodyLimits, read_json};
use web::json::{Value, both};
use web::{Caller, Failure, reply};

use super::dialect::{self, ErrorBody};
use super::verify::{Verified, refuse};
use crate::quota::Quota;
use crate::quota::flush::{Answered, Ask, BULK_MAX};
use crate::quota::index::Entry;
use crate::quota::model::{COUNT_MAX, Verdict};

const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
const ITEMS_MAX: usize = 10_000;
/// About what a result takes as text.
const RESULT_BYTES: usize = 112;

/// Many calls at once.
#[derive(ToSchema)]
#[schema(as = QuotaVerifyMany)]
#[expect(dead_code, reason = "the document's view of a body that is read field by field")]
struct BulkBody {
    #[schema(min_items = 1, max_items = 10_000)]
    items: Vec<BulkItem>,
}

/// One call of a token.
#[derive(ToSchema)]
#[schema(as = QuotaVerifyItem, rename_all = "camelCase")]
#[expect(dead_code, reason = "the document's view of a body that is read field by field")]
struct BulkItem {
    #[schema(example = "xa_live_0123456789ABCDEFGHJKMNPQRSTVWXYZ")]
    token: String,
    /// The consumption multiplier.
    #[schema(minimum = 1, maximum = 1_000_000, default = 1)]
    count: Option<i64>,
    /// Validate only: the same result, no deduction.
    #[schema(default = false)]
    dry_run: Option<bool>,
}

/// One result for each item, in their order.
#[derive(ToSchema)]
#[schema(as = QuotaVerifiedMany)]
#[expect(dead_code, reason = "the document's view of an answer that is written by hand")]
struct BulkAnswer {
    results: Vec<BulkResult>,
}

/// What the item's own `POST /v1/verify` would have answered: the fields of a 200, or those of an error.
#[derive(ToSchema)]
#[schema(as = QuotaVerifiedItem)]
#[expect(dead_code, reason = "the document's view of an answer that is written by hand")]
struct BulkResult {
    #[schema(rename = "httpStatus", example = 200)]
    http_status: u16,
    #[schema(example = "ok")]
    status: Option<String>,
    #[schema(example = "check-admin")]
    remaining: Option<String>,
    #[schema(example = 997_768)]
    balance: Option<i64>,
    #[schema(example = 1_735_516_800_000_i64)]
    expires_at: Option<i64>,
    error: Option<String>,
    message: Option<String>,
}

/// `POST /v1/tokens/verify`: many calls of tokens at once, each charged as `POST /v1/verify` would. On disk when answered.
#[utoipa::path(
    post,
    path = "/v1/tokens/verify",
    summary = "Verify many tokens and charge their accounts",
    description = "For gateways that gather calls. Each item is decided on its own, in the order of the items, and has \
                   the answer of its own `POST /v1/verify` under `httpStatus`; what an item is refused for does not \
                   stop the others. A 200 of an item means that its deduction is on disk. A token of another tenant, \
                   or of the other environment than the key's, is an `Invalid Token`. The call is not idempotent, and \
                   an `Idempotency-Key` is ignored: every call deducts. An item with `httpStatus` 503 or 500 was not \
                   decided and may be sent again; after a 503 that says so, the outcome is unknown.",
    security(("management" = ["tokens:verify"])),
    request_body = BulkBody,
    responses(
        (status = 200, description = "Every item has its result.", body = BulkAnswer),
        (status = 400, description = "`Invalid Request`: no item was decided.", body = ErrorBody<'static>),
        (status = 413, description = "`Request Too Large`: more than 4 MiB.", body = ErrorBody<'static>),
        (status = 503, description = "`Service Unavailable`: retry later.", body = ErrorBody<'static>),
    ),
)]
pub(super) async fn verify_many(
    State(quota): State<Quota>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let limits = BodyLimits { bytes_max: BODY_BYTES_MAX, deadline: caller.meta.body_deadline };
    let document = read_json(&headers, body, limits).await?;
    let items = document.array("items", 1..=ITEMS_MAX)?;
    let mut results = Results::of(items.len());
    for (number, chunk) in items.chunks(BULK_MAX).enumerate() {
        let decided = number * BULK_MAX;
        match decide(&quota, &caller, chunk).await {
            Ok(outcomes) => outcomes.iter().for_each(|outcome| results.push(outcome)),
            Err(fault) if decided == 0 => return Err(fault.into()),
            // What was decided before stands, and must be told.
            Err(fault) => {
                tracing::error!(?fault, decided, "a bulk call was cut short");
                let undecided = Err(undecided());
                (decided..items.len()).for_each(|_| results.push(&undecided));
                break;
            }
        }
    }
    Ok(reply::json_bytes(StatusCode::OK, results.finish()))
}

/// What becomes of an item: its answer if it may pass, or what its own call would be refused with.
type Outcome = Result<Verified, Fault>;

/// Decides up to [`BULK_MAX`] items in one flush.
///
/// # Errors
/// When not one of them was decided.
async fn decide(quota: &Quota, caller: &Caller, items: &[Value]) -> Result<Vec<Outcome>, Fault> {
    let wanted: Vec<Result<Item<'_>, Fault>> = items.iter().map(Item::read).collect();
    let texts: Vec<&str> = wanted.iter().flatten().map(|item| item.token).collect();
    let mut found =
        quota.index().find_many(quota.kernel(), caller.caller.tenant_id, &texts).await?.into_iter();
    let mut asks = Vec::with_capacity(items.len());
    let mut places = Vec::with_capacity(items.len());
    for item in wanted {
        places.push(match item {
            Err(fault) => Place::Refused(fault),
            // Another tenant's token, or the other environment's, is as good as none.
            Ok(item) => {
                match found.next().flatten().filter(|token| token.environment == caller.caller.environment) {
                    None => Place::Refused(kernel::keys::invalid()),
                    Some(token) => {
                        asks.push(item.ask(token, caller));
                        Place::Asked(item.wrong)
                    }
                }
            }
        });
    }
    let answered = match asks.first().map(|ask| Arc::clone(&ask.token.lane)) {
        None => Vec::new(),
        Some(lane) => lane.ask_many(asks).await?,
    };
    let mut answered = admitted(answered)?.into_iter();
    Ok(places.into_iter().map(|place| place.outcome(&mut answered)).collect())
}

/// The answers, unless the caller was turned away or not one ask was decided: then that is the call's own error.
fn admitted(answered: Answered) -> Result<Answered, Fault> {
    let is_decided =
        |answer: &Result<Verdict, Fault>| !matches!(answer, Err(_) | Ok(Verdict::CallerRefused(_)));
    if answered.iter().any(is_decided) {
        return Ok(answered);
    }
    match answered.into_iter().next() {
        None => Ok(Vec::new()),
        Some(Ok(verdict)) => Err(refuse(verdict)),
        Some(Err(fault)) => Err(fault),
    }
}

fn undecided() -> Fault {
    Fault::unavailable("This item was not decided, and nothing was charged for it. Send it again.")
}

/// One item as it was sent.
struct Item<'a> {
    token: &'a str,
    count: i64,
    is_dry_run: bool,
    /// What the item is refused for unless its token is.
    wrong: Option<Fault>,
}

impl<'a> Item<'a> {
    /// # Errors
    /// That of an item without a token to judge.
    fn read(item: &'a Value) -> Result<Self, Fault> {
        let Value::Object(item) = item else { return Err(Fault::invalid("item", "must be an object")) };
        let token = item.string("token", 0..=usize::MAX)?;
        Ok(match both(item.integer_or("count", 1..=COUNT_MAX, 1), item.boolean_or("dryRun", false)) {
            Ok((count, is_dry_run)) => Self { token, count, is_dry_run, wrong: None },
            // The token is judged first, so that a dead one learns nothing about its item: ask in vain.
            Err(fault) => Self { token, count: 1, is_dry_run: true, wrong: Some(fault) },
        })
    }

    fn ask(&self, token: Arc<Entry>, caller: &Caller) -> Ask {
        Ask {
            token,
            count: self.count,
            is_dry_run: self.is_dry_run,
            idempotency_key: None,
            request_id: caller.meta.request_id,
            key_id: caller.caller.actor.key_id(),
        }
    }
}

/// Where an item's outcome comes from.
enum Place {
    Refused(Fault),
    /// The next answer of the flush; with what is wrong with the item besides.
    Asked(Option<Fault>),
}

impl Place {
    fn outcome(self, answered: &mut impl Iterator<Item = Result<Verdict, Fault>>) -> Outcome {
        let wrong = match self {
            Self::Refused(fault) => return Err(fault),
            Self::Asked(wrong) => wrong,
        };
        match (answered.next().unwrap_or_else(|| Err(undecided()))?, wrong) {
            (Verdict::CallerRefused(_), _) => Err(undecided()),
            (Verdict::Passed { .. } | Verdict::Exceeded | Verdict::KeyReused, Some(wrong)) => Err(wrong),
            (verdict, _) => Verified::of(verdict).ok_or_else(|| refuse(verdict)),
        }
    }
}

/// The body of the answer, written as the outcomes come.
struct Results(Vec<u8>);

impl Results {
    fn of(items: usize) -> Self {
        let mut body = Vec::with_capacity(16 + items * RESULT_BYTES);
        body.extend_from_slice(b"{\"results\":[");
        Self(body)
    }

    fn push(&mut self, outcome: &Outcome) {
        match outcome {
            Ok(verified) => self.write(&Rendered { http_status: 200, body: verified }),
            Err(fault) => {
                let (status, body) = dialect::said(fault);
                self.write(&Rendered { http_status: status.as_u16(), body: &body });
            }
        }
    }

    fn write(&mut self, result: &impl Serialize) {
        serde_json::to_writer(&mut self.0, result).expect("results are structs of text and numbers");
        self.0.push(b',');
    }

    fn finish(mut self) -> Vec<u8> {
        // There is at least one result, and the comma behind the last one gives way.
        self.0.pop();
        self.0.extend_from_slice(b"]}");
        self.0
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rendered<'a, T> {
    http_status: u16,
    #[serde(flatten)]
    body: &'a T,
}
