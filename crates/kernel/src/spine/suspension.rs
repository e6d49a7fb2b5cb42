//! The event of a suspension: every service that has a form for it tells it, in each environment, because all keys of
//! the tenant are refused.

use base::id::TenantId;
use base::{Environment, Fault, Timestamp};
use db::Tx;

use super::Renderers;
use crate::ctx::{Ctx, Event};
use crate::outbox;

/// A tenant was suspended.
#[derive(Clone, Copy, Debug)]
pub struct Suspension<'a> {
    pub tenant_id: TenantId,
    /// As the operator gave it; may be empty.
    pub reason: &'a str,
    pub at: Timestamp,
}

/// Tells a suspension in the transaction that makes it.
///
/// # Errors
/// A database failure.
pub fn tell_suspended(tx: &mut Tx<'_>, ctx: &Ctx, renderers: &Renderers, reason: &str) -> Result<(), Fault> {
    let suspension = Suspension { tenant_id: ctx.tenant_id, reason, at: ctx.now };
    let events: Vec<Event> = renderers.iter().map(|own| (own.suspension)(&suspension)).collect();
    for &environment in Environment::ALL {
        let (actor, random) = (ctx.actor.clone(), ctx.random.clone());
        let there = Ctx::new(ctx.tenant_id, environment, actor, ctx.request_id, ctx.now, random);
        outbox::write(tx, &there, &events)?;
    }
    Ok(())
}
