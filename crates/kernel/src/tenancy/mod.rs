//! Tenants and their gates.
//!
//! States: active ⇄ suspended → closed. A tenant is never deleted.
//! Tables: `tenant`, `gate`, `operator`.
//!
//! A gate makes revocation exact. Every command locks the gates of its tenant and of its key in share,
//! and only then, in a later statement, reads whether both are still live.
//! Whoever suspends or revokes first commits the new state, which turns newcomers away before they reach the gate,
//! and then updates the gate, which waits for those inside. When that returns, no later charge can commit.
//! Every key has a gate of its own: a wait for a revoked key never queues behind the busy ones of its lineage.
//! A key's gate that was ever drained stays shut, so that a node whose clock is behind, and to which the revocation
//! still lies ahead, honours it too.

mod store;

use base::id::{KeyId, LineageId, TenantId};
use base::{Code, Environment, Fault, Timestamp};
use db::Tx;

use crate::ctx::{Clock, Ctx};
use crate::spine::ensure_held;
use crate::{Secrets, keys, ledger};

pub use store::STATEMENTS;

const NAME_LENGTH_MAX: usize = 200;

/// Under this id, which no tenant has, the audit log keeps what an operator did to the installation itself.
pub const INSTALLATION: TenantId = TenantId::from_bits(0);

/// What a new tenant's test wallets hold.
pub const SANDBOX_CREDITS: i64 = 100_000;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    Active,
    Suspended,
    Closed,
}

impl Status {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Closed => "closed",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Suspended, Self::Closed].into_iter().find(|status| status.name() == text)
    }
}

#[derive(Clone, Debug)]
pub struct Tenant {
    pub tenant_id: TenantId,
    pub parent_tenant_id: Option<TenantId>,
    pub name: String,
    pub status: Status,
    pub plan: String,
    pub live_approved_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// What a new tenant is made of.
#[derive(Clone, Debug)]
pub struct NewTenant {
    pub tenant_id: TenantId,
    pub parent_tenant_id: Option<TenantId>,
    pub name: String,
    pub plan: String,
    pub is_live_approved: bool,
}

/// Creates a tenant, its gate and its two wallets, the test one filled.
///
/// # Errors
/// An empty or too long name; a database failure.
pub fn create(tx: &mut Tx<'_>, ctx: &Ctx, new: &NewTenant) -> Result<Tenant, Fault> {
    if new.name.trim().is_empty() || new.name.chars().count() > NAME_LENGTH_MAX {
        return Err(Fault::invalid("name", format!("must have 1 to {NAME_LENGTH_MAX} characters")));
    }
    let tenant = Tenant {
        tenant_id: new.tenant_id,
        parent_tenant_id: new.parent_tenant_id,
        name: new.name.clone(),
        status: Status::Active,
        plan: new.plan.clone(),
        live_approved_at: new.is_live_approved.then_some(ctx.now),
        created_at: ctx.now,
    };
    store::insert(tx, &tenant)?;
    open_gate(tx, tenant.tenant_id, &tenant.tenant_id.text())?;
    for &environment in Environment::ALL {
        ledger::open_wallet(tx, ctx, tenant.tenant_id, environment)?;
    }
    let sandbox = ledger::wallet_id(tenant.tenant_id, Environment::Test);
    ledger::grant(tx, ctx, sandbox, SANDBOX_CREDITS, Some("sandbox"))?;
    Ok(tenant)
}

/// # Errors
/// Not found; a database failure.
pub fn find(tx: &mut Tx<'_>, tenant_id: TenantId) -> Result<Tenant, Fault> {
    store::find(tx, tenant_id)?.ok_or_else(|| Fault::not_found("tenant"))
}

/// All tenants after `after`, in order of creation: for workers and operators, never for a request of a tenant.
///
/// # Errors
/// A database failure.
pub fn list(tx: &mut Tx<'_>, after: Option<TenantId>, limit: i64) -> Result<Vec<Tenant>, Fault> {
    store::list(tx, after.unwrap_or(INSTALLATION), limit)
}

/// Publishes a new status, and gives the tenant before and after. The caller must [`drain`] the tenant's gate in a later
/// transaction before it answers.
///
/// # Errors
/// Not found; a closed tenant stays closed; a database failure.
pub fn set_status(
    tx: &mut Tx<'_>,
    ctx: &mut Ctx,
    status: Status,
    reason: &str,
) -> Result<(Tenant, Tenant), Fault> {
    let before = lock(tx, ctx.tenant_id)?;
    if before.status == Status::Closed && status != Status::Closed {
        return Err(Fault::conflict("The tenant is closed for good. Create a new one."));
    }
    store::set_status(tx, ctx, status, reason)?;
    ctx.change(before.status.name(), status.name());
    let after = Tenant { status, ..before.clone() };
    Ok((before, after))
}

/// Puts a tenant on another plan, and gives it before and after. Which plans there are is not the kernel's to know.
///
/// # Errors
/// Not found; a database failure.
pub fn set_plan(tx: &mut Tx<'_>, ctx: &mut Ctx, plan: &str) -> Result<(Tenant, Tenant), Fault> {
    let before = lock(tx, ctx.tenant_id)?;
    store::set_plan(tx, ctx.tenant_id, plan)?;
    ctx.change(before.plan.as_str(), plan);
    let after = Tenant { plan: plan.to_owned(), ..before.clone() };
    Ok((before, after))
}

/// The tenant's row, which nobody else changes until the transaction ends. Its gate stays open.
fn lock(tx: &mut Tx<'_>, tenant_id: TenantId) -> Result<Tenant, Fault> {
    store::lock(tx, tenant_id)?.ok_or_else(|| Fault::not_found("tenant"))
}

/// Approves a tenant for live keys. Approving again changes nothing.
///
/// # Errors
/// Not found; a database failure.
pub fn approve_live(tx: &mut Tx<'_>, ctx: &mut Ctx) -> Result<Tenant, Fault> {
    let before = find(tx, ctx.tenant_id)?;
    store::approve_live(tx, ctx)?;
    let after = find(tx, ctx.tenant_id)?;
    ctx.change(format!("{:?}", before.live_approved_at), format!("{:?}", after.live_approved_at));
    Ok(after)
}

/// Whether a tenant is there and active.
///
/// # Errors
/// A database failure.
pub fn is_active(tx: &mut Tx<'_>, tenant_id: TenantId) -> Result<bool, Fault> {
    Ok(store::status(tx, tenant_id)? == Some(Status::Active))
}

/// # Errors
/// [`Code::TenantInactive`] when the tenant is not active; not found; a database failure.
pub fn ensure_active(tx: &mut Tx<'_>, tenant_id: TenantId) -> Result<(), Fault> {
    ensure_is_active(status(tx, tenant_id)?)
}

/// How a tenant is; `None` when there is none.
///
/// # Errors
/// A database failure.
pub fn status(tx: &mut Tx<'_>, tenant_id: TenantId) -> Result<Option<Status>, Fault> {
    store::status(tx, tenant_id)
}

/// # Errors
/// [`Code::TenantInactive`]; not found.
pub fn ensure_is_active(status: Option<Status>) -> Result<(), Fault> {
    match status {
        Some(Status::Active) => Ok(()),
        Some(Status::Suspended) => Err(inactive()),
        Some(Status::Closed) => Err(Fault::new(Code::TenantInactive, "This account is closed.")),
        None => Err(Fault::not_found("tenant")),
    }
}

/// The refusal of a suspended tenant's calls.
#[must_use]
pub fn inactive() -> Fault {
    Fault::new(Code::TenantInactive, "This account is suspended. Please contact support.")
}

/// Makes the gate of a tenant, key or lineage.
///
/// # Errors
/// A database failure.
pub fn open_gate(tx: &mut Tx<'_>, tenant_id: TenantId, subject: &str) -> Result<(), Fault> {
    store::insert_gate(tx, tenant_id, subject)
}

/// Locks the gates of a tenant and, if given, of a key, in share, until the transaction ends.
///
/// # Errors
/// [`Code::CredentialInvalid`] when the key's gate is shut; a missing gate, since the key's revocation could not be
/// exact; a database failure, or a lock that was not free in time.
pub fn enter(tx: &mut Tx<'_>, tenant_id: TenantId, key: Option<&str>) -> Result<(), Fault> {
    let tenant = tenant_id.text();
    let gates = store::lock_gates(tx, tenant_id, &tenant, key.unwrap_or_default())?;
    let Some(key) = key else { return Ok(()) };
    let epoch = |wanted: &str| gates.iter().find(|(subject, _)| subject == wanted).map(|(_, epoch)| *epoch);
    match (epoch(&tenant), epoch(key)) {
        (Some(_), Some(0)) => Ok(()),
        (Some(_), Some(_)) => Err(keys::invalid()),
        (None, _) | (_, None) => Err(Fault::internal(format!("{key} or its tenant has no gate"))),
    }
}

/// Enters the gates of a tenant and of its key, and tells whether both were live, and the key had the scope, once inside:
/// for a transaction that charges and does not run through the spine.
///
/// # Errors
/// [`Code::CredentialInvalid`], [`Code::CredentialExpired`], [`Code::ScopeMissing`] or [`Code::TenantInactive`], after
/// which the transaction may go on without the key; those of [`enter`].
pub fn enter_live(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    key_id: KeyId,
    scope: &str,
    clock: &Clock,
) -> Result<(), Fault> {
    ensure_live(tx, tenant_id, key_id, scope, clock)?;
    enter(tx, tenant_id, Some(&key_id.text()))?;
    ensure_live(tx, tenant_id, key_id, scope, clock)
}

fn ensure_live(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    key_id: KeyId,
    scope: &str,
    clock: &Clock,
) -> Result<(), Fault> {
    let key = keys::find_live(tx, tenant_id, key_id, clock.now())?;
    ensure_active(tx, tenant_id)?;
    ensure_held(&key.scopes, scope)
}

/// Shuts everybody else out of a gate until the transaction ends.
///
/// # Errors
/// A missing gate; a database failure, or a lock that was not free in time.
pub fn lock_gate(tx: &mut Tx<'_>, tenant_id: TenantId, subject: &str) -> Result<(), Fault> {
    match store::lock_gate(tx, tenant_id, subject)? {
        true => Ok(()),
        false => Err(Fault::internal(format!("{subject} has no gate"))),
    }
}

/// Waits until every command that is inside a gate has ended. Must be in a later transaction than the new state.
/// For a lineage, that is the gates of those of its keys that are revoked at `now`.
///
/// # Errors
/// A subject without a gate; a database failure, or commands that did not end in time: the new state holds, the
/// wait may be repeated.
pub fn drain(tx: &mut Tx<'_>, tenant_id: TenantId, subject: &str, now: Timestamp) -> Result<(), Fault> {
    let subjects = match subject.parse::<LineageId>() {
        Ok(_) => store::dead_keys(tx, tenant_id, subject, now)?,
        Err(_) => vec![subject.to_owned()],
    };
    for subject in subjects {
        if !store::bump_gate(tx, tenant_id, &subject)? {
            return Err(Fault::internal(format!("{subject} has no gate to drain")));
        }
    }
    Ok(())
}

/// The keys of a lineage that are live at `now`.
///
/// # Errors
/// A database failure.
pub fn live_keys(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    lineage_id: LineageId,
    now: Timestamp,
) -> Result<Vec<String>, Fault> {
    store::live_keys(tx, tenant_id, &lineage_id.text(), now)
}

/// Waits until every command that is inside a gate has ended, as [`drain`] does, and leaves the gate open. Must be in a
/// later transaction than the new state. Nobody turns newcomers away, so a gate that is never empty is waited for in
/// vain.
///
/// # Errors
/// A subject without a gate; a database failure, or commands that did not end in time.
pub fn pass_through(tx: &mut Tx<'_>, tenant_id: TenantId, subject: &str) -> Result<(), Fault> {
    match store::touch_gate(tx, tenant_id, subject)? {
        true => Ok(()),
        false => Err(Fault::internal(format!("{subject} has no gate to pass through"))),
    }
}

/// The version of a root secret that the installation uses, if it was ever rotated.
///
/// # Errors
/// A database failure.
pub fn active_secret(tx: &mut Tx<'_>, kind: &str) -> Result<Option<u32>, Fault> {
    store::active_secret(tx, kind)
}

/// Makes a version of a root secret the one in use, on every node from its next start or `secrets` check on.
///
/// # Errors
/// A database failure.
pub fn activate_secret(tx: &mut Tx<'_>, kind: &str, version: u32, now: Timestamp) -> Result<(), Fault> {
    store::activate_secret(tx, kind, version, now)
}

/// Makes sure that this process holds the same root secrets as the installation was made with. The first one to start
/// with a version decides.
///
/// # Errors
/// [`Code::Conflict`] when a secret differs from the one that other nodes use; a database failure.
pub fn ensure_same_secrets(tx: &mut Tx<'_>, secrets: &Secrets) -> Result<(), Fault> {
    for (kind, version, own) in secrets.checks() {
        if store::secret_check(tx, kind, version, &own)? != own {
            return Err(Fault::conflict(format!(
                "Version {version} of the {kind} in this secrets file is not the one that this database was made \
                 with. Copy secrets.toml from a node that works, or restore it from your backup."
            )));
        }
    }
    Ok(())
}
