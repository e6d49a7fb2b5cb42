//! What flushes on SQLite remember of accounts and tokens is what is stored, whatever happened in between.

use db::{Engine, args};
use serde_json::json;

use super::bulk::bulk;
use crate::fixture::{World, run_alone, verify};

const STUCK: &str = "CREATE TRIGGER stuck BEFORE INSERT ON transfer WHEN NEW.amount = 7 \
    BEGIN SELECT json('not JSON'); END";
const FREE: &str = "DROP TRIGGER stuck";

async fn execute(world: &World, statement: &'static str) {
    let tenant_id: base::id::TenantId = world.mine.parse().unwrap();
    world.app.kernel.db.write(tenant_id, move |tx| Ok(tx.exec(statement, args![])?)).await.unwrap();
}

#[test]
fn charges_that_were_undone_are_not_remembered() {
    run_alone(Engine::Sqlite, |world| async move {
        let (good, bad, key) =
            (world.client(100).await, world.client(100).await, world.management_key().await);
        let first = world.send(verify(&good.token)).await.expect(200);
        assert_eq!(first["balance"], 99);
        execute(&world, STUCK).await;
        let before = world.state(&world.mine).await;
        let items = [json!({ "token": good.token }), json!({ "token": bad.token, "count": 7 })];
        let body = world.send(bulk(&key, &items)).await.expect(200);
        let results = body["results"].as_array().unwrap();
        assert_eq!((&results[0]["httpStatus"], &results[0]["balance"]), (&json!(200), &json!(98)), "{body}");
        assert_eq!(results[1]["httpStatus"], 500, "{body}");
        let after = world.state(&world.mine).await;
        assert_eq!((after.transfers, after.points), (before.transfers + 1, before.points - 1));
        execute(&world, FREE).await;
        assert_eq!(world.send(verify(&good.token)).await.expect(200)["balance"], 97);
        assert_eq!(world.send(verify(&bad.token)).await.expect(200)["balance"], 99);
    });
}

#[test]
fn what_others_change_is_seen_by_the_next_call() {
    run_alone(Engine::Sqlite, |world| async move {
        let client = world.client(10).await;
        let left = async |expected: i64| {
            let body = world.send(verify(&client.token)).await.expect(200);
            assert_eq!(body["balance"], expected);
        };
        left(9).await;
        left(8).await;
        execute(&world, "UPDATE account SET balance = 3 WHERE unit = 'point' AND balance = 8").await;
        left(2).await;
        execute(&world, "UPDATE account SET balance = 7 WHERE unit = 'point' AND balance = 2").await;
        execute(&world, "UPDATE quota_token SET points_per_call = 3").await;
        left(4).await;
        execute(&world, "UPDATE account SET frozen_at_us = 1 WHERE unit = 'point'").await;
        world.send(verify(&client.token)).await.expect(403);
        execute(&world, "UPDATE account SET frozen_at_us = NULL WHERE unit = 'point'").await;
        left(1).await;
        execute(&world, "UPDATE quota_token SET ended = 1").await;
        world.send(verify(&client.token)).await.expect(403);
    });
}
