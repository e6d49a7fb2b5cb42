use std::num::NonZeroU32;

use base::id::{KeyId, LineageId, TenantId};
use base::{Environment, Fault, KeyKind, KeyText, Service, Timestamp};

use super::{Minted, is_pair};
use crate::ctx::Random;
use crate::secrets::Secrets;

const LABEL_LENGTH_MAX: usize = 100;

/// One secret of a lineage, without the secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key {
    pub key_id: KeyId,
    pub lineage_id: LineageId,
    pub tenant_id: TenantId,
    pub environment: Environment,
    pub service: Service,
    pub kind: KeyKind,
    pub scopes: Vec<String>,
    pub label: String,
    pub last_four: String,
    /// The MAC of a pair's second half.
    pub pair_mac: Option<Vec<u8>>,
    /// `None`: the service's default. Zero: no limit.
    pub rate_limit_per_minute: Option<u32>,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    /// May lie ahead, after a rotation with grace.
    pub revoked_at: Option<Timestamp>,
}

impl Key {
    /// The limit that applies, if any, given the service's default.
    #[must_use]
    pub fn rate_limit(&self, default_per_minute: u32) -> Option<NonZeroU32> {
        NonZeroU32::new(self.rate_limit_per_minute.unwrap_or(default_per_minute))
    }
}

/// What a new key is made of.
#[derive(Clone, Debug)]
pub struct NewKey {
    pub form: KeyText,
    pub scopes: Vec<String>,
    pub label: String,
    pub rate_limit_per_minute: Option<u32>,
    pub expires_at: Option<Timestamp>,
    /// Development keys are derived from the secrets file, so that every start prints the same.
    pub development_label: Option<String>,
}

impl NewKey {
    pub(super) fn successor(key: &Key) -> Self {
        Self {
            form: KeyText { service: key.service, kind: key.kind, environment: key.environment },
            scopes: key.scopes.clone(),
            label: key.label.clone(),
            rate_limit_per_minute: key.rate_limit_per_minute,
            expires_at: key.expires_at,
            development_label: None,
        }
    }

    pub(super) fn validate(&self, now: Timestamp) -> Result<(), Fault> {
        if !self.form.exists() || matches!(self.form.kind, KeyKind::Token | KeyKind::PairSecret) {
            return Err(Fault::invalid(
                "kind",
                format!("{} has no {} keys", self.form.service, self.form.kind),
            ));
        }
        if self.label.chars().count() > LABEL_LENGTH_MAX {
            return Err(Fault::invalid("label", format!("must have at most {LABEL_LENGTH_MAX} characters")));
        }
        if self.expires_at.is_some_and(|at| at <= now) {
            return Err(Fault::invalid("expires_at", "must lie in the future"));
        }
        Ok(())
    }

    pub(super) fn mint(&self, random: &Random, secrets: &Secrets) -> Minted {
        let bytes = |half: &str| match &self.development_label {
            Some(label) => secrets.development_bytes(&format!("{label}{half}")),
            None => random.bytes(),
        };
        let pair = KeyText { kind: KeyKind::PairSecret, ..self.form };
        Minted {
            secret: self.form.mint(bytes("")),
            pair_secret: is_pair(self.form.kind).then(|| pair.mint(bytes(" pair"))),
        }
    }
}
