//! Folders, secrets, servers and workers.

use std::fs::{self, File};
use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use it::client::Request;
use it::folder::Folder;
use it::server::{Launch, Server, binary, signal};
use it::{postgres, wait};

use super::{Cli, Said, server, text, verify};

const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn migrate_makes_an_installation_and_shows_what_was_applied() {
    let folder = Folder::new().unwrap();
    let cli = Cli::new(&folder.path().join("new"));
    let applied = cli.json("migrate");
    assert_eq!((&applied["data"][0]["version"], &applied["data"][0]["name"]), (&1.into(), &"kernel".into()));
    assert!(cli.ok("migrate").contains("up to date"));
    assert!(cli.ok("tenant list").contains("attestry tenant create"), "an empty list says what to do next");
}

#[test]
fn a_folder_without_an_installation_is_left_alone() {
    let folder = Folder::new().unwrap();
    let data = folder.path().join("mistyped");
    let cli = Cli::new(&data);
    for line in ["tenant list", "ledger check", "secrets path", "secrets rotate", "secrets operator-token"] {
        cli.run(line).refused(2, &["mistyped", "--data DIR", "attestry migrate"]);
    }
    assert!(!data.exists());
}

#[test]
fn a_second_server_on_a_folder_is_refused_and_the_first_goes_on() {
    let (_folder, launch, server) = server();
    let cli = Cli::new(&launch.data);
    for line in ["serve --listen 127.0.0.1:0 --operator-listen 127.0.0.1:0", "dev --json --port 0"] {
        let said = cli.run(line).refused(1, &["is in use by a running Attestry server", "stop it first"]);
        assert_eq!(said.stdout, "");
    }
    let token = text(&server.line["demo"]["quota"]["live"], "token");
    assert_eq!(verify(&server, &token).status, 200);
}

#[test]
fn a_port_that_is_taken_is_named_with_the_option_that_chooses_another() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let folder = Folder::new().unwrap();
    let cli = Cli::new(&folder.path().join("data"));
    let what = format!("Port {port} on 127.0.0.1 is taken");
    cli.run(&format!("dev --port {port}")).refused(1, &[&what, "--port "]);
    let free = "--listen 127.0.0.1:0 --operator-listen 127.0.0.1:0";
    let other =
        |option: &str| free.replace(&format!("{option} 127.0.0.1:0"), &format!("{option} 127.0.0.1:{port}"));
    cli.run(&format!("serve {}", other("--listen"))).refused(1, &[&what, "--listen 127.0.0.1:"]);
    cli.run(&format!("serve {}", other("--operator-listen")))
        .refused(1, &[&what, "--operator-listen 127.0.0.1:"]);
    cli.run(&format!("serve {free} --metrics-listen 127.0.0.1:{port}"))
        .refused(1, &[&what, "--metrics-listen 127.0.0.1:"]);
}

#[test]
fn a_log_that_is_no_terminal_has_no_colours() {
    let (_folder, launch, server) = server();
    server.terminate().unwrap();
    let log = fs::read_to_string(&launch.log).unwrap();
    assert!(log.contains("migrated") && !log.contains('\u{1b}'), "{log}");
}

#[test]
fn the_pepper_is_rotated_without_losing_a_key() {
    let (_folder, launch, server) = server();
    let cli = Cli::new(&launch.data);
    let token = text(&server.line["demo"]["quota"]["live"], "token");
    assert_eq!(cli.ok("secrets operator-token").trim(), server.operator_token);
    let file = cli.ok("secrets path").trim().to_owned();
    let before = fs::read_to_string(&file).unwrap();

    let rotated = cli.json("secrets rotate");
    assert_eq!((&rotated["version"], &rotated["path"]), (&2.into(), &file.as_str().into()));
    assert!(
        before.lines().all(|line| fs::read_to_string(&file).unwrap().contains(line)),
        "nothing is taken away"
    );
    cli.run("secrets activate 2 --as dora").refused(1, &["does not hold version 2", "restart the server"]);
    assert_eq!(cli.json("doctor")["pepperVersion"], 1);

    server.terminate().unwrap();
    let server = Server::start(&launch).unwrap();
    cli.ok("secrets activate 2 --as dora");
    assert_eq!(cli.json("doctor")["pepperVersion"], 2);
    cli.run("secrets activate 1").refused(1, &["no way back"]);
    assert_eq!(verify(&server, &token).status, 200, "a token made with the first pepper still passes");

    let audit = cli.json("audit list");
    let is_activation = |row: &&serde_json::Value| row["action"] == "platform.secret.activate";
    let rows: Vec<_> = audit["data"].as_array().unwrap().iter().filter(is_activation).collect();
    assert_eq!(rows.len(), 1, "refusals change nothing: {audit}");
    assert_eq!(
        (&rows[0]["action"], &rows[0]["actorId"]),
        (&"platform.secret.activate".into(), &"dora".into())
    );

    server.terminate().unwrap();
    let server = Server::start(&launch).unwrap();
    assert_eq!(cli.json("doctor")["pepperVersion"], 2, "the activation outlives the process");
    assert_eq!(verify(&server, &token).status, 200);
}

#[test]
fn documents_are_printed_without_a_folder_and_as_they_are_served() {
    let folder = Folder::new().unwrap();
    let nowhere = Cli::new(&folder.path().join("nowhere"));
    let listed = nowhere.json("openapi");
    let (_other, _launch, server) = server();
    for document in listed["documents"].as_array().unwrap() {
        let service = text(document, "service");
        let printed = nowhere.ok(&format!("openapi {service} --json"));
        let mut client =
            if service == "operator" { it::client::Client::new(&server.admin_url) } else { server.client() };
        let served = client.send(&Request::get(&text(document, "url"))).unwrap();
        assert_eq!(printed.trim_end(), served.text(), "{service}");
    }
    nowhere.run("openapi nothing").refused(2, &["must be one of", "quota"]);
    assert!(!folder.path().join("nowhere").exists());
}

#[test]
fn a_worker_needs_postgresql_and_says_why() {
    let folder = Folder::new().unwrap();
    let cli = Cli::new(&folder.path().join("data"));
    cli.run("worker").refused(2, &["needs --database", "attestry serve"]);
    assert!(!folder.path().join("data").exists());
}

#[test]
fn a_worker_works_beside_a_server_without_workers() {
    let Some(database) = postgres::for_test() else { return };
    let folder = Folder::new().unwrap();
    let launch = Launch::postgres(binary(), folder.path(), &database.url());
    let cli = Cli::new(&launch.data);
    let start = |line: &str, name: &str| {
        let log = folder.path().join(name);
        let mut command = cli.command(line);
        command.args(["--database", &database.url()]).stdin(Stdio::null()).stdout(Stdio::null());
        (command.stderr(File::create(&log).unwrap()).spawn().unwrap(), log)
    };
    let (mut serving, serving_log) =
        start("serve --no-workers --listen 127.0.0.1:0 --operator-listen 127.0.0.1:0", "serve.log");
    until_logged(&serving_log, "serving");
    let (mut working, working_log) = start("worker --metrics-listen 127.0.0.1:0", "worker.log");
    until_logged(&working_log, "working");
    assert!(cli.ok(&format!("doctor --database {}", database.url())).contains("Everything is in order."));
    for child in [&mut working, &mut serving] {
        signal(child.id(), "TERM").unwrap();
        let ended = wait::until("it to stop", LIMIT, || Ok(child.try_wait()?)).unwrap();
        assert!(ended.success(), "{ended}");
    }
}

fn until_logged(log: &std::path::Path, word: &str) {
    wait::until(word, LIMIT, || Ok(fs::read_to_string(log)?.contains(word).then_some(()))).unwrap();
}

#[test]
fn an_output_that_nobody_reads_is_no_failure() {
    let (_folder, launch, _server) = server();
    let mut command = Cli::new(&launch.data).command("openapi operator");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let said = Said::of(&child.wait_with_output().unwrap());
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
}
