//! The steps that bring rows into the log. Each is a small transaction, and may be cut short or repeated at any point.

use std::collections::BTreeMap;
use std::future::Future;

use base::Fault;
use base::id::{AuditId, TenantId};
use db::Tx;
use seal::checkpoint::Checkpoint;
use seal::merkle::Hash;
use seal::note;
use seal::row::{Row, SALT_LENGTH};

use super::store::{Chunk, Place};
use super::{append, store, verifier_keys};
use crate::Kernel;
use crate::ctx::Random;
use crate::tenancy::INSTALLATION;

/// Rows of one append.
pub const CHUNK_ROWS_MAX: usize = 1024;
/// Tenants whose rows are in one append: each of them is a transaction of its own to mark.
const CHUNK_TENANTS_MAX: usize = 32;
/// Rows that are told their places in one transaction: requests get their turn in between.
const MARKS_A_TRANSACTION: usize = 64;
/// Whoever died with the lease is waited for this long.
const LEASE_SECONDS: i64 = 30;

/// Who may append, until another takes the lease.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lease {
    log_number: i64,
    fence: i64,
}

/// What a round did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sealed {
    /// Rows that got a place.
    pub rows: usize,
    /// Rows of before there was a log, that were given their salt.
    pub salted: usize,
    /// The tenant where the next round goes on, so that each gets its turn. Empty: from the first.
    pub next_after: String,
}

/// One round: at most [`CHUNK_ROWS_MAX`] rows get their place, and a checkpoint over them is signed. Nothing, when there
/// is nothing to do or another node does it.
///
/// Tenants behind `after` come first. `keep` saves, outside the database, what is going to be signed; only then is it signed and seen by others.
///
/// # Errors
/// A database failure, or what `keep` says: the next round goes on where this one was cut.
pub async fn round<K, F>(kernel: &Kernel, after: &str, keep: K) -> Result<Sealed, Fault>
where
    K: Fn(Checkpoint) -> F,
    F: Future<Output = Result<(), Fault>>,
{
    if !kernel.db.read(is_due).await? {
        return Ok(Sealed::default());
    }
    let Some(lease) = take_lease(kernel).await? else { return Ok(Sealed::default()) };
    // What an earlier round left.
    publish(kernel, &keep).await?;
    mark_all(kernel).await?;
    let salted = salt_next(kernel, after).await?;
    let (rows, next_after) = append_next(kernel, lease, after).await?;
    publish(kernel, &keep).await?;
    mark_all(kernel).await?;
    release(kernel, lease).await?;
    Ok(Sealed { rows, salted, next_after })
}

async fn publish<K, F>(kernel: &Kernel, keep: &K) -> Result<(), Fault>
where
    K: Fn(Checkpoint) -> F,
    F: Future<Output = Result<(), Fault>>,
{
    let head = kernel.db.read(store::newest).await?;
    let Some(head) = head.filter(|head| head.signed_size < head.checkpoint.size) else { return Ok(()) };
    keep(head.checkpoint.clone()).await?;
    sign(kernel, &head.checkpoint).await
}

/// Whether a round would find something to do.
///
/// # Errors
/// A database failure.
pub fn is_due(tx: &mut Tx<'_>) -> Result<bool, Fault> {
    let Some(head) = store::newest(tx)? else { return Ok(false) };
    Ok(head.signed_size < head.checkpoint.size
        || store::next_tenant(tx, "")?.is_some()
        || store::has_chunk(tx)?)
}

/// Takes the lease of the log that grows; `None` while another holds it, or when there is no log.
///
/// # Errors
/// A database failure.
pub async fn take_lease(kernel: &Kernel) -> Result<Option<Lease>, Fault> {
    let clock = kernel.clock.clone();
    let take = move |tx: &mut Tx<'_>| {
        let Some(head) = store::newest(tx)? else { return Ok(None) };
        let now = clock.now();
        let fence = store::take(tx, head.log_number, now.plus_seconds(LEASE_SECONDS), now)?;
        Ok(fence.map(|fence| Lease { log_number: head.log_number, fence }))
    };
    kernel.db.write(INSTALLATION, take).await
}

/// Tells all rows that were appended and signed their places.
///
/// # Errors
/// A database failure: what is left is told by the next call.
pub async fn mark_all(kernel: &Kernel) -> Result<(), Fault> {
    while let Some(chunk) = kernel.db.read(store::first_chunk).await? {
        for (tenant_id, places) in by_tenant(&chunk)? {
            let log_number = chunk.log_number;
            for places in places.chunks(MARKS_A_TRANSACTION) {
                let places = places.to_vec();
                let mark = move |tx: &mut Tx<'_>| {
                    places.iter().try_for_each(|(place, index)| store::mark(tx, *place, log_number, *index))
                };
                kernel.db.write(tenant_id, mark).await?;
            }
        }
        let forget = move |tx: &mut Tx<'_>| store::delete_chunk(tx, chunk.log_number, chunk.first_index);
        kernel.db.write(INSTALLATION, forget).await?;
    }
    Ok(())
}

fn by_tenant(chunk: &Chunk) -> Result<BTreeMap<TenantId, Vec<(Place, i64)>>, Fault> {
    let places: Vec<Place> = serde_json::from_str(&chunk.places).map_err(Fault::internal)?;
    let mut tenants: BTreeMap<TenantId, Vec<(Place, i64)>> = BTreeMap::new();
    for (index, place) in (chunk.first_index..).zip(places) {
        tenants.entry(place.0).or_default().push((place, index));
    }
    Ok(tenants)
}

/// Gives rows of before there was a log what blinds their personal fields. Says how many.
///
/// # Errors
/// A database failure.
pub async fn salt_next(kernel: &Kernel, after: &str) -> Result<usize, Fault> {
    let after = after.to_owned();
    let found = kernel.db.read(move |tx| Ok(collect(tx, &after)?.unsalted)).await?;
    let rows = found.values().map(Vec::len).sum();
    for (tenant_id, audit_ids) in found {
        let random = kernel.random.clone();
        let salt = move |tx: &mut Tx<'_>| {
            audit_ids.iter().try_for_each(|id| store::salt(tx, tenant_id, *id, &new_salt(&random)))
        };
        kernel.db.write(tenant_id, salt).await?;
    }
    Ok(rows)
}

pub(in crate::audit) fn new_salt(random: &Random) -> [u8; SALT_LENGTH] {
    random.bytes()
}

/// Gives the next rows their places. Says how many, and behind which tenant the next ones are to be looked for.
///
/// # Errors
/// [`base::Code::Conflict`] when another has taken the lease since, or what was appended before is not signed and
/// marked; a database failure.
pub async fn append_next(kernel: &Kernel, lease: Lease, after: &str) -> Result<(usize, String), Fault> {
    let after = after.to_owned();
    let Collected { rows, next_after, .. } = kernel.db.read(move |tx| collect(tx, &after)).await?;
    if rows.is_empty() {
        return Ok((0, next_after));
    }
    let entries: Vec<Hash> = rows.iter().map(|(row, _)| row.entry()).collect();
    let places: Vec<Place> = rows.into_iter().map(|(_, place)| place).collect();
    let (count, places) = (places.len(), serde_json::to_string(&places).map_err(Fault::internal)?);
    let add = move |tx: &mut Tx<'_>| add(tx, lease, &entries, &places);
    kernel.db.write(INSTALLATION, add).await?;
    Ok((count, next_after))
}

fn add(tx: &mut Tx<'_>, lease: Lease, entries: &[Hash], places: &str) -> Result<(), Fault> {
    let lost = || Fault::conflict("Another node seals the audit log now.");
    let head =
        store::lock(tx, lease.log_number)?.filter(|head| head.fence == lease.fence).ok_or_else(lost)?;
    if store::has_chunk(tx)? {
        return Err(Fault::conflict("Rows that were appended before do not know their places yet."));
    }
    let size = head.checkpoint.size;
    let root = append::append(tx, lease.log_number, size, entries)?;
    let first_index = i64::try_from(size).map_err(Fault::internal)?;
    let added = i64::try_from(entries.len()).map_err(Fault::internal)?;
    store::set_size(tx, lease.log_number, first_index + added, &root)?;
    let chunk = Chunk { log_number: lease.log_number, first_index, places: places.to_owned() };
    store::insert_chunk(tx, &chunk)
}

/// Signs what the log is, if it is still what was kept outside the database, and makes it public.
///
/// # Errors
/// A database failure; a log whose name no note can hold.
pub async fn sign(kernel: &Kernel, kept: &Checkpoint) -> Result<(), Fault> {
    let (kept, secrets) = (kept.clone(), kernel.secrets.clone());
    let sign = move |tx: &mut Tx<'_>| {
        let Some(newest) = store::newest(tx)? else { return Ok(()) };
        let Some(head) = store::lock(tx, newest.log_number)? else { return Ok(()) };
        if head.checkpoint != kept || head.signed_size == kept.size {
            return Ok(());
        }
        let keys: Vec<_> = verifier_keys(&secrets, &kept.origin).zip(secrets.audit_keys()).collect();
        let signers: Vec<_> = keys.iter().map(|(name, key)| (name, |text: &[u8]| key.sign(text))).collect();
        let note = note::sign(&kept.text(), &signers);
        store::set_note(tx, head.log_number, &note, i64::try_from(kept.size).map_err(Fault::internal)?)
    };
    kernel.db.write(INSTALLATION, sign).await
}

async fn release(kernel: &Kernel, lease: Lease) -> Result<(), Fault> {
    kernel.db.write(INSTALLATION, move |tx| store::release(tx, lease.log_number, lease.fence)).await
}

/// The next rows, of several tenants if several have some.
#[derive(Debug, Default)]
struct Collected {
    rows: Vec<(Row, Place)>,
    unsalted: BTreeMap<TenantId, Vec<AuditId>>,
    next_after: String,
}

fn collect(tx: &mut Tx<'_>, after: &str) -> Result<Collected, Fault> {
    let mut collected = Collected::default();
    let mut tenants = tenants_after(tx, after)?;
    if tenants.len() == CHUNK_TENANTS_MAX {
        collected.next_after = tenants[CHUNK_TENANTS_MAX - 1].text();
    } else if tenants.is_empty() && !after.is_empty() {
        tenants = tenants_after(tx, "")?;
    }
    let share = CHUNK_ROWS_MAX.checked_div(tenants.len()).unwrap_or(0);
    for tenant_id in tenants {
        collect_tenant(tx, tenant_id, share, &mut collected)?;
    }
    Ok(collected)
}

fn tenants_after(tx: &mut Tx<'_>, after: &str) -> Result<Vec<TenantId>, Fault> {
    let mut tenants = Vec::new();
    let mut after = after.to_owned();
    while tenants.len() < CHUNK_TENANTS_MAX
        && let Some(tenant_id) = store::next_tenant(tx, &after)?
    {
        after = tenant_id.text();
        tenants.push(tenant_id);
    }
    Ok(tenants)
}

fn collect_tenant(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    share: usize,
    collected: &mut Collected,
) -> Result<(), Fault> {
    let mut numbers: BTreeMap<String, i64> = BTreeMap::new();
    for found in store::unsealed(tx, tenant_id, i64::try_from(share).map_err(Fault::internal)?)? {
        let Some(row) = found.whole else {
            collected.unsalted.entry(tenant_id).or_default().push(found.audit_id);
            continue;
        };
        let number = match numbers.get(&row.environment) {
            Some(last) => last + 1,
            None => store::last_number(tx, tenant_id, &row.environment)? + 1,
        };
        numbers.insert(row.environment.clone(), number);
        let row = Row { number: u64::try_from(number).map_err(Fault::internal)?, ..row };
        collected.rows.push((row, (tenant_id, found.audit_id, number)));
    }
    Ok(())
}
