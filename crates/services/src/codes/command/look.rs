//! A look at a token: what it is, and how its code is. It records nothing.

use base::id::{BatchId, TenantId};
use base::{Environment, Fault, Timestamp};
use db::Tx;

use crate::codes::country::Country;
use crate::codes::keys::TokenKeys;
use crate::codes::model::{Batch, CodeNumber};
use crate::codes::risk::{Band, Condition, shown};
use crate::codes::store::look as store;
use crate::codes::store::look::Facts;

/// A genuine code as its owner and shoppers may know it.
#[derive(Clone, Debug)]
pub struct Genuine {
    pub batch: Batch,
    pub number: CodeNumber,
    pub product: String,
    pub org: String,
    pub gtin: Option<String>,
    pub condition: Condition,
    /// The band that is shown.
    pub band: Band,
    pub is_past_sell_by: bool,
    pub scans: i64,
    pub first_at: Option<Timestamp>,
    /// Where it was scanned first, if that is known.
    pub first_country: Option<Country>,
}

impl Genuine {
    #[must_use]
    pub fn serial(&self) -> String {
        self.batch.serial(self.number)
    }
}

/// What a token is; `None` for one that nobody minted.
///
/// Every text costs the same look-ups, so that no time tells why one is no code of ours.
///
/// # Errors
/// A database failure.
pub fn look(
    tx: &mut Tx<'_>,
    keys: &TokenKeys,
    token: &str,
    now: Timestamp,
) -> Result<Option<Genuine>, Fault> {
    let opened = keys.open(token);
    let number = opened.map_or(0, |opened| opened.number.stored());
    // A number before the first batch is looked for in vain like any other.
    let nobody = (TenantId::from_bits(0), BatchId::from_bits(0));
    let (tenant_id, batch_id) = store::owner(tx, number)?.unwrap_or(nobody);
    let facts = store::facts(tx, tenant_id, batch_id, number)?;
    let (Some(opened), Some(facts)) = (opened, facts) else { return Ok(None) };
    let batch = &facts.batch;
    let is_minted = batch.holds(opened.number) && batch.epoch == opened.epoch && batch.cancelled_at.is_none();
    let is_closed = facts.closed_at_code.is_some_and(|closed| closed <= number);
    Ok((is_minted && !is_closed).then(|| genuine(facts, opened.number, now)))
}

/// The same for a key, to which other tenants' codes and those of the other environment are none.
///
/// # Errors
/// A database failure.
pub fn look_as(
    tx: &mut Tx<'_>,
    keys: &TokenKeys,
    (tenant_id, environment): (TenantId, Environment),
    token: &str,
    now: Timestamp,
) -> Result<Option<Genuine>, Fault> {
    let found = look(tx, keys, token, now)?;
    Ok(found.filter(|code| code.batch.tenant_id == tenant_id && code.batch.environment == environment))
}

fn genuine(facts: Facts, number: CodeNumber, now: Timestamp) -> Genuine {
    let Facts { batch, product, gtin, org, condition, scanned, .. } = facts;
    let condition = condition_of(&batch, condition);
    let is_past_sell_by = batch.sell_by_at.is_some_and(|at| at <= now);
    let band = scanned.map_or(Band::Green, |scanned| scanned.band);
    Genuine {
        number,
        product,
        org,
        gtin,
        condition,
        band: shown(band, condition, is_past_sell_by),
        is_past_sell_by,
        scans: scanned.map_or(0, |scanned| scanned.scans),
        first_at: scanned.map(|scanned| scanned.first_at),
        first_country: scanned.and_then(|scanned| scanned.first_country),
        batch,
    }
}

/// How a code is: as it was set to be, unless its batch was recalled. A stolen code stays one.
pub(super) fn condition_of(batch: &Batch, own: Condition) -> Condition {
    match own {
        Condition::Stolen => own,
        _ if batch.recalled_at.is_some() => Condition::Recalled,
        _ => own,
    }
}
