//! One attempt: a signed request, and what came of it.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, header};
use http_body_util::Full;
use kernel::webhooks::form::{self, Message};
use kernel::webhooks::{ANSWER_BYTES_MAX, Endpoint, Leased, Outcome, SigningSecrets};

use super::Webhooks;
use crate::outbound::{Failure, Limits, Reply};

/// From resolving the name to the last byte of the answer.
const DEADLINE: Duration = Duration::from_secs(15);
const LIMITS: Limits = Limits { deadline: DEADLINE, answer_bytes_max: ANSWER_BYTES_MAX };

pub(super) async fn attempt(
    webhooks: &Webhooks,
    endpoint: &Endpoint,
    secrets: &SigningSecrets,
    leased: Leased,
) -> Outcome {
    let kernel = &webhooks.kernel;
    let began_at = kernel.clock.now();
    let message = Message {
        event_id: leased.event_id,
        delivery_id: leased.delivery_id,
        request_id: leased.request_id,
        kind: &leased.kind,
        body: &leased.payload,
        attempt: leased.attempt,
        at: began_at,
    };
    let form = kernel.forms.of(endpoint.service);
    let headers = form::headers(form, &message, secrets, kernel.secrets.webhook_key());
    let mut request = Request::post(&endpoint.url);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let answer = match request.body(Full::new(Bytes::from(leased.payload))) {
        Ok(request) => webhooks.outbound.send_for_beginning(request, LIMITS).await.map_err(described),
        Err(error) => Err(format!("The request could not be made: {error}.")),
    };
    let (reply, error) = match answer {
        Ok(reply) => (Some(reply), None),
        Err(error) => (None, Some(error)),
    };
    Outcome {
        tenant_id: endpoint.tenant_id,
        endpoint_id: endpoint.endpoint_id,
        service: endpoint.service,
        delivery_id: leased.delivery_id,
        fence: leased.fence,
        attempt: leased.attempt,
        tries: leased.tries,
        began_at,
        duration_us: kernel.clock.now().micros() - began_at.micros(),
        http_status: reply.as_ref().map(|reply| reply.status.as_u16()),
        error,
        retry_after_s: reply.as_ref().and_then(|reply| retry_after(&reply.headers)),
        answer: reply.map(|reply: Reply| reply.body.to_vec()).unwrap_or_default(),
    }
}

/// In whole seconds. A date is not read: what it says is bounded by the schedule anyway.
fn retry_after(headers: &HeaderMap) -> Option<i64> {
    headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse::<u32>().ok().map(i64::from)
}

/// For the tenant, who sees it beside its delivery.
fn described(failure: Failure) -> String {
    match failure {
        Failure::Forbidden(why) => format!("The address may not be asked: {why}."),
        Failure::Unreachable => "No connection came about.".to_owned(),
        Failure::TimedOut => format!("There was no whole answer within {} seconds.", DEADLINE.as_secs()),
        Failure::Broken => "The connection broke, or the answer was no HTTP.".to_owned(),
        Failure::TooLarge => "The answer was too large.".to_owned(),
    }
}
