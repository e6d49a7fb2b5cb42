//! The imported registry: records that the operator loaded from a file.
//!
//! An import is a *generation*: loading → active → retired.
//! At most one of an environment loads and at most one is active, which is the one that is read.
//! Making the next one active is one transaction, so a reader sees the old registry or the new one, and never both,
//! a part of one, or none.
//! Tables: `registry_generation`, `registry_record`, `registry_staged`; all belong to the installation.
//!
//! - A record is found by the first 16 bytes of its number's keyed MAC. Two numbers that share them are one chance in
//!   2^75 among a hundred million, and would fail to open rather than answer with somebody else: see [`seal`].
//! - A retired generation's key is wiped in the transaction that retires it; its rows are swept later, in chunks.
//! - An import has three steps, each in small transactions that yield to requests: [`import`].
//!
//! The look-up runs in the transaction of a tenant, though its tables are not the tenant's: it reads by a global
//! identifier and writes nothing.

mod import;
mod rows;
mod seal;
mod store;
mod sweep;

use base::{Environment, Fault};
use db::Tx;
use kernel::Secrets;

use super::Found;

pub use import::{
    ABORT, APPEND, Appended, BEGIN, BUCKETS, COMMANDS, FINISH, ImportView, MERGE, Merged, PART_BYTES_MAX,
    Rejection, abort, append, begin, finish, list, merge,
};
pub use store::{POSTGRES_STATEMENTS, STATEMENTS};
pub use sweep::sweep;

/// Looks a number up in the live registry: one indexed read. `None`: nothing was ever imported.
///
/// # Errors
/// A database failure; a record or key that was changed or belongs to another secrets file.
pub fn find(tx: &mut Tx<'_>, secrets: &Secrets, national_id: &str) -> Result<Option<Found>, Fault> {
    let mac = seal::mac(secrets, national_id);
    let Some(hit) = store::find(tx, Environment::Live, seal::short(&mac))? else { return Ok(None) };
    let Some(sealed) = hit.sealed_record else { return Ok(Some(Found::Unknown)) };
    let key = seal::open_key(secrets, hit.generation, &hit.sealed_key)?;
    Ok(Some(Found::Record(seal::open(&key, hit.generation, &mac, &sealed)?)))
}

/// Whether there is a live registry.
///
/// # Errors
/// A database failure.
pub fn is_there(tx: &mut Tx<'_>) -> Result<bool, Fault> {
    Ok(store::find(tx, Environment::Live, &seal::ShortMac::default())?.is_some())
}
