//! The audit log on the command line: what an operator exports, and what anyone checks elsewhere.

use std::fs;
use std::path::Path;
use std::time::Duration;

use it::client::{Client, Request};
use it::folder::Folder;
use it::server::{Launch, Server, binary};
use it::wait::until;
use serde_json::Value;

use super::{Cli, Said, server, text};

/// The log's public key, and how many entries are signed.
fn published(server: &Server) -> (String, u64) {
    let mut client = Client::new(&server.base_url);
    let known = client.send(&Request::get("/.well-known/attestry")).unwrap().json();
    let log = &known["audit"]["logs"][0];
    let size = log["checkpoint"].as_str().unwrap_or("\n0").lines().nth(1).unwrap().parse().unwrap();
    (known["audit"]["keys"][0].as_str().unwrap_or_default().to_owned(), size)
}

/// Makes so many audited rows and waits until they are signed; gives the key.
fn grow(cli: &Cli, server: &Server, rows: u64) -> String {
    let before =
        until("a log", Duration::from_secs(30), || Ok(Some(published(server)).filter(|it| it.1 > 0)))
            .unwrap()
            .1;
    for _ in 0..rows {
        cli.json("tenant create --name 'A tenant'");
    }
    until("sealed rows", Duration::from_secs(30), || {
        Ok(Some(published(server)).filter(|now| now.1 >= before + rows))
    })
    .unwrap()
    .0
}

fn watch(cli: &Cli, url: &str, key: &str, state: &Path) -> Said {
    cli.run(&format!("audit watch --url {url} --key {key} --state {}", state.display()))
}

#[test]
fn an_export_is_verified_elsewhere_with_the_public_key_alone() {
    let (folder, launch, server) = server();
    let cli = Cli::new(&launch.data);
    let key = grow(&cli, &server, 3);
    let file = folder.path().join("audit.jsonl");
    let said = cli.ok(&format!("audit export --file {}", file.display()));
    assert!(said.contains("attestry audit verify"), "{said}");
    drop(server);
    // Another machine: no folder, no server.
    let elsewhere = Cli::new(&folder.path().join("nothing is here"));
    let verify = format!("audit verify '{}' --key {key}", file.display());
    assert!(elsewhere.ok(&verify).contains("as they were sealed"));
    let report = elsewhere.json(&verify);
    assert!(report["ok"] == true && report["rows"].as_u64().unwrap() >= 3, "{report}");
    assert!(!folder.path().join("nothing is here").exists(), "it needs no folder and makes none");

    let whole = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let changed = whole.replacen("\"outcome\":\"done\"", "\"outcome\":\"Done\"", 1);
    for (wrong, expected) in [
        (changed, "line 2: row 1 ("),
        ([&lines[..2], &lines[3..]].concat().join("\n"), "line 3: index 2 of"),
        (lines[..lines.len() - 1].join("\n"), "cut short"),
        (String::new(), "cut short"),
        ("hello\n".into(), "line 1: it is no line of an export"),
        ("x".repeat(100_000), "line 1: it is longer than"),
    ] {
        fs::write(&file, wrong).unwrap();
        elsewhere.run(&verify).refused(1, &[expected]);
    }
    let report: Value = serde_json::from_str(&elsewhere.run(&format!("{verify} --json")).stdout).unwrap();
    assert_eq!((&report["ok"], &report["line"]), (&false.into(), &1.into()));
    elsewhere.run("audit verify x.jsonl --key nonsense").refused(2, &["a key looks like"]);
    elsewhere.run(&format!("audit verify not-there.jsonl --key {key}")).refused(2, &["cannot be read"]);
}

#[test]
fn a_tenants_rows_are_exported_with_a_server_and_without() {
    let (folder, launch, server) = server();
    let cli = Cli::new(&launch.data);
    let key = grow(&cli, &server, 1);
    let export = format!("audit export --tenant {}", server.tenant());
    let with = cli.ok(&export);
    server.terminate().unwrap();
    // The log may have grown by other rows meanwhile, and with it the proofs.
    let essence = |export: &str| -> Vec<Value> {
        let lines = export.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .map(|mut line| {
                for growing in ["proof", "logs"] {
                    line.as_object_mut().unwrap().remove(growing);
                }
                line
            })
            .collect()
    };
    assert_eq!(essence(&cli.ok(&export)), essence(&with));
    let file = folder.path().join("mine.jsonl");
    fs::write(&file, with).unwrap();
    assert!(cli.ok(&format!("audit verify {} --key {key}", file.display())).contains("(live)"));
}

#[test]
fn a_watcher_sees_a_log_grow_and_alarms_when_it_is_rolled_back_or_forked() {
    let (folder, launch, server) = server();
    let cli = Cli::new(&launch.data);
    let key = grow(&cli, &server, 2);
    let state = folder.path().join("watch.json");
    let first = watch(&cli, &server.base_url, &key, &state);
    assert!(first.code == 0 && first.stdout.contains("remembered"), "{first:?}");
    server.terminate().unwrap();
    // A copy of the whole folder goes on with the same log on its own: two histories under one name.
    let copy = Folder::new().unwrap();
    fs::create_dir(copy.path().join("data")).unwrap();
    for file in fs::read_dir(&launch.data).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), copy.path().join("data").join(file.file_name())).unwrap();
    }
    let copied = Launch { data: copy.path().join("data"), ..Launch::sqlite(binary(), copy.path()) };

    let server = Server::start(&launch).unwrap();
    assert_eq!(grow(&cli, &server, 3), key, "a start goes on with the log");
    let grown = watch(&cli, &server.base_url, &key, &state);
    assert!(grown.code == 0 && grown.stdout.contains("begins with"), "{grown:?}");
    let remembered = fs::read(&state).unwrap();

    let other = Server::start(&copied).unwrap();
    watch(&cli, &other.base_url, &key, &state).refused(1, &["ALARM", "rolled back"]);
    grow(&Cli::new(&copied.data), &other, 8);
    watch(&cli, &other.base_url, &key, &state).refused(1, &["ALARM", "forked"]);
    assert_eq!(fs::read(&state).unwrap(), remembered, "an alarm leaves the state as it was");
    let said = watch(&cli, &server.base_url, &key, &state);
    assert_eq!(said.code, 0, "{said:?}");

    cli.ok("audit begin-log --reason 'a drill'");
    let new = grow(&cli, &server, 1);
    assert_ne!(new, key);
    watch(&cli, &server.base_url, &key, &state)
        .refused(1, &["ALARM", "not signed by this key", "claims to be of"]);
    watch(&cli, &server.base_url, &new, &state).refused(2, &["remembers a log with the key"]);
    watch(&cli, "http://127.0.0.1:1", &key, &state).refused(1, &["could not be asked"]);
}

#[test]
fn a_database_that_was_restored_from_a_backup_begins_a_new_log() {
    let (folder, launch, server) = server();
    let cli = Cli::new(&launch.data);
    let key = grow(&cli, &server, 2);
    server.terminate().unwrap();
    let (database, backup) = (launch.data.join("attestry.db"), folder.path().join("backup.db"));
    fs::copy(&database, &backup).unwrap();
    let server = Server::start(&launch).unwrap();
    assert_eq!(grow(&cli, &server, 2), key);
    server.terminate().unwrap();
    fs::copy(&backup, &database).unwrap();
    for rest in ["attestry.db-wal", "attestry.db-shm"] {
        drop(fs::remove_file(launch.data.join(rest)));
    }
    let server = Server::start(&launch).unwrap();
    let new = until("a new log", Duration::from_secs(30), || {
        Ok(Some(published(&server)).filter(|now| now.1 > 0 && now.0 != key))
    });
    let (new, _) = new.unwrap();
    let mut client = Client::new(&server.base_url);
    let known = client.send(&Request::get("/.well-known/attestry")).unwrap().json();
    let old = key.split_once('+').unwrap().0;
    let beginning = text(&known["audit"]["logs"][0], "beginning");
    assert!(beginning.contains(&format!("previous_origin {old}\n")), "{beginning}");
    assert!(beginning.contains("rows%20were%20signed"), "{beginning}");
    assert_eq!(grow(&cli, &server, 1), new);
}
