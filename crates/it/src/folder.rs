//! Temporary folders that go away, even those of a run that was killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::Result;
use crate::server::signal;

const PREFIX: &str = "attestry-it-";

/// A folder named after this process, deleted with everything in it on drop.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// A new empty folder in the system's temporary folder.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn new() -> Result<Self> {
        Self::within(&std::env::temp_dir())
    }

    /// A new empty folder in `parent`. Sweeps what dead runs left there.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn within(parent: &Path) -> Result<Self> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        fs::create_dir_all(parent)?;
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        if number == 0 {
            sweep(parent);
        }
        let path = parent.join(format!("{PREFIX}{}-{number}", std::process::id()));
        fs::create_dir(&path).map_err(|error| format!("cannot make {}: {error}", path.display()))?;
        Ok(Self { path })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays is swept by the next run.
        drop(fs::remove_dir_all(&self.path));
    }
}

/// Removes the folders of processes that are gone, and the PostgreSQL that may still run in one.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner =
            name.to_str().and_then(|name| name.strip_prefix(PREFIX)).and_then(|rest| rest.split_once('-'));
        let Some(owner) = owner.and_then(|(pid, _)| pid.parse::<u32>().ok()) else { continue };
        if !Path::new("/proc").join(owner.to_string()).exists() {
            stop_left_over_postgres(&entry.path());
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

fn stop_left_over_postgres(folder: &Path) {
    let Ok(text) = fs::read_to_string(folder.join("data/postmaster.pid")) else { return };
    let Some(pid) = text.lines().next().and_then(|line| line.parse::<u32>().ok()) else { return };
    // The number may belong to somebody else by now: only a process that names this folder is ours.
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    if String::from_utf8_lossy(&command).contains(&*folder.to_string_lossy()) {
        drop(signal(pid, "QUIT"));
    }
}
