//! Migrations on PostgreSQL: one node at a time, by a row with a lease.
//!
//! Advisory locks would be simpler, but distributed engines lack them.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use base::Fault;

use super::session::Session;
use crate::args;
use crate::error::Error;
use crate::migrate;
use crate::settings::Migration;
use crate::tx::{self, Tx};

const CREATE: &str = "CREATE TABLE IF NOT EXISTS schema_lease (
    id BIGINT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    expires_at_us BIGINT NOT NULL
)";
const TAKE: &str = "INSERT INTO schema_lease (id, holder, expires_at_us) VALUES (1, ?1, ?2)
    ON CONFLICT (id) DO UPDATE SET holder = ?1, expires_at_us = ?2 WHERE schema_lease.expires_at_us < ?3";
const KEEP: &str = "UPDATE schema_lease SET expires_at_us = ?2 WHERE id = 1 AND holder = ?1";
const RELEASE: &str = "UPDATE schema_lease SET expires_at_us = 0 WHERE id = 1 AND holder = ?1";

/// A node that dies while migrating is waited for this long.
const LEASE_S: i64 = 60;
const POLL: Duration = Duration::from_millis(200);
/// Ten minutes.
const POLLS_MAX: u32 = 3000;
/// `IF NOT EXISTS` may still collide with another node that makes the same table.
const CREATES_MAX: u32 = 5;

/// Brings the database up to `migrations`; does nothing and waits for nobody when it is.
///
/// # Errors
/// When another node holds the lease for too long, a migration fails, or the database is not ours to use.
pub(super) fn migrate(session: &mut Session, migrations: &'static [Migration]) -> Result<(), Fault> {
    create(session)?;
    let holder = format!("{:016x}", RandomState::new().hash_one("holder"));
    for _ in 0..POLLS_MAX {
        if missing(session, migrations)?.is_empty() {
            return Ok(());
        }
        if take(session, &holder)? {
            let result = apply_all(session, migrations, &holder);
            // Whoever comes next would otherwise wait for the lease to run out.
            let released = transact(session, |tx| Ok(tx.exec(RELEASE, args![&holder])?));
            return result.and(released.map(drop));
        }
        wait();
    }
    Err(Fault::unavailable(
        "Another node is migrating the database and has not finished. Start again when it has.",
    ))
}

fn create(session: &mut Session) -> Result<(), Fault> {
    let mut result = Ok(());
    for _ in 0..CREATES_MAX {
        result = transact(session, |tx| {
            tx.batch(CREATE)?;
            Ok(migrate::prepare(tx)?)
        });
        if result.is_ok() {
            break;
        }
        wait();
    }
    result
}

fn missing(session: &mut Session, migrations: &'static [Migration]) -> Result<&'static [Migration], Fault> {
    transact(session, |tx| migrate::pending(&migrate::applied(tx)?, migrations))
}

fn take(session: &mut Session, holder: &str) -> Result<bool, Fault> {
    transact(session, |tx| {
        let now = migrate::clock(tx)?;
        match tx.exec(TAKE, args![holder, now.plus_seconds(LEASE_S), now]) {
            Ok(count) => Ok(count == 1),
            // Its holder is within a migration.
            Err(Error::LockTimeout(_) | Error::Serialization(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    })
}

/// Each migration is its own transaction, which holds the lease's row: a lease that runs out during a long one cannot
/// be taken before it ends.
fn apply_all(session: &mut Session, migrations: &'static [Migration], holder: &str) -> Result<(), Fault> {
    while let [next, ..] = missing(session, migrations)? {
        transact(session, |tx| {
            let until = migrate::clock(tx)?.plus_seconds(LEASE_S);
            if tx.exec(KEEP, args![holder, until])? == 0 {
                return Err(Fault::unavailable("Another node took over the migration. Start again."));
            }
            migrate::apply(tx, next)
        })?;
    }
    Ok(())
}

fn transact<T>(
    session: &mut Session,
    body: impl FnOnce(&mut Tx<'_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    session.batch("BEGIN; SET LOCAL statement_timeout = 0")?;
    match body(&mut Tx::new(tx::Session::Postgres(&mut *session))) {
        Ok(done) => session.commit().map(|()| done).map_err(Fault::from),
        Err(fault) => {
            session.batch("ROLLBACK")?;
            Err(fault)
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "waits for another node, before anything is served")]
fn wait() {
    std::thread::sleep(POLL);
}
