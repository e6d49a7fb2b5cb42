//! PostgreSQL: threads with one connection each.

use base::{Fault, Secret};

use crate::args::Arg;
use crate::error::Error;
use crate::queue::Queue;
use crate::row::{Column, Row, Value};
use crate::settings::Settings;

pub(crate) struct Postgres {
    pub(crate) queue: Queue,
}

pub(crate) fn open(_url: &Secret, _settings: &Settings) -> Result<(Postgres, Vec<std::thread::JoinHandle<()>>), Fault> {
    Err(Fault::unavailable("PostgreSQL is not wired in yet: use SQLite."))
}

impl Postgres {
    pub(crate) fn queue(&self) -> &Queue { &self.queue }
    pub(crate) fn queue_depth(&self) -> usize { 0 }
    pub(crate) fn is_reachable(&self) -> bool { false }
    pub(crate) fn is_writable(&self) -> bool { false }
}
pub(crate) struct Session;

impl Session {
    pub(crate) fn exec(&mut self, _sql: &'static str, _args: &[Arg<'_>]) -> Result<u64, Error> { Err(Error::other("x")) }
    pub(crate) fn each(&mut self, _sql: &'static str, _args: &[Arg<'_>], _row: &mut dyn FnMut(&Row<'_>) -> Result<(), Error>) -> Result<(), Error> { Err(Error::other("x")) }
    pub(crate) fn prepare_only(&mut self, _sql: &'static str) -> Result<(), Error> { Err(Error::other("x")) }
    pub(crate) fn batch(&mut self, _sql: &str) -> Result<(), Error> { Err(Error::other("x")) }
}

pub(crate) fn value<'a>(_row: &'a ::postgres::Row, _column: impl Column) -> Result<Value<'a>, Error> { Err(Error::other("x")) }
