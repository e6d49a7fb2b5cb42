//! The events of a wallet: it ran low, or a call found it empty. They leave in the form of the service that was called.

use base::id::TenantId;
use base::{Environment, Fault, Service, Timestamp};
use db::Tx;

use super::{Command, Price, Renderers};
use crate::ctx::{Ctx, Event};
use crate::ledger::{self, wallet_id};
use crate::{outbox, settings};

/// What happened to a wallet.
#[derive(Clone, Copy, Debug)]
pub struct CreditEvent {
    pub tenant_id: TenantId,
    pub environment: Environment,
    /// `credits_low` or `credits_exhausted`.
    pub kind: &'static str,
    pub balance: i64,
    /// The tenant's setting, if there is one.
    pub threshold: Option<i64>,
    pub at: Timestamp,
}

fn standard(event: &CreditEvent) -> String {
    let data = serde_json::json!({ "balance": event.balance, "threshold": event.threshold });
    outbox::standard_body(event.kind, event.at, &data)
}

/// Emits `credits_low` when this charge took the balance from the tenant's threshold or above to below it.
pub(super) fn note_low(
    tx: &mut Tx<'_>,
    ctx: &mut Ctx,
    renderers: &Renderers,
    service: Service,
    balance_before: i64,
    amount: i64,
) -> Result<(), Fault> {
    let balance = balance_before - amount;
    let Some(threshold) = threshold(tx, ctx)? else { return Ok(()) };
    if balance < threshold && threshold <= balance_before {
        emit(ctx, renderers, service, "credits_low", balance, Some(threshold));
    }
    Ok(())
}

/// Emits `credits_exhausted` when the wallet cannot pay one unit of a command that was just refused.
pub(super) fn note_exhausted(
    tx: &mut Tx<'_>,
    ctx: &mut Ctx,
    renderers: &Renderers,
    service: Service,
    command: &Command,
) -> Result<(), Fault> {
    let wallet = ledger::find(tx, ctx.tenant_id, wallet_id(ctx.tenant_id, ctx.environment))?;
    let (_, price) = ledger::price(tx, ctx.tenant_id, command.name)?;
    if command.price != Price::Free && wallet.available() < price {
        let threshold = threshold(tx, ctx)?;
        emit(ctx, renderers, service, "credits_exhausted", wallet.balance, threshold);
    }
    Ok(())
}

fn threshold(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<Option<i64>, Fault> {
    settings::optional_integer(tx, ctx.tenant_id, ctx.environment, &settings::CREDITS_LOW_THRESHOLD)
}

fn emit(
    ctx: &mut Ctx,
    renderers: &Renderers,
    service: Service,
    kind: &'static str,
    balance: i64,
    threshold: Option<i64>,
) {
    let (tenant_id, environment, at) = (ctx.tenant_id, ctx.environment, ctx.now);
    let event = CreditEvent { tenant_id, environment, kind, balance, threshold, at };
    let own = renderers.iter().find(|renderer| renderer.service == service);
    let payload = own.map_or(standard as fn(&CreditEvent) -> String, |own| own.credits)(&event);
    ctx.emit(Event { service, kind, payload });
}
