//! A transaction: what a command sees of the database.

use std::fmt;

use base::Fault;

use crate::args::Arg;
use crate::error::Error;
use crate::row::Row;
use crate::settings::Engine;
use crate::{postgres, sqlite};

/// An open transaction on one connection.
///
/// A statement that fails dooms its transaction on both engines, as PostgreSQL has it: what follows fails too, and
/// nothing is committed.
/// Where "it is there already" is an answer and not a failure, say `ON CONFLICT DO NOTHING`.
/// A locking clause (`FOR UPDATE`, `FOR SHARE SKIP LOCKED`) at the end of a statement is cut off for SQLite, whose
/// one writer needs none.
pub struct Tx<'a> {
    session: Session<'a>,
    failure: Option<Failure>,
}

pub(crate) enum Session<'a> {
    Sqlite(&'a rusqlite::Connection, &'a sqlite::Changes),
    Postgres(&'a mut postgres::Session),
}

/// Why a transaction cannot be committed any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Failure {
    /// It collided with another and may be run again.
    Collision,
    /// The connection is gone.
    Lost,
    /// There is no space.
    Full,
    Broken,
}

impl Failure {
    fn of(error: &Error) -> Self {
        match error {
            Error::Serialization(_) => Self::Collision,
            Error::Connection(_) | Error::AmbiguousCommit(_) => Self::Lost,
            Error::Full(_) => Self::Full,
            _ => Self::Broken,
        }
    }
}

/// What to answer when a body succeeded although one of its statements had failed.
pub(crate) fn swallowed() -> Fault {
    Fault::internal("a transaction wanted to be committed although one of its statements had failed")
}

impl fmt::Debug for Tx<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx").field("engine", &self.engine()).field("failure", &self.failure).finish()
    }
}

impl<'a> Tx<'a> {
    pub(crate) fn new(session: Session<'a>) -> Self {
        Self { session, failure: None }
    }

    pub(crate) fn failure(&self) -> Option<Failure> {
        self.failure
    }
}

impl Tx<'_> {
    /// The one row that must be there.
    ///
    /// # Errors
    /// [`Error::NoRow`] when there is none, [`Error::Other`] when there are several, and what the engine or `map` says.
    pub fn one<T>(
        &mut self,
        sql: &'static str,
        args: &[Arg<'_>],
        map: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.opt(sql, args, map)?.ok_or(Error::NoRow)
    }

    /// The one row, if it is there.
    ///
    /// # Errors
    /// [`Error::Other`] when there are several, and what the engine or `map` says.
    pub fn opt<T>(
        &mut self,
        sql: &'static str,
        args: &[Arg<'_>],
        mut map: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let mut found = None;
        self.each(sql, args, &mut |row| {
            if found.is_some() {
                return Err(Error::other("one row was wanted and several came"));
            }
            found = Some(map(row)?);
            Ok(())
        })?;
        Ok(found)
    }

    /// All rows, in the statement's order. The statement sets the limit.
    ///
    /// # Errors
    /// What the engine or `map` says.
    pub fn all<T>(
        &mut self,
        sql: &'static str,
        args: &[Arg<'_>],
        mut map: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut rows = Vec::new();
        self.each(sql, args, &mut |row| {
            rows.push(map(row)?);
            Ok(())
        })?;
        Ok(rows)
    }

    /// Changes rows and says how many.
    ///
    /// # Errors
    /// What the engine says.
    pub fn exec(&mut self, sql: &'static str, args: &[Arg<'_>]) -> Result<u64, Error> {
        self.unless_failed(|session| match session {
            Session::Sqlite(connection, changes) => {
                changes.note(sql);
                sqlite::exec(connection, sql, args)
            }
            Session::Postgres(session) => session.exec(sql, args),
        })
    }

    /// Lets the engine parse and plan a statement without running it.
    ///
    /// # Errors
    /// What the engine says.
    pub fn prepare_only(&mut self, sql: &'static str) -> Result<(), Error> {
        self.unless_failed(|session| match session {
            Session::Sqlite(connection, _) => sqlite::prepare_only(connection, sql),
            Session::Postgres(session) => session.prepare_only(sql),
        })
    }

    #[must_use]
    pub fn engine(&self) -> Engine {
        match self.session {
            Session::Sqlite(..) => Engine::Sqlite,
            Session::Postgres(_) => Engine::Postgres,
        }
    }

    /// A number that stands for the rows of these tables as this write sees them: a later write that is given the same
    /// number sees the same rows. `None` on PostgreSQL, where other nodes write too.
    ///
    /// A statement counts as a change of every table that it names, unless it begins with SELECT; so does everything
    /// that is undone. In a read the number says nothing.
    pub fn stamp(&mut self, tables: &[&'static str]) -> Option<u64> {
        match &self.session {
            Session::Sqlite(_, changes) => Some(changes.stamp(tables)),
            Session::Postgres(_) => None,
        }
    }

    /// Runs statements without arguments or results; only migrations may make them up.
    pub(crate) fn batch(&mut self, sql: &str) -> Result<(), Error> {
        self.unless_failed(|session| match session {
            Session::Sqlite(connection, changes) => {
                changes.note_anything();
                sqlite::batch(connection, sql)
            }
            Session::Postgres(session) => session.batch(sql),
        })
    }

    fn each(
        &mut self,
        sql: &'static str,
        args: &[Arg<'_>],
        row: &mut dyn FnMut(&Row<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.unless_failed(|session| match session {
            Session::Sqlite(connection, changes) => {
                changes.note(sql);
                sqlite::each(connection, sql, args, row)
            }
            Session::Postgres(session) => session.each(sql, args, row),
        })
    }

    fn unless_failed<T>(
        &mut self,
        run: impl FnOnce(&mut Session<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.failure.is_some() {
            return Err(Error::other("an earlier statement of this transaction failed"));
        }
        let result = run(&mut self.session);
        self.failure = result.as_ref().err().map(Failure::of);
        result
    }
}
