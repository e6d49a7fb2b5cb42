use std::sync::Arc;

use axum::extract::{Path, Query as QueryOf, State};
use axum::response::Response;
use base::id::KeyId;
use base::{Fault, KeyText, Service};
use http::StatusCode;
use kernel::keys::{self, Filter, GRACE_SECONDS_MAX};
use serde_json::json;
use services::platform::command::{self, ChangeKey, CreateKey, KeyView, RotateKey};
use services::platform::{self, body};
use web::json::Document;
use web::problem::Problem;
use web::{Failure, Json, reply};

use super::guard::{Operator, Query, Target};
use crate::app::App;

/// `GET /operator/v1/keys`: the keys of a tenant's environment, oldest first, without their secrets.
#[utoipa::path(get, path = "/operator/v1/keys", security(("operator" = [])), responses((status = 200, description = "`{\"data\":[…]}`")))]
pub(super) async fn list(
    State(app): State<App>,
    _: Operator,
    QueryOf(query): QueryOf<Query>,
) -> Result<Response, Failure> {
    let Target { tenant_id, environment } = Target::of_query(&query)?;
    let (after, limit) = (query.after()?, query.limit()?);
    let keys = app
        .kernel
        .db
        .read(move |tx| keys::list(tx, tenant_id, environment, Filter::default(), after, limit))
        .await?;
    let data: Vec<KeyView> = keys.into_iter().map(KeyView::of).collect();
    Ok(reply::json(StatusCode::OK, &json!({ "data": data })))
}

/// `POST /operator/v1/keys`: a new key; its secret is in this answer and nowhere else.
#[utoipa::path(post, path = "/operator/v1/keys", security(("operator" = [])), responses((status = 201, body = KeyView), (status = 400, body = Problem)))]
pub(super) async fn create(
    State(app): State<App>,
    operator: Operator,
    Json(document): Json,
) -> Result<Response, Failure> {
    let target = Target::of(&document)?;
    let (service, kind) = body::service_and_kind(&document)?;
    let fields = body::key(&document, &body::CAMEL_CASE)?;
    let known = services::scopes(service);
    let scopes = fields.scopes.clone();
    let scopes = scopes.unwrap_or_else(|| known.iter().map(|scope| (*scope).to_owned()).collect());
    command::ensure_known(&scopes, known)?;
    let form = KeyText { service, kind, environment: target.environment };
    let new = body::new_key(form, scopes, fields);
    let call = operator.call(target, Service::Platform, "/operator/v1/keys", &document);
    let input = CreateKey { new, secrets: Arc::clone(&app.kernel.secrets) };
    let answer = app.kernel.run(call, &command::CREATE_KEY, input, command::create_key).await?;
    Ok(reply::json(StatusCode::CREATED, &answer.value))
}

/// `PATCH /operator/v1/keys/{id}`: changes a key and the others of its lineage that still work.
#[utoipa::path(patch, path = "/operator/v1/keys/{id}", security(("operator" = [])), params(("id" = String, Path)), responses((status = 200, body = KeyView), (status = 400, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn change(
    State(app): State<App>,
    operator: Operator,
    Path(id): Path<String>,
    Json(document): Json,
) -> Result<Response, Failure> {
    let change = body::key(&document, &body::CAMEL_CASE)?;
    let input = ChangeKey { key_id: parse_id(&id)?, change, scopes_of: services::scopes };
    let target = Target::of(&document)?;
    let call = operator.call(target, Service::Platform, "/operator/v1/keys/{id}", &document);
    let changed = platform::change_key(&app.kernel, call, input).await?;
    Ok(reply::json(StatusCode::OK, &changed))
}

/// `DELETE /operator/v1/keys/{id}`: revokes. Once answered, no charge by the key commits.
#[utoipa::path(delete, path = "/operator/v1/keys/{id}", security(("operator" = [])), params(("id" = String, Path)), responses((status = 200, body = KeyView), (status = 404, body = Problem)))]
pub(super) async fn revoke(
    State(app): State<App>,
    operator: Operator,
    Path(id): Path<String>,
    QueryOf(query): QueryOf<Query>,
) -> Result<Response, Failure> {
    let target = Target::of_query(&query)?;
    let call = operator.call(target, Service::Platform, "/operator/v1/keys/{id}", &Document::default());
    let revoked = platform::revoke_key(&app.kernel, call, parse_id(&id)?).await?;
    Ok(reply::json(StatusCode::OK, &revoked))
}

/// `POST /operator/v1/keys/{id}/rotate`: the next secret; the old one works for `graceSeconds` more.
///
/// A `warning` in the answer says that calls begun with a replaced key may not have ended yet. Revoke that key to wait.
#[utoipa::path(post, path = "/operator/v1/keys/{id}/rotate", security(("operator" = [])), params(("id" = String, Path)), responses((status = 201, body = KeyView), (status = 409, body = Problem)))]
pub(super) async fn rotate(
    State(app): State<App>,
    operator: Operator,
    Path(id): Path<String>,
    Json(document): Json,
) -> Result<Response, Failure> {
    let input = RotateKey {
        key_id: parse_id(&id)?,
        grace_seconds: document.integer_or("graceSeconds", 0..=GRACE_SECONDS_MAX, GRACE_SECONDS_MAX)?,
        secrets: Arc::clone(&app.kernel.secrets),
    };
    let target = Target::of(&document)?;
    let call = operator.call(target, Service::Platform, "/operator/v1/keys/{id}/rotate", &document);
    let key = platform::rotate_key(&app.kernel, call, input).await?;
    Ok(reply::json(StatusCode::CREATED, &key))
}

fn parse_id(text: &str) -> Result<KeyId, Fault> {
    text.parse().map_err(|_| Fault::not_found("key"))
}
