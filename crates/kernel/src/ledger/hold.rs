//! Credits set aside for work under way: claimed before it, captured, voided or expired after it.

use base::id::{AccountId, HoldId, TenantId};
use base::{Fault, Timestamp};
use db::Tx;

use super::model::{Account, SystemAccount, Transfer, TransferKind};
use super::store::{self, Hold};
use crate::ctx::Ctx;

/// The longest a hold may stand.
pub const HOLD_SECONDS_MAX: i64 = 24 * 60 * 60;

/// Sets `amount` of an account aside for at most `seconds`.
///
/// # Errors
/// [`base::Code::InsufficientCredits`]; an amount below one; more than a day; not found; a database failure.
pub fn hold(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    account_id: AccountId,
    amount: i64,
    seconds: i64,
) -> Result<HoldId, Fault> {
    hold_at_price(tx, ctx, account_id, amount, seconds, None)
}

/// [`hold`], and the line of the price list that the amount comes from, which the capture will name.
///
/// # Errors
/// As [`hold`].
pub fn hold_at_price(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    account_id: AccountId,
    amount: i64,
    seconds: i64,
    price_id: Option<&str>,
) -> Result<HoldId, Fault> {
    if amount < 1 || !(1..=HOLD_SECONDS_MAX).contains(&seconds) {
        return Err(Fault::invalid(
            "amount",
            "a hold needs at least 1 credit and 1 second, and at most a day",
        ));
    }
    let account = super::lock(tx, ctx.tenant_id, account_id)?;
    account.ensure_can_spend(amount)?;
    let hold_id = HoldId::new(ctx.now, ctx.random.id_bits());
    let expires_at = ctx.now.plus_seconds(seconds);
    let hold = Hold {
        hold_id,
        account_id,
        amount,
        price_id: price_id.map(str::to_owned),
        expires_at,
        is_resolved: false,
    };
    store::insert_hold(tx, ctx, &hold)?;
    store::add_to_held(tx, ctx.tenant_id, account_id, amount)?;
    Ok(hold_id)
}

/// Charges `amount` of a hold and frees the rest.
///
/// # Errors
/// More than was held; a frozen account; a hold that was resolved or has expired; not found; a database failure.
pub fn capture(tx: &mut Tx<'_>, ctx: &Ctx, hold_id: HoldId, amount: i64) -> Result<Transfer, Fault> {
    let (account, hold) = lock_open(tx, ctx.tenant_id, hold_id)?;
    if hold.expires_at <= ctx.now {
        return Err(Fault::conflict("The hold has expired."));
    }
    if !(0..=hold.amount).contains(&amount) {
        return Err(Fault::conflict(format!(
            "The hold is of {}, and {amount} was to be captured.",
            hold.amount
        )));
    }
    account.ensure_not_frozen()?;
    resolve(tx, ctx, &account, &hold, TransferKind::Capture, amount)
}

/// Frees a hold without a charge.
///
/// # Errors
/// A hold that was resolved; not found; a database failure.
pub fn void(tx: &mut Tx<'_>, ctx: &Ctx, hold_id: HoldId) -> Result<Transfer, Fault> {
    let (account, hold) = lock_open(tx, ctx.tenant_id, hold_id)?;
    resolve(tx, ctx, &account, &hold, TransferKind::Void, 0)
}

/// Whether a hold can still be captured; its account is locked from here on.
///
/// # Errors
/// Not found; a database failure.
pub fn is_open(tx: &mut Tx<'_>, ctx: &Ctx, hold_id: HoldId) -> Result<bool, Fault> {
    let (_, hold) = lock(tx, ctx.tenant_id, hold_id)?;
    Ok(!hold.is_resolved && hold.expires_at > ctx.now)
}

/// Frees a hold unless it was resolved before, and says whether it did.
///
/// # Errors
/// Not found; a database failure.
pub fn void_if_open(tx: &mut Tx<'_>, ctx: &Ctx, hold_id: HoldId) -> Result<bool, Fault> {
    let (account, hold) = lock(tx, ctx.tenant_id, hold_id)?;
    if !hold.is_resolved {
        resolve(tx, ctx, &account, &hold, TransferKind::Void, 0)?;
    }
    Ok(!hold.is_resolved)
}

/// Frees up to `limit` holds of the tenant whose time is over, and says how many.
///
/// # Errors
/// A database failure.
pub fn expire_due(tx: &mut Tx<'_>, ctx: &Ctx, limit: i64) -> Result<usize, Fault> {
    let mut due = store::due_holds(tx, ctx.tenant_id, ctx.now, limit)?;
    // Accounts are locked in the order of their ids, here as everywhere.
    due.sort_unstable();
    let mut count = 0;
    for (_, hold_id) in due {
        let (account, hold) = lock(tx, ctx.tenant_id, hold_id)?;
        // Somebody else may have resolved it while this one waited for the account.
        if !hold.is_resolved {
            resolve(tx, ctx, &account, &hold, TransferKind::Expire, 0)?;
            count += 1;
        }
    }
    Ok(count)
}

/// Whether [`expire_due`] would find anything at `now`: a look without a lock.
///
/// # Errors
/// A database failure.
pub fn is_any_due(tx: &mut Tx<'_>, tenant_id: TenantId, now: Timestamp) -> Result<bool, Fault> {
    Ok(!store::due_holds(tx, tenant_id, now, 1)?.is_empty())
}

fn lock_open(tx: &mut Tx<'_>, tenant_id: TenantId, hold_id: HoldId) -> Result<(Account, Hold), Fault> {
    let (account, hold) = lock(tx, tenant_id, hold_id)?;
    if hold.is_resolved {
        return Err(Fault::conflict("The hold was captured, voided or expired before."));
    }
    Ok((account, hold))
}

/// Locks the account first, as everything does, and then reads the hold.
fn lock(tx: &mut Tx<'_>, tenant_id: TenantId, hold_id: HoldId) -> Result<(Account, Hold), Fault> {
    let missing = || Fault::not_found("hold");
    let seen = store::find_hold(tx, tenant_id, hold_id)?.ok_or_else(missing)?;
    let account = super::lock(tx, tenant_id, seen.account_id)?;
    let hold = store::find_hold(tx, tenant_id, hold_id)?.ok_or_else(missing)?;
    Ok((account, hold))
}

fn resolve(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    account: &Account,
    hold: &Hold,
    kind: TransferKind,
    amount: i64,
) -> Result<Transfer, Fault> {
    let revenue = SystemAccount::Revenue.id(ctx.tenant_id, account.environment, account.unit);
    let transfer = Transfer {
        hold_id: Some(hold.hold_id),
        price_id: hold.price_id.clone(),
        ..Transfer::new(ctx, kind, hold.account_id, revenue, account.unit, amount)
    };
    store::insert_transfer(tx, ctx.tenant_id, &transfer)?;
    store::resolve_hold(tx, ctx.tenant_id, hold.hold_id, ctx.now)?;
    store::release(tx, ctx.tenant_id, hold.account_id, hold.amount, amount)?;
    Ok(transfer)
}
