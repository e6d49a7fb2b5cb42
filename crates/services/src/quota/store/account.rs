use base::id::{AccountId, TenantId, TransferId};
use base::{Environment, Fault, Timestamp};
use db::{Row, Tx, args};
use kernel::Ctx;

use crate::quota::model::{Account, AutoRefill, Entry, NewAccount, Period};

const INSERT_ACCOUNT: &str = "INSERT INTO quota_account (tenant_id, account_id, environment, name, external_id, idempotency, created_at_us) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const FIND_ACCOUNT: &str = "SELECT quota_account.account_id AS account_id, quota_account.environment AS environment, name, external_id, \
    idempotency, quota_account.created_at_us AS created_at_us, frozen_at_us, balance - held AS balance, low_below, refill_level, \
    refill_period, refill_due_at_us FROM quota_account \
    JOIN account ON account.tenant_id = quota_account.tenant_id AND account.account_id = quota_account.account_id \
    WHERE quota_account.tenant_id = ?1 AND quota_account.account_id = ?2";
const FIND_BY_EXTERNAL_ID: &str =
    "SELECT account_id FROM quota_account WHERE tenant_id = ?1 AND environment = ?2 AND external_id = ?3";
const LIST: &str = "SELECT quota_account.account_id AS account_id, quota_account.environment AS environment, name, external_id, \
    idempotency, quota_account.created_at_us AS created_at_us, frozen_at_us, balance - held AS balance, low_below, refill_level, \
    refill_period, refill_due_at_us FROM quota_account \
    JOIN account ON account.tenant_id = quota_account.tenant_id AND account.account_id = quota_account.account_id \
    WHERE quota_account.tenant_id = ?1 AND quota_account.environment = ?2 AND quota_account.account_id > ?3 \
    ORDER BY quota_account.account_id LIMIT ?4";
const LIST_OPEN: &str = "SELECT quota_account.account_id AS account_id, quota_account.environment AS environment, name, external_id, \
    idempotency, quota_account.created_at_us AS created_at_us, frozen_at_us, balance - held AS balance, low_below, refill_level, \
    refill_period, refill_due_at_us FROM quota_account \
    JOIN account ON account.tenant_id = quota_account.tenant_id AND account.account_id = quota_account.account_id \
    WHERE quota_account.tenant_id = ?1 AND quota_account.environment = ?2 AND quota_account.account_id > ?3 AND frozen_at_us IS NULL \
    ORDER BY quota_account.account_id LIMIT ?4";
/// From the index of the frozen accounts, which are few.
const LIST_BANNED: &str = "SELECT quota_account.account_id AS account_id, quota_account.environment AS environment, name, external_id, \
    idempotency, quota_account.created_at_us AS created_at_us, frozen_at_us, balance - held AS balance, low_below, refill_level, \
    refill_period, refill_due_at_us FROM account \
    JOIN quota_account ON quota_account.tenant_id = account.tenant_id AND quota_account.account_id = account.account_id \
    WHERE account.tenant_id = ?1 AND quota_account.environment = ?2 AND account.account_id > ?3 AND account.frozen_at_us IS NOT NULL \
    ORDER BY account.account_id LIMIT ?4";
const RENAME: &str = "UPDATE quota_account SET name = ?3 WHERE tenant_id = ?1 AND account_id = ?2";
const SET_LOW_BELOW: &str = "UPDATE account SET low_below = ?3 WHERE tenant_id = ?1 AND account_id = ?2";
const SET_REFILL: &str = "UPDATE quota_account SET refill_level = ?3, refill_period = ?4, refill_due_at_us = ?5 \
    WHERE tenant_id = ?1 AND account_id = ?2";
const DUE_REFILLS: &str = "SELECT account_id FROM quota_account WHERE tenant_id = ?1 AND environment = ?2 AND refill_due_at_us <= ?3 \
    ORDER BY refill_due_at_us LIMIT ?4";
const IS_BOOKED: &str =
    "SELECT transfer_id FROM transfer WHERE tenant_id = ?1 AND credit_account_id = ?2 AND reference = ?3";
const OLDEST_IN_REACH: &str = "SELECT transfer_id FROM transfer WHERE tenant_id = ?1 AND transfer_id < ?2 ORDER BY transfer_id DESC LIMIT 1 OFFSET ?3";
const ENTRIES: &str = "SELECT transfer_id, debit_account_id, amount, kind, key_id, request_id, reference, at_us FROM transfer \
    WHERE tenant_id = ?1 AND transfer_id < ?2 AND transfer_id >= ?3 AND (debit_account_id = ?4 OR credit_account_id = ?4) \
    ORDER BY transfer_id DESC LIMIT ?5";

pub(in crate::quota) const STATEMENTS: &[&str] = &[
    INSERT_ACCOUNT,
    FIND_ACCOUNT,
    FIND_BY_EXTERNAL_ID,
    LIST,
    LIST_OPEN,
    LIST_BANNED,
    RENAME,
    SET_LOW_BELOW,
    SET_REFILL,
    DUE_REFILLS,
    IS_BOOKED,
    OLDEST_IN_REACH,
    ENTRIES,
];

/// Transfers that one page looks through: there is no index by account, because every charge would have to pay for it.
const REACH: i64 = 50_000;

pub(in crate::quota) fn insert(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    id: AccountId,
    new: &NewAccount,
) -> Result<(), Fault> {
    let inserted = tx.exec(
        INSERT_ACCOUNT,
        args![
            ctx.tenant_id,
            id,
            ctx.environment,
            &new.name,
            new.external_id.as_deref(),
            new.is_idempotent,
            ctx.now
        ],
    );
    match inserted {
        Ok(_) => Ok(()),
        Err(error) if error.is_constraint("quota_account_external_id") => Err(Fault::new(
            base::Code::AlreadyExists,
            "Another account has this externalId. Use that one, or another externalId.",
        )),
        Err(error) => Err(error.into()),
    }
}

pub(in crate::quota) fn find(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    id: AccountId,
) -> Result<Option<Account>, Fault> {
    Ok(tx.opt(FIND_ACCOUNT, args![tenant_id, id], account)?)
}

pub(in crate::quota) fn rename(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    id: AccountId,
    name: &str,
) -> Result<(), Fault> {
    tx.exec(RENAME, args![tenant_id, id, name])?;
    Ok(())
}

pub(in crate::quota) fn find_by_external_id(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    external_id: &str,
) -> Result<Option<AccountId>, Fault> {
    Ok(tx.opt(FIND_BY_EXTERNAL_ID, args![tenant_id, environment, external_id], |row| row.id("account_id"))?)
}

pub(in crate::quota) fn list(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    is_banned: Option<bool>,
    after: AccountId,
    limit: i64,
) -> Result<Vec<Account>, Fault> {
    let sql = match is_banned {
        None => LIST,
        Some(false) => LIST_OPEN,
        Some(true) => LIST_BANNED,
    };
    Ok(tx.all(sql, args![tenant_id, environment, after, limit], account)?)
}

pub(in crate::quota) fn set_low_below(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    id: AccountId,
    threshold: Option<i64>,
) -> Result<(), Fault> {
    tx.exec(SET_LOW_BELOW, args![tenant_id, id, threshold])?;
    Ok(())
}

/// The next refill is due at `due_at`.
pub(in crate::quota) fn set_refill(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    id: AccountId,
    refill: Option<AutoRefill>,
    due_at: Option<Timestamp>,
) -> Result<(), Fault> {
    let (level, period) = (refill.map(|refill| refill.level), refill.map(|refill| refill.period.name()));
    tx.exec(SET_REFILL, args![tenant_id, id, level, period, due_at])?;
    Ok(())
}

/// In the order of their ids, which is that of their locks.
pub(in crate::quota) fn due_refills(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<AccountId>, Fault> {
    let mut due =
        tx.all(DUE_REFILLS, args![tenant_id, environment, now, limit], |row| row.id("account_id"))?;
    due.sort_unstable();
    Ok(due)
}

pub(in crate::quota) fn is_booked(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    id: AccountId,
    reference: &str,
) -> Result<bool, Fault> {
    let booked = tx.opt(IS_BOOKED, args![tenant_id, id, reference], |row| row.text("transfer_id"))?;
    Ok(booked.is_some())
}

/// Entries of an account before `before`, newest first, among the transfers within reach; and where the reach ended,
/// unless it came to the oldest transfer.
pub(in crate::quota) fn entries(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    id: AccountId,
    before: TransferId,
    limit: i64,
) -> Result<(Vec<Entry>, Option<TransferId>), Fault> {
    let oldest = tx.opt(OLDEST_IN_REACH, args![tenant_id, before, REACH], |row| row.id("transfer_id"))?;
    let floor = oldest.unwrap_or(TransferId::from_bits(0));
    let account = id.text();
    let entries =
        tx.all(ENTRIES, args![tenant_id, before, floor, &account, limit], |row| entry(row, &account))?;
    Ok((entries, oldest))
}

fn entry(row: &Row<'_>, account: &str) -> Result<Entry, db::Error> {
    let amount = row.int("amount")?;
    let is_out = row.str_ref("debit_account_id")? == account;
    Ok(Entry {
        transfer_id: row.id("transfer_id")?,
        points: if is_out { -amount } else { amount },
        kind: row.text("kind")?,
        token_id: row.opt_str_ref("key_id")?.and_then(|text| text.parse().ok()),
        request_id: row.id("request_id")?,
        reference: row.opt_text("reference")?,
        at: row.timestamp("at_us")?,
    })
}

fn account(row: &Row<'_>) -> Result<Account, db::Error> {
    Ok(Account {
        account_id: row.id("account_id")?,
        environment: row.named("environment", Environment::parse)?,
        name: row.text("name")?,
        external_id: row.opt_text("external_id")?,
        is_idempotent: row.bool("idempotency")?,
        is_banned: row.opt_int("frozen_at_us")?.is_some(),
        balance: row.int("balance")?,
        low_balance_threshold: row.opt_int("low_below")?,
        auto_refill: auto_refill(row)?,
        refill_due_at: row.opt_timestamp("refill_due_at_us")?,
        created_at: row.timestamp("created_at_us")?,
    })
}

fn auto_refill(row: &Row<'_>) -> Result<Option<AutoRefill>, db::Error> {
    let Some(level) = row.opt_int("refill_level")? else { return Ok(None) };
    Ok(Some(AutoRefill { level, period: row.named("refill_period", Period::parse)? }))
}
