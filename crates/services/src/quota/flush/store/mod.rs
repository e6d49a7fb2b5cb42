//! The statements of a flush: two texts, arrays on PostgreSQL and statements of many rows on SQLite.

mod postgres;
mod sqlite;

use base::id::{AccountId, TenantId, TokenId, TransferId};
use base::{Environment, Fault, Timestamp};
use db::{Engine, Error, Row, Tx, args};
use kernel::ledger::{SystemAccount, Unit};

use super::Ask;
use crate::quota::model::{AccountState, ById, TokenState};

pub(in crate::quota) use postgres::STATEMENTS as POSTGRES_STATEMENTS;
pub(in crate::quota) use sqlite::STATEMENTS as SQLITE_STATEMENTS;

const SET_EXHAUSTED: &str = "UPDATE account SET exhausted = 1 WHERE tenant_id = ?1 AND account_id = ?2";

/// Prepared on both engines.
pub(in crate::quota) const STATEMENTS: &[&str] = &[SET_EXHAUSTED];

/// A charge that was decided, ready to be written.
pub(super) struct Charge<'a> {
    pub(super) ask: &'a Ask,
    pub(super) transfer_id: TransferId,
    pub(super) cost: i64,
}

/// The live state of accounts and tokens.
#[derive(Debug, Default)]
pub(super) struct States {
    pub(super) accounts: ById<AccountId, AccountState>,
    pub(super) tokens: ById<TokenId, TokenState>,
}

/// Enters the tenant's gate, locks the accounts in the order of their ids, and only then reads the tokens and the
/// tenant: whoever revokes or suspends takes the same locks. Of an inactive tenant nothing is locked.
/// Adds what `states` lacks, and tells whether the tenant is active.
pub(super) fn lock(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    asks: &[Ask],
    states: &mut States,
) -> Result<bool, Fault> {
    match tx.engine() {
        Engine::Postgres => postgres::lock(tx, tenant_id, asks, states),
        Engine::Sqlite => sqlite::lock(tx, tenant_id, asks, states),
    }
}

/// Books the charges and takes them off their accounts, one update per account.
pub(super) fn write(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    now: Timestamp,
    charges: &[Charge<'_>],
) -> Result<(), Fault> {
    // Every row is written in one order, so that two nodes cannot wait for each other.
    let mut spent: Vec<(&str, i64)> =
        charges.iter().map(|charge| (charge.ask.token.account_text.as_str(), charge.cost)).collect();
    spent.sort_unstable();
    spent.dedup_by(|(later, cost), (account, sum)| {
        let is_same = later == account;
        *sum += if is_same { *cost } else { 0 };
        is_same
    });
    match tx.engine() {
        Engine::Postgres => postgres::write(tx, tenant_id, now, charges, &spent),
        Engine::Sqlite => sqlite::write(tx, tenant_id, now, charges, &spent),
    }
}

/// Notes the use of tokens whose accounts are locked: a rotation may replace a token only if it was never used.
pub(super) fn note_use(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    now: Timestamp,
    mut tokens: Vec<&str>,
) -> Result<(), Fault> {
    tokens.sort_unstable();
    match tx.engine() {
        Engine::Postgres => postgres::note_use(tx, tenant_id, now, &tokens),
        Engine::Sqlite => sqlite::note_use(tx, tenant_id, now, &tokens),
    }
}

/// Notes that a locked account was told to be unable to pay.
pub(super) fn set_exhausted(tx: &mut Tx<'_>, tenant_id: TenantId, account: &str) -> Result<(), Fault> {
    tx.exec(SET_EXHAUSTED, args![tenant_id, account])?;
    Ok(())
}

fn revenue(tenant_id: TenantId, environment: Environment) -> String {
    SystemAccount::Revenue.id(tenant_id, environment, Unit::Point).text()
}

fn account(row: &Row<'_>, from: usize) -> Result<AccountState, Error> {
    Ok(AccountState {
        balance: row.int(from)?,
        held: row.int(from + 1)?,
        floor: row.int(from + 2)?,
        is_frozen: row.opt_int(from + 3)?.is_some(),
        low_below: row.opt_int(from + 4)?,
        is_exhausted: row.bool(from + 5)?,
    })
}

fn token(row: &Row<'_>, from: usize) -> Result<TokenState, Error> {
    Ok(TokenState {
        points_per_call: row.int(from)?,
        expires_at: row.opt_timestamp(from + 1)?,
        revoked_at: row.opt_timestamp(from + 2)?,
        is_ended: row.bool(from + 3)?,
        last_used_at: row.opt_timestamp(from + 4)?,
    })
}
