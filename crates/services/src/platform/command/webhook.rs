use std::sync::Arc;

use base::id::{DeliveryId, EndpointId, EventId, RequestId};
use base::{Fault, Secret, Service, Timestamp};
use db::Tx;
use kernel::webhooks::{
    self, Delivery, Endpoint, EndpointChange, Forms, NewEndpoint, NumberedEvent, Replay, State,
};
use kernel::{Ctx, Ending, Secrets};
use serde::{Deserialize, Serialize};

/// An endpoint as it is answered and saved; the secret only in the answer that made it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Webhook)]
pub struct WebhookView {
    #[schema(value_type = String, example = "we_01k0example0000000000000000")]
    pub id: EndpointId,
    /// `whsec_` and base64. Verify with it what is delivered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub secret: Option<String>,
    pub environment: String,
    pub service: String,
    #[schema(example = "https://example.com/hooks/attestry")]
    pub url: String,
    /// The events that are sent; `null`: all of the service.
    #[schema(example = json!(["verification_completed"]))]
    pub events: Option<Vec<String>>,
    pub description: String,
    /// What is not active holds its deliveries until it is again.
    pub active: bool,
    /// Why it is not active: `by_tenant`, `gone` (it answered 410) or `failing` (nothing but failures for 5 days).
    pub disabled_reason: Option<String>,
    pub consecutive_failures: i64,
    /// Since when nothing but failures came.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub failing_since: Option<Timestamp>,
    /// To the minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_success_at: Option<Timestamp>,
    /// Until when the secret of before the last rotation signs, too.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub previous_secret_until: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl WebhookView {
    #[must_use]
    pub fn of(endpoint: Endpoint) -> Self {
        Self {
            id: endpoint.endpoint_id,
            secret: None,
            environment: endpoint.environment.name().to_owned(),
            service: endpoint.service.name().to_owned(),
            url: endpoint.url,
            events: endpoint.events,
            description: endpoint.description,
            active: endpoint.state == State::Active,
            disabled_reason: endpoint.disabled_reason,
            consecutive_failures: endpoint.consecutive_failures,
            failing_since: endpoint.failing_since,
            last_success_at: endpoint.last_success_at,
            previous_secret_until: endpoint.previous_until,
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
        }
    }

    fn with_secret(endpoint: Endpoint, secret: &Secret) -> Self {
        Self { secret: Some(secret.expose().to_owned()), ..Self::of(endpoint) }
    }

    fn shown(endpoint: Endpoint) -> Result<String, Fault> {
        serde_json::to_string(&Self::of(endpoint)).map_err(Fault::internal)
    }
}

/// One event on its way to a webhook.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Delivery)]
pub struct DeliveryView {
    #[schema(value_type = String, example = "dlv_01k0example0000000000000000")]
    pub id: DeliveryId,
    /// The header `webhook-id` of each attempt.
    #[schema(value_type = String, example = "evt_01k0example0000000000000000")]
    pub event_id: EventId,
    /// The event's number in `GET /platform/v1/events`.
    #[schema(example = 17)]
    pub seq: i64,
    #[schema(example = "verification_completed")]
    pub r#type: String,
    /// The request that the event came from.
    #[schema(value_type = String, example = "req_01jd7rqk3sf0x8e5v6y2wz9abc")]
    pub request_id: RequestId,
    /// `pending`, `retrying`, `delivered`, `failed` (replay it) or `held` (its webhook is not active).
    #[schema(example = "retrying")]
    pub status: String,
    pub attempts: i64,
    /// `null`: none is planned.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_attempt_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    pub last_attempt: Option<AttemptView>,
}

/// How the last attempt went.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Attempt)]
pub struct AttemptView {
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    pub duration_ms: i64,
    /// `null`: there was no answer, and `error` says why.
    #[schema(example = 503)]
    pub http_status: Option<i64>,
    pub error: Option<String>,
    /// The first 16 KiB of the answer.
    pub answer: String,
}

impl DeliveryView {
    #[must_use]
    pub fn of(delivery: Delivery) -> Self {
        Self {
            id: delivery.delivery_id,
            event_id: delivery.event_id,
            seq: delivery.seq,
            r#type: delivery.kind,
            request_id: delivery.request_id,
            status: delivery.status.name().to_owned(),
            attempts: delivery.attempts,
            next_attempt_at: delivery.next_attempt_at,
            created_at: delivery.created_at,
            ended_at: delivery.ended_at,
            last_attempt: delivery.last_attempt.map(|attempt| AttemptView {
                at: attempt.at,
                duration_ms: attempt.duration_us / 1000,
                http_status: attempt.http_status,
                error: attempt.error,
                answer: String::from_utf8_lossy(&attempt.answer).into_owned(),
            }),
        }
    }
}

/// Something that happened, as it was or would have been delivered.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Event)]
pub struct EventView {
    /// From 1, without a gap.
    #[schema(example = 17)]
    pub seq: i64,
    #[schema(value_type = String, example = "evt_01k0example0000000000000000")]
    pub id: EventId,
    #[schema(example = "verification_completed")]
    pub r#type: String,
    #[schema(example = "citizen")]
    pub service: String,
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
    /// The request that it came from.
    #[schema(value_type = String, example = "req_01jd7rqk3sf0x8e5v6y2wz9abc")]
    pub request_id: RequestId,
    #[schema(value_type = Object)]
    pub body: serde_json::Value,
}

impl EventView {
    /// # Errors
    /// A stored body that is no JSON.
    pub fn of(event: NumberedEvent) -> Result<Self, Fault> {
        Ok(Self {
            seq: event.seq,
            id: event.event_id,
            r#type: event.kind,
            service: event.service.name().to_owned(),
            timestamp: event.at,
            request_id: event.request_id,
            body: serde_json::from_str(&event.payload).map_err(Fault::internal)?,
        })
    }
}

/// A new endpoint, what seals its secret, and the events that there are.
#[derive(Debug)]
pub struct CreateWebhook {
    pub new: NewEndpoint,
    pub secrets: Arc<Secrets>,
    pub forms: Forms,
}

pub fn create_webhook(
    tx: &mut Tx<'_>,
    ctx: &mut Ctx,
    input: &CreateWebhook,
) -> Result<Ending<WebhookView>, Fault> {
    ensure_kinds(input.forms, input.new.service, input.new.events.as_deref())?;
    let (endpoint, secret) = webhooks::create(tx, ctx, &input.secrets, &input.new)?;
    ctx.target(endpoint.endpoint_id.text());
    Ok(Ending::Done(WebhookView::with_secret(endpoint, &secret)))
}

/// What of an endpoint to change.
#[derive(Debug)]
pub struct ChangeWebhook {
    pub endpoint_id: EndpointId,
    pub change: EndpointChange,
    pub forms: Forms,
}

pub fn change_webhook(
    tx: &mut Tx<'_>,
    ctx: &mut Ctx,
    input: &ChangeWebhook,
) -> Result<Ending<WebhookView>, Fault> {
    let (before, after) = webhooks::change(tx, ctx, input.endpoint_id, &input.change)?;
    if let Some(events) = &input.change.events {
        ensure_kinds(input.forms, after.service, events.as_deref())?;
    }
    ctx.target(input.endpoint_id.text());
    ctx.change(WebhookView::shown(before)?, WebhookView::shown(after.clone())?);
    Ok(Ending::Done(WebhookView::of(after)))
}

fn ensure_kinds(forms: Forms, service: Service, events: Option<&[String]>) -> Result<(), Fault> {
    let known = forms.of(service).kinds;
    match events {
        None => Ok(()),
        Some(events) if events.iter().all(|event| known.contains(&event.as_str())) => Ok(()),
        Some(_) if known.is_empty() => Err(Fault::invalid(
            "events",
            format!("{} has no events to choose from: leave it out to get all that come", service.name()),
        )),
        Some(_) => Err(Fault::invalid("events", format!("must be a list of some of: {}", known.join(", ")))),
    }
}

pub fn delete_webhook(
    tx: &mut Tx<'_>,
    ctx: &mut Ctx,
    endpoint_id: &EndpointId,
) -> Result<Ending<WebhookView>, Fault> {
    ctx.target(endpoint_id.text());
    let deleted = webhooks::delete(tx, ctx, *endpoint_id)?;
    Ok(Ending::Done(WebhookView { active: false, ..WebhookView::of(deleted) }))
}

/// Whose secret to replace, and what seals the new one.
#[derive(Debug)]
pub struct RotateWebhook {
    pub endpoint_id: EndpointId,
    pub secrets: Arc<Secrets>,
}

pub fn rotate_webhook(
    tx: &mut Tx<'_>,
    ctx: &mut Ctx,
    input: &RotateWebhook,
) -> Result<Ending<WebhookView>, Fault> {
    ctx.target(input.endpoint_id.text());
    let (endpoint, secret) = webhooks::rotate(tx, ctx, &input.secrets, input.endpoint_id)?;
    Ok(Ending::Done(WebhookView::with_secret(endpoint, &secret)))
}

/// Which endpoint to try.
#[derive(Debug)]
pub struct TestWebhook {
    pub endpoint_id: EndpointId,
    pub forms: Forms,
}

/// The event that was made.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = SentEvent)]
pub struct SentEventView {
    #[schema(value_type = String, example = "evt_01k0example0000000000000000")]
    pub event_id: EventId,
}

pub fn test_webhook(
    tx: &mut Tx<'_>,
    ctx: &mut Ctx,
    input: &TestWebhook,
) -> Result<Ending<SentEventView>, Fault> {
    ctx.target(input.endpoint_id.text());
    Ok(Ending::Done(SentEventView {
        event_id: webhooks::send_test(tx, ctx, input.forms, input.endpoint_id)?,
    }))
}

/// Whose deliveries begin anew, and which.
#[derive(Debug)]
pub struct ReplayWebhook {
    pub endpoint_id: EndpointId,
    pub replay: Replay,
}

/// How many deliveries begin anew.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Replayed)]
pub struct ReplayedView {
    #[schema(example = 12)]
    pub replayed: i64,
    /// Whether there are more than one call begins anew: repeat it.
    pub has_more: bool,
}

pub fn replay_webhook(
    tx: &mut Tx<'_>,
    ctx: &mut Ctx,
    input: &ReplayWebhook,
) -> Result<Ending<ReplayedView>, Fault> {
    let replayed = webhooks::replay(tx, ctx, input.endpoint_id, input.replay)?;
    ctx.target(input.endpoint_id.text());
    ctx.note(format!("{} deliveries", replayed.count));
    Ok(Ending::Done(ReplayedView { replayed: replayed.count, has_more: replayed.has_more }))
}
