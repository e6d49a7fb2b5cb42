//! Allowances: an account is filled up to its level once a period, however many nodes look.

use base::id::{AccountId, TenantId};
use base::{Environment, Fault, Timestamp};
use db::Tx;
use kernel::{Ctx, Ending, ledger};
use serde::{Deserialize, Serialize};

use crate::quota::model::{Account, AutoRefill};
use crate::quota::store::account as store;

/// Accounts of one transaction, so that other calls get their turn in between.
const CHUNK: i64 = 100;

/// What a round of refills did.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Refilled {
    pub accounts: i64,
    pub points: i64,
}

/// Sets or ends the allowance of an account that this transaction has locked. The period under way counts: it is filled
/// up at once, unless it was before.
pub(super) fn set(
    tx: &mut Tx<'_>,
    ctx: &mut Ctx,
    account: &Account,
    refill: Option<AutoRefill>,
) -> Result<(), Fault> {
    match refill {
        None => store::set_refill(tx, ctx.tenant_id, account.account_id, None, None),
        Some(refill) => fill(tx, ctx, account, refill).map(drop),
    }
}

/// Fills up accounts of the caller's environment whose refill is due, at most a chunk of them.
///
/// # Errors
/// Not found, when nothing is due, another node having been first; a database failure.
pub fn refill_due(tx: &mut Tx<'_>, ctx: &mut Ctx, (): &()) -> Result<Ending<Refilled>, Fault> {
    let due = store::due_refills(tx, ctx.tenant_id, ctx.environment, ctx.now, CHUNK)?;
    let mut refilled = Refilled { accounts: 0, points: 0 };
    let mut last = None;
    for account_id in due {
        ledger::lock(tx, ctx.tenant_id, account_id)?;
        // Read again under the lock: another node may have filled it up, or its owner ended the allowance.
        let Some(account) = store::find(tx, ctx.tenant_id, account_id)? else { continue };
        let Some(refill) = account.auto_refill.filter(|_| is_due(&account, ctx.now)) else { continue };
        refilled.points += fill(tx, ctx, &account, refill)?;
        refilled.accounts += 1;
        last = Some(account_id);
    }
    let Some(last) = last else { return Err(Fault::not_found("refill that is due")) };
    ctx.target(target(last, refilled.accounts));
    ctx.note(format!("{} points", refilled.points));
    Ok(Ending::Done(refilled))
}

/// The environments of a tenant in which an account waits for its refill.
///
/// # Errors
/// A database failure.
pub fn is_refill_due(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    now: Timestamp,
) -> Result<Vec<Environment>, Fault> {
    let mut waiting = Vec::new();
    for &environment in Environment::ALL {
        if !store::due_refills(tx, tenant_id, environment, now, 1)?.is_empty() {
            waiting.push(environment);
        }
    }
    Ok(waiting)
}

/// Gives the points that were added, and notes when the next period begins.
fn fill(tx: &mut Tx<'_>, ctx: &Ctx, account: &Account, refill: AutoRefill) -> Result<i64, Fault> {
    let (id, reference) = (account.account_id, refill.period.reference(ctx.now));
    let missing = refill.level.saturating_sub(account.balance).max(0);
    let is_wanted = missing > 0 && !store::is_booked(tx, ctx.tenant_id, id, &reference)?;
    if is_wanted {
        ledger::grant(tx, ctx, id, missing, Some(&reference))?;
    }
    store::set_refill(tx, ctx.tenant_id, id, Some(refill), Some(refill.period.next_start(ctx.now)))?;
    Ok(if is_wanted { missing } else { 0 })
}

fn is_due(account: &Account, now: Timestamp) -> bool {
    account.refill_due_at.is_some_and(|at| at <= now)
}

fn target(last: AccountId, accounts: i64) -> String {
    if accounts == 1 { last.text() } else { format!("{accounts} accounts") }
}
