//! The handle that everybody above holds.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use base::id::TenantId;
use base::{Fault, Timestamp};
use tokio::sync::oneshot;

use crate::error::Error;
use crate::migrate::{self, AppliedMigration};
use crate::postgres::{self, Postgres};
use crate::queue::{self, Mode, Task};
use crate::settings::{Engine, Settings, Source};
use crate::sqlite::{self, Sqlite};
use crate::tx::Tx;

/// An open database. Clones share its threads.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    settings: Settings,
    backend: Backend,
    writes: AtomicU64,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

enum Backend {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// How the database is, for `/ready` and `doctor`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Status {
    /// Whether a connection stands.
    pub reachable: bool,
    /// `false` since the disk was full, until a write succeeds again.
    pub writable: bool,
    /// Jobs that wait for a thread.
    pub queue_depth: usize,
    /// Jobs that may wait, in each queue.
    pub queue_max: usize,
    /// Writes that this process has asked for so far: who sees it stand still is alone.
    pub writes: u64,
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db").field("engine", &self.engine()).field("status", &self.status()).finish()
    }
}

impl Db {
    /// Opens the database, checks its version and migrates it forward.
    /// Blocks; call it before the runtime serves.
    ///
    /// # Errors
    /// When the folder is in use, the database cannot be reached, is too new or is not ours; the detail says what to do.
    pub fn open(settings: Settings) -> Result<Self, Fault> {
        let (backend, threads) = match &settings.source {
            Source::Sqlite { folder } => {
                let (sqlite, threads) = sqlite::open(folder, &settings)?;
                (Backend::Sqlite(sqlite), threads)
            }
            Source::Postgres { url } => {
                let (postgres, threads) = postgres::open(url, &settings)?;
                (Backend::Postgres(postgres), threads)
            }
        };
        Ok(Self(Arc::new(Inner {
            settings,
            backend,
            writes: AtomicU64::new(0),
            threads: Mutex::new(threads),
        })))
    }

    #[must_use]
    pub fn engine(&self) -> Engine {
        match self.0.backend {
            Backend::Sqlite(_) => Engine::Sqlite,
            Backend::Postgres(_) => Engine::Postgres,
        }
    }

    /// Reads in one transaction. `body` cannot write, and may be run again.
    ///
    /// # Errors
    /// What `body` says; Unavailable when the database is away, busy or closed.
    pub async fn read<T, F>(&self, body: F) -> Result<T, Fault>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        answered(self.submit(Mode::Read, body)?.await)
    }

    /// Runs `body` in one transaction and commits it; an `Err` undoes all it did. It may be run again.
    /// On PostgreSQL all that it touches must belong to `tenant`, so that the tables can be distributed.
    /// Once this has been polled, it runs to its end whether or not somebody still waits.
    ///
    /// # Errors
    /// What `body` says; Unavailable when the database is away, full, busy or closed, or the outcome of COMMIT is
    /// unknown: the detail says which.
    pub async fn write<T, F>(&self, tenant: TenantId, body: F) -> Result<T, Fault>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        blame(tenant, answered(self.submit(Mode::Write, body)?.await))
    }

    /// A long read of one consistent state, such as a check of the whole ledger.
    ///
    /// # Errors
    /// As [`Db::read`].
    pub async fn snapshot<T, F>(&self, body: F) -> Result<T, Fault>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        answered(self.submit(Mode::Snapshot, body)?.await)
    }

    /// [`Db::read`] for start-up and the command line; not to be called on a runtime's thread.
    ///
    /// # Errors
    /// As [`Db::read`].
    pub fn read_blocking<T, F>(&self, body: F) -> Result<T, Fault>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        answered(self.submit(Mode::Read, body)?.blocking_recv())
    }

    /// [`Db::write`] for start-up and the command line; not to be called on a runtime's thread.
    ///
    /// # Errors
    /// As [`Db::write`].
    pub fn write_blocking<T, F>(&self, tenant: TenantId, body: F) -> Result<T, Fault>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        blame(tenant, answered(self.submit(Mode::Write, body)?.blocking_recv()))
    }

    /// [`Db::snapshot`] for start-up and the command line; not to be called on a runtime's thread.
    ///
    /// # Errors
    /// As [`Db::read`].
    pub fn snapshot_blocking<T, F>(&self, body: F) -> Result<T, Fault>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        answered(self.submit(Mode::Snapshot, body)?.blocking_recv())
    }

    #[must_use]
    pub fn status(&self) -> Status {
        let (reachable, writable, queue_depth) = match &self.0.backend {
            Backend::Sqlite(sqlite) => (true, sqlite.is_writable(), sqlite.queue_depth()),
            Backend::Postgres(postgres) => {
                (postgres.is_reachable(), postgres.is_writable(), postgres.queue().len())
            }
        };
        let (queue_max, writes) = (self.0.settings.queue_max, self.0.writes.load(Ordering::Relaxed));
        Status { reachable, writable, queue_depth, queue_max, writes }
    }

    /// The migrations that the database has, ascending.
    ///
    /// # Errors
    /// As [`Db::read`].
    pub async fn migration_status(&self) -> Result<Vec<AppliedMigration>, Fault> {
        self.read(|tx| Ok(migrate::applied(tx)?)).await
    }

    /// The clock of the database's machine, for comparing it with this one's.
    ///
    /// # Errors
    /// As [`Db::read`].
    pub async fn engine_time(&self) -> Result<Timestamp, Fault> {
        self.read(|tx| Ok(migrate::clock(tx)?)).await
    }

    /// Accepts nothing more, finishes what is queued and ends the threads; SQLite's folder is free afterwards.
    /// Blocks for as long as the queued work takes.
    pub fn close(&self) {
        self.0.close();
    }

    fn submit<T, F>(&self, mode: Mode, body: F) -> Result<oneshot::Receiver<Result<T, Fault>>, Error>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        let (task, receiver) = queue::task(mode, body);
        self.0.push(task)?;
        Ok(receiver)
    }
}

impl Inner {
    fn push(&self, task: Task) -> Result<(), Error> {
        if task.mode == Mode::Write {
            self.writes.fetch_add(1, Ordering::Relaxed);
        }
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.queue(task.mode).push(task),
            Backend::Postgres(postgres) => postgres.queue().push(task),
        }
    }

    fn close(&self) {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.close(),
            Backend::Postgres(postgres) => postgres.queue().close(),
        }
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for handle in threads.drain(..) {
            // The last handle may be dropped by a body, on a thread that cannot wait for itself.
            if handle.thread().id() != thread::current().id() && handle.join().is_err() {
                tracing::error!("a database thread panicked");
            }
        }
        if let Backend::Sqlite(sqlite) = &self.backend {
            sqlite.release();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

/// A dropped sender means that the threads ended before they came to the job.
fn answered<T>(answer: Result<Result<T, Fault>, oneshot::error::RecvError>) -> Result<T, Fault> {
    answer.unwrap_or_else(|_| Err(Error::Closed.into()))
}

fn blame<T>(tenant: TenantId, result: Result<T, Fault>) -> Result<T, Fault> {
    result.inspect_err(|fault| {
        if fault.is_ours() {
            tracing::debug!(%tenant, ?fault, "a write failed");
        }
    })
}
