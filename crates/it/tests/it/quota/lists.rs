//! The lists: every row once, page by page, and nobody else's.

use std::sync::Arc;

use serde_json::{Value, json};

use super::bulk::bulk;
use crate::fixture::{Ask, Client, World, text, verify};

on_both_engines! {
    accounts_are_listed_oldest_first_page_by_page
    accounts_are_filtered_by_external_id_and_ban
    tokens_are_listed_without_their_secrets_and_by_account
    transfers_are_listed_newest_first_with_what_caused_them
    a_wrong_limit_cursor_or_filter_is_refused_by_its_name
    a_list_shows_no_other_environments_or_tenants_rows
}

async fn get(world: &World, key: &str, path: &str) -> Value {
    world.send(Ask::get(path).bearer(key)).await.expect(200)
}

/// All rows of a list, and the sizes of its pages.
async fn walk(world: &World, key: &str, path: &str) -> (Vec<Value>, Vec<usize>) {
    let separator = if path.contains('?') { '&' } else { '?' };
    let (mut rows, mut sizes, mut next) = (Vec::new(), Vec::new(), path.to_owned());
    loop {
        let page = get(world, key, &next).await;
        assert_eq!(page.as_object().unwrap().len(), 2, "{page}");
        let data = page["data"].as_array().unwrap();
        sizes.push(data.len());
        rows.extend(data.iter().cloned());
        match page["nextCursor"].as_str() {
            Some(cursor) => next = format!("{path}{separator}cursor={cursor}"),
            None => return (rows, sizes),
        }
    }
}

fn ids(rows: &[Value]) -> Vec<String> {
    rows.iter().map(|row| text(row, "id")).collect()
}

async fn accounts_are_listed_oldest_first_page_by_page(world: Arc<World>) {
    let key = world.management_key().await;
    assert_eq!(get(&world, &key, "/v1/accounts").await, json!({ "data": [], "nextCursor": null }));
    let mut made = Vec::new();
    for _ in 0..7 {
        // Ids sort by their moment.
        world.clock.advance_seconds(1);
        made.push(world.client(3).await.account);
    }
    let (rows, sizes) = walk(&world, &key, "/v1/accounts?limit=3").await;
    assert_eq!((ids(&rows), sizes), (made.clone(), vec![3, 3, 1]));
    assert_eq!(rows[0], get(&world, &key, &format!("/v1/accounts/{}", made[0])).await);
    let (rows, sizes) = walk(&world, &key, "/v1/accounts").await;
    assert_eq!((ids(&rows), sizes), (made, vec![7]));
}

async fn accounts_are_filtered_by_external_id_and_ban(world: Arc<World>) {
    let key = world.management_key().await;
    let mut made = Vec::new();
    for number in 0..6 {
        world.clock.advance_seconds(1);
        let account = json!({ "externalId": format!("c {number}&é") });
        made.push(world.client_with(&world.mine, account, json!({})).await.account);
    }
    for account in [&made[1], &made[4]] {
        let ban = Ask::new("PATCH", &format!("/v1/accounts/{account}")).bearer(&key);
        world.send(ban.json(&json!({ "banned": true }))).await.expect(200);
    }
    let wanted = |numbers: &[usize]| numbers.iter().map(|number| made[*number].clone()).collect::<Vec<_>>();
    for (query, numbers) in [
        ("banned=true&limit=1", vec![1, 4]),
        ("banned=false&limit=3", vec![0, 2, 3, 5]),
        ("externalId=c%203%26%C3%A9", vec![3]),
        ("externalId=c+4%26%C3%A9&banned=true", vec![4]),
        ("externalId=c+4%26%C3%A9&banned=false", vec![]),
        ("externalId=nobody", vec![]),
    ] {
        let (rows, _) = walk(&world, &key, &format!("/v1/accounts?{query}")).await;
        assert_eq!(ids(&rows), wanted(&numbers), "{query}");
    }
}

async fn tokens_are_listed_without_their_secrets_and_by_account(world: Arc<World>) {
    let key = world.management_key().await;
    let one = world.client(3).await;
    let mut tokens = vec![one.token_id.clone()];
    for _ in 0..3 {
        world.clock.advance_seconds(1);
        let body = json!({ "accountId": one.account });
        tokens.push(text(
            &world.send(Ask::post("/v1/tokens").bearer(&key).json(&body)).await.expect(201),
            "id",
        ));
    }
    world.clock.advance_seconds(1);
    let other = world.client(3).await;
    let (rows, sizes) = walk(&world, &key, &format!("/v1/tokens?limit=2&accountId={}", one.account)).await;
    assert_eq!((ids(&rows), sizes), (tokens.clone(), vec![2, 2]));
    assert!(rows.iter().all(|row| row["token"].is_null() && row["lastFour"].as_str().unwrap().len() == 4));
    tokens.push(other.token_id);
    assert_eq!(ids(&walk(&world, &key, "/v1/tokens?limit=2").await.0), tokens);
    let nobody = Ask::get("/v1/tokens?accountId=acc_01k0example0000000000000000").bearer(&key);
    world.send(nobody).await.refused(404, "Not Found", "There is no such account.");
}

async fn transfers_are_listed_newest_first_with_what_caused_them(world: Arc<World>) {
    let (client, key) = (world.client(10).await, world.management_key().await);
    let stranger = world.client(10).await;
    world.clock.advance_seconds(1);
    let single = world.send(verify(&client.token).json(&json!({ "count": 2 }))).await;
    world.send(verify(&stranger.token)).await.expect(200);
    world.clock.advance_seconds(1);
    let items = [
        json!({ "token": client.token }),
        json!({ "token": stranger.token }),
        json!({ "token": client.token, "count": 3 }),
    ];
    let together = world.send(bulk(&key, &items)).await;
    let path = format!("/v1/accounts/{}/transfers", client.account);
    let (rows, _) = walk(&world, &key, &path).await;
    let row = |number: usize, kind: &str, points: i64, token: Value, request: Value, at: &str| {
        json!({
            "id": rows[number]["id"], "kind": kind, "points": points, "tokenId": token, "requestId": request,
            "reference": null, "at": at,
        })
    };
    let token = json!(client.token_id);
    let (later, earlier) = ("2026-05-28T20:26:42.000Z", "2026-05-28T20:26:41.000Z");
    let expected = [
        row(0, "charge", -3, token.clone(), json!(together.request_id()), later),
        row(1, "charge", -1, token.clone(), json!(together.request_id()), later),
        row(2, "charge", -2, token, json!(single.request_id()), earlier),
        row(3, "grant", 10, Value::Null, rows[3]["requestId"].clone(), "2026-05-28T20:26:40.000Z"),
    ];
    assert_eq!(rows, expected);
    let (paged, sizes) = walk(&world, &key, &format!("{path}?limit=3")).await;
    assert_eq!((paged, sizes), (rows, vec![3, 1]));
}

async fn a_wrong_limit_cursor_or_filter_is_refused_by_its_name(world: Arc<World>) {
    let key = world.management_key().await;
    let clients: [Client; 2] = [world.client(1).await, world.client(1).await];
    let transfers = format!("/v1/accounts/{}/transfers", clients[0].account);
    let page = get(&world, &key, "/v1/accounts?limit=1").await;
    let cursor = page["nextCursor"].as_str().unwrap();
    for path in ["/v1/accounts", "/v1/tokens", &transfers] {
        for limit in ["0", "101", "-1", "1.5", "x", "", "+5"] {
            let reply = world.send(Ask::get(&format!("{path}?limit={limit}")).bearer(&key)).await;
            reply.refused(400, "Invalid Request", "limit: must be a whole number from 1 to 100");
        }
        for cursor in ["", "x", "00", &cursor[1..]] {
            let reply = world.send(Ask::get(&format!("{path}?cursor={cursor}")).bearer(&key)).await;
            reply.refused_as(400, "Invalid Request");
        }
    }
    for path in
        ["/v1/tokens?", &format!("{transfers}?"), "/v1/accounts?banned=true&", "/v1/accounts?externalId=x&"]
    {
        let reply = world.send(Ask::get(&format!("{path}cursor={cursor}")).bearer(&key)).await;
        reply.refused_as(400, "Invalid Request");
    }
    for (query, message) in [
        ("banned=1", "banned: must be true or false"),
        ("banned=", "banned: must be true or false"),
        ("externalId=", "externalId: must have 1 to 128 characters"),
    ] {
        let reply = world.send(Ask::get(&format!("/v1/accounts?{query}")).bearer(&key)).await;
        reply.refused(400, "Invalid Request", message);
    }
}

async fn a_list_shows_no_other_environments_or_tenants_rows(world: Arc<World>) {
    world.client(1).await;
    world.client_with(&world.other, json!({ "environment": "live" }), json!({})).await;
    for (tenant, environment) in [(&world.mine, "live"), (&world.other, "test")] {
        let key = world.key(tenant, json!({ "service": "quota", "environment": environment })).await.secret;
        for path in ["/v1/accounts", "/v1/tokens", "/v1/accounts?banned=false"] {
            assert_eq!(get(&world, &key, path).await, json!({ "data": [], "nextCursor": null }), "{path}");
        }
    }
}
