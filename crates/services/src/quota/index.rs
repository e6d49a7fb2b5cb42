//! Which token a text is: an immutable fact, so it is cached. Whether the token may be used is never cached.

use std::fmt;
use std::sync::Arc;

use base::id::{AccountId, TenantId, TokenId};
use base::{Environment, Fault, KeyKind, KeyText, Service, key_text::NotAKey};
use db::{Engine, Tx};
use kernel::Kernel;
use kernel::keys::{self, Object};
use kernel::secrets::Mac;
use quick_cache::sync::Cache;

use super::flush::{Flusher, Lane};
use super::model::ForeignToken;
use super::store::token as store;

/// About 400 bytes each.
const ENTRIES_MAX: usize = 100_000;

/// What never changes about a token. The ids stand here as text too, because every flush writes them.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) token_id: TokenId,
    pub(super) account_id: AccountId,
    pub(super) environment: Environment,
    pub(super) is_idempotent: bool,
    pub(super) token_text: String,
    pub(super) account_text: String,
    pub(super) lane: Arc<Lane>,
}

/// The immutable columns of a token and its account.
#[derive(Clone, Copy)]
pub(super) struct Identity {
    pub(super) tenant_id: TenantId,
    pub(super) token_id: TokenId,
    pub(super) account_id: AccountId,
    pub(super) environment: Environment,
    pub(super) is_idempotent: bool,
}

pub(super) struct Index {
    entries: Cache<Mac, Arc<Entry>>,
    flusher: Flusher,
}

impl Index {
    pub(super) fn new(flusher: Flusher) -> Self {
        Self { entries: Cache::new(ENTRIES_MAX), flusher }
    }

    /// Finds the token a caller presented, whatever its state.
    ///
    /// # Errors
    /// [`base::Code::CredentialInvalid`] for anything that is no token; a database failure.
    pub(super) async fn find(&self, kernel: &Kernel, text: &str) -> Result<Arc<Entry>, Fault> {
        ensure_token_form(text)?;
        let mac = kernel.secrets.credential_mac(text);
        if let Some(entry) = self.entries.get(&mac) {
            return Ok(entry);
        }
        let macs: Vec<Mac> = kernel.secrets.credential_macs(text).collect();
        let identity = kernel.db.read(move |tx| find_identity(tx, &macs)).await?.ok_or_else(keys::invalid)?;
        Ok(self.remember(mac, identity))
    }

    /// Finds those of these texts that are tokens of a tenant, whatever their state.
    ///
    /// # Errors
    /// A database failure.
    pub(super) async fn find_many(
        &self,
        kernel: &Kernel,
        tenant_id: TenantId,
        texts: &[&str],
    ) -> Result<Vec<Option<Arc<Entry>>>, Fault> {
        let mut found = Vec::with_capacity(texts.len());
        let mut missed: Vec<(usize, Vec<Mac>)> = Vec::new();
        for (position, text) in texts.iter().enumerate() {
            if ensure_token_form(text).is_err() {
                found.push(None);
                continue;
            }
            let entry = self.entries.get(&kernel.secrets.credential_mac(text));
            if entry.is_none() {
                missed.push((position, kernel.secrets.credential_macs(text).collect()));
            }
            found.push(entry.filter(|entry| entry.lane.tenant_id() == tenant_id));
        }
        if missed.is_empty() {
            return Ok(found);
        }
        let (positions, macs): (Vec<usize>, Vec<Vec<Mac>>) = missed.into_iter().unzip();
        let actives: Vec<Mac> = macs.iter().map(|macs| macs[0]).collect();
        let identities = kernel.db.read(move |tx| find_identities(tx, tenant_id, &macs)).await?;
        for ((position, mac), identity) in positions.into_iter().zip(actives).zip(identities) {
            found[position] = identity.map(|identity| self.remember(mac, identity));
        }
        Ok(found)
    }

    fn remember(&self, mac: Mac, identity: Identity) -> Arc<Entry> {
        let entry = Arc::new(Entry {
            token_id: identity.token_id,
            account_id: identity.account_id,
            environment: identity.environment,
            is_idempotent: identity.is_idempotent,
            token_text: identity.token_id.text(),
            account_text: identity.account_id.text(),
            lane: self.flusher.lane(identity.tenant_id),
        });
        self.entries.insert(mac, Arc::clone(&entry));
        entry
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Index({} tokens)", self.entries.len())
    }
}

/// Refuses without storage what cannot be a token: other keys of ours, mistyped ones, and texts no token may have.
fn ensure_token_form(text: &str) -> Result<(), Fault> {
    let is_token = match KeyText::parse(text) {
        Ok(form) => form.service == Service::Quota && form.kind == KeyKind::Token,
        Err(NotAKey::Mistyped) => false,
        Err(NotAKey::ForeignPrefix) => ForeignToken::is_well_formed(text),
    };
    if is_token { Ok(()) } else { Err(keys::invalid()) }
}

fn find_identity(tx: &mut Tx<'_>, macs: &[Mac]) -> Result<Option<Identity>, Fault> {
    match keys::find_credential(tx, macs)? {
        Some(keys::Credential { tenant_id, object: Object::Token(token_id) }) => {
            store::find_identity(tx, tenant_id, token_id)
        }
        Some(keys::Credential { object: Object::Key(_), .. }) | None => Ok(None),
    }
}

/// The same for many, one for each list of MACs; those of other tenants are not looked at further.
fn find_identities(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    macs: &[Vec<Mac>],
) -> Result<Vec<Option<Identity>>, Fault> {
    if tx.engine() == Engine::Postgres {
        return store::find_identities(tx, tenant_id, macs);
    }
    let find = |macs: &Vec<Mac>| match keys::find_credential(tx, macs)? {
        Some(keys::Credential { tenant_id: owner, object: Object::Token(token_id) })
            if owner == tenant_id =>
        {
            store::find_identity(tx, tenant_id, token_id)
        }
        Some(_) | None => Ok(None),
    };
    macs.iter().map(find).collect()
}
