use base::id::{AccountId, HoldId, TenantId, TransferId};
use base::{Environment, Fault, Timestamp};
use db::{Row, Tx, args};

use super::Summary;
use super::model::{Account, AccountKind, SystemAccount, Transfer, TransferKind, Unit};
use crate::ctx::Ctx;

const INSERT_ACCOUNT: &str = "INSERT INTO account (tenant_id, account_id, environment, unit, kind, balance, held, floor, created_at_us) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
const FIND_ACCOUNT: &str = "SELECT account_id, environment, unit, kind, balance, held, floor, frozen_at_us FROM account \
    WHERE tenant_id = ?1 AND account_id = ?2";
const LOCK_ACCOUNT: &str = "SELECT account_id, environment, unit, kind, balance, held, floor, frozen_at_us FROM account \
    WHERE tenant_id = ?1 AND account_id = ?2 FOR UPDATE";
/// What is added makes it worth telling anew that the account cannot pay.
const ADD_TO_BALANCE: &str = "UPDATE account SET balance = balance + ?3, exhausted = CASE WHEN ?3 > 0 THEN 0 ELSE exhausted END \
    WHERE tenant_id = ?1 AND account_id = ?2";
const ADD_TO_HELD: &str = "UPDATE account SET held = held + ?3 WHERE tenant_id = ?1 AND account_id = ?2";
const RELEASE: &str =
    "UPDATE account SET held = held - ?3, balance = balance - ?4 WHERE tenant_id = ?1 AND account_id = ?2";
const SET_FROZEN: &str = "UPDATE account SET frozen_at_us = ?3 WHERE tenant_id = ?1 AND account_id = ?2";
const SET_FLOOR: &str = "UPDATE account SET floor = ?3 WHERE tenant_id = ?1 AND account_id = ?2";
const INSERT_TRANSFER: &str = "INSERT INTO transfer (tenant_id, transfer_id, debit_account_id, credit_account_id, unit, amount, kind, price_id, \
    hold_id, key_id, request_id, reference, at_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
const TRANSFERS_OF: &str = "SELECT transfer_id, debit_account_id, credit_account_id, unit, amount, kind, price_id, hold_id, key_id, request_id, \
    reference, at_us FROM transfer WHERE tenant_id = ?1 AND (debit_account_id = ?2 OR credit_account_id = ?2) \
    AND transfer_id < ?3 ORDER BY transfer_id DESC LIMIT ?4";
const INSERT_HOLD: &str = "INSERT INTO hold (tenant_id, hold_id, account_id, amount, key_id, request_id, created_at_us, expires_at_us, price_id) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
const FIND_HOLD: &str = "SELECT hold_id, account_id, amount, price_id, expires_at_us, resolved_at_us FROM hold \
    WHERE tenant_id = ?1 AND hold_id = ?2";
const DUE_HOLDS: &str = "SELECT account_id, hold_id FROM hold WHERE tenant_id = ?1 AND resolved_at_us IS NULL AND expires_at_us <= ?2 \
    ORDER BY expires_at_us, hold_id LIMIT ?3";
const RESOLVE_HOLD: &str = "UPDATE hold SET resolved_at_us = ?3 WHERE tenant_id = ?1 AND hold_id = ?2";
const FIND_PRICE: &str =
    "SELECT price_id, amount FROM price WHERE tenant_id = ?1 AND command = ?2 ORDER BY price_id DESC LIMIT 1";
const SUMMARY_CHARGES: &str = "SELECT COUNT(*) AS charges, CAST(COALESCE(SUM(amount), 0) AS BIGINT) AS charged FROM transfer \
    WHERE tenant_id = ?1 AND credit_account_id = ?2 AND kind IN ('charge', 'capture')";
const SUMMARY_BALANCES: &str = "SELECT CAST(COALESCE(SUM(balance), 0) AS BIGINT) AS balances FROM account \
    WHERE tenant_id = ?1 AND environment = ?2 AND unit = ?3";
const SUMMARY_GRANTS: &str = "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) AS granted FROM transfer \
    WHERE tenant_id = ?1 AND debit_account_id = ?2";

pub const STATEMENTS: &[&str] = &[
    INSERT_ACCOUNT,
    FIND_ACCOUNT,
    LOCK_ACCOUNT,
    ADD_TO_BALANCE,
    ADD_TO_HELD,
    RELEASE,
    SET_FROZEN,
    SET_FLOOR,
    INSERT_TRANSFER,
    TRANSFERS_OF,
    INSERT_HOLD,
    FIND_HOLD,
    DUE_HOLDS,
    RESOLVE_HOLD,
    FIND_PRICE,
    SUMMARY_CHARGES,
    SUMMARY_BALANCES,
    SUMMARY_GRANTS,
];

/// An open or resolved hold.
pub(super) struct Hold {
    pub(super) hold_id: HoldId,
    pub(super) account_id: AccountId,
    pub(super) amount: i64,
    pub(super) price_id: Option<String>,
    pub(super) expires_at: Timestamp,
    pub(super) is_resolved: bool,
}

pub(super) fn insert_account(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    account: &Account,
    now: Timestamp,
) -> Result<(), Fault> {
    tx.exec(
        INSERT_ACCOUNT,
        args![
            tenant_id,
            account.account_id,
            account.environment,
            account.unit.name(),
            account.kind.name(),
            account.balance,
            account.held,
            account.floor,
            now
        ],
    )?;
    Ok(())
}

pub(super) fn find_account(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    id: AccountId,
) -> Result<Option<Account>, Fault> {
    Ok(tx.opt(FIND_ACCOUNT, args![tenant_id, id], account)?)
}

pub(super) fn lock_account(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    id: AccountId,
) -> Result<Option<Account>, Fault> {
    Ok(tx.opt(LOCK_ACCOUNT, args![tenant_id, id], account)?)
}

pub(super) fn add_to_balance(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    id: AccountId,
    amount: i64,
) -> Result<(), Fault> {
    tx.exec(ADD_TO_BALANCE, args![tenant_id, id, amount])?;
    Ok(())
}

pub(super) fn add_to_held(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    id: AccountId,
    amount: i64,
) -> Result<(), Fault> {
    tx.exec(ADD_TO_HELD, args![tenant_id, id, amount])?;
    Ok(())
}

/// Ends a hold of `held`, of which `spent` is charged.
pub(super) fn release(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    id: AccountId,
    held: i64,
    spent: i64,
) -> Result<(), Fault> {
    tx.exec(RELEASE, args![tenant_id, id, held, spent])?;
    Ok(())
}

pub(super) fn set_frozen(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    id: AccountId,
    at: Option<Timestamp>,
) -> Result<(), Fault> {
    tx.exec(SET_FROZEN, args![tenant_id, id, at])?;
    Ok(())
}

pub(super) fn set_floor(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    id: AccountId,
    floor: i64,
) -> Result<(), Fault> {
    tx.exec(SET_FLOOR, args![tenant_id, id, floor])?;
    Ok(())
}

pub(super) fn insert_transfer(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    transfer: &Transfer,
) -> Result<(), db::Error> {
    tx.exec(
        INSERT_TRANSFER,
        args![
            tenant_id,
            transfer.transfer_id,
            transfer.debit_account_id,
            transfer.credit_account_id,
            transfer.unit.name(),
            transfer.amount,
            transfer.kind.name(),
            transfer.price_id.as_deref(),
            transfer.hold_id,
            transfer.key_id,
            transfer.request_id,
            transfer.reference.as_deref(),
            transfer.at
        ],
    )?;
    Ok(())
}

pub(super) fn transfers_of(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    account_id: AccountId,
    before: TransferId,
    limit: i64,
) -> Result<Vec<Transfer>, Fault> {
    Ok(tx.all(TRANSFERS_OF, args![tenant_id, account_id, before, limit], transfer)?)
}

pub(super) fn insert_hold(tx: &mut Tx<'_>, ctx: &Ctx, hold: &Hold) -> Result<(), Fault> {
    tx.exec(
        INSERT_HOLD,
        args![
            ctx.tenant_id,
            hold.hold_id,
            hold.account_id,
            hold.amount,
            ctx.actor.key_id(),
            ctx.request_id,
            ctx.now,
            hold.expires_at,
            hold.price_id.as_deref()
        ],
    )?;
    Ok(())
}

pub(super) fn find_hold(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    hold_id: HoldId,
) -> Result<Option<Hold>, Fault> {
    Ok(tx.opt(FIND_HOLD, args![tenant_id, hold_id], |row| {
        Ok(Hold {
            hold_id: row.id("hold_id")?,
            account_id: row.id("account_id")?,
            amount: row.int("amount")?,
            price_id: row.opt_text("price_id")?,
            expires_at: row.timestamp("expires_at_us")?,
            is_resolved: row.opt_timestamp("resolved_at_us")?.is_some(),
        })
    })?)
}

pub(super) fn due_holds(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<(AccountId, HoldId)>, Fault> {
    let due = |row: &Row<'_>| Ok((row.id("account_id")?, row.id("hold_id")?));
    Ok(tx.all(DUE_HOLDS, args![tenant_id, now, limit], due)?)
}

pub(super) fn resolve_hold(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    hold_id: HoldId,
    now: Timestamp,
) -> Result<(), Fault> {
    tx.exec(RESOLVE_HOLD, args![tenant_id, hold_id, now])?;
    Ok(())
}

pub(super) fn find_price(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    command: &str,
) -> Result<Option<(String, i64)>, Fault> {
    Ok(tx.opt(FIND_PRICE, args![tenant_id, command], |row| Ok((row.text("price_id")?, row.int("amount")?)))?)
}

pub(super) fn summary(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    unit: Unit,
) -> Result<Summary, Fault> {
    let revenue = SystemAccount::Revenue.id(tenant_id, environment, unit);
    let issued = SystemAccount::Issued.id(tenant_id, environment, unit);
    let (charges, charged) = tx.one(SUMMARY_CHARGES, args![tenant_id, revenue], |row| {
        Ok((row.int("charges")?, row.int("charged")?))
    })?;
    let balances =
        tx.one(SUMMARY_BALANCES, args![tenant_id, environment, unit.name()], |row| row.int("balances"))?;
    let granted = tx.one(SUMMARY_GRANTS, args![tenant_id, issued], |row| row.int("granted"))?;
    Ok(Summary { charges, charged, balances, granted })
}

pub(super) fn account(row: &Row<'_>) -> Result<Account, db::Error> {
    Ok(Account {
        account_id: row.id("account_id")?,
        environment: row.named("environment", Environment::parse)?,
        unit: row.named("unit", Unit::parse)?,
        kind: row.named("kind", AccountKind::parse)?,
        balance: row.int("balance")?,
        held: row.int("held")?,
        floor: row.int("floor")?,
        frozen_at: row.opt_timestamp("frozen_at_us")?,
    })
}

pub(super) fn transfer(row: &Row<'_>) -> Result<Transfer, db::Error> {
    Ok(Transfer {
        transfer_id: row.id("transfer_id")?,
        kind: row.named("kind", TransferKind::parse)?,
        debit_account_id: row.id("debit_account_id")?,
        credit_account_id: row.id("credit_account_id")?,
        unit: row.named("unit", Unit::parse)?,
        amount: row.int("amount")?,
        price_id: row.opt_text("price_id")?,
        hold_id: row.opt_id("hold_id")?,
        key_id: row.opt_id("key_id")?,
        request_id: row.id("request_id")?,
        reference: row.opt_text("reference")?,
        at: row.timestamp("at_us")?,
    })
}
