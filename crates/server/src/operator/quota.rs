use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query as QueryOf, State};
use axum::response::Response;
use base::id::{AccountId, TokenId, TransferId};
use base::{Fault, Service};
use http::{HeaderMap, StatusCode};
use serde_json::json;
use services::quota::api::{EntryView, IMPORT_BYTES_MAX, account_filter, read_change, read_import};
use services::quota::command::{
    self, AccountChange, AccountView, CreateToken, Imported, RotateToken, TokenView, TopUp,
};
use services::quota::model::{
    EXTERNAL_ID_LENGTH_MAX, LABEL_LENGTH_MAX, NAME_LENGTH_MAX, NewAccount, NewToken, POINTS_PER_CALL_MAX,
};
use web::body::{BodyLimits, read_json};
use web::json::Document;
use web::problem::Problem;
use web::{Failure, Json, reply};

use super::guard::{Operator, Query, Target};
use crate::app::App;

/// `GET /operator/v1/accounts`: the quota accounts of a tenant's environment, oldest first; `externalId` and `banned` narrow.
#[utoipa::path(get, path = "/operator/v1/accounts", security(("operator" = [])), responses((status = 200, description = "`{\"data\":[…]}`")))]
pub(super) async fn list_accounts(
    State(app): State<App>,
    _: Operator,
    QueryOf(query): QueryOf<Query>,
) -> Result<Response, Failure> {
    let Target { tenant_id, environment } = Target::of_query(&query)?;
    let (after, limit) = (query.after()?, query.limit()?);
    let filter = account_filter(query.external_id, query.banned.as_deref())?;
    let accounts = app
        .kernel
        .db
        .read(move |tx| command::list_accounts(tx, tenant_id, environment, &filter, after, limit))
        .await?;
    let data: Vec<AccountView> = accounts.into_iter().map(AccountView::from).collect();
    Ok(reply::json(StatusCode::OK, &json!({ "data": data })))
}

/// `POST /operator/v1/accounts`: opens a quota account, with `points` if given.
///
/// With `points` an `Idempotency-Key` is required, as wherever money comes in; without them it is optional.
#[utoipa::path(post, path = "/operator/v1/accounts", security(("operator" = [])), params(("Idempotency-Key" = Option<String>, Header, description = "Required with `points`.")), responses((status = 201, body = AccountView), (status = 400, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn create_account(
    State(app): State<App>,
    operator: Operator,
    Json(document): Json,
) -> Result<Response, Failure> {
    let new = NewAccount {
        name: document.string("name", 1..=NAME_LENGTH_MAX)?.to_owned(),
        external_id: document.optional_string("externalId", 1..=EXTERNAL_ID_LENGTH_MAX)?.map(str::to_owned),
        is_idempotent: document.boolean_or("idempotency", false)?,
        points: document.integer_or("points", 0..=kernel::ledger::AMOUNT_MAX, 0)?,
    };
    let call = operator.call(Target::of(&document)?, Service::Quota, "/operator/v1/accounts", &document);
    let command = if new.points > 0 { &command::CREATE_FUNDED_ACCOUNT } else { &command::CREATE_ACCOUNT };
    let answer = app.kernel.run(call, command, new, command::create_account).await?;
    Ok(reply::json(StatusCode::CREATED, &answer.value))
}

/// `GET /operator/v1/accounts/{id}`: one account with its balance.
#[utoipa::path(get, path = "/operator/v1/accounts/{id}", security(("operator" = [])), params(("id" = String, Path)), responses((status = 200, body = AccountView), (status = 404, body = Problem)))]
pub(super) async fn get_account(
    State(app): State<App>,
    _: Operator,
    Path(id): Path<String>,
    QueryOf(query): QueryOf<Query>,
) -> Result<Response, Failure> {
    let Target { tenant_id, environment } = Target::of_query(&query)?;
    let account_id = parse_account(&id)?;
    let account =
        app.kernel.db.read(move |tx| command::read_account(tx, tenant_id, environment, account_id)).await?;
    Ok(reply::json(StatusCode::OK, &AccountView::from(account)))
}

/// `PATCH /operator/v1/accounts/{id}`: renames, bans, sets a threshold or an allowance. Once a ban is answered, no charge commits.
#[utoipa::path(patch, path = "/operator/v1/accounts/{id}", security(("operator" = [])), params(("id" = String, Path)), responses((status = 200, body = AccountView), (status = 404, body = Problem)))]
pub(super) async fn change_account(
    State(app): State<App>,
    operator: Operator,
    Path(id): Path<String>,
    Json(document): Json,
) -> Result<Response, Failure> {
    let change = AccountChange { account_id: parse_account(&id)?, change: read_change(&document)? };
    let call = operator.call(Target::of(&document)?, Service::Quota, "/operator/v1/accounts/{id}", &document);
    let answer = app.kernel.run(call, &command::CHANGE_ACCOUNT, change, command::change_account).await?;
    Ok(reply::json(StatusCode::OK, &answer.value))
}

/// `POST /operator/v1/accounts/{id}/credits`: adds points. An `Idempotency-Key` is required.
#[utoipa::path(post, path = "/operator/v1/accounts/{id}/credits", security(("operator" = [])), params(("id" = String, Path), ("Idempotency-Key" = String, Header)), responses((status = 200, body = AccountView), (status = 409, body = Problem)))]
pub(super) async fn top_up(
    State(app): State<App>,
    operator: Operator,
    Path(id): Path<String>,
    Json(document): Json,
) -> Result<Response, Failure> {
    let top_up = TopUp {
        account_id: parse_account(&id)?,
        points: document.integer("points", 1..=kernel::ledger::AMOUNT_MAX)?,
        reference: document.optional_string("reference", 1..=128)?.map(str::to_owned),
    };
    let target = Target::of(&document)?;
    let call = operator.call(target, Service::Quota, "/operator/v1/accounts/{id}/credits", &document);
    let answer = app.kernel.run(call, &command::TOP_UP, top_up, command::top_up).await?;
    Ok(reply::json(StatusCode::OK, &answer.value))
}

/// `GET /operator/v1/accounts/{id}/transfers`: what was added to an account and taken from it, newest first.
///
/// `next`, where there is one, is the `after` of the next page; a page may hold fewer rows than `limit` before the last.
#[utoipa::path(get, path = "/operator/v1/accounts/{id}/transfers", security(("operator" = [])), params(("id" = String, Path)), responses((status = 200, description = "`{\"data\":[…],\"next\":\"tr_…\"}`"), (status = 404, body = Problem)))]
pub(super) async fn list_transfers(
    State(app): State<App>,
    _: Operator,
    Path(id): Path<String>,
    QueryOf(query): QueryOf<Query>,
) -> Result<Response, Failure> {
    let Target { tenant_id, environment } = Target::of_query(&query)?;
    let (before, limit, account_id) = (query.after()?, query.limit()?, parse_account(&id)?);
    let (entries, reach) = app
        .kernel
        .db
        .read(move |tx| command::list_entries(tx, tenant_id, environment, account_id, before, limit))
        .await?;
    let is_full = usize::try_from(limit).is_ok_and(|limit| entries.len() == limit);
    let last = entries.last().map(|entry| entry.transfer_id).filter(|_| is_full);
    let next = last.or(reach).map(TransferId::text);
    let data: Vec<EntryView> = entries.into_iter().map(EntryView::from).collect();
    Ok(reply::json(StatusCode::OK, &json!({ "data": data, "next": next })))
}

/// `GET /operator/v1/tokens`: the tokens of a tenant's environment, or of `accountId`, oldest first, without their secrets.
#[utoipa::path(get, path = "/operator/v1/tokens", security(("operator" = [])), responses((status = 200, description = "`{\"data\":[…]}`")))]
pub(super) async fn list_tokens(
    State(app): State<App>,
    _: Operator,
    QueryOf(query): QueryOf<Query>,
) -> Result<Response, Failure> {
    let Target { tenant_id, environment } = Target::of_query(&query)?;
    let (after, limit) = (query.after()?, query.limit()?);
    let account_id = query.account_id.as_deref().map(parse_account).transpose()?;
    let data = app
        .kernel
        .db
        .read(move |tx| command::list_tokens(tx, tenant_id, environment, account_id, after, limit))
        .await?;
    Ok(reply::json(StatusCode::OK, &json!({ "data": data })))
}

/// `POST /operator/v1/tokens`: a new token; its secret is in this answer and nowhere else.
#[utoipa::path(post, path = "/operator/v1/tokens", security(("operator" = [])), responses((status = 201, body = TokenView), (status = 404, body = Problem)))]
pub(super) async fn create_token(
    State(app): State<App>,
    operator: Operator,
    Json(document): Json,
) -> Result<Response, Failure> {
    let new = NewToken {
        account_id: parse_account(document.string("accountId", 1..=64)?)?,
        points_per_call: document.integer_or("pointsPerCall", 1..=POINTS_PER_CALL_MAX, 1)?,
        label: document.optional_string("label", 0..=LABEL_LENGTH_MAX)?.unwrap_or_default().to_owned(),
        expires_at: document.optional_timestamp("expiresAt")?,
        development_label: None,
    };
    let call = operator.call(Target::of(&document)?, Service::Quota, "/operator/v1/tokens", &document);
    let input = CreateToken { new, secrets: Arc::clone(&app.kernel.secrets) };
    let answer = app.kernel.run(call, &command::CREATE_TOKEN, input, command::create_token).await?;
    Ok(reply::json(StatusCode::CREATED, &answer.value))
}

/// `POST /operator/v1/tokens/import`: takes over tokens that were made elsewhere, all of them or none.
#[utoipa::path(post, path = "/operator/v1/tokens/import", security(("operator" = [])), responses((status = 201, body = Imported), (status = 400, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn import_tokens(
    State(app): State<App>,
    operator: Operator,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let limits = BodyLimits { bytes_max: IMPORT_BYTES_MAX, ..BodyLimits::default() };
    let document = read_json(&headers, body, limits).await?;
    let input = read_import(&document, &app.kernel.secrets)?;
    // Of a body with secrets not even a fingerprint is made.
    let target = Target::of(&document)?;
    let call = operator.call(target, Service::Quota, "/operator/v1/tokens/import", &Document::default());
    let answer = app.kernel.run(call, &command::IMPORT_TOKENS, input, command::import_tokens).await?;
    Ok(reply::json(StatusCode::CREATED, &answer.value))
}

/// `DELETE /operator/v1/tokens/{id}`: revokes. Once answered, no charge of the token commits.
#[utoipa::path(delete, path = "/operator/v1/tokens/{id}", security(("operator" = [])), params(("id" = String, Path)), responses((status = 200, body = TokenView), (status = 404, body = Problem)))]
pub(super) async fn revoke_token(
    State(app): State<App>,
    operator: Operator,
    Path(id): Path<String>,
    QueryOf(query): QueryOf<Query>,
) -> Result<Response, Failure> {
    let target = Target::of_query(&query)?;
    let call = operator.call(target, Service::Quota, "/operator/v1/tokens/{id}", &Document::default());
    let token_id = parse_token(&id)?;
    let answer = app.kernel.run(call, &command::REVOKE_TOKEN, token_id, command::revoke_token).await?;
    Ok(reply::json(StatusCode::OK, &answer.value))
}

/// `POST /operator/v1/tokens/{id}/rotate`: the next secret; the old one works for 15 minutes more.
#[utoipa::path(post, path = "/operator/v1/tokens/{id}/rotate", security(("operator" = [])), params(("id" = String, Path)), responses((status = 201, body = TokenView), (status = 409, body = Problem)))]
pub(super) async fn rotate_token(
    State(app): State<App>,
    operator: Operator,
    Path(id): Path<String>,
    Json(document): Json,
) -> Result<Response, Failure> {
    let input = RotateToken { token_id: parse_token(&id)?, secrets: Arc::clone(&app.kernel.secrets) };
    let target = Target::of(&document)?;
    let call = operator.call(target, Service::Quota, "/operator/v1/tokens/{id}/rotate", &document);
    let answer = app.kernel.run(call, &command::ROTATE_TOKEN, input, command::rotate_token).await?;
    Ok(reply::json(StatusCode::CREATED, &answer.value))
}

fn parse_account(text: &str) -> Result<AccountId, Fault> {
    text.parse().map_err(|_| Fault::not_found("account"))
}

fn parse_token(text: &str) -> Result<TokenId, Fault> {
    text.parse().map_err(|_| Fault::not_found("token"))
}
