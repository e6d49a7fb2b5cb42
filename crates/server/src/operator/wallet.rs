use axum::extract::{Query as QueryOf, State};
use axum::response::Response;
use base::Service;
use db::Tx;
use http::StatusCode;
use kernel::ledger::{self, AMOUNT_MAX};
use serde_json::json;
use services::platform::body;
use services::platform::command::{self, Grant, TransferView, WalletView};
use web::problem::Problem;
use web::{Failure, Json, reply};

use super::guard::{Operator, Query, Target};
use crate::app::App;

/// `GET /operator/v1/wallet`: the credits of a tenant's environment.
#[utoipa::path(get, path = "/operator/v1/wallet", security(("operator" = [])), responses((status = 200, body = WalletView), (status = 404, body = Problem)))]
pub(super) async fn get(
    State(app): State<App>,
    _: Operator,
    QueryOf(query): QueryOf<Query>,
) -> Result<Response, Failure> {
    let Target { tenant_id, environment } = Target::of_query(&query)?;
    let wallet = app.kernel.db.read(move |tx| command::read_wallet(tx, tenant_id, environment)).await?;
    Ok(reply::json(StatusCode::OK, &wallet))
}

/// The query of a list of transfers, besides [`Query`].
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct TransfersQuery {
    from: Option<String>,
    to: Option<String>,
    kind: Option<String>,
}

/// `GET /operator/v1/transfers`: what moved in and out of a wallet, newest first.
///
/// The list goes back in time: `after` is the id that ended the page before, and older rows follow.
#[utoipa::path(get, path = "/operator/v1/transfers", security(("operator" = [])), responses((status = 200, description = "`{\"data\":[…]}`"), (status = 400, body = Problem)))]
pub(super) async fn transfers(
    State(app): State<App>,
    _: Operator,
    QueryOf(query): QueryOf<Query>,
    QueryOf(wanted): QueryOf<TransfersQuery>,
) -> Result<Response, Failure> {
    let Target { tenant_id, environment } = Target::of_query(&query)?;
    let filter = body::transfer_filter(wanted.from.as_deref(), wanted.to.as_deref(), wanted.kind.as_deref())?;
    let (after, limit) = (query.after()?, query.limit()?);
    let read =
        move |tx: &mut Tx<'_>| ledger::wallet_transfers(tx, tenant_id, environment, filter, after, limit);
    let rows = app.kernel.db.read(read).await?;
    let data: Vec<_> = rows.into_iter().map(|row| TransferView::of(tenant_id, environment, row)).collect();
    Ok(reply::json(StatusCode::OK, &json!({ "data": data })))
}

/// `POST /operator/v1/credits`: books a payment. An `Idempotency-Key` is required.
#[utoipa::path(post, path = "/operator/v1/credits", security(("operator" = [])), params(("Idempotency-Key" = String, Header)), responses((status = 200, body = WalletView), (status = 409, body = Problem)))]
pub(super) async fn grant(
    State(app): State<App>,
    operator: Operator,
    Json(document): Json,
) -> Result<Response, Failure> {
    let grant = Grant {
        amount: document.integer("amount", 1..=AMOUNT_MAX)?,
        reference: document.string("reference", 1..=128)?.to_owned(),
    };
    let call = operator.call(Target::of(&document)?, Service::Platform, "/operator/v1/credits", &document);
    let answer = app.kernel.run(call, &command::GRANT, grant, command::grant).await?;
    Ok(reply::json(StatusCode::OK, &answer.value))
}

/// `POST /operator/v1/wallet/floor`: lets a wallet be spent down to `floor`: below zero what its tenant may owe.
#[utoipa::path(post, path = "/operator/v1/wallet/floor", security(("operator" = [])), responses((status = 200, body = WalletView), (status = 400, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn set_floor(
    State(app): State<App>,
    operator: Operator,
    Json(document): Json,
) -> Result<Response, Failure> {
    let floor = document.integer("floor", -AMOUNT_MAX..=AMOUNT_MAX)?;
    let target = Target::of(&document)?;
    let call = operator.call(target, Service::Platform, "/operator/v1/wallet/floor", &document);
    let answer = app.kernel.run(call, &command::SET_FLOOR, floor, command::set_floor).await?;
    Ok(reply::json(StatusCode::OK, &answer.value))
}
