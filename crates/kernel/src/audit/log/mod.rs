//! The log that anyone can check: committed audit rows in one order, in a Merkle tree whose root is signed.
//!
//! Tables: `audit_log` (one row for each log; the highest number grows), `audit_tile`, `audit_chunk`. They belong to
//! the installation. The rows themselves stay in their tenants' `audit`, and learn their place.
//!
//! A row comes into the log in two steps that may each be repeated, because a transaction writes one tenant only:
//! *append* gives rows their places in the log's own tables, *mark* tells each tenant's rows the places they got.
//! All that was appended is marked before new rows are looked for, and only the holder of the newest fence appends:
//! so no row gets two places.
//! Rows are found by having no place, and not by their ids, so none is missed whose transaction committed late.
//!
//! A checkpoint is signed in a later transaction than its append, under the lock of the log's row, over the size and
//! root that are committed there. A log only grows, so no two checkpoints contradict each other.
//! A database that was restored from a backup has forgotten what was signed: see [`begin()`].

mod append;
mod begin;
mod sealer;
mod store;

use base::{Fault, Timestamp};
use db::Tx;
use seal::checkpoint::Checkpoint;
use seal::merkle::Hash;
use seal::note::VerifierKey;
use seal::tile::{self, Kind, Tile};
use seal::tree::{Missing, Tree};

use crate::secrets::{Secrets, SigningKey};

pub use begin::{Beside, begin, begin_anew};
pub(super) use sealer::new_salt;
pub use sealer::{
    CHUNK_ROWS_MAX, Lease, Sealed, append_next, is_due, mark_all, round, salt_next, sign, take_lease,
};
pub(super) use store::STATEMENTS;

/// Where the entries are kept: they are no level of the tree.
const ENTRIES: i64 = -1;

/// A log as it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    pub log_number: i64,
    /// What leaf 0 is the hash of.
    pub beginning: String,
    pub began_at: Timestamp,
    /// Everything that was appended.
    pub checkpoint: Checkpoint,
    /// The newest signed note; there is none in the moment before the first.
    pub note: Option<String>,
    /// The size that the note is of.
    pub signed_size: u64,
    pub(super) fence: i64,
}

/// The log that grows, if there is one yet.
///
/// # Errors
/// A database failure.
pub fn head(tx: &mut Tx<'_>) -> Result<Option<Head>, Fault> {
    store::newest(tx)
}

/// Every log, the oldest first.
///
/// # Errors
/// A database failure.
pub fn heads(tx: &mut Tx<'_>) -> Result<Vec<Head>, Fault> {
    store::heads(tx)
}

/// The bytes of a tile of the log that grows, as C2SP tlog-tiles has it; `None` when it does not reach so far.
///
/// # Errors
/// A database failure.
pub fn tile(tx: &mut Tx<'_>, wanted: Tile) -> Result<Option<Vec<u8>>, Fault> {
    let (Some(head), Ok(number)) = (store::newest(tx)?, i64::try_from(wanted.number)) else {
        return Ok(None);
    };
    let level = match wanted.kind {
        Kind::Level(level) => i64::from(level),
        Kind::Entries => ENTRIES,
    };
    let Some(mut bytes) = store::tile(tx, head.log_number, level, number)? else { return Ok(None) };
    let width = usize::try_from(wanted.width * 32).unwrap_or(usize::MAX);
    if bytes.len() < width {
        return Ok(None);
    }
    bytes.truncate(width);
    Ok(Some(match wanted.kind {
        Kind::Level(_) => bytes,
        // Each entry is 32 bytes, and its length stands before it in two.
        Kind::Entries => bytes.chunks(32).flat_map(|entry| [&[0, 32], entry].concat()).collect(),
    }))
}

/// The tree of a log when it had this size, over the tiles in the database.
pub fn tree<'a, 'b>(
    tx: &'a mut Tx<'b>,
    log_number: i64,
    size: u64,
) -> Tree<impl FnMut(u8, u64) -> Result<Vec<Hash>, Unprovable> + use<'a, 'b>> {
    Tree::new(
        size,
        move |level, number| Ok(hashes(tx, log_number, level.into(), number)?.unwrap_or_default()),
    )
}

/// Why something cannot be proven: the database failed, or lacks a part of the log that it says it has.
#[derive(Debug)]
pub struct Unprovable(Fault);

impl From<Missing> for Unprovable {
    fn from(missing: Missing) -> Self {
        Self(Fault::internal(format!("the audit log: {missing}")))
    }
}

impl From<Fault> for Unprovable {
    fn from(fault: Fault) -> Self {
        Self(fault)
    }
}

impl From<Unprovable> for Fault {
    fn from(unprovable: Unprovable) -> Self {
        unprovable.0
    }
}

/// The keys that checkpoints of a log are signed with: one for each version of the secret, the newest first.
pub fn verifier_keys(secrets: &Secrets, origin: &str) -> impl Iterator<Item = VerifierKey> {
    secrets.audit_keys().filter_map(move |key| verifier_key(key, origin))
}

fn verifier_key(key: &SigningKey, origin: &str) -> Option<VerifierKey> {
    VerifierKey::new(origin, key.public_key())
}

fn hashes(tx: &mut Tx<'_>, log_number: i64, level: i64, number: u64) -> Result<Option<Vec<Hash>>, Fault> {
    let number = i64::try_from(number).map_err(Fault::internal)?;
    let Some(bytes) = store::tile(tx, log_number, level, number)? else { return Ok(None) };
    let broken = || Fault::internal(format!("tile {number} of level {level} of the audit log is damaged"));
    tile::hashes(&bytes).map(Some).ok_or_else(broken)
}
