//! How a delivery looks: headers, signatures, schedule. What a service has published about its own form is data that
//! it registers; every delivery carries the headers of Standard Webhooks beside them.

use aws_lc_rs::hmac;
use base::id::{DeliveryId, EndpointId, EventId, RequestId, TenantId};
use base::{Secret, Service, Timestamp};
use serde_json::json;

use super::secret::{SigningSecrets, key_bytes};
use crate::outbox;
use crate::secrets::{SigningKey, hex};

/// A header by its name and value.
pub type Header = (&'static str, String);

/// What a service has published about its webhooks.
#[derive(Debug)]
pub struct Form {
    pub service: Service,
    pub user_agent: &'static str,
    pub schedule: Schedule,
    /// The headers of its own.
    pub headers: fn(&Message<'_>, &Signature<'_>) -> Vec<Header>,
    /// What a test event is called, and its body.
    pub test_kind: &'static str,
    pub test_body: fn(TenantId, EndpointId, Timestamp) -> String,
    /// What an endpoint may ask for; the test event goes to each.
    pub kinds: &'static [&'static str],
}

/// When a delivery that failed is tried again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Schedule {
    /// Seconds from one attempt to the next. There is one attempt more than there are waits.
    pub waits: &'static [i64],
    /// How far a wait may differ, in percent of it, so that what failed together does not come back together.
    pub jitter_percent: i64,
}

/// The example schedule of the Standard Webhooks specification: ten attempts within 76 hours.
pub const STANDARD_SCHEDULE: Schedule =
    Schedule { waits: &[5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400], jitter_percent: 20 };

impl Schedule {
    /// How many microseconds to wait after the `tries`th attempt failed; `None` after the last.
    ///
    /// A receiver that says when it wants to be asked again is heard, between the wait itself and twice as much.
    #[must_use]
    pub fn wait_us(&self, tries: i64, retry_after_s: Option<i64>, random: u64) -> Option<i64> {
        let place = usize::try_from(tries.max(1) - 1).ok()?;
        let wait = *self.waits.get(place)?;
        if let Some(seconds) = retry_after_s {
            return Some(seconds.clamp(wait, 2 * wait) * 1_000_000);
        }
        let range_us = wait * 1_000_000 / 100 * self.jitter_percent;
        let spread = i64::try_from(random % (2 * range_us.unsigned_abs() + 1)).unwrap_or_default();
        Some(wait * 1_000_000 - range_us + spread)
    }
}

/// One attempt of a delivery.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    pub event_id: EventId,
    pub delivery_id: DeliveryId,
    /// The request that the event came from.
    pub request_id: RequestId,
    pub kind: &'a str,
    pub body: &'a str,
    /// From 1.
    pub attempt: i64,
    pub at: Timestamp,
}

impl Message<'_> {
    /// The time of the attempt in whole seconds since 1970.
    #[must_use]
    pub const fn unix_seconds(&self) -> i64 {
        self.at.micros().div_euclid(1_000_000)
    }
}

/// Signs for the published headers of services: their key is the whole text of the secret.
#[derive(Debug)]
pub struct Signature<'a>(pub &'a Secret);

impl Signature<'_> {
    /// `t=<unix seconds>,v1=<64 lower-case hexadecimal digits>`: HMAC-SHA-256 over `<t>.<body>`.
    #[must_use]
    pub fn published(&self, message: &Message<'_>) -> String {
        let t = message.unix_seconds();
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.expose().as_bytes());
        let tag = hmac::sign(&key, format!("{t}.{}", message.body).as_bytes());
        format!("t={t},v1={}", hex(tag.as_ref()))
    }
}

/// The forms that services registered.
#[derive(Clone, Copy, Debug, Default)]
pub struct Forms(&'static [&'static Form]);

impl Forms {
    #[must_use]
    pub const fn new(forms: &'static [&'static Form]) -> Self {
        Self(forms)
    }

    /// The form of a service, which is the standard one if it registered none.
    #[must_use]
    pub fn of(&self, service: Service) -> &'static Form {
        self.0.iter().copied().find(|form| form.service == service).unwrap_or(&STANDARD)
    }
}

/// For services that have published no form of their own. Its service stands for all of them.
static STANDARD: Form = Form {
    service: Service::Platform,
    user_agent: USER_AGENT,
    schedule: STANDARD_SCHEDULE,
    headers: no_headers,
    test_kind: TEST_KIND,
    test_body: standard_test_body,
    kinds: &[],
};

pub const USER_AGENT: &str = "Attestry-Webhooks/1.0";
pub const TEST_KIND: &str = "webhook.test";

/// No header but those of Standard Webhooks.
#[must_use]
pub fn no_headers(_: &Message<'_>, _: &Signature<'_>) -> Vec<Header> {
    Vec::new()
}

/// The test event in the body of Standard Webhooks.
#[must_use]
pub fn standard_test_body(_: TenantId, endpoint_id: EndpointId, at: Timestamp) -> String {
    outbox::standard_body(TEST_KIND, at, &json!({ "endpointId": endpoint_id }))
}

/// Every header of an attempt but those that HTTP itself needs.
#[must_use]
pub fn headers(
    form: &Form,
    message: &Message<'_>,
    secrets: &SigningSecrets,
    signing_key: &SigningKey,
) -> Vec<Header> {
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("user-agent", form.user_agent.to_owned()),
        ("x-request-id", message.request_id.text()),
        ("webhook-id", message.event_id.text()),
        ("webhook-timestamp", message.unix_seconds().to_string()),
        ("webhook-signature", standard_signatures(message, secrets, signing_key)),
    ];
    headers.extend((form.headers)(message, &Signature(secrets.published())));
    headers
}

/// Standard Webhooks: `v1` with each secret that counts, the newest first, and `v1a` with the installation's key, over
/// `<id>.<unix seconds>.<body>`.
fn standard_signatures(message: &Message<'_>, secrets: &SigningSecrets, signing_key: &SigningKey) -> String {
    let signed = format!("{}.{}.{}", message.event_id, message.unix_seconds(), message.body);
    let mut signatures: Vec<String> = std::iter::once(&secrets.current)
        .chain(&secrets.previous)
        .map(|secret| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &key_bytes(secret));
            format!("v1,{}", seal::base64::encode(hmac::sign(&key, signed.as_bytes()).as_ref()))
        })
        .collect();
    signatures.push(format!("v1a,{}", seal::base64::encode(&signing_key.sign(signed.as_bytes()))));
    signatures.join(" ")
}

/// A public key as Standard Webhooks writes it: `whpk_` and base64.
#[must_use]
pub fn public_key_text(key: &SigningKey) -> String {
    format!("whpk_{}", seal::base64::encode(&key.public_key()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"test": 2432232314}"#;

    fn message(body: &str, seconds: i64) -> Message<'_> {
        Message {
            event_id: EventId::from_bits(1),
            delivery_id: DeliveryId::from_bits(2),
            request_id: RequestId::from_bits(3),
            kind: "a.kind",
            body,
            attempt: 1,
            at: Timestamp::from_millis(seconds * 1000),
        }
    }

    #[test]
    fn the_standard_signature_is_over_id_time_and_body_with_the_decoded_secret() {
        // HMAC-SHA-256 of "evt_00000000000000000000000001.1614265330.<body>", computed by hand with Python's hmac.
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let secrets = SigningSecrets { current: secret, previous: None };
        let key = crate::Secrets::from_file(&crate::secrets::SecretsFile::generate(&crate::Random::system()));
        let signatures =
            standard_signatures(&message(BODY, 1_614_265_330), &secrets, key.unwrap().webhook_key());
        let (v1, v1a) = signatures.split_once(' ').unwrap();
        assert_eq!(v1, "v1,z+o0fX465XTvAYt5tiyNTD36hokVufosVPgSQz3OzME=");
        assert!(v1a.starts_with("v1a,") && v1a.len() == 4 + 88, "{v1a}");
    }

    #[test]
    fn a_wait_is_the_schedules_within_its_jitter_and_a_receivers_wish_is_bounded() {
        let schedule = Schedule { waits: &[10, 100], jitter_percent: 20 };
        for random in [0, 1, 4_000_000, u64::MAX] {
            let wait = schedule.wait_us(1, None, random).unwrap();
            assert!((8_000_000..=12_000_000).contains(&wait), "{wait}");
        }
        let plain = Schedule { jitter_percent: 0, ..schedule };
        assert_eq!(plain.wait_us(2, None, 7), Some(100_000_000));
        assert_eq!(plain.wait_us(3, None, 7), None, "used up");
        assert_eq!(plain.wait_us(3, Some(5), 7), None, "and no wish makes it longer");
        for (wish, seconds) in [(0, 10), (9, 10), (15, 15), (20, 20), (86_400, 20), (i64::MAX, 20), (-1, 10)]
        {
            assert_eq!(schedule.wait_us(1, Some(wish), 7), Some(seconds * 1_000_000), "{wish}");
        }
        let waits: i64 = STANDARD_SCHEDULE.waits.iter().sum();
        assert_eq!((STANDARD_SCHEDULE.waits.len() + 1, waits / 3600), (10, 75));
    }
}
