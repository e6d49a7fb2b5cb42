//! Verifications that wait for the outside world: what is held meanwhile, and what becomes of it.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use attestry::app::App;
use base::id::TenantId;
use serde_json::{Value, json};
use services::citizen::registry::{Found, Outage, Record, RecordStatus};
use services::citizen::{Citizen, Outside, Settings};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use web::Edge;

use super::{ask, audits_of, events_of, grant, key, listed};
use crate::fixture::{Ask, Reply, State, World};

on_both_engines! {
    the_eighth_scenario_takes_eight_seconds_and_holds_its_price_meanwhile
    a_second_caller_with_the_key_waits_for_the_first_and_is_not_charged
    a_price_that_changes_meanwhile_holds_for_the_next_call
    a_caller_who_leaves_stops_nothing
    a_tenant_suspended_meanwhile_is_not_charged_and_told_nothing
    a_key_revoked_meanwhile_is_not_charged_and_told_nothing
    a_registry_over_the_network_answers_live_keys
    an_outage_of_the_network_frees_what_was_held
    an_empty_wallet_is_refused_before_the_registry_is_asked
    a_claim_that_nobody_records_is_swept_and_its_late_result_discarded
    a_retry_takes_over_an_abandoned_claim_and_is_charged_once
    a_caller_who_waited_in_vain_is_told_to_come_back
}

const SLOW: &str = "10000000008";

/// The outside world, which waits until the test lets it go on.
struct Gate {
    asked: Mutex<Vec<String>>,
    has_begun: Semaphore,
    go_on: Semaphore,
    word: Mutex<Result<Found, Outage>>,
}

impl Gate {
    fn new(word: Result<Found, Outage>) -> Arc<Self> {
        Arc::new(Self {
            asked: Mutex::default(),
            has_begun: Semaphore::new(0),
            go_on: Semaphore::new(0),
            word: Mutex::new(word),
        })
    }

    async fn pass(&self, what: String) {
        self.asked.lock().unwrap().push(what);
        self.has_begun.add_permits(1);
        self.go_on.acquire().await.unwrap().forget();
    }

    async fn has_begun(&self) {
        self.has_begun.acquire().await.unwrap().forget();
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// My application, with this gate as its outside world.
    fn edge(self: &Arc<Self>, world: &World) -> Edge {
        self.edge_of(&world.app)
    }

    fn edge_of(self: &Arc<Self>, app: &App) -> Edge {
        let (pausing, asking) = (Arc::clone(self), Arc::clone(self));
        let pause = move |wait: Duration| -> Pin<Box<dyn Future<Output = ()> + Send>> {
            let gate = Arc::clone(&pausing);
            Box::pin(async move { gate.pass(format!("{} s", wait.as_secs())).await })
        };
        let upstream = move |number: String| -> Pin<Box<dyn Future<Output = Result<Found, Outage>> + Send>> {
            let gate = Arc::clone(&asking);
            Box::pin(async move {
                gate.pass(number).await;
                gate.word.lock().unwrap().clone()
            })
        };
        let outside =
            Outside { upstream: Some(Arc::new(upstream)), pause: Arc::new(pause), ..Outside::default() };
        let mut app = app.clone();
        app.citizen = Citizen::new(&app.kernel, Settings::default(), outside);
        app.public_site()
    }
}

fn unknown() -> Arc<Gate> {
    Gate::new(Ok(Found::Unknown))
}

fn begun(edge: &Edge, ask: Ask) -> JoinHandle<Reply> {
    let edge = edge.clone();
    tokio::spawn(async move { ask.send(&edge).await })
}

/// One charge of one credit came out of one hold, with one verification.
#[track_caller]
fn assert_captured(before: &State, after: &State) {
    assert_eq!((after.credits, after.transfers), (before.credits - 1, before.transfers + 1));
    assert_eq!((after.holds, after.verifications), (before.holds + 1, before.verifications + 1));
    assert_eq!((after.audits, after.events), (before.audits + 1, before.events + 1));
}

/// What is held in the wallets of mine.
async fn held(world: &World) -> i64 {
    let mut held = 0;
    for environment in ["test", "live"] {
        let path = format!("/operator/v1/wallet?tenantId={}&environment={environment}", world.mine);
        held += world.operate("GET", &path, Value::Null).await["held"].as_i64().unwrap();
    }
    held
}

async fn the_eighth_scenario_takes_eight_seconds_and_holds_its_price_meanwhile(world: Arc<World>) {
    let (key, gate) = (key(&world, "test").await, unknown());
    let (edge, before) = (gate.edge(&world), world.state(&world.mine).await);
    let call = begun(&edge, ask(&key, &json!({ "nationalId": SLOW })));
    gate.has_begun().await;
    assert_eq!((gate.asked(), held(&world).await), (vec!["8 s".to_owned()], 1));
    assert_eq!(world.state(&world.mine).await.verifications, before.verifications);
    gate.go_on.add_permits(1);
    let body = call.await.unwrap().expect(200);
    assert_eq!(body["citizen"]["fullName"], "Maxamed Cabdi Xasan");
    assert_eq!((&body["creditDeducted"], &body["data"]["creditsUsed"]), (&json!(true), &json!(1)));
    assert_captured(&before, &world.state(&world.mine).await);
    let again = ask(&key, &json!({ "nationalId": SLOW })).send(&edge).await.expect(200);
    assert_eq!(
        (again["cached"].clone(), gate.asked().len()),
        (json!(true), 1),
        "what is repeated is not slow"
    );
    assert_eq!(held(&world).await, 0);
}

async fn a_second_caller_with_the_key_waits_for_the_first_and_is_not_charged(world: Arc<World>) {
    let (key, gate) = (key(&world, "test").await, unknown());
    let (edge, before) = (gate.edge(&world), world.state(&world.mine).await);
    let named = || ask(&key, &json!({ "nationalId": SLOW })).header("idempotency-key", "two callers");
    let first = begun(&edge, named());
    gate.has_begun().await;
    let others: Vec<_> = (0..8).map(|_| begun(&edge, named())).collect();
    let other_body =
        ask(&key, &json!({ "nationalId": "10000000001" })).header("idempotency-key", "two callers");
    let other_body = begun(&edge, other_body);
    gate.go_on.add_permits(1);
    let original = first.await.unwrap().expect(200);
    for other in others {
        let reply = other.await.unwrap();
        assert_eq!(reply.expect(200)["data"]["id"], original["data"]["id"]);
        assert_eq!(reply.header("idempotent-replay"), Some("true"));
    }
    assert_eq!(other_body.await.unwrap().expect(409)["code"], "CONFLICT");
    assert_eq!(gate.asked().len(), 1);
    let after = world.state(&world.mine).await;
    assert_eq!(after.replies, before.replies + 1);
    assert_captured(&before, &after);
}

async fn a_price_that_changes_meanwhile_holds_for_the_next_call(world: Arc<World>) {
    let (key, gate) = (key(&world, "test").await, unknown());
    let edge = gate.edge(&world);
    let question = json!({ "nationalId": SLOW, "maxAgeSeconds": 0 });
    // One credit is what a call costs without a price list.
    for (held_at, next) in [(1, 5), (5, 2)] {
        let before = world.state(&world.mine).await;
        let call = begun(&edge, ask(&key, &question));
        gate.has_begun().await;
        set_price(&world, next).await;
        gate.go_on.add_permits(1);
        let body = call.await.unwrap().expect(200);
        assert_eq!((&body["data"]["creditsUsed"], &body["creditDeducted"]), (&json!(held_at), &json!(true)));
        let after = world.state(&world.mine).await;
        assert_eq!((after.credits, held(&world).await), (before.credits - held_at, 0));
        assert_eq!(listed(&world, &key, "?limit=1").await["data"][0]["creditsUsed"], held_at);
        world.clock.advance_seconds(1);
    }
    let before = world.state(&world.mine).await;
    gate.go_on.add_permits(1);
    let body = ask(&key, &question).send(&edge).await.expect(200);
    assert_eq!(body["data"]["creditsUsed"], 2);
    assert_eq!(world.state(&world.mine).await.credits, before.credits - 2);
}

/// A newer line of my price list.
async fn set_price(world: &World, amount: i64) {
    const PRICE: &str =
        "INSERT INTO price (tenant_id, command, price_id, amount, created_at_us) VALUES (?1, ?2, ?3, ?4, ?5)";
    let (tenant_id, now): (TenantId, _) = (world.mine.parse().unwrap(), world.clock.now());
    let id = format!("price_{}", kernel::secrets::hex(&now.micros().to_be_bytes()));
    let args = move |tx: &mut db::Tx<'_>| {
        let command = services::citizen::command::VERIFY.name;
        Ok(tx.exec(PRICE, db::args![tenant_id, command, &id, amount, now])?)
    };
    world.app.kernel.db.write(tenant_id, args).await.unwrap();
}

async fn a_caller_who_leaves_stops_nothing(world: Arc<World>) {
    let (key, gate) = (key(&world, "test").await, unknown());
    let (edge, before) = (gate.edge(&world), world.state(&world.mine).await);
    let named = || ask(&key, &json!({ "nationalId": SLOW })).header("idempotency-key", "a caller who left");
    let call = begun(&edge, named());
    gate.has_begun().await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    gate.go_on.add_permits(1);
    let reply = named().send(&edge).await;
    assert_eq!((reply.status, reply.header("idempotent-replay")), (200, Some("true")), "{reply:?}");
    assert_eq!(gate.asked().len(), 1);
    let after = world.state(&world.mine).await;
    assert_eq!(after.replies, before.replies + 1);
    assert_captured(&before, &after);
}

/// Nothing but the hold that was voided, and what the operator did.
async fn assert_discarded(world: &World, before: &State, reply: &Reply) {
    let after = world.state(&world.mine).await;
    assert_eq!((after.credits, held(world).await), (before.credits, 0));
    assert_eq!(after.verifications, before.verifications);
    assert_eq!(events_of(world, reply.request_id()).await, []);
    assert_eq!(after.replies, before.replies, "the key is free again");
    assert!(audits_of(world, reply.request_id()).await.is_empty());
}

async fn a_tenant_suspended_meanwhile_is_not_charged_and_told_nothing(world: Arc<World>) {
    let (key, gate) = (key(&world, "test").await, unknown());
    let (edge, before) = (gate.edge(&world), world.state(&world.mine).await);
    let named = ask(&key, &json!({ "nationalId": SLOW })).header("idempotency-key", "suspended meanwhile");
    let call = begun(&edge, named);
    gate.has_begun().await;
    world.set_status(&world.mine, "suspended").await;
    gate.go_on.add_permits(1);
    let reply = call.await.unwrap();
    assert_eq!(reply.expect(403)["code"], "FORBIDDEN");
    assert_discarded(&world, &before, &reply).await;
}

async fn a_key_revoked_meanwhile_is_not_charged_and_told_nothing(world: Arc<World>) {
    let (key, gate) = (world.key(&world.mine, json!({ "service": "citizen" })).await, unknown());
    let (edge, before) = (gate.edge(&world), world.state(&world.mine).await);
    let named =
        ask(&key.secret, &json!({ "nationalId": SLOW })).header("idempotency-key", "revoked meanwhile");
    let call = begun(&edge, named);
    gate.has_begun().await;
    let path = format!("/operator/v1/keys/{}?environment=test&tenantId={}", key.id, world.mine);
    world.operate("DELETE", &path, Value::Null).await;
    gate.go_on.add_permits(1);
    let reply = call.await.unwrap();
    assert_eq!(reply.expect(401)["code"], "UNAUTHORIZED");
    assert_discarded(&world, &before, &reply).await;
}

async fn a_registry_over_the_network_answers_live_keys(world: Arc<World>) {
    let key = key(&world, "live").await;
    grant(&world, 10).await;
    let record = |status| {
        let (full_name, date_of_birth) = ("Xaliimo Warsame Jaamac".to_owned(), "1985-03-12".to_owned());
        Ok(Found::Record(Record { full_name, date_of_birth, status }))
    };
    for (word, result, reason) in [
        (record(RecordStatus::Active), "verified", "MATCH"),
        (record(RecordStatus::Deceased), "failed", "DECEASED"),
        (record(RecordStatus::Blocked), "failed", "ID_BLOCKED"),
        (Ok(Found::Unknown), "not_found", "DOCUMENT_NOT_FOUND"),
    ] {
        let gate = Gate::new(word);
        let (edge, before) = (gate.edge(&world), world.state(&world.mine).await);
        gate.go_on.add_permits(1);
        let question = json!({ "nationalId": "40000000001", "maxAgeSeconds": 0 });
        let body = ask(&key, &question).send(&edge).await.expect(200);
        assert_eq!((&body["data"]["result"], &body["data"]["reason"]), (&json!(result), &json!(reason)));
        assert_eq!((&body["data"]["environment"], &body["data"]["creditsUsed"]), (&json!("live"), &json!(1)));
        assert_eq!(body.get("citizen").is_some(), result == "verified");
        assert_eq!(gate.asked(), ["40000000001"]);
        assert_captured(&before, &world.state(&world.mine).await);
    }
}

async fn an_outage_of_the_network_frees_what_was_held(world: Arc<World>) {
    let key = key(&world, "live").await;
    grant(&world, 10).await;
    let gate = Gate::new(Err(Outage { cause: "refused".to_owned() }));
    let (edge, before) = (gate.edge(&world), world.state(&world.mine).await);
    gate.go_on.add_permits(2);
    for count in 1..=2 {
        let named = ask(&key, &json!({ "nationalId": "40000000001" })).header("idempotency-key", "an outage");
        let reply = named.send(&edge).await;
        assert_eq!(reply.expect(503)["code"], "SERVICE_UNAVAILABLE");
        assert!(reply.header("retry-after").is_some());
        assert_eq!(events_of(&world, reply.request_id()).await[0].1["result"], "provider_error");
        let after = world.state(&world.mine).await;
        assert_eq!((after.credits, held(&world).await, after.replies), (before.credits, 0, before.replies));
        assert_eq!(
            (after.verifications, after.events),
            (before.verifications + count, before.events + count)
        );
    }
    let row = &listed(&world, &key, "?limit=1").await["data"][0];
    assert_eq!((&row["result"], &row["creditsUsed"]), (&json!("provider_error"), &json!(0)));
}

async fn an_empty_wallet_is_refused_before_the_registry_is_asked(world: Arc<World>) {
    let (key, gate) = (key(&world, "live").await, unknown());
    let edge = gate.edge(&world);
    let reply = ask(&key, &json!({ "nationalId": "40000000001" })).send(&edge).await;
    assert_eq!(reply.expect(402)["code"], "INSUFFICIENT_CREDITS");
    assert_eq!(events_of(&world, reply.request_id()).await[0].0, "credits_exhausted");
    assert!(gate.asked().is_empty());
}

async fn a_claim_that_nobody_records_is_swept_and_its_late_result_discarded(world: Arc<World>) {
    let (key, gate) = (key(&world, "test").await, unknown());
    let (edge, before) = (gate.edge(&world), world.state(&world.mine).await);
    let call = begun(&edge, ask(&key, &json!({ "nationalId": SLOW })));
    gate.has_begun().await;
    world.clock.advance_seconds(61);
    attestry::workers::sweep(&world.app.kernel).await.unwrap();
    assert_eq!(held(&world).await, 0);
    gate.go_on.add_permits(1);
    let reply = call.await.unwrap();
    assert_eq!(reply.expect(503)["code"], "SERVICE_UNAVAILABLE");
    assert_discarded(&world, &before, &reply).await;
}

async fn a_retry_takes_over_an_abandoned_claim_and_is_charged_once(world: Arc<World>) {
    let (key, gate) = (key(&world, "test").await, unknown());
    let (edge, before) = (gate.edge(&world), world.state(&world.mine).await);
    let named = || ask(&key, &json!({ "nationalId": SLOW })).header("idempotency-key", "abandoned");
    let lost = begun(&edge, named());
    gate.has_begun().await;
    world.clock.advance_seconds(61);
    // Another process: callers of one process wait for each other.
    let next = unknown();
    next.go_on.add_permits(1);
    let reply = named().send(&next.edge_of(&world.restarted(&world.secrets_file).await)).await;
    assert_eq!(reply.expect(200)["data"]["creditsUsed"], 1);
    assert_eq!(held(&world).await, 0, "the first hold was voided");
    gate.go_on.add_permits(1);
    assert_eq!(lost.await.unwrap().expect(503)["code"], "SERVICE_UNAVAILABLE");
    let after = world.state(&world.mine).await;
    assert_eq!((after.credits, after.verifications), (before.credits - 1, before.verifications + 1));
    assert_eq!((after.events, after.replies), (before.events + 1, before.replies + 1));
    assert_eq!(named().send(&edge).await.header("idempotent-replay"), Some("true"));
}

/// The one test that lets ten seconds pass: the wait is promised in seconds of the caller's clock.
async fn a_caller_who_waited_in_vain_is_told_to_come_back(world: Arc<World>) {
    let (key, gate) = (key(&world, "test").await, unknown());
    let edge = gate.edge(&world);
    let named = || ask(&key, &json!({ "nationalId": SLOW })).header("idempotency-key", "all in vain");
    let first = begun(&edge, named());
    gate.has_begun().await;
    let reply = named().send(&edge).await;
    assert_eq!(reply.expect(409)["code"], "REQUEST_IN_PROGRESS");
    assert!(reply.header("retry-after").is_some());
    gate.go_on.add_permits(1);
    first.await.unwrap().expect(200);
    assert_eq!(named().send(&edge).await.header("idempotent-replay"), Some("true"));
}
