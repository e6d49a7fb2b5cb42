use base::id::{HoldId, TenantId};
use base::{Fault, Timestamp};
use db::{Tx, args};

use super::{Fingerprint, KEEP_SECONDS, Lease, Slot, TOMBSTONE_SECONDS};

const INSERT: &str = "INSERT INTO idempotency (tenant_id, scope, key_mac, fingerprint, fence, created_at_us, expires_at_us, tombstone_until_us) \
    VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6, ?7) ON CONFLICT (tenant_id, scope, key_mac) DO UPDATE \
    SET fingerprint = excluded.fingerprint, fence = idempotency.fence + 1, reply = NULL, \
    created_at_us = excluded.created_at_us, expires_at_us = excluded.expires_at_us, \
    tombstone_until_us = excluded.tombstone_until_us \
    WHERE COALESCE(idempotency.tombstone_until_us, idempotency.expires_at_us) <= ?5";
const FIND: &str = "SELECT fingerprint, reply, expires_at_us FROM idempotency WHERE tenant_id = ?1 AND scope = ?2 AND key_mac = ?3 \
    AND COALESCE(tombstone_until_us, expires_at_us) > ?4";
/// Also takes over from a caller whose lease ran out, and then keeps what that one held.
const LEASE: &str = "INSERT INTO idempotency (tenant_id, scope, key_mac, fingerprint, fence, lease_until_us, created_at_us, expires_at_us) \
    VALUES (?1, ?2, ?3, ?4, ?8, ?7, ?5, ?6) ON CONFLICT (tenant_id, scope, key_mac) DO UPDATE \
    SET hold_id = CASE WHEN idempotency.expires_at_us <= ?5 THEN NULL ELSE idempotency.hold_id END, \
    fingerprint = excluded.fingerprint, fence = excluded.fence, lease_until_us = excluded.lease_until_us, reply = NULL, \
    created_at_us = excluded.created_at_us, expires_at_us = excluded.expires_at_us \
    WHERE idempotency.expires_at_us <= ?5 OR (idempotency.reply IS NULL AND idempotency.lease_until_us <= ?5 \
    AND idempotency.fingerprint = excluded.fingerprint) RETURNING hold_id";
const NOTE_HOLD: &str =
    "UPDATE idempotency SET hold_id = ?5 WHERE tenant_id = ?1 AND scope = ?2 AND key_mac = ?3 AND fence = ?4";
const HELD: &str = "SELECT fence FROM idempotency WHERE tenant_id = ?1 AND scope = ?2 AND key_mac = ?3 AND fence = ?4 \
    AND reply IS NULL FOR UPDATE";
const DELETE_HELD: &str = "DELETE FROM idempotency WHERE tenant_id = ?1 AND scope = ?2 AND key_mac = ?3 AND fence = ?4 AND reply IS NULL";
const COMPLETE: &str = "UPDATE idempotency SET fingerprint = ?4, reply = ?5 WHERE tenant_id = ?1 AND scope = ?2 AND key_mac = ?3";
const DELETE: &str = "DELETE FROM idempotency WHERE tenant_id = ?1 AND scope = ?2 AND key_mac = ?3";
/// The age is asked for twice: a key may be claimed anew between the inner statement and the lock of the outer one.
const SWEEP: &str = "DELETE FROM idempotency WHERE tenant_id = ?1 AND expires_at_us <= ?2 AND tombstone_until_us IS NULL AND (scope, key_mac) IN ( \
    SELECT scope, key_mac FROM idempotency WHERE tenant_id = ?1 AND expires_at_us <= ?2 ORDER BY expires_at_us LIMIT ?3)";
/// An empty reply is a tombstone: the key was used, and what was answered is gone.
const BURY: &str = "UPDATE idempotency SET reply = ?4, expires_at_us = tombstone_until_us, tombstone_until_us = NULL \
    WHERE tenant_id = ?1 AND expires_at_us <= ?2 AND tombstone_until_us IS NOT NULL AND (scope, key_mac) IN ( \
    SELECT scope, key_mac FROM idempotency WHERE tenant_id = ?1 AND expires_at_us <= ?2 ORDER BY expires_at_us LIMIT ?3)";
const OLD: &str = "SELECT expires_at_us FROM idempotency WHERE tenant_id = ?1 AND expires_at_us <= ?2 ORDER BY expires_at_us LIMIT 1";

pub const STATEMENTS: &[&str] =
    &[INSERT, FIND, LEASE, NOTE_HOLD, HELD, DELETE_HELD, COMPLETE, DELETE, SWEEP, BURY, OLD];

pub(super) struct Saved {
    pub(super) fingerprint: Fingerprint,
    pub(super) reply: Option<Vec<u8>>,
    /// It was done, and its reply is not kept any more.
    pub(super) is_buried: bool,
}

/// `false` when a young row of the same key is there.
pub(super) fn insert(
    tx: &mut Tx<'_>,
    slot: Slot<'_>,
    fingerprint: &Fingerprint,
    now: Timestamp,
) -> Result<bool, Fault> {
    let expires_at = now.plus_seconds(KEEP_SECONDS);
    let tombstone_until = slot.has_tombstone.then(|| expires_at.plus_seconds(TOMBSTONE_SECONDS));
    let (key_mac, fingerprint) = (&slot.key_mac[..], &fingerprint[..]);
    let args = args![slot.tenant_id, slot.scope, key_mac, fingerprint, now, expires_at, tombstone_until];
    Ok(tx.exec(INSERT, args)? == 1)
}

/// A row that is past its day is as good as gone.
pub(super) fn find(tx: &mut Tx<'_>, slot: Slot<'_>, now: Timestamp) -> Result<Option<Saved>, Fault> {
    Ok(tx.opt(FIND, args![slot.tenant_id, slot.scope, &slot.key_mac[..], now], |row| {
        let fingerprint = Fingerprint::try_from(row.bytes("fingerprint")?)
            .map_err(|_| db::Error::corrupt("a fingerprint of another length than 32 bytes"))?;
        let reply = row.opt_bytes("reply")?;
        let is_buried = reply.as_ref().is_some_and(Vec::is_empty) || row.timestamp("expires_at_us")? <= now;
        Ok(Saved { fingerprint, reply, is_buried })
    })?)
}

/// What a caller before held, if any. `None` when the key is at work, done or of another request.
pub(super) fn lease(
    tx: &mut Tx<'_>,
    slot: Slot<'_>,
    fingerprint: &Fingerprint,
    now: Timestamp,
    lease: Lease,
) -> Result<Option<Option<HoldId>>, Fault> {
    let (expires_at, lease_until) = (now.plus_seconds(KEEP_SECONDS), now.plus_seconds(lease.seconds));
    let (key_mac, fingerprint) = (&slot.key_mac[..], &fingerprint[..]);
    let args =
        args![slot.tenant_id, slot.scope, key_mac, fingerprint, now, expires_at, lease_until, lease.fence];
    Ok(tx.opt(LEASE, args, |row| row.opt_id("hold_id"))?)
}

pub(super) fn note_hold(tx: &mut Tx<'_>, slot: Slot<'_>, fence: i64, hold_id: HoldId) -> Result<(), Fault> {
    tx.exec(NOTE_HOLD, args![slot.tenant_id, slot.scope, &slot.key_mac[..], fence, hold_id])?;
    Ok(())
}

pub(super) fn is_held(tx: &mut Tx<'_>, slot: Slot<'_>, fence: i64) -> Result<bool, Fault> {
    let held =
        tx.opt(HELD, args![slot.tenant_id, slot.scope, &slot.key_mac[..], fence], |row| row.int("fence"))?;
    Ok(held.is_some())
}

pub(super) fn delete_held(tx: &mut Tx<'_>, slot: Slot<'_>, fence: i64) -> Result<(), Fault> {
    tx.exec(DELETE_HELD, args![slot.tenant_id, slot.scope, &slot.key_mac[..], fence])?;
    Ok(())
}

pub(super) fn complete(
    tx: &mut Tx<'_>,
    slot: Slot<'_>,
    fingerprint: &Fingerprint,
    sealed_reply: &[u8],
) -> Result<(), Fault> {
    let (tenant_id, scope, key_mac) = (slot.tenant_id, slot.scope, &slot.key_mac[..]);
    tx.exec(COMPLETE, args![tenant_id, scope, key_mac, &fingerprint[..], sealed_reply])?;
    Ok(())
}

pub(super) fn delete(tx: &mut Tx<'_>, slot: Slot<'_>) -> Result<(), Fault> {
    tx.exec(DELETE, args![slot.tenant_id, slot.scope, &slot.key_mac[..]])?;
    Ok(())
}

pub(super) fn has_old(tx: &mut Tx<'_>, tenant_id: TenantId, now: Timestamp) -> Result<bool, Fault> {
    Ok(tx.opt(OLD, args![tenant_id, now], |row| row.int("expires_at_us"))?.is_some())
}

pub(super) fn sweep(tx: &mut Tx<'_>, tenant_id: TenantId, now: Timestamp, limit: i64) -> Result<u64, Fault> {
    let buried = tx.exec(BURY, args![tenant_id, now, limit, &[][..] as &[u8]])?;
    Ok(buried + tx.exec(SWEEP, args![tenant_id, now, limit])?)
}
