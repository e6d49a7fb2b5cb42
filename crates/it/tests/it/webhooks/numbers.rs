//! The numbers of events: from 1, without a gap, once given never changed, whoever writes and whoever numbers.

use std::sync::Arc;

use base::id::TenantId;
use base::{Environment, Service};
use serde_json::{Value, json};

use super::{Tenant, emit, emit_one};
use crate::fixture::{Act, Stub, World};

alone_on_both_engines! {
    numbers_have_no_gap_while_many_write_and_two_workers_number
    an_event_is_delivered_once_for_each_webhook_whoever_numbers_it
    the_list_goes_on_where_it_ended
    environments_and_tenants_count_for_themselves
}

async fn listed(world: &World, tenant: &Tenant, query: &str) -> (Vec<(i64, String)>, Option<String>) {
    let path = format!("/platform/v1/events?limit=100&{query}");
    let page = tenant.ask(world, "GET", &path, Value::Null).await.expect(200);
    let row = |row: &Value| (row["seq"].as_i64().unwrap(), row["id"].as_str().unwrap().to_owned());
    let rows = page["data"].as_array().unwrap().iter().map(row).collect();
    (rows, page["next_cursor"].as_str().map(str::to_owned))
}

async fn every_event(world: &World, tenant: &Tenant) -> Vec<(i64, String)> {
    let mut all = Vec::new();
    loop {
        let after = all.last().map_or(0, |(seq, _)| *seq);
        let (rows, _) = listed(world, tenant, &format!("after={after}")).await;
        if rows.is_empty() {
            return all;
        }
        all.extend(rows);
    }
}

async fn number(world: Arc<World>) {
    let (kernel, tenant_id) = (world.app.kernel.clone(), world.mine.parse::<TenantId>().unwrap());
    for _ in 0..60 {
        let worker = kernel.clone();
        let write = move |tx: &mut db::Tx<'_>| {
            let now = worker.clock.now();
            kernel::webhooks::number(tx, tenant_id, Environment::Test, now, &worker.random, 7)
        };
        kernel.db.write(tenant_id, write).await.unwrap();
        tokio::task::yield_now().await;
    }
}

async fn numbers_have_no_gap_while_many_write_and_two_workers_number(world: Arc<World>) {
    let tenant = Tenant::new(&world).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let world = Arc::clone(&world);
        tasks.spawn(async move {
            for _ in 0..50 {
                emit(&world, &["credits_low"]).await;
            }
        });
    }
    for _ in 0..2 {
        tasks.spawn(number(Arc::clone(&world)));
    }
    let early = every_event(&world, &tenant).await;
    tasks.join_all().await;
    number(Arc::clone(&world)).await;
    let all = every_event(&world, &tenant).await;
    assert_eq!(all.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), (1..=200).collect::<Vec<_>>());
    let mut ids: Vec<_> = all.iter().map(|(_, id)| id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 200);
    assert_eq!(early, all[..early.len()], "what was seen once stays as it was");
}

async fn an_event_is_delivered_once_for_each_webhook_whoever_numbers_it(world: Arc<World>) {
    let tenant = Tenant::new(&world).await;
    let stub = Stub::start([Act::Answer(200, String::new())]).await;
    for _ in 0..2 {
        tenant.webhook(&world, &stub, json!({})).await;
    }
    emit(&world, &["credits_low"; 100]).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let worker = tenant.worker.clone();
        tasks.spawn(async move { while attestry::webhooks::round(&worker).await.unwrap() > 0 {} });
    }
    tasks.join_all().await;
    tenant.deliver().await;
    let mut told: Vec<_> = stub
        .requests()
        .iter()
        .map(|request| super::header(request, "x-xaqiiji-delivery-id").unwrap())
        .collect();
    assert_eq!(told.len(), 200);
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 200, "each of them once");
}

async fn the_list_goes_on_where_it_ended(world: Arc<World>) {
    let tenant = Tenant::new(&world).await;
    assert_eq!(every_event(&world, &tenant).await, []);
    emit(&world, &["credits_low"; 5]).await;
    assert_eq!(every_event(&world, &tenant).await, [], "what has no number yet is not listed");
    tenant.deliver().await;
    let all = every_event(&world, &tenant).await;
    let page =
        tenant.ask(&world, "GET", "/platform/v1/events?limit=2&after=1", Value::Null).await.expect(200);
    assert_eq!((&page["data"][0]["seq"], &page["data"][1]["seq"]), (&json!(2), &json!(3)));
    let cursor = page["next_cursor"].as_str().unwrap();
    let (rest, cursor) = listed(&world, &tenant, &format!("after=1&cursor={cursor}")).await;
    assert_eq!((rest.as_slice(), cursor), (&all[3..], None));
    let (none, _) = listed(&world, &tenant, "after=5").await;
    assert_eq!(none, []);
}

async fn environments_and_tenants_count_for_themselves(world: Arc<World>) {
    let tenant = Tenant::new(&world).await;
    emit(&world, &["credits_low"; 3]).await;
    let live = world.key(&world.mine, json!({ "service": "platform", "environment": "live" })).await.secret;
    let other = world.key(&world.other, json!({ "service": "platform" })).await.secret;
    tenant.deliver().await;
    emit_one(&world, Service::Quota, "balance.low").await;
    tenant.deliver().await;
    let all = every_event(&world, &tenant).await;
    assert_eq!(all.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [1, 2, 3, 4]);
    for key in [live, other] {
        let ask = crate::fixture::Ask::get("/platform/v1/events").bearer(&key);
        assert_eq!(world.send(ask).await.expect(200)["data"], json!([]));
    }
}
