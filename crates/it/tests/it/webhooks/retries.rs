//! When nothing arrives: the schedules, what a receiver may ask for, replays, and workers that die.

use std::sync::Arc;

use base::Service;
use serde_json::{Value, json};

use super::{Tenant, emit, emit_one, header};
use crate::fixture::{Act, Stub, World, text};

alone_on_both_engines! {
    citizen_is_tried_five_times_on_its_schedule_and_then_fails
    the_standard_schedule_has_ten_attempts_within_its_jitter
    a_receiver_may_ask_for_at_most_twice_the_wait
    what_is_no_success_is_tried_again
    a_failed_delivery_begins_anew_when_it_is_replayed
    a_range_is_replayed_and_nothing_beside_it
    what_a_dead_worker_had_is_sent_again_under_the_same_ids
    the_outcome_of_a_worker_that_was_too_late_is_discarded
    an_address_that_may_not_be_asked_is_not_asked_when_it_is_time_either
}

fn failing() -> Act {
    Act::Answer(500, "no".to_owned())
}

fn fine() -> Act {
    Act::Answer(200, "yes".to_owned())
}

/// Advances the clock until the next attempt, and gives the seconds between the attempts.
async fn waits(world: &World, tenant: &Tenant, stub: &Stub, step: i64, until: i64) -> Vec<i64> {
    let (mut waits, mut last, mut seconds) = (Vec::new(), 0, 0);
    while seconds < until {
        let before = stub.requests().len();
        tenant.deliver().await;
        if stub.requests().len() > before {
            waits.push(seconds - last);
            last = seconds;
        }
        world.clock.advance_seconds(step);
        seconds += step;
    }
    waits
}

async fn citizen_is_tried_five_times_on_its_schedule_and_then_fails(world: Arc<World>) {
    let tenant = Tenant::new(&world).await;
    let stub = Stub::start([failing()]).await;
    let webhook = tenant.webhook(&world, &stub, json!({})).await;
    emit(&world, &["credits_low"]).await;
    let waits = waits(&world, &tenant, &stub, 60, 20_000).await;
    assert_eq!(waits, [0, 120, 600, 2_400, 7_200]);
    let attempts: Vec<_> =
        stub.requests().iter().map(|request| header(request, "x-xaqiiji-attempt").unwrap()).collect();
    assert_eq!(attempts, ["1", "2", "3", "4", "5"]);
    let [delivery] = tenant.deliveries(&world, &webhook, "status=failed").await.try_into().unwrap();
    assert_eq!((&delivery["attempts"], &delivery["next_attempt_at"]), (&json!(5), &Value::Null));
    let health = tenant.get(&world, &webhook).await;
    assert_eq!((&health["consecutive_failures"], &health["active"]), (&json!(5), &json!(true)));
}

async fn the_standard_schedule_has_ten_attempts_within_its_jitter(world: Arc<World>) {
    let tenant = Tenant::new(&world).await;
    let stub = Stub::start([failing()]).await;
    tenant.webhook(&world, &stub, json!({ "service": "quota" })).await;
    emit_one(&world, Service::Quota, "balance.low").await;
    let waits = waits(&world, &tenant, &stub, 300, 345_600).await;
    let hours = [0, 0, 0, 0, 2, 5, 10, 14, 20, 24].map(|hours| hours * 3600);
    assert_eq!(waits.len(), hours.len());
    for (wait, expected) in waits.iter().zip(hours).skip(4) {
        assert!((expected * 8 / 10..=expected * 12 / 10 + 300).contains(wait), "{wait} for {expected}");
    }
}

async fn a_receiver_may_ask_for_at_most_twice_the_wait(world: Arc<World>) {
    let tenant = Tenant::new(&world).await;
    for (asked, expected) in [("1", 120), ("180", 180), ("9999", 240), ("soon", 120)] {
        let answer = format!("HTTP/1.1 429 X\r\nretry-after: {asked}\r\ncontent-length: 0\r\n\r\n");
        let stub = Stub::start([Act::Bytes(answer.into_bytes()), fine()]).await;
        let webhook = tenant.webhook(&world, &stub, json!({})).await;
        emit(&world, &["credits_low"]).await;
        assert_eq!(waits(&world, &tenant, &stub, 30, 400).await, [0, expected], "{asked}");
        tenant
            .ask(&world, "DELETE", &format!("{}/{}", super::WEBHOOKS, webhook.id), Value::Null)
            .await
            .expect(200);
    }
}

async fn what_is_no_success_is_tried_again(world: Arc<World>) {
    let tenant = Tenant::new(&world).await;
    let redirected = b"HTTP/1.1 302 X\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".to_vec();
    for (act, status, error) in [
        (Act::Bytes(redirected), Some(302), None),
        (Act::Answer(404, "who?".to_owned()), Some(404), None),
        (Act::Bytes(b"nonsense".to_vec()), None, Some("The connection broke, or the answer was no HTTP.")),
    ] {
        let stub = Stub::start([act.clone(), fine()]).await;
        let webhook = tenant.webhook(&world, &stub, json!({})).await;
        emit(&world, &["credits_low"]).await;
        tenant.deliver().await;
        let [delivery] = tenant.deliveries(&world, &webhook, "").await.try_into().unwrap();
        assert_eq!(delivery["status"], "retrying", "{act:?}");
        let last = &delivery["last_attempt"];
        assert_eq!((&last["http_status"], &last["error"]), (&json!(status), &json!(error)), "{act:?}");
        world.clock.advance_seconds(120);
        tenant.deliver().await;
        assert_eq!(tenant.deliveries(&world, &webhook, "status=delivered").await.len(), 1);
    }
    let nowhere = Stub::at(Stub::nowhere().await, []);
    let webhook = tenant.webhook(&world, &nowhere, json!({})).await;
    emit(&world, &["credits_low"]).await;
    tenant.deliver().await;
    let [delivery] = tenant.deliveries(&world, &webhook, "").await.try_into().unwrap();
    assert_eq!(delivery["last_attempt"]["error"], "No connection came about.");
}

async fn a_failed_delivery_begins_anew_when_it_is_replayed(world: Arc<World>) {
    let tenant = Tenant::new(&world).await;
    let stub = Stub::start([failing()]).await;
    let webhook = tenant.webhook(&world, &stub, json!({})).await;
    emit(&world, &["credits_low"]).await;
    waits(&world, &tenant, &stub, 60, 20_000).await;
    let [delivery] = tenant.deliveries(&world, &webhook, "").await.try_into().unwrap();
    let one = json!({ "deliveryId": delivery["id"] });
    let replayed = tenant.post(&world, &webhook, "replay", one.clone()).await.expect(202);
    assert_eq!(replayed, json!({ "replayed": 1, "has_more": false }));
    assert_eq!(waits(&world, &tenant, &stub, 60, 20_000).await, [0, 120, 600, 2_400, 7_200]);
    stub.set([fine()]);
    tenant.post(&world, &webhook, "replay", one).await.expect(202);
    tenant.deliver().await;
    let [delivery] = tenant.deliveries(&world, &webhook, "status=delivered").await.try_into().unwrap();
    assert_eq!(delivery["attempts"], 11);
    let ids: Vec<_> = stub.requests().iter().map(|request| header(request, "webhook-id")).collect();
    assert_eq!(ids.iter().filter(|id| **id == ids[0]).count(), 11, "one id for all");
}

async fn a_range_is_replayed_and_nothing_beside_it(world: Arc<World>) {
    let tenant = Tenant::new(&world).await;
    let stub = Stub::start([fine()]).await;
    let webhook = tenant.webhook(&world, &stub, json!({})).await;
    let mut times = Vec::new();
    for _ in 0..4 {
        times.push(world.clock.now().to_string());
        emit(&world, &["credits_low"]).await;
        tenant.deliver().await;
        world.clock.advance_seconds(10);
    }
    let replay = async |body: Value| {
        let replayed = tenant.post(&world, &webhook, "replay", body).await.expect(202);
        let before = stub.requests().len();
        tenant.deliver().await;
        assert_eq!(replayed["replayed"], stub.requests().len() - before);
        stub.requests().len() - before
    };
    assert_eq!(replay(json!({ "since": times[0] })).await, 0, "nothing failed");
    assert_eq!(replay(json!({ "since": times[0], "failed": false })).await, 4);
    assert_eq!(replay(json!({ "since": times[1], "until": times[3], "failed": false })).await, 2);
    stub.set([Act::Answer(410, String::new())]);
    emit(&world, &["credits_low"]).await;
    tenant.deliver().await;
    let other = tenant.webhook(&world, &stub, json!({})).await;
    let path = format!("{}/{}/replay", super::WEBHOOKS, other.id);
    let delivery = text(&tenant.deliveries(&world, &webhook, "").await[0], "id");
    let foreign = tenant.ask(&world, "POST", &path, json!({ "deliveryId": delivery })).await;
    foreign.problem(404, "not_found", &[]);
}

async fn what_a_dead_worker_had_is_sent_again_under_the_same_ids(world: Arc<World>) {
    let tenant = Tenant::new(&world).await;
    let stub = Stub::start([Act::Hang]).await;
    let webhook = tenant.webhook(&world, &stub, json!({})).await;
    emit(&world, &["credits_low"]).await;
    // The worker dies while its request hangs.
    let worker = tenant.worker.clone();
    let dying = tokio::spawn(async move { attestry::webhooks::round(&worker).await });
    stub.request_has_come().await;
    dying.abort();
    stub.set([fine()]);
    assert_eq!(tenant.deliver().await, 0, "it is leased");
    world.clock.advance_seconds(kernel::webhooks::LEASE_SECONDS);
    assert_eq!(tenant.deliver().await, 1);
    let requests = stub.requests();
    assert_eq!(header(&requests[0], "x-xaqiiji-attempt"), header(&requests[1], "x-xaqiiji-attempt"));
    assert_eq!(header(&requests[0], "webhook-id"), header(&requests[1], "webhook-id"));
    let [delivery] = tenant.deliveries(&world, &webhook, "").await.try_into().unwrap();
    assert_eq!((&delivery["status"], &delivery["attempts"]), (&json!("delivered"), &json!(1)));
}

async fn the_outcome_of_a_worker_that_was_too_late_is_discarded(world: Arc<World>) {
    let tenant = Tenant::new(&world).await;
    let stub = Stub::start([fine()]).await;
    let webhook = tenant.webhook(&world, &stub, json!({ "active": false })).await;
    emit(&world, &["credits_low"]).await;
    tenant.deliver().await;
    tenant.patch(&world, &webhook, json!({ "active": true })).await;
    let slow = claim(&world, &webhook.id).await.expect("the slow worker takes it");
    assert!(claim(&world, &webhook.id).await.is_none(), "it is leased");
    world.clock.advance_seconds(kernel::webhooks::LEASE_SECONDS);
    let fast = claim(&world, &webhook.id).await.expect("the lease has ended");
    assert_eq!((slow.delivery_id, slow.attempt), (fast.delivery_id, fast.attempt));
    assert_eq!(record(&world, slow.clone(), 200).await, 0);
    let [delivery] = tenant.deliveries(&world, &webhook, "").await.try_into().unwrap();
    assert_eq!((&delivery["status"], &delivery["attempts"]), (&json!("pending"), &json!(0)));
    assert_eq!(record(&world, fast.clone(), 500).await, 1);
    for late in [slow, fast] {
        assert_eq!(record(&world, late, 200).await, 0, "an outcome counts once");
    }
    let [delivery] = tenant.deliveries(&world, &webhook, "").await.try_into().unwrap();
    assert_eq!((&delivery["status"], &delivery["attempts"]), (&json!("retrying"), &json!(1)));
}

/// Somebody's lease of the only delivery there is.
#[derive(Clone, Debug)]
struct Lease {
    delivery_id: base::id::DeliveryId,
    fence: i64,
    attempt: i64,
    endpoint_id: base::id::EndpointId,
}

async fn claim(world: &World, webhook: &str) -> Option<Lease> {
    let (tenant_id, endpoint_id) = (world.mine.parse().unwrap(), webhook.parse().unwrap());
    let clock = world.clock.clone();
    let claim =
        move |tx: &mut db::Tx<'_>| kernel::webhooks::claim(tx, tenant_id, endpoint_id, clock.now(), 10);
    let claimed =
        world.app.kernel.db.write(tenant_id, claim).await.unwrap().expect("nobody else works on it");
    claimed.deliveries.first().map(|leased| Lease {
        delivery_id: leased.delivery_id,
        fence: leased.fence,
        attempt: leased.attempt,
        endpoint_id,
    })
}

/// How many outcomes counted.
async fn record(world: &World, lease: Lease, status: u16) -> usize {
    let (kernel, tenant_id) = (world.app.kernel.clone(), world.mine.parse().unwrap());
    let outcome = kernel::webhooks::Outcome {
        tenant_id,
        endpoint_id: lease.endpoint_id,
        service: Service::Citizen,
        delivery_id: lease.delivery_id,
        fence: lease.fence,
        attempt: lease.attempt,
        tries: lease.attempt,
        began_at: world.clock.now(),
        duration_us: 1,
        http_status: Some(status),
        error: None,
        answer: Vec::new(),
        retry_after_s: None,
    };
    let record = move |tx: &mut db::Tx<'_>| {
        kernel::webhooks::record(tx, &kernel, tenant_id, std::slice::from_ref(&outcome))
    };
    world.app.kernel.db.write(tenant_id, record).await.unwrap()
}

async fn an_address_that_may_not_be_asked_is_not_asked_when_it_is_time_either(world: Arc<World>) {
    let tenant = Tenant::new(&world).await;
    let stub = Stub::start([fine()]).await;
    let webhook = tenant.webhook(&world, &stub, json!({})).await;
    emit(&world, &["credits_low"]).await;
    let public = web::destination::Network::Public;
    let worker = attestry::webhooks::Webhooks::new(world.app.kernel.clone(), public).unwrap();
    assert_eq!(attestry::webhooks::round(&worker).await.unwrap(), 1);
    assert_eq!(stub.connections(), 0);
    let [delivery] = tenant.deliveries(&world, &webhook, "status=retrying").await.try_into().unwrap();
    let why = "The address may not be asked: it must begin with https://.";
    assert_eq!(delivery["last_attempt"]["error"], why);
}
