use std::sync::Arc;

use base::id::{KeyId, LineageId};
use base::{Environment, Fault, Timestamp};
use db::Tx;
use kernel::keys::{self, Key, Minted, NewKey};
use kernel::{Ctx, Ending, Secrets, tenancy};
use serde::{Deserialize, Serialize};

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
    pub rate_limit_per_minute: Option<u32>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
    /// Only after a rotation: what of it could not be confirmed, and how to confirm it.
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
            rate_limit_per_minute: key.rate_limit_per_minute,
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
    let (key, minted) = keys::create(tx, ctx, &input.secrets, &input.new)?;
    ctx.target(key.key_id.text());
    Ok(Ending::Done(KeyView::minted(key, &minted)))
}

/// Which key to rotate.
#[derive(Debug)]
pub struct RotateKey {
    pub key_id: KeyId,
    pub grace_seconds: i64,
    pub secrets: Arc<Secrets>,
}

pub fn rotate_key(tx: &mut Tx<'_>, ctx: &mut Ctx, input: &RotateKey) -> Result<Ending<KeyView>, Fault> {
    let (key, minted) = keys::rotate(tx, ctx, &input.secrets, input.key_id, input.grace_seconds)?;
    ctx.target(input.key_id.text());
    Ok(Ending::Done(KeyView::minted(key, &minted)))
}

/// What a revocation answers.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct RevokedKey {
    pub id: KeyId,
    pub lineage_id: LineageId,
}

pub fn revoke_key(tx: &mut Tx<'_>, ctx: &mut Ctx, key_id: &KeyId) -> Result<Ending<RevokedKey>, Fault> {
    let lineage_id = keys::revoke(tx, ctx, *key_id)?;
    ctx.target(key_id.text());
    Ok(Ending::Done(RevokedKey { id: *key_id, lineage_id }))
}
