//! SQLite: one writer with group commit, a few readers, one process.

mod changes;
mod folder;
mod log;
mod statement;
mod writer;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use base::Fault;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::error::Error;
use crate::migrate;
use crate::queue::{Mode, Queue, Task};
use crate::settings::{Migration, Settings};
use crate::tx::{Failure, Session, Tx, swallowed};

pub(crate) use changes::Changes;
use folder::FolderLock;
use log::Log;
pub(crate) use statement::{batch, each, exec, prepare_only, value};
use writer::Writer;

/// Older ones can corrupt a write-ahead log when it is reset.
const VERSION_MIN: i32 = 3_051_003;
/// "ATST": a database of ours and nobody else's.
const APPLICATION_ID: i64 = 0x4154_5354;
/// Statements are constants, so all of them fit.
const STATEMENTS_MAX: usize = 512;
/// Reads that share a transaction.
const READS_MAX: usize = 16;

const COMMON_PRAGMAS: &str = "
    PRAGMA busy_timeout = 5000;
    PRAGMA foreign_keys = ON;
    PRAGMA trusted_schema = OFF;
    PRAGMA cell_size_check = ON;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -16384;";
/// `synchronous = NORMAL` would lose acknowledged commits when the power fails; the last two do the same on macOS.
const WRITER_PRAGMAS: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA cache_size = -32768;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA fullfsync = ON;
    PRAGMA checkpoint_fullfsync = ON;";
const FOLDING_PRAGMAS: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA checkpoint_fullfsync = ON;";
const READER_PRAGMAS: &str = "PRAGMA query_only = ON;";

/// The queues, and the lock that keeps other processes out.
pub(crate) struct Sqlite {
    writes: Arc<Queue>,
    reads: Arc<Queue>,
    writable: Arc<AtomicBool>,
    lock: Mutex<Option<FolderLock>>,
}

/// Opens the database in `folder`, migrates it and starts its threads.
///
/// # Errors
/// When another process owns the folder, the file is not ours, or a migration fails; the detail says what to do.
pub(crate) fn open(folder: &Path, settings: &Settings) -> Result<(Sqlite, Vec<JoinHandle<()>>), Fault> {
    if rusqlite::version_number() < VERSION_MIN {
        return Err(Fault::internal(format!(
            "SQLite {} is too old: build with the bundled one",
            rusqlite::version()
        )));
    }
    let lock = FolderLock::take(folder)?;
    let file = folder::database_file(folder)?;
    let mut connection = connect(&file).map_err(|error| cannot_open(&file, error))?;
    claim(&connection, &file)?;
    make_durable(&connection, &file)?;
    run_migrations(&mut connection, settings.migrations)?;
    let sqlite = Sqlite {
        writes: Arc::new(Queue::new(settings.queue_max)),
        reads: Arc::new(Queue::new(settings.queue_max)),
        writable: Arc::new(AtomicBool::new(true)),
        lock: Mutex::new(Some(lock)),
    };
    let threads = sqlite.start_threads(connection, folder, &file, settings.readers.max(1))?;
    Ok((sqlite, threads))
}

impl Sqlite {
    pub(crate) fn queue(&self, mode: Mode) -> &Queue {
        match mode {
            Mode::Write => &self.writes,
            Mode::Read | Mode::Snapshot => &self.reads,
        }
    }

    pub(crate) fn queue_depth(&self) -> usize {
        self.writes.len() + self.reads.len()
    }

    pub(crate) fn is_writable(&self) -> bool {
        self.writable.load(Ordering::Relaxed)
    }

    pub(crate) fn close(&self) {
        self.reads.close();
        self.writes.close();
    }

    /// Lets other processes in, once the threads have ended.
    pub(crate) fn release(&self) {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn start_threads(
        &self,
        mut connection: Connection,
        folder: &Path,
        file: &Path,
        readers: usize,
    ) -> Result<Vec<JoinHandle<()>>, Fault> {
        let mut threads = Vec::with_capacity(readers + 2);
        for index in 0..readers {
            let reader =
                connect(file).and_then(|reader| reader.execute_batch(READER_PRAGMAS).map(|()| reader));
            let reader = reader.map_err(|error| cannot_open(file, error))?;
            let (queue, folder) = (Arc::clone(&self.reads), folder.to_owned());
            threads.push(start(format!("db-reader-{index}"), move || {
                serve_reads(&reader, &queue, &folder, readers);
            })?);
        }
        let log = Log::watch(&mut connection).map_err(|error| cannot_open(file, error))?;
        let folding =
            connect(file).and_then(|folding| folding.execute_batch(FOLDING_PRAGMAS).map(|()| folding));
        let folding = folding.map_err(|error| cannot_open(file, error))?;
        let (grown, of_log) = (Arc::clone(&log), folder.to_owned());
        threads.push(start("db-log".into(), move || grown.serve(&folding, &of_log))?);
        let writer = Writer::new(
            connection,
            folder.to_owned(),
            Arc::clone(&self.writes),
            log,
            Arc::clone(&self.writable),
        );
        threads.push(start("db-writer".into(), move || writer.serve())?);
        Ok(threads)
    }
}

fn start(name: String, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Fault> {
    Builder::new().name(name).spawn(body).map_err(Fault::internal)
}

fn connect(file: &Path) -> Result<Connection, rusqlite::Error> {
    // Readers too may write: to the shared memory file that a write-ahead log needs.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // Without this promise, a planner with statistics prepares a statement anew whenever a bound value changes:
    // that was a third of all the time of a flush.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.execute_batch(COMMON_PRAGMAS)?;
    Ok(connection)
}

fn cannot_open(file: &Path, error: rusqlite::Error) -> Fault {
    let file = file.display();
    Fault::unavailable(format!(
        "The database {file} cannot be opened: {error}. Check that it is whole and its disk has space."
    ))
    .caused_by(error)
}

/// Marks an empty file as ours and refuses a file of somebody else's.
fn claim(connection: &Connection, file: &Path) -> Result<(), Fault> {
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let read = || Ok((number("PRAGMA application_id")?, number("SELECT COUNT(*) FROM sqlite_schema")?));
    match read().map_err(|error| cannot_open(file, error))? {
        (APPLICATION_ID, _) => Ok(()),
        (0, 0) => connection
            .pragma_update(None, "application_id", APPLICATION_ID)
            .map_err(|error| cannot_open(file, error)),
        _ => {
            let file = file.display();
            Err(Fault::conflict(format!(
                "{file} is a SQLite database, but not of Attestry. Name another folder."
            )))
        }
    }
}

fn make_durable(connection: &Connection, file: &Path) -> Result<(), Fault> {
    let journal: String = connection
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .map_err(|error| cannot_open(file, error))?;
    if journal != "wal" {
        let file = file.display();
        return Err(Fault::unavailable(format!(
            "The file system of {file} allows no write-ahead log. Use a local disk."
        )));
    }
    connection.execute_batch(WRITER_PRAGMAS).map_err(|error| cannot_open(file, error))
}

fn run_migrations(connection: &mut Connection, migrations: &'static [Migration]) -> Result<(), Fault> {
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Exclusive).map_err(Error::other)?;
    migrate::run_all(&mut Tx::new(Session::Sqlite(&transaction, &Changes::default())), migrations)?;
    transaction.commit().map_err(|error| Error::other(error).into())
}

/// Reads that were asked for together share a transaction: each sees what was committed before it was asked for.
fn serve_reads(connection: &Connection, queue: &Queue, folder: &Path, readers: usize) {
    let (changes, mut tasks) = (Changes::default(), Vec::with_capacity(READS_MAX));
    while queue.drain_share(&mut tasks, READS_MAX, readers) {
        for mut task in tasks.drain(..) {
            let is_alone = task.mode == Mode::Snapshot;
            let instead = begin(connection, is_alone).and_then(|()| read(connection, &changes, &mut task));
            let instead = instead.unwrap_or_else(|error| {
                if matches!(error, Error::Connection(_)) {
                    folder::stop_unless_full(folder);
                }
                Some(error.into())
            });
            task.job.answer(instead);
        }
        if let Err(error) = end(connection) {
            tracing::error!(%error, "a read transaction cannot be ended");
        }
    }
}

/// Begins a transaction unless one is open that will do.
fn begin(connection: &Connection, is_alone: bool) -> Result<(), Error> {
    if is_alone {
        end(connection)?;
    }
    if connection.is_autocommit() { exec(connection, "BEGIN", &[]).map(drop) } else { Ok(()) }
}

fn end(connection: &Connection) -> Result<(), Error> {
    if connection.is_autocommit() { Ok(()) } else { exec(connection, "ROLLBACK", &[]).map(drop) }
}

fn read(connection: &Connection, changes: &Changes, task: &mut Task) -> Result<Option<Fault>, Error> {
    let mut tx = Tx::new(Session::Sqlite(connection, changes));
    let wanted = task.job.run(&mut tx);
    let failure = tx.failure();
    if failure.is_some() {
        end(connection)?;
    }
    match failure {
        Some(Failure::Lost) => Err(Error::Connection("a statement met an I/O error".into())),
        Some(_) if wanted => Ok(Some(swallowed())),
        _ => Ok(None),
    }
}
