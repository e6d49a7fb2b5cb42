//! The published form of identity's webhooks. Bodies are compact JSON with sorted keys.

use base::id::{EndpointId, TenantId};
use base::{Service, Timestamp};
use kernel::webhooks::Form;
use kernel::webhooks::form::{Header, Message, Schedule, Signature, TEST_KIND};
use serde::Serialize;

pub static FORM: Form = Form {
    service: Service::Identity,
    user_agent: "Veridia-Webhooks/1.0",
    schedule: Schedule { waits: &[10, 60, 300, 1_800, 7_200], jitter_percent: 0 },
    headers,
    test_kind: TEST_KIND,
    test_body,
    kinds: &["verification.approved", "verification.rejected", "verification.review_required"],
};

fn headers(message: &Message<'_>, signature: &Signature<'_>) -> Vec<Header> {
    vec![("veridia-event", message.kind.to_owned()), ("veridia-signature", signature.published(message))]
}

/// Its fields stand in the order of their names.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TestBody {
    completed_at: Timestamp,
    event: &'static str,
    tenant_id: TenantId,
}

fn test_body(tenant_id: TenantId, _: EndpointId, at: Timestamp) -> String {
    let body = TestBody { completed_at: at, event: TEST_KIND, tenant_id };
    serde_json::to_string(&body).expect("a body of text")
}

#[cfg(test)]
mod tests {
    use base::Secret;
    use base::id::{DeliveryId, EventId, RequestId};

    use super::*;

    #[test]
    fn the_headers_are_those_of_the_published_example() {
        let body = r#"{"completedAt":"2026-05-01T18:39:08Z","confidence":87.4,"event":"verification.approved","flags":[],"metadata":{},"scores":{"docQuality":85.0,"faceMatch":96.2,"liveness":91.5,"ocrConfidence":78.0},"submittedAt":"2026-05-01T18:39:05Z","tenantId":"tn_default_demo","userRef":"customer-12345","verdict":"approved","verificationId":"vf_AG07CDWRRFQV4T05ZXG2"}"#;
        let message = Message {
            event_id: EventId::from_bits(1),
            delivery_id: DeliveryId::from_bits(2),
            request_id: RequestId::from_bits(3),
            kind: "verification.approved",
            body,
            attempt: 1,
            at: Timestamp::from_millis(1_777_660_748_000),
        };
        let secret = Secret::new("whsec_test_0123456789abcdef".to_owned());
        let signature = "t=1777660748,v1=acb168e01fe55e368963d3a80c210301a3ed498e2b72ea44299306de641f066f";
        let expected = [("veridia-event", "verification.approved"), ("veridia-signature", signature)];
        assert_eq!(
            headers(&message, &Signature(&secret)),
            expected.map(|(name, value)| (name, value.to_owned()))
        );
    }
}
