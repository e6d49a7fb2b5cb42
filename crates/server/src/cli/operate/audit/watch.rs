//! Whether a log that somebody else keeps just grew since the last look.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use base::Fault;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use seal::checkpoint::Checkpoint;
use seal::merkle::{Hash, is_consistent};
use seal::note::{self, VerifierKey};
use seal::tile::{self, Kind, Tile, WIDTH};
use seal::tree::{Missing, Tree};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::runtime::Runtime;
use web::destination::Network;

use crate::cli::arguments::Common;
use crate::cli::{print, print_error, runtime};
use crate::outbound::{Limits, Outbound};

const LIMITS: Limits = Limits { deadline: Duration::from_secs(30), answer_bytes_max: 64 * 1024 };

/// What is remembered between two looks.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    key: String,
    /// The whole note, so that it can be shown to others as proof.
    checkpoint: String,
}

/// Why nothing good can be said.
enum Trouble {
    /// The log is not what it was.
    Alarm(String),
    /// It could not be asked.
    Unasked(String),
}

impl From<Missing> for Trouble {
    fn from(missing: Missing) -> Self {
        Self::Alarm(format!("the log does not show what it signed: {missing}"))
    }
}

pub(super) fn run(common: &Common, url: &str, key: &VerifierKey, path: &Path) -> Result<ExitCode, Fault> {
    let known = read(path, key)?;
    let runtime = runtime()?;
    let server = Server { runtime: &runtime, client: Outbound::new(Network::Private, None)?, url };
    let looked = look(&server, key, known.as_ref());
    let (said, code) = match &looked {
        Ok((note, checkpoint)) => {
            write(path, &State { key: key.to_string(), checkpoint: note.clone() })?;
            let grew = known.as_ref().map_or_else(
                || "is remembered from now on".to_owned(),
                |known| format!("begins with the {} entries that were there the last time", known.size),
            );
            (format!("{} has {} entries, and {grew}.", checkpoint.origin, checkpoint.size), ExitCode::SUCCESS)
        }
        Err(Trouble::Alarm(why)) => (format!("ALARM: {why}"), ExitCode::FAILURE),
        Err(Trouble::Unasked(why)) => (why.clone(), ExitCode::FAILURE),
    };
    if common.json {
        let is_alarm = matches!(looked, Err(Trouble::Alarm(_)));
        let size = looked.as_ref().ok().map(|(_, checkpoint)| checkpoint.size);
        print(&json!({ "ok": looked.is_ok(), "alarm": is_alarm, "size": size, "message": said }).to_string());
    } else if looked.is_ok() {
        print(&said);
    } else {
        print_error(&format!("attestry: {said}"));
    }
    Ok(code)
}

/// The note of now, if the log just grew.
fn look(
    server: &Server<'_>,
    key: &VerifierKey,
    known: Option<&Checkpoint>,
) -> Result<(String, Checkpoint), Trouble> {
    let bytes = server.get("/audit/checkpoint")?;
    let note = String::from_utf8(bytes.to_vec())
        .map_err(|_| Trouble::Alarm("the checkpoint is not UTF-8".to_owned()))?;
    let text = note::open(&note, key).map_err(|error| {
        let claimed = note::unverified(&note).ok().and_then(Checkpoint::parse);
        let claimed =
            claimed.map(|other| format!(" (it claims to be of {})", other.origin)).unwrap_or_default();
        Trouble::Alarm(format!("the checkpoint is not what this key signed: {error}{claimed}"))
    })?;
    let malformed = || Trouble::Alarm("the key signed something that is no checkpoint of its log".to_owned());
    let now = Checkpoint::parse(text).filter(|now| now.origin == key.name()).ok_or_else(malformed)?;
    ensure_grew(server, known, &now)?;
    Ok((note, now))
}

fn ensure_grew(server: &Server<'_>, known: Option<&Checkpoint>, now: &Checkpoint) -> Result<(), Trouble> {
    let Some(known) = known else { return Ok(()) };
    if now.size < known.size {
        return Err(Trouble::Alarm(format!(
            "the log was rolled back: it had {} entries, and {} are left",
            known.size, now.size
        )));
    }
    let proof =
        Tree::new(now.size, |level, number| server.tile(now.size, level, number)).consistency(known.size)?;
    if is_consistent((known.size, &known.root), (now.size, &now.root), &proof) {
        return Ok(());
    }
    Err(Trouble::Alarm(format!(
        "the log was forked: what is signed now does not begin with the {} entries that were signed before",
        known.size
    )))
}

struct Server<'a> {
    runtime: &'a Runtime,
    client: Outbound,
    url: &'a str,
}

impl Server<'_> {
    fn get(&self, path: &str) -> Result<Bytes, Trouble> {
        let url = format!("{}{path}", self.url.trim_end_matches('/'));
        let unasked = |why: String| Trouble::Unasked(format!("{url} could not be asked: {why}"));
        let request = Request::get(&url).body(Full::default()).map_err(|error| unasked(error.to_string()))?;
        let answer = self.runtime.block_on(self.client.send(request, LIMITS));
        let answer = answer.map_err(|failure| unasked(format!("{failure:?}")))?;
        if answer.status.is_success() { Ok(answer.body) } else { Err(unasked(answer.status.to_string())) }
    }

    fn tile(&self, size: u64, level: u8, number: u64) -> Result<Vec<Hash>, Trouble> {
        let width = (Tile::hashes_at(level, size) - number * WIDTH).min(WIDTH);
        let path = Tile { kind: Kind::Level(level), number, width };
        let bytes = self.get(&format!("/audit/tile/{path}"))?;
        tile::hashes(&bytes).ok_or_else(|| Trouble::Alarm(format!("the tile {path} is malformed")))
    }
}

/// What was remembered, if there was a last time.
fn read(path: &Path, key: &VerifierKey) -> Result<Option<Checkpoint>, Fault> {
    let wrong = |why: &str| Fault::invalid("--state", format!("{} {why}", path.display()));
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(&format!("cannot be read: {error}"))),
    };
    let state: State = serde_json::from_str(&text).map_err(|_| wrong("is not what was remembered there"))?;
    if state.key != key.to_string() {
        return Err(wrong(&format!(
            "remembers a log with the key {}. If the operator announced a new log or key, begin anew with another file",
            state.key
        )));
    }
    let known = note::open(&state.checkpoint, key).ok().and_then(Checkpoint::parse);
    known.map(Some).ok_or_else(|| wrong("was changed: its checkpoint is not signed by its key"))
}

fn write(path: &Path, state: &State) -> Result<(), Fault> {
    let text = serde_json::to_string_pretty(state).map_err(Fault::internal)?;
    let new = path.with_extension("new");
    fs::write(&new, text)
        .and_then(|()| fs::rename(&new, path))
        .map_err(|error| Fault::invalid("--state", format!("{} cannot be written: {error}", path.display())))
}
