//! The proof that a ledger holds: every balance equals its transfers, every held sum its open holds,
//! no floor is broken, and everything together sums to zero.

use std::collections::HashMap;

use base::Fault;
use base::id::{AccountId, TenantId};
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
pub(super) const OVERDRAWN_HOLDS: &str = "SELECT hold.hold_id FROM hold JOIN transfer ON transfer.tenant_id = hold.tenant_id \
    AND transfer.hold_id = hold.hold_id WHERE hold.tenant_id = ?1 \
    AND (transfer.amount > hold.amount OR hold.resolved_at_us IS NULL) LIMIT 100";

pub const STATEMENTS: &[&str] = &[ACCOUNTS, SUMS, HELD, OVERDRAWN_HOLDS];

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
    let overdrawn = tx.all(OVERDRAWN_HOLDS, args![tenant_id], |row| row.text("hold_id"))?;
    let entries: i64 = sums.iter().map(|sum| sum.entries).sum();

    let mut violations: Vec<String> = overdrawn
        .into_iter()
        .map(|hold| format!("{hold}: captured above its amount, or resolved and still open"))
        .collect();
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
    if account.balance - account.held < account.floor {
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
        .filter(|sum| SystemAccount::of(tenant_id, sum.account_id).is_none())
        .filter(|sum| units.get(&sum.account_id) != Some(&sum.unit))
        .map(|sum| format!("{}: transfers of {} without such an account", sum.account_id, sum.unit.name()))
        .collect()
}

/// Stored balances and derived system accounts must sum to zero in each unit.
fn imbalances(tenant_id: TenantId, accounts: &[Account], sums: &[Sum]) -> Vec<String> {
    [Unit::Credit, Unit::Point]
        .into_iter()
        .filter_map(|unit| {
            let stored: i64 =
                accounts.iter().filter(|account| account.unit == unit).map(|account| account.balance).sum();
            let derived: i64 = sums
                .iter()
                .filter(|sum| sum.unit == unit && SystemAccount::of(tenant_id, sum.account_id).is_some())
                .map(|sum| sum.balance)
                .sum();
            (stored + derived != 0)
                .then(|| format!("{tenant_id}: {}s sum to {} instead of 0", unit.name(), stored + derived))
        })
        .collect()
}
