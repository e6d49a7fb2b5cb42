//! A tenant that an operator suspends is told so in the published form, once.

use std::sync::Arc;

use base::id::TenantId;
use serde_json::{Value, json};

use super::business_id;
use crate::fixture::{Ask, World};

on_both_engines! {
    a_suspension_is_told_once_in_each_environment
    a_suspension_that_is_refused_is_not_told
    suspensions_at_once_are_told_once
}

/// Environment, service and body of every event of a suspension of mine.
async fn told(world: &World) -> Vec<(String, String, Value)> {
    const SQL: &str = "SELECT environment, service, payload FROM outbox WHERE tenant_id = ?1 AND kind = 'business_suspended' \
        ORDER BY environment, at_us";
    let tenant_id: TenantId = world.mine.parse().unwrap();
    let read = world.app.kernel.db.read(move |tx| {
        let event = |row: &db::Row<'_>| Ok((row.text(0)?, row.text(1)?, row.text(2)?));
        Ok(tx.all(SQL, db::args![tenant_id], event)?)
    });
    let told = read.await.unwrap().into_iter();
    told.map(|(environment, service, body)| (environment, service, serde_json::from_str(&body).unwrap()))
        .collect()
}

fn status(world: &World, status: &str) -> Ask {
    let path = format!("/operator/v1/tenants/{}/status", world.mine);
    let body = json!({ "status": status, "reason": "unpaid invoice" });
    Ask::post(&path).bearer(&world.operator_token()).json(&body)
}

fn told_at(world: &World, timestamp: &str) -> [(String, String, Value); 2] {
    let body = json!({
        "event": "business_suspended", "businessId": business_id(world), "reason": "unpaid invoice",
        "timestamp": timestamp,
    });
    ["live", "test"].map(|environment| (environment.to_owned(), "citizen".to_owned(), body.clone()))
}

async fn a_suspension_is_told_once_in_each_environment(world: Arc<World>) {
    let before = world.state(&world.mine).await;
    let other = world.state(&world.other).await;
    status(&world, "suspended").send(world.operator()).await.expect(200);
    let first = told_at(&world, "2026-05-28T20:26:40.000Z");
    assert_eq!(told(&world).await, first);
    world.clock.advance_seconds(60);
    status(&world, "suspended").send(world.operator()).await.expect(200);
    status(&world, "active").send(world.operator()).await.expect(200);
    assert_eq!(told(&world).await, first, "neither of one that was suspended already, nor of a reopening");
    status(&world, "suspended").send(world.operator()).await.expect(200);
    let second = told_at(&world, "2026-05-28T20:27:40.000Z");
    let [[a, b], [c, d]] = [first, second];
    assert_eq!(told(&world).await, [a, c, b, d]);
    let after = world.state(&world.mine).await;
    assert_eq!((after.events, after.audits), (before.events + 4, before.audits + 4));
    assert_eq!((after.credits, after.transfers), (before.credits, before.transfers));
    assert_eq!(world.state(&world.other).await, other);
}

async fn a_suspension_that_is_refused_is_not_told(world: Arc<World>) {
    status(&world, "closed").send(world.operator()).await.expect(200);
    let before = world.state(&world.mine).await;
    status(&world, "suspended").send(world.operator()).await.expect(409);
    assert_eq!(told(&world).await, []);
    assert_eq!(world.state(&world.mine).await, before);
}

async fn suspensions_at_once_are_told_once(world: Arc<World>) {
    let all: Vec<_> = (0..8)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { status(&world, "suspended").send(world.operator()).await.expect(200) })
        })
        .collect();
    for one in all {
        one.await.unwrap();
    }
    assert_eq!(told(&world).await, told_at(&world, "2026-05-28T20:26:40.000Z"));
}
