//! What the commands do, with a server and without one.

use super::{Cli, operator, server, text, verify};
use it::server::Server;

/// A tenant with an account and a token, made by command line.
struct Made {
    tenant: String,
    account: String,
    token_id: String,
    token: String,
}

fn make(cli: &Cli) -> Made {
    let tenant = cli.json("tenant create --name 'Acme Ltd' --live-approved --as alice");
    let tenant = text(&tenant, "id");
    let account = cli.json(&format!("account create --tenant {tenant} --name First --points 10 --as alice"));
    let account = text(&account, "id");
    let token = cli.json(&format!("token create --tenant {tenant} --account {account} --as alice"));
    Made { tenant, account, token_id: text(&token, "id"), token: text(&token, "token") }
}

#[test]
fn an_account_with_points_is_opened_once_per_idempotency_key() {
    let (_folder, launch, server) = server();
    let (cli, tenant) = (Cli::new(&launch.data), server.tenant());
    let line = format!("account create --tenant {tenant} --name Paid --points 7");
    let first = cli.json(&format!("{line} --idempotency-key pay-1"));
    assert_eq!(
        (&first, &first["balance"]),
        (&cli.json(&format!("{line} --idempotency-key pay-1")), &7.into())
    );
    let said = cli.run(&line);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stderr.contains("Repeat this call safely with: --idempotency-key cli-"), "{said:?}");
    let said = cli.run(&format!("account create --tenant {tenant} --name Empty"));
    assert_eq!((said.code, said.stderr.as_str()), (0, ""), "no money, no key");
}

#[test]
fn the_audit_log_goes_on_after_its_last_id() {
    let (_folder, launch, server) = server();
    let (cli, tenant) = (Cli::new(&launch.data), server.tenant());
    let all = cli.json(&format!("audit list --tenant {tenant}"));
    let ids: Vec<String> = all["data"].as_array().unwrap().iter().map(|row| text(row, "id")).collect();
    let first = cli.ok(&format!("audit list --tenant {tenant} --limit 1"));
    assert!(first.contains(&format!("--after {}", ids[0])), "{first}");
    let second = cli.json(&format!("audit list --tenant {tenant} --limit 1 --after {}", ids[0]));
    assert_eq!(second["data"].as_array().unwrap().as_slice(), &all["data"].as_array().unwrap()[1..2]);
}

/// Every command that changes something, and what is left of it afterwards.
fn change_everything(cli: &Cli, made: &Made) {
    let Made { tenant, account, token_id, .. } = made;
    let target = format!("--tenant {tenant}");
    let balance = |line: &str| cli.json(line)["balance"].as_i64().unwrap();
    for _ in 0..2 {
        let line = format!("account top-up {account} {target} --points 5 --idempotency-key pay-1 --as bob");
        assert_eq!(balance(&line), 15, "the second call is a retry of the first");
    }
    for _ in 0..2 {
        let line = format!("credit grant {target} --amount 70 --reference r-1 --idempotency-key pay-2");
        assert_eq!(balance(&line), 70);
    }
    assert_eq!(balance(&format!("credit show {target}")), 70);
    let transfers = cli.json(&format!("credit transfers {target} --kind grant"));
    assert_eq!(
        (&transfers["data"][0]["amount"], &transfers["data"][1]),
        (&70.into(), &serde_json::Value::Null)
    );
    let listed = cli.ok(&format!("credit transfers {target} --from 2020-01-01T00:00:00Z"));
    assert!(listed.contains("REFERENCE") && listed.contains("r-1"), "{listed}");
    let empty = cli.ok(&format!("credit transfers {target} --to 2020-01-01T00:00:00Z"));
    assert_eq!(empty, "Nothing has moved.\n");
    assert_eq!(cli.json(&format!("credit floor {target} --floor -5"))["floor"], -5);
    cli.run(&format!("credit floor {target} --floor 71")).refused(1, &["70 is left", "choose a lower floor"]);
    let key =
        cli.json(&format!("key create {target} --service quota --label main --rate-limit-per-minute 9"));
    assert_eq!((&key["label"], &key["rate_limit_per_minute"]), (&"main".into(), &9.into()));
    let next = cli.json(&format!("key rotate {} {target} --grace-seconds 0", text(&key, "id")));
    assert_ne!(next["secret"], key["secret"]);
    cli.ok(&format!("key revoke {} {target}", text(&next, "id")));
    let keys = cli.json(&format!("key list {target}"));
    assert!(keys["data"].as_array().unwrap().iter().all(|key| key["revoked_at"].is_string()), "{keys}");
    assert!(keys["data"][0].get("secret").is_none(), "{keys}");
    let rotated = cli.json(&format!("token rotate {token_id} {target}"));
    assert_eq!(rotated["accountId"], account.as_str());
    cli.ok(&format!("token revoke {token_id} {target} --as carol"));
    let banned = cli.json(&format!("account ban {account} {target}"));
    assert_eq!(banned["banned"], true);
    assert_eq!(cli.json(&format!("account unban {account} {target}"))["banned"], false);
    let low = "wallet.credits_low_threshold";
    assert_eq!(cli.json(&format!("tenant set {target} {low}=500"))["settings"][low], 500);
    let shown = cli.ok(&format!("tenant settings {target}"));
    assert!(shown.lines().any(|line| line.starts_with(low) && line.ends_with(" 500")), "{shown}");
    assert!(cli.json(&format!("tenant set {target} {low}=default"))["settings"][low].is_null());
    let rebuilt = cli.ok(&format!("usage rebuild --tenant {tenant}"));
    assert_eq!(rebuilt.trim(), "Every sum is what its rows add up to.");
    for plan in ["enterprise", "standard"] {
        assert_eq!(cli.json(&format!("tenant set --tenant {tenant} --plan {plan}"))["plan"], plan);
    }
    for (verb, status) in [("suspend", "suspended"), ("reopen", "active"), ("close", "closed")] {
        assert_eq!(cli.json(&format!("tenant {verb} {tenant} --reason why"))["status"], status);
    }
    cli.run(&format!("tenant reopen {tenant}")).refused(1, &["closed for good"]);
}

/// The audit log names who did it, and the ledger is clean.
fn look_back(cli: &Cli, made: &Made) {
    let audit = cli.json(&format!("audit list --tenant {}", made.tenant));
    let rows = audit["data"].as_array().unwrap();
    let by = |action: &str| -> Vec<String> {
        rows.iter().filter(|row| row["action"] == action).map(|row| text(row, "actorId")).collect()
    };
    assert_eq!(by("platform.tenant.create"), ["alice"]);
    assert_eq!(by("quota.account.top_up"), ["bob"], "a retry is no second row");
    assert_eq!(by("quota.token.revoke"), ["carol"]);
    assert_eq!(by("platform.wallet.grant"), ["operator"]);
    let summary = cli.json(&format!("ledger summary --tenant {} --unit point", made.tenant));
    assert_eq!(summary["granted"], 15);
    let report = cli.json("ledger check");
    assert_eq!((&report["ok"], &report["violations"]), (&true.into(), &serde_json::json!([])));
    assert!(cli.ok("ledger check").contains("Every balance equals its transfers."));
    assert_eq!(cli.json("doctor")["ok"], true);
}

#[test]
fn beside_a_running_server_every_command_has_its_effect() {
    let (_folder, launch, server) = server();
    let cli = Cli::new(&launch.data);
    let made = make(&cli);
    let answer = verify(&server, &made.token);
    assert_eq!((answer.status, &answer.json()["balance"]), (200, &9.into()));
    cli.ok(&format!("account top-up {} --tenant {} --points 1 --as bob", made.account, made.tenant));
    let listed = cli.json(&format!("account show {} --tenant {}", made.account, made.tenant));
    assert_eq!(listed["balance"], 10);

    cli.ok(&format!("token revoke {} --tenant {}", made.token_id, made.tenant));
    let refused = verify(&server, &made.token);
    assert_eq!((refused.status, &refused.json()["error"]), (403, &"Invalid Token".into()));
    let listed = cli.json(&format!("account show {} --tenant {}", made.account, made.tenant));
    assert_eq!(listed["balance"], 10, "a refused call costs nothing");

    let other = make(&cli);
    change_everything(&cli, &other);
    look_back(&cli, &other);
}

#[test]
fn without_a_server_every_command_has_the_same_effect_and_the_next_server_sees_it() {
    let (_folder, launch, server) = server();
    let cli = Cli::new(&launch.data);
    let running = make(&cli);
    assert!(server.terminate().unwrap().success());

    let made = make(&cli);
    change_everything(&cli, &made);
    look_back(&cli, &made);
    cli.ok(&format!("account ban {} --tenant {}", running.account, running.tenant));

    let server = Server::start(&launch).unwrap();
    assert_eq!(verify(&server, &made.token).status, 403);
    let banned = verify(&server, &running.token);
    assert_eq!((banned.status, &banned.json()["error"]), (403, &"Quota Exceeded or Banned".into()));
    cli.ok(&format!("account unban {} --tenant {}", running.account, running.tenant));
    assert_eq!(verify(&server, &running.token).status, 200);
}

#[test]
fn json_is_what_the_api_answered_byte_for_byte() {
    let (_folder, launch, server) = server();
    let cli = Cli::new(&launch.data);
    let tenant = server.tenant();
    for (line, path) in [
        ("tenant list".to_owned(), "/operator/v1/tenants?limit=100".to_owned()),
        (
            format!("key list --tenant {tenant}"),
            format!("/operator/v1/keys?tenantId={tenant}&environment=live"),
        ),
        (
            format!("audit list --tenant {tenant} --limit 3"),
            format!("/operator/v1/audit?tenantId={tenant}&limit=3"),
        ),
        ("ledger check".to_owned(), "/operator/v1/ledger/check".to_owned()),
        ("openapi".to_owned() + " operator", "/openapi/operator.json".to_owned()),
    ] {
        let said = cli.ok(&format!("{line} --json"));
        assert_eq!(said, operator(&server, &path) + "\n", "{line}");
    }
}

#[test]
fn a_list_goes_on_after_its_last_id() {
    let (_folder, launch, _server) = server();
    let cli = Cli::new(&launch.data);
    let all = cli.json("tenant list");
    let ids: Vec<String> = all["data"].as_array().unwrap().iter().map(|tenant| text(tenant, "id")).collect();
    assert_eq!(ids.len(), 2, "dev makes two");
    let first = cli.ok("tenant list --limit 1");
    assert!(first.contains(&format!("--after {}", ids[0])) && !first.contains(&ids[1]), "{first}");
    let second = cli.json(&format!("tenant list --limit 1 --after {}", ids[0]));
    assert_eq!(second["data"][0]["id"], ids[1].as_str());
    assert_eq!(second["data"].as_array().unwrap().len(), 1);
}

#[test]
fn a_key_is_made_and_changed_with_everything_that_binds_it() {
    let (_folder, launch, server) = server();
    let (cli, target) = (Cli::new(&launch.data), format!("--tenant {} --env test", server.tenant()));
    let made = cli.json(&format!(
        "key create {target} --service identity --kind publishable --label shop --allowed-origins \
         https://a.example.com,http://localhost:3000 --allowed-ips 203.0.113.7,2001:db8::/32 \
         --rate-limit-per-minute 0 --spend-cap-per-day 50 --expires-at 2090-01-31T12:00:00Z"
    ));
    let id = text(&made, "id");
    assert_eq!(
        made["allowed_origins"],
        serde_json::json!(["https://a.example.com", "http://localhost:3000"])
    );
    assert_eq!(made["allowed_ips"], serde_json::json!(["203.0.113.7/32", "2001:db8::/32"]));
    assert_eq!((&made["rate_limit_per_minute"], &made["spend_cap_per_day"]), (&0.into(), &50.into()));
    let changed =
        cli.json(&format!("key update {id} {target} --label other --allowed-ips none --expires-at none"));
    assert_eq!((&changed["label"], &changed["allowed_ips"]), (&"other".into(), &serde_json::json!([])));
    assert!(changed["expires_at"].is_null() && changed["spend_cap_per_day"] == 50, "{changed}");
    let shown =
        cli.ok(&format!("key update {id} {target} --rate-limit-per-minute none --spend-cap-per-day none"));
    assert!(shown.contains("https://a.example.com, http://localhost:3000"), "{shown}");
    assert!(!shown.contains("Requests/min") && !shown.contains("Credits/day"), "{shown}");
}

#[test]
fn keys_of_every_service_have_their_published_prefixes_and_are_shown_once() {
    let (_folder, launch, server) = server();
    let cli = Cli::new(&launch.data);
    for (options, prefix) in [
        ("--service citizen", "xq_live_"),
        ("--service citizen --env test", "xq_test_"),
        ("--service identity", "qv_sec_"),
        ("--service identity --environment test", "qv_sec_test_"),
        ("--service identity --kind publishable", "qv_pub_"),
        ("--service identity --kind publishable --env test", "qv_pub_test_"),
        ("--service codes", "vg_live_"),
        ("--service codes --env test", "vg_test_"),
        ("--service partner", "qash_key_live_"),
        ("--service partner --env test", "qash_key_test_"),
        ("--service quota", "xa_admin_live_"),
        ("--service quota --env test", "xa_admin_test_"),
        ("--service platform", "at_live_"),
        ("--service platform --env test", "at_test_"),
    ] {
        let key = cli.json(&format!("key create --tenant {} {options}", server.tenant()));
        let secret = text(&key, "secret");
        assert_eq!(secret.strip_prefix(prefix).map(str::len), Some(32), "{options}: {secret}");
        let pair = key["pair_secret"].as_str().map(|secret| secret.replace("secret", "key"));
        assert_eq!(pair.is_some_and(|pair| pair.starts_with(prefix)), options.contains("partner"), "{key}");
    }
    let shown = cli.ok(&format!("key create --tenant {} --service partner", server.tenant()));
    for part in ["qash_key_live_", "qash_secret_live_", "shown here once"] {
        assert!(shown.contains(part), "{shown}");
    }
    let listed = cli.ok(&format!("key list --tenant {}", server.tenant()));
    assert!(!listed.contains("qash_secret_live_"), "{listed}");
}

#[test]
fn usage_is_shown_as_a_table_and_a_wrong_call_says_how_to_do_it_right() {
    let (_folder, launch, server) = server();
    let cli = Cli::new(&launch.data);
    let made = make(&cli);
    let Made { tenant, account, .. } = &made;
    let empty = cli.ok(&format!("usage --tenant {tenant}"));
    assert!(empty.contains("No calls in this time."), "{empty}");
    for _ in 0..2 {
        assert_eq!(verify(&server, &made.token).status, 200);
    }
    let of_account = format!("usage --tenant {tenant} --account {account} --bucket day --service quota");
    let shown = cli.ok(&of_account);
    let mut lines = shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(
        lines.next().unwrap(),
        ["START", "SERVICE", "OUTCOME", "CALLS", "CREDITS", "POINTS"],
        "{shown}"
    );
    assert_eq!(lines.next().unwrap()[1..], ["quota", "passed", "2", "0", "2"], "{shown}");
    assert_eq!(cli.json(&of_account)["data"][0]["calls"], 2);
    for (line, hint) in [
        ("--service nonsense", "must be one of citizen, identity"),
        ("--from yesterday", "must be an RFC 3339 time"),
        ("--from 2020-01-01T00:00:00Z", "at most 31 days before to; ask in several calls (--from)"),
        ("--bucket week", "possible values: hour, day"),
        ("--account tn_1", "must be acc_"),
    ] {
        let said = cli.run(&format!("usage --tenant {tenant} {line}"));
        assert!(said.code != 0 && said.stderr.contains(hint), "{line}: {said:?}");
    }
}
