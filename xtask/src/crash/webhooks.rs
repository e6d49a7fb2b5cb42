//! Webhooks while sender or receiver is killed: every event is delivered at least once, and always under one id.
//!
//! An event is what an account that cannot pay tells once, so the accounts are the list of what must arrive.
//! The receiver is a process of its own, and writes down what it received, synced, before it answers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use clap::Args;
use it::Result;
use it::client::{Client, Request};
use it::folder::Folder;
use it::postgres::{Cluster, Durability, binaries};
use it::receiver::{self, Delivery};
use it::server::{Launch, Server, signal};
use it::wait;
use serde_json::{Value, json};

use super::account::Tally;
use super::killed::check_at_rest;
use super::random::Random;
use super::{Leg, let_pass};

/// Of one bulk call, and so of one transaction.
const ITEMS: usize = 100;
const ANSWER_LIMIT: Duration = Duration::from_secs(15);
const READY_LIMIT: Duration = Duration::from_secs(10);
/// A delivery that was cut off twice waits five minutes for its third attempt, and a fifth more.
const DELIVERED_LIMIT: Duration = Duration::from_secs(480);

#[derive(Debug, Args)]
pub(crate) struct ReceiverOptions {
    #[arg(long)]
    port: u16,
    /// Gets a line for each delivery: its id, its attempt's time and its account.
    #[arg(long)]
    file: PathBuf,
}

/// The receiver's process: answers 200 once a delivery is on disk, until it is killed.
pub(crate) fn receive(options: &ReceiverOptions) -> Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(&options.file)?;
    // The receiver before may have been cut off within a line.
    file.write_all(b"\n")?;
    let file = Mutex::new(file);
    receiver::listen(options.port, move |delivery| {
        let line = line_of(delivery);
        let mut file = file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if file.write_all(line.as_bytes()).and_then(|()| file.sync_data()).is_ok() { 200 } else { 500 }
    })?;
    loop {
        std::thread::park();
    }
}

fn line_of(delivery: &Delivery) -> String {
    let body: Value = serde_json::from_slice(&delivery.body).unwrap_or_default();
    let header = |name: &str| delivery.header(name).unwrap_or("-").to_owned();
    let account = body["data"]["accountId"].as_str().unwrap_or("-");
    format!("{} {} {account} .\n", header("webhook-id"), header("webhook-timestamp"))
}

/// # Errors
/// A violation, or the server does not start.
pub(crate) fn sqlite(binary: &Path, rounds: u32, events: usize, seed: u64) -> Result<Leg> {
    let folder = Folder::new()?;
    run(&Launch::sqlite(binary, folder.path()), folder.path(), rounds, events, seed)
}

/// # Errors
/// As [`sqlite`].
pub(crate) fn postgres(binary: &Path, rounds: u32, events: usize, seed: u64) -> Result<Leg> {
    if binaries().is_none() {
        crate::apt::install("postgresql")?;
    }
    let cluster = Cluster::create(&std::env::temp_dir(), Durability::Synced)?;
    let folder = Folder::new()?;
    let launch = Launch::postgres(binary, folder.path(), &cluster.admin_url());
    run(&launch, folder.path(), rounds, events, seed)
}

fn run(launch: &Launch, folder: &Path, rounds: u32, events: usize, seed: u64) -> Result<Leg> {
    let mut random = Random::new(seed);
    let mut server = Server::start(launch)?;
    let seeded = server.operator().seed(server.tenant(), events, 0, false)?;
    let mut receiving = Receiving::start(folder.join("received"))?;
    subscribe(&server, receiving.port)?;
    let mut tally = Tally::default();
    let share = seeded.tokens.len().div_ceil(rounds.max(1) as usize).max(1);
    for (round, tokens) in (1..).zip(seeded.tokens.chunks(share)) {
        // While the events come about, or while they leave.
        let within_ms = if random.below(2) == 0 { 80 } else { 1500 };
        let moment = Duration::from_millis(random.below(within_ms));
        let is_sender = random.below(3) > 0;
        let whom = if is_sender { "the server" } else { "the receiver" };
        println!(
            "round {round}: {whom} is killed after {} ms of {} events",
            moment.as_millis(),
            tokens.len()
        );
        let pid = if is_sender { server.pid } else { receiving.child.id() };
        let told = exhaust_until_killed(&server, tokens, moment, pid)?;
        if is_sender {
            server.kill()?;
            server = Server::start(launch)?;
        } else {
            receiving = receiving.again()?;
        }
        // What was told without an answer is told again: an account that told already stays silent.
        tell(&mut server.client(), &key(&server)?, tokens)?;
        tally.rounds = round;
        tally.acknowledged += told as u64;
        tally.unanswered += (tokens.len() - told) as u64;
        tally.retried += (tokens.len() - told) as u64;
    }
    let accounts: BTreeSet<&str> = seeded.account_ids.iter().map(String::as_str).collect();
    println!("waiting until each of {} events has arrived …", accounts.len());
    wait::until("every event to be delivered", DELIVERED_LIMIT, || {
        let received = receiving.received()?;
        Ok(accounts.iter().all(|account| received.contains_key(*account)).then_some(()))
    })?;
    tally.replayed = reconcile(&server, &receiving.received()?, &accounts)?;
    server.operator().ledger_check()?;
    server.terminate()?;
    check_at_rest(launch)?;
    Ok(Leg::Done(tally))
}

fn key(server: &Server) -> Result<String> {
    Ok(server.line["demo"]["quota"]["live"]["admin"].as_str().ok_or("no management key")?.to_owned())
}

fn platform_key(server: &Server) -> Result<&str> {
    server.line["demo"]["platform"]["live"].as_str().ok_or_else(|| "no platform key".into())
}

fn subscribe(server: &Server, port: u16) -> Result<()> {
    let body = json!({
        "url": format!("http://127.0.0.1:{port}/hook"), "service": "quota", "events": ["balance.exhausted"],
    });
    let request = Request::post("/platform/v1/webhooks").bearer(platform_key(server)?).json(&body);
    let answer = server.client().send(&request.header("Idempotency-Key", "crash-subscribe"))?;
    if answer.status == 201 { Ok(()) } else { Err(format!("no endpoint: {}", answer.text()).into()) }
}

/// Asks for points that the accounts do not have, until all were asked or the process `pid` is killed. How many accounts were
/// answered.
fn exhaust_until_killed(server: &Server, tokens: &[String], moment: Duration, pid: u32) -> Result<usize> {
    let key = key(server)?;
    std::thread::scope(|scope| {
        let telling = scope.spawn(|| {
            let mut client = Client::new(&server.base_url).with_timeout(ANSWER_LIMIT);
            let answered = tokens.chunks(ITEMS).take_while(|chunk| ask(&mut client, &key, chunk).is_ok());
            answered.map(<[String]>::len).sum()
        });
        let_pass(moment);
        signal(pid, "KILL")?;
        telling.join().map_err(|_| "a caller panicked".into())
    })
}

fn tell(client: &mut Client, key: &str, tokens: &[String]) -> Result<()> {
    tokens.chunks(ITEMS).try_for_each(|chunk| {
        wait::until("an answer to a retry", ANSWER_LIMIT, || Ok(ask(client, key, chunk).ok()))
    })
}

fn ask(client: &mut Client, key: &str, tokens: &[String]) -> Result<()> {
    let items: Vec<Value> = tokens.iter().map(|token| json!({ "token": token })).collect();
    let request = Request::post("/v1/tokens/verify").bearer(key).json(&json!({ "items": items }));
    let answer = client.send(&request)?;
    if answer.status == 200 { Ok(()) } else { Err(format!("{}: {}", answer.status, answer.text()).into()) }
}

/// The events of the list, each once, in a sequence without a gap, and each of them received under its one id. How
/// many deliveries came more than once.
fn reconcile(
    server: &Server,
    received: &BTreeMap<String, Vec<String>>,
    accounts: &BTreeSet<&str>,
) -> Result<u64> {
    let mut repeated = 0;
    for (account, ids) in received {
        let distinct: BTreeSet<&String> = ids.iter().collect();
        if !accounts.contains(account.as_str()) || distinct.len() != 1 {
            return Err(format!("{account} was delivered under {distinct:?}").into());
        }
        repeated += (ids.len() - 1) as u64;
    }
    let (mut after, mut listed) = (0, BTreeSet::new());
    loop {
        let path = format!("/platform/v1/events?limit=100&after={after}");
        let page = server.client().send(&Request::get(&path).bearer(platform_key(server)?))?.json();
        let events = page["data"].as_array().ok_or_else(|| format!("no events in {page}"))?;
        if events.is_empty() {
            break;
        }
        for event in events {
            after += 1;
            if event["seq"].as_i64() != Some(after) {
                return Err(format!("number {after} is missing before {event}").into());
            }
            let account = event["body"]["data"]["accountId"].as_str().unwrap_or_default().to_owned();
            if event["type"] == "balance.exhausted" && !listed.insert(account) {
                return Err(format!("told twice: {event}").into());
            }
        }
    }
    if listed.iter().map(String::as_str).eq(accounts.iter().copied()) {
        Ok(repeated)
    } else {
        Err(format!("{} events of {} accounts", listed.len(), accounts.len()).into())
    }
}

/// The receiver's process and what it wrote down.
struct Receiving {
    child: Child,
    port: u16,
    file: PathBuf,
}

impl Receiving {
    fn start(file: PathBuf) -> Result<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        File::create(&file)?;
        Ok(Self { child: receiver_process(port, &file)?, port, file })
    }

    /// After it was killed: the same port, and the same file.
    fn again(mut self) -> Result<Self> {
        drop(self.child.kill());
        self.child.wait()?;
        self.child = receiver_process(self.port, &self.file)?;
        Ok(self)
    }

    /// The ids under which each account's event came, one for each time that it did.
    fn received(&self) -> Result<BTreeMap<String, Vec<String>>> {
        let mut received: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let text = fs::read_to_string(&self.file)?;
        for line in text.lines() {
            // A line that was cut off was never answered.
            let words: Vec<&str> = line.split(' ').collect();
            if let [id, _, account, "."] = words[..] {
                received.entry(account.to_owned()).or_default().push(id.to_owned());
            }
        }
        Ok(received)
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn receiver_process(port: u16, file: &Path) -> Result<Child> {
    let child = Command::new(std::env::current_exe()?)
        .args(["receiver", "--port", &port.to_string(), "--file"])
        .arg(file)
        .stdin(Stdio::null())
        .spawn()?;
    wait::until("the receiver to listen", READY_LIMIT, || {
        Ok(std::net::TcpStream::connect(("127.0.0.1", port)).ok().map(drop))
    })?;
    Ok(child)
}
