//! What a tenant's webhooks are told, in the published form and order of fields.

use base::id::{TenantId, uuid_text};
use base::{Fault, Service, Timestamp};
use db::Tx;
use kernel::ctx::Event;
use kernel::settings::CREDITS_LOW_THRESHOLD;
use kernel::spine::{CreditEvent, Suspension};
use kernel::{Ctx, settings};
use serde::Serialize;

use super::model::{Outcome, Question, VerificationId};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VerificationBody<'a> {
    event: &'static str,
    business_id: String,
    verification_id: String,
    result: &'static str,
    purpose: Option<&'a str>,
    channel: &'static str,
    timestamp: Timestamp,
}

/// Tells how a verification ended.
pub(super) fn emit_verification(ctx: &mut Ctx, id: VerificationId, outcome: Outcome, question: &Question) {
    let kind = match outcome {
        Outcome::Verified => "verification_completed",
        Outcome::Failed | Outcome::NotFound | Outcome::ProviderError => "verification_failed",
    };
    let body = VerificationBody {
        event: kind,
        business_id: business_id(ctx.tenant_id),
        verification_id: id.text(),
        result: outcome.name(),
        purpose: question.purpose.as_deref(),
        channel: question.channel.name(),
        timestamp: ctx.now,
    };
    ctx.emit(Event { service: Service::Citizen, kind, payload: payload(&body) });
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreditBody {
    event: &'static str,
    business_id: String,
    balance: i64,
    threshold: Option<i64>,
    timestamp: Timestamp,
}

/// The body of an event about a wallet.
#[must_use]
pub fn credit_body(event: &CreditEvent) -> String {
    payload(&CreditBody {
        event: event.kind,
        business_id: business_id(event.tenant_id),
        balance: event.balance,
        threshold: event.threshold,
        timestamp: event.at,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SuspensionBody<'a> {
    event: &'static str,
    business_id: String,
    reason: &'a str,
    timestamp: Timestamp,
}

/// The event of a suspended tenant.
#[must_use]
pub fn suspended(suspension: &Suspension<'_>) -> Event {
    let kind = "business_suspended";
    let body = SuspensionBody {
        event: kind,
        business_id: business_id(suspension.tenant_id),
        reason: suspension.reason,
        timestamp: suspension.at,
    };
    Event { service: Service::Citizen, kind, payload: payload(&body) }
}

/// Tells of an empty wallet where the sandbox only plays one.
pub(super) fn emit_exhausted(tx: &mut Tx<'_>, ctx: &mut Ctx) -> Result<(), Fault> {
    let (tenant_id, environment, at, kind) = (ctx.tenant_id, ctx.environment, ctx.now, "credits_exhausted");
    let threshold = settings::optional_integer(tx, tenant_id, environment, &CREDITS_LOW_THRESHOLD)?;
    let payload = credit_body(&CreditEvent { tenant_id, environment, kind, balance: 0, threshold, at });
    ctx.emit(Event { service: Service::Citizen, kind, payload });
    Ok(())
}

/// The tenant's id as the published API writes it.
fn business_id(tenant_id: TenantId) -> String {
    uuid_text(tenant_id.bits())
}

fn payload(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("a body of text and numbers")
}

#[cfg(test)]
mod tests {
    use base::Environment;

    use super::*;

    #[test]
    fn a_body_has_the_published_fields_in_the_published_order() {
        let tenant_id = TenantId::from_bits(0x8b0f_6f4e_4a3f_4c0e_9d0a_6f7a_1c2d_3e4f);
        let body = VerificationBody {
            event: "verification_completed",
            business_id: business_id(tenant_id),
            verification_id: uuid_text(0x0f1e_2d3c_4b5a_4978_8695_a4b3_c2d1_e0f9),
            result: "verified",
            purpose: Some("pre_employment"),
            channel: "api",
            timestamp: Timestamp::from_millis(1_780_403_400_000),
        };
        let published = r#"{"event":"verification_completed","businessId":"8b0f6f4e-4a3f-4c0e-9d0a-6f7a1c2d3e4f","verificationId":"0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9","result":"verified","purpose":"pre_employment","channel":"api","timestamp":"2026-06-02T12:30:00.000Z"}"#;
        assert_eq!(payload(&body), published);
        let event = CreditEvent {
            tenant_id,
            environment: Environment::Live,
            kind: "credits_low",
            balance: 12,
            threshold: Some(50),
            at: body.timestamp,
        };
        assert_eq!(
            credit_body(&event),
            r#"{"event":"credits_low","businessId":"8b0f6f4e-4a3f-4c0e-9d0a-6f7a1c2d3e4f","balance":12,"threshold":50,"timestamp":"2026-06-02T12:30:00.000Z"}"#
        );
        let event = suspended(&Suspension { tenant_id, reason: "unpaid invoice", at: body.timestamp });
        assert_eq!(
            (event.kind, event.payload.as_str()),
            (
                "business_suspended",
                r#"{"event":"business_suspended","businessId":"8b0f6f4e-4a3f-4c0e-9d0a-6f7a1c2d3e4f","reason":"unpaid invoice","timestamp":"2026-06-02T12:30:00.000Z"}"#
            )
        );
    }
}
