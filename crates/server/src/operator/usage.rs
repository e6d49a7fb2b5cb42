use axum::extract::{Query as QueryOf, State};
use axum::response::Response;
use base::id::AccountId;
use base::{Environment, Fault, Service};
use http::StatusCode;
use kernel::tenancy;
use kernel::usage::{self, Range, Wanted};
use serde::Deserialize;
use serde_json::json;
use services::platform;
use services::platform::api::{DifferenceView, UsageList, UsageQuery};
use services::quota;
use web::json::both;
use web::problem::Problem;
use web::{Failure, Json, reply};

use super::guard::{Operator, Query, Target};
use crate::app::App;

/// What the operator may ask beyond a tenant.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct OfAccount {
    account_id: Option<String>,
}

/// `GET /operator/v1/usage`: a tenant's calls by hour or day, or those of one quota account.
#[utoipa::path(get, path = "/operator/v1/usage", security(("operator" = [])), params(UsageQuery, ("accountId" = Option<String>, Query, description = "Only the calls of this quota account.")), responses((status = 200, body = UsageList), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn get(
    State(app): State<App>,
    _: Operator,
    QueryOf(query): QueryOf<Query>,
    QueryOf(asked): QueryOf<UsageQuery>,
    QueryOf(of_account): QueryOf<OfAccount>,
) -> Result<Response, Failure> {
    let Target { tenant_id, environment } = Target::of_query(&query)?;
    let account_id = of_account.read()?;
    let (range, sources) = asked.read(services::USAGE, app.kernel.clock.now())?;
    let subject_id = account_id.map(AccountId::text);
    let wanted = Wanted { tenant_id, environment, subject_id, range };
    let read = move |tx: &mut db::Tx<'_>| {
        if let Some(account_id) = account_id {
            quota::command::read_account(tx, tenant_id, environment, account_id)?;
        }
        usage::read(tx, &sources, &wanted)
    };
    Ok(reply::json(StatusCode::OK, &UsageList::of(app.kernel.db.read(read).await?)))
}

/// `POST /operator/v1/usage/rebuild`: recounts a tenant's folded hours from the rows, both environments, and corrects
/// what is wrong.
///
/// `from` and `to` as of `GET /operator/v1/usage`, by the hour. The rows themselves are never changed.
#[utoipa::path(post, path = "/operator/v1/usage/rebuild", security(("operator" = [])), responses((status = 200, description = "`{\"data\":[…]}`: what differed.", body = [DifferenceView]), (status = 400, body = Problem), (status = 404, body = Problem), (status = 503, description = "Usage is being summed up; repeat the call.", body = Problem)))]
pub(super) async fn rebuild(
    State(app): State<App>,
    operator: Operator,
    Json(document): Json,
) -> Result<Response, Failure> {
    let target = Target { environment: Environment::Live, ..Target::of(&document)? };
    let (from, to) = both(document.optional_string("from", 0..=64), document.optional_string("to", 0..=64))?;
    let range = Range::parse(from, to, None, app.kernel.clock.now())?;
    app.kernel.db.read(move |tx| tenancy::find(tx, target.tenant_id)).await?;
    let call = operator.call(target, Service::Platform, "/operator/v1/usage/rebuild", &document);
    let found = platform::rebuild_usage(&app.kernel, call, services::USAGE, range).await?;
    let data: Vec<DifferenceView> = found.into_iter().map(DifferenceView::from).collect();
    Ok(reply::json(StatusCode::OK, &json!({ "data": data })))
}

impl OfAccount {
    fn read(&self) -> Result<Option<AccountId>, Fault> {
        let wrong = || Fault::invalid("accountId", "must be an account's id, acc_…");
        self.account_id.as_deref().map(|text| text.parse().map_err(|_| wrong())).transpose()
    }
}
