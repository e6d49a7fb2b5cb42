use std::sync::Arc;

use base::Environment;
use serde_json::{Value, json};
use services::codes::TokenKeys;

use super::{Shop, refused};
use crate::fixture::{Ask, Reply, World, text};

on_both_engines! {
    a_batch_that_nobody_saw_is_cancelled_and_its_price_given_back_once
    a_batch_whose_codes_were_handed_out_cannot_be_cancelled
    an_export_and_a_cancel_at_the_same_time_do_not_both_happen
}

async fn cancel(world: &World, shop: &Shop, batch: &str) -> Reply {
    let ask = Ask::new("PATCH", &format!("/api/v1/batches/{batch}")).bearer(&shop.key);
    world.send(ask.json(&json!({ "status": "cancelled" }))).await
}

async fn large(world: &World, shop: &Shop) -> String {
    text(&world.send(shop.mint(1001)).await.expect(202), "batchId")
}

async fn a_batch_that_nobody_saw_is_cancelled_and_its_price_given_back_once(world: Arc<World>) {
    let shop = Shop::open(&world).await;
    let (_, tokens) = shop.tokens(&world, 1).await;
    let before = world.state(&world.mine).await;
    let batch = large(&world, &shop).await;
    // The codes follow one another, so the next token after a known one is of the next batch.
    let keys = TokenKeys::of(&world.app.kernel.secrets);
    let known = keys.open(&tokens[0]).unwrap();
    let next = keys.key(Environment::Test, known.epoch).unwrap().mint(known.number.plus(1).ordinal());
    assert_eq!(shop.verify(&world, &next.to_string()).await["serial"], "EXP24-000002");

    let cancelled = cancel(&world, &shop, &batch).await.expect(200);
    assert_eq!((&cancelled["status"], &cancelled["charged"]), (&json!("cancelled"), &json!(1001)));
    assert!(cancelled["cancelledAt"].is_string() && cancelled["exportedAt"].is_null(), "{cancelled}");
    let after = world.state(&world.mine).await;
    assert_eq!((after.credits, after.transfers), (before.credits, before.transfers + 2));
    let counterfeit = json!({ "valid": false, "status": "counterfeit", "token": next.to_string() });
    assert_eq!(shop.verify(&world, &next.to_string()).await, counterfeit);
    let usage = world.send(shop.get("/api/v1/usage")).await.expect(200);
    assert_eq!(usage["usage"]["codesGenerated"], 1);

    let gone = "This batch was cancelled: it has no codes, and nothing about it can be changed.";
    refused(&cancel(&world, &shop, &batch).await, 409, "conflict", gone);
    let path = format!("/api/v1/batches/{batch}/codes");
    refused(&world.send(shop.get(&path)).await, 409, "conflict", gone);
    world.app.codes.run_due().await.unwrap();
    let shown = world.send(shop.get(&format!("/api/v1/batches/{batch}"))).await.expect(200);
    assert_eq!((&shown["status"], &shown["csvSha256"]), (&json!("cancelled"), &Value::Null));
    let last = world.state(&world.mine).await;
    assert_eq!(
        (last.credits, last.events),
        (after.credits, after.events),
        "once, and nobody is told it is ready"
    );
    let (_, later) = shop.tokens(&world, 1).await;
    assert_eq!(shop.verify(&world, &later[0]).await["serial"], "EXP24-001003", "no number comes twice");
}

async fn a_batch_whose_codes_were_handed_out_cannot_be_cancelled(world: Arc<World>) {
    let shop = Shop::open(&world).await;
    let (answered, _) = shop.tokens(&world, 2).await;
    let exported = large(&world, &shop).await;
    world.send(shop.get(&format!("/api/v1/batches/{exported}/codes?from=5&to=5"))).await;
    let before = world.state(&world.mine).await;
    let why = "Codes of this batch were handed out at 2026-05-28T20:26:40.000Z, so it cannot be cancelled any more. \
               Recall it instead.";
    for batch in [&answered, &exported] {
        refused(&cancel(&world, &shop, batch).await, 409, "conflict", why);
    }
    assert_eq!(world.state(&world.mine).await, before);
    let unasked = large(&world, &shop).await;
    let wrong = world.send(shop.get(&format!("/api/v1/batches/{unasked}/codes?format=xls"))).await;
    assert_eq!(wrong.status, 400);
    cancel(&world, &shop, &unasked).await.expect(200);
}

async fn an_export_and_a_cancel_at_the_same_time_do_not_both_happen(world: Arc<World>) {
    let shop = Shop::open(&world).await;
    for _ in 0..8 {
        let before = world.state(&world.mine).await.credits;
        let batch = large(&world, &shop).await;
        let path = format!("/api/v1/batches/{batch}/codes");
        let (export, cancelled) = tokio::join!(world.send(shop.get(&path)), cancel(&world, &shop, &batch));
        let spent = before - world.state(&world.mine).await.credits;
        match (export.status, cancelled.status) {
            (200, 409) => assert_eq!(spent, 1001),
            (409, 200) => assert_eq!(spent, 0),
            both => panic!("{both:?}"),
        }
    }
}
