use std::sync::Arc;

use serde_json::{Value, json};

use super::Shop;
use crate::fixture::{Ask, World};

on_both_engines! {
    whatever_is_no_code_of_the_caller_gets_the_same_answer
    a_recall_makes_every_code_red_in_one_row_and_can_be_taken_back
    a_status_is_set_by_tokens_and_by_ranges_that_stay_ranges
    a_range_that_was_not_minted_changes_nothing
    a_product_is_changed_and_its_archive_takes_no_mint
}

async fn whatever_is_no_code_of_the_caller_gets_the_same_answer(world: Arc<World>) {
    let (shop, other) = (Shop::open(&world).await, Shop::of(&world, &world.other, json!({})).await);
    let (_, tokens) = shop.tokens(&world, 1).await;
    let changed = tokens[0].replacen(|_| true, if tokens[0].starts_with('0') { "1" } else { "0" }, 1);
    for token in [" ", "x", "not-a-real-token", &changed, &"9".repeat(20), &"9".repeat(600)] {
        let expected = json!({ "valid": false, "status": "counterfeit", "token": token });
        assert_eq!(shop.verify(&world, token).await, expected);
    }
    let expected = json!({ "valid": false, "status": "counterfeit", "token": tokens[0] });
    assert_eq!(other.verify(&world, &tokens[0]).await, expected, "another organization's");
    let body = json!({ "service": "codes", "environment": "live" });
    let live = Shop { key: world.key(&world.mine, body).await.secret, product: String::new() };
    assert_eq!(live.verify(&world, &tokens[0]).await, expected, "the other environment's");
    assert_eq!(shop.verify(&world, &tokens[0]).await["valid"], true);
}

async fn a_recall_makes_every_code_red_in_one_row_and_can_be_taken_back(world: Arc<World>) {
    let shop = Shop::open(&world).await;
    let (batch, tokens) = shop.tokens(&world, 2).await;
    let place = format!("/api/v1/batches/{batch}");
    let change = |body: Value| Ask::new("PATCH", &place).bearer(&shop.key).json(&body);
    let before = world.state(&world.mine).await;
    let recalled = world.send(change(json!({ "status": "recalled", "reason": "seal" }))).await.expect(200);
    assert_eq!((&recalled["status"], &recalled["reason"]), (&json!("recalled"), &json!("seal")));
    let after = world.state(&world.mine).await;
    assert_eq!((after.events, after.audits), (before.events + 1, before.audits + 1));
    for token in &tokens {
        let verdict = shop.verify(&world, token).await;
        let told = (&verdict["valid"], &verdict["qrStatus"], &verdict["riskLevel"]);
        assert_eq!(told, (&json!(true), &json!("RECALLED"), &json!("red")));
    }
    world.send(change(json!({ "status": "active" }))).await.expect(200);
    assert_eq!(shop.verify(&world, &tokens[0]).await["qrStatus"], "ACTIVE");
    for wrong in [json!({ "status": "gone" }), json!({ "reason": "x" }), json!({ "risk": { "x": 1 } })] {
        assert_eq!(world.send(change(wrong)).await.expect(400)["error"]["code"], "invalid_request");
    }
    let rules = world.send(change(json!({ "risk": { "sessionsAmber": 9 } }))).await.expect(200);
    assert_eq!((&rules["risk"]["sessionsAmber"], &rules["risk"]["neighbours"]), (&json!(9), &json!(3)));
}

async fn set(world: &World, shop: &Shop, body: Value) -> crate::fixture::Reply {
    world.send(Ask::post("/api/v1/codes/status").bearer(&shop.key).json(&body)).await
}

async fn statuses(world: &World, shop: &Shop, tokens: &[String]) -> String {
    let mut letters = String::new();
    for token in tokens {
        let verdict = shop.verify(world, token).await;
        letters.push(verdict["qrStatus"].as_str().unwrap().chars().next().unwrap());
    }
    letters
}

async fn a_status_is_set_by_tokens_and_by_ranges_that_stay_ranges(world: Arc<World>) {
    let shop = Shop::open(&world).await;
    let (_, mut tokens) = shop.tokens(&world, 5).await;
    // A range reaches over both batches.
    tokens.extend(shop.tokens(&world, 5).await.1);
    let range = |from: i64, to: i64, status: &str| json!({ "ranges": [{ "from": format!("EXP24-{from:06}"), "to": format!("EXP24-{to:06}") }], "status": status });
    let changed = set(&world, &shop, range(2, 9, "STOLEN")).await.expect(200);
    assert_eq!(changed, json!({ "status": "STOLEN", "updated": 8, "notFound": [] }));
    assert_eq!(statuses(&world, &shop, &tokens).await, "ASSSSSSSSA");
    set(&world, &shop, range(4, 6, "CONSUMED")).await.expect(200);
    assert_eq!(statuses(&world, &shop, &tokens).await, "ASSCCCSSSA");
    let one = json!({ "tokens": [tokens[7], "unknown"], "status": "INACTIVE" });
    let changed = set(&world, &shop, one).await.expect(200);
    assert_eq!(changed, json!({ "status": "INACTIVE", "updated": 1, "notFound": ["unknown"] }));
    assert_eq!(statuses(&world, &shop, &tokens).await, "ASSCCCSISA");
    set(&world, &shop, range(3, 8, "ACTIVE")).await.expect(200);
    assert_eq!(statuses(&world, &shop, &tokens).await, "ASAAAAAASA");
    set(&world, &shop, range(1, 10, "INACTIVE")).await.expect(200);
    assert_eq!(statuses(&world, &shop, &tokens).await, "IIIIIIIIII");
}

async fn a_range_that_was_not_minted_changes_nothing(world: Arc<World>) {
    let shop = Shop::open(&world).await;
    let (_, tokens) = shop.tokens(&world, 3).await;
    let before = world.state(&world.mine).await;
    for (from, to) in
        [("EXP24-000001", "EXP24-000004"), ("NONE-000001", "NONE-000002"), ("EXP24-000002", "EXP24-000001")]
    {
        let body = json!({ "ranges": [{ "from": from, "to": to }], "status": "STOLEN" });
        assert_eq!(set(&world, &shop, body).await.expect(400)["error"]["code"], "invalid_request");
    }
    for body in [
        json!({ "status": "STOLEN" }),
        json!({ "tokens": [], "status": "STOLEN" }),
        json!({ "tokens": ["x"] }),
    ] {
        set(&world, &shop, body).await.expect(400);
    }
    assert_eq!(world.state(&world.mine).await, before);
    assert_eq!(statuses(&world, &shop, &tokens).await, "AAA");
}

async fn a_product_is_changed_and_its_archive_takes_no_mint(world: Arc<World>) {
    let shop = Shop::of(
        &world,
        &world.mine,
        json!({ "gtin": "9506000134352", "expectedRegions": ["kenya", "TZ", "KE"] }),
    )
    .await;
    let place = format!("/api/v1/products/{}", shop.product);
    let shown = world.send(shop.get(&place)).await.expect(200);
    assert_eq!((&shown["gtin"], &shown["expectedRegions"]), (&json!("09506000134352"), &json!(["KE", "TZ"])));
    let change = |body: Value| Ask::new("PATCH", &place).bearer(&shop.key).json(&body);
    let changed =
        world.send(change(json!({ "name": "Olive", "gtin": null, "status": "archived" }))).await.expect(200);
    assert_eq!(
        (&changed["name"], &changed["gtin"], &changed["defaultPrefix"]),
        (&json!("Olive"), &json!(null), &json!("EXP24"))
    );
    let before = world.state(&world.mine).await;
    assert_eq!(world.send(shop.mint(1)).await.expect(400)["error"]["code"], "invalid_request");
    assert_eq!(world.state(&world.mine).await.credits, before.credits);
    for wrong in [
        json!({ "gtin": "1234" }),
        json!({ "name": " " }),
        json!({ "expectedRegions": ["Atlantis"] }),
        json!({ "pageImage": "x" }),
    ] {
        assert_eq!(world.send(change(wrong)).await.expect(400)["error"]["code"], "invalid_request");
    }
    let listed = world.send(shop.get("/api/v1/products?status=archived&limit=1")).await.expect(200);
    assert_eq!((&listed["data"][0]["name"], &listed["nextCursor"]), (&json!("Olive"), &json!(null)));
}
