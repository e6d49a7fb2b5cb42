//! `attestry citizen`: what was verified, seen by an operator.

use std::io::Write;
use std::process::Stdio;

use it::client::Request;
use serde_json::{Value, json};

use super::{Cli, Said, server, text};

fn with_input(cli: &Cli, line: &str, input: &str) -> Said {
    let mut command = cli.command(line);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A call that is refused for its options does not read.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    Said::of(&child.wait_with_output().unwrap())
}

#[test]
fn a_citizen_is_erased_by_a_number_that_stands_nowhere() {
    let (_folder, launch, server) = server();
    let (cli, tenant) = (Cli::new(&launch.data), server.tenant().to_owned());
    let key = server.line["demo"]["citizen"]["test"].as_str().unwrap();
    let ask =
        Request::post("/api/v1/verify/citizen").bearer(key).json(&json!({ "nationalId": "10000000001" }));
    assert_eq!(server.client().send(&ask).unwrap().status, 200);
    let line = format!("citizen erase --tenant {tenant} --national-id-stdin");
    let erased = with_input(&cli, &line, "10000000001\n");
    assert_eq!(
        (erased.code, erased.stdout.trim()),
        (0, "What named *******0001 in 1 verifications is gone for good.")
    );
    let again = with_input(&cli, &format!("{line} --json"), "10000000001");
    let again: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(again, json!({ "nationalIdMasked": "*******0001", "erased": false, "verifications": 0 }));
    for wrong in ["", "1000000000", "10000000001 10000000002", "1000000000x"] {
        let refused = with_input(&cli, &line, wrong).refused(2, &["must be exactly 11 digits"]);
        assert!(wrong.is_empty() || !refused.stderr.contains(wrong), "{refused:?}");
    }
    let expected = ["--national-id-stdin", "< number.txt"];
    with_input(&cli, &format!("citizen erase --tenant {tenant}"), "").refused(2, &expected);
    let log = std::fs::read_to_string(&launch.log).unwrap();
    let audit = cli.ok(&format!("audit list --tenant {tenant} --json"));
    assert!(audit.contains("citizen.subject.erase"), "{audit}");
    assert!(!audit.contains("10000000001") && !log.contains("10000000001"), "{log}");
}

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
