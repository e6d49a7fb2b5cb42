use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use base::Fault;
use base::id::TokenId;
use http::StatusCode;
use utoipa::ToSchema;
use web::json::Document;
use web::{Caller, Failure, Json, reply};

use super::accounts;
use super::dialect::ErrorBody;
use crate::quota::Quota;
use crate::quota::command::{self, CreateToken, RotateToken, TokenView};
use crate::quota::model::{LABEL_LENGTH_MAX, NewToken, POINTS_PER_CALL_MAX};

#[derive(ToSchema)]
#[schema(as = QuotaNewToken, rename_all = "camelCase")]
#[expect(dead_code, reason = "the document's view of a body that is read field by field")]
struct NewTokenBody {
    account_id: String,
    #[schema(minimum = 1, maximum = 1_000_000, default = 1)]
    points_per_call: Option<i64>,
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    #[schema(max_length = 100)]
    label: Option<String>,
}

/// `POST /v1/tokens`: makes a token of an account; the secret is in this answer and nowhere else. Free.
#[utoipa::path(
    post,
    path = "/v1/tokens",
    summary = "Create a token",
    security(("management" = ["tokens:write"])),
    request_body = NewTokenBody,
    responses((status = 201, body = TokenView), (status = 400, body = ErrorBody<'static>), (status = 404, body = ErrorBody<'static>)),
)]
pub(super) async fn create(
    State(quota): State<Quota>,
    caller: Caller,
    Json(document): Json,
) -> Result<Response, Failure> {
    let new = NewToken {
        account_id: accounts::parse_id(document.string("accountId", 1..=64)?)?,
        points_per_call: document.integer_or("pointsPerCall", 1..=POINTS_PER_CALL_MAX, 1)?,
        label: document.optional_string("label", 0..=LABEL_LENGTH_MAX)?.unwrap_or_default().to_owned(),
        expires_at: document.optional_timestamp("expiresAt")?,
        development_label: None,
    };
    let call = caller.call("/v1/tokens", &document);
    let input = CreateToken { new, secrets: Arc::clone(&quota.kernel().secrets) };
    let answer = quota.kernel().run(call, &command::CREATE_TOKEN, input, command::create_token).await?;
    Ok(reply::json(StatusCode::CREATED, &answer.value))
}

/// `POST /v1/tokens/{id}/rotate`: the next secret of a token; the old one works for 15 minutes more. Free.
#[utoipa::path(
    post,
    path = "/v1/tokens/{id}/rotate",
    summary = "Rotate a token",
    security(("management" = ["tokens:write"])),
    params(("id" = String, Path, description = "`tok_…`")),
    responses((status = 201, body = TokenView), (status = 404, body = ErrorBody<'static>), (status = 409, body = ErrorBody<'static>)),
)]
pub(super) async fn rotate(
    State(quota): State<Quota>,
    caller: Caller,
    Path(id): Path<String>,
    Json(document): Json,
) -> Result<Response, Failure> {
    let input = RotateToken { token_id: parse_id(&id)?, secrets: Arc::clone(&quota.kernel().secrets) };
    let call = caller.call("/v1/tokens/{id}/rotate", &document);
    let answer = quota.kernel().run(call, &command::ROTATE_TOKEN, input, command::rotate_token).await?;
    Ok(reply::json(StatusCode::CREATED, &answer.value))
}

/// `DELETE /v1/tokens/{id}`: revokes. Once it is answered, no charge of the token commits. Free.
#[utoipa::path(
    delete,
    path = "/v1/tokens/{id}",
    summary = "Revoke a token",
    security(("management" = ["tokens:write"])),
    params(("id" = String, Path, description = "`tok_…`")),
    responses((status = 200, body = TokenView), (status = 404, body = ErrorBody<'static>)),
)]
pub(super) async fn revoke(
    State(quota): State<Quota>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let token_id = parse_id(&id)?;
    let call = caller.call("/v1/tokens/{id}", &Document::default());
    let answer = quota.kernel().run(call, &command::REVOKE_TOKEN, token_id, command::revoke_token).await?;
    Ok(reply::json(StatusCode::OK, &answer.value))
}

fn parse_id(text: &str) -> Result<TokenId, Fault> {
    text.parse().map_err(|_| Fault::not_found("token"))
}
