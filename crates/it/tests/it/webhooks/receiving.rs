//! What a receiver gets.

use std::sync::Arc;

use aws_lc_rs::{hmac, signature};
use base::Service;
use seal::base64;
use serde_json::{Value, json};

use super::{Tenant, WEBHOOKS, body, emit, emit_one, header};
use crate::fixture::{Act, Ask, Stub, World, text};

alone_on_both_engines! {
    a_verification_is_delivered_in_citizens_form_with_both_signatures
    an_event_goes_to_every_webhook_that_asks_for_it_and_to_no_other
    a_test_event_goes_to_its_webhook_alone_and_into_the_list_of_events
    during_the_overlap_both_secrets_sign_and_the_services_own_header_keeps_the_old_one
    an_answer_is_kept_to_its_first_16_kib
}

/// The signatures of a scheme in a delivery.
fn signatures(request: &str, scheme: &str) -> Vec<String> {
    let all = header(request, "webhook-signature").unwrap();
    let all = all.split(' ').map(|part| part.split_once(',').unwrap());
    all.filter(|(name, _)| *name == scheme).map(|(_, value)| value.to_owned()).collect()
}

/// What Standard Webhooks signs.
fn signed(request: &str) -> String {
    let (id, at) = (header(request, "webhook-id").unwrap(), header(request, "webhook-timestamp").unwrap());
    format!("{id}.{at}.{}", body(request))
}

fn standard(request: &str, secret: &str) -> String {
    let key = base64::decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    assert!((24..=64).contains(&key.len()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    base64::encode(hmac::sign(&key, signed(request).as_bytes()).as_ref())
}

fn published(request: &str, secret: &str) -> String {
    let at = header(request, "webhook-timestamp").unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{at}.{}", body(request)).as_bytes());
    format!("t={at},v1={}", kernel::secrets::hex(tag.as_ref()))
}

async fn a_verification_is_delivered_in_citizens_form_with_both_signatures(world: Arc<World>) {
    let tenant = Tenant::new(&world).await;
    let stub = Stub::start([Act::Answer(500, "no".to_owned()), Act::Answer(204, String::new())]).await;
    let webhook = tenant.webhook(&world, &stub, json!({})).await;
    let key = world.key(&world.mine, json!({ "service": "citizen" })).await.secret;
    let question = json!({ "nationalId": "12345678901", "purpose": "webhooks" });
    let ask = Ask::post("/api/v1/verify/citizen").bearer(&key).json(&question);
    let reply = world.send(ask).await;
    let verification = text(&reply.expect(200)["data"], "id");
    let before = world.state(&world.mine).await;
    assert_eq!(tenant.deliver().await, 1);
    world.clock.advance_seconds(119);
    assert_eq!(tenant.deliver().await, 0, "not before its time");
    world.clock.advance_seconds(1);
    assert_eq!(tenant.deliver().await, 1);
    world.clock.advance_seconds(100_000);
    assert_eq!(tenant.deliver().await, 0, "delivered once");
    assert_eq!(world.state(&world.mine).await, before, "delivery moves and audits nothing");

    let requests = stub.requests();
    let [first, second] = requests.as_slice() else { panic!("{requests:?}") };
    let whpk = world.send(Ask::get("/.well-known/attestry")).await.expect(200);
    let whpk = whpk["webhooks"]["keys"][0].as_str().unwrap().strip_prefix("whpk_").unwrap().to_owned();
    let public_key = base64::decode(&whpk).unwrap();
    let public_key = signature::UnparsedPublicKey::new(&signature::ED25519, public_key);
    for (attempt, request) in [("1", first), ("2", second)] {
        assert!(request.starts_with("POST /hook HTTP/1.1\r\n"), "{request}");
        let value = |name| header(request, name).unwrap_or_default();
        assert_eq!(value("content-type"), "application/json");
        assert_eq!(value("user-agent"), "Xaqiiji-Webhooks/1.0");
        assert_eq!(value("x-xaqiiji-event"), "verification_completed");
        assert_eq!(value("x-xaqiiji-attempt"), attempt);
        assert_eq!(value("x-xaqiiji-timestamp"), value("webhook-timestamp"));
        assert_eq!(value("x-xaqiiji-signature"), published(request, &webhook.secret));
        assert_eq!(value("x-request-id"), reply.request_id());
        assert_eq!(signatures(request, "v1"), [standard(request, &webhook.secret)]);
        let [asymmetric] = signatures(request, "v1a").try_into().unwrap();
        public_key.verify(signed(request).as_bytes(), &base64::decode(&asymmetric).unwrap()).unwrap();
        let told: Value = serde_json::from_str(body(request)).unwrap();
        assert_eq!(
            (&told["verificationId"], &told["event"]),
            (&json!(verification), &json!("verification_completed"))
        );
    }
    for constant in ["x-xaqiiji-delivery-id", "webhook-id"] {
        assert_eq!(header(first, constant), header(second, constant));
    }
    assert_eq!(header(first, "x-xaqiiji-delivery-id").unwrap().len(), 36);
    assert_ne!(header(first, "webhook-timestamp"), header(second, "webhook-timestamp"));

    let [delivery] = tenant.deliveries(&world, &webhook, "").await.try_into().unwrap();
    assert_eq!(delivery["status"], "delivered");
    assert_eq!((&delivery["attempts"], &delivery["seq"]), (&json!(2), &json!(1)));
    assert_eq!(delivery["event_id"], header(first, "webhook-id").unwrap());
    assert_eq!(delivery["request_id"], reply.request_id());
    assert_eq!(
        (&delivery["last_attempt"]["http_status"], &delivery["next_attempt_at"]),
        (&json!(204), &Value::Null)
    );
}

async fn an_event_goes_to_every_webhook_that_asks_for_it_and_to_no_other(world: Arc<World>) {
    let tenant = Tenant::new(&world).await;
    let stubs = [ok().await, ok().await, ok().await, ok().await];
    let [all, some, quota, live] = &stubs;
    tenant.webhook(&world, all, json!({})).await;
    tenant.webhook(&world, some, json!({ "events": ["credits_low", "credits_exhausted"] })).await;
    tenant.webhook(&world, quota, json!({ "service": "quota" })).await;
    let live_key =
        world.key(&world.mine, json!({ "service": "platform", "environment": "live" })).await.secret;
    let elsewhere = json!({ "url": format!("http://{}/", live.address), "service": "citizen" });
    world.send(Ask::post(WEBHOOKS).bearer(&live_key).json(&elsewhere)).await.expect(201);
    let other = world.key(&world.other, json!({ "service": "platform" })).await.secret;
    world.send(Ask::post(WEBHOOKS).bearer(&other).json(&elsewhere)).await.expect(201);
    emit(&world, &["verification_completed", "credits_low", "verification_failed"]).await;
    emit_one(&world, Service::Quota, "balance.low").await;
    tenant.deliver().await;
    let told = |stub: &Stub| {
        let mut kinds: Vec<String> = stub.requests().iter().map(|request| body(request).to_owned()).collect();
        kinds.sort();
        kinds
    };
    let event = |kind: &str| json!({ "event": kind }).to_string();
    assert_eq!(told(all), ["credits_low", "verification_completed", "verification_failed"].map(event));
    assert_eq!(told(some), [event("credits_low")]);
    assert_eq!(told(quota), [event("balance.low")]);
    assert_eq!(told(live), [""; 0]);
    let [request] = quota.requests().try_into().unwrap();
    assert_eq!(header(&request, "user-agent").as_deref(), Some("Attestry-Webhooks/1.0"));
    assert_eq!(header(&request, "x-xaqiiji-event"), None);
}

async fn ok() -> Stub {
    Stub::start([Act::Answer(200, "ok".to_owned())]).await
}

async fn a_test_event_goes_to_its_webhook_alone_and_into_the_list_of_events(world: Arc<World>) {
    let tenant = Tenant::new(&world).await;
    let (stub, silent) = (ok().await, ok().await);
    let webhook = tenant.webhook(&world, &stub, json!({ "events": ["credits_low"] })).await;
    tenant.webhook(&world, &silent, json!({})).await;
    let sent = tenant.post(&world, &webhook, "test", Value::Null).await.expect(202);
    tenant.deliver().await;
    let [request] = stub.requests().try_into().unwrap();
    assert_eq!(header(&request, "webhook-id"), Some(text(&sent, "event_id")));
    assert_eq!(header(&request, "x-xaqiiji-event").as_deref(), Some("webhook_test"));
    assert_eq!(header(&request, "x-xaqiiji-signature"), Some(published(&request, &webhook.secret)));
    assert_eq!(silent.requests(), [""; 0]);
    let events = tenant.ask(&world, "GET", "/platform/v1/events", Value::Null).await.expect(200);
    assert_eq!((&events["data"][0]["seq"], &events["data"][0]["type"]), (&json!(1), &json!("webhook_test")));
    assert_eq!(events["data"][0]["body"], serde_json::from_str::<Value>(body(&request)).unwrap());

    let webhook = tenant.webhook(&world, &stub, json!({ "service": "quota" })).await;
    tenant.post(&world, &webhook, "test", Value::Null).await.expect(202);
    tenant.deliver().await;
    let told: Value = serde_json::from_str(body(&stub.requests()[1])).unwrap();
    assert_eq!(
        (&told["type"], &told["data"]),
        (&json!("webhook.test"), &json!({ "endpointId": webhook.id }))
    );
}

async fn during_the_overlap_both_secrets_sign_and_the_services_own_header_keeps_the_old_one(
    world: Arc<World>,
) {
    let tenant = Tenant::new(&world).await;
    let stub = ok().await;
    let webhook = tenant.webhook(&world, &stub, json!({})).await;
    let rotated = tenant.post(&world, &webhook, "rotate-secret", Value::Null).await.expect(201);
    let lost = text(&rotated, "secret");
    world.clock.advance_seconds(3600);
    let again = tenant.post(&world, &webhook, "rotate-secret", Value::Null).await.expect(201);
    let new = text(&again, "secret");
    assert_eq!(
        rotated["previous_secret_until"], again["previous_secret_until"],
        "the old one keeps its deadline"
    );
    let last = async || {
        emit(&world, &["credits_low"]).await;
        tenant.deliver().await;
        stub.requests().pop().unwrap()
    };
    let request = last().await;
    assert_eq!(signatures(&request, "v1"), [standard(&request, &new), standard(&request, &webhook.secret)]);
    assert_eq!(header(&request, "x-xaqiiji-signature"), Some(published(&request, &webhook.secret)));
    world.clock.advance_seconds(23 * 3600 - 1);
    assert_eq!(signatures(&last().await, "v1").len(), 2);
    world.clock.advance_seconds(1);
    let request = last().await;
    assert_eq!(signatures(&request, "v1"), [standard(&request, &new)]);
    assert_eq!(header(&request, "x-xaqiiji-signature"), Some(published(&request, &new)));
    assert_ne!(lost, new);
    let stolen = world.stolen();
    for secret in [&webhook.secret, &lost, &new] {
        assert!(!stolen.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()), "kept in the clear");
    }
}

async fn an_answer_is_kept_to_its_first_16_kib(world: Arc<World>) {
    let tenant = Tenant::new(&world).await;
    let stub =
        Stub::start([Act::Answer(400, "x".repeat(100_000)), Act::Answer(200, "fine".to_owned())]).await;
    let webhook = tenant.webhook(&world, &stub, json!({})).await;
    emit(&world, &["credits_low"]).await;
    tenant.deliver().await;
    let [delivery] = tenant.deliveries(&world, &webhook, "status=retrying").await.try_into().unwrap();
    assert_eq!(delivery["last_attempt"]["answer"], "x".repeat(16 * 1024));
    assert_eq!(delivery["last_attempt"]["http_status"], 400);
}
