//! A private PostgreSQL cluster: own folder, Unix socket only, an unprivileged user when started by root.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::Result;
use crate::folder::Folder;
use crate::server::signal;
use crate::settings;
use crate::wait;

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(60);
/// `sun_path` holds 108 bytes, and PostgreSQL adds `/.s.PGSQL.5432.lock`.
const SOCKET_FOLDER_BYTES_MAX: usize = 85;

/// Whether a commit waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// `fsync = on`, as in production.
    Synced,
    /// `fsync = off`: for tests of logic, which never lose power.
    Unsynced,
}

/// A running (or stopped, or killed) cluster. Dropping it stops it and deletes its folder.
#[derive(Debug)]
pub struct Cluster {
    binaries: PathBuf,
    owner: Option<Owner>,
    postmaster: Option<Child>,
    // Last, so that the process is gone before its files are.
    folder: Folder,
}

/// The user that PostgreSQL runs as, because it refuses to be root.
#[derive(Debug, Clone, Copy)]
struct Owner {
    user: u32,
    group: u32,
}

impl Cluster {
    /// Makes a cluster in a new folder in `parent` and starts it.
    ///
    /// # Errors
    /// PostgreSQL is not installed, or it does not start: its log is in the message.
    pub fn create(parent: &Path, durability: Durability) -> Result<Self> {
        let binaries = binaries().ok_or("PostgreSQL is not installed: apt-get install postgresql")?;
        let folder = Folder::within(parent)?;
        if folder.path().as_os_str().len() > SOCKET_FOLDER_BYTES_MAX {
            return Err(format!("{} is too long for a Unix socket", folder.path().display()).into());
        }
        let owner = if running_as_root()? { Some(unprivileged_user()?) } else { None };
        if let Some(owner) = owner {
            chown(folder.path(), Some(owner.user), Some(owner.group))?;
        }
        let mut cluster = Self { binaries, owner, postmaster: None, folder };
        cluster.initialise(durability)?;
        cluster.start()?;
        Ok(cluster)
    }

    fn initialise(&self, durability: Durability) -> Result<()> {
        let output = self
            .command("initdb")
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-D"])
            .arg(self.data())
            .output()?;
        if !output.status.success() {
            return Err(format!("initdb failed: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        let switch = if durability == Durability::Synced { "on" } else { "off" };
        let configuration = format!(
            "listen_addresses = ''\nunix_socket_directories = '{}'\nmax_connections = 300\nfsync = {switch}\n\
             full_page_writes = {switch}\nsynchronous_commit = on\nmax_wal_size = 4GB\nlog_min_messages = warning\n",
            self.folder.path().display(),
        );
        // The file `postgresql.conf` includes nothing of ours; this one is read after it and wins.
        fs::write(self.data().join("postgresql.auto.conf"), configuration)?;
        Ok(())
    }

    /// Starts the cluster and returns when it accepts connections. After a kill it recovers first.
    ///
    /// # Errors
    /// It does not start: its log is in the message.
    pub fn start(&mut self) -> Result<()> {
        let log = self.folder.path().join("log");
        let output = fs::OpenOptions::new().create(true).append(true).open(&log)?;
        let child = self
            .command("postgres")
            .arg("-D")
            .arg(self.data())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        self.postmaster = Some(child);
        let ready = wait::until("PostgreSQL to start", START_LIMIT, || {
            if let Some(child) = &mut self.postmaster
                && let Some(status) = child.try_wait()?
            {
                return Err(format!("PostgreSQL ended with {status}").into());
            }
            let text = fs::read_to_string(self.folder.path().join("data/postmaster.pid")).unwrap_or_default();
            Ok(text.lines().nth(7).is_some_and(|state| state.trim() == "ready").then_some(()))
        });
        ready.map_err(|error| format!("{error}\n{}", fs::read_to_string(&log).unwrap_or_default()).into())
    }

    /// Ends all sessions, writes everything out and stops.
    ///
    /// # Errors
    /// It does not stop.
    pub fn stop(&mut self) -> Result<()> {
        self.end("INT")
    }

    /// Ends at once, as in a crash (`pg_ctl stop -m immediate`): the next start recovers from the log.
    ///
    /// # Errors
    /// It does not stop.
    pub fn kill(&mut self) -> Result<()> {
        self.end("QUIT")
    }

    fn end(&mut self, signal_name: &str) -> Result<()> {
        let Some(mut child) = self.postmaster.take() else { return Ok(()) };
        signal(child.id(), signal_name)?;
        wait::until("PostgreSQL to stop", STOP_LIMIT, || Ok(child.try_wait()?))?;
        Ok(())
    }

    /// The process id of the postmaster, whose children are the sessions.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.postmaster.as_ref().map(Child::id)
    }

    /// The database in which others are created.
    #[must_use]
    pub fn admin_url(&self) -> String {
        url("postgres", &self.folder.path().display().to_string())
    }

    /// A new empty database. It goes away with the cluster, so the handle may be dropped late.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub fn database(&self) -> Result<Database> {
        Database::create(&self.admin_url())
    }

    /// Makes a database with the schema of `binary`, to make others from, and gives its name.
    ///
    /// # Errors
    /// The cluster does not answer, or the binary cannot migrate.
    pub fn template(&self, binary: &Path) -> Result<String> {
        let name = "schema";
        run_sql(&self.admin_url(), &format!("CREATE DATABASE {name}"))?;
        let url = replace_database(&self.admin_url(), name);
        let data = Folder::within(&std::env::temp_dir())?;
        let output =
            Command::new(binary).args(["migrate", "--database", &url, "--data"]).arg(data.path()).output()?;
        if !output.status.success() {
            return Err(format!("migrate failed: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        // Each test has root secrets of its own, and the first to start decides which are the right ones.
        run_sql(&url, "DELETE FROM secret_check")?;
        Ok(name.to_owned())
    }

    /// Such as `15.14`.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub fn version(&self) -> Result<String> {
        run_sql(&self.admin_url(), "SHOW server_version")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.join(program));
        // The caller's folder may be closed to the unprivileged user.
        command.current_dir("/").env("LC_ALL", "C").env_remove("PGDATA");
        if let Some(owner) = self.owner {
            command.uid(owner.user).gid(owner.group);
        }
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut child) = self.postmaster.take() {
            drop(signal(child.id(), "QUIT"));
            drop(child.wait());
        }
    }
}

/// One database of a cluster, dropped with its sessions on drop.
#[derive(Debug)]
pub struct Database {
    admin_url: String,
    name: String,
}

impl Database {
    /// A new empty database next to the one at `admin_url`.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub fn create(admin_url: &str) -> Result<Self> {
        Self::create_from(admin_url, "template1")
    }

    /// A copy of another database, which nobody may be connected to.
    fn create_from(admin_url: &str, template: &str) -> Result<Self> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        // The number of a process comes again within a run of many, and its databases may still be there.
        let process = RandomState::new().hash_one(std::process::id());
        let name = format!("it_{process:016x}_{}", COUNTER.fetch_add(1, Ordering::Relaxed));
        run_sql(admin_url, &format!("CREATE DATABASE {name} TEMPLATE {template}"))?;
        Ok(Self { admin_url: admin_url.to_owned(), name })
    }

    /// The URL to connect with.
    #[must_use]
    pub fn url(&self) -> String {
        replace_database(&self.admin_url, &self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // The cluster may be stopped already, and its folder goes away anyhow.
        drop(run_sql(&self.admin_url, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)));
    }
}

/// A database for one test, or `None` when the run is meant to do without PostgreSQL.
///
/// # Panics
/// The run has neither a cluster nor a word that it wants none: a test must not pass by not running.
#[must_use]
pub fn for_test() -> Option<Database> {
    if let Some(url) = settings::variable(settings::POSTGRES) {
        return Some(Database::create(&url).expect("the cluster of this run answers"));
    }
    assert!(
        settings::variable(settings::SQLITE_ONLY).is_some_and(|value| value == "1"),
        "no PostgreSQL: run `cargo xtask test`, or set {}=1 to leave it out",
        settings::SQLITE_ONLY,
    );
    None
}

/// The same with the schema of this build where the run has made a template: to migrate takes longer than most tests.
///
/// # Panics
/// As [`for_test`].
#[must_use]
pub fn migrated_for_test() -> Option<Database> {
    match (settings::variable(settings::POSTGRES), settings::variable(settings::TEMPLATE)) {
        (Some(url), Some(template)) => {
            Some(Database::create_from(&url, &template).expect("the cluster of this run answers"))
        }
        _ => for_test(),
    }
}

/// Runs one statement and gives its output, unaligned, without headers.
///
/// # Errors
/// What `psql` said.
pub fn run_sql(url: &str, sql: &str) -> Result<String> {
    // Debian's `psql` in the search path is a wrapper that looks for clusters of its own.
    let psql = binaries().map_or_else(|| PathBuf::from("psql"), |folder| folder.join("psql"));
    let output = Command::new(psql)
        .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql])
        .output()?;
    if !output.status.success() {
        return Err(format!("psql failed on {sql:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// A whole database as `pg_dump` writes it.
///
/// # Errors
/// What `pg_dump` said.
pub fn dump(url: &str) -> Result<Vec<u8>> {
    let program = binaries().map_or_else(|| PathBuf::from("pg_dump"), |folder| folder.join("pg_dump"));
    let output = Command::new(program).args(["-d", url]).output()?;
    if !output.status.success() {
        return Err(format!("pg_dump failed: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(output.stdout)
}

/// The folder with `initdb` and `postgres`: from the search path, or the newest of Debian's.
#[must_use]
pub fn binaries() -> Option<PathBuf> {
    let path = settings::variable("PATH").unwrap_or_default();
    let mut debian: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    debian.sort_by_key(|path| path.parent().and_then(Path::file_name)?.to_str()?.parse::<u32>().ok());
    let candidates = std::env::split_paths(&path).chain(debian.into_iter().rev());
    // A link in the search path may stand alone: the other programs are where it points to.
    let mut real =
        candidates.filter_map(|folder| Some(folder.join("initdb").canonicalize().ok()?.parent()?.to_owned()));
    real.find(|folder| ["postgres", "psql"].iter().all(|program| folder.join(program).exists()))
}

fn url(database: &str, socket_folder: &str) -> String {
    format!("postgres://postgres@/{database}?host={socket_folder}")
}

fn replace_database(url: &str, database: &str) -> String {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let server = address.rsplit_once('/').map_or(address, |(server, _)| server);
    if query.is_empty() { format!("{server}/{database}") } else { format!("{server}/{database}?{query}") }
}

/// Whether this process may mount, install packages and change users.
///
/// # Errors
/// `/proc` is not there.
pub fn running_as_root() -> Result<bool> {
    Ok(fs::metadata("/proc/self")?.uid() == 0)
}

fn unprivileged_user() -> Result<Owner> {
    let users = fs::read_to_string("/etc/passwd")?;
    let find = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some(Owner { user: fields.next()?.parse().ok()?, group: fields.next()?.parse().ok()? })
    };
    find("postgres")
        .or_else(|| find("nobody"))
        .ok_or_else(|| "there is no user `postgres` or `nobody`".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_name_is_replaced_in_both_forms_of_a_url() {
        assert_eq!(replace_database("postgres://u@/a?host=/s", "b"), "postgres://u@/b?host=/s");
        assert_eq!(replace_database("postgres://u:p@h:5432/a", "b"), "postgres://u:p@h:5432/b");
    }
}
