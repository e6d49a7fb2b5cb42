use std::sync::Arc;

use base::id::{KeyId, LineageId};
use base::{Environment, Fault, Service, Timestamp};
use db::Tx;
use kernel::keys::{self, Key, KeyChange, Minted, NewKey};
use kernel::{Ctx, Ending, Secrets, tenancy};
use serde::{Deserialize, Serialize};

use super::reach;

/// How many keys of an environment may work at a time.
pub const KEYS_MAX: i64 = 1000;

/// A key as it is answered and saved; the secrets only in the answer that made it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Key)]
pub struct KeyView {
    #[schema(value_type = String, example = "key_01k0example0000000000000000")]
    pub id: KeyId,
    #[schema(value_type = String)]
    pub lineage_id: LineageId,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub secret: Option<String>,
    /// The second half of a pair.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pair_secret: Option<String>,
    pub environment: String,
    pub service: String,
    pub kind: String,
    pub scopes: Vec<String>,
    pub label: String,
    pub last_four: String,
    /// From where a publishable key may be used; it may be used from nowhere else.
    #[serde(default)]
    #[schema(example = json!(["https://app.example.com"]))]
    pub allowed_origins: Vec<String>,
    /// The networks that callers must come from; none: from anywhere.
    #[serde(default)]
    #[schema(example = json!(["203.0.113.0/24"]))]
    pub allowed_ips: Vec<String>,
    /// Requests a minute; 0: no limit; `null`: the service's own.
    pub rate_limit_per_minute: Option<u32>,
    /// Credits a day (UTC); `null`: as many as the wallet has.
    #[serde(default)]
    pub spend_cap_per_day: Option<i64>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
    /// Only after a rotation or change: what of it could not be confirmed, and how to confirm it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub warning: Option<String>,
}

impl KeyView {
    #[must_use]
    pub fn of(key: Key) -> Self {
        Self {
            id: key.key_id,
            lineage_id: key.lineage_id,
            secret: None,
            pair_secret: None,
            environment: key.environment.name().to_owned(),
            service: key.service.name().to_owned(),
            kind: key.kind.name().to_owned(),
            scopes: key.scopes,
            label: key.label,
            last_four: key.last_four,
            allowed_origins: key.allowed_origins.iter().map(ToString::to_string).collect(),
            allowed_ips: key.allowed_ips.iter().map(ToString::to_string).collect(),
            rate_limit_per_minute: key.rate_limit_per_minute,
            spend_cap_per_day: key.spend_cap_per_day,
            created_at: key.created_at,
            last_used_at: key.last_used_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            warning: None,
        }
    }

    fn minted(key: Key, minted: &Minted) -> Self {
        Self {
            secret: Some(minted.secret.expose().to_owned()),
            pair_secret: minted.pair_secret.as_ref().map(|secret| secret.expose().to_owned()),
            ..Self::of(key)
        }
    }
}

/// A new key and the secrets to store it under.
#[derive(Debug)]
pub struct CreateKey {
    pub new: NewKey,
    pub secrets: Arc<Secrets>,
}

pub fn create_key(tx: &mut Tx<'_>, ctx: &mut Ctx, input: &CreateKey) -> Result<Ending<KeyView>, Fault> {
    let tenant = tenancy::find(tx, ctx.tenant_id)?;
    if ctx.environment == Environment::Live && tenant.live_approved_at.is_none() {
        return Err(Fault::conflict(
            "Live keys need an operator's approval of this tenant first: `attestry tenant approve`.",
        ));
    }
    if keys::count_live(tx, ctx.tenant_id, ctx.environment, ctx.now)? >= KEYS_MAX {
        return Err(Fault::conflict(format!(
            "This environment has {KEYS_MAX} keys that work, and may have no more. Revoke some first."
        )));
    }
    let giver = reach::giver(tx, ctx)?;
    let (key, minted) = keys::create(tx, ctx, &input.secrets, &input.new)?;
    reach::ensure_may_give(giver.as_ref(), None, &key)?;
    ctx.target(key.key_id.text());
    Ok(Ending::Done(KeyView::minted(key, &minted)))
}

/// What of a key to change.
#[derive(Debug)]
pub struct ChangeKey {
    pub key_id: KeyId,
    pub change: KeyChange,
    /// The scopes that keys of a service may hold.
    pub scopes_of: fn(Service) -> &'static [&'static str],
}

pub fn change_key(tx: &mut Tx<'_>, ctx: &mut Ctx, input: &ChangeKey) -> Result<Ending<KeyView>, Fault> {
    let giver = reach::giver(tx, ctx)?;
    let (before, after) = keys::change(tx, ctx, input.key_id, &input.change)?;
    if let Some(scopes) = &input.change.scopes {
        ensure_known(scopes, (input.scopes_of)(after.service))?;
    }
    reach::ensure_may_give(giver.as_ref(), Some(&before), &after)?;
    reach::ensure_limits_are_not_its_own(ctx, &before, &after)?;
    ctx.target(input.key_id.text());
    let (before, after) = (KeyView::of(before), KeyView::of(after));
    let shown = |key: &KeyView| serde_json::to_string(key).map_err(Fault::internal);
    ctx.change(shown(&before)?, shown(&after)?);
    Ok(Ending::Done(after))
}

/// Whether a service has these scopes.
///
/// # Errors
/// The field's, which names those that there are.
pub fn ensure_known(scopes: &[String], known: &[&str]) -> Result<(), Fault> {
    if scopes.iter().all(|scope| known.contains(&scope.as_str())) {
        return Ok(());
    }
    Err(Fault::invalid("scopes", format!("must be a list of some of: {}", known.join(", "))))
}

/// Which key to rotate.
#[derive(Debug)]
pub struct RotateKey {
    pub key_id: KeyId,
    pub grace_seconds: i64,
    pub secrets: Arc<Secrets>,
}

pub fn rotate_key(tx: &mut Tx<'_>, ctx: &mut Ctx, input: &RotateKey) -> Result<Ending<KeyView>, Fault> {
    let giver = reach::giver(tx, ctx)?;
    let (key, minted) = keys::rotate(tx, ctx, &input.secrets, input.key_id, input.grace_seconds)?;
    reach::ensure_may_give(giver.as_ref(), None, &key)?;
    ctx.target(input.key_id.text());
    Ok(Ending::Done(KeyView::minted(key, &minted)))
}

pub fn revoke_key(tx: &mut Tx<'_>, ctx: &mut Ctx, key_id: &KeyId) -> Result<Ending<KeyView>, Fault> {
    keys::revoke(tx, ctx, *key_id)?;
    ctx.target(key_id.text());
    Ok(Ending::Done(KeyView::of(keys::find(tx, ctx.tenant_id, ctx.environment, *key_id)?)))
}
