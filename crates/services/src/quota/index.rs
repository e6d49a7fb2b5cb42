//! Which token a text is: an immutable fact, so it is cached. Whether the token may be used is never cached.

use std::fmt;
use std::sync::Arc;

use base::id::{AccountId, TenantId, TokenId};
use base::{Environment, Fault, KeyKind, KeyText, Service, key_text::NotAKey};
use db::Tx;
use kernel::Kernel;
use kernel::keys::{self, Object};
use kernel::secrets::Mac;
use quick_cache::sync::Cache;

use super::flush::{Flusher, Lane};
use super::store;

/// About 400 bytes each.
const ENTRIES_MAX: usize = 100_000;
const FOREIGN_LENGTH: std::ops::RangeInclusive<usize> = 24..=512;

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
        Ok(entry)
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
        Err(NotAKey::ForeignPrefix) => {
            FOREIGN_LENGTH.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
        }
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
