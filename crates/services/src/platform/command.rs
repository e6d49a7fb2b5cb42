//! The rules of tenants, keys and credits. Every change runs through the spine.

use std::sync::Arc;

use base::id::{KeyId, LineageId, TenantId};
use base::{Environment, Fault, Timestamp};
use db::Tx;
use kernel::keys::{self, Key, Minted, NewKey};
use kernel::ledger::{self, wallet_id};
use kernel::spine::{Audit, Idempotent, Price, Scope};
use kernel::tenancy::{self, NewTenant, Status, Tenant};
use kernel::{Command, Ctx, Ending, Secrets};
use serde::{Deserialize, Serialize};

const fn operator(name: &'static str, idempotent: Idempotent) -> Command {
    Command { name, scope: Scope::OperatorOnly, price: Price::Free, audit: Audit::Always, idempotent }
}

const fn tenant(name: &'static str, scope: &'static str, idempotent: Idempotent) -> Command {
    Command { name, scope: Scope::Key(scope), price: Price::Free, audit: Audit::WithRefusals, idempotent }
}

pub const CREATE_TENANT: Command = operator("platform.tenant.create", Idempotent::No);
pub const SET_TENANT_STATUS: Command = operator("platform.tenant.set_status", Idempotent::No);
pub const APPROVE_TENANT: Command = operator("platform.tenant.approve", Idempotent::No);
pub const GRANT: Command = operator("platform.wallet.grant", Idempotent::Required);
pub const CREATE_KEY: Command = tenant("platform.key.create", "keys:write", Idempotent::Optional);
pub const ROTATE_KEY: Command = tenant("platform.key.rotate", "keys:write", Idempotent::Optional);
pub const REVOKE_KEY: Command = tenant("platform.key.revoke", "keys:write", Idempotent::No);

/// Every command of the service, for the generated list.
pub const COMMANDS: &[&Command] =
    &[&CREATE_TENANT, &SET_TENANT_STATUS, &APPROVE_TENANT, &GRANT, &CREATE_KEY, &ROTATE_KEY, &REVOKE_KEY];

/// A tenant as it is answered and saved.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Tenant)]
pub struct TenantView {
    #[schema(value_type = String, example = "tn_01k0example0000000000000000")]
    pub id: TenantId,
    #[schema(value_type = Option<String>)]
    pub parent_id: Option<TenantId>,
    pub name: String,
    /// `active`, `suspended` or `closed`.
    pub status: String,
    pub plan: String,
    /// Whether an operator approved live keys.
    pub live_approved: bool,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl From<Tenant> for TenantView {
    fn from(tenant: Tenant) -> Self {
        Self {
            id: tenant.tenant_id,
            parent_id: tenant.parent_tenant_id,
            name: tenant.name,
            status: tenant.status.name().to_owned(),
            plan: tenant.plan,
            live_approved: tenant.live_approved_at.is_some(),
            created_at: tenant.created_at,
        }
    }
}

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

pub fn create_tenant(tx: &mut Tx<'_>, ctx: &mut Ctx, new: &NewTenant) -> Result<Ending<TenantView>, Fault> {
    ctx.target(new.tenant_id.text());
    Ok(Ending::Done(tenancy::create(tx, ctx, new)?.into()))
}

/// A tenant's new status, and why.
#[derive(Clone, Debug)]
pub struct StatusChange {
    pub status: Status,
    pub reason: String,
}

pub fn set_tenant_status(
    tx: &mut Tx<'_>,
    ctx: &mut Ctx,
    change: &StatusChange,
) -> Result<Ending<TenantView>, Fault> {
    ctx.target(ctx.tenant_id.text());
    ctx.note(change.reason.clone());
    Ok(Ending::Done(tenancy::set_status(tx, ctx, change.status, &change.reason)?.into()))
}

/// From now on the tenant may have live keys.
pub fn approve_tenant(tx: &mut Tx<'_>, ctx: &mut Ctx, (): &()) -> Result<Ending<TenantView>, Fault> {
    ctx.target(ctx.tenant_id.text());
    Ok(Ending::Done(tenancy::approve_live(tx, ctx)?.into()))
}

/// Credits that were paid for outside.
#[derive(Clone, Debug)]
pub struct Grant {
    pub amount: i64,
    /// The payment's own name: booked once.
    pub reference: String,
}

/// A wallet as it is answered and saved.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Wallet)]
pub struct WalletView {
    pub environment: String,
    pub balance: i64,
    pub held: i64,
    pub floor: i64,
}

pub fn grant(tx: &mut Tx<'_>, ctx: &mut Ctx, grant: &Grant) -> Result<Ending<WalletView>, Fault> {
    let wallet = wallet_id(ctx.tenant_id, ctx.environment);
    ledger::grant(tx, ctx, wallet, grant.amount, Some(&grant.reference))?;
    ctx.target(wallet.text());
    ctx.note(format!("{} credits, {}", grant.amount, grant.reference));
    Ok(Ending::Done(read_wallet(tx, ctx.tenant_id, ctx.environment)?))
}

/// # Errors
/// Not found; a database failure.
pub fn read_wallet(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
) -> Result<WalletView, Fault> {
    let wallet = ledger::find(tx, tenant_id, wallet_id(tenant_id, environment))?;
    Ok(WalletView {
        environment: environment.name().to_owned(),
        balance: wallet.balance,
        held: wallet.held,
        floor: wallet.floor,
    })
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
