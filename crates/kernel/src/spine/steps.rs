//! The steps that every command takes within its transaction.

use base::id::{KeyId, TenantId};
use base::{Fault, Secret};
use db::Tx;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{
    Answer, Audit, Call, Caller, Command, Ending, Idempotent, Price, Scope, credits, ensure_held, spend,
};
use crate::ctx::{Actor, Ctx};
use crate::idempotency::{self, Claim, Slot};
use crate::ledger::{self, wallet_id};
use crate::secrets::Mac;
use crate::{Kernel, audit, keys, outbox, tenancy};

/// The Idempotency-Key of a call, ready to be looked up.
pub(super) struct KeyInUse {
    pub(super) raw: Secret,
    pub(super) mac: Mac,
    pub(super) scope: String,
    has_tombstone: bool,
}

impl KeyInUse {
    pub(super) fn of(kernel: &Kernel, call: &Call, command: &Command) -> Result<Option<Self>, Fault> {
        let raw = match (command.idempotent, &call.idempotency_key) {
            (Idempotent::No, _) | (Idempotent::Optional | Idempotent::OptionalOnce, None) => return Ok(None),
            (Idempotent::Required, None) => {
                return Err(Fault::invalid(
                    "Idempotency-Key",
                    "is required here: send any unique value, and the same one when you retry",
                ));
            }
            (_, Some(raw)) => raw.clone(),
        };
        let caller = &call.caller;
        let scope = format!("{}:{}:{}", caller.environment, caller.service, call.route);
        let has_tombstone = command.idempotent == Idempotent::OptionalOnce;
        Ok(Some(Self { mac: kernel.secrets.idempotency_mac(raw.expose()), raw, scope, has_tombstone }))
    }

    pub(super) fn slot(&self, tenant_id: TenantId) -> Slot<'_> {
        let Self { scope, mac, has_tombstone, .. } = self;
        Slot { tenant_id, scope, key_mac: mac, has_tombstone: *has_tombstone }
    }
}

pub(super) enum Outcome<T> {
    Done(Answer<T>),
    Recorded(Fault),
}

pub(super) fn run_in<I, T>(
    tx: &mut Tx<'_>,
    kernel: &Kernel,
    call: &Call,
    command: &'static Command,
    key: Option<&KeyInUse>,
    input: &I,
    body: fn(&mut Tx<'_>, &mut Ctx, &I) -> Result<Ending<T>, Fault>,
) -> Result<Outcome<T>, Fault>
where
    T: Serialize + DeserializeOwned,
{
    if let Some(key) = key {
        let slot = key.slot(call.caller.tenant_id);
        if let Claim::Done(sealed) = idempotency::claim(tx, slot, &call.fingerprint, kernel.clock.now())? {
            return replay(kernel, key, &sealed).map(Outcome::Done);
        }
    }
    let entered = enter(tx, kernel, call, command)?;
    let mut ctx = kernel.ctx(call);
    let ending = body(tx, &mut ctx, input)?;
    end(tx, kernel, call, command, key, &mut ctx, ending, &entered)
}

/// The saved reply of a command that was done before.
pub(super) fn replay<T: DeserializeOwned>(
    kernel: &Kernel,
    key: &KeyInUse,
    sealed: &[u8],
) -> Result<Answer<T>, Fault> {
    let saved = kernel.secrets.open_reply(&key.scope, key.raw.expose(), sealed)?;
    let value = serde_json::from_slice(&saved).map_err(Fault::internal)?;
    Ok(Answer { value, is_replay: true })
}

/// Everything that stands between a command's end and its COMMIT.
#[expect(clippy::too_many_arguments, reason = "the parts of one call, which nothing else has in common")]
pub(super) fn end<T: Serialize>(
    tx: &mut Tx<'_>,
    kernel: &Kernel,
    call: &Call,
    command: &'static Command,
    key: Option<&KeyInUse>,
    ctx: &mut Ctx,
    ending: Ending<T>,
    entered: &Entered,
) -> Result<Outcome<T>, Fault> {
    match ending {
        Ending::Done(value) => {
            settle(tx, kernel, call, ctx, command, entered)?;
            publish(tx, ctx, command, audit::Outcome::Done)?;
            save(tx, kernel, call, key, &value)?;
            Ok(Outcome::Done(Answer { value, is_replay: false }))
        }
        Ending::Record(fault) => {
            publish(tx, ctx, command, audit::Outcome::Recorded)?;
            if let Some(key) = key {
                idempotency::free(tx, key.slot(call.caller.tenant_id))?;
            }
            Ok(Outcome::Recorded(fault))
        }
    }
}

/// Saves the reply under the call's key, if it has one.
pub(super) fn save<T: Serialize>(
    tx: &mut Tx<'_>,
    kernel: &Kernel,
    call: &Call,
    key: Option<&KeyInUse>,
    value: &T,
) -> Result<(), Fault> {
    let Some(key) = key else { return Ok(()) };
    let reply = serde_json::to_vec(value).map_err(Fault::internal)?;
    let sealed = kernel.secrets.seal_reply(&kernel.random, &key.scope, key.raw.expose(), &reply);
    idempotency::complete(tx, key.slot(call.caller.tenant_id), &call.fingerprint, &sealed)
}

/// What was read behind the locks, and pays for the command.
pub(super) struct Entered {
    /// Locked, if the command has a price.
    pub(super) wallet: Option<ledger::Account>,
    /// The calling key's, if it has one.
    pub(super) spend_cap_per_day: Option<i64>,
}

/// Refuses early, locks, and then reads again what the locks protect.
pub(super) fn enter(
    tx: &mut Tx<'_>,
    kernel: &Kernel,
    call: &Call,
    command: &Command,
) -> Result<Entered, Fault> {
    let caller = &call.caller;
    ensure_live(tx, kernel, caller, command)?;
    let key = caller.actor.key_id().map(KeyId::text);
    tenancy::enter(tx, caller.tenant_id, key.as_deref())?;
    let wallet = match command.price {
        Price::Free => None,
        Price::UpTo(_) => {
            Some(ledger::lock(tx, caller.tenant_id, wallet_id(caller.tenant_id, caller.environment))?)
        }
    };
    let spend_cap_per_day = ensure_live(tx, kernel, caller, command)?;
    Ok(Entered { wallet, spend_cap_per_day })
}

/// Gives the key's spend cap. Operators have none, and may work on a tenant that is suspended or not there yet.
fn ensure_live(
    tx: &mut Tx<'_>,
    kernel: &Kernel,
    caller: &Caller,
    command: &Command,
) -> Result<Option<i64>, Fault> {
    let Actor::Key { key_id, .. } = caller.actor else {
        return Ok(None);
    };
    let key = keys::find_live(tx, caller.tenant_id, key_id, kernel.clock.now())?;
    tenancy::ensure_active(tx, caller.tenant_id)?;
    if let Scope::Key(name) = command.scope {
        ensure_held(&key.scopes, name)?;
    }
    Ok(key.spend_cap_per_day)
}

fn settle(
    tx: &mut Tx<'_>,
    kernel: &Kernel,
    call: &Call,
    ctx: &mut Ctx,
    command: &Command,
    entered: &Entered,
) -> Result<(), Fault> {
    let units = ctx.effects.cost;
    if units == 0 {
        return Ok(());
    }
    let Some(wallet) = &entered.wallet else { return Err(over_price(command, units)) };
    let (price_id, amount) = price_of(tx, ctx, command, units)?;
    ledger::charge(tx, ctx, wallet, amount, price_id)?;
    spend::add(tx, ctx, entered.spend_cap_per_day, amount)?;
    credits::note_low(tx, ctx, &kernel.renderers, call.caller.service, wallet.balance, amount)
}

/// What so many units of a command cost, and by which line of the price list.
pub(super) fn price_of(
    tx: &mut Tx<'_>,
    ctx: &mut Ctx,
    command: &Command,
    units: i64,
) -> Result<(Option<String>, i64), Fault> {
    match command.price {
        Price::UpTo(ceiling) if (1..=ceiling).contains(&units) => {
            let price = unit_price(tx, ctx, command)?;
            let amount =
                price.checked_mul(units).ok_or_else(|| Fault::internal("a price list overflows 64 bits"))?;
            Ok((ctx.effects.price.clone().and_then(|(price_id, _)| price_id), amount))
        }
        Price::Free | Price::UpTo(_) => Err(over_price(command, units)),
    }
}

/// What this call is charged for each unit: the price at which credits were held for it, or the one of the price list,
/// which holds for the rest of the call though the list may change meanwhile.
///
/// # Errors
/// A database failure.
pub fn unit_price(tx: &mut Tx<'_>, ctx: &mut Ctx, command: &Command) -> Result<i64, Fault> {
    let (price_id, price) = match ctx.effects.price.take() {
        Some(known) => known,
        None => ledger::price(tx, ctx.tenant_id, command.name)?,
    };
    ctx.effects.price = Some((price_id, price));
    Ok(price)
}

pub(super) fn over_price(command: &Command, units: i64) -> Fault {
    Fault::internal(format!("{} asked for {units} units, more than its price allows", command.name))
}

pub(super) fn publish(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    command: &Command,
    outcome: audit::Outcome,
) -> Result<(), Fault> {
    match command.audit {
        Audit::Never => {}
        Audit::Always | Audit::WithRefusals => audit::write(tx, ctx, command.name, outcome)?,
    }
    outbox::write(tx, ctx, &ctx.effects.events)
}
