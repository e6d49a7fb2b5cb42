//! Two engines behind one narrow border: SQLite for one machine, PostgreSQL for many.
//!
//! Above this crate nobody names a driver.
//! A transaction is a plain function over [`Tx`], run on a database thread: it cannot await, so nothing slow fits in.
//! It is `Fn`, because PostgreSQL may make us run it again.
//!
//! - One SQL text for both engines: `?1` placeholders, constants only, the portable subset.
//! - Nobody is answered before COMMIT has returned.
//! - Every queue is bounded; a full one refuses.
//! - A caller that goes away never cancels a write under way.
//! - Constraints have the same names on both engines: see [`Error::is_constraint`].

mod args;
mod error;
mod migrate;
mod placeholder;
mod pool;
mod postgres;
mod queue;
mod row;
mod settings;
mod sqlite;
mod tx;

pub use args::Arg;
pub use error::Error;
pub use migrate::AppliedMigration;
pub use pool::{Db, Status};
pub use row::{Column, Row};
pub use settings::{Engine, Isolation, Migration, Settings, Source, WRITE_TIME_MAX};
pub use tx::Tx;
