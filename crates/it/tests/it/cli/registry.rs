//! Importing a registry by command line, with a server and without one.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use it::client::Request;
use it::server::{Launch, Server};
use serde_json::{Value, json};

use super::{Cli, Said, server, text};

const HEADER: &str = "national_id,full_name,date_of_birth,status\n";
const NUMBER: &str = "40000000001";
const NAME: &str = "Qorraxo Plaintext Warsame";
const BIRTH: &str = "1971-03-09";

fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}

fn newest(cli: &Cli) -> Value {
    cli.json("registry status")["data"][0].clone()
}

#[test]
fn a_file_is_imported_by_the_running_server_and_without_one() {
    let (folder, launch, server) = server();
    let cli = Cli::new(&launch.data);
    let good = file(folder.path(), "good.csv", &format!("{HEADER}{NUMBER},{NAME},{BIRTH},active\n"));
    let said = cli.ok(&format!("registry import {} --env live --as alice", good.display()));
    assert!(said.contains("is the live registry now: 1 records, no line rejected"), "{said}");
    assert!(!folder.path().join("good.csv.errors.csv").exists());
    let first = newest(&cli);
    assert_eq!((&first["state"], &first["begunBy"]), (&json!("active"), &json!("alice")));
    server.terminate().unwrap();
    let said = cli.json(&format!("registry import {} --env live", good.display()));
    let expected = json!({ "import": said["import"], "environment": "live", "state": "active",
        "records": 1, "rejected": 0, "report": null });
    assert_eq!(said, expected);
    let table = cli.ok("registry status");
    assert!(table.contains("online") && table.contains("closed"), "{table}");
    let imports = table.lines().skip_while(|line| !line.starts_with("IMPORT")).skip(1);
    let states: Vec<&str> = imports.map(|line| line.split_whitespace().nth(2).unwrap()).collect();
    assert_eq!(states[..2], ["active", "retired"], "{table}");
    assert!(cli.ok(&format!("registry import {} --env test", good.display())).contains("rehearsal"));
}

#[test]
fn wrong_lines_are_listed_in_a_report_that_is_never_overwritten() {
    let (folder, launch, server) = server();
    let cli = Cli::new(&launch.data);
    let rows =
        format!("{HEADER}{NUMBER},A,{BIRTH},active\n1,B,{BIRTH},active\n\n{NUMBER},C,{BIRTH},active\n2,D\n");
    let path = file(folder.path(), "some.csv", &rows);
    let line = format!("registry import {} --env live", path.display());
    let said = cli.run(&line);
    assert_eq!(said.code, 0, "{said:?}");
    let report = folder.path().join("some.csv.errors.csv");
    assert!(said.stdout.contains(&format!("3 lines rejected, listed in {}", report.display())), "{said:?}");
    let listed = "line,reason\n6,\"must have as many fields as the header, 4\"\n3,national_id must be exactly 11 digits\n\
        5,national_id stands on an earlier line\n";
    assert_eq!(fs::read_to_string(&report).unwrap(), listed);
    let before = newest(&cli);
    cli.run(&line).refused(2, &["is there already", "--report FILE"]);
    assert_eq!(newest(&cli), before, "nothing was begun");
    let other = folder.path().join("other.csv");
    cli.ok(&format!("{line} --report {}", other.display()));
    assert_eq!(fs::read_to_string(&other).unwrap(), listed);
    drop(server);
}

#[test]
fn too_many_wrong_lines_leave_the_active_registry_as_it_was() {
    let (folder, launch, server) = server();
    let cli = Cli::new(&launch.data);
    let good = file(folder.path(), "good.csv", &format!("{HEADER}{NUMBER},{NAME},{BIRTH},active\n"));
    let active = cli.json(&format!("registry import {} --env live", good.display()))["import"].clone();
    let bad = format!("{HEADER}{NUMBER},A,{BIRTH},active\n1,B,{BIRTH},active\n2,B,{BIRTH},active\n");
    let bad = file(folder.path(), "bad.csv", &bad);
    let line = format!("registry import {} --env live --max-errors 1", bad.display());
    cli.run(&line).refused(1, &["More than 1 lines are wrong", "bad.csv.errors.csv", "--max-errors"]);
    let imports = cli.json("registry status");
    let states: Vec<&Value> = imports["data"].as_array().unwrap().iter().map(|row| &row["state"]).collect();
    assert_eq!(states[..2], [&json!("retired"), &json!("active")]);
    assert_eq!(imports["data"][1]["import"], active);
    drop(server);
}

#[test]
fn a_wrong_import_is_told_what_is_wrong_and_begins_nothing() {
    let (folder, launch, server) = server();
    let cli = Cli::new(&launch.data);
    let before = newest(&cli);
    let semicolons = file(folder.path(), "semicolons.csv", "national_id;full_name;date_of_birth;status\n");
    let missing = folder.path().join("missing.csv");
    for (line, code, expected) in [
        ("registry import".to_owned(), 2, vec!["<FILE>", "attestry registry import citizens.csv --env live"]),
        (format!("registry import {}", missing.display()), 2, vec!["--environment <NAME>"]),
        (
            format!("registry import {} --env prod", missing.display()),
            2,
            vec!["[possible values: test, live]"],
        ),
        (format!("registry import {} --env live", missing.display()), 2, vec!["missing.csv cannot be read"]),
        (
            format!("registry import {} --env live", semicolons.display()),
            2,
            vec![
                "lacks the column national_id",
                "separated by commas",
                "national_id,full_name,date_of_birth,status",
            ],
        ),
        ("registry sample".to_owned(), 2, vec!["--rows <N>"]),
        ("registry sample --rows 0".to_owned(), 2, vec!["1..=1000000000"]),
        ("registry abort x".to_owned(), 2, vec!["attestry registry abort 7"]),
        ("registry abort 999".to_owned(), 1, vec!["There is no such import."]),
    ] {
        cli.run(&line).refused(code, &expected);
    }
    assert_eq!(newest(&cli), before);
    drop(server);
}

#[test]
fn a_sample_goes_through_a_pipe_into_the_registry() {
    let (_folder, launch, server) = server();
    let cli = Cli::new(&launch.data);
    let sample = cli.ok("registry sample --rows 300 --seed 5");
    assert_eq!(sample, cli.ok("registry sample --rows 300 --seed 5"));
    assert_ne!(sample, cli.ok("registry sample --rows 300 --seed 6"));
    assert_eq!(sample.lines().count(), 301);
    let mut command = cli.command("registry import - --env live");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(sample.as_bytes()).unwrap();
    let said = Said::of(&child.wait_with_output().unwrap());
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains("300 records, no line rejected"), "{said:?}");
    drop(server);
}

#[test]
fn an_import_that_was_left_is_given_up_by_its_number() {
    let (_folder, launch, server) = server();
    let cli = Cli::new(&launch.data);
    let begun =
        server.operator().post("/operator/v1/registry/imports", &json!({ "environment": "live" })).unwrap();
    let said = cli.ok(&format!("registry abort {}", begun["import"]));
    assert!(said.contains("is given up"), "{said}");
    assert_eq!(text(&newest(&cli), "state"), "retired");
}

#[test]
fn an_import_goes_on_after_its_server_was_killed() {
    let (folder, launch, server) = server();
    let cli = Cli::new(&launch.data);
    let active = cli.json("registry status")["data"][0]["import"].clone();
    let begin = json!({ "environment": "live" });
    let begun = server.operator().post("/operator/v1/registry/imports", &begin).unwrap();
    let path = format!("/operator/v1/registry/imports/{}", begun["import"]);
    let append = |server: &Server, part: u32, number: &str| {
        let row = format!("2,{number},{NAME},{BIRTH},active\n");
        let request =
            Request::post(&format!("{path}/rows?part={part}")).bearer(&server.operator_token).body(row);
        it::client::Client::new(&server.admin_url).send(&request).unwrap()
    };
    assert_eq!(append(&server, 0, NUMBER).status, 200);
    server.kill().unwrap();
    let server = Server::start(&Launch::sqlite(&launch.binary, folder.path())).unwrap();
    assert_eq!(append(&server, 2, "40000000002").status, 409);
    assert_eq!(append(&server, 1, "40000000002").status, 200);
    let merged = server.operator().post(&format!("{path}/merge"), &json!({ "bucket": 0 })).unwrap();
    assert_eq!((&merged["records"], &merged["nextBucket"]), (&json!(2), &json!(256)));
    let status = cli.json("registry status");
    assert_eq!((&status["data"][0]["state"], &status["data"][1]["import"]), (&json!("loading"), &active));
    server.kill().unwrap();
    let server = Server::start(&Launch::sqlite(&launch.binary, folder.path())).unwrap();
    server.operator().post(&format!("{path}/finish"), &json!({})).unwrap();
    assert_eq!(newest(&cli)["records"], 2);
}

#[test]
fn the_files_of_the_database_hold_no_number_name_or_birth_date() {
    let (folder, launch, server) = server();
    let cli = Cli::new(&launch.data);
    let rows = format!("{HEADER}{NUMBER},{NAME},{BIRTH},active\n");
    let path = file(folder.path(), "citizens.csv", &rows);
    cli.ok(&format!("registry import {} --env live", path.display()));
    assert_holds_no_plaintext(&launch.data);
    server.terminate().unwrap();
    assert_holds_no_plaintext(&launch.data);
    let again = Server::start(&Launch::sqlite(&launch.binary, folder.path())).unwrap();
    assert_eq!(newest(&cli)["records"], 1);
    drop(again);
}

fn assert_holds_no_plaintext(data: &Path) {
    let mut bytes_read = 0;
    for entry in fs::read_dir(data).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        bytes_read += bytes.len();
        for secret in [NUMBER, NAME, BIRTH, "Qorraxo", "Plaintext"] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{} holds {secret}", path.display());
        }
    }
    assert!(bytes_read > 10_000, "the database was not among the files");
}
