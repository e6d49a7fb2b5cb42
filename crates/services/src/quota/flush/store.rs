//! The statements of a flush: two texts, arrays on PostgreSQL and a loop of prepared statements on SQLite.

use std::collections::HashMap;

use base::id::{AccountId, TenantId, TokenId, TransferId};
use base::{Fault, Timestamp};
use db::{Engine, Error, Row, Tx, args};
use kernel::ledger::{SystemAccount, Unit};
use kernel::tenancy;

use super::Ask;
use crate::quota::model::{AccountState, TokenState};

// Refuses early and locks in one round trip: an inactive tenant's calls never reach the gate.
const LOCK_ACCOUNTS: &str = "WITH entered AS MATERIALIZED (SELECT gate.subject_id FROM gate WHERE gate.tenant_id = ?1 AND gate.subject_id = ?1 \
    AND EXISTS (SELECT 1 FROM tenant WHERE tenant.tenant_id = ?1 AND tenant.status = 'active') FOR SHARE) \
    SELECT account_id, balance, held, floor, frozen_at_us FROM account \
    WHERE tenant_id = ?1 AND account_id = ANY(?2) AND EXISTS (SELECT 1 FROM entered) ORDER BY account_id FOR UPDATE OF account";
const READ_TOKENS: &str = "SELECT token_id, points_per_call, expires_at_us, revoked_at_us, ended, last_used_at_us, \
    (SELECT status FROM tenant WHERE tenant_id = ?1) AS tenant_status FROM quota_token \
    WHERE tenant_id = ?1 AND token_id = ANY(?2)";
const NOTE_USES: &str =
    "UPDATE quota_token SET last_used_at_us = ?2 WHERE tenant_id = ?1 AND token_id = ANY(?3)";
// ANY keeps the update on the index: of the join alone the planner thinks that it had better read the whole table.
const WRITE: &str = "WITH spent AS (UPDATE account SET balance = account.balance - taken.cost \
    FROM unnest(?2::text[], ?3::bigint[]) AS taken (account_id, cost) \
    WHERE account.tenant_id = ?1 AND account.account_id = ANY(?2) AND account.account_id = taken.account_id \
    RETURNING account.account_id) \
    INSERT INTO transfer (tenant_id, transfer_id, debit_account_id, credit_account_id, unit, amount, kind, request_id, at_us) \
    SELECT ?1, made.transfer_id, made.account_id, made.revenue_id, 'point', made.amount, 'charge', made.request_id, ?4 \
    FROM unnest(?5::text[], ?6::text[], ?7::text[], ?8::bigint[], ?9::text[]) \
    AS made (transfer_id, account_id, revenue_id, amount, request_id)";

const READ_BOTH: &str = "SELECT account.balance, account.held, account.floor, account.frozen_at_us, points_per_call, expires_at_us, \
    revoked_at_us, ended, last_used_at_us FROM quota_token JOIN account ON account.tenant_id = quota_token.tenant_id \
    AND account.account_id = quota_token.account_id WHERE quota_token.tenant_id = ?1 AND quota_token.token_id = ?2";
const INSERT_TRANSFER: &str = "INSERT INTO transfer (tenant_id, transfer_id, debit_account_id, credit_account_id, unit, amount, kind, request_id, at_us) \
    VALUES (?1, ?2, ?3, ?4, 'point', ?5, 'charge', ?6, ?7)";
const NOTE_USE: &str = "UPDATE quota_token SET last_used_at_us = ?2 WHERE tenant_id = ?1 AND token_id = ?3";
const SPEND: &str = "UPDATE account SET balance = balance - ?3 WHERE tenant_id = ?1 AND account_id = ?2";

/// Prepared on both engines.
pub(in crate::quota) const STATEMENTS: &[&str] = &[READ_BOTH, INSERT_TRANSFER, NOTE_USE, SPEND];
/// Prepared on PostgreSQL alone.
pub(in crate::quota) const POSTGRES_STATEMENTS: &[&str] = &[LOCK_ACCOUNTS, READ_TOKENS, WRITE, NOTE_USES];

/// A charge that was decided, ready to be written.
pub(super) struct Charge<'a> {
    pub(super) ask: &'a Ask,
    pub(super) transfer_id: TransferId,
    pub(super) cost: i64,
}

/// The live state of a batch's accounts and tokens, and of their tenant.
#[derive(Default)]
pub(super) struct States {
    pub(super) is_tenant_active: bool,
    pub(super) accounts: HashMap<AccountId, AccountState>,
    pub(super) tokens: HashMap<TokenId, TokenState>,
}

/// Enters the tenant's gate, locks the accounts in the order of their ids, and only then reads the tokens and the
/// tenant: whoever revokes or suspends takes the same locks. Of an inactive tenant nothing is locked.
pub(super) fn lock(tx: &mut Tx<'_>, tenant_id: TenantId, asks: &[Ask]) -> Result<States, Fault> {
    match tx.engine() {
        Engine::Postgres => lock_arrays(tx, &tenant_id.text(), asks),
        Engine::Sqlite => read_each(tx, tenant_id, asks),
    }
}

fn lock_arrays(tx: &mut Tx<'_>, tenant: &str, asks: &[Ask]) -> Result<States, Fault> {
    let accounts = texts(asks.iter().map(|ask| &ask.token.account_text));
    let accounts =
        tx.all(LOCK_ACCOUNTS, args![tenant, &accounts], |row| Ok((row.id(0)?, account(row, 1)?)))?;
    let tokens = texts(asks.iter().map(|ask| &ask.token.token_text));
    let mut is_tenant_active = false;
    let tokens = tx.all(READ_TOKENS, args![tenant, &tokens], |row| {
        is_tenant_active = row.str_ref(6)? == "active";
        Ok((row.id(0)?, token(row, 1)?))
    })?;
    Ok(States {
        is_tenant_active,
        accounts: accounts.into_iter().collect(),
        tokens: tokens.into_iter().collect(),
    })
}

/// SQLite's writer is alone: there is nothing to lock.
fn read_each(tx: &mut Tx<'_>, tenant_id: TenantId, asks: &[Ask]) -> Result<States, Fault> {
    let mut states = States {
        is_tenant_active: tenancy::is_active(tx, tenant_id)?,
        accounts: HashMap::with_capacity(asks.len()),
        tokens: HashMap::with_capacity(asks.len()),
    };
    let tenant = tenant_id.text();
    for entry in asks.iter().map(|ask| &ask.token) {
        if states.tokens.contains_key(&entry.token_id) {
            continue;
        }
        let read = tx.opt(READ_BOTH, args![&tenant, &entry.token_text], |row| {
            Ok((account(row, 0)?, token(row, 4)?))
        })?;
        if let Some((account, token)) = read {
            states.accounts.insert(entry.account_id, account);
            states.tokens.insert(entry.token_id, token);
        }
    }
    Ok(states)
}

/// Sorted and without repetition.
fn texts<'a>(ids: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut texts: Vec<String> = ids.cloned().collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// Books the charges and takes them off their accounts, one update per account.
pub(super) fn write(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    now: Timestamp,
    charges: &[Charge<'_>],
) -> Result<(), Fault> {
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

/// Notes the use of tokens whose accounts are locked: a rotation may replace a token only if it was never used.
pub(super) fn note_use(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    now: Timestamp,
    mut tokens: Vec<&str>,
) -> Result<(), Fault> {
    tokens.sort_unstable();
    match tx.engine() {
        Engine::Postgres => {
            let tokens: Vec<String> = tokens.into_iter().map(str::to_owned).collect();
            tx.exec(NOTE_USES, args![tenant_id, now, &tokens])?;
        }
        Engine::Sqlite => {
            for token in tokens {
                tx.exec(NOTE_USE, args![tenant_id, now, token])?;
            }
        }
    }
    Ok(())
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
    let requests: Vec<String> = charges.iter().map(|charge| charge.ask.request_id.text()).collect();
    tx.exec(
        WRITE,
        args![tenant_id, &accounts, &costs, now, &transfers, &debits, &revenues, &amounts, &requests],
    )?;
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
            args![
                &tenant,
                charge.transfer_id,
                &token.account_text,
                credit,
                charge.cost,
                charge.ask.request_id,
                now
            ],
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

fn account(row: &Row<'_>, from: usize) -> Result<AccountState, Error> {
    Ok(AccountState {
        balance: row.int(from)?,
        held: row.int(from + 1)?,
        floor: row.int(from + 2)?,
        is_frozen: row.opt_int(from + 3)?.is_some(),
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
