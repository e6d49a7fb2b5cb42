//! Webhooks, from the event to the receiver: what arrives, what is kept of it, and what happens when nothing does.

mod api;
mod health;
mod numbers;
mod plans;
mod receiving;
mod retries;

use attestry::webhooks::{Webhooks, round};
use base::id::{RequestId, TenantId};
use base::{Environment, Service};
use kernel::ctx::Event;
use kernel::{Actor, Ctx, outbox};
use serde_json::{Value, json};
use web::destination::Network;

use crate::fixture::{Ask, Reply, Stub, World, merge, text};

pub(crate) const WEBHOOKS: &str = "/platform/v1/webhooks";

/// A tenant's view: a platform key of my test environment, and a worker that delivers when told to.
pub(super) struct Tenant {
    pub(super) key: String,
    pub(super) worker: Webhooks,
}

/// A webhook that was just made.
#[derive(Clone, Debug)]
pub(super) struct Webhook {
    pub(super) id: String,
    pub(super) secret: String,
}

impl Tenant {
    pub(super) async fn new(world: &World) -> Self {
        let key = world.key(&world.mine, json!({ "service": "platform" })).await.secret;
        Self { key, worker: Webhooks::new(world.app.kernel.clone(), Network::Private).unwrap() }
    }

    pub(super) async fn ask(&self, world: &World, method: &str, path: &str, body: Value) -> Reply {
        world.send(Ask::new(method, path).bearer(&self.key).json(&body)).await
    }

    /// A webhook at a stub; `body` says what is special about it, and it is citizen's unless it says so.
    pub(super) async fn webhook(&self, world: &World, stub: &Stub, body: Value) -> Webhook {
        let url = format!("http://{}/hook", stub.address);
        let body = merge(json!({ "url": url, "service": "citizen" }), body);
        let made = self.ask(world, "POST", WEBHOOKS, body).await.expect(201);
        Webhook { id: text(&made, "id"), secret: text(&made, "secret") }
    }

    pub(super) async fn get(&self, world: &World, webhook: &Webhook) -> Value {
        self.ask(world, "GET", &format!("{WEBHOOKS}/{}", webhook.id), Value::Null).await.expect(200)
    }

    pub(super) async fn patch(&self, world: &World, webhook: &Webhook, body: Value) -> Value {
        self.ask(world, "PATCH", &format!("{WEBHOOKS}/{}", webhook.id), body).await.expect(200)
    }

    pub(super) async fn post(&self, world: &World, webhook: &Webhook, action: &str, body: Value) -> Reply {
        self.ask(world, "POST", &format!("{WEBHOOKS}/{}/{action}", webhook.id), body).await
    }

    /// The deliveries of a webhook, newest first.
    pub(super) async fn deliveries(&self, world: &World, webhook: &Webhook, query: &str) -> Vec<Value> {
        let path = format!("{WEBHOOKS}/{}/deliveries?limit=100&{query}", webhook.id);
        let page = self.ask(world, "GET", &path, Value::Null).await.expect(200);
        page["data"].as_array().unwrap().clone()
    }

    /// Delivers what is due now, until nothing is.
    pub(super) async fn deliver(&self) -> usize {
        let mut sent = 0;
        loop {
            match round(&self.worker).await.unwrap() {
                0 => return sent,
                more => sent += more,
            }
        }
    }
}

/// Writes so many events of citizen into my test environment, each in a transaction of its own.
pub(super) async fn emit(world: &World, kinds: &[&'static str]) {
    for &kind in kinds {
        emit_one(world, Service::Citizen, kind).await;
        world.clock.advance_seconds(0);
    }
}

pub(super) async fn emit_one(world: &World, service: Service, kind: &'static str) {
    let kernel = world.app.kernel.clone();
    let tenant_id: TenantId = world.mine.parse().unwrap();
    let write = move |tx: &mut db::Tx<'_>| {
        let now = kernel.clock.now();
        let request_id = RequestId::new(now, kernel.random.id_bits());
        let actor = Actor::System { worker: "test" };
        let ctx = Ctx::new(tenant_id, Environment::Test, actor, request_id, now, kernel.random.clone());
        let payload = json!({ "event": kind }).to_string();
        outbox::write(tx, &ctx, &[Event { service, kind, payload }])
    };
    world.app.kernel.db.write(tenant_id, write).await.unwrap();
}

/// The value of a header in a request as it came.
pub(super) fn header(request: &str, name: &str) -> Option<String> {
    let (head, _) = request.split_once("\r\n\r\n").unwrap();
    let found = head.lines().filter_map(|line| line.split_once(": "));
    let mut found = found.filter(|(found, _)| found.eq_ignore_ascii_case(name));
    let value = found.next().map(|(_, value)| value.to_owned());
    assert!(found.next().is_none(), "{name} stands twice in {request}");
    value
}

pub(super) fn body(request: &str) -> &str {
    request.split_once("\r\n\r\n").unwrap().1
}
