use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use base::Fault;
use http::StatusCode;
use kernel::spine::Scope;
use kernel::webhooks as kernel_webhooks;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use web::json::{Document, both};
use web::page::{Listed, Page, Place};
use web::problem::Problem;
use web::{Caller, Failure, Json, reply};

use crate::platform::command::{
    self, ChangeWebhook, CreateWebhook, DeliveryView, EventView, ReplayWebhook, ReplayedView, RotateWebhook,
    SentEventView, TestWebhook, WebhookView,
};
use crate::platform::{Platform, webhook};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// 1 to 100, 20 unless said.
    #[param(example = "20")]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// `GET /platform/v1/webhooks`: the webhooks of the environment, oldest first, without their secrets. Free.
#[utoipa::path(
    get,
    path = "/platform/v1/webhooks",
    summary = "List webhooks",
    security(("platform" = ["webhooks:read"])),
    params(ListQuery),
    responses(
        (status = 200, body = Listed<WebhookView>),
        (status = 400, description = "A parameter of the query is wrong.", body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 429, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn list(
    State(platform): State<Platform>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Response, Failure> {
    caller.caller.ensure_scope(Scope::Key("webhooks:read"))?;
    let (who, kernel) = (caller.caller, &platform.kernel);
    let place = Place { route: "/platform/v1/webhooks", filters: &[] };
    let page = Page::of(kernel, &who, place, query.limit.as_deref(), query.cursor.as_deref())?;
    let (after, rows_max) = (page.after()?, page.rows_max());
    let read =
        move |tx: &mut db::Tx<'_>| kernel_webhooks::list(tx, who.tenant_id, who.environment, after, rows_max);
    let page = page.listed(kernel.db.read(read).await?, |endpoint| endpoint.endpoint_id.text());
    Ok(reply::json(StatusCode::OK, &page.map(WebhookView::of)))
}

#[derive(ToSchema)]
#[schema(as = NewWebhook)]
#[expect(dead_code, reason = "the document's view of a body that is read field by field")]
struct NewWebhookBody {
    /// By https, on port 443 or 8443, and not into a private network.
    #[schema(max_length = 2048, example = "https://example.com/hooks/attestry")]
    url: String,
    /// `citizen`, `identity`, `codes`, `partner`, `quota` or `platform`.
    #[schema(example = "citizen")]
    service: String,
    /// Absent or `null`: all of the service.
    #[schema(min_items = 1, max_items = 50, example = json!(["verification_completed", "credits_low"]))]
    events: Option<Vec<String>>,
    #[schema(max_length = 200, example = "production")]
    description: Option<String>,
    #[schema(default = true, example = true)]
    active: Option<bool>,
}

/// `POST /platform/v1/webhooks`: makes a webhook; its secret is in this answer and nowhere else. Free.
#[utoipa::path(
    post,
    path = "/platform/v1/webhooks",
    summary = "Create a webhook",
    description = "From now on the events of the service go to this address. The `secret` is shown in this answer, and \
                   again only to a retry with the same `Idempotency-Key`.",
    security(("platform" = ["webhooks:write"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Any unique value; the same one for a retry. Kept 24 hours.")),
    request_body = NewWebhookBody,
    responses(
        (status = 201, body = WebhookView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The environment has as many webhooks as it may have, or the same request is at work.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The `Idempotency-Key` came with another request.", body = Problem, content_type = "application/problem+json"),
        (status = 429, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn create(
    State(platform): State<Platform>,
    caller: Caller,
    Json(document): Json,
) -> Result<Response, Failure> {
    let kernel = &platform.kernel;
    let new = webhook::new_endpoint(&document, platform.receivers)?;
    let call = caller.call("/platform/v1/webhooks", &document);
    let input = CreateWebhook { new, secrets: Arc::clone(&kernel.secrets), forms: kernel.forms };
    let answer = kernel.run(call, &command::CREATE_WEBHOOK, input, command::create_webhook).await?;
    Ok(reply::json(StatusCode::CREATED, &answer.value))
}

/// `GET /platform/v1/webhooks/{id}`: one webhook without its secret. Free.
#[utoipa::path(
    get,
    path = "/platform/v1/webhooks/{id}",
    summary = "Get a webhook",
    security(("platform" = ["webhooks:read"])),
    params(("id" = String, Path, description = "`we_…`")),
    responses(
        (status = 200, body = WebhookView),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 429, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn get(
    State(platform): State<Platform>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    caller.caller.ensure_scope(Scope::Key("webhooks:read"))?;
    let (who, endpoint_id) = (caller.caller, webhook::parse_id(&id)?);
    let find =
        move |tx: &mut db::Tx<'_>| kernel_webhooks::find(tx, who.tenant_id, who.environment, endpoint_id);
    Ok(reply::json(StatusCode::OK, &WebhookView::of(platform.kernel.db.read(find).await?)))
}

#[derive(ToSchema)]
#[schema(as = WebhookChange)]
#[expect(dead_code, reason = "the document's view of a body that is read field by field")]
struct ChangeBody {
    #[schema(max_length = 2048, example = "https://example.com/hooks/attestry")]
    url: Option<String>,
    /// `null`: all of the service.
    #[schema(min_items = 1, max_items = 50, example = json!(["verification_completed"]))]
    events: Option<Vec<String>>,
    #[schema(max_length = 200, example = "production")]
    description: Option<String>,
    /// `true` delivers what was held, too.
    #[schema(example = true)]
    active: Option<bool>,
}

/// `PATCH /platform/v1/webhooks/{id}`: changes a webhook. Free.
#[utoipa::path(
    patch,
    path = "/platform/v1/webhooks/{id}",
    summary = "Change a webhook",
    description = "What is not named stays as it is. What is not active holds its deliveries; active again, it delivers \
                   them.",
    security(("platform" = ["webhooks:write"])),
    params(("id" = String, Path, description = "`we_…`")),
    request_body = ChangeBody,
    responses(
        (status = 200, body = WebhookView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 429, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn patch(
    State(platform): State<Platform>,
    caller: Caller,
    Path(id): Path<String>,
    Json(document): Json,
) -> Result<Response, Failure> {
    let change = webhook::endpoint_change(&document, platform.receivers)?;
    let input = ChangeWebhook { endpoint_id: webhook::parse_id(&id)?, change, forms: platform.kernel.forms };
    let call = caller.call("/platform/v1/webhooks/{id}", &document);
    let answer = platform.kernel.run(call, &command::CHANGE_WEBHOOK, input, command::change_webhook).await?;
    Ok(reply::json(StatusCode::OK, &answer.value))
}

/// `DELETE /platform/v1/webhooks/{id}`: deletes a webhook, and with it what it has not delivered yet. Free.
#[utoipa::path(
    delete,
    path = "/platform/v1/webhooks/{id}",
    summary = "Delete a webhook",
    description = "Nothing is sent to it any more, but what is under way.",
    security(("platform" = ["webhooks:write"])),
    params(("id" = String, Path, description = "`we_…`")),
    responses(
        (status = 200, body = WebhookView),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 429, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn delete(
    State(platform): State<Platform>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let call = caller.call("/platform/v1/webhooks/{id}", &Document::default());
    let endpoint_id = webhook::parse_id(&id)?;
    let answer =
        platform.kernel.run(call, &command::DELETE_WEBHOOK, endpoint_id, command::delete_webhook).await?;
    Ok(reply::json(StatusCode::OK, &answer.value))
}

/// `POST /platform/v1/webhooks/{id}/rotate-secret`: the next secret; the old one signs for 24 hours more. Free.
#[utoipa::path(
    post,
    path = "/platform/v1/webhooks/{id}/rotate-secret",
    summary = "Rotate the secret of a webhook",
    description = "For 24 hours the header `webhook-signature` carries a signature of each secret, and the signature \
                   headers of the service's own keep the old one. Rotated again meanwhile, the newest secret is \
                   replaced, and the old one keeps its deadline.",
    security(("platform" = ["webhooks:write"])),
    params(("id" = String, Path, description = "`we_…`"), ("Idempotency-Key" = Option<String>, Header, description = "Any unique value; the same one for a retry. Kept 24 hours.")),
    responses(
        (status = 201, body = WebhookView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The same request is at work.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The `Idempotency-Key` came with another request.", body = Problem, content_type = "application/problem+json"),
        (status = 429, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn rotate(
    State(platform): State<Platform>,
    caller: Caller,
    Path(id): Path<String>,
    Json(document): Json,
) -> Result<Response, Failure> {
    let kernel = &platform.kernel;
    let input = RotateWebhook { endpoint_id: webhook::parse_id(&id)?, secrets: Arc::clone(&kernel.secrets) };
    let call = caller.call("/platform/v1/webhooks/{id}/rotate-secret", &document);
    let answer = kernel.run(call, &command::ROTATE_WEBHOOK, input, command::rotate_webhook).await?;
    Ok(reply::json(StatusCode::CREATED, &answer.value))
}

/// `POST /platform/v1/webhooks/{id}/test`: sends a test event to this webhook alone. Free.
#[utoipa::path(
    post,
    path = "/platform/v1/webhooks/{id}/test",
    summary = "Send a test event",
    description = "An event of the type `webhook.test` (citizen: `webhook_test`) takes the way of every other, to this \
                   webhook whatever events it asks for. Look at the deliveries to see what became of it.",
    security(("platform" = ["webhooks:write"])),
    params(("id" = String, Path, description = "`we_…`"), ("Idempotency-Key" = Option<String>, Header, description = "Any unique value; the same one for a retry. Kept 24 hours.")),
    responses(
        (status = 202, body = SentEventView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The same request is at work.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The `Idempotency-Key` came with another request.", body = Problem, content_type = "application/problem+json"),
        (status = 429, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn test(
    State(platform): State<Platform>,
    caller: Caller,
    Path(id): Path<String>,
    Json(document): Json,
) -> Result<Response, Failure> {
    let input = TestWebhook { endpoint_id: webhook::parse_id(&id)?, forms: platform.kernel.forms };
    let call = caller.call("/platform/v1/webhooks/{id}/test", &document);
    let answer = platform.kernel.run(call, &command::TEST_WEBHOOK, input, command::test_webhook).await?;
    Ok(reply::json(StatusCode::ACCEPTED, &answer.value))
}

#[derive(ToSchema)]
#[schema(as = Replay)]
#[expect(dead_code, reason = "the document's view of a body that is read field by field")]
struct ReplayBody {
    /// One delivery; without the other fields.
    #[serde(rename = "deliveryId")]
    #[schema(example = "dlv_01k0example0000000000000000")]
    delivery_id: Option<String>,
    /// Or those of events from here on
    #[schema(format = DateTime)]
    since: Option<String>,
    /// to before here, which is now unless said.
    #[schema(format = DateTime)]
    until: Option<String>,
    /// `false`: what was delivered, too.
    #[schema(default = true)]
    failed: Option<bool>,
}

/// `POST /platform/v1/webhooks/{id}/replay`: delivers again. Free.
#[utoipa::path(
    post,
    path = "/platform/v1/webhooks/{id}/replay",
    summary = "Deliver again",
    description = "One delivery, or those that have ended of a range of time, at most 10 000 a call. They keep their \
                   ids, and their schedule begins anew.",
    security(("platform" = ["webhooks:write"])),
    params(("id" = String, Path, description = "`we_…`"), ("Idempotency-Key" = Option<String>, Header, description = "Any unique value; the same one for a retry. Kept 24 hours.")),
    request_body = ReplayBody,
    responses(
        (status = 202, body = ReplayedView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The delivery is under way, or the same request is at work.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The `Idempotency-Key` came with another request.", body = Problem, content_type = "application/problem+json"),
        (status = 429, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn replay(
    State(platform): State<Platform>,
    caller: Caller,
    Path(id): Path<String>,
    Json(document): Json,
) -> Result<Response, Failure> {
    let kernel = &platform.kernel;
    let endpoint_id = webhook::parse_id(&id)?;
    let replay = webhook::replay(&document, kernel.clock.now())?;
    let call = caller.call("/platform/v1/webhooks/{id}/replay", &document);
    let input = ReplayWebhook { endpoint_id, replay };
    let answer = kernel.run(call, &command::REPLAY_WEBHOOK, input, command::replay_webhook).await?;
    Ok(reply::json(StatusCode::ACCEPTED, &answer.value))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DeliveriesQuery {
    /// `pending`, `retrying`, `delivered`, `failed` or `held`.
    #[param(example = "failed")]
    status: Option<String>,
    /// 1 to 100, 20 unless said.
    #[param(example = "20")]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// `GET /platform/v1/webhooks/{id}/deliveries`: what went, goes and did not go to a webhook, newest first. Free.
#[utoipa::path(
    get,
    path = "/platform/v1/webhooks/{id}/deliveries",
    summary = "List deliveries",
    security(("platform" = ["webhooks:read"])),
    params(("id" = String, Path, description = "`we_…`"), DeliveriesQuery),
    responses(
        (status = 200, body = Listed<DeliveryView>),
        (status = 400, description = "A parameter of the query is wrong.", body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 429, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn deliveries(
    State(platform): State<Platform>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<DeliveriesQuery>,
) -> Result<Response, Failure> {
    caller.caller.ensure_scope(Scope::Key("webhooks:read"))?;
    let (who, kernel, endpoint_id) = (caller.caller, &platform.kernel, webhook::parse_id(&id)?);
    let filters = [id.as_str(), query.status.as_deref().unwrap_or_default()];
    let place = Place { route: "/platform/v1/webhooks/{id}/deliveries", filters: &filters };
    let page = Page::of(kernel, &who, place, query.limit.as_deref(), query.cursor.as_deref());
    let (status, page) = both(webhook::status(query.status.as_deref()), page)?;
    let (before, rows_max) = (page.after()?, page.rows_max());
    let read = move |tx: &mut db::Tx<'_>| {
        let (tenant_id, environment) = (who.tenant_id, who.environment);
        kernel_webhooks::list_deliveries(tx, tenant_id, environment, endpoint_id, status, before, rows_max)
    };
    let page = page.listed(kernel.db.read(read).await?, |delivery| delivery.delivery_id.text());
    Ok(reply::json(StatusCode::OK, &page.map(DeliveryView::of)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EventsQuery {
    /// The `seq` of the last event that is known; 0 unless said.
    #[param(example = "0")]
    after: Option<String>,
    /// 1 to 100, 20 unless said.
    #[param(example = "20")]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// `GET /platform/v1/events`: every event of the environment in the order of its number, without a gap. Free.
#[utoipa::path(
    get,
    path = "/platform/v1/events",
    summary = "List events",
    description = "Every event that webhooks deliver, whether there are webhooks or not. Numbers begin at 1 and leave \
                   none out, so that whoever keeps the last one it saw knows what it missed.",
    security(("platform" = ["webhooks:read"])),
    params(EventsQuery),
    responses(
        (status = 200, body = Listed<EventView>),
        (status = 400, description = "A parameter of the query is wrong.", body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 429, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn events(
    State(platform): State<Platform>,
    caller: Caller,
    Query(query): Query<EventsQuery>,
) -> Result<Response, Failure> {
    caller.caller.ensure_scope(Scope::Key("webhooks:read"))?;
    let (who, kernel) = (caller.caller, &platform.kernel);
    let filters = [query.after.as_deref().unwrap_or_default()];
    let place = Place { route: "/platform/v1/events", filters: &filters };
    let page = Page::of(kernel, &who, place, query.limit.as_deref(), query.cursor.as_deref());
    let (after, page) = both(webhook::after(query.after.as_deref()), page)?;
    let (after, rows_max) = (page.after()?.unwrap_or(after), page.rows_max());
    let read = move |tx: &mut db::Tx<'_>| {
        kernel_webhooks::events(tx, who.tenant_id, who.environment, after, rows_max)
    };
    let page = page.listed(kernel.db.read(read).await?, |event| event.seq.to_string());
    let data: Result<Vec<EventView>, Fault> = page.data.into_iter().map(EventView::of).collect();
    Ok(reply::json(StatusCode::OK, &Listed { data: data?, next_cursor: page.next_cursor }))
}
