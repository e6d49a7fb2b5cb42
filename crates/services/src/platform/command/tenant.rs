use std::sync::Arc;

use base::id::TenantId;
use base::{Environment, Fault, Timestamp};
use db::Tx;
use kernel::settings::{self, Changes, Setting};
use kernel::spine::{Renderers, tell_suspended};
use kernel::tenancy::{self, NewTenant, Status, Tenant};
use kernel::{Ctx, Ending};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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

/// A tenant as it sees itself in one environment.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = OwnTenant)]
pub struct OwnTenantView {
    #[serde(flatten)]
    pub tenant: TenantView,
    /// The environment of the key, which is the one of the settings.
    #[schema(example = "test")]
    pub environment: String,
    /// Every setting there is, with its value or default.
    #[schema(value_type = Object, example = json!({ "wallet.credits_low_threshold": 500 }))]
    pub settings: Map<String, Value>,
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

/// The change, and how the services tell of it.
#[derive(Debug)]
pub struct SetTenantStatus {
    pub change: StatusChange,
    pub renderers: Arc<Renderers>,
}

pub fn set_tenant_status(
    tx: &mut Tx<'_>,
    ctx: &mut Ctx,
    SetTenantStatus { change, renderers }: &SetTenantStatus,
) -> Result<Ending<TenantView>, Fault> {
    ctx.target(ctx.tenant_id.text());
    ctx.note(change.reason.clone());
    let (before, after) = tenancy::set_status(tx, ctx, change.status, &change.reason)?;
    if after.status == Status::Suspended && before.status != Status::Suspended {
        tell_suspended(tx, ctx, renderers, &change.reason)?;
    }
    Ok(Ending::Done(after.into()))
}

/// Puts the tenant on a plan that the operator knows.
pub fn set_plan(tx: &mut Tx<'_>, ctx: &mut Ctx, plan: &&str) -> Result<Ending<TenantView>, Fault> {
    ctx.target(ctx.tenant_id.text());
    let (before, after) = tenancy::set_plan(tx, ctx, plan)?;
    ctx.note(format!("{} to {}", before.plan, after.plan));
    Ok(Ending::Done(after.into()))
}

/// From now on the tenant may have live keys.
pub fn approve_tenant(tx: &mut Tx<'_>, ctx: &mut Ctx, (): &()) -> Result<Ending<TenantView>, Fault> {
    ctx.target(ctx.tenant_id.text());
    Ok(Ending::Done(tenancy::approve_live(tx, ctx)?.into()))
}

/// # Errors
/// Not found; a database failure.
pub fn read_tenant(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    known: &[&Setting],
) -> Result<OwnTenantView, Fault> {
    Ok(OwnTenantView {
        tenant: tenancy::find(tx, tenant_id)?.into(),
        environment: environment.name().to_owned(),
        settings: settings::all(tx, tenant_id, environment, known)?,
    })
}

/// New values of some settings, and all that there are.
#[derive(Debug)]
pub struct ChangeSettings {
    pub changes: Changes,
    pub known: Vec<&'static Setting>,
}

pub fn change_settings(
    tx: &mut Tx<'_>,
    ctx: &mut Ctx,
    input: &ChangeSettings,
) -> Result<Ending<OwnTenantView>, Fault> {
    ctx.target(ctx.tenant_id.text());
    settings::change(tx, ctx, &input.known, &input.changes)?;
    Ok(Ending::Done(read_tenant(tx, ctx.tenant_id, ctx.environment, &input.known)?))
}
