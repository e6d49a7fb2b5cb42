use axum::extract::State;
use axum::response::Response;
use base::Timestamp;
use http::StatusCode;
use kernel::spine::Scope;
use serde::Serialize;
use utoipa::ToSchema;
use web::{Caller, Failure, reply};

use super::dialect::ErrorBody;
use crate::codes::Codes;
use crate::codes::command::{self, usage};

/// What is left, and what was minted this month.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CodesUsage)]
pub(super) struct UsageBody {
    #[schema(example = 14_500)]
    credit_balance: i64,
    period: Period,
    usage: Generated,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CodesPeriod)]
pub(super) struct Period {
    /// The first instant of this calendar month, UTC.
    #[schema(value_type = String, format = DateTime, example = "2026-06-01T00:00:00.000Z")]
    since: Timestamp,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CodesGenerated)]
pub(super) struct Generated {
    #[schema(example = 5500)]
    codes_generated: i64,
}

/// `GET /api/v1/usage`: the wallet, and the codes minted since the month began. Free.
#[utoipa::path(
    get,
    path = "/api/v1/usage",
    summary = "Get this month's usage",
    security(("key" = ["read"])),
    responses(
        (status = 200, body = UsageBody),
        (status = 401, description = "`unauthorized`.", body = ErrorBody),
        (status = 403, description = "`org_not_approved` or `insufficient_scope`.", body = ErrorBody),
        (status = 429, description = "`rate_limited`.", body = ErrorBody),
        (status = 503, description = "`unavailable`.", body = ErrorBody),
    ),
)]
pub(super) async fn get(State(codes): State<Codes>, caller: Caller) -> Result<Response, Failure> {
    caller.caller.ensure_scope(Scope::Key(command::READ))?;
    let (tenant_id, environment) = (caller.caller.tenant_id, caller.caller.environment);
    let now = codes.kernel().clock.now();
    let read = move |tx: &mut db::Tx<'_>| usage::read(tx, tenant_id, environment, now);
    let usage = codes.kernel().db.read(read).await?;
    let body = UsageBody {
        credit_balance: usage.credit_balance,
        period: Period { since: usage.since },
        usage: Generated { codes_generated: usage.codes_generated },
    };
    Ok(reply::json(StatusCode::OK, &body))
}
