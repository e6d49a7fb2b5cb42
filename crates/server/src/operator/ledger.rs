use axum::extract::{Query as QueryOf, State};
use axum::response::Response;
use base::Fault;
use http::StatusCode;
use kernel::ledger::{self, Report, Unit};
use kernel::{Kernel, tenancy};
use web::{Failure, reply};

use super::guard::{Operator, Query, Target};
use crate::app::App;

const TENANTS_A_PAGE: i64 = 500;

/// `GET /operator/v1/ledger/check`: proves that every balance equals its transfers, on the live database.
#[utoipa::path(get, path = "/operator/v1/ledger/check", security(("operator" = [])), responses((status = 200, description = "`{\"ok\":true,…,\"violations\":[]}`")))]
pub(super) async fn check(State(app): State<App>, _: Operator) -> Result<Response, Failure> {
    Ok(reply::json(StatusCode::OK, &check_all(&app.kernel).await?))
}

/// Each tenant in a snapshot of its own: transfers never cross tenants.
async fn check_all(kernel: &Kernel) -> Result<Report, Fault> {
    let mut report = Report { ok: true, ..Report::default() };
    let mut after = None;
    loop {
        let page = kernel.db.read(move |tx| tenancy::list(tx, after, TENANTS_A_PAGE)).await?;
        let Some(last) = page.last() else { return Ok(report) };
        after = Some(last.tenant_id);
        for tenant in page {
            let tenant_id = tenant.tenant_id;
            report.merge(kernel.db.snapshot(move |tx| ledger::check(tx, tenant_id)).await?);
        }
    }
}

/// `GET /operator/v1/ledger/summary`: what a tenant's environment was granted, was charged and has left.
#[utoipa::path(get, path = "/operator/v1/ledger/summary", security(("operator" = [])), responses((status = 200, description = "`{\"charges\",\"charged\",\"balances\",\"granted\"}`")))]
pub(super) async fn summary(
    State(app): State<App>,
    _: Operator,
    QueryOf(query): QueryOf<Query>,
) -> Result<Response, Failure> {
    let Target { tenant_id, environment } = Target::of_query(&query)?;
    let unit = Unit::parse(query.unit.as_deref().unwrap_or("credit"))
        .ok_or_else(|| Fault::invalid("unit", "must be credit or point"))?;
    let summary = app.kernel.db.snapshot(move |tx| ledger::summary(tx, tenant_id, environment, unit)).await?;
    Ok(reply::json(StatusCode::OK, &summary))
}
