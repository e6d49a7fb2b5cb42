//! Figures of usage are the rows that calls left, before they are folded, while they are, and after.

use std::sync::Arc;

use attestry::workers::sweep;
use base::id::TenantId;
use kernel::Kernel;
use kernel::usage::{self, Batch, SETTLE_SECONDS, Step};
use serde_json::{Value, json};

use crate::fixture::{Ask, Client, World, verify};

on_both_engines! {
    a_call_is_counted_as_soon_as_it_is_answered_and_once_after_it_was_folded
    figures_are_told_by_hour_and_by_day
    a_fold_that_was_cut_short_counts_nothing_twice_and_is_ended_by_another_node
    of_two_nodes_that_fold_the_same_rows_one_writes
    figures_equal_the_transfers_while_calls_and_folds_of_two_nodes_go_on
    what_is_not_old_enough_is_not_folded
    a_row_that_the_fold_missed_is_found_by_a_rebuild_and_told
    the_other_environment_and_another_tenant_are_not_counted
    only_what_was_charged_is_counted
    a_query_that_is_wrong_is_refused_by_the_name_of_its_parameter
    an_operator_counts_the_calls_of_a_tenant_and_of_an_account
    verifications_of_citizens_are_counted_by_their_result_with_what_they_cost
}

const OLD_ENOUGH: i64 = SETTLE_SECONDS + 1;

/// A platform key and a management key of my test environment.
struct Keys {
    platform: String,
    management: String,
}

impl Keys {
    async fn of(world: &World) -> Self {
        let platform = world.key(&world.mine, json!({ "service": "platform" })).await.secret;
        Self { platform, management: world.management_key().await }
    }

    /// Start, calls and points of each figure of the tenant.
    async fn tenant(&self, world: &World, query: &str) -> Vec<(String, i64, i64)> {
        let ask = Ask::get(&format!("/platform/v1/usage{query}")).bearer(&self.platform);
        let body = world.send(ask).await.expect(200);
        let figures = body["data"].as_array().unwrap();
        for figure in figures {
            assert_eq!(
                (&figure["service"], &figure["outcome"], &figure["credits"]),
                (&json!("quota"), &json!("passed"), &json!(0)),
                "{body}"
            );
        }
        figures.iter().map(read).collect()
    }

    /// The same of an account.
    async fn account(&self, world: &World, client: &Client, query: &str) -> Vec<(String, i64, i64)> {
        let path = format!("/v1/accounts/{}/usage{query}", client.account);
        let body = world.send(Ask::get(&path).bearer(&self.management)).await.expect(200);
        let figures = body["data"].as_array().unwrap();
        assert!(figures.iter().all(|figure| figure["outcome"] == "passed"), "{body}");
        figures.iter().map(read).collect()
    }

    /// Calls and points of the tenant, and of each client.
    async fn sums(&self, world: &World, clients: &[Client]) -> Vec<(i64, i64)> {
        let mut sums = vec![sum(&self.tenant(world, "?bucket=day").await)];
        for client in clients {
            sums.push(sum(&self.account(world, client, "?bucket=day").await));
        }
        sums
    }
}

fn read(figure: &Value) -> (String, i64, i64) {
    let number = |name: &str| figure[name].as_i64().unwrap();
    (figure["start"].as_str().unwrap().to_owned(), number("calls"), number("points"))
}

fn sum(figures: &[(String, i64, i64)]) -> (i64, i64) {
    figures.iter().fold((0, 0), |(calls, points), figure| (calls + figure.1, points + figure.2))
}

fn told(figures: &[(String, i64, i64)]) -> Vec<(&str, i64, i64)> {
    figures.iter().map(|(start, calls, points)| (start.as_str(), *calls, *points)).collect()
}

async fn a_row_that_the_fold_missed_is_found_by_a_rebuild_and_told(world: Arc<World>) {
    const MISS: &str = "UPDATE usage_hour SET calls = calls - 1, points = points - 7 \
        WHERE tenant_id = ?1 AND (subject_id = '' OR subject_id = ?2)";
    let keys = Keys::of(&world).await;
    let clients = clients(&world, 2).await;
    for client in &clients {
        call(&world, client, 7).await;
        call(&world, client, 5).await;
    }
    world.clock.advance_seconds(OLD_ENOUGH);
    sweep(&world.app.kernel).await.unwrap();
    let right = keys.sums(&world, &clients).await;
    let rebuild = async || {
        let body = json!({ "tenantId": world.mine });
        world.operate("POST", "/operator/v1/usage/rebuild", body).await["data"].clone()
    };
    let before = world.state(&world.mine).await;
    assert_eq!((rebuild().await, world.state(&world.mine).await), (json!([]), before.clone()));
    let (tenant_id, account): (TenantId, _) = (world.mine.parse().unwrap(), clients[0].account.clone());
    let miss = move |tx: &mut db::Tx<'_>| Ok(tx.exec(MISS, db::args![tenant_id, &account])?);
    assert_eq!(world.app.kernel.db.write(tenant_id, miss).await.unwrap(), 2);
    assert_ne!(keys.sums(&world, &clients).await, right);
    let differed = json!([{
        "start": "2026-05-28T20:00:00.000Z", "environment": "test", "service": "quota", "outcome": "passed",
        "callsBefore": 3, "calls": 4, "creditsBefore": 0, "credits": 0, "pointsBefore": 17, "points": 24,
    }]);
    assert_eq!(rebuild().await, differed);
    assert_eq!(keys.sums(&world, &clients).await, right);
    assert_eq!(rebuild().await, json!([]));
    let audits = world.audits_of("quota 2026-05-28T20:00:00.000Z").await;
    assert_eq!(audits, [("operator".to_owned(), "platform.usage.rebuild".to_owned())]);
    assert_eq!(world.state(&world.mine).await.audits, before.audits + 1);
    let wrong = json!({ "tenantId": world.mine, "from": "yesterday" });
    let ask = Ask::post("/operator/v1/usage/rebuild").bearer(&world.operator_token()).json(&wrong);
    assert_eq!(ask.send(world.operator()).await.expect(400)["errors"][0]["pointer"], "#/from");
    let nobody = json!({ "tenantId": "tn_00000000000000000000000001" });
    let ask = Ask::post("/operator/v1/usage/rebuild").bearer(&world.operator_token()).json(&nobody);
    ask.send(world.operator()).await.expect(404);
}

async fn call(world: &World, client: &Client, count: i64) {
    world.send(verify(&client.token).json(&json!({ "count": count }))).await.expect(200);
}

/// What the ledger knows: calls and points of the tenant, and of each client.
async fn charged(world: &World, clients: &[Client]) -> Vec<(i64, i64)> {
    const SQL: &str = "SELECT COUNT(*), CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM transfer \
        WHERE tenant_id = ?1 AND unit = 'point' AND kind = 'charge' AND (debit_account_id = ?2 OR ?2 = '')";
    let tenant_id: TenantId = world.mine.parse().unwrap();
    let accounts: Vec<String> =
        std::iter::once(String::new()).chain(clients.iter().map(|client| client.account.clone())).collect();
    let read = move |tx: &mut db::Tx<'_>| {
        let sums = accounts.iter().map(|account| {
            Ok(tx.one(SQL, db::args![tenant_id, account], |row| Ok((row.int(0)?, row.int(1)?)))?)
        });
        sums.collect()
    };
    world.app.kernel.db.read(read).await.unwrap()
}

async fn clients(world: &World, count: usize) -> Vec<Client> {
    let mut clients = Vec::new();
    for _ in 0..count {
        clients.push(world.client(1_000_000).await);
    }
    clients
}

async fn plan(kernel: &Kernel, world: &World) -> Option<Batch> {
    let (tenant_id, now) = (world.mine.parse().unwrap(), kernel.clock.now());
    let source = services::USAGE.iter().find(|source| source.service == base::Service::Quota).unwrap();
    kernel.db.read(move |tx| usage::plan(tx, tenant_id, source, now)).await.unwrap()
}

async fn apply(kernel: &Kernel, world: &World, step: &Step) -> bool {
    let (tenant_id, now, step) = (world.mine.parse().unwrap(), kernel.clock.now(), step.clone());
    kernel.db.write(tenant_id, move |tx| usage::apply(tx, &step, now)).await.unwrap()
}

async fn a_call_is_counted_as_soon_as_it_is_answered_and_once_after_it_was_folded(world: Arc<World>) {
    let keys = Keys::of(&world).await;
    let clients = clients(&world, 2).await;
    let before = world.state(&world.mine).await;
    assert_eq!(keys.sums(&world, &clients).await, [(0, 0); 3]);
    assert_eq!(world.state(&world.mine).await, before, "asking leaves nothing behind");
    call(&world, &clients[0], 1).await;
    call(&world, &clients[0], 4).await;
    call(&world, &clients[1], 10).await;
    let expected = [(3, 15), (2, 5), (1, 10)];
    assert_eq!(keys.sums(&world, &clients).await, expected);

    world.clock.advance_seconds(OLD_ENOUGH);
    for _ in 0..2 {
        sweep(&world.app.kernel).await.unwrap();
        assert!(plan(&world.app.kernel, &world).await.is_none(), "all is folded");
        assert_eq!(keys.sums(&world, &clients).await, expected);
    }
    call(&world, &clients[1], 100).await;
    assert_eq!(keys.sums(&world, &clients).await, [(4, 115), (2, 5), (2, 110)]);
    world.clock.advance_seconds(OLD_ENOUGH);
    sweep(&world.app.kernel).await.unwrap();
    assert_eq!(keys.sums(&world, &clients).await, charged(&world, &clients).await);
}

async fn figures_are_told_by_hour_and_by_day(world: Arc<World>) {
    let keys = Keys::of(&world).await;
    let client = world.client(1000).await;
    // It is 20:26 when a world begins.
    for (wait, count) in [(0, 1), (0, 2), (3600, 4), (24 * 3600, 8)] {
        world.clock.advance_seconds(wait);
        call(&world, &client, count).await;
    }
    let hours = [
        ("2026-05-28T20:00:00.000Z", 2, 3),
        ("2026-05-28T21:00:00.000Z", 1, 4),
        ("2026-05-29T21:00:00.000Z", 1, 8),
    ];
    let days = [("2026-05-28T00:00:00.000Z", 3, 7), ("2026-05-29T00:00:00.000Z", 1, 8)];
    for is_folded in [false, true] {
        if is_folded {
            world.clock.advance_seconds(OLD_ENOUGH);
            sweep(&world.app.kernel).await.unwrap();
        }
        let since = "?from=2026-05-28T20:59:59Z";
        assert_eq!(told(&keys.tenant(&world, since).await), hours);
        assert_eq!(told(&keys.account(&world, &client, since).await), hours);
        assert_eq!(told(&keys.tenant(&world, "?bucket=day").await), days);
        assert_eq!(told(&keys.account(&world, &client, "?bucket=day").await), days);
        assert_eq!(told(&keys.tenant(&world, "").await), hours[1..], "the last 24 hours");
        let until = "?from=2026-05-28T21:00:00Z&to=2026-05-29T21:00:00Z&bucket=hour&service=quota";
        assert_eq!(told(&keys.tenant(&world, until).await), hours[1..2], "to is not included");
        assert_eq!(told(&keys.tenant(&world, "?service=citizen&bucket=day").await), []);
    }
}

async fn a_fold_that_was_cut_short_counts_nothing_twice_and_is_ended_by_another_node(world: Arc<World>) {
    let keys = Keys::of(&world).await;
    let clients = clients(&world, 4).await;
    for (count, client) in (1..).zip(&clients) {
        call(&world, client, count).await;
        call(&world, client, 10).await;
    }
    world.clock.advance_seconds(OLD_ENOUGH);
    call(&world, &clients[0], 1000).await;
    let kernel = &world.app.kernel;
    let steps = plan(kernel, &world).await.unwrap().steps(1);
    assert_eq!(
        steps.len(),
        clients.len(),
        "one transaction for each account, the tenant's sums with the last"
    );
    // The node dies after any of them but the last; who counts anew finds the same batch.
    for step in &steps[..steps.len() - 1] {
        assert!(apply(kernel, &world, step).await);
        assert_eq!(keys.sums(&world, &clients).await, charged(&world, &clients).await, "half written");
        assert!(!apply(kernel, &world, step).await, "a step is written once");
        call(&world, &clients[3], 7).await;
        world.clock.advance_seconds(OLD_ENOUGH);
    }
    let another = world.another_node(world.clock.clone()).await;
    let rest = plan(&another.kernel, &world).await.unwrap().steps(1);
    assert_eq!(rest.len(), 1, "what was written is left out");
    sweep(&another.kernel).await.unwrap();
    let expected = charged(&world, &clients).await;
    assert_eq!(keys.sums(&world, &clients).await, expected);
    assert!(!apply(kernel, &world, steps.last().unwrap()).await, "the dead node comes back too late");
    assert_eq!(keys.sums(&world, &clients).await, expected);
}

async fn of_two_nodes_that_fold_the_same_rows_one_writes(world: Arc<World>) {
    let keys = Keys::of(&world).await;
    let clients = clients(&world, 2).await;
    for client in &clients {
        call(&world, client, 5).await;
    }
    world.clock.advance_seconds(OLD_ENOUGH);
    let (one, other) = (&world.app.kernel, &world.another_node(world.clock.clone()).await.kernel);
    let plans = (plan(one, &world).await.unwrap().steps(500), plan(other, &world).await.unwrap().steps(500));
    let written = tokio::join!(apply(one, &world, &plans.0[0]), apply(other, &world, &plans.1[0]));
    assert!(written.0 != written.1, "{written:?}");
    assert_eq!(keys.sums(&world, &clients).await, [(2, 10), (1, 5), (1, 5)]);
}

async fn figures_equal_the_transfers_while_calls_and_folds_of_two_nodes_go_on(world: Arc<World>) {
    let keys = Keys::of(&world).await;
    let clients = clients(&world, 3).await;
    let other = world.another_node(world.clock.clone()).await;
    for round in 0..6 {
        let calls = async {
            for client in &clients {
                call(&world, client, round + 1).await;
            }
        };
        let (one, two, ()) = tokio::join!(sweep(&world.app.kernel), sweep(&other.kernel), calls);
        one.and(two).unwrap();
        assert_eq!(keys.sums(&world, &clients).await, charged(&world, &clients).await);
        world.clock.advance_seconds(40 * 60);
    }
    assert_eq!(charged(&world, &clients).await[0], (18, 63));
}

async fn what_is_not_old_enough_is_not_folded(world: Arc<World>) {
    let client = world.client(10).await;
    world.clock.advance_seconds(OLD_ENOUGH);
    sweep(&world.app.kernel).await.unwrap();
    call(&world, &client, 1).await;
    world.clock.advance_seconds(SETTLE_SECONDS - 1);
    assert!(plan(&world.app.kernel, &world).await.is_none());
    world.clock.advance_seconds(2);
    assert!(plan(&world.app.kernel, &world).await.is_some());
}

async fn the_other_environment_and_another_tenant_are_not_counted(world: Arc<World>) {
    let keys = Keys::of(&world).await;
    let client = world.client(10).await;
    let points = json!({ "points": 10 });
    let foreign = world.client_with(&world.other, points, json!({})).await;
    let live = json!({ "points": 10, "environment": "live" });
    let live = world.client_with(&world.mine, live, json!({})).await;
    for client in [&client, &foreign, &live] {
        call(&world, client, 1).await;
    }
    for _ in 0..2 {
        assert_eq!(keys.sums(&world, std::slice::from_ref(&client)).await, [(1, 1), (1, 1)]);
        for unseen in [&foreign, &live] {
            let ask = Ask::get(&format!("/v1/accounts/{}/usage", unseen.account)).bearer(&keys.management);
            world.send(ask).await.refused_as(404, "Not Found");
        }
        world.clock.advance_seconds(OLD_ENOUGH);
        sweep(&world.app.kernel).await.unwrap();
    }
}

async fn only_what_was_charged_is_counted(world: Arc<World>) {
    let keys = Keys::of(&world).await;
    let client = world.client_with(&world.mine, json!({ "points": 5, "idempotency": true }), json!({})).await;
    let ask = |query: &str| Ask::post(&format!("/v1/verify{query}")).bearer(&client.token);
    for _ in 0..2 {
        world.send(ask("").header("idempotency-key", "once").json(&json!({ "count": 3 }))).await.expect(200);
    }
    world.send(ask("?dry_run=true")).await.expect(200);
    world.send(ask("").json(&json!({ "count": 3 }))).await.expect(403);
    assert_eq!(keys.sums(&world, &[client]).await, [(1, 3), (1, 3)]);
}

async fn a_query_that_is_wrong_is_refused_by_the_name_of_its_parameter(world: Arc<World>) {
    const TIME: &str = "must be an RFC 3339 time like 2030-01-31T12:00:00Z";
    const LONG: &str = "must lie at most 31 days before to; ask in several calls";
    const ORDER: &str = "must lie before to, which is now unless it is given";
    let keys = Keys::of(&world).await;
    let client = world.client(1).await;
    let path = format!("/v1/accounts/{}/usage", client.account);
    for (query, parameter, message) in [
        ("from=yesterday", "from", TIME),
        ("from=", "from", TIME),
        ("to=2026-05-28", "to", TIME),
        ("from=1780000000", "from", TIME),
        ("from=-000001-01-01T00:00:00Z", "from", TIME),
        ("from=2026-05-28T00:00:00+02:00", "from", TIME),
        ("bucket=week", "bucket", "must be hour or day"),
        ("bucket=", "bucket", "must be hour or day"),
        ("from=2026-04-01T00:00:00Z", "from", LONG),
        ("from=2026-05-29T00:00:00Z", "from", ORDER),
        ("from=2026-05-02T00:00:00Z&to=2026-05-01T00:00:00Z", "from", ORDER),
        (
            "from=2020-01-01T00:00:00Z&to=9999-12-30T00:00:00Z&bucket=day",
            "from",
            "must lie at most 366 days before to; ask in several calls",
        ),
    ] {
        let ask = Ask::get(&format!("/platform/v1/usage?{query}")).bearer(&keys.platform);
        world.send(ask).await.problem(400, "invalid_request", &[(parameter, message)]);
        let ask = Ask::get(&format!("{path}?{query}")).bearer(&keys.management);
        world.send(ask).await.refused(400, "Invalid Request", &format!("{parameter}: {message}"));
    }
    let names = "must be one of citizen, identity, codes, partner, quota, platform";
    let ask = Ask::get("/platform/v1/usage?service=Quota&from=x").bearer(&keys.platform);
    let reply = world.send(ask).await;
    reply.problem(400, "invalid_request", &[("from", TIME), ("service", names)]);
    let ask = Ask::get("/platform/v1/usage?bucket=day&bucket=day").bearer(&keys.platform);
    assert_eq!(world.send(ask).await.expect(400)["code"], "malformed_request");
}

async fn an_operator_counts_the_calls_of_a_tenant_and_of_an_account(world: Arc<World>) {
    let clients = clients(&world, 2).await;
    call(&world, &clients[0], 3).await;
    call(&world, &clients[1], 4).await;
    let target = format!("/operator/v1/usage?tenantId={}&environment=test", world.mine);
    let body = world.operate("GET", &target, Value::Null).await;
    assert_eq!(sum(&body["data"].as_array().unwrap().iter().map(read).collect::<Vec<_>>()), (2, 7));
    let of_one = format!("{target}&bucket=day&accountId={}", clients[1].account);
    let body = world.operate("GET", &of_one, Value::Null).await;
    let expected = json!([{ "start": "2026-05-28T00:00:00.000Z", "service": "quota", "outcome": "passed",
        "calls": 1, "credits": 0, "points": 4 }]);
    assert_eq!(body["data"], expected);
    for (query, status) in [
        ("&accountId=me", 400),
        ("&bucket=week", 400),
        ("&service=none", 400),
        ("&accountId=acc_00000000000000000000000000", 404),
    ] {
        let ask = Ask::get(&format!("{target}{query}")).bearer(&world.operator_token());
        ask.send(world.operator()).await.expect(status);
    }
}

async fn verifications_of_citizens_are_counted_by_their_result_with_what_they_cost(world: Arc<World>) {
    let keys = Keys::of(&world).await;
    let citizen = world.key(&world.mine, json!({ "service": "citizen" })).await.secret;
    // The second time from the cache; then a number that nobody has, one that is blocked, and an outage.
    for (number, status) in [(1, 200), (1, 200), (2, 200), (5, 200), (7, 503)] {
        let body = json!({ "nationalId": format!("1000000000{number}") });
        world.send(Ask::post("/api/v1/verify/citizen").bearer(&citizen).json(&body)).await.expect(status);
    }
    let refused = Ask::post("/api/v1/verify/citizen").bearer(&citizen).json(&json!({ "nationalId": "1" }));
    world.send(refused).await.expect(400);
    let figure = |outcome: &str, calls: i64, credits: i64| {
        json!({ "start": "2026-05-28T20:00:00.000Z", "service": "citizen", "outcome": outcome, "calls": calls,
            "credits": credits, "points": 0 })
    };
    let expected = json!([
        figure("failed", 1, 1),
        figure("not_found", 1, 1),
        figure("provider_error", 1, 0),
        figure("verified", 2, 1),
    ]);
    for _ in 0..3 {
        let ask = Ask::get("/platform/v1/usage").bearer(&keys.platform);
        assert_eq!(world.send(ask).await.expect(200)["data"], expected);
        let ask = Ask::get("/platform/v1/usage?service=quota").bearer(&keys.platform);
        assert_eq!(world.send(ask).await.expect(200)["data"], json!([]));
        world.clock.advance_seconds(OLD_ENOUGH);
        sweep(&world.app.kernel).await.unwrap();
    }
}
