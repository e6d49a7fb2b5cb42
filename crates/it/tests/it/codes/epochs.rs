//! The key of product codes is rotated, and one that leaked is closed.

use std::sync::Arc;

use db::Engine;
use kernel::Random;
use serde_json::{Value, json};

use super::Shop;
use crate::fixture::{Ask, World, run_alone, text};

#[test]
fn an_epoch_is_rotated_and_closed_while_older_codes_stay_genuine_on_sqlite() {
    run_alone(Engine::Sqlite, rotate_and_close);
}

#[test]
fn an_epoch_is_rotated_and_closed_while_older_codes_stay_genuine_on_postgres() {
    run_alone(Engine::Postgres, rotate_and_close);
}

async fn rotate_and_close(world: Arc<World>) {
    let shop = Shop::open(&world).await;
    let (_, kept) = shop.tokens(&world, 2).await;
    let (suspect, lost) = shop.tokens(&world, 2).await;
    let mut file = world.secrets_file.clone();
    assert_eq!(file.add_code(&Random::system()).unwrap(), 2);
    let next = world.restarted(&file).await;
    let (public, private) = (next.public_site(), next.private_edge(next.operator_site()));
    let operator = world.operator_token();
    let operate =
        async |path: &str, body: Value| Ask::post(path).bearer(&operator).json(&body).send(&private).await;
    let verify = async |token: &str| {
        let ask = Ask::post("/api/v1/verify").bearer(&shop.key).json(&json!({ "token": token }));
        ask.send(&public).await.expect(200)["valid"] == true
    };
    let close = |body: Value| crate::fixture::merge(json!({ "epoch": 1, "environment": "test" }), body);
    let path = "/operator/v1/codes/epochs/close";

    // The one in use is closed: nothing is minted, or charged, until the next one is activated.
    let before = world.state(&world.mine).await;
    operate(path, close(json!({}))).await.expect(200);
    let paused = shop.mint(1).send(&public).await;
    assert_eq!(paused.expect(503)["error"]["code"], "unavailable");
    assert_eq!(world.state(&world.mine).await, before);
    let problems = async || {
        let report = Ask::get("/operator/v1/doctor").bearer(&operator).send(&private).await.expect(200);
        let problems: Vec<String> = serde_json::from_value(report["problems"].clone()).unwrap();
        // The clock of a test is not the database's.
        problems.into_iter().filter(|problem| !problem.contains("clock")).collect::<Vec<_>>()
    };
    let found = problems().await;
    assert!(
        found.len() == 1 && found[0].contains("No test codes can be minted: epoch 1 was closed"),
        "{found:?}"
    );

    let body = json!({ "version": 2, "kind": "code" });
    assert_eq!(operate("/operator/v1/secrets/activate", body.clone()).await.expect(200)["codeEpoch"], 2);
    let older = Ask::post("/operator/v1/secrets/activate").bearer(&operator).json(&body);
    assert_eq!(older.send(world.operator()).await.expect(409)["code"], "conflict", "a node without the root");
    assert_eq!(problems().await, Vec::<String>::new());
    let minted = shop.mint(1).send(&public).await.expect(201);
    let fresh = text(&minted["codes"][0], "token");
    assert!(
        verify(&fresh).await && verify(&kept[0]).await && verify(&lost[1]).await,
        "what was minted is genuine"
    );
    assert_eq!(shop.mint(1).send(world.public()).await.expect(409)["error"]["code"], "conflict");

    // It leaked earlier than was thought: the second batch and what came after it under epoch 1 are refused.
    let from = json!({ "batchId": suspect, "tenantId": world.mine });
    operate(path, close(json!({ "batchId": suspect, "tenantId": world.other }))).await.expect(404);
    operate(path, close(json!({ "epoch": 2, "batchId": suspect, "tenantId": world.mine }))).await.expect(400);
    assert!(verify(&lost[0]).await, "refusals change nothing");
    let closed = operate(path, close(from)).await.expect(200);
    assert_eq!((&closed["isInUse"], closed["closedAt"].is_string()), (&json!(false), true));
    assert!(!verify(&lost[0]).await && !verify(&lost[1]).await);
    operate(path, close(json!({}))).await.expect(200);
    assert!(!verify(&lost[0]).await, "there is no way back");
    assert!(verify(&kept[1]).await && verify(&fresh).await);
    let epochs = Ask::get("/operator/v1/codes/epochs").bearer(&operator).send(&private).await.expect(200);
    let told: Vec<_> = epochs["data"].as_array().unwrap().iter().collect();
    assert_eq!(told.len(), 4, "two epochs in two environments: {epochs}");
    let is_closed = |epoch: &&&Value| epoch["closedAt"].is_string();
    assert_eq!(told.iter().filter(is_closed).count(), 1);
}
