//! The published form of citizen's webhooks.

use base::id::{EndpointId, TenantId, uuid_text};
use base::{Service, Timestamp};
use kernel::webhooks::Form;
use kernel::webhooks::form::{Header, Message, Schedule, Signature};
use serde::Serialize;

const TEST_KIND: &str = "webhook_test";

pub static FORM: Form = Form {
    service: Service::Citizen,
    user_agent: "Xaqiiji-Webhooks/1.0",
    schedule: Schedule { waits: &[120, 600, 2_400, 7_200], jitter_percent: 0 },
    headers,
    test_kind: TEST_KIND,
    test_body,
    kinds: &[
        "verification_completed",
        "verification_failed",
        "credits_low",
        "credits_exhausted",
        "business_suspended",
    ],
};

fn headers(message: &Message<'_>, signature: &Signature<'_>) -> Vec<Header> {
    vec![
        ("x-xaqiiji-event", message.kind.to_owned()),
        ("x-xaqiiji-delivery-id", uuid_text(message.delivery_id.bits())),
        ("x-xaqiiji-attempt", message.attempt.to_string()),
        ("x-xaqiiji-timestamp", message.unix_seconds().to_string()),
        ("x-xaqiiji-signature", signature.published(message)),
    ]
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TestBody {
    event: &'static str,
    business_id: String,
    timestamp: Timestamp,
}

fn test_body(tenant_id: TenantId, _: EndpointId, at: Timestamp) -> String {
    let body = TestBody { event: TEST_KIND, business_id: uuid_text(tenant_id.bits()), timestamp: at };
    serde_json::to_string(&body).expect("a body of text")
}

#[cfg(test)]
mod tests {
    use base::Secret;
    use base::id::{DeliveryId, EventId, RequestId};

    use super::*;

    #[test]
    fn the_headers_are_those_of_the_published_example() {
        let body = r#"{"event":"verification_completed","businessId":"8b0f6f4e-4a3f-4c0e-9d0a-6f7a1c2d3e4f","verificationId":"0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9","result":"verified","purpose":"pre_employment","channel":"api","timestamp":"2026-06-02T12:30:00.000Z"}"#;
        let message = Message {
            event_id: EventId::from_bits(1),
            delivery_id: DeliveryId::from_bits(0x8b0f_6f4e_4a3f_4c0e_9d0a_6f7a_1c2d_3e4f),
            request_id: RequestId::from_bits(2),
            kind: "verification_completed",
            body,
            attempt: 2,
            at: Timestamp::from_millis(1_780_403_400_999),
        };
        let secret = Secret::new("whsec_test_0123456789abcdef".to_owned());
        let expected = [
            ("x-xaqiiji-event", "verification_completed"),
            ("x-xaqiiji-delivery-id", "8b0f6f4e-4a3f-4c0e-9d0a-6f7a1c2d3e4f"),
            ("x-xaqiiji-attempt", "2"),
            ("x-xaqiiji-timestamp", "1780403400"),
            (
                "x-xaqiiji-signature",
                "t=1780403400,v1=e21440800a776dd543f6c93c75207214960222dff06b5a2e5f765b1ee064fd16",
            ),
        ];
        assert_eq!(
            headers(&message, &Signature(&secret)),
            expected.map(|(name, value)| (name, value.to_owned()))
        );
    }
}
