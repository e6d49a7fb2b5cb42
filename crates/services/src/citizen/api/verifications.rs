use axum::extract::{Path, Query, State};
use axum::response::Response;
use base::Fault;
use http::StatusCode;
use kernel::spine::Scope;
use serde::Serialize;
use utoipa::ToSchema;
use web::{Failure, reply};

use super::dialect::ErrorBody;
use super::member::Member;
use super::query::{ListQuery, list_query};
use crate::citizen::Citizen;
use crate::citizen::command;
use crate::citizen::model::{Channel, Outcome, VerificationId};
use crate::citizen::view::{ItemView, VerificationView};

/// A page of verifications.
#[derive(Serialize, ToSchema)]
#[schema(as = Verifications)]
pub(super) struct ListBody {
    #[schema(example = "Verifications retrieved successfully")]
    message: &'static str,
    data: Vec<ItemView>,
    pagination: Pagination,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Pagination {
    #[schema(example = 1)]
    page: i64,
    #[schema(example = 20)]
    limit: i64,
    /// All verifications that pass the filters.
    #[schema(example = 1)]
    total: i64,
}

/// `GET /api/v1/verifications`: a page of this environment's verifications, the newest first. Free.
#[utoipa::path(
    get,
    path = "/api/v1/verifications",
    summary = "List verifications",
    description = "Newest first. New verifications move the pages on: to walk through all of them, send the moment you began as `to`.",
    security(("key" = ["verifications:read"])),
    params(
        ("page" = Option<i64>, Query, description = "From 1.", minimum = 1, maximum = 1_000_000_000),
        ("limit" = Option<i64>, Query, description = "Of a page; 20 unless said.", minimum = 1, maximum = 100),
        ("result" = Option<Outcome>, Query, description = "Only these."),
        ("purpose" = Option<String>, Query, description = "Only with exactly this purpose."),
        ("channel" = Option<Channel>, Query, description = "Only of this channel."),
        ("from" = Option<String>, Query, description = "Only from this RFC 3339 time on."),
        ("to" = Option<String>, Query, description = "Only before this RFC 3339 time."),
        ("reference" = Option<String>, Query, description = "Only with exactly this reference of yours."),
    ),
    responses(
        (status = 200, body = ListBody),
        (status = 400, description = "`BAD_REQUEST`.", body = ErrorBody),
        (status = 401, description = "`UNAUTHORIZED`.", body = ErrorBody),
        (status = 403, description = "`FORBIDDEN`.", body = ErrorBody),
        (status = 429, description = "`RATE_LIMITED`.", body = ErrorBody),
        (status = 500, description = "`INTERNAL_ERROR`.", body = ErrorBody),
        (status = 503, description = "`SERVICE_UNAVAILABLE`.", body = ErrorBody),
    ),
)]
pub(super) async fn list(
    State(citizen): State<Citizen>,
    Member(caller): Member,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    caller.caller.ensure_scope(Scope::Key("verifications:read"))?;
    let ListQuery { page, limit, filter } = list_query(&pairs)?;
    let (tenant_id, environment) = (caller.caller.tenant_id, caller.caller.environment);
    let place = (limit, (page - 1) * limit);
    let (total, verifications) = citizen
        .kernel()
        .db
        .snapshot(move |tx| command::list(tx, tenant_id, environment, &filter, place))
        .await?;
    let body = ListBody {
        message: "Verifications retrieved successfully",
        data: verifications.into_iter().map(ItemView::from).collect(),
        pagination: Pagination { page, limit, total },
    };
    Ok(reply::json(StatusCode::OK, &body))
}

/// One verification.
#[derive(Serialize, ToSchema)]
#[schema(as = OneVerification)]
pub(super) struct OneBody {
    #[schema(example = "Verification retrieved successfully")]
    message: &'static str,
    data: VerificationView,
}

/// `GET /api/v1/verifications/{id}`: one verification, without the record. Free.
#[utoipa::path(
    get,
    path = "/api/v1/verifications/{id}",
    summary = "Get a verification",
    security(("key" = ["verifications:read"])),
    params(("id" = String, Path, description = "The `id` of its `data`.")),
    responses(
        (status = 200, body = OneBody),
        (status = 401, description = "`UNAUTHORIZED`.", body = ErrorBody),
        (status = 403, description = "`FORBIDDEN`.", body = ErrorBody),
        (status = 404, description = "`NOT_FOUND`.", body = ErrorBody),
        (status = 429, description = "`RATE_LIMITED`.", body = ErrorBody),
        (status = 500, description = "`INTERNAL_ERROR`.", body = ErrorBody),
        (status = 503, description = "`SERVICE_UNAVAILABLE`.", body = ErrorBody),
    ),
)]
pub(super) async fn get(
    State(citizen): State<Citizen>,
    Member(caller): Member,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    caller.caller.ensure_scope(Scope::Key("verifications:read"))?;
    // A malformed id is nobody's id.
    let id: VerificationId = id.parse().map_err(|_| Fault::not_found("verification"))?;
    let (tenant_id, environment) = (caller.caller.tenant_id, caller.caller.environment);
    let found = citizen.kernel().db.read(move |tx| command::read(tx, tenant_id, environment, id)).await?;
    let body = OneBody { message: "Verification retrieved successfully", data: found.into() };
    Ok(reply::json(StatusCode::OK, &body))
}
