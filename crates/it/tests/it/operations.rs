//! What an operator relies on: money comes in once, the background work goes on, and no wait is lied about.

use std::sync::Arc;

use base::id::TenantId;
use db::{Engine, args};
use serde_json::{Value, json};

use crate::fixture::{Ask, State, World, run, run_alone, text};

on_both_engines! {
    an_account_with_points_needs_an_idempotency_key_and_is_opened_once
    a_seed_says_in_the_audit_log_how_many_points_it_made
    the_audit_log_is_read_page_by_page_back_to_its_first_row
    a_tenant_that_cannot_be_swept_keeps_no_other_from_it
}

fn open_account(world: &World, body: &Value) -> Ask {
    Ask::post("/operator/v1/accounts").bearer(&world.operator_token()).json(body)
}

async fn audit_page(world: &World, query: &str) -> Vec<Value> {
    let path = format!("/operator/v1/audit?tenantId={}&{query}", world.mine);
    let page = world.operate("GET", &path, Value::Null).await;
    page["data"].as_array().unwrap().clone()
}

async fn an_account_with_points_needs_an_idempotency_key_and_is_opened_once(world: Arc<World>) {
    let body = json!({ "tenantId": world.mine, "environment": "test", "name": "Paid", "points": 7 });
    let before = world.state(&world.mine).await;
    let refused = open_account(&world, &body).send(world.operator()).await.expect(400);
    assert_eq!(refused["errors"][0]["header"], "Idempotency-Key", "{refused}");
    assert_eq!(world.state(&world.mine).await, before);

    let opened = || async {
        let ask = open_account(&world, &body).header("idempotency-key", "pay-1");
        ask.send(world.operator()).await.expect(201)
    };
    let first = opened().await;
    assert_eq!((&first["balance"], &first), (&json!(7), &opened().await));
    let after = State {
        accounts: before.accounts + 1,
        points: before.points + 7,
        transfers: before.transfers + 1,
        audits: before.audits + 1,
        replies: before.replies + 1,
        ..before
    };
    assert_eq!(world.state(&world.mine).await, after);
    let rows = audit_page(&world, "limit=1000").await;
    let row = rows.iter().find(|row| row["target"] == first["id"]).unwrap();
    assert_eq!((&row["action"], &row["note"]), (&json!("quota.account.create_funded"), &json!("7 points")));

    let body = json!({ "tenantId": world.mine, "environment": "test", "name": "Empty", "points": 0 });
    open_account(&world, &body).send(world.operator()).await.expect(201);
}

async fn a_seed_says_in_the_audit_log_how_many_points_it_made(world: Arc<World>) {
    let body = json!({ "tenantId": world.mine, "environment": "test", "accounts": 3, "points": 9 });
    world.operate("POST", "/operator/v1/seed", body).await;
    let rows = audit_page(&world, "limit=1000").await;
    let row = rows.iter().find(|row| row["action"] == "quota.account.seed").unwrap();
    assert_eq!((&row["target"], &row["note"]), (&json!("3 accounts"), &json!("9 points each")));
}

async fn the_audit_log_is_read_page_by_page_back_to_its_first_row(world: Arc<World>) {
    for _ in 0..5 {
        world.client(0).await;
    }
    let all = audit_page(&world, "limit=1000").await;
    assert!(all.len() > 10, "{all:?}");
    let mut read = audit_page(&world, "limit=4").await;
    while let Some(last) = read.last().map(|row| text(row, "id")) {
        let page = audit_page(&world, &format!("limit=4&after={last}")).await;
        if page.is_empty() {
            break;
        }
        read.extend(page);
    }
    assert_eq!(read, all);
    let path = format!("/operator/v1/audit?tenantId={}&after=tn_nonsense", world.mine);
    let ask = Ask::get(&path).bearer(&world.operator_token());
    assert_eq!(ask.send(world.operator()).await.expect(400)["errors"][0]["parameter"], "after");
}

async fn a_tenant_that_cannot_be_swept_keeps_no_other_from_it(world: Arc<World>) {
    const BREAK: &str = "INSERT INTO hold (tenant_id, hold_id, account_id, amount, request_id, created_at_us, expires_at_us) \
        VALUES (?1, 'hold_00000000000000000000000000', 'acc_00000000000000000000000000', 1, '', 0, 1)";
    const MEND: &str =
        "DELETE FROM hold WHERE tenant_id = ?1 AND account_id = 'acc_00000000000000000000000000'";
    let broken = world.mine.clone().min(world.other.clone());
    let broken_id: TenantId = broken.parse().unwrap();
    for tenant in [&world.mine, &world.other] {
        world.client_with(tenant, json!({ "points": 1 }), json!({})).await;
        assert_eq!(world.state(tenant).await.replies, 1);
    }
    let db = &world.app.kernel.db;
    db.write(broken_id, move |tx| Ok(tx.exec(BREAK, args![broken_id])?)).await.unwrap();
    world.clock.advance_seconds(kernel::idempotency::KEEP_SECONDS);
    attestry::workers::sweep(&world.app.kernel).await.unwrap();
    for tenant in [&world.mine, &world.other] {
        assert_eq!(world.state(tenant).await.replies, 0, "{tenant}, with {broken} broken");
    }
    assert_eq!(db.write(broken_id, move |tx| Ok(tx.exec(MEND, args![broken_id])?)).await.unwrap(), 1);
}

#[test]
fn a_round_with_nothing_due_opens_no_write_transaction() {
    // On SQLite there is one writer: a round that needed it could not end while a test holds it.
    run(Engine::Sqlite, |world| async move {
        let (release, released) = std::sync::mpsc::channel::<()>();
        let (entered, has_entered) = tokio::sync::oneshot::channel();
        let gate = std::sync::Mutex::new(Some((entered, released)));
        let db = world.app.kernel.db.clone();
        let tenant_id: TenantId = world.mine.parse().unwrap();
        let holder = tokio::spawn(async move {
            db.write(tenant_id, move |_| {
                if let Some((entered, released)) = gate.lock().unwrap().take() {
                    entered.send(()).ok();
                    released.recv().ok();
                }
                Ok(())
            })
            .await
        });
        has_entered.await.unwrap();
        attestry::workers::sweep(&world.app.kernel).await.unwrap();
        drop(release);
        holder.await.unwrap().unwrap();
    });
}

const GATES_STUCK: [&[&str]; 2] = [
    &["CREATE TRIGGER stuck BEFORE UPDATE ON gate BEGIN SELECT RAISE(ABORT, 'stuck'); END"],
    &[
        "CREATE FUNCTION stuck() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN \
         RAISE EXCEPTION ''stuck'' USING ERRCODE = ''55P03''; END'",
        "CREATE TRIGGER stuck BEFORE UPDATE ON gate FOR EACH ROW EXECUTE FUNCTION stuck()",
    ],
];
const GATES_FREE: [&str; 2] = ["DROP TRIGGER stuck", "DROP TRIGGER stuck ON gate"];

#[test]
fn a_wait_that_is_not_confirmed_hides_neither_the_new_state_nor_the_new_secret_on_sqlite() {
    run_alone(Engine::Sqlite, unconfirmed);
}

#[test]
fn a_wait_that_is_not_confirmed_hides_neither_the_new_state_nor_the_new_secret_on_postgres() {
    run_alone(Engine::Postgres, unconfirmed);
}

async fn unconfirmed(world: Arc<World>) {
    let engine = usize::from(world.app.kernel.db.engine() == Engine::Postgres);
    let key = world.key(&world.mine, json!({ "service": "platform" })).await;
    let use_key = |secret: &str| world.send(Ask::get("/platform/v1/tenant").bearer(secret));
    use_key(&key.secret).await.expect(200);
    for statement in GATES_STUCK[engine] {
        execute(&world, statement).await;
    }

    let body = json!({ "tenantId": world.mine, "environment": "test", "graceSeconds": 0 });
    let path = format!("/operator/v1/keys/{}/rotate", key.id);
    let next = world.operate("POST", &path, body.clone()).await;
    assert!(text(&next, "warning").contains("Revoke that key"), "{next}");
    let (next_id, secret) = (text(&next, "id"), text(&next, "secret"));
    use_key(&key.secret).await.expect(401);
    use_key(&secret).await.expect(200);

    let revoke = |id: &str| format!("/operator/v1/keys/{id}?environment=test&tenantId={}", world.mine);
    let ask = Ask::new("DELETE", &revoke(&next_id)).bearer(&world.operator_token());
    assert_unconfirmed(&ask.send(world.operator()).await.expect(503));
    use_key(&secret).await.expect(401);

    let path = format!("/operator/v1/tenants/{}/status", world.other);
    let ask = Ask::post(&path).bearer(&world.operator_token()).json(&json!({ "status": "suspended" }));
    assert_unconfirmed(&ask.send(world.operator()).await.expect(503));
    let shown = world.operate("GET", &format!("/operator/v1/tenants/{}", world.other), Value::Null).await;
    assert_eq!(shown["status"], "suspended");

    execute(&world, GATES_FREE[engine]).await;
    for id in [&key.id, &next_id] {
        world.operate("DELETE", &revoke(id), Value::Null).await;
    }
    let key = world.key(&world.mine, json!({ "service": "platform" })).await;
    let next = world.operate("POST", &format!("/operator/v1/keys/{}/rotate", key.id), body).await;
    assert_eq!(next.get("warning"), None, "{next}");
}

fn assert_unconfirmed(problem: &Value) {
    let detail = text(problem, "detail");
    assert!(detail.contains("holds") && detail.contains("Repeat the call"), "{detail}");
    assert!(!detail.contains("Nothing was changed"), "{detail}");
}

async fn execute(world: &World, statement: &'static str) {
    let tenant_id: TenantId = world.mine.parse().unwrap();
    world.app.kernel.db.write(tenant_id, move |tx| Ok(tx.exec(statement, &[])?)).await.unwrap();
}
