//! Which engine, where, and how much of it.

use std::path::PathBuf;
use std::time::Duration;

use base::Secret;

/// A write of PostgreSQL that began so long ago is not committed any more: its rows bear the time of their making, and
/// whoever reads by time may rely on it that older rows do not appear later.
pub const WRITE_TIME_MAX: Duration = Duration::from_secs(25);

/// The engine behind the border.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    /// The name in configuration, logs and documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// Where the data is.
#[derive(Clone, Debug)]
pub enum Source {
    /// A folder that one process owns; it is made when it is not there.
    Sqlite { folder: PathBuf },
    /// A libpq-style URL: `postgres://user:password@host/database?sslmode=require`.
    ///
    /// `sslmode=require`, `verify-ca` and `verify-full` all encrypt and verify certificate and host name; anything
    /// else is plain.
    /// `sslrootcert=/path.pem` replaces the public certificate authorities by a private one.
    Postgres { url: Secret },
}

/// How transactions of PostgreSQL see each other; SQLite is always serializable.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Isolation {
    #[default]
    ReadCommitted,
    /// Stands in, in tests, for engines that know nothing weaker.
    Serializable,
}

/// What [`Db::open`](crate::Db::open) needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    pub source: Source,
    /// SQLite: reader threads.
    pub readers: usize,
    /// PostgreSQL: threads with one connection each.
    pub connections: usize,
    /// Jobs that may wait in a queue; the next one is refused.
    pub queue_max: usize,
    /// All migrations this binary knows, ascending.
    pub migrations: &'static [Migration],
    pub isolation: Isolation,
    /// PostgreSQL: a write that took so long is not committed. SQLite has one writer, behind which everybody waits.
    pub write_time_max: Duration,
}

impl Settings {
    #[must_use]
    pub fn new(source: Source, migrations: &'static [Migration]) -> Self {
        Self {
            source,
            readers: 4,
            connections: 16,
            queue_max: 4096,
            migrations,
            isolation: Isolation::default(),
            write_time_max: WRITE_TIME_MAX,
        }
    }
}

/// One step forward of the schema; never edited once released.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Ascending, without reuse.
    pub version: u32,
    pub name: &'static str,
    /// SQL for both engines, with the holes that [`migrate`](crate::migrate) fills.
    pub template: &'static str,
    /// The newest migration that a binary must know to use a database that has this one.
    pub oldest_binary: u32,
}
