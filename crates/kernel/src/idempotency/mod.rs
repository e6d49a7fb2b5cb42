//! Idempotency: the same key and request give the same reply, and are charged once.
//!
//! States of a key: absent → done (reply saved, with the effect, in one transaction) → absent again after a day; or,
//! where a command wants it, a tombstone for 30 days more, which refuses the key, and only then absent.
//! A slow command claims it first: absent → at work (lease, fence) → done; a refusal makes it absent.
//! Keys are scoped by (tenant, environment, service, route), never by API key, so a retry survives a rotation.
//! Table: `idempotency`. A key is stored as a MAC, a reply sealed under the raw key.

mod in_flight;
mod store;

use std::ops::RangeInclusive;

use base::id::{HoldId, TenantId};
use base::{Code, Fault, Timestamp};
use db::Tx;

use crate::secrets::Mac;

pub(crate) use in_flight::{InFlight, Turn};
pub use store::STATEMENTS;

/// How long a reply is kept.
pub const KEEP_SECONDS: i64 = 24 * 60 * 60;
/// How long a key is refused after its reply is gone, where a command leaves a tombstone.
pub const TOMBSTONE_SECONDS: i64 = 30 * 24 * 60 * 60;
/// How long a raw key may be where the service does not say otherwise.
pub const KEY_LENGTH: RangeInclusive<usize> = 1..=255;

/// SHA-256 of the parsed request, its route and API version.
pub type Fingerprint = [u8; 32];

/// What a claim found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Claim {
    /// The key is the caller's now: do the work and call [`complete`].
    Fresh,
    /// The work was done: here is the sealed reply.
    Done(Vec<u8>),
}

/// Where a key is unique.
#[derive(Clone, Copy, Debug)]
pub struct Slot<'a> {
    pub tenant_id: TenantId,
    pub scope: &'a str,
    pub key_mac: &'a Mac,
    /// A key that is too old to be answered is refused rather than taken for a new one.
    pub has_tombstone: bool,
}

/// Claims a key. A second transaction with the same key waits in the database until the first has ended.
///
/// # Errors
/// [`Code::IdempotencyMismatch`] for another request; [`Code::IdempotencyExpired`] for a tombstone;
/// [`Code::RequestInProgress`] while a slow command is at work; a database failure.
pub fn claim(
    tx: &mut Tx<'_>,
    slot: Slot<'_>,
    fingerprint: &Fingerprint,
    now: Timestamp,
) -> Result<Claim, Fault> {
    if store::insert(tx, slot, fingerprint, now)? {
        return Ok(Claim::Fresh);
    }
    // The row is there and young; it may only have vanished if its owner was refused meanwhile.
    let Some(saved) = store::find(tx, slot, now)? else {
        return Err(Fault::unavailable(
            "The first request with this Idempotency-Key has just ended. Please retry.",
        ));
    };
    if saved.is_buried {
        return Err(expired());
    }
    if saved.fingerprint != *fingerprint {
        return Err(mismatch());
    }
    saved.reply.map(Claim::Done).ok_or_else(in_progress)
}

/// What the claim of a slow command found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SlowClaim {
    /// The key is the caller's, until its lease runs out and another one takes over. `hold_left` is what a caller
    /// before held whose lease ran out.
    Fresh { hold_left: Option<HoldId> },
    /// The work was done: here is the sealed reply.
    Done(Vec<u8>),
}

/// For how long, and as whom, a slow command claims a key. The fence is random: a number that counts up would begin
/// anew with a key that was freed, and an old caller would pass for the new one.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    pub seconds: i64,
    pub fence: i64,
}

/// Claims a key for work that outlasts the transaction.
///
/// # Errors
/// [`Code::IdempotencyMismatch`] for another request; [`Code::RequestInProgress`] while another lease lasts; a
/// database failure.
pub fn claim_slowly(
    tx: &mut Tx<'_>,
    slot: Slot<'_>,
    fingerprint: &Fingerprint,
    now: Timestamp,
    lease: Lease,
) -> Result<SlowClaim, Fault> {
    if let Some(hold_left) = store::lease(tx, slot, fingerprint, now, lease)? {
        return Ok(SlowClaim::Fresh { hold_left });
    }
    let Some(saved) = store::find(tx, slot, now)? else { return Err(in_progress()) };
    if saved.fingerprint != *fingerprint {
        return Err(mismatch());
    }
    saved.reply.map(SlowClaim::Done).ok_or_else(in_progress)
}

/// Keeps what was held for the work under a key, for whoever takes it over.
///
/// # Errors
/// A database failure.
pub fn note_hold(tx: &mut Tx<'_>, slot: Slot<'_>, fence: i64, hold_id: HoldId) -> Result<(), Fault> {
    store::note_hold(tx, slot, fence, hold_id)
}

/// Whether the work under a key is still the caller's; the key is locked from here on.
///
/// # Errors
/// A database failure.
pub fn is_held(tx: &mut Tx<'_>, slot: Slot<'_>, fence: i64) -> Result<bool, Fault> {
    store::is_held(tx, slot, fence)
}

/// Frees a key if the work under it is still the caller's.
///
/// # Errors
/// A database failure.
pub fn free_held(tx: &mut Tx<'_>, slot: Slot<'_>, fence: i64) -> Result<(), Fault> {
    store::delete_held(tx, slot, fence)
}

/// What was done under a key within its day: the fingerprint of the request and the sealed reply.
///
/// # Errors
/// A database failure.
pub fn find(
    tx: &mut Tx<'_>,
    slot: Slot<'_>,
    now: Timestamp,
) -> Result<Option<(Fingerprint, Vec<u8>)>, Fault> {
    Ok(store::find(tx, slot, now)?.and_then(|saved| saved.reply.map(|reply| (saved.fingerprint, reply))))
}

/// Saves the sealed reply, and what it is the reply to, in the transaction of the effect.
///
/// # Errors
/// A database failure.
pub fn complete(
    tx: &mut Tx<'_>,
    slot: Slot<'_>,
    fingerprint: &Fingerprint,
    sealed_reply: &[u8],
) -> Result<(), Fault> {
    store::complete(tx, slot, fingerprint, sealed_reply)
}

/// Frees a key whose command was not done, where its transaction commits nevertheless.
///
/// # Errors
/// A database failure.
pub fn free(tx: &mut Tx<'_>, slot: Slot<'_>) -> Result<(), Fault> {
    store::delete(tx, slot)
}

/// Removes up to `limit` keys of a tenant that are past their day.
///
/// # Errors
/// A database failure.
pub fn sweep(tx: &mut Tx<'_>, tenant_id: TenantId, now: Timestamp, limit: i64) -> Result<u64, Fault> {
    store::sweep(tx, tenant_id, now, limit)
}

/// Whether [`sweep`] would find anything at `now`: a look without a lock.
///
/// # Errors
/// A database failure.
pub fn has_old(tx: &mut Tx<'_>, tenant_id: TenantId, now: Timestamp) -> Result<bool, Fault> {
    store::has_old(tx, tenant_id, now)
}

/// The refusal of a key that came with another request before.
#[must_use]
pub fn mismatch() -> Fault {
    Fault::new(Code::IdempotencyMismatch, "Idempotency-Key was already used with a different request payload")
}

/// The refusal of a key whose reply is not kept any more.
#[must_use]
pub fn expired() -> Fault {
    Fault::new(
        Code::IdempotencyExpired,
        "This Idempotency-Key was used more than 24 hours ago. Look up what that request did, or send a new key.",
    )
}

/// The refusal of a key whose work has not ended.
#[must_use]
pub fn in_progress() -> Fault {
    Fault::new(Code::RequestInProgress, "A request with this Idempotency-Key is still at work.")
        .retry_after(1)
}
