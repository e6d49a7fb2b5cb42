//! PostgreSQL: arrays, so that a flush is two round trips to lock and read and one to write.

use base::id::TenantId;
use base::{Fault, Timestamp};
use db::{Tx, args};

use super::{Charge, States, account, revenue, token};
use crate::quota::flush::Ask;

// Refuses early and locks in one round trip: an inactive tenant's calls never reach the gate.
const LOCK_ACCOUNTS: &str = "WITH entered AS MATERIALIZED (SELECT gate.subject_id FROM gate WHERE gate.tenant_id = ?1 AND gate.subject_id = ?1 \
    AND EXISTS (SELECT 1 FROM tenant WHERE tenant.tenant_id = ?1 AND tenant.status = 'active') FOR SHARE) \
    SELECT account_id, balance, held, floor, frozen_at_us, low_below, exhausted FROM account \
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
    INSERT INTO transfer (tenant_id, transfer_id, debit_account_id, credit_account_id, unit, amount, kind, key_id, request_id, at_us) \
    SELECT ?1, made.transfer_id, made.account_id, made.revenue_id, 'point', made.amount, 'charge', made.token_id, made.request_id, ?4 \
    FROM unnest(?5::text[], ?6::text[], ?7::text[], ?8::bigint[], ?9::text[], ?10::text[]) \
    AS made (transfer_id, account_id, revenue_id, amount, token_id, request_id)";

pub(in crate::quota) const STATEMENTS: &[&str] = &[LOCK_ACCOUNTS, READ_TOKENS, WRITE, NOTE_USES];

pub(super) fn lock(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    asks: &[Ask],
    states: &mut States,
) -> Result<bool, Fault> {
    let tenant = tenant_id.text();
    let accounts = texts(asks.iter().map(|ask| &ask.token.account_text));
    let accounts =
        tx.all(LOCK_ACCOUNTS, args![&tenant, &accounts], |row| Ok((row.id(0)?, account(row, 1)?)))?;
    let tokens = texts(asks.iter().map(|ask| &ask.token.token_text));
    let mut is_tenant_active = false;
    let tokens = tx.all(READ_TOKENS, args![&tenant, &tokens], |row| {
        is_tenant_active = row.str_ref(6)? == "active";
        Ok((row.id(0)?, token(row, 1)?))
    })?;
    states.accounts.extend(accounts);
    states.tokens.extend(tokens);
    Ok(is_tenant_active)
}

/// Sorted and without repetition.
fn texts<'a>(ids: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut texts: Vec<&String> = ids.collect();
    texts.sort_unstable();
    texts.dedup();
    texts.into_iter().cloned().collect()
}

pub(super) fn note_use(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    now: Timestamp,
    tokens: &[&str],
) -> Result<(), Fault> {
    let tokens: Vec<String> = tokens.iter().map(|token| (*token).to_owned()).collect();
    tx.exec(NOTE_USES, args![tenant_id, now, &tokens])?;
    Ok(())
}

pub(super) fn write(
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
    let revenues: Vec<String> =
        charges.iter().map(|charge| revenue(tenant_id, charge.ask.token.environment)).collect();
    let amounts: Vec<i64> = charges.iter().map(|charge| charge.cost).collect();
    let tokens: Vec<String> = charges.iter().map(|charge| charge.ask.token.token_text.clone()).collect();
    let requests: Vec<String> = charges.iter().map(|charge| charge.ask.request_id.text()).collect();
    tx.exec(
        WRITE,
        args![
            tenant_id, &accounts, &costs, now, &transfers, &debits, &revenues, &amounts, &tokens, &requests
        ],
    )?;
    Ok(())
}
