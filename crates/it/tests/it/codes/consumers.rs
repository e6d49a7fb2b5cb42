use std::sync::Arc;

use serde_json::json;

use super::Shop;
use crate::fixture::{Ask, Reply, TRUSTED_PROXY, World};

on_both_engines! {
    looking_at_a_page_records_nothing_and_its_beacon_one_scan
    a_page_is_in_the_language_that_was_asked_for_and_loads_nothing
    an_unknown_token_is_a_page_that_reveals_nothing
    a_code_that_is_scanned_while_it_is_recalled_is_told_to_its_owner_alone
    a_digital_link_leads_to_the_page_of_its_own_product_alone
    a_page_names_the_month_and_country_of_the_first_scan_that_a_proxy_vouches_for
}

async fn scan(world: &World, token: &str, agent: &str) -> Reply {
    let ask = Ask::post(&format!("/v/{token}/scan")).json(&json!({})).header("user-agent", agent);
    world.send(ask.peer("203.0.113.7")).await
}

async fn looking_at_a_page_records_nothing_and_its_beacon_one_scan(world: Arc<World>) {
    let shop = Shop::open(&world).await;
    let (batch, tokens) = shop.tokens(&world, 1).await;
    let token = &tokens[0];
    let before = world.state(&world.mine).await;
    for path in [format!("/v/{token}"), format!("/V/{token}"), format!("/v/{}", token.to_lowercase())] {
        let page = world.send(Ask::get(&path)).await;
        assert!(page.status == 200 && String::from_utf8_lossy(&page.body).contains("This code is genuine"));
    }
    let json =
        world.send(Ask::get(&format!("/v/{token}")).header("accept", "application/json")).await.expect(200);
    assert_eq!(
        json,
        json!({ "valid": true, "status": "genuine", "token": token, "product": "Oil", "org": "Mine", "qrStatus": "ACTIVE", "riskLevel": "green" })
    );
    assert_eq!(shop.verify(&world, token).await["scanCount"], 0);
    for _ in 0..2 {
        let recorded = scan(&world, token, "a phone").await.expect(200);
        assert_eq!((&recorded["recorded"], &recorded["riskLevel"]), (&json!(true), &json!("green")));
    }
    let form =
        Ask::post(&format!("/v/{token}/scan")).header("content-type", "application/x-www-form-urlencoded");
    let thanked = world.send(form).await;
    assert!(
        thanked.status == 200 && String::from_utf8_lossy(&thanked.body).contains("This check was recorded")
    );
    let verdict = shop.verify(&world, token).await;
    assert_eq!(
        (&verdict["scanCount"], &verdict["firstScannedAt"]),
        (&json!(3), &json!("2026-05-28T20:26:40.000Z"))
    );
    assert_eq!(world.state(&world.mine).await, before, "no charge, no event, no audit row");
    let counts =
        world.send(shop.get(&format!("/api/v1/batches/{batch}"))).await.expect(200)["counts"].clone();
    assert_eq!(counts, json!({ "scanned": 1, "sessions": 2, "amber": 0, "red": 0 }));
}

async fn a_page_is_in_the_language_that_was_asked_for_and_loads_nothing(world: Arc<World>) {
    let shop = Shop::open(&world).await;
    let (_, tokens) = shop.tokens(&world, 1).await;
    let page =
        world.send(Ask::get(&format!("/v/{}", tokens[0])).header("accept-language", "ar,en;q=0.5")).await;
    let html = String::from_utf8(page.body.to_vec()).unwrap();
    assert!(html.starts_with("<!doctype html><html lang=\"ar\" dir=\"rtl\">") && !html.contains("://"));
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(
        page.header("content-security-policy").unwrap().starts_with("default-src 'none'; style-src 'sha256-")
    );
    let french =
        world.send(Ask::get(&format!("/v/{}?lang=fr", tokens[0])).header("accept-language", "ar")).await;
    assert_eq!(french.header("content-language"), Some("fr"));
    let form = Ask::post(&format!("/v/{}/scan?lang=sw", tokens[0])).header("accept-language", "ar");
    let answer = world.send(form.header("content-type", "application/x-www-form-urlencoded")).await;
    assert_eq!(answer.header("content-language"), Some("sw"), "the answer to the form of that page");
}

async fn an_unknown_token_is_a_page_that_reveals_nothing(world: Arc<World>) {
    let mut pages = Vec::new();
    for token in ["AAAA", "BBBB"] {
        let page = world.send(Ask::get(&format!("/v/{token}"))).await;
        assert_eq!(page.status, 200);
        pages.push(String::from_utf8(page.body.to_vec()).unwrap().replace(token, "T"));
        let scanned = scan(&world, token, "a phone").await.expect(200);
        assert_eq!(
            scanned,
            json!({ "recorded": false, "valid": false, "status": "counterfeit", "token": token })
        );
    }
    assert_eq!(pages[0], pages[1]);
    let hostile = world.send(Ask::get("/v/%3Cscript%3Ealert(1)%3C%2Fscript%3E")).await;
    assert!(!String::from_utf8_lossy(&hostile.body).contains("<script>alert"));
}

async fn a_code_that_is_scanned_while_it_is_recalled_is_told_to_its_owner_alone(world: Arc<World>) {
    let shop = Shop::open(&world).await;
    let (batch, tokens) = shop.tokens(&world, 1).await;
    let recall = Ask::new("PATCH", &format!("/api/v1/batches/{batch}"))
        .bearer(&shop.key)
        .json(&json!({ "status": "recalled" }));
    world.send(recall).await.expect(200);
    let before = world.state(&world.mine).await;
    let told = scan(&world, &tokens[0], "a phone").await;
    assert_eq!(told.expect(200)["riskLevel"], "red");
    assert!(!String::from_utf8_lossy(&told.body).contains("reasons"));
    assert_eq!(world.state(&world.mine).await.events, before.events + 1);
    scan(&world, &tokens[0], "another phone").await.expect(200);
    assert_eq!(world.state(&world.mine).await.events, before.events + 1, "it was red before");
    let tenant: base::id::TenantId = world.mine.parse().unwrap();
    let number = move |tx: &mut db::Tx<'_>| kernel::outbox::count(tx, tenant, "code.risk_changed");
    assert_eq!(world.app.kernel.db.read(number).await.unwrap(), 1);
    let page = world.send(Ask::get(&format!("/v/{}", tokens[0]))).await;
    assert!(String::from_utf8_lossy(&page.body).contains("This product was recalled"));
}

async fn a_page_names_the_month_and_country_of_the_first_scan_that_a_proxy_vouches_for(world: Arc<World>) {
    let shop = Shop::open(&world).await;
    let (_, tokens) = shop.tokens(&world, 2).await;
    let scan_from = |token: &str, peer: &str, country: &str| {
        let ask = Ask::post(&format!("/v/{token}/scan")).json(&json!({})).peer(peer);
        ask.header("x-forwarded-for", format!("198.51.100.{}", country.len())).header("cf-ipcountry", country)
    };
    for (token, peer) in [(&tokens[0], TRUSTED_PROXY), (&tokens[1], "203.0.113.7")] {
        world.send(scan_from(token, peer, "SO")).await.expect(200);
    }
    // Later scans elsewhere change nothing about the first.
    world.send(scan_from(&tokens[0], TRUSTED_PROXY, "KE")).await.expect(200);
    let says = async |token: &str, lang: &str, words: &str| {
        let page = world.send(Ask::get(&format!("/v/{token}?lang={lang}"))).await;
        String::from_utf8_lossy(&page.body).contains(words)
    };
    assert!(says(&tokens[0], "en", "May 2026, Somalia<").await);
    assert!(says(&tokens[0], "fr", "mai 2026, Somalie<").await);
    assert!(says(&tokens[1], "en", "May 2026<").await, "a caller's own word counts for nothing");
}

async fn a_digital_link_leads_to_the_page_of_its_own_product_alone(world: Arc<World>) {
    let shop = Shop::of(&world, &world.mine, json!({ "gtin": "9506000134352" })).await;
    let (_, tokens) = shop.tokens(&world, 1).await;
    for (gtin, words) in
        [("09506000134352", "This code is genuine"), ("00036000291452", "This code is not one of ours")]
    {
        let page = world.send(Ask::get(&format!("/01/{gtin}/21/{}", tokens[0]))).await;
        assert!(String::from_utf8_lossy(&page.body).contains(words), "{gtin}");
    }
}
