//! Wrong calls: each says what is wrong and how a right one looks, and changes nothing.

use super::{Cli, operator, server};

const NOBODY: &str = "01kdvdna00e008m2jtjb6jqfym";

#[test]
fn a_wrong_call_says_what_is_wrong_and_shows_a_right_one() {
    let (_folder, launch, server) = server();
    let cli = Cli::new(&launch.data);
    let tenant = server.tenant();
    let before = operator(&server, &format!("/operator/v1/audit?tenantId={tenant}"));
    for (line, expected) in [
        ("tenent list".to_owned(), ["unrecognized subcommand 'tenent'", "attestry tenant create"]),
        ("tenant create".to_owned(), ["--name <NAME>", "attestry tenant create --name"]),
        ("tenant show tn_1".to_owned(), ["must be tn_… with 26 characters", "attestry tenant show tn_"]),
        (format!("key create --tenant {tenant}"), ["--service <NAME>", "--service quota"]),
        (
            format!("key create --tenant {tenant} --service qouta"),
            ["must be one of citizen, identity, codes, partner, quota, platform", "--service quota"],
        ),
        (
            format!("key create --tenant {tenant} --service quota --expires-at tomorrow"),
            ["2030-01-31T12:00:00Z", "Examples:"],
        ),
        (
            format!("key create --tenant {tenant} --service quota --allowed-ips 10.1.2.3/8"),
            ["10.1.2.3/8 has bits beyond its prefix: the network is 10.0.0.0/8", "Examples:"],
        ),
        (
            format!("key update key_{NOBODY} --tenant {tenant} --allowed-origins example.com"),
            ["example.com must be an origin like https://app.example.com", "attestry key update key_"],
        ),
        (
            format!("account top-up acc_{NOBODY} --tenant {tenant} --points -5"),
            ["-5", "attestry account top-up acc_"],
        ),
        (
            format!("credit grant --tenant {tenant} --amount 5"),
            ["--reference <TEXT>", "attestry credit grant"],
        ),
        (
            format!("token list --tenant {tenant} --environment prod"),
            ["possible values: test, live", "attestry token list"],
        ),
        (
            format!("tenant set --tenant {tenant} wallet.credits_low_threshold"),
            ["must be NAME=VALUE", "attestry tenant set"],
        ),
        ("usage".to_owned(), ["--tenant <ID>", "attestry usage --tenant"]),
        ("usage rebuild".to_owned(), ["--tenant <ID>", "attestry usage rebuild --tenant"]),
        (
            format!("tenant set --tenant {tenant} --plan gold"),
            ["possible values: standard, enterprise", "--plan enterprise"],
        ),
        (
            format!("tenant set --tenant {tenant} --environment test --plan standard"),
            ["cannot be used with", "--plan enterprise"],
        ),
        (format!("tenant set --tenant {tenant}"), ["NAME=VALUE", "attestry tenant set"]),
        ("secrets activate two".to_owned(), ["'two'", "attestry secrets activate 2"]),
        ("tenant list --limit 1001".to_owned(), ["1..=1000", "attestry tenant list"]),
        (format!("tenant list --as '{}'", "x".repeat(65)), ["1 to 64 printable", "attestry tenant list"]),
    ] {
        let said = cli.run(&line).refused(2, &expected);
        assert_eq!(said.stdout, "", "{line}");
    }
    assert_eq!(operator(&server, &format!("/operator/v1/audit?tenantId={tenant}")), before);
}

#[test]
fn a_wrong_call_about_webhooks_says_so_and_shows_a_right_one() {
    let (_folder, launch, server) = server();
    let (cli, tenant) = (Cli::new(&launch.data), server.tenant());
    for (line, expected) in [
        (
            format!("webhook create --tenant {tenant} --service citizen"),
            ["--url <URL>", "attestry webhook create --tenant"],
        ),
        (format!("webhook show x --tenant {tenant}"), ["must be we_…", "attestry webhook show we_"]),
        (format!("webhook replay we_{NOBODY} --tenant {tenant}"), ["--delivery <ID>", "--since 2030"]),
        (
            format!("webhook deliveries we_{NOBODY} --tenant {tenant} --status gone"),
            ["possible values: pending, retrying, delivered, failed, held", "--status failed"],
        ),
        (format!("event list --tenant {tenant} --after x"), ["--after <SEQ>", "--after 120"]),
    ] {
        let said = cli.run(&line).refused(2, &expected);
        assert_eq!(said.stdout, "", "{line}");
    }
}

#[test]
fn what_the_server_refuses_is_told_as_a_sentence_with_the_field_and_its_option() {
    let (_folder, launch, server) = server();
    let cli = Cli::new(&launch.data);
    let tenant = server.tenant();
    for (line, expected) in [
        (format!("tenant show tn_{NOBODY}"), vec!["attestry: There is no such tenant."]),
        (format!("key revoke key_{NOBODY} --tenant {tenant}"), vec!["There is no such key."]),
        (format!("key update key_{NOBODY} --tenant {tenant} --label x"), vec!["There is no such key."]),
        (format!("webhook test we_{NOBODY} --tenant {tenant}"), vec!["There is no such webhook."]),
        (
            format!("webhook create --tenant {tenant} --service citizen --url ftp://a/ --events x"),
            vec!["it must begin with https://", "(--url)"],
        ),
        (
            format!("key create --tenant {tenant} --service quota --allowed-origins https://a.com"),
            vec!["allowed_origins: is for publishable keys", "(--allowed-origins)"],
        ),
        (format!("account show acc_{NOBODY} --tenant {tenant}"), vec!["There is no such account."]),
        (format!("token revoke tok_{NOBODY} --tenant {tenant}"), vec!["There is no such token."]),
        (
            format!("key create --tenant {tenant} --service citizen --kind publishable"),
            vec!["kind: citizen has no publishable keys (--kind)"],
        ),
        (
            format!("key create --tenant {tenant} --service quota --scopes tokens:eat"),
            vec!["scopes: must be a list of some of", "tokens:write", "(--scopes)"],
        ),
        (
            format!("tenant set --tenant {tenant} wallet.credits_low_threshold=few colour=red"),
            vec!["wallet.credits_low_threshold: must be a whole number", "colour: is no setting; there are "],
        ),
        (
            format!("key create --tenant {tenant} --service quota --expires-at 2020-01-01T00:00:00Z"),
            vec!["must lie in the future", "(--expires-at)"],
        ),
    ] {
        let said = cli.run(&line).refused(1, &expected);
        assert_eq!(said.stdout, "", "{line}");
    }
    let said = cli.run(&format!("tenant show tn_{NOBODY} --json")).refused(1, &["no such tenant"]);
    let problem: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((&problem["status"], &problem["code"]), (&404.into(), &"not_found".into()));
}

#[test]
fn money_in_without_a_key_shows_the_one_it_made_up_and_a_retry_with_it_books_once() {
    let (_folder, launch, server) = server();
    let cli = Cli::new(&launch.data);
    let line = format!("credit grant --tenant {} --amount 5 --reference r-1 --json", server.tenant());
    let first = cli.run(&line);
    let key = first.stderr.split("--idempotency-key ").nth(1).unwrap_or_else(|| panic!("{first:?}")).trim();
    assert_eq!(first.code, 0, "{first:?}");
    let again = cli.run(&format!("{line} --idempotency-key {key}"));
    assert_eq!((again.stdout.as_str(), again.stderr.as_str()), (first.stdout.as_str(), ""));
    let other = cli.run(&format!("{} --idempotency-key {key}", line.replace("amount 5", "amount 6")));
    other.refused(1, &["Idempotency-Key"]);
}
