use std::sync::Arc;

use axum::extract::{Path, Query as QueryOf, State};
use axum::response::Response;
use base::{Fault, Service};
use db::Tx;
use http::StatusCode;
use kernel::webhooks;
use serde_json::json;
use services::platform::command::{
    self, ChangeWebhook, CreateWebhook, DeliveryView, EventView, ReplayWebhook, ReplayedView, RotateWebhook,
    SentEventView, TestWebhook, WebhookView,
};
use services::platform::webhook;
use web::json::Document;
use web::problem::Problem;
use web::{Failure, Json, reply};

use super::guard::{Operator, Query, Target};
use crate::app::App;

/// `GET /operator/v1/webhooks`: the webhooks of a tenant's environment, oldest first, without their secrets.
#[utoipa::path(get, path = "/operator/v1/webhooks", security(("operator" = [])), responses((status = 200, description = "`{\"data\":[…]}`")))]
pub(super) async fn list(
    State(app): State<App>,
    _: Operator,
    QueryOf(query): QueryOf<Query>,
) -> Result<Response, Failure> {
    let Target { tenant_id, environment } = Target::of_query(&query)?;
    let (after, limit) = (query.after()?, query.limit()?);
    let read = move |tx: &mut Tx<'_>| webhooks::list(tx, tenant_id, environment, after, limit);
    let data: Vec<WebhookView> = app.kernel.db.read(read).await?.into_iter().map(WebhookView::of).collect();
    Ok(reply::json(StatusCode::OK, &json!({ "data": data })))
}

/// `POST /operator/v1/webhooks`: a new webhook; its secret is in this answer and nowhere else.
#[utoipa::path(post, path = "/operator/v1/webhooks", security(("operator" = [])), responses((status = 201, body = WebhookView), (status = 400, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn create(
    State(app): State<App>,
    operator: Operator,
    Json(document): Json,
) -> Result<Response, Failure> {
    let target = Target::of(&document)?;
    let new = webhook::new_endpoint(&document, app.receivers)?;
    let call = operator.call(target, Service::Platform, "/operator/v1/webhooks", &document);
    let kernel = &app.kernel;
    let input = CreateWebhook { new, secrets: Arc::clone(&kernel.secrets), forms: kernel.forms };
    let answer = kernel.run(call, &command::CREATE_WEBHOOK, input, command::create_webhook).await?;
    Ok(reply::json(StatusCode::CREATED, &answer.value))
}

/// `GET /operator/v1/webhooks/{id}`: one webhook without its secret.
#[utoipa::path(get, path = "/operator/v1/webhooks/{id}", security(("operator" = [])), params(("id" = String, Path)), responses((status = 200, body = WebhookView), (status = 404, body = Problem)))]
pub(super) async fn get(
    State(app): State<App>,
    _: Operator,
    Path(id): Path<String>,
    QueryOf(query): QueryOf<Query>,
) -> Result<Response, Failure> {
    let Target { tenant_id, environment } = Target::of_query(&query)?;
    let endpoint_id = webhook::parse_id(&id)?;
    let read = move |tx: &mut Tx<'_>| webhooks::find(tx, tenant_id, environment, endpoint_id);
    Ok(reply::json(StatusCode::OK, &WebhookView::of(app.kernel.db.read(read).await?)))
}

/// `PATCH /operator/v1/webhooks/{id}`: changes a webhook.
#[utoipa::path(patch, path = "/operator/v1/webhooks/{id}", security(("operator" = [])), params(("id" = String, Path)), responses((status = 200, body = WebhookView), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn change(
    State(app): State<App>,
    operator: Operator,
    Path(id): Path<String>,
    Json(document): Json,
) -> Result<Response, Failure> {
    let target = Target::of(&document)?;
    let change = webhook::endpoint_change(&document, app.receivers)?;
    let input = ChangeWebhook { endpoint_id: webhook::parse_id(&id)?, change, forms: app.kernel.forms };
    let call = operator.call(target, Service::Platform, "/operator/v1/webhooks/{id}", &document);
    let answer = app.kernel.run(call, &command::CHANGE_WEBHOOK, input, command::change_webhook).await?;
    Ok(reply::json(StatusCode::OK, &answer.value))
}

/// `DELETE /operator/v1/webhooks/{id}`: deletes a webhook, and with it what it has not delivered yet.
#[utoipa::path(delete, path = "/operator/v1/webhooks/{id}", security(("operator" = [])), params(("id" = String, Path)), responses((status = 200, body = WebhookView), (status = 404, body = Problem)))]
pub(super) async fn delete(
    State(app): State<App>,
    operator: Operator,
    Path(id): Path<String>,
    QueryOf(query): QueryOf<Query>,
) -> Result<Response, Failure> {
    let target = Target::of_query(&query)?;
    let call = operator.call(target, Service::Platform, "/operator/v1/webhooks/{id}", &Document::default());
    let endpoint_id = webhook::parse_id(&id)?;
    let answer = app.kernel.run(call, &command::DELETE_WEBHOOK, endpoint_id, command::delete_webhook).await?;
    Ok(reply::json(StatusCode::OK, &answer.value))
}

/// `POST /operator/v1/webhooks/{id}/rotate-secret`: the next secret; the old one signs for 24 hours more.
#[utoipa::path(post, path = "/operator/v1/webhooks/{id}/rotate-secret", security(("operator" = [])), params(("id" = String, Path)), responses((status = 201, body = WebhookView), (status = 404, body = Problem)))]
pub(super) async fn rotate(
    State(app): State<App>,
    operator: Operator,
    Path(id): Path<String>,
    Json(document): Json,
) -> Result<Response, Failure> {
    let target = Target::of(&document)?;
    let secrets = Arc::clone(&app.kernel.secrets);
    let input = RotateWebhook { endpoint_id: webhook::parse_id(&id)?, secrets };
    let route = "/operator/v1/webhooks/{id}/rotate-secret";
    let call = operator.call(target, Service::Platform, route, &document);
    let answer = app.kernel.run(call, &command::ROTATE_WEBHOOK, input, command::rotate_webhook).await?;
    Ok(reply::json(StatusCode::CREATED, &answer.value))
}

/// `POST /operator/v1/webhooks/{id}/test`: sends a test event to this webhook alone.
#[utoipa::path(post, path = "/operator/v1/webhooks/{id}/test", security(("operator" = [])), params(("id" = String, Path)), responses((status = 202, body = SentEventView), (status = 404, body = Problem)))]
pub(super) async fn test(
    State(app): State<App>,
    operator: Operator,
    Path(id): Path<String>,
    Json(document): Json,
) -> Result<Response, Failure> {
    let target = Target::of(&document)?;
    let input = TestWebhook { endpoint_id: webhook::parse_id(&id)?, forms: app.kernel.forms };
    let call = operator.call(target, Service::Platform, "/operator/v1/webhooks/{id}/test", &document);
    let answer = app.kernel.run(call, &command::TEST_WEBHOOK, input, command::test_webhook).await?;
    Ok(reply::json(StatusCode::ACCEPTED, &answer.value))
}

/// `POST /operator/v1/webhooks/{id}/replay`: delivers again.
#[utoipa::path(post, path = "/operator/v1/webhooks/{id}/replay", security(("operator" = [])), params(("id" = String, Path)), responses((status = 202, body = ReplayedView), (status = 400, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn replay(
    State(app): State<App>,
    operator: Operator,
    Path(id): Path<String>,
    Json(document): Json,
) -> Result<Response, Failure> {
    let target = Target::of(&document)?;
    let replay = webhook::replay(&document, app.kernel.clock.now())?;
    let input = ReplayWebhook { endpoint_id: webhook::parse_id(&id)?, replay };
    let call = operator.call(target, Service::Platform, "/operator/v1/webhooks/{id}/replay", &document);
    let answer = app.kernel.run(call, &command::REPLAY_WEBHOOK, input, command::replay_webhook).await?;
    Ok(reply::json(StatusCode::ACCEPTED, &answer.value))
}

/// The query of a list of deliveries, besides [`Query`].
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct DeliveriesQuery {
    status: Option<String>,
}

/// `GET /operator/v1/webhooks/{id}/deliveries`: what went, goes and did not go to a webhook, newest first.
///
/// The list goes back in time: `after` is the id that ended the page before, and older rows follow.
#[utoipa::path(get, path = "/operator/v1/webhooks/{id}/deliveries", security(("operator" = [])), params(("id" = String, Path)), responses((status = 200, body = Vec<DeliveryView>, description = "`{\"data\":[…]}`"), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn deliveries(
    State(app): State<App>,
    _: Operator,
    Path(id): Path<String>,
    QueryOf(query): QueryOf<Query>,
    QueryOf(wanted): QueryOf<DeliveriesQuery>,
) -> Result<Response, Failure> {
    let Target { tenant_id, environment } = Target::of_query(&query)?;
    let (before, limit) = (query.after()?, query.limit()?);
    let status = webhook::status(wanted.status.as_deref())?;
    let endpoint_id = webhook::parse_id(&id)?;
    let read = move |tx: &mut Tx<'_>| {
        webhooks::list_deliveries(tx, tenant_id, environment, endpoint_id, status, before, limit)
    };
    let data: Vec<DeliveryView> = app.kernel.db.read(read).await?.into_iter().map(DeliveryView::of).collect();
    Ok(reply::json(StatusCode::OK, &json!({ "data": data })))
}

/// `GET /operator/v1/events`: the events of a tenant's environment in the order of their numbers, without a gap.
///
/// `after` is the `seq` that ended the page before.
#[utoipa::path(get, path = "/operator/v1/events", security(("operator" = [])), responses((status = 200, body = Vec<EventView>, description = "`{\"data\":[…]}`"), (status = 400, body = Problem)))]
pub(super) async fn events(
    State(app): State<App>,
    _: Operator,
    QueryOf(query): QueryOf<Query>,
) -> Result<Response, Failure> {
    let Target { tenant_id, environment } = Target::of_query(&query)?;
    let (after, limit) = (webhook::after(query.after.as_deref())?, query.limit()?);
    let read = move |tx: &mut Tx<'_>| webhooks::events(tx, tenant_id, environment, after, limit);
    let rows = app.kernel.db.read(read).await?;
    let data: Result<Vec<EventView>, Fault> = rows.into_iter().map(EventView::of).collect();
    Ok(reply::json(StatusCode::OK, &json!({ "data": data? })))
}
