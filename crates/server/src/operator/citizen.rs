use std::sync::Arc;

use axum::extract::{Path, Query as QueryOf, State};
use axum::response::Response;
use base::{Environment, Fault, Service};
use http::StatusCode;
use serde_json::json;
use services::citizen::command;
use services::citizen::erase::{ERASE, Erase, ErasedView, erase as forget};
use services::citizen::model::{NationalId, VerificationId};
use services::citizen::view::{ItemView, VerificationView};
use web::problem::Problem;
use web::{Failure, Json, reply};

use super::guard::{Operator, Query, Target};
use crate::app::App;

/// `GET /operator/v1/verifications`: the newest verifications of a tenant's environment, without names.
///
/// The list goes back in time: `after` is the id that ended the page before, and older ones follow.
#[utoipa::path(get, path = "/operator/v1/verifications", security(("operator" = [])), responses((status = 200, description = "`{\"data\":[…]}`"), (status = 400, body = Problem)))]
pub(super) async fn list(
    State(app): State<App>,
    _: Operator,
    QueryOf(query): QueryOf<Query>,
) -> Result<Response, Failure> {
    let Target { tenant_id, environment } = Target::of_query(&query)?;
    let (after, limit) = (query.after()?, query.limit()?);
    let read = move |tx: &mut db::Tx<'_>| command::newest(tx, tenant_id, environment, after, limit);
    let data: Vec<ItemView> = app.kernel.db.read(read).await?.into_iter().map(ItemView::from).collect();
    Ok(reply::json(StatusCode::OK, &json!({ "data": data })))
}

/// `GET /operator/v1/verifications/{id}`: one verification, without names.
#[utoipa::path(get, path = "/operator/v1/verifications/{id}", security(("operator" = [])), params(("id" = String, Path)), responses((status = 200, body = VerificationView), (status = 404, body = Problem)))]
pub(super) async fn get(
    State(app): State<App>,
    _: Operator,
    Path(id): Path<String>,
    QueryOf(query): QueryOf<Query>,
) -> Result<Response, Failure> {
    let Target { tenant_id, environment } = Target::of_query(&query)?;
    let id: VerificationId = id.parse().map_err(|_| Fault::not_found("verification"))?;
    let found = app.kernel.db.read(move |tx| command::read(tx, tenant_id, environment, id)).await?;
    Ok(reply::json(StatusCode::OK, &VerificationView::from(found)))
}

/// `POST /operator/v1/citizens/erase`: destroys what a tenant keeps of a citizen, in both environments.
///
/// The verifications stay, without what names the person. Erasing again changes nothing.
#[utoipa::path(post, path = "/operator/v1/citizens/erase", security(("operator" = [])), responses((status = 200, body = ErasedView), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn erase(
    State(app): State<App>,
    operator: Operator,
    Json(document): Json,
) -> Result<Response, Failure> {
    let target = Target { environment: Environment::Live, ..Target::of(&document)? };
    let number = document.string("nationalId", 0..=usize::MAX).ok().and_then(NationalId::parse);
    let national_id =
        number.ok_or_else(|| Fault::invalid("nationalId", "National ID must be exactly 11 digits"))?;
    let input = Erase { national_id, secrets: Arc::clone(&app.kernel.secrets) };
    let call = operator.call(target, Service::Citizen, "/operator/v1/citizens/erase", &document);
    let answer = app.kernel.run(call, &ERASE, input, forget).await?;
    Ok(reply::json(StatusCode::OK, &answer.value))
}
