//! PostgreSQL: a few threads with one connection each, over one queue.

mod connect;
mod lease;
mod session;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use base::{Fault, Secret};

use crate::error::Error;
use crate::queue::Queue;
use crate::settings::{Isolation, Settings};

use connect::Target;
pub(crate) use session::{Session, value};
use worker::Worker;

/// The queue, and what its threads know of the server together.
pub(crate) struct Postgres(Arc<Shared>);

struct Shared {
    queue: Queue,
    target: Target,
    isolation: Isolation,
    write_time_max: Duration,
    /// Threads that have a connection.
    connected: AtomicUsize,
    /// `false` since the server ran out of space, until a write succeeds.
    writable: AtomicBool,
}

/// Connects, migrates and starts the threads.
///
/// # Errors
/// When the server cannot be reached or a migration fails; the detail says what to do.
pub(crate) fn open(url: &Secret, settings: &Settings) -> Result<(Postgres, Vec<JoinHandle<()>>), Fault> {
    let shared = Arc::new(Shared {
        queue: Queue::new(settings.queue_max),
        target: Target::parse(url)?,
        isolation: settings.isolation,
        write_time_max: settings.write_time_max,
        connected: AtomicUsize::new(0),
        writable: AtomicBool::new(true),
    });
    // The driver may not wait on a thread that already serves a runtime, as a test's may.
    let first = start("db-postgres-open".into(), {
        let (shared, migrations) = (Arc::clone(&shared), settings.migrations);
        move || {
            let mut session = shared.target.connect().map_err(cannot_open)?;
            lease::migrate(&mut session, migrations)?;
            Ok(session)
        }
    })?;
    let first: Result<Session, Fault> =
        first.join().map_err(|_| Fault::internal("opening PostgreSQL panicked"))?;
    let mut session = Some(first?);
    let mut threads = Vec::with_capacity(settings.connections);
    for index in 0..settings.connections.max(1) {
        let worker = Worker::new(Arc::clone(&shared), session.take());
        threads.push(start(format!("db-postgres-{index}"), move || worker.serve())?);
    }
    Ok((Postgres(shared), threads))
}

impl Postgres {
    pub(crate) fn queue(&self) -> &Queue {
        &self.0.queue
    }

    pub(crate) fn is_reachable(&self) -> bool {
        self.0.connected.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn is_writable(&self) -> bool {
        self.0.writable.load(Ordering::Relaxed)
    }
}

fn cannot_open(error: Error) -> Fault {
    let detail =
        format!("PostgreSQL cannot be used: {error}. Check the database URL, and that the server runs.");
    Fault::unavailable(detail).caused_by(error)
}

fn start<T: Send + 'static>(
    name: String,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, Fault> {
    Builder::new().name(name).spawn(body).map_err(Fault::internal)
}
