//! citizen's API: what is answered, and what it caused and did not cause.

mod cache;
mod claims;
mod credits;
mod erasing;
mod errors;
mod idempotency;
mod lists;
mod live;
mod privacy;
mod races;
mod slow;
mod suspended;
mod verify;

use std::sync::Arc;

use base::Environment;
use base::id::{RequestId, TenantId};
use kernel::ledger::{self, wallet_id};
use kernel::secrets::hex;
use kernel::{Actor, Ctx};
use serde_json::{Value, json};

use crate::fixture::{Ask, Reply, State, World, text};

pub(crate) const PATH: &str = "/api/v1/verify/citizen";

/// A key of mine with every scope.
async fn key(world: &World, environment: &str) -> String {
    let body = json!({ "service": "citizen", "environment": environment, "rateLimitPerMinute": 0 });
    world.key(&world.mine, body).await.secret
}

fn ask(key: &str, question: &Value) -> Ask {
    Ask::post(PATH).bearer(key).json(question)
}

/// An answer with what it changed in my tables.
struct Asked {
    reply: Reply,
    before: State,
    after: State,
}

async fn asked(world: &Arc<World>, ask: Ask) -> Asked {
    let before = world.state(&world.mine).await;
    let reply = world.send(ask).await;
    Asked { reply, before, after: world.state(&world.mine).await }
}

impl Asked {
    /// So many credits were charged, for one verification with its audit row and its event.
    #[track_caller]
    fn verified_for(&self, credits: i64) {
        let (before, after) = (&self.before, &self.after);
        let transfers = i64::from(credits > 0);
        assert_eq!(
            (after.credits, after.transfers),
            (before.credits - credits, before.transfers + transfers)
        );
        assert_eq!(after.verifications, before.verifications + 1);
        assert_eq!((after.audits, after.events), (before.audits + 1, before.events + 1));
        assert_eq!(after.holds, before.holds);
    }

    /// Nothing happened at all.
    #[track_caller]
    fn changed_nothing(&self) {
        assert_eq!(self.after, self.before);
    }

    #[track_caller]
    fn refused(&self, status: u16, code: &str, message: &str) {
        let body = json!({ "status": "failed", "code": code, "message": message });
        assert_eq!(self.reply.essence(), (status, body));
        assert_eq!(self.reply.header("content-type"), Some("application/json"));
    }
}

/// The events of a request: kind and body.
async fn events_of(world: &World, request_id: &str) -> Vec<(String, Value)> {
    const SQL: &str =
        "SELECT kind, payload FROM outbox WHERE tenant_id = ?1 AND request_id = ?2 ORDER BY event_id";
    let (tenant_id, request_id): (TenantId, _) = (world.mine.parse().unwrap(), request_id.to_owned());
    let read = world.app.kernel.db.read(move |tx| {
        let event = |row: &db::Row<'_>| Ok((row.text(0)?, row.text(1)?));
        Ok(tx.all(SQL, db::args![tenant_id, &request_id], event)?)
    });
    let events = read.await.unwrap();
    events.into_iter().map(|(kind, payload)| (kind, serde_json::from_str(&payload).unwrap())).collect()
}

/// Action, outcome and note of each audit row of a request.
async fn audits_of(world: &World, request_id: &str) -> Vec<(String, String, Option<String>)> {
    const SQL: &str =
        "SELECT action, outcome, note FROM audit WHERE tenant_id = ?1 AND request_id = ?2 ORDER BY audit_id";
    let (tenant_id, request_id): (TenantId, _) = (world.mine.parse().unwrap(), request_id.to_owned());
    let read = world.app.kernel.db.read(move |tx| {
        let audit = |row: &db::Row<'_>| Ok((row.text(0)?, row.text(1)?, row.opt_text(2)?));
        Ok(tx.all(SQL, db::args![tenant_id, &request_id], audit)?)
    });
    read.await.unwrap()
}

/// Leaves so many credits in my wallet, with a charge that no verification made.
async fn leave_credits(world: &World, environment: Environment, left: i64) {
    let (kernel, tenant_id): (_, TenantId) = (world.app.kernel.clone(), world.mine.parse().unwrap());
    let spend = world.app.kernel.db.write(tenant_id, move |tx| {
        let now = kernel.clock.now();
        let request_id = RequestId::new(now, kernel.random.id_bits());
        let actor = Actor::System { worker: "test" };
        let ctx = Ctx::new(tenant_id, environment, actor, request_id, now, kernel.random.clone());
        let wallet = ledger::lock(tx, tenant_id, wallet_id(tenant_id, environment))?;
        ledger::charge(tx, &ctx, &wallet, wallet.balance - left, None).map(drop)
    });
    spend.await.unwrap();
}

/// Credits of my live wallet, which starts empty.
async fn grant(world: &World, amount: i64) {
    pay(world, "live", amount).await;
}

async fn pay(world: &World, environment: &str, amount: i64) {
    let reference = hex(&world.app.kernel.random.bytes::<8>());
    let body = json!({
        "tenantId": world.mine, "environment": environment, "amount": amount, "reference": reference,
    });
    let ask = Ask::post("/operator/v1/credits").bearer(&world.operator_token());
    let reply = ask.header("idempotency-key", &reference).json(&body).send(world.operator()).await;
    assert!(reply.status < 300, "{reply:?}");
}

/// My tenant's id as the published API writes it.
fn business_id(world: &World) -> String {
    let tenant_id: TenantId = world.mine.parse().unwrap();
    base::id::uuid_text(tenant_id.bits())
}

/// A page of the list.
async fn listed(world: &World, key: &str, query: &str) -> Value {
    world.send(Ask::get(&format!("/api/v1/verifications{query}")).bearer(key)).await.expect(200)
}

fn id_of(reply: &Reply) -> String {
    text(&reply.json()["data"], "id")
}
