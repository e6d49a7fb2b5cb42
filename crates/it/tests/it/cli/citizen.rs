//! `attestry citizen`: what was verified, seen by an operator.

use it::client::Request;
use serde_json::{Value, json};

use super::{Cli, server, text};

#[test]
fn verifications_are_listed_and_shown_without_names_and_the_same_with_and_without_a_server() {
    let (_folder, launch, server) = server();
    let (cli, tenant) = (Cli::new(&launch.data), server.tenant().to_owned());
    let key = server.line["demo"]["citizen"]["test"].as_str().unwrap().to_owned();
    let target = format!("--tenant {tenant} --environment test");
    let empty = cli.ok(&format!("citizen list {target}"));
    assert_eq!(empty.trim(), "Nothing was verified in the test environment of this tenant.");
    let ids: Vec<String> = ["10000000001", "10000000002", "10000000004"]
        .map(|number| {
            let question = json!({ "nationalId": number, "purpose": "loan", "reference": "r-1" });
            let ask = Request::post("/api/v1/verify/citizen").bearer(&key).json(&question);
            let answer = server.client().send(&ask).unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text());
            text(&answer.json()["data"], "id")
        })
        .into();

    let check = |cli: &Cli| {
        let listed = cli.json(&format!("citizen list {target}"));
        let listed: Vec<String> =
            listed["data"].as_array().unwrap().iter().map(|row| text(row, "id")).collect();
        assert_eq!(listed, ids.iter().rev().cloned().collect::<Vec<_>>(), "newest first");
        let first = cli.ok(&format!("citizen list {target} --limit 2"));
        assert!(first.starts_with("ID ") && first.contains(&format!("--after {}", ids[1])), "{first}");
        let rest = cli.json(&format!("citizen list {target} --limit 2 --after {}", ids[1]));
        assert_eq!(rest["data"].as_array().map(Vec::len), Some(1));
        let shown = cli.ok(&format!("citizen show {} {target}", ids[2]));
        for part in ["DECEASED", "*******0004", "loan", "r-1"] {
            assert!(shown.contains(part), "{part} is not in {shown}");
        }
        let shown = cli.json(&format!("citizen show {} {target}", ids[0]));
        assert_eq!((&shown["reason"], &shown["creditsUsed"]), (&json!("MATCH"), &json!(1)));
        assert!(!shown.to_string().contains("Maxamed"), "{shown}");
        assert_eq!(
            cli.json(&format!("citizen list --tenant {tenant}"))["data"],
            Value::Array(Vec::new()),
            "live"
        );
    };
    check(&cli);
    server.terminate().unwrap();
    check(&cli);
}

#[test]
fn a_wrong_call_says_how_a_right_one_looks_and_a_foreign_verification_is_not_there() {
    let (_folder, launch, server) = server();
    let (cli, tenant) = (Cli::new(&launch.data), server.tenant().to_owned());
    let nobody = "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9";
    cli.run(&format!("citizen show {nobody} --tenant {tenant}")).refused(1, &["no such verification"]);
    for (line, expected) in [
        (
            format!("citizen show tn_1 --tenant {tenant}"),
            ["must be a UUID like", "attestry citizen show 0f1e2d3c"],
        ),
        (format!("citizen show --tenant {tenant}"), ["<ID>", "attestry citizen show 0f1e2d3c"]),
        ("citizen list".to_owned(), ["--tenant <ID>", "attestry citizen list --tenant"]),
        (format!("citizen list --tenant {tenant} --limit 0"), ["1..=1000", "attestry citizen list"]),
    ] {
        cli.run(&line).refused(2, &expected);
    }
    cli.run(&format!("citizen list --tenant {tenant} --after tn_1"))
        .refused(1, &["must be the id that ended the page before"]);
}
