use std::ops::RangeInclusive;

use axum::extract::{Path, State};
use axum::response::Response;
use base::Fault;
use base::id::AccountId;
use http::StatusCode;
use kernel::spine::Scope;
use utoipa::ToSchema;
use web::json::{Document, both, inside};
use web::{Caller, Failure, Json, reply};

use super::dialect::ErrorBody;
use crate::quota::Quota;
use crate::quota::command::{self, AccountChange, AccountView, Change, TopUp};
use crate::quota::model::{AutoRefill, EXTERNAL_ID_LENGTH_MAX, NAME_LENGTH_MAX, NewAccount, Period};

#[derive(ToSchema)]
#[schema(as = QuotaNewAccount, rename_all = "camelCase")]
#[expect(dead_code, reason = "the document's view of a body that is read field by field")]
struct NewAccountBody {
    #[schema(max_length = 200)]
    name: String,
    /// Your own id of this client; unique in an environment.
    #[schema(max_length = 128)]
    external_id: Option<String>,
    /// Whether an `Idempotency-Key` at `POST /v1/verify` counts for this account's tokens.
    #[schema(default = false)]
    idempotency: Option<bool>,
}

/// `POST /v1/accounts`: opens an account for a client. Free.
#[utoipa::path(
    post,
    path = "/v1/accounts",
    summary = "Open an account",
    security(("management" = ["accounts:write"])),
    request_body = NewAccountBody,
    responses((status = 201, body = AccountView), (status = 400, body = ErrorBody<'static>), (status = 409, body = ErrorBody<'static>)),
)]
pub(super) async fn create(
    State(quota): State<Quota>,
    caller: Caller,
    Json(document): Json,
) -> Result<Response, Failure> {
    let new = NewAccount {
        name: document.string("name", 1..=NAME_LENGTH_MAX)?.to_owned(),
        external_id: document.optional_string("externalId", 1..=EXTERNAL_ID_LENGTH_MAX)?.map(str::to_owned),
        is_idempotent: document.boolean_or("idempotency", false)?,
        points: 0,
    };
    let call = caller.call("/v1/accounts", &document);
    let answer = quota.kernel().run(call, &command::CREATE_ACCOUNT, new, command::create_account).await?;
    Ok(reply::json(StatusCode::CREATED, &answer.value))
}

/// `GET /v1/accounts/{id}`: one account with its balance. Free.
#[utoipa::path(
    get,
    path = "/v1/accounts/{id}",
    summary = "Get an account",
    security(("management" = ["accounts:read"])),
    params(("id" = String, Path, description = "`acc_…`")),
    responses((status = 200, body = AccountView), (status = 404, body = ErrorBody<'static>)),
)]
pub(super) async fn get(
    State(quota): State<Quota>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    caller.caller.ensure_scope(Scope::Key("accounts:read"))?;
    let account_id = parse_id(&id)?;
    let who = caller.caller;
    let account = quota
        .kernel()
        .db
        .read(move |tx| command::read_account(tx, who.tenant_id, who.environment, account_id))
        .await?;
    Ok(reply::json(StatusCode::OK, &AccountView::from(account)))
}

#[derive(ToSchema)]
#[schema(as = QuotaAccountChange, rename_all = "camelCase")]
#[expect(dead_code, reason = "the document's view of a body that is read field by field")]
struct ChangeBody {
    #[schema(max_length = 200)]
    name: Option<String>,
    /// A banned account's tokens are refused from the answer on.
    banned: Option<bool>,
    /// Below it the event `balance.low` leaves, once for each time that the balance falls below; `null`: none any more.
    #[schema(minimum = 1, example = 100)]
    low_balance_threshold: Option<i64>,
    /// An allowance, filled up once a day or month (UTC), the one under way included; `null`: none any more.
    auto_refill: Option<AutoRefillBody>,
}

#[derive(ToSchema)]
#[schema(as = QuotaAutoRefillChange)]
#[expect(dead_code, reason = "the document's view of a body that is read field by field")]
struct AutoRefillBody {
    /// What the account holds after a refill, unless it held more: a balance is never lowered.
    #[schema(minimum = 1, example = 1000)]
    level: i64,
    /// `day` or `month`.
    #[schema(example = "day")]
    period: String,
}

/// `PATCH /v1/accounts/{id}`: renames, bans, sets a threshold or an allowance. Once a ban is answered, no charge commits. Free.
#[utoipa::path(
    patch,
    path = "/v1/accounts/{id}",
    summary = "Change an account",
    security(("management" = ["accounts:write"])),
    params(("id" = String, Path, description = "`acc_…`")),
    request_body = ChangeBody,
    responses((status = 200, body = AccountView), (status = 400, body = ErrorBody<'static>), (status = 404, body = ErrorBody<'static>)),
)]
pub(super) async fn patch(
    State(quota): State<Quota>,
    caller: Caller,
    Path(id): Path<String>,
    Json(document): Json,
) -> Result<Response, Failure> {
    let change = AccountChange { account_id: parse_id(&id)?, change: read_change(&document)? };
    let call = caller.call("/v1/accounts/{id}", &document);
    let answer = quota.kernel().run(call, &command::CHANGE_ACCOUNT, change, command::change_account).await?;
    Ok(reply::json(StatusCode::OK, &answer.value))
}

/// What a body wants changed about an account.
///
/// # Errors
/// The field that is wrong.
pub fn read_change(document: &Document) -> Result<Change, Fault> {
    const POINTS: RangeInclusive<i64> = 1..=kernel::ledger::AMOUNT_MAX;
    let threshold = "lowBalanceThreshold";
    Ok(Change {
        name: document.optional_string("name", 1..=NAME_LENGTH_MAX)?.map(str::to_owned),
        is_banned: document.optional_boolean("banned")?,
        low_balance_threshold: match document.is_null(threshold) {
            true => Some(None),
            false => document.optional_integer(threshold, POINTS)?.map(Some),
        },
        auto_refill: match document.is_null("autoRefill") {
            true => Some(None),
            false => document.optional_object("autoRefill")?.map(read_refill).transpose()?.map(Some),
        },
    })
}

fn read_refill(document: &Document) -> Result<AutoRefill, Fault> {
    let period = document
        .string("period", 1..=16)
        .and_then(|name| Period::parse(name).ok_or_else(|| Fault::invalid("period", "must be day or month")));
    let (level, period) = both(document.integer("level", 1..=kernel::ledger::AMOUNT_MAX), period)
        .map_err(|fault| inside("autoRefill", fault))?;
    Ok(AutoRefill { level, period })
}

#[derive(ToSchema)]
#[schema(as = QuotaTopUp)]
#[expect(dead_code, reason = "the document's view of a body that is read field by field")]
struct TopUpBody {
    #[schema(minimum = 1)]
    points: i64,
    /// The payment's own name: booked once per account.
    #[schema(max_length = 128)]
    reference: Option<String>,
}

/// `POST /v1/accounts/{id}/credits`: adds points. An `Idempotency-Key` is required. Free.
#[utoipa::path(
    post,
    path = "/v1/accounts/{id}/credits",
    summary = "Top up an account",
    security(("management" = ["accounts:write"])),
    params(
        ("id" = String, Path, description = "`acc_…`"),
        ("Idempotency-Key" = String, Header, description = "Any unique value; the same one for a retry. Kept 24 hours."),
    ),
    request_body = TopUpBody,
    responses((status = 200, body = AccountView), (status = 400, body = ErrorBody<'static>), (status = 404, body = ErrorBody<'static>), (status = 409, body = ErrorBody<'static>)),
)]
pub(super) async fn top_up(
    State(quota): State<Quota>,
    caller: Caller,
    Path(id): Path<String>,
    Json(document): Json,
) -> Result<Response, Failure> {
    let top_up = TopUp {
        points: document.integer("points", 1..=kernel::ledger::AMOUNT_MAX)?,
        reference: document.optional_string("reference", 1..=128)?.map(str::to_owned),
        account_id: parse_id(&id)?,
    };
    let call = caller.call("/v1/accounts/{id}/credits", &document);
    let answer = quota.kernel().run(call, &command::TOP_UP, top_up, command::top_up).await?;
    Ok(reply::json(StatusCode::OK, &answer.value))
}

/// A malformed id is nobody's id.
pub(super) fn parse_id(text: &str) -> Result<AccountId, Fault> {
    text.parse().map_err(|_| Fault::not_found("account"))
}
