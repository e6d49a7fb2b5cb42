use axum::extract::{Query as QueryOf, State};
use axum::response::Response;
use base::{Environment, Fault, Service};
use db::Tx;
use http::StatusCode;
use kernel::audit::export::{self, Rows};
use kernel::audit::log;
use kernel::spine::{Audit, Idempotent, Price, Scope};
use kernel::{Command, Ctx, Ending, tenancy};
use serde::Deserialize;
use serde_json::json;
use web::problem::Problem;
use web::{Failure, Json, reply};

use super::guard::{Operator, Target};
use crate::app::App;

pub(super) const BEGIN_LOG: Command = Command {
    name: "platform.audit.begin_log",
    scope: Scope::OperatorOnly,
    price: Price::Free,
    audit: Audit::Always,
    idempotent: Idempotent::No,
};

/// Which rows are exported, and where a page begins.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExportQuery {
    tenant_id: Option<String>,
    environment: Option<String>,
    /// The `next` of the page before.
    position: Option<String>,
}

/// `GET /operator/v1/audit/export`: sealed rows with their proofs, page by page: of all tenants or, with `tenantId` and
/// `environment`, of one. The lines of all pages in their order are what `attestry audit verify` reads.
#[utoipa::path(get, path = "/operator/v1/audit/export", security(("operator" = [])), responses((status = 200, description = "`{\"lines\":[…],\"next\":…}`"), (status = 503, body = Problem)))]
pub(super) async fn export(
    State(app): State<App>,
    _: Operator,
    QueryOf(query): QueryOf<ExportQuery>,
) -> Result<Response, Failure> {
    let rows = match &query.tenant_id {
        None => Rows::All,
        Some(tenant) => {
            let Target { tenant_id, environment } = Target::new(tenant, query.environment.as_deref())?;
            Rows::Of { tenant_id, environment, after: 0 }
        }
    };
    let wrong = |()| Fault::invalid("position", "must be the next of the page before");
    let (first, position) = match &query.position {
        Some(position) => (None, position.parse().map_err(wrong)?),
        None => export::begin(&app.kernel, rows).await.map(|(line, position)| (Some(line), position))?,
    };
    let (lines, next) = export::next(&app.kernel, rows, position).await?;
    let lines: Vec<String> = first.into_iter().chain(lines).collect();
    Ok(reply::json(StatusCode::OK, &json!({ "lines": lines, "next": next.map(|at| at.to_string()) })))
}

/// `POST /operator/v1/audit/logs`: begins a new audit log that names the one before, such as after a restore that no
/// node can notice. The reason is published.
#[utoipa::path(post, path = "/operator/v1/audit/logs", security(("operator" = [])), responses((status = 200, description = "`{\"origin\":…,\"reason\":…}`"), (status = 400, body = Problem)))]
pub(super) async fn begin_log(
    State(app): State<App>,
    operator: Operator,
    Json(document): Json,
) -> Result<Response, Failure> {
    let reason = document.string("reason", 1..=200)?.to_owned();
    let target = Target { tenant_id: tenancy::INSTALLATION, environment: Environment::Live };
    let call = operator.call(target, Service::Platform, "/operator/v1/audit/logs", &document);
    let answer = app.kernel.run(call, &BEGIN_LOG, NewLog { reason: reason.clone() }, begin).await?;
    Ok(reply::json(StatusCode::OK, &json!({ "origin": answer.value, "reason": reason })))
}

struct NewLog {
    reason: String,
}

fn begin(tx: &mut Tx<'_>, ctx: &mut Ctx, new: &NewLog) -> Result<Ending<String>, Fault> {
    let head = log::begin_anew(tx, ctx, &new.reason)?;
    ctx.target(head.checkpoint.origin.as_str());
    ctx.note(new.reason.as_str());
    Ok(Ending::Done(head.checkpoint.origin))
}
