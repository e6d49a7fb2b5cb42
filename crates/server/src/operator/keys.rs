use std::sync::Arc;

use axum::extract::{Path, Query as QueryOf, State};
use axum::response::Response;
use base::id::KeyId;
use base::{Fault, KeyKind, KeyText, Service};
use http::StatusCode;
use kernel::keys::{self, GRACE_SECONDS_MAX, NewKey};
use serde_json::json;
use services::platform;
use services::platform::command::{self, CreateKey, KeyView, RotateKey};
use web::json::{Document, Value};
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
    let keys = app.kernel.db.read(move |tx| keys::list(tx, tenant_id, environment, after, limit)).await?;
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
    let service = Service::parse(document.string("service", 1..=20)?).ok_or_else(|| {
        Fault::invalid("service", "must be citizen, identity, codes, partner, quota or platform")
    })?;
    let kind = match document.optional_string("kind", 1..=20)? {
        Some(name) => KeyKind::parse(name)
            .ok_or_else(|| Fault::invalid("kind", "must be secret, publishable, pair or admin"))?,
        None => default_kind(service),
    };
    let new = NewKey {
        form: KeyText { service, kind, environment: target.environment },
        scopes: scopes(&document, service)?,
        label: document.optional_string("label", 0..=100)?.unwrap_or_default().to_owned(),
        rate_limit_per_minute: document
            .optional_integer("rateLimitPerMinute", 0..=1_000_000)?
            .map(|limit| u32::try_from(limit).expect("the range was checked")),
        expires_at: document.optional_timestamp("expiresAt")?,
        development_label: None,
    };
    let call = operator.call(target, Service::Platform, "/operator/v1/keys", &document);
    let input = CreateKey { new, secrets: Arc::clone(&app.kernel.secrets) };
    let answer = app.kernel.run(call, &command::CREATE_KEY, input, command::create_key).await?;
    Ok(reply::json(StatusCode::CREATED, &answer.value))
}

/// `DELETE /operator/v1/keys/{id}`: revokes. Once answered, no charge by the key commits.
#[utoipa::path(delete, path = "/operator/v1/keys/{id}", security(("operator" = [])), params(("id" = String, Path)), responses((status = 200, description = "`{\"id\":…}`"), (status = 404, body = Problem)))]
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

pub(crate) const fn default_kind(service: Service) -> KeyKind {
    match service {
        Service::Quota => KeyKind::Admin,
        Service::Partner => KeyKind::PairKey,
        Service::Citizen | Service::Identity | Service::Codes | Service::Platform => KeyKind::Secret,
    }
}

/// The scopes that were asked for, or all.
fn scopes(document: &Document, service: Service) -> Result<Vec<String>, Fault> {
    let known = services::scopes(service);
    if document.get("scopes").is_none() {
        return Ok(known.iter().map(|scope| (*scope).to_owned()).collect());
    }
    let wrong = || Fault::invalid("scopes", format!("must be a list of some of: {}", known.join(", ")));
    document
        .array("scopes", 0..=50)?
        .iter()
        .map(|item| match item {
            Value::String(scope) if known.contains(&scope.as_str()) => Ok(scope.clone()),
            _ => Err(wrong()),
        })
        .collect()
}

fn parse_id(text: &str) -> Result<KeyId, Fault> {
    text.parse().map_err(|_| Fault::not_found("key"))
}
