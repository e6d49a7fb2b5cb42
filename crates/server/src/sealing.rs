//! The audit log in the background: rows are sealed about a second after their commit.
//!
//! Every node that does background work tries; one at a time seals. What it is about to sign it first keeps in its data
//! folder, beside the database, so that it notices when the database was set back to an older state.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::Fault;
use kernel::Kernel;
use kernel::audit::log::{self, Beside, Sealed};
use seal::checkpoint::Checkpoint;
use tokio::sync::watch;

use crate::secrets_file::make_folder;

const FILE_NAME: &str = "audit.checkpoint";
const IDLE: Duration = Duration::from_secs(1);
const AFTER_A_FAILURE: Duration = Duration::from_secs(10);
/// Beside other writes, sealing rests so many times longer than it worked: they lose a sixtieth of the writer to it.
const REST_FACTOR: u32 = 60;
/// How long nobody writes before a rest is cut short.
const REST_STEP: Duration = Duration::from_millis(20);
const REST_MAX: Duration = Duration::from_secs(5);

/// Begins the log, or goes on with it, and seals until `stop`.
pub async fn run(kernel: Kernel, data: Option<Arc<Path>>, mut stop: watch::Receiver<bool>) {
    // A round that is cut between two transactions is as good as one that was never begun.
    tokio::select! {
        biased;
        _ = stop.wait_for(|stopping| *stopping) => {}
        () = seal_for_good(&kernel, data.as_deref()) => {}
    }
}

async fn seal_for_good(kernel: &Kernel, data: Option<&Path>) {
    while let Err(fault) = begin(kernel, data).await {
        tracing::error!(?fault, "the audit log cannot be gone on with, and nothing is sealed; trying again");
        sleep(AFTER_A_FAILURE).await;
    }
    let mut after = String::new();
    loop {
        let began = kernel.clock.now();
        match round(kernel, data, &after).await {
            Ok(Sealed { rows, salted, next_after }) => {
                after = next_after;
                let took = kernel.clock.now().micros() - began.micros();
                let took = Duration::from_micros(u64::try_from(took).unwrap_or_default());
                if rows + salted == 0 {
                    sleep(IDLE).await;
                } else {
                    rest(kernel, (took * REST_FACTOR).min(REST_MAX)).await;
                }
            }
            Err(fault) => {
                tracing::warn!(?fault, "a round of sealing was cut short and will be repeated");
                sleep(AFTER_A_FAILURE).await;
            }
        }
    }
}

/// Begins the log, or goes on with it if the database still knows what was signed here.
///
/// # Errors
/// A folder that cannot be used; a database failure.
pub async fn begin(kernel: &Kernel, data: Option<&Path>) -> Result<(), Fault> {
    let beside = data.map_or(Ok(Beside::NotKept), beside)?;
    let head = log::begin(kernel, beside).await?;
    if head.checkpoint.size == 1 {
        tracing::info!(origin = head.checkpoint.origin, "an audit log has begun");
    }
    keep(data, head.checkpoint).await
}

/// Seals at most a chunk of rows.
///
/// # Errors
/// As [`log::round`]; a folder that cannot be written.
pub async fn round(kernel: &Kernel, data: Option<&Path>, after: &str) -> Result<Sealed, Fault> {
    log::round(kernel, after, |checkpoint| keep(data, checkpoint)).await
}

async fn keep(data: Option<&Path>, checkpoint: Checkpoint) -> Result<(), Fault> {
    let Some(data) = data.map(Path::to_path_buf) else { return Ok(()) };
    let written = tokio::task::spawn_blocking(move || write(&data, &checkpoint.text()));
    written.await.map_err(Fault::internal)?
}

/// What this node last kept.
///
/// # Errors
/// A file that cannot be read, or is not what was written.
pub fn beside(data: &Path) -> Result<Beside, Fault> {
    let path = path(data);
    match fs::read_to_string(&path) {
        Ok(text) => Checkpoint::parse(&text).map(Beside::Last).ok_or_else(|| {
            Fault::invalid(
                "data",
                format!(
                    "{} is not the checkpoint that was written there. Restore it, or delete it: without it a new \
                     audit log begins",
                    path.display()
                ),
            )
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Beside::Nothing),
        Err(error) => Err(unusable(&path, &error)),
    }
}

/// Written beside the old one, synced, and renamed over it, so that a crash leaves one or the other.
fn write(data: &Path, text: &str) -> Result<(), Fault> {
    let path = path(data);
    let save = || -> std::io::Result<()> {
        make_folder(data)?;
        let beside = path.with_extension("checkpoint.new");
        let mut new = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        new.write_all(text.as_bytes())?;
        new.sync_all()?;
        fs::rename(&beside, &path)?;
        fs::File::open(data)?.sync_all()
    };
    save().map_err(|error| unusable(&path, &error))
}

fn path(data: &Path) -> PathBuf {
    data.join(FILE_NAME)
}

fn unusable(path: &Path, error: &std::io::Error) -> Fault {
    Fault::invalid("data", format!("{} cannot be used: {error}", path.display()))
}

/// A backlog in a database that nobody else writes is sealed almost without a rest.
async fn rest(kernel: &Kernel, at_most: Duration) {
    let mut rested = Duration::ZERO;
    while rested < at_most {
        let before = kernel.db.status().writes;
        sleep(REST_STEP).await;
        rested += REST_STEP;
        if kernel.db.status().writes == before {
            return;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "sealing waits for more rows, and rests between its rounds")]
async fn sleep(time: Duration) {
    tokio::time::sleep(time).await;
}
