//! Under `strace`: no answer leaves before what covers its charge is over.
//!
//! On SQLite that is the server's own sync of a file in its data folder.
//! On PostgreSQL it is the database's word that the COMMIT is done, which it gives after its own sync
//! (`synchronous_commit` and `fsync` are on in the cluster of this run).
//! A SIGKILL loses nothing that the kernel already has, so a server that never syncs would pass every other leg.

use std::fs;
use std::path::Path;

use it::Result;
use it::client::Request;
use it::folder::Folder;
use it::postgres::{Cluster, Durability, binaries};
use it::server::{Launch, Server};
use serde_json::json;

use super::Leg;
use super::account::Tally;

const CHARGES: usize = 40;
const CALLS: &str = "trace=read,recvfrom,recvmsg,write,writev,sendto,sendmsg,fsync,fdatasync";

/// What must lie between a request and its answer.
#[derive(Debug, Clone)]
enum Cover {
    /// A finished sync of a file in this folder.
    SyncIn(String),
    /// A finished COMMIT.
    Commit,
}

/// # Errors
/// A violation, or the server does not start.
pub(crate) fn sqlite(binary: &Path) -> Result<Leg> {
    let folder = Folder::new()?;
    let launch = Launch::sqlite(binary, folder.path());
    let data = folder.path().canonicalize()?.join("data");
    run(launch, folder.path(), &Cover::SyncIn(data.display().to_string()))
}

/// # Errors
/// As [`sqlite`].
pub(crate) fn postgres(binary: &Path) -> Result<Leg> {
    if binaries().is_none() {
        crate::apt::install("postgresql")?;
    }
    let cluster = Cluster::create(&std::env::temp_dir(), Durability::Synced)?;
    let folder = Folder::new()?;
    run(Launch::postgres(binary, folder.path(), &cluster.admin_url()), folder.path(), &Cover::Commit)
}

fn run(mut launch: Launch, folder: &Path, cover: &Cover) -> Result<Leg> {
    if !crate::apt::has("strace")
        && let Err(error) = crate::apt::install("strace")
    {
        return Ok(Leg::Skipped(error.to_string()));
    }
    let output = folder.join("trace");
    let words = ["strace", "-f", "-y", "-s", "512", "-e", CALLS, "-o"];
    launch.wrapper = words.iter().map(|word| (*word).to_owned()).collect();
    launch.wrapper.push(output.display().to_string());
    let server = Server::start(&launch)?;
    let seeded = server.operator().seed(server.tenant(), 1, 1_000_000, false)?;
    let key = server.line["demo"]["quota"]["live"]["admin"].as_str().ok_or("no management key")?;
    let mut client = server.client();
    for number in 0..CHARGES {
        let response = client.send(&charge(number, &seeded.tokens[0], key))?;
        if response.status != 200 {
            return Err(format!("charge {number}: {} {}", response.status, response.text()).into());
        }
    }
    server.terminate()?;
    check(&fs::read_to_string(output)?, CHARGES, cover)?;
    Ok(Leg::Done(Tally { rounds: 1, acknowledged: CHARGES as u64, ..Tally::default() }))
}

/// A single call, and every other time a bulk call of two items.
fn charge(number: usize, token: &str, management_key: &str) -> Request {
    if number.is_multiple_of(2) {
        return Request::post("/v1/verify").header("X-Charge", &mark(number)).bearer(token);
    }
    let items = vec![json!({ "token": token }); 2];
    let request = Request::post("/v1/tokens/verify").header("X-Charge", &mark(number)).bearer(management_key);
    request.json(&json!({ "items": items }))
}

fn mark(number: usize) -> String {
    format!("charge-{number:06}")
}

/// Walks the trace of sequential charges: request read, its cover over, answer written.
///
/// A call that another thread interrupts stands on two lines. A sync counts where it is over, a write where it
/// begins, so what this accepts did happen in that order.
///
/// # Errors
/// An answer that left too early, or a trace that shows fewer charges than there were.
fn check(trace: &str, charges: usize, cover: &Cover) -> Result<()> {
    let mut covers = Covers { cover, syncing: Vec::new() };
    let mut charge = 0;
    let mut read = false;
    let mut covered = false;
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        if is_read(call) && call.contains(&mark(charge)) {
            read = true;
            covered = false;
            // A sync that began before the request was read covers something earlier.
            covers.syncing.clear();
        } else if covers.is_over(thread, call) {
            covered = read;
        } else if read && is_write(call) && call.contains("\"HTTP/1.1 200 ") {
            if !covered {
                return Err(
                    format!("the answer to charge {charge} left before it was durable: {line}").into()
                );
            }
            read = false;
            charge += 1;
        }
    }
    if charge == charges {
        Ok(())
    } else {
        Err(format!("the trace shows {charge} of {charges} charges").into())
    }
}

/// Follows the covering calls over the lines of a trace.
struct Covers<'a> {
    cover: &'a Cover,
    /// Threads within a sync of ours.
    syncing: Vec<&'a str>,
}

impl<'a> Covers<'a> {
    /// Whether a cover is over with this line.
    fn is_over(&mut self, thread: &'a str, call: &str) -> bool {
        match self.cover {
            // The tag of the command that is complete, as the protocol of PostgreSQL writes it.
            Cover::Commit => is_read(call) && call.contains("COMMIT\\0"),
            Cover::SyncIn(data) => {
                let ours = is_sync(call) && call.contains(data.as_str());
                if ours && call.ends_with("<unfinished ...>") {
                    self.syncing.push(thread);
                    return false;
                }
                let resumed = is_sync_resumed(call) && self.syncing.contains(&thread);
                if resumed {
                    self.syncing.retain(|known| *known != thread);
                }
                (ours || resumed) && succeeded(call)
            }
        }
    }
}

fn is_sync(call: &str) -> bool {
    call.starts_with("fdatasync(") || call.starts_with("fsync(")
}

fn is_sync_resumed(call: &str) -> bool {
    call.starts_with("<... fdatasync resumed>") || call.starts_with("<... fsync resumed>")
}

fn succeeded(call: &str) -> bool {
    call.trim_end().ends_with("= 0")
}

fn is_read(call: &str) -> bool {
    ["read", "recvfrom", "recvmsg"].iter().any(|name| {
        call.starts_with(&format!("{name}(")) || call.starts_with(&format!("<... {name} resumed>"))
    })
}

fn is_write(call: &str) -> bool {
    ["write(", "writev(", "sendto(", "sendmsg("].iter().any(|name| call.starts_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: &str = "7 recvfrom(9<socket:[1]>, \"POST /v1/verify HTTP/1.1\\r\\nX-Charge: charge-000000\\r\\n\", 8192, 0, NULL, NULL) = 60\n";
    const SYNC: &str = "8 fdatasync(5</d/data/attestry.db-wal>) = 0\n";
    const SYNC_BEGINS: &str = "8 fdatasync(5</d/data/attestry.db-wal> <unfinished ...>\n";
    const SYNC_OVER: &str = "8 <... fdatasync resumed>)     = 0\n";
    const WRITE: &str =
        "7 sendto(9<socket:[1]>, \"HTTP/1.1 200 OK\\r\\n\", 120, MSG_NOSIGNAL, NULL, 0) = 120\n";

    fn passes(lines: &[&str]) -> bool {
        check(&lines.concat(), 1, &Cover::SyncIn("/d/data".into())).is_ok()
    }

    #[test]
    fn on_postgres_the_word_of_the_database_covers_a_charge() {
        let commit = "8 recvfrom(5<UNIX-STREAM:[2]>, \"C\\0\\0\\0\\vCOMMIT\\0Z\\0\\0\\0\\5I\", 8192, 0, NULL, NULL) = 18\n";
        let check = |lines: &[&str]| check(&lines.concat(), 1, &Cover::Commit).is_ok();
        assert!(check(&[READ, commit, WRITE]));
        assert!(!check(&[READ, SYNC, WRITE]));
        assert!(!check(&[commit, READ, WRITE, commit]));
    }

    #[test]
    fn an_answer_after_its_sync_passes() {
        assert!(passes(&[READ, SYNC, WRITE]));
        assert!(passes(&[READ, SYNC_BEGINS, SYNC_OVER, WRITE]));
    }

    #[test]
    fn an_answer_without_or_before_its_sync_is_a_violation() {
        assert!(!passes(&[READ, WRITE]));
        assert!(!passes(&[SYNC, READ, WRITE]));
        assert!(!passes(&[READ, WRITE, SYNC]));
        assert!(!passes(&[READ, SYNC_BEGINS, WRITE, SYNC_OVER]));
    }

    #[test]
    fn a_sync_that_began_before_the_request_or_failed_or_is_of_another_file_does_not_count() {
        assert!(!passes(&[SYNC_BEGINS, READ, SYNC_OVER, WRITE]));
        assert!(!passes(&[
            READ,
            "8 fdatasync(5</d/data/attestry.db-wal>) = -1 EIO (Input/output error)\n",
            WRITE
        ]));
        assert!(!passes(&[READ, "8 fdatasync(5</elsewhere/log>) = 0\n", WRITE]));
    }

    #[test]
    fn a_trace_with_too_few_charges_is_no_proof() {
        assert!(!passes(&[]));
        assert!(!passes(&[READ, SYNC]));
    }
}
