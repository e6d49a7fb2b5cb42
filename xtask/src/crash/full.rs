//! The disk fills up under load: 503, nothing lost, and it goes on by itself when there is space again.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use it::Result;
use it::folder::Folder;
use it::postgres::running_as_root;
use it::server::{Launch, Server};

use super::Leg;
use super::killed::check_at_rest;
use super::load::{WhenCutOff, open_books, settle, under_load};
use super::random::Random;

const DISK: &str = "size=48m";
const CALLS_BEFORE: u64 = 200;
const REFUSALS_WHILE_FULL: u64 = 50;
const CALLS_AFTER: u64 = 200;

/// # Errors
/// A violation, or the server does not start.
pub(crate) fn run(binary: &Path, seed: u64) -> Result<Leg> {
    if !running_as_root()? {
        return Ok(Leg::Skipped("only root may mount a small disk".into()));
    }
    let folder = Folder::new()?;
    let disk = Disk::mount(folder.path().join("disk"))?;
    let launch = Launch { data: disk.path.join("data"), ..Launch::sqlite(binary, folder.path()) };
    let mut server = Server::start(&launch)?;
    let mut books = open_books(&server)?;
    let ballast = disk.path.join("ballast");
    let (calls, ()) =
        under_load(&server.base_url, &books, &mut Random::new(seed), WhenCutOff::GoOn, |control| {
            control.wait_for("charges on an empty disk", &control.charged, CALLS_BEFORE)?;
            fill(&ballast)?;
            control.wait_for("503 on a full disk", &control.unavailable, REFUSALS_WHILE_FULL)?;
            fs::remove_file(&ballast)?;
            control.wait_for("charges once there is space", &control.charged, CALLS_AFTER)
        })?;
    if let Some(status) = server.has_ended()? {
        return Err(format!("the server ended with {status}").into());
    }
    settle(&server, &mut books, calls)?;
    // What it says must also be what it wrote.
    server.kill()?;
    let server = Server::start(&launch)?;
    settle(&server, &mut books, Vec::new())?;
    server.terminate()?;
    check_at_rest(&launch)?;
    books.tally.rounds = 1;
    Ok(Leg::Done(books.tally))
}

fn fill(path: &Path) -> Result<()> {
    let mut file = File::create(path)?;
    // Down to the last page: what is left after large blocks is filled with small ones.
    for block in [1 << 16, 1 << 12, 1] {
        loop {
            match file.write(&vec![0; block]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

/// A small file system in memory, unmounted on drop.
struct Disk {
    path: PathBuf,
}

impl Disk {
    fn mount(path: PathBuf) -> Result<Self> {
        fs::create_dir(&path)?;
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(&path).status()?;
        if status.success() { Ok(Self { path }) } else { Err("cannot mount a tmpfs".into()) }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily, because a server that was killed on the way out of an error may still hold a file.
        drop(Command::new("umount").arg("-l").arg(&self.path).status());
    }
}
