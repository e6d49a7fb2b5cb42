use std::sync::Arc;

use serde_json::json;

use super::{Shop, refused};
use crate::fixture::{Ask, World, text};

on_both_engines! {
    codes_are_minted_charged_and_answered_at_once
    a_large_batch_is_charged_at_once_and_ready_when_its_job_ran
    a_job_that_cannot_be_done_stops_no_other_one
    all_large_batches_of_a_tenant_are_ready_after_one_round
    serial_numbers_go_on_from_batch_to_batch_of_a_prefix
    a_repeated_key_gets_the_same_codes_and_pays_once
    a_key_whose_reply_is_gone_is_refused_for_a_month
    a_short_wallet_mints_nothing_and_frees_the_key
    many_callers_with_one_key_get_one_batch
    two_mints_of_all_that_a_wallet_has_are_one
    a_wrong_field_is_named_and_nothing_is_minted
}

async fn codes_are_minted_charged_and_answered_at_once(world: Arc<World>) {
    let shop = Shop::open(&world).await;
    let before = world.state(&world.mine).await;
    let reply = world.send(shop.mint(3)).await;
    let body = reply.expect(201);
    let after = world.state(&world.mine).await;
    assert_eq!((&body["generated"], &body["charged"]), (&json!(3), &json!(3)));
    assert_eq!((after.credits, after.transfers), (before.credits - 3, before.transfers + 1));
    assert_eq!((after.audits, after.events, after.jobs), (before.audits + 1, before.events, before.jobs));
    for (index, code) in body["codes"].as_array().unwrap().iter().enumerate() {
        let token = text(code, "token");
        assert_eq!((token.len(), text(code, "serial")), (20, format!("EXP24-{:06}", index + 1)));
        assert_eq!(text(code, "verifyUrl"), format!("http://localhost:8080/v/{token}"));
        let verdict = shop.verify(&world, &token.to_lowercase()).await;
        let expected = json!({
            "valid": true, "status": "genuine", "token": token.to_lowercase(), "product": "Oil", "org": "Mine",
            "serial": code["serial"], "qrStatus": "ACTIVE", "scanCount": 0, "firstScannedAt": null,
            "riskLevel": "green",
        });
        assert_eq!(verdict, expected);
    }
    let usage = world.send(shop.get("/api/v1/usage")).await.expect(200);
    let expected = json!({
        "creditBalance": 99_997, "period": { "since": "2026-05-01T00:00:00.000Z" }, "usage": { "codesGenerated": 3 },
    });
    assert_eq!(usage, expected);
}

async fn a_large_batch_is_charged_at_once_and_ready_when_its_job_ran(world: Arc<World>) {
    let shop = Shop::open(&world).await;
    let before = world.state(&world.mine).await;
    let reply = world.send(shop.mint(2000)).await;
    let body = reply.expect(202);
    let batch = text(&body, "batchId");
    assert_eq!(body, json!({ "batchId": batch, "queued": 2000, "charged": 2000, "async": true }));
    let place = format!("/api/v1/batches/{batch}");
    assert_eq!(reply.header("location"), Some(place.as_str()));
    let after = world.state(&world.mine).await;
    assert_eq!((after.credits, after.jobs), (before.credits - 2000, before.jobs + 1));
    let queued = world.send(shop.get(&place)).await.expect(200);
    assert_eq!((&queued["status"], &queued["csvSha256"]), (&json!("queued"), &json!(null)));
    let csv = world.send(shop.get(&format!("{place}/codes"))).await;
    csv.expect(200);
    world.app.codes.run_due().await.unwrap();
    let ready = world.send(shop.get(&place)).await.expect(200);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &csv.body);
    assert_eq!(text(&ready, "csvSha256"), kernel::secrets::hex(digest.as_ref()));
    assert_eq!((text(&ready, "status"), text(&ready, "lastSerial")), ("ready".into(), "EXP24-002000".into()));
    let done = world.state(&world.mine).await;
    assert_eq!((done.jobs, done.events, done.credits), (before.jobs, after.events + 1, after.credits));
    world.app.codes.run_due().await.unwrap();
    assert_eq!(world.state(&world.mine).await, done, "there is nothing more to do");
}

async fn a_job_that_cannot_be_done_stops_no_other_one(world: Arc<World>) {
    let shop = Shop::open(&world).await;
    let (tenant_id, now) = (world.mine.parse().unwrap(), world.clock.now());
    let random = world.app.kernel.random.clone();
    let broken = move |tx: &mut db::Tx<'_>| {
        let (actor, environment) = (kernel::Actor::System { worker: "test" }, base::Environment::Test);
        let request_id = base::id::RequestId::from_bits(1);
        let ctx = kernel::Ctx::new(tenant_id, environment, actor, request_id, now, random.clone());
        kernel::jobs::enqueue(tx, &ctx, "codes.batch.ready", "nothing", now)
    };
    world.app.kernel.db.write(tenant_id, broken).await.unwrap();
    let batch = text(&world.send(shop.mint(2000)).await.expect(202), "batchId");
    let before = world.state(&world.mine).await;
    world.app.codes.run_due().await.unwrap();
    let ready = world.send(shop.get(&format!("/api/v1/batches/{batch}"))).await.expect(200);
    assert_eq!(ready["status"], "ready");
    assert_eq!(world.state(&world.mine).await.jobs, before.jobs - 1, "the broken one waits for its next try");
}

async fn all_large_batches_of_a_tenant_are_ready_after_one_round(world: Arc<World>) {
    let shop = Shop::open(&world).await;
    let before = world.state(&world.mine).await;
    for _ in 0..20 {
        world.send(shop.mint(1001)).await.expect(202);
    }
    world.app.codes.run_due().await.unwrap();
    let listed = world.send(shop.get("/api/v1/batches")).await.expect(200);
    let statuses: Vec<_> = listed["data"].as_array().unwrap().iter().map(|row| text(row, "status")).collect();
    assert_eq!(statuses, ["ready"; 20]);
    let after = world.state(&world.mine).await;
    assert_eq!((after.jobs, after.events), (before.jobs, before.events + 20));
}

async fn serial_numbers_go_on_from_batch_to_batch_of_a_prefix(world: Arc<World>) {
    let shop = Shop::open(&world).await;
    let last = |body: &serde_json::Value| text(body["codes"].as_array().unwrap().last().unwrap(), "serial");
    assert_eq!(last(&world.send(shop.mint(2)).await.expect(201)), "EXP24-000002");
    assert_eq!(last(&world.send(shop.mint(1)).await.expect(201)), "EXP24-000003");
    let other = json!({ "productId": shop.product, "quantity": 1, "prefix": "exp24" });
    let other = Ask::post("/api/v1/batches").bearer(&shop.key).json(&other);
    assert_eq!(last(&world.send(other).await.expect(201)), "exp24-000001");
}

async fn a_repeated_key_gets_the_same_codes_and_pays_once(world: Arc<World>) {
    let shop = Shop::open(&world).await;
    let ask = || shop.mint(2).header("idempotency-key", "batch one");
    let first = world.send(ask()).await;
    let paid = world.state(&world.mine).await;
    let second = world.send(ask()).await;
    assert_eq!(first.expect(201), second.expect(201));
    assert_eq!((first.header("idempotent-replay"), second.header("idempotent-replay")), (None, Some("true")));
    let reused = world.send(shop.mint(3).header("idempotency-key", "batch one")).await;
    let message = "Idempotency-Key was already used with a different request payload";
    refused(&reused, 422, "idempotency_key_reused", message);
    assert_eq!(world.state(&world.mine).await, paid);
}

async fn a_key_whose_reply_is_gone_is_refused_for_a_month(world: Arc<World>) {
    const DAY: i64 = 86_400;
    let shop = Shop::open(&world).await;
    let ask = || shop.mint(1).header("idempotency-key", "long ago");
    world.send(ask()).await.expect(201);
    let expired = "This Idempotency-Key was used more than 24 hours ago. Look up what that request did, or send a new key.";
    world.clock.advance_seconds(DAY);
    refused(&world.send(ask()).await, 422, "idempotency_expired", expired);
    attestry::workers::sweep(&world.app.kernel).await.unwrap();
    let swept = world.state(&world.mine).await;
    world.clock.advance_seconds(29 * DAY);
    refused(&world.send(ask()).await, 422, "idempotency_expired", expired);
    assert_eq!(world.state(&world.mine).await.credits, swept.credits);
    world.clock.advance_seconds(DAY);
    world.send(ask()).await.expect(201);
}

async fn a_short_wallet_mints_nothing_and_frees_the_key(world: Arc<World>) {
    let shop = Shop::open(&world).await;
    world.send(shop.mint(1)).await.expect(201);
    let before = world.state(&world.mine).await;
    let short = world.send(shop.mint(100_000).header("idempotency-key", "too many")).await;
    let message = "Insufficient credits: balance 99999, required 100000. Top up to continue.";
    refused(&short, 402, "insufficient_credits", message);
    let after = world.state(&world.mine).await;
    assert_eq!(
        (after.credits, after.transfers, after.replies),
        (before.credits, before.transfers, before.replies)
    );
    let other = world.send(shop.mint(1).header("idempotency-key", "too many")).await.expect(201);
    assert_eq!(text(&other["codes"][0], "serial"), "EXP24-000002", "no number is left out");
}

async fn many_callers_with_one_key_get_one_batch(world: Arc<World>) {
    let shop = Arc::new(Shop::open(&world).await);
    let before = world.state(&world.mine).await;
    let callers: Vec<_> = (0..64)
        .map(|_| {
            let (world, shop) = (Arc::clone(&world), Arc::clone(&shop));
            tokio::spawn(async move { world.send(shop.mint(5).header("idempotency-key", "together")).await })
        })
        .collect();
    let mut batches = std::collections::HashSet::new();
    for caller in callers {
        let reply = caller.await.unwrap();
        assert!(matches!(reply.status, 201 | 409), "{reply:?}");
        if reply.status == 201 {
            batches.insert(text(&reply.json(), "batchId"));
        }
    }
    let after = world.state(&world.mine).await;
    assert_eq!(batches.len(), 1);
    assert_eq!((after.credits, after.transfers), (before.credits - 5, before.transfers + 1));
}

async fn two_mints_of_all_that_a_wallet_has_are_one(world: Arc<World>) {
    let shop = Shop::open(&world).await;
    let (one, two) = tokio::join!(world.send(shop.mint(100_000)), world.send(shop.mint(100_000)));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 402]);
    let after = world.state(&world.mine).await;
    assert_eq!(after.jobs, 1);
    let usage = world.send(shop.get("/api/v1/usage")).await.expect(200);
    assert_eq!((&usage["creditBalance"], &usage["usage"]["codesGenerated"]), (&json!(0), &json!(100_000)));
}

async fn a_wrong_field_is_named_and_nothing_is_minted(world: Arc<World>) {
    let shop = Shop::open(&world).await;
    let before = world.state(&world.mine).await;
    let product = &shop.product;
    for (body, message) in [
        (json!({}), "productId is required; quantity is required"),
        (json!({ "productId": product, "quantity": 0 }), "quantity must be between 1 and 10000000"),
        (json!({ "productId": product, "quantity": 10_000_001 }), "quantity must be between 1 and 10000000"),
        (
            json!({ "productId": product, "quantity": 1, "prefix": "a b" }),
            "prefix must be 1 to 20 letters, digits, dots, underscores and dashes",
        ),
    ] {
        let reply = world.send(Ask::post("/api/v1/batches").bearer(&shop.key).json(&body)).await;
        refused(&reply, 400, "invalid_request", message);
    }
    let broken = Ask::post("/api/v1/batches").bearer(&shop.key).header("content-type", "application/json");
    let broken = world.send(broken.body("{")).await.expect(400);
    assert_eq!(broken["error"]["code"], "invalid_body");
    let nothing =
        world.send(Ask::post("/api/v1/verify").bearer(&shop.key).json(&json!({ "token": "" }))).await;
    assert_eq!(nothing.expect(400)["error"]["code"], "missing_token");
    assert_eq!(world.state(&world.mine).await, before);
}
