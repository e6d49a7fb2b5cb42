use std::net::IpAddr;
use std::num::NonZeroU32;

use base::id::{KeyId, LineageId, TenantId};
use base::{Cidr, Environment, Fault, KeyKind, KeyText, OriginRule, Service, Timestamp};

use super::{Minted, is_pair};
use crate::ctx::Random;
use crate::secrets::Secrets;

pub const LABEL_LENGTH_MAX: usize = 100;
/// How many networks, and how many origins, one key may name.
pub const RESTRICTIONS_MAX: usize = 50;
/// Requests a minute; what is above it is no limit.
pub const RATE_LIMIT_MAX: u32 = 1_000_000;

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
    /// From where a publishable key may be used; it may be used from nowhere else.
    pub allowed_origins: Vec<OriginRule>,
    /// The networks that callers must come from; none: from anywhere.
    pub allowed_ips: Vec<Cidr>,
    /// `None`: the service's default. Zero: no limit.
    pub rate_limit_per_minute: Option<u32>,
    /// What the lineage may spend on a day (UTC), in credits.
    pub spend_cap_per_day: Option<i64>,
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

    /// Whether a caller at `address` may use it. An address that is not known is in no network.
    #[must_use]
    pub fn allows_address(&self, address: Option<IpAddr>) -> bool {
        self.allowed_ips.is_empty()
            || address.is_some_and(|address| self.allowed_ips.iter().any(|network| network.contains(address)))
    }

    /// Whether a page of `origin` may use it, or a caller that sends none. Only publishable keys are for pages.
    #[must_use]
    pub fn allows_origin(&self, origin: Option<&str>) -> bool {
        self.kind != KeyKind::Publishable || self.allowed_origins.iter().any(|rule| rule.allows(origin))
    }
}

/// What a new key is made of.
#[derive(Clone, Debug)]
pub struct NewKey {
    pub form: KeyText,
    pub scopes: Vec<String>,
    pub label: String,
    pub allowed_origins: Vec<OriginRule>,
    pub allowed_ips: Vec<Cidr>,
    pub rate_limit_per_minute: Option<u32>,
    pub spend_cap_per_day: Option<i64>,
    pub expires_at: Option<Timestamp>,
    /// Development keys are derived from the secrets file, so that every start prints the same.
    pub development_label: Option<String>,
}

impl NewKey {
    /// A key without scopes, restrictions and end.
    #[must_use]
    pub const fn new(form: KeyText) -> Self {
        Self {
            form,
            scopes: Vec::new(),
            label: String::new(),
            allowed_origins: Vec::new(),
            allowed_ips: Vec::new(),
            rate_limit_per_minute: None,
            spend_cap_per_day: None,
            expires_at: None,
            development_label: None,
        }
    }

    pub(super) fn successor(key: &Key) -> Self {
        Self {
            form: KeyText { service: key.service, kind: key.kind, environment: key.environment },
            scopes: key.scopes.clone(),
            label: key.label.clone(),
            allowed_origins: key.allowed_origins.clone(),
            allowed_ips: key.allowed_ips.clone(),
            rate_limit_per_minute: key.rate_limit_per_minute,
            spend_cap_per_day: key.spend_cap_per_day,
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
        validate_label(&self.label)?;
        validate_end(self.expires_at, now)?;
        validate_restrictions(self.form.kind, &self.allowed_origins, &self.allowed_ips)
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

/// What of a key is to be changed; the rest stays as it is.
#[derive(Clone, Debug, Default)]
pub struct KeyChange {
    pub label: Option<String>,
    pub scopes: Option<Vec<String>>,
    pub allowed_origins: Option<Vec<OriginRule>>,
    pub allowed_ips: Option<Vec<Cidr>>,
    pub rate_limit_per_minute: Option<Option<u32>>,
    pub spend_cap_per_day: Option<Option<i64>>,
    pub expires_at: Option<Option<Timestamp>>,
}

impl KeyChange {
    /// Whether it touches what a command asks the key for once it is inside the gates.
    #[must_use]
    pub const fn is_asked_inside(&self) -> bool {
        self.scopes.is_some() || self.spend_cap_per_day.is_some() || self.expires_at.is_some()
    }

    /// The key as it is to be.
    pub(super) fn applied(&self, key: &Key, now: Timestamp) -> Result<Key, Fault> {
        let change = self.clone();
        let changed = Key {
            label: change.label.unwrap_or_else(|| key.label.clone()),
            scopes: change.scopes.unwrap_or_else(|| key.scopes.clone()),
            allowed_origins: change.allowed_origins.unwrap_or_else(|| key.allowed_origins.clone()),
            allowed_ips: change.allowed_ips.unwrap_or_else(|| key.allowed_ips.clone()),
            rate_limit_per_minute: change.rate_limit_per_minute.unwrap_or(key.rate_limit_per_minute),
            spend_cap_per_day: change.spend_cap_per_day.unwrap_or(key.spend_cap_per_day),
            expires_at: change.expires_at.unwrap_or(key.expires_at),
            ..key.clone()
        };
        validate_label(&changed.label)?;
        validate_end(changed.expires_at, now)?;
        validate_restrictions(changed.kind, &changed.allowed_origins, &changed.allowed_ips)?;
        Ok(changed)
    }
}

fn validate_label(label: &str) -> Result<(), Fault> {
    if label.chars().count() <= LABEL_LENGTH_MAX {
        return Ok(());
    }
    Err(Fault::invalid("label", format!("must have at most {LABEL_LENGTH_MAX} characters")))
}

fn validate_end(expires_at: Option<Timestamp>, now: Timestamp) -> Result<(), Fault> {
    match expires_at {
        Some(at) if at <= now => Err(Fault::invalid("expires_at", "must lie in the future")),
        _ => Ok(()),
    }
}

fn validate_restrictions(kind: KeyKind, origins: &[OriginRule], ips: &[Cidr]) -> Result<(), Fault> {
    let few = format!("must have at most {RESTRICTIONS_MAX} entries");
    if kind != KeyKind::Publishable && !origins.is_empty() {
        return Err(Fault::invalid(
            "allowed_origins",
            "is for publishable keys: the others are no page's to use",
        ));
    }
    if origins.len() > RESTRICTIONS_MAX {
        return Err(Fault::invalid("allowed_origins", few));
    }
    if ips.len() > RESTRICTIONS_MAX {
        return Err(Fault::invalid("allowed_ips", few));
    }
    Ok(())
}
