//! Verifications while the server is killed: each that was answered stands, under its key, and was charged once.
//!
//! The slow scenario of the sandbox is always cut between its claim and its record: nothing may stay held.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use it::Result;
use it::client::{Client, Request, Response};
use it::folder::Folder;
use it::postgres::{Cluster, Durability, binaries};
use it::server::{Launch, Server, signal};
use it::wait;
use serde_json::{Value, json};

use super::account::Tally;
use super::killed::check_at_rest;
use super::random::Random;
use super::{Leg, let_pass};

const CALLERS: u64 = 8;
const SLOW: &str = "10000000008";
const ANSWER_LIMIT: Duration = Duration::from_secs(15);
const RECOVERY_LIMIT: Duration = Duration::from_secs(60);
/// A lease of a minute, a round of the sweeper, and some patience.
const LEASE_LIMIT: Duration = Duration::from_secs(150);
/// Acknowledged keys that are sent again after a crash.
const REPLAYS: usize = 10;

/// One verification, and its id once it was answered.
#[derive(Debug, Clone)]
struct Call {
    key: String,
    number: String,
    max_age_seconds: u64,
    answered: Option<String>,
}

/// # Errors
/// A violation, or the server does not start.
pub(crate) fn sqlite(binary: &Path, rounds: u32, seed: u64) -> Result<Leg> {
    let folder = Folder::new()?;
    run(&Launch::sqlite(binary, folder.path()), rounds, seed)
}

/// # Errors
/// As [`sqlite`].
pub(crate) fn postgres(binary: &Path, rounds: u32, seed: u64) -> Result<Leg> {
    if binaries().is_none() {
        crate::apt::install("postgresql")?;
    }
    let cluster = Cluster::create(&std::env::temp_dir(), Durability::Synced)?;
    let folder = Folder::new()?;
    run(&Launch::postgres(binary, folder.path(), &cluster.admin_url()), rounds, seed)
}

fn run(launch: &Launch, rounds: u32, seed: u64) -> Result<Leg> {
    let mut random = Random::new(seed);
    let mut server = Server::start(launch)?;
    let key = server.line["demo"]["citizen"]["test"].as_str().ok_or("no key of citizen")?.to_owned();
    let mut tally = Tally::default();
    let mut slow = None;
    for round in 1..=rounds {
        let moment = Duration::from_millis(50 + random.below(400));
        println!("round {round}: the server is killed after {} ms of verifications", moment.as_millis());
        let before = wallet(&server)?;
        let mut calls = load(&server, &key, &mut random, moment)?;
        server.kill()?;
        server = Server::start(launch)?;
        settle(&server, &key, &mut calls, &mut tally, before.balance)
            .map_err(|error| format!("round {round}: {error}"))?;
        slow = calls.into_iter().find(|call| call.number == SLOW).or(slow);
        tally.rounds = round;
    }
    if let Some(call) = &slow {
        take_over(&server, &key, call)?;
    }
    wait::until("what was held to be free again", LEASE_LIMIT, || {
        Ok((wallet(&server)?.held == 0).then_some(()))
    })?;
    server.operator().ledger_check()?;
    server.terminate()?;
    check_at_rest(launch)?;
    Ok(Leg::Done(tally))
}

/// Verifies with all callers until the server is killed.
fn load(server: &Server, key: &str, random: &mut Random, moment: Duration) -> Result<Vec<Call>> {
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|number| {
                let mut random = random.fork();
                let client = Client::new(&server.base_url).with_timeout(ANSWER_LIMIT);
                scope.spawn(move || call_until_cut_off(client, key, &mut random, number == 0))
            })
            .collect();
        let_pass(moment);
        signal(server.pid, "KILL")?;
        let mut calls = Vec::new();
        for caller in callers {
            calls.extend(caller.join().map_err(|_| "a caller panicked")??);
        }
        Ok(calls)
    })
}

fn call_until_cut_off(
    mut client: Client,
    key: &str,
    random: &mut Random,
    is_slow: bool,
) -> Result<Vec<Call>> {
    let mut calls = Vec::new();
    loop {
        let mut call = next_call(random, is_slow);
        let answer = client.send(&request(key, &call));
        if let Ok(response) = &answer {
            call.answered = id_of(response)?;
        }
        calls.push(call);
        if answer.is_err() {
            return Ok(calls);
        }
    }
}

fn next_call(random: &mut Random, is_slow: bool) -> Call {
    let number = match random.below(4) {
        _ if is_slow => SLOW.to_owned(),
        0 => "10000000001".to_owned(),
        1 => "10000000002".to_owned(),
        _ => format!("7{:010}", random.below(1_000_000)),
    };
    let key = format!("crash-{:016x}", random.below(u64::MAX));
    let max_age_seconds = if is_slow { 0 } else { random.below(2) * 86_400 };
    Call { key, number, max_age_seconds, answered: None }
}

/// The key is the reference, too, by which the verification is found again.
fn request(key: &str, call: &Call) -> Request {
    let question = json!({
        "nationalId": call.number, "reference": call.key, "maxAgeSeconds": call.max_age_seconds,
    });
    Request::post("/api/v1/verify/citizen").bearer(key).header("Idempotency-Key", &call.key).json(&question)
}

/// `None` where only a retry can tell.
fn id_of(response: &Response) -> Result<Option<String>> {
    let body = response.json();
    match response.status {
        200 => Ok(body["data"]["id"].as_str().map(str::to_owned)),
        503 => Ok(None),
        409 if body["code"] == "REQUEST_IN_PROGRESS" => Ok(None),
        status => Err(format!("an answer that must not be: {status} {body}").into()),
    }
}

/// Retries what has no answer, then looks for one row of each call, and for what all of them cost in the wallet.
fn settle(server: &Server, key: &str, calls: &mut [Call], tally: &mut Tally, balance: i64) -> Result<()> {
    let mut client = server.client();
    let mut spent = 0;
    for call in calls.iter_mut() {
        let was_answered = call.answered.is_some();
        tally.acknowledged += u64::from(was_answered);
        tally.unanswered += u64::from(!was_answered);
        // Its key stays at work until its lease has run out.
        if call.number == SLOW {
            continue;
        }
        if !was_answered {
            call.answered = Some(retry(&mut client, key, call)?);
            tally.retried += 1;
        }
        spent += only_row(&mut client, key, call)?;
    }
    let after = wallet(server)?;
    if balance - after.balance != spent {
        return Err(format!("{} credits are gone for rows of {spent}", balance - after.balance).into());
    }
    for call in calls.iter().filter(|call| call.answered.is_some()).take(REPLAYS) {
        replay(&mut client, key, call)?;
        tally.replayed += 1;
    }
    if wallet(server)?.balance != after.balance {
        return Err("a replay was charged".into());
    }
    server.operator().ledger_check().map(drop)
}

fn retry(client: &mut Client, key: &str, call: &Call) -> Result<String> {
    wait::until("an answer to a retry", RECOVERY_LIMIT, || {
        client.send(&request(key, call)).map_or(Ok(None), |response| id_of(&response))
    })
}

fn replay(client: &mut Client, key: &str, call: &Call) -> Result<()> {
    let response = client.send(&request(key, call))?;
    if id_of(&response)? == call.answered && response.header("idempotent-replay") == Some("true") {
        return Ok(());
    }
    Err(format!("{} was answered with {:?} and now with {}", call.key, call.answered, response.text()).into())
}

/// What the one verification of a call cost.
fn only_row(client: &mut Client, key: &str, call: &Call) -> Result<i64> {
    let ask = Request::get(&format!("/api/v1/verifications?reference={}", call.key)).bearer(key);
    let listed = client.send(&ask)?.json();
    let rows: BTreeMap<&str, &Value> = listed["data"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|row| Some((row["id"].as_str()?, row)))
        .collect();
    match rows.iter().next() {
        Some((id, row)) if rows.len() == 1 && call.answered.as_deref() == Some(id) => {
            row["creditsUsed"].as_i64().ok_or_else(|| format!("no credits in {row}").into())
        }
        _ => Err(format!("{} was answered with {:?} and left {listed}", call.key, call.answered).into()),
    }
}

/// A retry after the lease has run out does the work anew, under the same key.
fn take_over(server: &Server, key: &str, call: &Call) -> Result<()> {
    let mut client = server.client();
    let before = wallet(server)?.balance;
    let id = wait::until("a cut verification to be taken over", LEASE_LIMIT, || {
        client.send(&request(key, call)).map_or(Ok(None), |response| id_of(&response))
    })?;
    let spent = only_row(&mut client, key, &Call { answered: Some(id), ..call.clone() })?;
    if before - wallet(server)?.balance == spent && spent == 1 {
        Ok(())
    } else {
        Err("it was charged otherwise".into())
    }
}

struct Wallet {
    balance: i64,
    held: i64,
}

fn wallet(server: &Server) -> Result<Wallet> {
    let path = format!("/operator/v1/wallet?tenantId={}&environment=test", server.tenant());
    let shown = server.operator().get(&path)?;
    let integer = |name: &str| shown[name].as_i64().ok_or_else(|| format!("no {name} in {shown}"));
    Ok(Wallet { balance: integer("balance")?, held: integer("held")? })
}
