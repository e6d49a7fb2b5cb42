//! The statements of a flush: two texts, arrays on PostgreSQL and a loop of prepared statements on SQLite.

use std::collections::HashMap;

use base::id::{AccountId, RequestId, TenantId, TokenId, TransferId};
use base::{Fault, Timestamp};
use db::{Engine, Error, Row, Tx, args};
use kernel::ledger::{SystemAccount, Unit};

use super::Ask;
use crate::quota::model::{AccountState, TokenState};

const LOCK_ACCOUNTS: &str = "SELECT account_id, balance, held, floor, frozen_at_us FROM account \
    WHERE tenant_id = ?1 AND account_id = ANY(?2) ORDER BY account_id FOR UPDATE";
const READ_TOKENS: &str = "SELECT token_id, points_per_call, expires_at_us, revoked_at_us FROM quota_token \
    WHERE tenant_id = ?1 AND token_id = ANY(?2)";
const WRITE: &str = "WITH spent AS (UPDATE account SET balance = account.balance - taken.cost \
    FROM unnest(?2::text[], ?3::bigint[]) AS taken (account_id, cost) \
    WHERE account.tenant_id = ?1 AND account.account_id = taken.account_id RETURNING account.account_id) \
    INSERT INTO transfer (tenant_id, transfer_id, debit_account_id, credit_account_id, unit, amount, kind, request_id, at_us) \
    SELECT ?1, made.transfer_id, made.account_id, made.revenue_id, 'point', made.amount, 'charge', made.request_id, ?4 \
    FROM unnest(?5::text[], ?6::text[], ?7::text[], ?8::bigint[], ?9::text[]) \
    AS made (transfer_id, account_id, revenue_id, amount, request_id)";

const READ_ACCOUNT: &str = "SELECT account_id, balance, held, floor, frozen_at_us FROM account \
    WHERE tenant_id = ?1 AND account_id = ?2";
const READ_TOKEN: &str = "SELECT token_id, points_per_call, expires_at_us, revoked_at_us FROM quota_token \
    WHERE tenant_id = ?1 AND token_id = ?2";
const INSERT_TRANSFER: &str = "INSERT INTO transfer (tenant_id, transfer_id, debit_account_id, credit_account_id, unit, amount, kind, request_id, at_us) \
    VALUES (?1, ?2, ?3, ?4, 'point', ?5, 'charge', ?6, ?7)";
const SPEND: &str = "UPDATE account SET balance = balance - ?3 WHERE tenant_id = ?1 AND account_id = ?2";

/// Prepared on both engines.
pub(in crate::quota) const STATEMENTS: &[&str] = &[READ_ACCOUNT, READ_TOKEN, INSERT_TRANSFER, SPEND];
/// Prepared on PostgreSQL alone.
pub(in crate::quota) const POSTGRES_STATEMENTS: &[&str] = &[LOCK_ACCOUNTS, READ_TOKENS, WRITE];

/// A charge that was decided, ready to be written.
pub(super) struct Charge<'a> {
    pub(super) ask: &'a Ask,
    pub(super) transfer_id: TransferId,
    pub(super) request_id: RequestId,
    pub(super) cost: i64,
}

/// Locks the accounts in the order of their ids and reads them.
pub(super) fn lock_accounts(
    tx: &mut Tx<'_>,
    tenant: &str,
    asks: &[Ask],
) -> Result<HashMap<AccountId, AccountState>, Fault> {
    let mut texts: Vec<&str> = asks.iter().map(|ask| ask.token.account_text.as_str()).collect();
    texts.sort_unstable();
    texts.dedup();
    let rows = match tx.engine() {
        Engine::Postgres => {
            let texts: Vec<String> = texts.into_iter().map(str::to_owned).collect();
            tx.all(LOCK_ACCOUNTS, args![tenant, &texts], account)?
        }
        Engine::Sqlite => read_each(tx, READ_ACCOUNT, tenant, &texts, account)?,
    };
    Ok(rows.into_iter().collect())
}

/// Reads the live state of the tokens: after the locks, or a revocation might slip past.
pub(super) fn read_tokens(
    tx: &mut Tx<'_>,
    tenant: &str,
    asks: &[Ask],
) -> Result<HashMap<TokenId, TokenState>, Fault> {
    let mut texts: Vec<&str> = asks.iter().map(|ask| ask.token.token_text.as_str()).collect();
    texts.sort_unstable();
    texts.dedup();
    let rows = match tx.engine() {
        Engine::Postgres => {
            let texts: Vec<String> = texts.into_iter().map(str::to_owned).collect();
            tx.all(READ_TOKENS, args![tenant, &texts], token)?
        }
        Engine::Sqlite => read_each(tx, READ_TOKEN, tenant, &texts, token)?,
    };
    Ok(rows.into_iter().collect())
}

/// Books the charges and takes them off their accounts, one update per account.
pub(super) fn write(tx: &mut Tx<'_>, tenant_id: TenantId, now: Timestamp, charges: &[Charge<'_>]) -> Result<(), Fault> {
    let mut spent: HashMap<&str, i64> = HashMap::with_capacity(charges.len());
    for charge in charges {
        *spent.entry(&charge.ask.token.account_text).or_default() += charge.cost;
    }
    // Every row is written in one order, so that two nodes cannot wait for each other.
    let mut spent: Vec<(&str, i64)> = spent.into_iter().collect();
    spent.sort_unstable();
    match tx.engine() {
        Engine::Postgres => write_arrays(tx, tenant_id, now, charges, &spent),
        Engine::Sqlite => write_each(tx, tenant_id, now, charges, &spent),
    }
}

fn write_arrays(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    now: Timestamp,
    charges: &[Charge<'_>],
    spent: &[(&str, i64)],
) -> Result<(), Fault> {
    let accounts: Vec<String> = spent.iter().map(|(account, _)| (*account).to_owned()).collect();
    let costs: Vec<i64> = spent.iter().map(|(_, cost)| *cost).collect();
    let transfers: Vec<String> = charges.iter().map(|charge| charge.transfer_id.text()).collect();
    let debits: Vec<String> = charges.iter().map(|charge| charge.ask.token.account_text.clone()).collect();
    let revenues: Vec<String> = charges.iter().map(|charge| revenue(tenant_id, charge.ask)).collect();
    let amounts: Vec<i64> = charges.iter().map(|charge| charge.cost).collect();
    let requests: Vec<String> = charges.iter().map(|charge| charge.request_id.text()).collect();
    tx.exec(WRITE, args![tenant_id, &accounts, &costs, now, &transfers, &debits, &revenues, &amounts, &requests])?;
    Ok(())
}

fn write_each(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    now: Timestamp,
    charges: &[Charge<'_>],
    spent: &[(&str, i64)],
) -> Result<(), Fault> {
    let tenant = tenant_id.text();
    for charge in charges {
        let token = &charge.ask.token;
        let credit = revenue(tenant_id, charge.ask);
        tx.exec(
            INSERT_TRANSFER,
            args![&tenant, charge.transfer_id, &token.account_text, credit, charge.cost, charge.request_id, now],
        )?;
    }
    for (account, cost) in spent {
        tx.exec(SPEND, args![&tenant, *account, cost])?;
    }
    Ok(())
}

fn revenue(tenant_id: TenantId, ask: &Ask) -> String {
    SystemAccount::Revenue.id(tenant_id, ask.token.environment, Unit::Point).text()
}

fn read_each<T>(
    tx: &mut Tx<'_>,
    sql: &'static str,
    tenant: &str,
    ids: &[&str],
    read: fn(&Row<'_>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let mut rows = Vec::with_capacity(ids.len());
    for id in ids {
        rows.extend(tx.opt(sql, args![tenant, *id], read)?);
    }
    Ok(rows)
}

fn account(row: &Row<'_>) -> Result<(AccountId, AccountState), Error> {
    let state = AccountState {
        balance: row.int(1)?,
        held: row.int(2)?,
        floor: row.int(3)?,
        is_frozen: row.opt_int(4)?.is_some(),
    };
    Ok((row.id(0)?, state))
}

fn token(row: &Row<'_>) -> Result<(TokenId, TokenState), Error> {
    let state = TokenState {
        points_per_call: row.int(1)?,
        expires_at: row.opt_timestamp(2)?,
        revoked_at: row.opt_timestamp(3)?,
    };
    Ok((row.id(0)?, state))
}
