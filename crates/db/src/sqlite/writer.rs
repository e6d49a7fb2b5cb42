//! The one writer: whatever is queued becomes one transaction and one `fdatasync`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base::Fault;
use rusqlite::Connection;

use super::changes::Changes;
use super::log::Log;
use super::{folder, statement};
use crate::error::Error;
use crate::queue::{Queue, Task};
use crate::tx::{Failure, Session, Tx, swallowed};

/// Commands in one transaction. More gain nothing and make the first wait.
const BATCH_MAX: usize = 512;

pub(super) struct Writer {
    connection: Connection,
    folder: PathBuf,
    queue: Arc<Queue>,
    log: Arc<Log>,
    changes: Changes,
    writable: Arc<AtomicBool>,
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        folder: PathBuf,
        queue: Arc<Queue>,
        log: Arc<Log>,
        writable: Arc<AtomicBool>,
    ) -> Self {
        Self { connection, folder, queue, log, changes: Changes::default(), writable }
    }

    /// Works until the queue is closed and empty, then folds the log into the file.
    pub(super) fn serve(self) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while self.queue.drain(&mut batch, BATCH_MAX) {
            self.run(&mut batch);
            self.log.shorten(&self.connection, &self.folder);
        }
        self.log.close();
        if let Err(error) = self.batch("PRAGMA wal_checkpoint(TRUNCATE)") {
            tracing::warn!(%error, "the write-ahead log stays for the next start to fold in");
        }
    }

    fn run(&self, batch: &mut Vec<Task>) {
        match self.recover().and_then(|()| self.commit_together(batch)) {
            Ok(verdicts) => {
                batch.drain(..).zip(verdicts).for_each(|(task, instead)| task.job.answer(instead));
            }
            Err(error) => {
                let fault = self.give_up(&error);
                batch.drain(..).for_each(|task| task.job.answer(Some(fault())));
            }
        }
    }

    /// Runs every task; all that succeeded are on disk when this returns `Ok`.
    /// The verdicts hold, task by task, what to answer instead of its own result.
    fn commit_together(&self, batch: &mut [Task]) -> Result<Vec<Option<Fault>>, Error> {
        self.execute("BEGIN IMMEDIATE")?;
        if let [task] = batch {
            let (wanted, instead) = self.run_one(task)?;
            if wanted {
                self.execute("COMMIT")?;
            } else {
                self.roll_back("ROLLBACK")?;
            }
            return Ok(vec![instead]);
        }
        let verdicts = batch.iter_mut().map(|task| self.run_in_savepoint(task)).collect::<Result<_, _>>()?;
        self.execute("COMMIT")?;
        Ok(verdicts)
    }

    fn run_in_savepoint(&self, task: &mut Task) -> Result<Option<Fault>, Error> {
        self.execute("SAVEPOINT command")?;
        let (wanted, instead) = self.run_one(task)?;
        if !wanted {
            self.roll_back("ROLLBACK TO command")?;
        }
        self.execute("RELEASE command")?;
        Ok(instead)
    }

    /// Whether to keep what the task did, and what to answer instead of its result.
    fn run_one(&self, task: &mut Task) -> Result<(bool, Option<Fault>), Error> {
        let mut tx = Tx::new(Session::Sqlite(&self.connection, &self.changes));
        let wanted = task.job.run(&mut tx);
        match tx.failure() {
            None => Ok((wanted, None)),
            Some(Failure::Full) => Err(Error::Full("a statement found no space".into())),
            Some(Failure::Lost) => Err(Error::Connection("a statement met an I/O error".into())),
            Some(_) if self.connection.is_autocommit() => Err(Error::other("SQLite gave the transaction up")),
            Some(_) => Ok((false, wanted.then(swallowed))),
        }
    }

    /// Undoes the whole batch, and says what each of its callers hears.
    fn give_up(&self, error: &Error) -> impl Fn() -> Fault + use<> {
        let text = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
        if matches!(error, Error::Connection(_)) {
            folder::stop_unless_full(&self.folder);
        }
        if matches!(error, Error::Full(_) | Error::Connection(_)) {
            self.writable.store(false, Ordering::Relaxed);
            tracing::error!(error = text, "no space is left: read-only until there is");
        }
        if let Err(error) = self.undo() {
            tracing::error!(%error, "a batch could not be rolled back: stopping, since the next one would include it");
            std::process::abort();
        }
        let kind = match error {
            Error::Full(_) | Error::Connection(_) => Error::Full,
            Error::LockTimeout(_) => Error::LockTimeout,
            _ => Error::Other,
        };
        move || kind(text.clone().into()).into()
    }

    /// After the disk was full: tries a write that changes nothing before the first that does.
    fn recover(&self) -> Result<(), Error> {
        // Page 1 is written even though the version stays the same.
        const PROBE: &str = "BEGIN IMMEDIATE; PRAGMA user_version = 1; COMMIT";
        if self.writable.load(Ordering::Relaxed) {
            return Ok(());
        }
        if self.batch(PROBE).is_err() {
            // Folding the log in makes room within it, but takes room in the file, so it comes second.
            self.undo()?;
            self.batch("PRAGMA wal_checkpoint(PASSIVE)")?;
            self.batch(PROBE)?;
        }
        self.writable.store(true, Ordering::Relaxed);
        tracing::info!("there is space again: writable");
        Ok(())
    }

    fn undo(&self) -> Result<(), Error> {
        self.changes.note_anything();
        if self.connection.is_autocommit() { Ok(()) } else { self.execute("ROLLBACK") }
    }

    fn roll_back(&self, sql: &'static str) -> Result<(), Error> {
        self.changes.note_anything();
        self.execute(sql)
    }

    fn batch(&self, sql: &str) -> Result<(), Error> {
        statement::batch(&self.connection, sql)
    }

    fn execute(&self, sql: &'static str) -> Result<(), Error> {
        statement::exec(&self.connection, sql, &[]).map(drop)
    }
}
