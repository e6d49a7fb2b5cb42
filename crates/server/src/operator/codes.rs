use std::sync::Arc;

use axum::extract::{Path, Query as QueryOf, State};
use axum::response::Response;
use base::id::BatchId;
use base::{Environment, Fault, Service};
use db::Tx;
use http::{HeaderMap, StatusCode};
use kernel::tenancy;
use serde::Serialize;
use serde_json::json;
use services::codes::api::DownloadQuery;
use services::codes::command::batch::{self, BatchView};
use services::codes::command::epoch::{self, CloseEpoch, EpochView};
use services::codes::command::look::{Genuine, look_as};
use services::codes::command::{CLOSE_EPOCH, mint};
use utoipa::ToSchema;
use web::json::{Document, Value};
use web::problem::Problem;
use web::{Failure, Json, reply};

use super::guard::{Operator, Query, Target};
use crate::app::App;

const TOKENS_MAX: usize = 1000;
const TOKEN_LENGTH_MAX: usize = 512;

/// `GET /operator/v1/codes/batches`: the batches of product codes of a tenant's environment, newest first.
///
/// The list goes back in time: `after` is the id that ended the page before, and older ones follow.
#[utoipa::path(get, path = "/operator/v1/codes/batches", security(("operator" = [])), responses((status = 200, body = Vec<BatchView>, description = "`{\"data\":[…]}`"), (status = 400, body = Problem)))]
pub(super) async fn list(
    State(app): State<App>,
    _: Operator,
    QueryOf(query): QueryOf<Query>,
) -> Result<Response, Failure> {
    let Target { tenant_id, environment } = Target::of_query(&query)?;
    let (before, limit) = (query.after()?, query.limit()?);
    let read = move |tx: &mut Tx<'_>| batch::list(tx, tenant_id, environment, "", before, limit);
    let batches = app.kernel.db.read(read).await?;
    let data: Result<Vec<BatchView>, Fault> =
        batches.into_iter().map(|batch| BatchView::of(batch, None)).collect();
    Ok(reply::json(StatusCode::OK, &json!({ "data": data? })))
}

/// `GET /operator/v1/codes/batches/{id}`: a batch, and what became of its codes.
#[utoipa::path(get, path = "/operator/v1/codes/batches/{id}", security(("operator" = [])), params(("id" = String, Path)), responses((status = 200, body = BatchView), (status = 404, body = Problem)))]
pub(super) async fn get(
    State(app): State<App>,
    _: Operator,
    Path(id): Path<String>,
    QueryOf(query): QueryOf<Query>,
) -> Result<Response, Failure> {
    let Target { tenant_id, environment } = Target::of_query(&query)?;
    let batch_id: BatchId = id.parse().map_err(|_| batch::not_found())?;
    let read = move |tx: &mut Tx<'_>| batch::read(tx, tenant_id, environment, batch_id);
    Ok(reply::json(StatusCode::OK, &app.kernel.db.read(read).await?))
}

/// `GET /operator/v1/codes/batches/{id}/codes`: the codes of a batch as a file, as its tenant gets them.
#[utoipa::path(get, path = "/operator/v1/codes/batches/{id}/codes", security(("operator" = [])), params(("id" = String, Path), DownloadQuery), responses((status = 200, description = "The file.", content_type = "text/csv", body = String), (status = 206, description = "The part of it that `Range` asks for.", content_type = "text/csv", body = String), (status = 400, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn download(
    State(app): State<App>,
    _: Operator,
    Path(id): Path<String>,
    QueryOf(query): QueryOf<Query>,
    QueryOf(wanted): QueryOf<DownloadQuery>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let Target { tenant_id, environment } = Target::of_query(&query)?;
    Ok(app.codes.export((tenant_id, environment), &id, &wanted, &headers).await?)
}

/// What a token is among the codes of a tenant.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LookView {
    /// As it was sent.
    token: String,
    /// `null`, as the fields after it, for a token that is none of the tenant's.
    #[schema(value_type = Option<String>)]
    batch_id: Option<BatchId>,
    serial: Option<String>,
    /// Within its batch, counted from 1.
    position: Option<i64>,
}

/// `POST /operator/v1/codes/look`: what up to 1000 tokens are among a tenant's codes, in their order. Records no scan.
#[utoipa::path(post, path = "/operator/v1/codes/look", security(("operator" = [])), responses((status = 200, body = Vec<LookView>, description = "`{\"data\":[…]}`"), (status = 400, body = Problem)))]
pub(super) async fn look(
    State(app): State<App>,
    _: Operator,
    Json(document): Json,
) -> Result<Response, Failure> {
    let Target { tenant_id, environment } = Target::of(&document)?;
    let tokens = tokens(&document)?;
    let (keys, now) = (Arc::clone(app.codes.keys()), app.kernel.clock.now());
    let read = move |tx: &mut Tx<'_>| {
        let mut found = Vec::with_capacity(tokens.len());
        for token in &tokens {
            let code = look_as(tx, &keys, (tenant_id, environment), token, now)?;
            found.push(LookView {
                token: token.clone(),
                serial: code.as_ref().map(Genuine::serial),
                position: code.as_ref().map(|code| code.number.since(code.batch.first) + 1),
                batch_id: code.map(|code| code.batch.batch_id),
            });
        }
        Ok(found)
    };
    Ok(reply::json(StatusCode::OK, &json!({ "data": app.kernel.db.read(read).await? })))
}

fn tokens(document: &Document) -> Result<Vec<String>, Fault> {
    let items = document.array("tokens", 1..=TOKENS_MAX)?;
    let read = |(index, item): (usize, &Value)| match item {
        Value::String(text) if text.len() <= TOKEN_LENGTH_MAX => Ok(text.clone()),
        _ => Err(Fault::invalid(format!("tokens.{index}"), "must be a token")),
    };
    items.iter().enumerate().map(read).collect()
}

/// `GET /operator/v1/codes/epochs`: the epochs of the token key: which one mints, and which were closed.
#[utoipa::path(get, path = "/operator/v1/codes/epochs", security(("operator" = [])), responses((status = 200, body = Vec<EpochView>, description = "`{\"data\":[…]}`")))]
pub(super) async fn epochs(State(app): State<App>, _: Operator) -> Result<Response, Failure> {
    let keys = Arc::clone(app.codes.keys());
    let epochs = app.kernel.db.read(move |tx| epoch::list(tx, &keys)).await?;
    Ok(reply::json(StatusCode::OK, &json!({ "data": epochs })))
}

/// `POST /operator/v1/codes/epochs/close`: refuses tokens of an epoch that are minted from now on or, with `batchId` and
/// `tenantId`, those of that batch and of all that were minted after it. There is no way back.
#[utoipa::path(post, path = "/operator/v1/codes/epochs/close", security(("operator" = [])), responses((status = 200, body = EpochView), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn close_epoch(
    State(app): State<App>,
    operator: Operator,
    Json(document): Json,
) -> Result<Response, Failure> {
    let keys = Arc::clone(app.codes.keys());
    let epoch = document.integer("epoch", 1..=i64::from(u8::MAX))?;
    let held = keys.epochs().find(|held| i64::from(*held) == epoch);
    let epoch = held.ok_or_else(|| Fault::invalid("epoch", "must be one that this server holds"))?;
    let environment = document.string("environment", 1..=8)?;
    let environment = Environment::parse(environment)
        .ok_or_else(|| Fault::invalid("environment", "must be test or live"))?;
    let from = match document.optional_string("batchId", 1..=64)? {
        None => None,
        Some(id) => {
            let (Target { tenant_id, .. }, id) = (Target::of(&document)?, id.parse());
            let batch_id: BatchId = id.map_err(|_| batch::not_found())?;
            let find = move |tx: &mut Tx<'_>| batch::find(tx, tenant_id, environment, batch_id);
            Some(app.kernel.db.read(find).await?)
        }
    };
    let target = Target { tenant_id: tenancy::INSTALLATION, environment };
    let call = operator.call(target, Service::Codes, "/operator/v1/codes/epochs/close", &document);
    let answer = app.kernel.run(call, &CLOSE_EPOCH, CloseEpoch { epoch, from, keys }, epoch::close).await?;
    Ok(reply::json(StatusCode::OK, &answer.value))
}

/// What keeps this node from minting codes, if anything does: for `doctor`.
///
/// # Errors
/// A database failure.
pub(super) async fn problems(app: &App) -> Result<Vec<String>, Fault> {
    let keys = Arc::clone(app.codes.keys());
    let read = move |tx: &mut Tx<'_>| Ok((epoch::in_use(tx, &keys)?, epoch::list(tx, &keys)?));
    let (in_use, epochs) = app.kernel.db.read(read).await?;
    if epochs.iter().all(|epoch| epoch.epoch != in_use) {
        return Ok(vec![format!(
            "Epoch {in_use} of product codes was activated, which this node's secrets file lacks. Copy the newer \
             secrets file to this node and restart it."
        )]);
    }
    let closed = epochs.iter().filter(|epoch| epoch.is_in_use && epoch.closed_at.is_some());
    Ok(closed
        .map(|epoch| {
            format!(
                "No {} codes can be minted: epoch {in_use} was closed. Add the next one with `attestry secrets rotate \
                 --kind {}`, restart, and activate it.",
                epoch.environment,
                mint::CODE_SECRET
            )
        })
        .collect())
}
