//! The root secrets change while tokens, keys and saved answers go on working.

use std::sync::Arc;

use db::Engine;
use kernel::Random;
use serde_json::{Value, json};

use crate::fixture::{Ask, Reply, World, run_alone, verify};

#[test]
fn rotating_the_pepper_keeps_tokens_keys_and_saved_answers_working_on_sqlite() {
    run_alone(Engine::Sqlite, rotate_the_pepper);
}

#[test]
fn rotating_the_pepper_keeps_tokens_keys_and_saved_answers_working_on_postgres() {
    run_alone(Engine::Postgres, rotate_the_pepper);
}

async fn rotate_the_pepper(world: Arc<World>) {
    let account = json!({ "points": 100, "idempotency": true });
    let client = world.client_with(&world.mine, account, json!({})).await;
    let (key, operator) = (world.management_key().await, world.operator_token());
    let keyed = || verify(&client.token).header("idempotency-key", "k");
    let first = world.send(keyed()).await;
    first.expect(200);

    let mut file = world.secrets_file.clone();
    let version = file.add_pepper(&Random::system()).unwrap();
    let next = world.restarted(&file).await;
    let (public, private) = (next.public_site(), next.private_edge(next.operator_site()));
    let check = |number: i64| {
        let (public, client, key, keyed) = (&public, &client, &key, keyed());
        let first = &first;
        async move {
            assert_eq!(keyed.send(public).await.essence(), first.essence());
            assert_eq!(verify(&client.token).send(public).await.expect(200)["balance"], 99 - number);
            Ask::get(&format!("/v1/accounts/{}", client.account)).bearer(key).send(public).await.expect(200);
        }
    };
    check(1).await;
    let body = json!({ "version": version });
    let activate = Ask::post("/operator/v1/secrets/activate").bearer(&operator).json(&body);
    activate.clone().send(&private).await.expect(200);
    check(2).await;
    // A token of the new pepper, beside the old one; and the first version is still read after a restart.
    let body = json!({ "accountId": client.account });
    let made = Ask::post("/v1/tokens").bearer(&key).json(&body).send(&public).await.expect(201);
    let newest = made["token"].as_str().unwrap();
    assert_eq!(verify(newest).send(&public).await.expect(200)["balance"], 96);
    let later = world.restarted(&file).await;
    assert_eq!(verify(newest).send(&later.public_site()).await.expect(200)["balance"], 95);
    assert_eq!(verify(&client.token).send(&later.public_site()).await.expect(200)["balance"], 94);
    // A process without the new version must not serve: it would call the newest tokens unknown.
    let refused: Reply = activate.send(world.operator()).await;
    assert_eq!(refused.status, 409, "{refused:?}");
    assert_eq!(refused.json()["code"], Value::from("conflict"));
}
