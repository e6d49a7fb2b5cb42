//! Keys: what a caller proves itself with.
//!
//! States of a key: live → expiring (rotated: `revoked_at` lies ahead) → revoked. Expiry is a date of its own.
//! Keys of one lineage share limits, caps and balances; rotation makes the next key of a lineage.
//! Tables: `api_key` (under the tenant), `credential` (look-up by MAC, immutable), `gate` (of each key, and of the lineage for rotations).
//! A key's text is in the answer that made it and nowhere else.

mod model;
mod store;

use base::id::{KeyId, LineageId, TenantId};
use base::key_text::last_four;
use base::{Code, Environment, Fault, KeyKind, KeyText, Secret, Service, Timestamp};
use db::Tx;

use crate::ctx::Ctx;
use crate::secrets::{Mac, Secrets, is_equal};
use crate::{Kernel, tenancy};

pub use model::{Key, KeyChange, LABEL_LENGTH_MAX, NewKey, RATE_LIMIT_MAX, RESTRICTIONS_MAX};
pub use store::STATEMENTS;

/// How long a rotated key keeps working, and the longest grace that may be asked for.
pub const GRACE_SECONDS_MAX: i64 = 900;

/// What the look-up by MAC says. Immutable, so that it may be cached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Credential {
    pub tenant_id: TenantId,
    pub object: Object,
}

/// What a secret stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Object {
    Key(KeyId),
    Token(base::id::TokenId),
}

/// A key that a caller presented, and its tenant as the same transaction saw it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Presented {
    pub key: Key,
    /// `None` when there is no such tenant.
    pub tenant: Option<tenancy::Status>,
}

/// Finds the key a caller presented, whatever its state. `pair_secret` is the second half of a pair.
///
/// # Errors
/// [`Code::CredentialInvalid`] for anything that is no key of ours; a database failure.
pub async fn authenticate(
    kernel: &Kernel,
    text: &str,
    pair_secret: Option<&str>,
) -> Result<Presented, Fault> {
    let form = KeyText::parse(text).map_err(|_| invalid())?;
    let macs: Vec<Mac> = kernel.secrets.credential_macs(text).collect();
    let pair_macs: Vec<Mac> =
        pair_secret.map(|secret| kernel.secrets.credential_macs(secret).collect()).unwrap_or_default();
    let presented = kernel.db.read(move |tx| find_by_mac(tx, &macs)).await?.ok_or_else(invalid)?;
    let key = &presented.key;
    let is_itself =
        key.service == form.service && key.kind == form.kind && key.environment == form.environment;
    let is_paired = match &key.pair_mac {
        None => pair_secret.is_none(),
        Some(stored) => pair_macs.iter().any(|mac| is_equal(mac, stored)),
    };
    if is_itself && is_paired { Ok(presented) } else { Err(invalid()) }
}

fn find_by_mac(tx: &mut Tx<'_>, macs: &[Mac]) -> Result<Option<Presented>, Fault> {
    let Some(Credential { tenant_id, object: Object::Key(key_id) }) = find_credential(tx, macs)? else {
        return Ok(None);
    };
    let Some(key) = store::find(tx, tenant_id, key_id)? else { return Ok(None) };
    Ok(Some(Presented { key, tenant: tenancy::status(tx, tenant_id)? }))
}

/// The owner of the first of these MACs that is stored.
///
/// # Errors
/// A database failure.
pub fn find_credential(tx: &mut Tx<'_>, macs: &[Mac]) -> Result<Option<Credential>, Fault> {
    for mac in macs {
        if let Some(credential) = store::find_credential(tx, mac)? {
            return Ok(Some(credential));
        }
    }
    Ok(None)
}

/// Stores a look-up row.
///
/// # Errors
/// [`Code::AlreadyExists`] when this secret exists anywhere on the platform; a database failure.
pub fn insert_credential(tx: &mut Tx<'_>, mac: &Mac, credential: Credential) -> Result<(), Fault> {
    store::insert_credential(tx, mac, credential)
}

/// # Errors
/// [`Code::CredentialInvalid`] or [`Code::CredentialExpired`].
pub fn ensure_live(key: &Key, now: Timestamp) -> Result<(), Fault> {
    if key.revoked_at.is_some_and(|at| at <= now) {
        return Err(invalid());
    }
    if key.expires_at.is_some_and(|at| at <= now) {
        return Err(expired());
    }
    Ok(())
}

/// The refusal of a key that was right once.
#[must_use]
pub fn expired() -> Fault {
    Fault::new(Code::CredentialExpired, "This key has expired. Create a new one.")
}

/// The same refusal for every key that is not the caller's to use.
#[must_use]
pub fn invalid() -> Fault {
    Fault::new(Code::CredentialInvalid, "This key does not exist, was mistyped or has been revoked.")
}

/// Makes a key in a lineage of its own. The secret is returned once; a pair has two.
///
/// # Errors
/// Fields that do not fit; [`Code::AlreadyExists`] when the minted text exists; a database failure.
pub fn create(tx: &mut Tx<'_>, ctx: &Ctx, secrets: &Secrets, new: &NewKey) -> Result<(Key, Minted), Fault> {
    let lineage_id = LineageId::new(ctx.now, ctx.random.id_bits());
    tenancy::open_gate(tx, ctx.tenant_id, &lineage_id.text())?;
    insert(tx, ctx, secrets, new, lineage_id)
}

/// The secret text of a new key, and its second half if it is a pair.
#[derive(Clone, Debug)]
pub struct Minted {
    pub secret: Secret,
    pub pair_secret: Option<Secret>,
}

fn insert(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    secrets: &Secrets,
    new: &NewKey,
    lineage_id: LineageId,
) -> Result<(Key, Minted), Fault> {
    new.validate(ctx.now)?;
    let minted = new.mint(&ctx.random, secrets);
    let key = Key {
        key_id: KeyId::new(ctx.now, ctx.random.id_bits()),
        lineage_id,
        tenant_id: ctx.tenant_id,
        environment: new.form.environment,
        service: new.form.service,
        kind: new.form.kind,
        scopes: new.scopes.clone(),
        label: new.label.clone(),
        last_four: last_four(&minted.secret),
        pair_mac: minted.pair_secret.as_ref().map(|secret| secrets.credential_mac(secret.expose()).to_vec()),
        allowed_origins: new.allowed_origins.clone(),
        allowed_ips: new.allowed_ips.clone(),
        rate_limit_per_minute: new.rate_limit_per_minute,
        spend_cap_per_day: new.spend_cap_per_day,
        created_at: ctx.now,
        last_used_at: None,
        expires_at: new.expires_at,
        revoked_at: None,
    };
    store::insert(tx, &key)?;
    tenancy::open_gate(tx, ctx.tenant_id, &key.key_id.text())?;
    let credential = Credential { tenant_id: ctx.tenant_id, object: Object::Key(key.key_id) };
    insert_credential(tx, &secrets.credential_mac(minted.secret.expose()), credential)?;
    Ok((key, minted))
}

/// # Errors
/// Not found, which another tenant's or environment's key is too; a database failure.
pub fn find(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    key_id: KeyId,
) -> Result<Key, Fault> {
    store::find(tx, tenant_id, key_id)?
        .filter(|key| key.environment == environment)
        .ok_or_else(|| Fault::not_found("key"))
}

/// A key of either environment.
///
/// # Errors
/// Not found; a database failure.
pub fn find_any(tx: &mut Tx<'_>, tenant_id: TenantId, key_id: KeyId) -> Result<Key, Fault> {
    store::find(tx, tenant_id, key_id)?.ok_or_else(|| Fault::not_found("key"))
}

/// Which keys of an environment are listed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    pub service: Option<Service>,
    /// Leaves out those that are revoked at this moment.
    pub live_at: Option<Timestamp>,
}

/// The keys of a tenant's environment after `after`, oldest first.
///
/// # Errors
/// A database failure.
pub fn list(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    filter: Filter,
    after: Option<KeyId>,
    limit: i64,
) -> Result<Vec<Key>, Fault> {
    store::list(tx, tenant_id, environment, filter, after.unwrap_or(KeyId::from_bits(0)), limit)
}

/// How many keys of a tenant's environment could be used at `now`.
///
/// # Errors
/// A database failure.
pub fn count_live(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    now: Timestamp,
) -> Result<i64, Fault> {
    store::count_live(tx, tenant_id, environment, now)
}

/// Changes a key, and with it the other keys of its lineage that still work. Returns it as it was and as it is.
///
/// # Errors
/// Not found or not live; fields that do not fit; a database failure.
pub fn change(tx: &mut Tx<'_>, ctx: &Ctx, key_id: KeyId, change: &KeyChange) -> Result<(Key, Key), Fault> {
    let lineage_id = find(tx, ctx.tenant_id, ctx.environment, key_id)?.lineage_id;
    let live = lock_live(tx, ctx, lineage_id)?;
    let before = live.into_iter().find(|key| key.key_id == key_id);
    let before =
        before.ok_or_else(|| Fault::conflict("Only a live key can be changed. Create a new one."))?;
    let after = change.applied(&before, ctx.now)?;
    store::change(tx, &after, ctx.now)?;
    Ok((before, after))
}

/// Makes the next key of a lineage. The rotated one works for `grace_seconds` more.
///
/// Within the grace a second rotation replaces the newest key if it was never used, and keeps the old deadline,
/// so that a retried rotation does not kill the deployed key; otherwise it ends the older one at once.
///
/// # Errors
/// Not found or not live; a grace over 900 s; a database failure.
pub fn rotate(
    tx: &mut Tx<'_>,
    ctx: &mut Ctx,
    secrets: &Secrets,
    key_id: KeyId,
    grace_seconds: i64,
) -> Result<(Key, Minted), Fault> {
    if !(0..=GRACE_SECONDS_MAX).contains(&grace_seconds) {
        return Err(Fault::invalid("grace_seconds", format!("must be 0 to {GRACE_SECONDS_MAX}")));
    }
    let lineage_id = find(tx, ctx.tenant_id, ctx.environment, key_id)?.lineage_id;
    let live = lock_live(tx, ctx, lineage_id)?;
    let is_live = live.iter().any(|key| key.key_id == key_id);
    let Some((newest, older)) = live.split_last().filter(|_| is_live) else {
        return Err(Fault::conflict("Only a live key can be rotated. Create a new one."));
    };
    if older.is_empty() || newest.last_used_at.is_some() {
        for key in older {
            store::revoke(tx, ctx.tenant_id, key.key_id, ctx.now)?;
        }
        store::revoke(tx, ctx.tenant_id, newest.key_id, ctx.now.plus_seconds(grace_seconds))?;
    } else {
        store::revoke(tx, ctx.tenant_id, newest.key_id, ctx.now)?;
    }
    let (next, minted) = insert(tx, ctx, secrets, &NewKey::successor(newest), lineage_id)?;
    ctx.change(newest.key_id.text(), next.key_id.text());
    Ok((next, minted))
}

/// The live keys of a lineage, the one without a deadline last, and the lineage locked until the transaction ends.
fn lock_live(tx: &mut Tx<'_>, ctx: &Ctx, lineage_id: LineageId) -> Result<Vec<Key>, Fault> {
    // One row for all: a rotation that locked only the keys would not see the one that another is just making.
    tenancy::lock_gate(tx, ctx.tenant_id, &lineage_id.text())?;
    let mut live = store::lineage(tx, ctx.tenant_id, lineage_id)?;
    live.retain(|key| ensure_live(key, ctx.now).is_ok());
    // Not by id: the ids of two nodes are only as ordered as their clocks are.
    live.sort_by_key(|key| (key.revoked_at.is_none(), key.revoked_at, key.key_id));
    Ok(live)
}

/// Publishes the end of a key and returns its lineage. The caller must drain that gate before it answers.
///
/// # Errors
/// Not found; a database failure. Revoking again is fine and changes nothing.
pub fn revoke(tx: &mut Tx<'_>, ctx: &mut Ctx, key_id: KeyId) -> Result<LineageId, Fault> {
    let key = find(tx, ctx.tenant_id, ctx.environment, key_id)?;
    if key.revoked_at.is_none_or(|at| at > ctx.now) {
        store::revoke(tx, ctx.tenant_id, key_id, ctx.now)?;
    }
    ctx.change("live", "revoked");
    Ok(key.lineage_id)
}

/// Notes that a key was used, to the minute. The first use is on disk before the call goes on, because a rotation
/// may replace a key only if it was never used; later ones are written behind.
///
/// # Errors
/// A database failure at the first use.
pub async fn note_use(kernel: &Kernel, key: &Key) -> Result<(), Fault> {
    let now = kernel.clock.now();
    let (tenant_id, key_id) = (key.tenant_id, key.key_id);
    let touch = move |tx: &mut Tx<'_>| store::touch(tx, tenant_id, key_id, now);
    match key.last_used_at {
        None => kernel.db.write(tenant_id, touch).await,
        Some(last) if now.micros() - last.micros() >= 60_000_000 => {
            let db = kernel.db.clone();
            tokio::spawn(async move {
                db.write(tenant_id, touch)
                    .await
                    .inspect_err(|fault| tracing::warn!(?fault, "last use not noted"))
            });
            Ok(())
        }
        Some(_) => Ok(()),
    }
}

/// A key as it is now, after the gates were locked.
///
/// # Errors
/// [`Code::CredentialInvalid`] or [`Code::CredentialExpired`]; a database failure.
pub(crate) fn find_live(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    key_id: KeyId,
    now: Timestamp,
) -> Result<Key, Fault> {
    let key = store::find(tx, tenant_id, key_id)?.ok_or_else(invalid)?;
    ensure_live(&key, now)?;
    Ok(key)
}

/// Whether both halves of a pair are minted for this kind.
#[must_use]
pub const fn is_pair(kind: KeyKind) -> bool {
    matches!(kind, KeyKind::PairKey)
}
