//! Product codes minted, scanned and exported while the server is killed; on PostgreSQL the database is killed, too.
//!
//! A key is one batch or none, the wallet has paid for the batches and nothing else, serial numbers have no gap and no
//! overlap, what was cut off in a download is the rest of the same bytes, and a scan that was acknowledged is counted.

mod books;
mod callers;
mod export;
mod mint;

use std::path::Path;
use std::time::Duration;

use it::Result;
use it::folder::Folder;
use it::postgres::{Cluster, Durability, binaries};
use it::server::{Launch, Server, signal};
use serde_json::json;

use self::books::Books;
use self::callers::{Seen, under_load};
use super::killed::check_at_rest;
use super::load::WhenCutOff;
use super::random::Random;
use super::{Leg, let_pass};

/// What the wallet has at the beginning of each round.
const CREDITS: i64 = 5_000_000;
/// Enough mints after a recovery to say that it is one.
const MINTS_AFTER_RECOVERY: u64 = 10;

/// # Errors
/// A violation, or the server does not start.
pub(crate) fn sqlite(binary: &Path, rounds: u32, seed: u64) -> Result<Leg> {
    let folder = Folder::new()?;
    run(&Launch::sqlite(binary, folder.path()), rounds, seed, None)
}

/// # Errors
/// As [`sqlite`].
pub(crate) fn postgres(binary: &Path, rounds: u32, seed: u64) -> Result<Leg> {
    if binaries().is_none() {
        crate::apt::install("postgresql")?;
    }
    let mut cluster = Cluster::create(&std::env::temp_dir(), Durability::Synced)?;
    let folder = Folder::new()?;
    let launch = Launch::postgres(binary, folder.path(), &cluster.admin_url());
    run(&launch, rounds, seed, Some(&mut cluster))
}

fn run(launch: &Launch, rounds: u32, seed: u64, mut cluster: Option<&mut Cluster>) -> Result<Leg> {
    let mut random = Random::new(seed);
    let mut server = Server::start(launch)?;
    let mut books = Books::open(&server)?;
    for round in 1..=rounds {
        fill_wallet(&server, &books, round)?;
        let moment = Duration::from_millis(50 + random.below(400));
        let seen = match cluster.as_deref_mut().filter(|_| round % 2 == 0) {
            Some(cluster) => {
                println!("round {round}: the database is killed after {} ms of mints", moment.as_millis());
                while_database_dies(&server, &books, &mut random, moment, cluster)?
            }
            None => {
                println!("round {round}: the server is killed after {} ms of mints", moment.as_millis());
                let seen = until_server_dies(&server, &books, &mut random, moment)?;
                server.kill()?;
                server = Server::start(launch)?;
                seen
            }
        };
        books.settle(&server, seen).map_err(|error| format!("round {round}: {error}"))?;
        books.tally.rounds = round;
    }
    books.check_ready(&server)?;
    println!("{}", books.summary());
    server.operator().ledger_check()?;
    server.terminate()?;
    check_at_rest(launch)?;
    Ok(Leg::Done(books.tally))
}

fn until_server_dies(
    server: &Server,
    books: &Books,
    random: &mut Random,
    moment: Duration,
) -> Result<Vec<Seen>> {
    let kill = |_: &_| {
        let_pass(moment);
        signal(server.pid, "KILL")
    };
    Ok(under_load(&server.base_url, books, random, WhenCutOff::Stop, kill)?.0)
}

fn while_database_dies(
    server: &Server,
    books: &Books,
    random: &mut Random,
    moment: Duration,
    cluster: &mut Cluster,
) -> Result<Vec<Seen>> {
    let (seen, ()) = under_load(&server.base_url, books, random, WhenCutOff::GoOn, |control| {
        let_pass(moment);
        cluster.kill()?;
        control.wait_for("a 503 while the database is away", &control.unavailable, 1)?;
        cluster.start()?;
        control.wait_for("the server to recover", &control.charged, MINTS_AFTER_RECOVERY)
    })?;
    Ok(seen)
}

/// Pays in what the round before has spent.
fn fill_wallet(server: &Server, books: &Books, round: u32) -> Result<()> {
    let missing = CREDITS - books.balance(server)?;
    if missing == 0 {
        return Ok(());
    }
    let reference = format!("round {round}");
    let body = json!({
        "tenantId": server.tenant(), "environment": "live", "amount": missing, "reference": reference,
    });
    server.operator().post_once("/operator/v1/credits", &reference, &body).map(drop)
}
