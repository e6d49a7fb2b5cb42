//! The proof that a ledger holds: every balance equals its transfers, every held sum its open holds,
//! every resolved hold has its one transfer, no floor is broken, and each environment and unit sums to zero.

use std::collections::HashMap;

use base::id::{AccountId, TenantId};
use base::{Environment, Fault};
use db::{Row, Tx, args};
use serde::Serialize;

use super::model::{Account, SystemAccount, Unit};
use super::store;

pub(super) const ACCOUNTS: &str = "SELECT account_id, environment, unit, kind, balance, held, floor, frozen_at_us FROM account \
    WHERE tenant_id = ?1 ORDER BY account_id";
pub(super) const SUMS: &str = "SELECT account_id, unit, CAST(SUM(delta) AS BIGINT) AS balance, COUNT(*) AS entries FROM ( \
    SELECT credit_account_id AS account_id, unit, amount AS delta FROM transfer WHERE tenant_id = ?1 UNION ALL \
    SELECT debit_account_id AS account_id, unit, -amount AS delta FROM transfer WHERE tenant_id = ?1) AS entry \
    GROUP BY account_id, unit";
pub(super) const HELD: &str = "SELECT account_id, CAST(SUM(amount) AS BIGINT) AS held FROM hold \
    WHERE tenant_id = ?1 AND resolved_at_us IS NULL GROUP BY account_id";
pub(super) const BAD_HOLDS: &str = "SELECT hold.hold_id AS hold_id, CASE \
    WHEN transfer.transfer_id IS NULL THEN 'resolved without a transfer' \
    WHEN transfer.debit_account_id <> hold.account_id THEN 'resolved against another account' \
    ELSE 'captured above its amount, or resolved and still open' END AS problem \
    FROM hold LEFT JOIN transfer ON transfer.tenant_id = hold.tenant_id AND transfer.hold_id = hold.hold_id \
    WHERE hold.tenant_id = ?1 AND (transfer.amount > hold.amount OR transfer.debit_account_id <> hold.account_id \
    OR (hold.resolved_at_us IS NULL) <> (transfer.transfer_id IS NULL)) LIMIT 100";
pub(super) const STRAY_RESOLUTIONS: &str = "SELECT transfer.transfer_id AS transfer_id FROM transfer LEFT JOIN hold \
    ON hold.tenant_id = transfer.tenant_id AND hold.hold_id = transfer.hold_id \
    WHERE transfer.tenant_id = ?1 AND hold.hold_id IS NULL \
    AND (transfer.hold_id IS NOT NULL OR transfer.kind IN ('capture', 'void', 'expire')) LIMIT 100";

pub const STATEMENTS: &[&str] = &[ACCOUNTS, SUMS, HELD, BAD_HOLDS, STRAY_RESOLUTIONS];

/// No more violations than this are listed.
const VIOLATIONS_MAX: usize = 100;

/// What a check of one tenant, or of all, found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    pub ok: bool,
    pub tenants: i64,
    pub accounts: i64,
    pub transfers: i64,
    /// One sentence each; at most 100.
    pub violations: Vec<String>,
}

impl Report {
    /// Adds what was found at another tenant.
    pub fn merge(&mut self, other: Self) {
        self.tenants += other.tenants;
        self.accounts += other.accounts;
        self.transfers += other.transfers;
        self.violations.extend(other.violations);
        self.violations.truncate(VIOLATIONS_MAX);
        self.ok = self.violations.is_empty();
    }
}

/// Checks the ledger of a tenant. Must run in one consistent snapshot of a live database.
///
/// # Errors
/// A database failure; what is wrong with the ledger is in the report.
pub fn check(tx: &mut Tx<'_>, tenant_id: TenantId) -> Result<Report, Fault> {
    let accounts = tx.all(ACCOUNTS, args![tenant_id], store::account)?;
    let sums = tx.all(SUMS, args![tenant_id], Sum::from_row)?;
    let held: HashMap<AccountId, i64> = tx
        .all(HELD, args![tenant_id], |row| Ok((row.id("account_id")?, row.int("held")?)))?
        .into_iter()
        .collect();
    let mut violations = tx.all(BAD_HOLDS, args![tenant_id], |row| {
        Ok(format!("{}: {}", row.text("hold_id")?, row.text("problem")?))
    })?;
    violations.extend(tx.all(STRAY_RESOLUTIONS, args![tenant_id], |row| {
        Ok(format!("{}: resolves no such hold", row.text("transfer_id")?))
    })?);
    let entries: i64 = sums.iter().map(|sum| sum.entries).sum();

    let derived: HashMap<(AccountId, &str), i64> =
        sums.iter().map(|sum| ((sum.account_id, sum.unit.name()), sum.balance)).collect();
    for account in &accounts {
        let balance = derived.get(&(account.account_id, account.unit.name())).copied().unwrap_or(0);
        violations.extend(violations_of(
            account,
            balance,
            held.get(&account.account_id).copied().unwrap_or(0),
        ));
    }
    violations.extend(strangers(tenant_id, &accounts, &sums));
    violations.extend(imbalances(tenant_id, &accounts, &sums));
    violations.truncate(VIOLATIONS_MAX);
    Ok(Report {
        ok: violations.is_empty(),
        tenants: 1,
        accounts: i64::try_from(accounts.len()).unwrap_or(i64::MAX),
        transfers: entries / 2,
        violations,
    })
}

struct Sum {
    account_id: AccountId,
    unit: Unit,
    balance: i64,
    entries: i64,
}

impl Sum {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        Ok(Self {
            account_id: row.id("account_id")?,
            unit: row.named("unit", Unit::parse)?,
            balance: row.int("balance")?,
            entries: row.int("entries")?,
        })
    }
}

fn violations_of(account: &Account, derived: i64, held: i64) -> Vec<String> {
    let id = account.account_id;
    let mut found = Vec::new();
    if derived != account.balance {
        found.push(format!("{id}: the balance says {} and the transfers say {derived}", account.balance));
    }
    if held != account.held {
        found.push(format!("{id}: held says {} and the open holds say {held}", account.held));
    }
    if account.balance.saturating_sub(account.held) < account.floor {
        found.push(format!(
            "{id}: balance {} less held {} is below the floor {}",
            account.balance, account.held, account.floor
        ));
    }
    found
}

/// Transfers that touch an account which is neither the tenant's nor a system account, or in another unit.
fn strangers(tenant_id: TenantId, accounts: &[Account], sums: &[Sum]) -> Vec<String> {
    let units: HashMap<AccountId, Unit> =
        accounts.iter().map(|account| (account.account_id, account.unit)).collect();
    sums.iter()
        .filter(|sum| system_environment(tenant_id, sum).is_none())
        .filter(|sum| units.get(&sum.account_id) != Some(&sum.unit))
        .map(|sum| format!("{}: transfers of {} without such an account", sum.account_id, sum.unit.name()))
        .collect()
}

/// The environment whose system account of the sum's own unit this is, if it is one.
fn system_environment(tenant_id: TenantId, sum: &Sum) -> Option<Environment> {
    let is_of = |environment: Environment| {
        [SystemAccount::Issued, SystemAccount::Revenue, SystemAccount::Refunds]
            .iter()
            .any(|account| account.id(tenant_id, environment, sum.unit) == sum.account_id)
    };
    Environment::ALL.iter().copied().find(|&environment| is_of(environment))
}

/// Stored balances and derived system accounts must sum to zero in each environment and unit.
fn imbalances(tenant_id: TenantId, accounts: &[Account], sums: &[Sum]) -> Vec<String> {
    let books = |unit| Environment::ALL.iter().map(move |&environment| (environment, unit));
    [Unit::Credit, Unit::Point]
        .into_iter()
        .flat_map(books)
        .filter_map(|(environment, unit)| {
            let own = accounts.iter().filter(|own| (own.environment, own.unit) == (environment, unit));
            let stored: i128 = own.map(|account| i128::from(account.balance)).sum();
            let derived: i128 = sums
                .iter()
                .filter(|sum| sum.unit == unit && system_environment(tenant_id, sum) == Some(environment))
                .map(|sum| i128::from(sum.balance))
                .sum();
            let total = stored + derived;
            (total != 0)
                .then(|| format!("{tenant_id}: {environment} {}s sum to {total} instead of 0", unit.name()))
        })
        .collect()
}
