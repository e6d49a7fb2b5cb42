//! The ledger: double entry, immutable transfers, holds that resolve at most once.
//!
//! Accounts with a row: wallets (credits of a tenant's environment) and customer accounts (points of its clients).
//! They carry balance and held, and the database itself refuses `balance - held < floor`.
//! System accounts (issued, revenue, refunds) have no row: they are the sum of their transfers, so never hot.
//!
//! States of a hold: open → captured (at most its amount) | voided | expired, decided by a unique index.
//! A correction is a new transfer; nothing here updates or deletes one.
//! Absent on purpose: any way to change a balance without a transfer.

mod check;
mod history;
mod hold;
mod model;
mod store;

use base::id::{AccountId, TenantId, TransferId};
use base::{Code, Environment, Fault};
use db::Tx;

use crate::ctx::Ctx;

pub use check::{Report, STATEMENTS as CHECK_STATEMENTS, check};
pub use history::{Filter as TransferFilter, STATEMENTS as HISTORY_STATEMENTS, wallet_transfers};
pub use hold::{
    HOLD_SECONDS_MAX, capture, expire_due, hold, hold_at_price, is_any_due, is_open, void, void_if_open,
};
pub use model::{Account, AccountKind, SystemAccount, Transfer, TransferKind, Unit, wallet_id};
pub use store::STATEMENTS;

/// The largest amount of one transfer, so that sums of many stay far from 64 bits.
pub const AMOUNT_MAX: i64 = 1_000_000_000_000_000;

/// Opens the wallet of a tenant's environment, empty, with a floor of zero.
///
/// # Errors
/// A database failure.
pub fn open_wallet(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    tenant_id: TenantId,
    environment: Environment,
) -> Result<(), Fault> {
    let wallet =
        Account::empty(wallet_id(tenant_id, environment), environment, Unit::Credit, AccountKind::Wallet);
    store::insert_account(tx, tenant_id, &wallet, ctx.now)
}

/// Opens an empty account of points in the caller's environment, with a floor of zero.
///
/// # Errors
/// A database failure.
pub fn open_customer(tx: &mut Tx<'_>, ctx: &Ctx, account_id: AccountId) -> Result<(), Fault> {
    let account = Account::empty(account_id, ctx.environment, Unit::Point, AccountKind::Customer);
    store::insert_account(tx, ctx.tenant_id, &account, ctx.now)
}

/// Reads an account without a lock.
///
/// # Errors
/// Not found; a database failure.
pub fn find(tx: &mut Tx<'_>, tenant_id: TenantId, account_id: AccountId) -> Result<Account, Fault> {
    store::find_account(tx, tenant_id, account_id)?.ok_or_else(|| Fault::not_found("account"))
}

/// Locks an account until the transaction ends and reads it. Lock several in the order of their ids.
///
/// # Errors
/// Not found; a database failure.
pub fn lock(tx: &mut Tx<'_>, tenant_id: TenantId, account_id: AccountId) -> Result<Account, Fault> {
    store::lock_account(tx, tenant_id, account_id)?.ok_or_else(|| Fault::not_found("account"))
}

/// Adds to an account what was paid for outside. `reference`, if any, is the payment's own name and books it once.
///
/// # Errors
/// An amount out of range; [`Code::AlreadyExists`] when the reference was booked before; not found; a database failure.
pub fn grant(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    account_id: AccountId,
    amount: i64,
    reference: Option<&str>,
) -> Result<Transfer, Fault> {
    if !(1..=AMOUNT_MAX).contains(&amount) {
        return Err(Fault::invalid("amount", format!("must be 1 to {AMOUNT_MAX}")));
    }
    book_in(tx, ctx, (TransferKind::Grant, SystemAccount::Issued), account_id, amount, reference)
}

/// Gives back to an account what a charge took. `reference` names what is given back, and books it once.
///
/// # Errors
/// As [`grant`].
pub fn refund(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    account_id: AccountId,
    amount: i64,
    reference: &str,
) -> Result<Transfer, Fault> {
    book_in(tx, ctx, (TransferKind::Refund, SystemAccount::Refunds), account_id, amount, Some(reference))
}

fn book_in(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    (kind, from): (TransferKind, SystemAccount),
    account_id: AccountId,
    amount: i64,
    reference: Option<&str>,
) -> Result<Transfer, Fault> {
    let account = lock(tx, ctx.tenant_id, account_id)?;
    account
        .balance
        .checked_add(amount)
        .ok_or_else(|| Fault::conflict("The balance would not fit 64 bits."))?;
    let from = from.id(ctx.tenant_id, account.environment, account.unit);
    let transfer = Transfer {
        reference: reference.map(str::to_owned),
        ..Transfer::new(ctx, kind, from, account_id, account.unit, amount)
    };
    store::insert_transfer(tx, ctx.tenant_id, &transfer).map_err(|error| {
        if error.is_constraint("transfer_reference") {
            Fault::new(Code::AlreadyExists, "This reference was booked before on this account.".to_owned())
        } else {
            error.into()
        }
    })?;
    store::add_to_balance(tx, ctx.tenant_id, account_id, amount)?;
    Ok(transfer)
}

/// Takes `amount` from an account that this transaction has locked.
///
/// # Errors
/// [`Code::InsufficientCredits`]; a frozen account; a database failure.
pub fn charge(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    account: &Account,
    amount: i64,
    price_id: Option<String>,
) -> Result<Transfer, Fault> {
    account.ensure_can_spend(amount)?;
    let revenue = SystemAccount::Revenue.id(ctx.tenant_id, account.environment, account.unit);
    let transfer = Transfer {
        price_id,
        ..Transfer::new(ctx, TransferKind::Charge, account.account_id, revenue, account.unit, amount)
    };
    store::insert_transfer(tx, ctx.tenant_id, &transfer)?;
    store::add_to_balance(tx, ctx.tenant_id, account.account_id, -amount)?;
    Ok(transfer)
}

/// Freezes an account: from the answer on, nothing is charged to it. Holds may still be voided.
///
/// # Errors
/// Not found; a database failure.
pub fn freeze(tx: &mut Tx<'_>, ctx: &Ctx, account_id: AccountId) -> Result<(), Fault> {
    lock(tx, ctx.tenant_id, account_id)?;
    store::set_frozen(tx, ctx.tenant_id, account_id, Some(ctx.now))
}

/// # Errors
/// Not found; a database failure.
pub fn unfreeze(tx: &mut Tx<'_>, ctx: &Ctx, account_id: AccountId) -> Result<(), Fault> {
    lock(tx, ctx.tenant_id, account_id)?;
    store::set_frozen(tx, ctx.tenant_id, account_id, None)
}

/// Sets how low an account may be spent: zero, below it what its owner may owe, above it what must stay. Returns the
/// floor before.
///
/// # Errors
/// A floor out of range; [`Code::Conflict`] when less than that is left already; not found; a database failure.
pub fn set_floor(tx: &mut Tx<'_>, ctx: &Ctx, account_id: AccountId, floor: i64) -> Result<i64, Fault> {
    if !(-AMOUNT_MAX..=AMOUNT_MAX).contains(&floor) {
        return Err(Fault::invalid("floor", format!("must be between -{AMOUNT_MAX} and {AMOUNT_MAX}")));
    }
    let account = lock(tx, ctx.tenant_id, account_id)?;
    let unheld = account.balance - account.held;
    if unheld < floor {
        return Err(Fault::conflict(format!(
            "Without what is held, {unheld} is left: less than that floor. Book more first, or choose a lower floor."
        )));
    }
    store::set_floor(tx, ctx.tenant_id, account_id, floor)?;
    Ok(account.floor)
}

/// What a command costs this tenant: its price list's newest line, or one credit a unit.
///
/// # Errors
/// A database failure.
pub fn price(tx: &mut Tx<'_>, tenant_id: TenantId, command: &str) -> Result<(Option<String>, i64), Fault> {
    Ok(store::find_price(tx, tenant_id, command)?.map_or((None, 1), |(id, amount)| (Some(id), amount)))
}

/// What was charged and what is left, for reconciliation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Summary {
    pub charges: i64,
    pub charged: i64,
    pub balances: i64,
    pub granted: i64,
}

/// # Errors
/// A database failure.
pub fn summary(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    unit: Unit,
) -> Result<Summary, Fault> {
    store::summary(tx, tenant_id, environment, unit)
}

/// The newest transfers that touch an account.
///
/// # Errors
/// A database failure.
pub fn transfers_of(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    account_id: AccountId,
    before: Option<TransferId>,
    limit: i64,
) -> Result<Vec<Transfer>, Fault> {
    store::transfers_of(tx, tenant_id, account_id, before.unwrap_or(TransferId::from_bits(u128::MAX)), limit)
}
