//! platform: what a tenant is and holds, seen by itself and by the operator.
//!
//! Tenants, keys of every service, credits. The tables are the kernel's; this folder holds the commands over them.
//! States: see `kernel::tenancy` and `kernel::keys`.
//! Prices: none.
//!
//! Suspension and revocation are two steps: a command that publishes the new state, and a wait until every command
//! that was inside the gate has ended. Only then is the caller answered.
//! Where the wait cannot be confirmed, a suspension or revocation is answered with a failure that says that the new
//! state holds; a rotation is answered with the new secret, which nobody could show again, and with a warning.
//! A change of a key waits in the same way, for gates that stay open, and is answered with a warning, too.

pub mod api;
pub mod body;
pub mod command;
pub mod webhook;

use base::id::KeyId;
use base::{Fault, Service};
use kernel::Kernel;
use kernel::settings::Setting;
use kernel::spine::{Call, lineage_gate};
use kernel::usage::{self, Difference, HOUR_US, Range, Source};
use web::destination::Network;

use std::sync::Arc;

use command::{KeyView, SetTenantStatus, StatusChange, TenantView};

/// The scopes a platform key may hold.
pub const SCOPES: &[&str] = &[
    "keys:read",
    "keys:write",
    "webhooks:read",
    "webhooks:write",
    "wallet:read",
    "wallet:write",
    "usage:read",
    "audit:read",
    "tenant:read",
    "tenant:write",
];

/// What the services declare, which whoever manages keys and settings asks for without knowing any of them.
#[derive(Clone, Copy, Debug)]
pub struct Catalog {
    /// The scopes that keys of a service may hold.
    pub scopes: fn(Service) -> &'static [&'static str],
    /// Every setting that a tenant may change.
    pub settings: fn() -> Vec<&'static Setting>,
    /// How the calls of each service are counted.
    pub usage: &'static [&'static Source],
}

/// What the handlers of this service share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Platform {
    pub kernel: Kernel,
    pub catalog: Catalog,
    /// Where webhooks may go.
    pub receivers: Network,
}

const UNCONFIRMED_ROTATION: &str = "The key was rotated: store the new secret. Whether calls that a replaced key had \
    begun have ended could not be confirmed. Revoke that key to wait for them.";

const UNCONFIRMED_CHANGE: &str = "The key was changed, and every call that begins now holds to it. Whether calls that \
    had begun before have ended could not be confirmed. Repeat the call to wait for them.";

/// Suspends, closes or reopens a tenant. When it returns, no charge of a tenant that is not active commits any more.
///
/// # Errors
/// Not found; a tenant that is closed; a wait that took too long, and may be repeated; a database failure.
pub async fn set_tenant_status(
    kernel: &Kernel,
    call: Call,
    change: StatusChange,
) -> Result<TenantView, Fault> {
    let tenant_id = call.caller.tenant_id;
    let input = SetTenantStatus { change, renderers: Arc::clone(&kernel.renderers) };
    let answer = kernel.run(call, &command::SET_TENANT_STATUS, input, command::set_tenant_status).await?;
    kernel.drain(tenant_id, tenant_id.text()).await?;
    Ok(answer.value)
}

/// Recounts the folded hours of a time from the rows, corrects those that are wrong, and says what differed.
///
/// # Errors
/// A fold that goes on meanwhile: what was corrected stays, and the call may be repeated; a database failure.
pub async fn rebuild_usage(
    kernel: &Kernel,
    call: Call,
    sources: &[&'static Source],
    range: Range,
) -> Result<Vec<Difference>, Fault> {
    let tenant_id = call.caller.tenant_id;
    let mut found = Vec::new();
    let mut hour = range.from;
    while hour < range.to {
        for &source in sources {
            let counted = kernel.db.read(move |tx| usage::recount(tx, tenant_id, source, hour)).await?;
            let Some(recount) = counted else { continue };
            found.extend(recount.differences.clone());
            kernel.run(call.clone(), &command::REBUILD_USAGE, recount, command::rebuild_usage).await?;
        }
        hour = hour.plus_micros(HOUR_US);
    }
    Ok(found)
}

/// Revokes a key. When it returns, no charge by the key commits any more.
///
/// # Errors
/// Not found; a wait that took too long, and may be repeated; a database failure.
pub async fn revoke_key(kernel: &Kernel, call: Call, key_id: KeyId) -> Result<KeyView, Fault> {
    let tenant_id = call.caller.tenant_id;
    let answer = kernel.run(call, &command::REVOKE_KEY, key_id, command::revoke_key).await?;
    kernel.drain(tenant_id, lineage_gate(answer.value.lineage_id)).await?;
    Ok(answer.value)
}

/// Changes a key. When it returns, every call that holds to what the key had before has ended, unless the answer carries
/// a warning: where scopes, spend cap or end are changed, it waits for them.
///
/// # Errors
/// Not found; a key that is not live; a change that does not fit, or gives more than the caller has; a database failure.
pub async fn change_key(kernel: &Kernel, call: Call, input: command::ChangeKey) -> Result<KeyView, Fault> {
    let (tenant_id, waits) = (call.caller.tenant_id, input.change.is_asked_inside());
    let answer = kernel.run(call, &command::CHANGE_KEY, input, command::change_key).await?;
    if !waits {
        return Ok(answer.value);
    }
    let waited = kernel.wait_for_live(tenant_id, answer.value.lineage_id).await;
    let warning = waited.err().map(|fault| {
        tracing::warn!(%tenant_id, key = %answer.value.id, ?fault, "a key was changed and its calls not waited for");
        UNCONFIRMED_CHANGE.to_owned()
    });
    Ok(KeyView { warning, ..answer.value })
}

/// Rotates a key. Without a grace the old key is dead, and no charge by it commits, when it returns, unless its answer
/// carries a warning: the secret in it exists nowhere else, so it is not given up for a wait that was not confirmed.
///
/// # Errors
/// Not found; a key that is not live; a grace out of range; a database failure.
pub async fn rotate_key(kernel: &Kernel, call: Call, input: command::RotateKey) -> Result<KeyView, Fault> {
    let tenant_id = call.caller.tenant_id;
    let answer = kernel.run(call, &command::ROTATE_KEY, input, command::rotate_key).await?;
    let drained = kernel.drain(tenant_id, lineage_gate(answer.value.lineage_id)).await;
    let warning = drained.err().map(|fault| {
        tracing::warn!(%tenant_id, key = %answer.value.id, ?fault, "a key was rotated and its gate not drained");
        UNCONFIRMED_ROTATION.to_owned()
    });
    Ok(KeyView { warning, ..answer.value })
}
