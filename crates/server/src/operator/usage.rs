use axum::extract::{Query as QueryOf, State};
use axum::response::Response;
use base::Fault;
use base::id::AccountId;
use http::StatusCode;
use kernel::usage::{self, Wanted};
use serde::Deserialize;
use services::platform::api::{UsageList, UsageQuery};
use services::quota;
use web::problem::Problem;
use web::{Failure, reply};

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

impl OfAccount {
    fn read(&self) -> Result<Option<AccountId>, Fault> {
        let wrong = || Fault::invalid("accountId", "must be an account's id, acc_…");
        self.account_id.as_deref().map(|text| text.parse().map_err(|_| wrong())).transpose()
    }
}
