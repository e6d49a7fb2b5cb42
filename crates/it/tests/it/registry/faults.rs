//! An upstream registry with every fault there is: never charged for, never somebody else's record.

use std::sync::Arc;

use attestry::registry::{Connector, Table, connector};
use serde_json::{Value, json};
use services::citizen::{Citizen, Settings};
use web::Edge;

use crate::fixture::{Act, Ask, Reply, State, Stub, World};

on_both_engines! {
    an_upstream_answers_live_keys_for_a_credit
    no_fault_of_the_upstream_is_ever_charged
    what_may_be_better_a_moment_later_is_tried_again_and_nothing_else
    the_circuit_opens_and_closes_and_the_status_tells
    a_process_that_dies_while_it_waits_leaves_no_hold_behind
}

const NUMBER: &str = "40000000001";

fn record(number: &str) -> String {
    json!({ "id": number, "name": "Sahra Nuur Cali", "born": "1985-03-12", "state": "A" }).to_string()
}

fn good() -> Act {
    Act::Answer(200, record(NUMBER))
}

fn connected(world: &World, address: std::net::SocketAddr, more: &str) -> Connector {
    let table = format!(
        "url = \"http://{address}/v1/citizens/{{nationalId}}\"\nprivate_network = true\n{more}\n\
         [headers]\nAuthorization = \"env:TOKEN\"\n\
         [fields]\nnational_id = \"/id\"\nfull_name = \"/name\"\ndate_of_birth = \"/born\"\nstatus = \"/state\"\n\
         [status]\nactive = [\"A\"]\ndeceased = [\"D\"]\n[circuit]\ncalls_min = 3\n"
    );
    let table: Table = toml::from_str(&table).unwrap();
    let settings = table.check(|name| (name == "TOKEN").then(|| "Bearer secret".to_owned())).unwrap();
    connector(settings, &world.app.kernel).unwrap()
}

/// My application with this upstream.
fn edge(world: &World, connector: &Connector) -> Edge {
    let mut app = world.app.clone();
    app.citizen = Citizen::new(&app.kernel, Settings::default(), connector.clone().outside());
    app.public_site()
}

async fn live_key(world: &World) -> String {
    let body = json!({ "tenantId": world.mine, "environment": "live", "amount": 100, "reference": "paid" });
    let ask = Ask::post("/operator/v1/credits").header("idempotency-key", "for the registry").json(&body);
    assert!(world.operator_ask(ask).await.status < 300);
    let body = json!({ "service": "citizen", "environment": "live", "rateLimitPerMinute": 0 });
    world.key(&world.mine, body).await.secret
}

fn question(key: &str) -> Ask {
    let body = json!({ "nationalId": NUMBER, "maxAgeSeconds": 0 });
    Ask::post("/api/v1/verify/citizen").bearer(key).json(&body)
}

async fn held(world: &World) -> Value {
    let path = format!("/operator/v1/wallet?tenantId={}&environment=live", world.mine);
    world.operate("GET", &path, Value::Null).await["held"].clone()
}

/// Nothing was charged and nothing is held; the outage is on record.
async fn assert_outage(world: &World, before: &State, reply: &Reply, fault: &str) {
    assert_eq!(reply.expect(503)["code"], "SERVICE_UNAVAILABLE", "{fault}");
    assert!(reply.header("retry-after").is_some(), "{fault}");
    let after = world.state(&world.mine).await;
    assert_eq!((after.credits, held(world).await), (before.credits, json!(0)), "{fault}");
    assert_eq!(after.verifications, before.verifications + 1, "{fault}");
    assert_eq!((after.audits, after.events), (before.audits + 1, before.events + 1), "{fault}");
}

async fn an_upstream_answers_live_keys_for_a_credit(world: Arc<World>) {
    let stub = Stub::start([good()]).await;
    let edge = edge(&world, &connected(&world, stub.address, ""));
    let key = live_key(&world).await;
    for (body, status, result) in [
        (record(NUMBER), 200, "verified"),
        (record(NUMBER).replace("\"A\"", "\"D\""), 200, "failed"),
        ("no such citizen".to_owned(), 404, "not_found"),
    ] {
        stub.set([Act::Answer(status, body)]);
        let before = world.state(&world.mine).await;
        let answer = question(&key).send(&edge).await.expect(200);
        assert_eq!(answer["data"]["result"], result);
        let after = world.state(&world.mine).await;
        assert_eq!((after.credits, held(&world).await), (before.credits - 1, json!(0)));
        assert_eq!((after.verifications, after.events), (before.verifications + 1, before.events + 1));
    }
    let requests = stub.requests();
    assert_eq!((requests.len(), stub.connections()), (3, 1), "the connection is kept");
    for request in requests {
        assert!(request.starts_with(&format!("GET /v1/citizens/{NUMBER} HTTP/1.1\r\n")), "{request}");
        assert!(request.contains("authorization: Bearer secret\r\n"), "{request}");
    }
}

async fn no_fault_of_the_upstream_is_ever_charged(world: Arc<World>) {
    let stub = Stub::start([Act::Hang]).await;
    let key = live_key(&world).await;
    let whole = |body: &str| format!("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n{body}").into_bytes();
    let redirect =
        format!("HTTP/1.1 302 X\r\nlocation: http://{}/x\r\ncontent-length: 0\r\n\r\n", stub.address);
    for (fault, act) in [
        ("slow", Act::Hang),
        ("wrong citizen", Act::Answer(200, record("40000000002"))),
        ("garbage", Act::Answer(200, "\u{0}\u{1}\u{2}".to_owned())),
        ("a page", Act::Answer(200, "<html>Please log in</html>".to_owned())),
        ("half an answer", Act::Bytes(whole(&record(NUMBER)))),
        ("half a head", Act::Bytes(b"HTTP/1.1 200 OK\r\ncontent-le".to_vec())),
        ("no HTTP", Act::Bytes(b"220 mail.example ESMTP\r\n".to_vec())),
        ("nothing", Act::Bytes(Vec::new())),
        ("too much", Act::Answer(200, format!("{}{}", record(NUMBER), " ".repeat(70_000)))),
        ("an unmapped status", Act::Answer(200, record(NUMBER).replace("\"A\"", "\"Z\""))),
        ("a redirect", Act::Bytes(redirect.into_bytes())),
        ("forbidden", Act::Answer(403, "{}".to_owned())),
        ("its own failure", Act::Answer(500, record(NUMBER))),
        ("busy for long", Act::Answer(503, "{}".to_owned())),
    ] {
        stub.set([act]);
        // A connector of its own: the circuit of one that meets so many faults would open.
        let edge = edge(&world, &connected(&world, stub.address, "timeout_ms = 300"));
        let before = world.state(&world.mine).await;
        assert_outage(&world, &before, &question(&key).send(&edge).await, fault).await;
    }
    let edge = edge(&world, &connected(&world, Stub::nowhere().await, ""));
    let before = world.state(&world.mine).await;
    assert_outage(&world, &before, &question(&key).send(&edge).await, "connection refused").await;
    // What was not answered is not remembered either.
    stub.set([good()]);
    let edge = self::edge(&world, &connected(&world, stub.address, ""));
    assert_eq!(question(&key).send(&edge).await.expect(200)["creditDeducted"], true);
}

async fn what_may_be_better_a_moment_later_is_tried_again_and_nothing_else(world: Arc<World>) {
    let key = live_key(&world).await;
    let busy = |status| Act::Answer(status, String::new());
    for (acts, tries, status) in [
        (vec![busy(503), busy(502), good()], 3, 200),
        (vec![busy(504), good()], 2, 200),
        (vec![busy(503), busy(503), busy(503), good()], 3, 503),
        (vec![busy(500), good()], 1, 503),
        (vec![busy(429), good()], 1, 503),
        (vec![Act::Answer(200, "garbage".to_owned()), good()], 1, 503),
        (vec![Act::Answer(200, record("40000000002")), good()], 1, 503),
        (vec![Act::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_vec()), good()], 1, 503),
    ] {
        let stub = Stub::start(acts.clone()).await;
        let edge = edge(&world, &connected(&world, stub.address, ""));
        let before = world.state(&world.mine).await;
        let reply = question(&key).send(&edge).await;
        assert_eq!((reply.status, stub.requests().len()), (status, tries), "{acts:?}");
        let charged = i64::from(status == 200);
        assert_eq!(world.state(&world.mine).await.credits, before.credits - charged, "{acts:?}");
    }
    // A try that took too long is repeated while there is time for another.
    let stub = Stub::start([Act::Hang, good()]).await;
    let edge = edge(&world, &connected(&world, stub.address, "timeout_ms = 20000\nattempt_timeout_ms = 100"));
    question(&key).send(&edge).await.expect(200);
    assert_eq!(stub.requests().len(), 2);
}

async fn the_circuit_opens_and_closes_and_the_status_tells(world: Arc<World>) {
    let stub = Stub::start([Act::Answer(500, String::new())]).await;
    let connector = connected(&world, stub.address, "");
    let (edge, key) = (edge(&world, &connector), live_key(&world).await);
    let shown = || async {
        let status = Ask::get("/api/v1/registry/status").bearer(&key).send(&edge).await.expect(200);
        assert_eq!(status["message"], "OK");
        let data = &status["data"];
        assert_eq!(data["lastCheckedAt"].is_null(), data["lastHourSuccessRate"].is_null());
        json!([data["status"], data["circuit"], data["lastHourSuccessRate"]])
    };
    assert_eq!(shown().await, json!(["online", "closed", null]));
    for failures in 1..=3 {
        let before = world.state(&world.mine).await;
        assert_outage(&world, &before, &question(&key).send(&edge).await, "its own failure").await;
        assert_eq!(stub.requests().len(), failures);
    }
    assert_eq!(shown().await, json!(["offline", "open", 0.0]));
    let before = world.state(&world.mine).await;
    assert_outage(&world, &before, &question(&key).send(&edge).await, "an open circuit").await;
    assert_eq!(stub.requests().len(), 3, "it is left alone");
    world.clock.advance_seconds(10);
    assert_eq!(shown().await, json!(["degraded", "half_open", 0.0]));
    let before = world.state(&world.mine).await;
    assert_outage(&world, &before, &question(&key).send(&edge).await, "a failed probe").await;
    assert_eq!((stub.requests().len(), shown().await[1].clone()), (4, json!("open")));
    world.clock.advance_seconds(10);
    stub.set([good()]);
    question(&key).send(&edge).await.expect(200);
    assert_eq!(shown().await, json!(["degraded", "closed", 20.0]));
    world.clock.advance_seconds(3600);
    question(&key).send(&edge).await.expect(200);
    assert_eq!(shown().await, json!(["online", "closed", 100.0]));
}

async fn a_process_that_dies_while_it_waits_leaves_no_hold_behind(world: Arc<World>) {
    let stub = Stub::start([Act::Hang]).await;
    let edge = edge(&world, &connected(&world, stub.address, "timeout_ms = 20000"));
    let (key, before) = (live_key(&world).await, world.state(&world.mine).await);
    // What runs in a runtime that is shut down stops where it stands, as in a process that is killed.
    let doomed = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let named = question(&key).header("idempotency-key", "killed in between");
    let dying = edge.clone();
    doomed.spawn(async move { named.send(&dying).await });
    stub.request_has_come().await;
    assert_eq!(held(&world).await, 1);
    doomed.shutdown_background();
    world.clock.advance_seconds(24 * 3600);
    attestry::workers::sweep(&world.app.kernel).await.unwrap();
    let after = world.state(&world.mine).await;
    assert_eq!((after.credits, held(&world).await), (before.credits, json!(0)));
    assert_eq!((after.verifications, after.events), (before.verifications, before.events));
    // The same key is free again, and its retry is charged once.
    stub.set([good()]);
    let named = question(&key).header("idempotency-key", "killed in between");
    assert_eq!(named.send(&edge).await.expect(200)["creditDeducted"], true);
    assert_eq!(world.state(&world.mine).await.credits, after.credits - 1);
}
