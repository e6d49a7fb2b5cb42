use axum::extract::{Path, Query, State};
use axum::response::Response;
use base::Timestamp;
use http::StatusCode;
use kernel::spine::Scope;
use kernel::usage::{self, Figure, Range, Wanted};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use web::{Caller, Failure, reply};

use super::accounts::parse_id;
use super::dialect::ErrorBody;
use crate::quota::Quota;
use crate::quota::command;
use crate::quota::usage::SOURCE;

/// Which figures are wanted.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct UsageQuery {
    /// RFC 3339; 24 hours or 30 days before `to` unless said. The bucket in which it lies is told whole.
    #[param(example = "2026-06-01T00:00:00Z")]
    from: Option<String>,
    /// RFC 3339; now unless said. At most 31 days after `from` by the hour, 366 by the day.
    #[param(example = "2026-06-02T00:00:00Z")]
    to: Option<String>,
    /// `hour`, unless it says `day`. Both are counted in UTC.
    #[param(example = "hour")]
    bucket: Option<String>,
}

/// What an account's tokens were charged in one hour or day.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = QuotaUsage)]
struct UsageView {
    /// The beginning of the hour or day.
    #[schema(value_type = String, format = DateTime, example = "2026-06-01T13:00:00.000Z")]
    start: Timestamp,
    /// `passed`: what was let in and charged. A call that was refused left nothing to count.
    #[schema(example = "passed")]
    outcome: String,
    #[schema(example = 3)]
    calls: i64,
    #[schema(example = 30)]
    points: i64,
}

/// Hours or days without a call are left out.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = QuotaUsageList)]
struct UsageList {
    /// Oldest first.
    data: Vec<UsageView>,
}

/// `GET /v1/accounts/{id}/usage`: an account's calls by hour or day. Free.
#[utoipa::path(
    get,
    path = "/v1/accounts/{id}/usage",
    summary = "Count the calls of an account",
    security(("management" = ["accounts:read"])),
    params(("id" = String, Path, description = "`acc_…`"), UsageQuery),
    responses(
        (status = 200, body = UsageList),
        (status = 400, description = "A parameter of the query is wrong.", body = ErrorBody<'static>),
        (status = 404, body = ErrorBody<'static>),
        (status = 503, description = "Too many calls are not summed up yet; try again in a few minutes.", body = ErrorBody<'static>),
    ),
)]
pub(super) async fn get(
    State(quota): State<Quota>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<UsageQuery>,
) -> Result<Response, Failure> {
    caller.caller.ensure_scope(Scope::Key("accounts:read"))?;
    let (kernel, who) = (quota.kernel(), caller.caller);
    let account_id = parse_id(&id)?;
    let (from, to, bucket) = (query.from.as_deref(), query.to.as_deref(), query.bucket.as_deref());
    let range = Range::parse(from, to, bucket, kernel.clock.now())?;
    let wanted = Wanted {
        tenant_id: who.tenant_id,
        environment: who.environment,
        subject_id: Some(account_id.text()),
        range,
    };
    let read = move |tx: &mut db::Tx<'_>| {
        command::read_account(tx, who.tenant_id, who.environment, account_id)?;
        usage::read(tx, &[&SOURCE], &wanted)
    };
    let data = kernel.db.read(read).await?.into_iter().map(UsageView::of).collect();
    Ok(reply::json(StatusCode::OK, &UsageList { data }))
}

impl UsageView {
    fn of(figure: Figure) -> Self {
        let Figure { start, outcome, totals, .. } = figure;
        Self { start, outcome, calls: totals.calls, points: totals.points }
    }
}
