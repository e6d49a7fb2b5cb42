//! The folder that one process owns.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base::Fault;

const LOCK_FILE: &str = "attestry.lock";
const DATABASE_FILE: &str = "attestry.db";
const SPACE_PROBE_FILE: &str = "attestry.space";
const SPACE_PROBE_BYTES: usize = 256 * 1024;

/// Keeps other processes out for as long as it lives; the system lets go when the process dies, however it dies.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Makes the folder when it is not there, and takes its lock.
    ///
    /// # Errors
    /// A Conflict when somebody holds it.
    pub(crate) fn take(folder: &Path) -> Result<Self, Fault> {
        let cannot = |error: io::Error| {
            let detail = format!(
                "The data folder {} cannot be used: {error}. Check that it may be written to.",
                folder.display()
            );
            Fault::unavailable(detail).caused_by(error)
        };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(cannot)?;
        let file = private().open(folder.join(LOCK_FILE)).map_err(cannot)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Fault::conflict(format!(
                "The data folder {} is in use by a running Attestry server. Talk to that server, or stop it first.",
                folder.display()
            ))),
            Err(TryLockError::Error(error)) => Err(cannot(error)),
        }
    }
}

/// The database file, made private before SQLite sees it: its side files get the same permissions.
pub(crate) fn database_file(folder: &Path) -> Result<PathBuf, Fault> {
    let file = folder.join(DATABASE_FILE);
    private().open(&file).map_err(|error| {
        Fault::unavailable(format!("The database {} cannot be made: {error}.", file.display()))
            .caused_by(error)
    })?;
    Ok(file)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options
}

/// After an I/O error: stops the process, unless it only meant that there is no space.
///
/// What is on disk cannot be told any more, and starting anew reads it afresh.
/// SQLite itself says "full" only where `write` said so to it, not where an extension of its shared memory or a sync
/// failed for the same reason.
pub(crate) fn stop_unless_full(folder: &Path) {
    if !has_no_space(folder) {
        tracing::error!(folder = %folder.display(), "the database file cannot be trusted: stopping");
        std::process::abort();
    }
}

fn has_no_space(folder: &Path) -> bool {
    let file = folder.join(SPACE_PROBE_FILE);
    let probe = private().open(&file).and_then(|mut probe| {
        probe.write_all(&[0; SPACE_PROBE_BYTES])?;
        probe.sync_all()
    });
    drop(fs::remove_file(&file));
    probe.is_err_and(|error| matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded))
}
