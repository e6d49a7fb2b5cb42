//! Accounts and top-ups, and what each leaves in the audit log and the ledger.

use std::sync::Arc;

use serde_json::{Value, json};

use super::REUSED;
use crate::fixture::{Ask, State, World, text};

on_both_engines! {
    a_new_account_is_empty_and_shown_whole
    an_external_id_is_one_accounts_in_its_environment
    an_account_is_created_once_per_idempotency_key
    a_top_up_needs_an_idempotency_key
    a_top_up_is_booked_once_however_often_it_is_sent
    a_payments_reference_is_booked_once_per_account
    a_change_is_audited_with_its_actor_and_keeps_what_it_does_not_name
    a_tokens_secret_is_shown_once
}

fn post(path: &str, key: &str, body: &Value) -> Ask {
    Ask::post(path).bearer(key).json(body)
}

async fn a_new_account_is_empty_and_shown_whole(world: Arc<World>) {
    let key = world.management_key().await;
    let before = world.state(&world.mine).await;
    let body = json!({ "name": "Ada & Söhne", "externalId": "c-1", "idempotency": true });
    let made = world.send(post("/v1/accounts", &key, &body)).await.expect(201);
    let id = text(&made, "id");
    assert!(id.starts_with("acc_"));
    let expected = json!({
        "id": id, "environment": "test", "name": "Ada & Söhne", "externalId": "c-1", "idempotency": true,
        "banned": false, "balance": 0, "createdAt": "2026-05-28T20:26:40.000Z",
        "lowBalanceThreshold": null, "autoRefill": null,
    });
    assert_eq!(made, expected);
    assert_eq!(world.send(Ask::get(&format!("/v1/accounts/{id}")).bearer(&key)).await.expect(200), expected);
    let after = State { accounts: before.accounts + 1, audits: before.audits + 1, ..before };
    assert_eq!(world.state(&world.mine).await, after);
    assert_eq!(world.audits_of(&id).await, [("key".into(), "quota.account.create".into())]);
}

async fn an_external_id_is_one_accounts_in_its_environment(world: Arc<World>) {
    let key = world.management_key().await;
    let body = json!({ "name": "A", "externalId": "same" });
    world.send(post("/v1/accounts", &key, &body)).await.expect(201);
    let before = world.state(&world.mine).await;
    let again = world.send(post("/v1/accounts", &key, &body)).await;
    again.refused(
        409,
        "Already Exists",
        "Another account has this externalId. Use that one, or another externalId.",
    );
    assert_eq!(world.state(&world.mine).await, before);
    for (tenant, environment) in [(&world.mine, "live"), (&world.other, "test")] {
        let key = world.key(tenant, json!({ "service": "quota", "environment": environment })).await;
        world.send(post("/v1/accounts", &key.secret, &body)).await.expect(201);
    }
}

async fn an_account_is_created_once_per_idempotency_key(world: Arc<World>) {
    let key = world.management_key().await;
    let ask =
        |name: &str| post("/v1/accounts", &key, &json!({ "name": name })).header("idempotency-key", "k");
    let first = world.send(ask("A")).await;
    first.expect(201);
    let before = world.state(&world.mine).await;
    let reordered =
        Ask::post("/v1/accounts").bearer(&key).header("idempotency-key", "k").body("{ \"name\" : \"A\" }");
    for again in [ask("A"), reordered] {
        assert_eq!(world.send(again).await.essence(), first.essence());
    }
    world.send(ask("B")).await.refused(409, "Idempotency Conflict", REUSED);
    assert_eq!(world.state(&world.mine).await, before);
    // The key is bound to the route: elsewhere it is another one.
    let account = first.json()["id"].as_str().unwrap().to_owned();
    let token = post("/v1/tokens", &key, &json!({ "accountId": account })).header("idempotency-key", "k");
    world.send(token).await.expect(201);
}

async fn a_top_up_needs_an_idempotency_key(world: Arc<World>) {
    let (client, key) = (world.client(10).await, world.management_key().await);
    let before = world.state(&world.mine).await;
    let path = format!("/v1/accounts/{}/credits", client.account);
    let reply = world.send(post(&path, &key, &json!({ "points": 5 }))).await;
    let message = "Idempotency-Key: is required here: send any unique value, and the same one when you retry";
    reply.refused(400, "Invalid Request", message);
    assert_eq!(world.state(&world.mine).await, before);
}

async fn a_top_up_is_booked_once_however_often_it_is_sent(world: Arc<World>) {
    let (client, key) = (world.client(10).await, world.management_key().await);
    let before = world.state(&world.mine).await;
    let path = format!("/v1/accounts/{}/credits", client.account);
    let ask =
        |points: i64| post(&path, &key, &json!({ "points": points })).header("idempotency-key", "pay-1");
    for _ in 0..3 {
        assert_eq!(world.send(ask(1000)).await.expect(200)["balance"], 1010);
    }
    world.send(ask(1001)).await.refused(409, "Idempotency Conflict", REUSED);
    let after = State {
        transfers: before.transfers + 1,
        points: before.points + 1000,
        audits: before.audits + 1,
        replies: before.replies + 1,
        ..before
    };
    assert_eq!(world.state(&world.mine).await, after);
    // Another account's top-up under the same key is another request.
    let other = world.client(0).await;
    let path = format!("/v1/accounts/{}/credits", other.account);
    let ask = post(&path, &key, &json!({ "points": 1000 })).header("idempotency-key", "pay-1");
    world.send(ask).await.refused(409, "Idempotency Conflict", REUSED);
    assert_eq!(world.balance(&other.account).await, 0);
}

async fn a_payments_reference_is_booked_once_per_account(world: Arc<World>) {
    let (client, key) = (world.client(0).await, world.management_key().await);
    let path = format!("/v1/accounts/{}/credits", client.account);
    let ask = |name: &str| {
        post(&path, &key, &json!({ "points": 7, "reference": "invoice 9" })).header("idempotency-key", name)
    };
    world.send(ask("a")).await.expect(200);
    let before = world.state(&world.mine).await;
    let again = world.send(ask("b")).await;
    again.refused(409, "Already Exists", "This reference was booked before on this account.");
    assert_eq!(world.state(&world.mine).await, before);
    assert_eq!(world.balance(&client.account).await, 7);
}

async fn a_change_is_audited_with_its_actor_and_keeps_what_it_does_not_name(world: Arc<World>) {
    let (client, key) = (world.client(10).await, world.management_key().await);
    let path = format!("/v1/accounts/{}", client.account);
    let patch = |body: Value| Ask::new("PATCH", &path).bearer(&key).json(&body);
    let before = world.state(&world.mine).await;
    let renamed = world.send(patch(json!({ "name": "Renamed" }))).await.expect(200);
    assert_eq!(
        (&renamed["name"], &renamed["banned"], &renamed["balance"]),
        (&json!("Renamed"), &json!(false), &json!(10))
    );
    let banned = world.send(patch(json!({ "banned": true }))).await.expect(200);
    assert_eq!((&banned["name"], &banned["banned"]), (&json!("Renamed"), &json!(true)));
    let both = world.send(patch(json!({ "banned": false, "name": "Again" }))).await.expect(200);
    assert_eq!((&both["name"], &both["banned"]), (&json!("Again"), &json!(false)));
    let after = State { audits: before.audits + 3, ..before };
    assert_eq!(world.state(&world.mine).await, after);
    let change = ("key".to_owned(), "quota.account.change".to_owned());
    let opened = ("operator".to_owned(), "quota.account.create_funded".to_owned());
    let expected = [change.clone(), change.clone(), change, opened];
    assert_eq!(world.audits_of(&client.account).await, expected);
}

async fn a_tokens_secret_is_shown_once(world: Arc<World>) {
    let (client, key) = (world.client(10).await, world.management_key().await);
    let body = json!({ "accountId": client.account, "label": "door" });
    let made = world.send(post("/v1/tokens", &key, &body)).await.expect(201);
    let secret = text(&made, "token");
    assert!(secret.starts_with("xa_test_") && secret.ends_with(&text(&made, "lastFour")));
    let path = format!("/operator/v1/tokens?environment=test&tenantId={}", world.mine);
    let listed = world.operate("GET", &path, Value::Null).await.to_string();
    assert!(listed.contains(&text(&made, "id")) && !listed.contains(&secret));
    let revoked =
        world.send(Ask::new("DELETE", &format!("/v1/tokens/{}", text(&made, "id"))).bearer(&key)).await;
    assert!(!revoked.expect(200).to_string().contains(&secret));
}
