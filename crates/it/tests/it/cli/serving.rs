//! A server's first and last moments.

use std::fs;
use std::io::{BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::Duration;

use it::client::{Client, Request, read_response};
use it::folder::Folder;
use it::server::signal;
use it::{postgres, wait};

use super::{Cli, Said, server, text};

const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn with_secrets_from_the_environment_a_server_makes_the_folder_for_its_address() {
    let Some(database) = postgres::for_test() else { return };
    let folder = Folder::new().unwrap();
    let elsewhere = folder.path().join("elsewhere");
    Cli::new(&elsewhere).json("migrate");
    let secrets = fs::read_to_string(elsewhere.join("secrets.toml")).unwrap();
    let data = folder.path().join("deep").join("data");
    let cli = Cli::new(&data);
    let command = |line: &str| {
        let mut command = cli.command(line);
        command.args(["--database", &database.url()]).env("ATTESTRY_SECRETS", &secrets);
        command
    };
    let log = folder.path().join("serve.log");
    let mut serving = command("serve --listen 127.0.0.1:0 --operator-listen 127.0.0.1:0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let started = wait::until("the server to serve", LIMIT, || {
        let said = fs::read_to_string(&log)?;
        assert!(serving.try_wait()?.is_none(), "{said}");
        Ok(said.contains("serving").then_some(()))
    });
    started.unwrap();
    assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(data.join("operator.address").exists() && !data.join("secrets.toml").exists());
    let said = Said::of(&command("doctor").output().unwrap());
    assert_eq!(said.code, 0, "{said:?}");
    signal(serving.id(), "TERM").unwrap();
    let ended = wait::until("it to stop", LIMIT, || Ok(serving.try_wait()?)).unwrap();
    assert!(ended.success(), "{ended}");
}

#[test]
fn a_stop_is_seen_at_ready_while_a_call_under_way_is_still_answered() {
    let (_folder, _launch, server) = server();
    let token = text(&server.line["demo"]["quota"]["live"], "token");
    let mut call = server.client().connect().unwrap();
    let head = format!(
        "POST /v1/verify HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    );
    call.write_all(head.as_bytes()).unwrap();
    let mut go_on = [0; 25];
    call.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n", "the server waits for the body");

    signal(server.pid, "TERM").unwrap();
    let ready = || Client::new(&server.admin_url).send(&Request::get("/ready"));
    let answer = wait::until("a stop", LIMIT, || Ok(Some(ready()?).filter(|answer| answer.status != 200)));
    let answer = answer.unwrap();
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["reasons"], serde_json::json!(["shutting down"]));
    assert!(answer.header("retry-after").is_some());
    wait::until("the public listener to close", LIMIT, || Ok(server.client().connect().err())).unwrap();

    call.write_all(b"{}").unwrap();
    let answer = read_response(&mut BufReader::new(call), true).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(server.terminate().unwrap().success());
}

#[test]
fn the_tour_of_dev_shows_every_service_and_what_its_own_calls_came_to() {
    let database = postgres::for_test();
    let databases = [None, database.as_ref().map(it::postgres::Database::url)];
    for database in
        databases.into_iter().enumerate().filter_map(|(at, url)| (at == 0 || url.is_some()).then_some(url))
    {
        let folder = Folder::new().unwrap();
        let (said, log) = (folder.path().join("tour.txt"), folder.path().join("tour.log"));
        let mut command = Cli::new(&folder.path().join("data")).command("dev --port 0");
        command.args(database.iter().flat_map(|url| ["--database", url]));
        let (stdout, stderr) = (fs::File::create(&said).unwrap(), fs::File::create(&log).unwrap());
        let mut serving = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().unwrap();
        let tour = wait::until("the end of the tour", LIMIT, || {
            let tour = fs::read_to_string(&said)?;
            assert!(serving.try_wait()?.is_none(), "{tour}{}", fs::read_to_string(&log)?);
            Ok(tour.contains("Stop with Ctrl-C").then_some(tour))
        });
        signal(serving.id(), "TERM").unwrap();
        let tour = tour.unwrap();
        assert!(tour.contains("webhook create --tenant") && tour.contains("nc -l 9000"), "{tour}");
        let answer = |path: &str| {
            let stop = tour
                .split("\n  curl ")
                .find(|stop| stop.contains(path))
                .unwrap_or_else(|| panic!("{path}: {tour}"));
            let lines: Vec<&str> = stop.lines().map(str::trim).collect();
            lines
                .into_iter()
                .find(|line| line.as_bytes().first().is_some_and(u8::is_ascii_digit))
                .unwrap()
                .to_owned()
        };
        for path in
            ["/v1/verify'", "/v1/tokens/verify'", "/api/v1/verify/citizen'", "/operator/v1/ledger/check'"]
        {
            assert!(answer(path).starts_with("200 "), "{path}: {tour}");
        }
        let usage = answer("/platform/v1/usage");
        for counted in
            ["200 ", r#""service":"quota","outcome":"passed""#, r#""service":"citizen","outcome":"verified""#]
        {
            assert!(usage.contains(counted), "{usage}");
        }
        assert!(wait::until("it to stop", LIMIT, || Ok(serving.try_wait()?)).unwrap().success());
    }
}
