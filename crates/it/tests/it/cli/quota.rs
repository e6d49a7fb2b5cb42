//! The management of quota by command line: lists, thresholds, allowances, transfers and imports.

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use super::{Cli, Said, server, text, verify};

fn ids(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(|row| text(row, "id")).collect()
}

#[test]
fn accounts_are_narrowed_renamed_alerted_and_filled_up() {
    let (_folder, launch, server) = server();
    let (cli, target) = (Cli::new(&launch.data), format!("--tenant {}", server.tenant()));
    let made = cli.json(&format!("account create {target} --name First --external-id 'c 1&é'"));
    let id = text(&made, "id");
    let other = text(&cli.json(&format!("account create {target} --name Other")), "id");
    cli.ok(&format!("account ban {other} {target}"));
    let list = |options: &str| ids(&cli.json(&format!("account list {target} {options}")));
    assert_eq!(list("--external-id 'c 1&é'"), [id.as_str()]);
    assert_eq!(list("--banned"), [other.as_str()]);
    assert_eq!(list("--banned true"), [other.as_str()]);
    assert!(!list("--banned false").contains(&other));
    let renamed = cli.ok(&format!("account rename {id} {target} --name 'The first'"));
    assert!(renamed.contains("The first"), "{renamed}");

    let shown = cli.ok(&format!("account alert {id} {target} --below 100"));
    assert!(shown.contains("Tells below") && shown.contains("100"), "{shown}");
    let shown = cli.json(&format!("account alert {id} {target} --off"));
    assert_eq!(shown["lowBalanceThreshold"], Value::Null);
    let shown = cli.ok(&format!("account refill {id} {target} --level 1000 --period month"));
    assert!(shown.contains("1000 a month, next at 20"), "{shown}");
    let shown = cli.json(&format!("account show {id} {target}"));
    assert_eq!((&shown["balance"], &shown["autoRefill"]["level"]), (&json!(1000), &json!(1000)));
    let shown = cli.json(&format!("account refill {id} {target} --off"));
    assert_eq!((&shown["balance"], &shown["autoRefill"]), (&json!(1000), &Value::Null));

    let transfers = cli.ok(&format!("account transfers {id} {target}"));
    assert!(transfers.contains("refill:20") && transfers.contains("grant"), "{transfers}");
    let none = cli.ok(&format!("account transfers {other} {target}"));
    assert_eq!(none.trim(), "Nothing was added to this account or taken from it here.");
    for points in [1, 2] {
        cli.ok(&format!("account top-up {id} {target} --points {points}"));
    }
    let first = cli.json(&format!("account transfers {id} {target} --limit 2"));
    let points: Vec<i64> =
        first["data"].as_array().unwrap().iter().map(|row| row["points"].as_i64().unwrap()).collect();
    assert_eq!(points, [2, 1], "newest first");
    let said = cli.ok(&format!("account transfers {id} {target} --limit 2"));
    let next = text(&first, "next");
    assert!(said.contains(&format!("--after {next}")), "{said}");
    let rest = cli.json(&format!("account transfers {id} {target} --limit 2 --after {next}"));
    assert_eq!((&rest["data"][0]["points"], &rest["next"]), (&json!(1000), &Value::Null));
}

#[test]
fn tokens_are_imported_from_a_file_or_from_standard_input_all_or_none() {
    let (folder, launch, server) = server();
    let (cli, target) = (Cli::new(&launch.data), format!("--tenant {}", server.tenant()));
    let account = text(&cli.json(&format!("account create {target} --name First --points 9")), "id");
    let file = folder.path().join("tokens.txt");
    std::fs::write(&file, "made-elsewhere-0000-0000-0001\n\n  made-elsewhere-0000-0000-0002\r\n").unwrap();
    let line = format!("token import {target} --account {account}");
    let said = cli.ok(&format!("{line} --file '{}' --points-per-call 2", file.display()));
    assert!(said.contains("Imported 2 tokens") && said.contains("0001"), "{said}");
    assert!(!said.contains("made-elsewhere"), "{said}");
    assert_eq!(verify(&server, "made-elsewhere-0000-0000-0002").json()["balance"], 7);
    assert_eq!(verify(&server, "made-elsewhere-0000-0000-0001").json()["balance"], 5);

    let said = pipe(&cli, &line, "made-elsewhere-0000-0000-0003\n");
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(verify(&server, "made-elsewhere-0000-0000-0003").json()["balance"], 4);
    let list = cli.json(&format!("token list {target} --account {account}"));
    assert_eq!(list["data"].as_array().unwrap().len(), 3);

    let known = "made-elsewhere-0000-0000-0004\nmade-elsewhere-0000-0000-0003\n";
    pipe(&cli, &line, known).refused(1, &["exists already; nothing was imported"]);
    assert_eq!(verify(&server, "made-elsewhere-0000-0000-0004").status, 403);
    pipe(&cli, &line, "\n \n").refused(2, &["holds no tokens: put one on each line"]);
    let short = "made-elsewhere-0000-0000-0005\nshort\n";
    pipe(&cli, &line, short).refused(1, &["must have 24 to 512 printable ASCII characters without a space"]);
    let missing = cli.run(&format!("{line} --file nowhere.txt"));
    missing.refused(2, &["nowhere.txt cannot be read", "one token on each line"]);
}

fn pipe(cli: &Cli, line: &str, input: &str) -> Said {
    let mut command = cli.command(line);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Said::of(&child.wait_with_output().unwrap())
}

#[test]
fn a_wrong_call_about_an_account_says_what_is_missing() {
    let (_folder, launch, server) = server();
    let (cli, tenant) = (Cli::new(&launch.data), server.tenant());
    let id = "acc_01kdvdna00e008m2jtjb6jqfym";
    for (line, expected) in [
        (format!("account refill {id} --tenant {tenant}"), ["--level <N>", "attestry account refill acc_"]),
        (format!("account refill {id} --tenant {tenant} --level 5"), ["--period <PERIOD>", "Examples:"]),
        (
            format!("account refill {id} --tenant {tenant} --level 5 --period week"),
            ["possible values: day, month", "Examples:"],
        ),
        (
            format!("account refill {id} --tenant {tenant} --level 5 --period day --off"),
            ["cannot be used with", "Examples:"],
        ),
        (format!("account alert {id} --tenant {tenant}"), ["--below <N>", "attestry account alert acc_"]),
        (format!("account alert {id} --tenant {tenant} --below 0"), ["0 is not in 1..", "Examples:"]),
        (format!("token import --tenant {tenant}"), ["--account <ID>", "attestry token import --tenant"]),
    ] {
        cli.run(&line).refused(2, &expected);
    }
}
