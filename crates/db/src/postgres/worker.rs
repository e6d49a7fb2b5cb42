//! One thread, one connection: runs transactions, again where that is safe, and comes back when the server does.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use base::Fault;

use super::Shared;
use super::session::Session;
use crate::error::Error;
use crate::queue::{Mode, Next, Task};
use crate::settings::Isolation;
use crate::tx::{self, Failure, Tx, swallowed};

/// For how long a transaction that collides is run again. A time and no count: on a hot row each run is a toss-up
/// against whoever holds it, and a revocation must get through however often it loses.
const COLLISION_PATIENCE: Duration = Duration::from_secs(5);
const COLLISION_PAUSE: Duration = Duration::from_millis(1);
/// Short, because who pauses for long meets the row held by others each time it comes back.
const COLLISION_PAUSE_MAX: Duration = Duration::from_millis(16);
const RECONNECT_PAUSE: Duration = Duration::from_millis(50);
const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(2);

pub(super) struct Worker {
    shared: Arc<Shared>,
    session: Option<Session>,
    /// Attempts to connect that failed in a row.
    failures: u32,
    /// When to try to connect again.
    retry_at: Instant,
}

/// How one run of a transaction ended.
enum Outcome {
    /// Answer, with this instead of the body's own result if there is one.
    Settled(Option<Fault>),
    /// Nothing was committed, and running it again may help.
    Collided(Error),
    /// The connection is gone and nothing was committed.
    Lost(Error),
    /// The connection is gone, and answer with this.
    Dropped(Option<Fault>),
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, session: Option<Session>) -> Self {
        shared.connected.fetch_add(session.iter().count(), Ordering::Relaxed);
        Self { shared, session, failures: 0, retry_at: now() }
    }

    /// Works until the queue is closed and empty.
    pub(super) fn serve(mut self) {
        loop {
            match self.next() {
                Next::Task(task) => self.work(task),
                Next::Idle => {}
                Next::Closed => return,
            }
        }
    }

    fn next(&mut self) -> Next {
        if self.session.is_some() {
            return self.shared.queue.pop().map_or(Next::Closed, Next::Task);
        }
        let patience = self.retry_at.saturating_duration_since(now());
        if patience.is_zero() {
            self.connect();
            return Next::Idle;
        }
        if self.others_are_connected() {
            // They can do the work; taking it would only fail it.
            return if self.shared.queue.rest(patience) { Next::Idle } else { Next::Closed };
        }
        self.shared.queue.pop_within(patience)
    }

    fn work(&mut self, mut task: Task) {
        let mut collisions = 0;
        let began_at = now();
        let mut connects_left = u32::from(self.session.is_some() || self.others_are_connected());
        let instead = loop {
            if self.session.is_none() {
                if connects_left == 0 || !self.connect() {
                    break Some(Error::Connection("no connection stands".into()).into());
                }
                connects_left -= 1;
            }
            let session = self.session.as_mut().expect("it was connected above");
            match run(session, &mut task, &self.shared) {
                Outcome::Settled(instead) => break instead,
                Outcome::Collided(error) if now().duration_since(began_at) >= COLLISION_PATIENCE => {
                    break Some(error.into());
                }
                Outcome::Collided(_) => {
                    collisions += 1;
                    pause(jitter(COLLISION_PAUSE, collisions, COLLISION_PAUSE_MAX));
                }
                Outcome::Lost(error) => {
                    self.disconnect(&error);
                    if connects_left == 0 {
                        break Some(error.into());
                    }
                }
                Outcome::Dropped(instead) => {
                    self.disconnect(&"the outcome of its last statement is unknown");
                    break instead;
                }
            }
        };
        task.job.answer(instead);
    }

    fn connect(&mut self) -> bool {
        match self.shared.target.connect() {
            Ok(session) => {
                self.session = Some(session);
                self.failures = 0;
                self.shared.connected.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                self.retry_at = now() + jitter(RECONNECT_PAUSE, self.failures, RECONNECT_PAUSE_MAX);
                tracing::warn!(%error, failures = self.failures, "PostgreSQL cannot be reached");
                false
            }
        }
    }

    fn disconnect(&mut self, reason: &dyn std::fmt::Display) {
        tracing::warn!(%reason, "a connection to PostgreSQL is given up");
        if self.session.take().is_some() {
            self.shared.connected.fetch_sub(1, Ordering::Relaxed);
        }
        self.retry_at = now();
    }

    fn others_are_connected(&self) -> bool {
        self.shared.connected.load(Ordering::Relaxed) > 0
    }
}

/// Runs a transaction once.
fn run(session: &mut Session, task: &mut Task, shared: &Shared) -> Outcome {
    let began_at = now();
    if let Err(error) = session.batch(begin(task.mode, shared.isolation)) {
        return undone(session, error);
    }
    let mut tx = Tx::new(tx::Session::Postgres(&mut *session));
    let wanted = task.job.run(&mut tx);
    match tx.failure() {
        None if wanted && is_late(task.mode, began_at, shared) => {
            undone(session, Error::LockTimeout("the transaction took too long to be committed".into()))
        }
        None if wanted => commit(session, task.mode, shared),
        Some(Failure::Lost) => Outcome::Lost(Error::Connection("it was lost within a transaction".into())),
        Some(Failure::Collision) => undone(session, Error::Serialization("it collided with another".into())),
        failure => {
            if failure == Some(Failure::Full) {
                shared.writable.store(false, Ordering::Relaxed);
            }
            let instead = (wanted && failure.is_some()).then(swallowed);
            match session.batch("ROLLBACK") {
                Ok(()) => Outcome::Settled(instead),
                Err(_) => Outcome::Dropped(instead),
            }
        }
    }
}

fn is_late(mode: Mode, began_at: Instant, shared: &Shared) -> bool {
    mode == Mode::Write && now().duration_since(began_at) >= shared.write_time_max
}

fn commit(session: &mut Session, mode: Mode, shared: &Shared) -> Outcome {
    match session.commit() {
        Ok(()) => {
            if mode == Mode::Write && !shared.writable.load(Ordering::Relaxed) {
                shared.writable.store(true, Ordering::Relaxed);
            }
            Outcome::Settled(None)
        }
        // What only read may be read again.
        Err(Error::AmbiguousCommit(cause)) if mode != Mode::Write => Outcome::Lost(Error::Connection(cause)),
        Err(error @ Error::AmbiguousCommit(_)) => Outcome::Dropped(Some(error.into())),
        Err(error) => undone(session, error),
    }
}

/// After an error that left nothing behind: makes the connection fit for the next transaction.
fn undone(session: &mut Session, error: Error) -> Outcome {
    if matches!(error, Error::Connection(_) | Error::AmbiguousCommit(_)) {
        return Outcome::Lost(error);
    }
    let collided = matches!(error, Error::Serialization(_));
    match session.batch("ROLLBACK") {
        Err(error) => Outcome::Lost(error),
        Ok(()) if collided => Outcome::Collided(error),
        Ok(()) => Outcome::Settled(Some(error.into())),
    }
}

/// Reads see one state throughout, as they do on SQLite.
fn begin(mode: Mode, isolation: Isolation) -> &'static str {
    match (mode, isolation) {
        (Mode::Write, Isolation::ReadCommitted) => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
        (Mode::Write, Isolation::Serializable) => "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE",
        (Mode::Read, Isolation::ReadCommitted) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        (Mode::Read, Isolation::Serializable) => "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY",
        (Mode::Snapshot, _) => {
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
             SET LOCAL statement_timeout = '30min';
             SET LOCAL idle_in_transaction_session_timeout = '30min'"
        }
    }
}

/// A random time of at most `first` doubled `times` times, and never more than `longest`.
fn jitter(first: Duration, times: u32, longest: Duration) -> Duration {
    let most = first.saturating_mul(1 << times.min(16)).min(longest);
    // Freshly seeded by the operating system; colliding nodes must not pause alike.
    let random = RandomState::new().hash_one(times);
    let micros = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(micros / 2 + random % (micros / 2 + 1))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a pause between collisions, on a thread that has nothing else to do"
)]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

#[expect(clippy::disallowed_methods, reason = "pauses between attempts, and their end; nothing else sees it")]
fn now() -> Instant {
    Instant::now()
}
