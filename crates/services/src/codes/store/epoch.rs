//! Epochs of the token key that were closed.

use base::{Environment, Fault, Timestamp};
use db::{Tx, args};

const CLOSED: &str = "SELECT closed_at_code FROM codes_epoch WHERE epoch = ?1 AND environment = ?2";
/// The row that every mint locks last.
const LOCK_NEXT: &str = "SELECT next_code FROM codes_next WHERE environment = ?1 FOR UPDATE";
/// What was refused once is never taken again.
const CLOSE: &str = "INSERT INTO codes_epoch (epoch, environment, closed_at_code, closed_at_us) VALUES (?1, ?2, ?3, ?4) \
    ON CONFLICT (epoch, environment) DO UPDATE SET closed_at_code = excluded.closed_at_code, closed_at_us = excluded.closed_at_us \
    WHERE excluded.closed_at_code < codes_epoch.closed_at_code";
const ALL: &str = "SELECT epoch, environment, closed_at_us FROM codes_epoch ORDER BY epoch, environment";

pub(super) const STATEMENTS: &[&str] = &[CLOSED, LOCK_NEXT, CLOSE, ALL];

/// From which number on the tokens of an epoch are refused, if any are.
pub(in crate::codes) fn closed_at(
    tx: &mut Tx<'_>,
    environment: Environment,
    epoch: u8,
) -> Result<Option<i64>, Fault> {
    Ok(tx.opt(CLOSED, args![i64::from(epoch), environment], |row| row.int("closed_at_code"))?)
}

/// The number that the next mint takes, which none takes until the transaction ends.
pub(in crate::codes) fn lock_next(tx: &mut Tx<'_>, environment: Environment) -> Result<i64, Fault> {
    Ok(tx.one(LOCK_NEXT, args![environment], |row| row.int("next_code"))?)
}

/// Refuses the tokens of an epoch from a number on, or from an earlier one that was said before.
pub(in crate::codes) fn close(
    tx: &mut Tx<'_>,
    (environment, epoch): (Environment, u8),
    from: i64,
    now: Timestamp,
) -> Result<(), Fault> {
    tx.exec(CLOSE, args![i64::from(epoch), environment, from, now])?;
    Ok(())
}

/// The epochs that were closed, and when.
pub(in crate::codes) fn all(tx: &mut Tx<'_>) -> Result<Vec<(Environment, u8, Timestamp)>, Fault> {
    Ok(tx.all(ALL, args![], |row| {
        let epoch = u8::try_from(row.int("epoch")?).map_err(db::Error::corrupt)?;
        Ok((row.named("environment", Environment::parse)?, epoch, row.timestamp("closed_at_us")?))
    })?)
}
