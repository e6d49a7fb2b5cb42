//! What a key may spend on a day. The day is that of UTC, and the sum is its lineage's, so a rotation resets nothing.
//!
//! Kept only where a cap is set; one that is set at noon counts from noon.
//! The wallet is locked whenever something is added, so two charges of a lineage never race for what is left.

use base::{Code, Fault, Timestamp};
use db::{Tx, args};

use crate::ctx::{Actor, Ctx};

const ADD: &str = "INSERT INTO key_spend (tenant_id, lineage_id, day, amount) VALUES (?1, ?2, ?3, ?4) \
    ON CONFLICT (tenant_id, lineage_id, day) DO UPDATE SET amount = key_spend.amount + excluded.amount RETURNING amount";
const TAKE_BACK: &str = "UPDATE key_spend SET amount = amount - ?4 WHERE tenant_id = ?1 AND lineage_id = ?2 AND day = ?3 AND amount >= ?4";

pub(crate) const STATEMENTS: &[&str] = &[ADD, TAKE_BACK];

const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

/// Counts `amount` against the cap that [`super::steps::enter`] read with the calling key, if there is one.
///
/// # Errors
/// [`Code::InsufficientCredits`] when that is more than the key may spend today; a database failure.
pub(super) fn add(tx: &mut Tx<'_>, ctx: &Ctx, cap: Option<i64>, amount: i64) -> Result<(), Fault> {
    let (Actor::Key { lineage_id, .. }, Some(cap)) = (&ctx.actor, cap) else { return Ok(()) };
    let spent =
        tx.one(ADD, args![ctx.tenant_id, *lineage_id, day(ctx.now), amount], |row| row.int("amount"))?;
    if spent <= cap {
        return Ok(());
    }
    let left = (cap - (spent - amount)).max(0);
    Err(Fault::new(
        Code::InsufficientCredits,
        format!(
            "This costs {amount}, and the key may spend {left} of its {cap} a day until 00:00 UTC. Raise its spend \
             cap or wait."
        ),
    ))
}

/// Gives back what was counted on the day of `at` and not charged in the end.
///
/// # Errors
/// A database failure.
pub(super) fn take_back(tx: &mut Tx<'_>, ctx: &Ctx, at: Timestamp, amount: i64) -> Result<(), Fault> {
    let Actor::Key { lineage_id, .. } = ctx.actor else { return Ok(()) };
    if amount > 0 {
        tx.exec(TAKE_BACK, args![ctx.tenant_id, lineage_id, day(at), amount])?;
    }
    Ok(())
}

/// Days since 1970-01-01, UTC.
fn day(at: Timestamp) -> i64 {
    at.micros().div_euclid(DAY_US)
}
