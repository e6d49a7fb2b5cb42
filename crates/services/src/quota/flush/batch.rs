//! One flush: a transaction that decides calls in the order in which they came.
//!
//! The order of its steps is the spine's: Idempotency-Keys, locks, then reads of what may have been revoked.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base::id::{KeyId, TenantId, TransferId};
use base::{Code, Fault, Secret, Timestamp};
use db::Tx;
use kernel::idempotency::{self, Claim, Fingerprint, Slot};
use kernel::secrets::Mac;
use kernel::{Kernel, tenancy};
use serde::{Deserialize, Serialize};

use super::known::Known;
use super::store::{self, Charge, States};
use super::{Ask, alert};
use crate::quota::VERIFY_SCOPE;
use crate::quota::model::{Book, Decision, Verdict};

/// Decides every call and writes what the passed ones cost. One verdict per ask, in order.
///
/// # Errors
/// A database failure: nothing was charged, unless the outcome of the COMMIT itself is unknown.
pub(super) fn decide(
    tx: &mut Tx<'_>,
    kernel: &Kernel,
    tenant_id: TenantId,
    asks: &[Ask],
    known: &Mutex<Known>,
) -> Result<Vec<Verdict>, Fault> {
    let known = || known.lock().unwrap_or_else(PoisonError::into_inner);
    let mut keyed = claim_keys(tx, kernel, tenant_id, asks)?;
    let refused_keys = enter_keys(tx, kernel, tenant_id, asks)?;
    let mut states = known().take(tx);
    let is_tenant_active = store::lock(tx, tenant_id, asks, &mut states)?;
    let States { accounts, tokens } = states;
    let mut book = Book { now: kernel.clock.now(), is_tenant_active, accounts, tokens };

    let mut verdicts = Vec::with_capacity(asks.len());
    let mut charges = Vec::with_capacity(asks.len());
    let mut used = Vec::new();
    let mut alerts = Vec::new();
    for (position, ask) in asks.iter().enumerate() {
        let token = &ask.token;
        if let Some(code) = ask.key_id.and_then(|key_id| refused_keys.get(&key_id)) {
            verdicts.push(Verdict::CallerRefused(*code));
            continue;
        }
        let refusal = book.refusal(token.token_id, token.account_id);
        if !matches!(refusal, Some(Verdict::Revoked | Verdict::Expired)) && book.note_use(token.token_id) {
            used.push(token.token_text.as_str());
        }
        // What may not pass gets no saved reply either; what may gets it even from an empty account.
        if let Some(verdict) = refusal.or_else(|| keyed.saved(position, ask)) {
            let verdict = if ask.is_dry_run { book.told_now(verdict, token.account_id) } else { verdict };
            verdicts.push(verdict);
            continue;
        }
        let Decision { verdict, cost, alert } =
            book.decide(token.token_id, token.account_id, ask.count, ask.is_dry_run);
        alerts.extend(alert.map(|alert| (ask, alert)));
        if cost > 0 {
            charges.push((ask, cost));
            keyed.passed(position, ask, verdict);
        }
        verdicts.push(verdict);
    }
    if !charges.is_empty() {
        store::write(tx, tenant_id, book.now, &numbered(kernel, book.now, charges))?;
    }
    if !used.is_empty() {
        store::note_use(tx, tenant_id, book.now, used)?;
    }
    alert::write(tx, kernel, tenant_id, book.now, &alerts)?;
    keyed.save(tx, kernel, tenant_id)?;
    known().keep(tx, States { accounts: book.accounts, tokens: book.tokens });
    Ok(verdicts)
}

/// Names the transfers so that they sort as they were decided: in the log of an account they stand in that order, and
/// they go to the end of their table one behind the other.
fn numbered<'a>(kernel: &Kernel, now: Timestamp, charges: Vec<(&'a Ask, i64)>) -> Vec<Charge<'a>> {
    let mut ids: Vec<TransferId> =
        charges.iter().map(|_| TransferId::new(now, kernel.random.id_bits())).collect();
    ids.sort_unstable();
    let charge = |((ask, cost), transfer_id)| Charge { ask, transfer_id, cost };
    charges.into_iter().zip(ids).map(charge).collect()
}

/// Enters the gates of the management keys that ask for others, in one order, so that two nodes cannot wait for each
/// other. Gives the keys that were revoked or lost the scope, or whose tenant was suspended, since their calls were
/// let in, and why.
fn enter_keys(
    tx: &mut Tx<'_>,
    kernel: &Kernel,
    tenant_id: TenantId,
    asks: &[Ask],
) -> Result<HashMap<KeyId, Code>, Fault> {
    let mut keys: Vec<KeyId> = Vec::new();
    for key_id in asks.iter().filter_map(|ask| ask.key_id) {
        if keys.last() != Some(&key_id) {
            keys.push(key_id);
        }
    }
    keys.sort_unstable();
    keys.dedup();
    let mut refused = HashMap::new();
    for key_id in keys {
        match tenancy::enter_live(tx, tenant_id, key_id, VERIFY_SCOPE, &kernel.clock) {
            Err(fault) if fault.is_ours() => return Err(fault),
            Err(fault) => drop(refused.insert(key_id, fault.code)),
            Ok(()) => {}
        }
    }
    Ok(refused)
}

/// What is kept of a passed call under its Idempotency-Key.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Reply {
    balance: i64,
    expires_at_us: Option<i64>,
}

/// The calls of a batch that came with an Idempotency-Key, by their slot.
struct Keyed<'a> {
    slots: HashMap<(&'a str, Mac), Entry<'a>>,
    /// The slot of each ask that has one.
    of_ask: HashMap<usize, (&'a str, Mac)>,
}

struct Entry<'a> {
    scope: String,
    raw: &'a Secret,
    /// The count and the reply of the call that passed under this key, here or before.
    done: Option<(i64, Reply)>,
    is_claimed_here: bool,
}

/// Claims the keys in one order, so that two nodes cannot wait for each other. A dry run only looks.
fn claim_keys<'a>(
    tx: &mut Tx<'_>,
    kernel: &Kernel,
    tenant_id: TenantId,
    asks: &'a [Ask],
) -> Result<Keyed<'a>, Fault> {
    let mut keyed = Keyed { slots: HashMap::new(), of_ask: HashMap::new() };
    let mut claims: Vec<(&'a str, Mac, bool, usize)> = Vec::new();
    for (position, ask) in asks.iter().enumerate() {
        let Some(raw) = ask.idempotency_key.as_ref().filter(|_| ask.token.is_idempotent) else { continue };
        let mac = kernel.secrets.idempotency_mac(raw.expose());
        keyed.of_ask.insert(position, (&ask.token.account_text, mac));
        claims.push((&ask.token.account_text, mac, ask.is_dry_run, position));
    }
    // Where a call and a dry run share a key, the call comes first and claims it.
    claims.sort_unstable();
    claims.dedup_by_key(|(account, mac, ..)| (*account, *mac));
    let now = kernel.clock.now();
    for (account, mac, _, position) in claims {
        let entry = claim_key(tx, kernel, tenant_id, &asks[position], &mac, now)?;
        keyed.slots.insert((account, mac), entry);
    }
    Ok(keyed)
}

fn claim_key<'a>(
    tx: &mut Tx<'_>,
    kernel: &Kernel,
    tenant_id: TenantId,
    ask: &'a Ask,
    mac: &Mac,
    now: Timestamp,
) -> Result<Entry<'a>, Fault> {
    let raw = ask.idempotency_key.as_ref().expect("only asks with a key are claimed");
    let scope = format!("{}:quota:{}", ask.token.environment, ask.token.account_text);
    let slot = Slot { tenant_id, scope: &scope, key_mac: mac, has_tombstone: false };
    let is_claimed_here = !ask.is_dry_run
        && match idempotency::claim(tx, slot, &fingerprint(ask.count), now) {
            Ok(Claim::Fresh) => true,
            Ok(Claim::Done(_)) => false,
            Err(fault) if fault.code == Code::IdempotencyMismatch => false,
            Err(fault) => return Err(fault),
        };
    let done = if is_claimed_here { None } else { find_reply(tx, kernel, slot, raw, now)? };
    Ok(Entry { raw, done, is_claimed_here, scope })
}

/// The count that passed under a key, and its reply.
fn find_reply(
    tx: &mut Tx<'_>,
    kernel: &Kernel,
    slot: Slot<'_>,
    raw: &Secret,
    now: Timestamp,
) -> Result<Option<(i64, Reply)>, Fault> {
    let Some((fingerprint, sealed)) = idempotency::find(tx, slot, now)? else {
        return Ok(None);
    };
    let saved = kernel.secrets.open_reply(slot.scope, raw.expose(), &sealed)?;
    let reply = serde_json::from_slice(&saved).map_err(Fault::internal)?;
    Ok(Some((count_of(&fingerprint), reply)))
}

/// The count is all that a call asks for.
fn fingerprint(count: i64) -> Fingerprint {
    let mut fingerprint = Fingerprint::default();
    fingerprint[..8].copy_from_slice(&count.to_be_bytes());
    fingerprint
}

fn count_of(fingerprint: &Fingerprint) -> i64 {
    let (count, _) = fingerprint.split_first_chunk().expect("a fingerprint is longer than a count");
    i64::from_be_bytes(*count)
}

impl Keyed<'_> {
    /// The verdict that was given under this ask's key before, if any.
    fn saved(&self, position: usize, ask: &Ask) -> Option<Verdict> {
        let entry = self.slots.get(self.of_ask.get(&position)?)?;
        match entry.done {
            Some((count, reply)) if count == ask.count => Some(reply.verdict()),
            Some(_) => Some(Verdict::KeyReused),
            None => None,
        }
    }

    fn passed(&mut self, position: usize, ask: &Ask, verdict: Verdict) {
        let Some(entry) = self.of_ask.get(&position).and_then(|slot| self.slots.get_mut(slot)) else {
            return;
        };
        if let Verdict::Passed { balance, expires_at } = verdict {
            entry.done =
                Some((ask.count, Reply { balance, expires_at_us: expires_at.map(Timestamp::micros) }));
        }
    }

    /// Saves the replies of what passed here, and frees the keys of what was refused.
    fn save(&self, tx: &mut Tx<'_>, kernel: &Kernel, tenant_id: TenantId) -> Result<(), Fault> {
        for ((_, mac), entry) in self.slots.iter().filter(|(_, entry)| entry.is_claimed_here) {
            let slot = Slot { tenant_id, scope: &entry.scope, key_mac: mac, has_tombstone: false };
            match entry.done {
                None => idempotency::free(tx, slot)?,
                Some((count, reply)) => {
                    let plain = serde_json::to_vec(&reply).map_err(Fault::internal)?;
                    let sealed =
                        kernel.secrets.seal_reply(&kernel.random, &entry.scope, entry.raw.expose(), &plain);
                    idempotency::complete(tx, slot, &fingerprint(count), &sealed)?;
                }
            }
        }
        Ok(())
    }
}

impl Reply {
    fn verdict(self) -> Verdict {
        let expires_at = self.expires_at_us.map(Timestamp::from_micros);
        Verdict::Passed { balance: self.balance, expires_at }
    }
}
