//! The health of a webhook: who fails gets less, who is gone gets nothing, and nothing is lost meanwhile.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Tenant, WEBHOOKS, emit};
use crate::fixture::{Act, Stub, World};

alone_on_both_engines! {
    a_receiver_that_is_gone_is_disabled_at_once_and_its_deliveries_are_held
    nothing_but_failures_for_five_days_disables
    what_is_disabled_holds_its_deliveries_and_sends_them_when_it_is_enabled
    what_is_deleted_sends_nothing_any_more
    a_receiver_that_hangs_gets_few_and_slows_nobody
    what_is_old_or_deleted_is_forgotten_and_nothing_else
}

fn fine() -> Act {
    Act::Answer(200, String::new())
}

async fn a_receiver_that_is_gone_is_disabled_at_once_and_its_deliveries_are_held(world: Arc<World>) {
    let tenant = Tenant::new(&world).await;
    let stub = Stub::start([Act::Answer(410, "gone".to_owned())]).await;
    let webhook = tenant.webhook(&world, &stub, json!({})).await;
    let audits = world.state(&world.mine).await.audits;
    emit(&world, &["credits_low"]).await;
    tenant.deliver().await;
    let health = tenant.get(&world, &webhook).await;
    assert_eq!((&health["active"], &health["disabled_reason"]), (&json!(false), &json!("gone")));
    assert_eq!(world.state(&world.mine).await.audits, audits + 1);
    let disabled = ("system".to_owned(), "platform.webhook.disable".to_owned());
    assert!(world.audits_of(&webhook.id).await.contains(&disabled));
    world.clock.advance_seconds(100_000);
    assert_eq!(tenant.deliver().await, 0);
    assert_eq!(tenant.deliveries(&world, &webhook, "status=held").await.len(), 1);
    stub.set([fine()]);
    let enabled = tenant.patch(&world, &webhook, json!({ "active": true })).await;
    assert_eq!((&enabled["disabled_reason"], &enabled["consecutive_failures"]), (&Value::Null, &json!(0)));
    assert_eq!(tenant.deliver().await, 1);
}

async fn nothing_but_failures_for_five_days_disables(world: Arc<World>) {
    let tenant = Tenant::new(&world).await;
    let stub = Stub::start([Act::Answer(500, String::new())]).await;
    let webhook = tenant.webhook(&world, &stub, json!({})).await;
    let fail = async |hours: i64| {
        emit(&world, &["credits_low"]).await;
        tenant.deliver().await;
        world.clock.advance_seconds(hours * 3600);
    };
    fail(100).await;
    stub.set([fine()]);
    fail(10).await;
    stub.set([Act::Answer(500, String::new())]);
    fail(119).await;
    fail(1).await;
    let health = tenant.get(&world, &webhook).await;
    assert_eq!(health["active"], true, "a success on the way begins anew: {health}");
    fail(0).await;
    let health = tenant.get(&world, &webhook).await;
    assert_eq!((&health["active"], &health["disabled_reason"]), (&json!(false), &json!("failing")));
}

async fn what_is_disabled_holds_its_deliveries_and_sends_them_when_it_is_enabled(world: Arc<World>) {
    let tenant = Tenant::new(&world).await;
    let stub = Stub::start([fine()]).await;
    let webhook = tenant.webhook(&world, &stub, json!({ "active": false })).await;
    emit(&world, &["credits_low", "credits_exhausted"]).await;
    assert_eq!(tenant.deliver().await, 0);
    let held = tenant.deliveries(&world, &webhook, "status=held").await;
    assert_eq!(held.len(), 2);
    assert!(held.iter().all(|delivery| delivery["next_attempt_at"].is_null()));
    for none in ["pending", "retrying", "delivered", "failed"] {
        assert_eq!(tenant.deliveries(&world, &webhook, &format!("status={none}")).await, [Value::Null; 0]);
    }
    tenant.patch(&world, &webhook, json!({ "active": true })).await;
    assert_eq!(tenant.deliveries(&world, &webhook, "status=pending").await.len(), 2);
    assert_eq!(tenant.deliver().await, 2);
    assert_eq!(tenant.deliveries(&world, &webhook, "status=delivered").await.len(), 2);
    assert_eq!(tenant.deliveries(&world, &webhook, "status=held").await, [Value::Null; 0]);
}

async fn what_is_deleted_sends_nothing_any_more(world: Arc<World>) {
    let tenant = Tenant::new(&world).await;
    let stub = Stub::start([Act::Answer(500, String::new()), fine()]).await;
    let webhook = tenant.webhook(&world, &stub, json!({})).await;
    emit(&world, &["credits_low"]).await;
    tenant.deliver().await;
    emit(&world, &["credits_low"]).await;
    let path = format!("{WEBHOOKS}/{}", webhook.id);
    tenant.ask(&world, "DELETE", &path, Value::Null).await.expect(200);
    world.clock.advance_seconds(100_000);
    assert_eq!(tenant.deliver().await, 0);
    assert_eq!(stub.requests().len(), 1);
    for (method, path) in
        [("GET", path.clone()), ("DELETE", path.clone()), ("GET", format!("{path}/deliveries"))]
    {
        tenant.ask(&world, method, &path, Value::Null).await.problem(404, "not_found", &[]);
    }
}

async fn a_receiver_that_hangs_gets_few_and_slows_nobody(world: Arc<World>) {
    let tenant = Tenant::new(&world).await;
    let (hanging, healthy) = (Stub::start([Act::Hang]).await, Stub::start([fine()]).await);
    tenant.webhook(&world, &hanging, json!({})).await;
    emit(&world, &["credits_low"; 30]).await;
    // It takes as many as a new webhook gets, and waits.
    let worker = tenant.worker.clone();
    let stuck = tokio::spawn(async move { attestry::webhooks::round(&worker).await });
    hanging.request_has_come().await;
    tenant.webhook(&world, &healthy, json!({})).await;
    emit(&world, &["credits_exhausted"; 30]).await;
    assert_eq!(tenant.deliver().await, 30, "for the healthy one, and nothing more for the other");
    assert_eq!(healthy.requests().len(), 30);
    assert_eq!(hanging.requests().len(), 4);
    stuck.abort();
}

async fn what_is_old_or_deleted_is_forgotten_and_nothing_else(world: Arc<World>) {
    let tenant = Tenant::new(&world).await;
    let stub = Stub::start([fine()]).await;
    let (kept, deleted) =
        (tenant.webhook(&world, &stub, json!({})).await, tenant.webhook(&world, &stub, json!({})).await);
    let held = tenant.webhook(&world, &stub, json!({ "active": false })).await;
    emit(&world, &["credits_low"; 3]).await;
    tenant.deliver().await;
    world.clock.advance_seconds(29 * 86_400);
    emit(&world, &["credits_low"]).await;
    tenant.deliver().await;
    let path = format!("{WEBHOOKS}/{}", deleted.id);
    tenant.ask(&world, "DELETE", &path, Value::Null).await.expect(200);
    let rows = async || {
        let (deliveries, attempts) = ("webhook_delivery", "webhook_attempt");
        (
            count(&world, deliveries).await,
            count(&world, attempts).await,
            count(&world, "webhook_endpoint").await,
        )
    };
    assert_eq!(rows().await, (12, 8, 3));
    attestry::workers::sweep(&world.app.kernel).await.unwrap();
    assert_eq!(rows().await, (8, 4, 2), "what was deleted, and nothing young");
    world.clock.advance_seconds(86_400 + 1);
    attestry::workers::sweep(&world.app.kernel).await.unwrap();
    assert_eq!(rows().await, (2, 1, 2), "what is older than 30 days");
    assert_eq!(tenant.deliveries(&world, &kept, "").await.len(), 1);
    assert_eq!(tenant.deliveries(&world, &held, "status=held").await.len(), 1);
    let events = tenant.ask(&world, "GET", "/platform/v1/events", Value::Null).await.expect(200);
    assert_eq!(events["data"].as_array().unwrap().len(), 4, "events stay");
}

async fn count(world: &World, table: &str) -> i64 {
    let sql: &'static str = format!("SELECT COUNT(*) FROM {table} WHERE tenant_id = ?1").leak();
    let tenant_id: base::id::TenantId = world.mine.parse().unwrap();
    let read = move |tx: &mut db::Tx<'_>| Ok(tx.one(sql, db::args![tenant_id], |row| row.int(0))?);
    world.app.kernel.db.read(read).await.unwrap()
}
