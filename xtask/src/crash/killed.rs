//! The server is killed under load and started again on the same data; on PostgreSQL the database is killed too.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use it::Result;
use it::folder::Folder;
use it::postgres::{Cluster, Durability, binaries};
use it::server::{Launch, Server, signal};

use super::load::{WhenCutOff, open_books, settle, under_load};
use super::random::Random;
use super::{Leg, let_pass};

/// Enough answers after a recovery to say that it is one.
const ANSWERS_AFTER_RECOVERY: u64 = 50;

/// # Errors
/// A violation, or the server does not start.
pub(crate) fn sqlite(binary: &Path, rounds: u32, seed: u64) -> Result<Leg> {
    let folder = Folder::new()?;
    let launch = Launch::sqlite(binary, folder.path());
    run(&launch, rounds, seed, None)
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
    let mut books = open_books(&server)?;
    for round in 1..=rounds {
        let moment = Duration::from_millis(10 + random.below(400));
        let calls = match cluster.as_deref_mut().filter(|_| round % 2 == 0) {
            Some(cluster) => {
                println!("round {round}: the database is killed after {} ms", moment.as_millis());
                under_load(&server.base_url, &books, &mut random, WhenCutOff::GoOn, |control| {
                    let_pass(moment);
                    cluster.kill()?;
                    control.wait_for("a 503 while the database is away", &control.unavailable, 1)?;
                    cluster.start()?;
                    control.wait_for("the server to recover", &control.charged, ANSWERS_AFTER_RECOVERY)
                })?
                .0
            }
            None => {
                println!("round {round}: the server is killed after {} ms", moment.as_millis());
                let pid = server.pid;
                let (calls, ()) =
                    under_load(&server.base_url, &books, &mut random, WhenCutOff::Stop, |_| {
                        let_pass(moment);
                        signal(pid, "KILL")
                    })?;
                server.kill()?;
                server = Server::start(launch)?;
                calls
            }
        };
        settle(&server, &mut books, calls).map_err(|error| format!("round {round}: {error}"))?;
        books.tally.rounds = round;
    }
    server.terminate()?;
    check_at_rest(launch)?;
    Ok(Leg::Done(books.tally))
}

/// The proof by command line, with no server running.
pub(crate) fn check_at_rest(launch: &Launch) -> Result<()> {
    let mut command = Command::new(&launch.binary);
    command.args(["ledger", "check", "--json", "--data"]).arg(&launch.data);
    if let Some(url) = &launch.database {
        command.args(["--database", url]);
    }
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    Err(format!("`attestry ledger check` ended with {}: {said}", output.status).into())
}
