//! What moved in and out of a wallet, newest first.
//!
//! Each kind of transfer is read through its own stretch of an index and the stretches are merged, so that a page costs
//! the same whether the rows beside it are ten or ten million.

use std::cmp::Reverse;

use base::id::{AccountId, TenantId, TransferId};
use base::{Environment, Fault, Timestamp};
use db::{Tx, args};

use super::model::{Transfer, TransferKind, wallet_id};
use super::store;

const OUT: &str = "SELECT transfer_id, debit_account_id, credit_account_id, unit, amount, kind, price_id, hold_id, key_id, request_id, \
    reference, at_us FROM transfer WHERE tenant_id = ?1 AND debit_account_id = ?2 AND kind = ?3 AND unit = 'credit' \
    AND transfer_id >= ?4 AND transfer_id < ?5 ORDER BY transfer_id DESC LIMIT ?6";
const IN: &str = "SELECT transfer_id, debit_account_id, credit_account_id, unit, amount, kind, price_id, hold_id, key_id, request_id, \
    reference, at_us FROM transfer WHERE tenant_id = ?1 AND credit_account_id = ?2 AND kind = ?3 AND unit = 'credit' \
    AND kind IN ('grant', 'refund', 'adjust') AND transfer_id >= ?4 AND transfer_id < ?5 ORDER BY transfer_id DESC LIMIT ?6";

pub const STATEMENTS: &[&str] = &[OUT, IN];

/// Which transfers of a wallet are listed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    pub kind: Option<TransferKind>,
    /// From this moment on.
    pub from: Option<Timestamp>,
    /// Until before this moment.
    pub to: Option<Timestamp>,
}

/// The transfers of a wallet before `before`, newest first.
///
/// # Errors
/// A database failure.
pub fn wallet_transfers(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    filter: Filter,
    before: Option<TransferId>,
    limit: i64,
) -> Result<Vec<Transfer>, Fault> {
    // An id begins with the moment of its transfer, and nothing was moved before 1970.
    let first_of = |moment: Timestamp| TransferId::new(moment.max(Timestamp::from_micros(0)), 0);
    let from = filter.from.map_or(TransferId::from_bits(0), first_of);
    let to = filter.to.map_or(TransferId::from_bits(u128::MAX), first_of);
    let bounds = (from, before.map_or(to, |before| before.min(to)));
    let wallet = wallet_id(tenant_id, environment);
    let mut found = Vec::new();
    for kind in TransferKind::ALL.into_iter().filter(|&kind| filter.kind.is_none_or(|wanted| wanted == kind))
    {
        for sql in sides(kind) {
            found.extend(stretch(tx, sql, (tenant_id, wallet), kind, bounds, limit)?);
        }
    }
    found.sort_unstable_by_key(|transfer| Reverse(transfer.transfer_id));
    found.truncate(usize::try_from(limit).unwrap_or_default());
    Ok(found)
}

/// On which side of such a transfer a wallet stands.
const fn sides(kind: TransferKind) -> &'static [&'static str] {
    match kind {
        TransferKind::Grant | TransferKind::Refund => &[IN],
        TransferKind::Charge | TransferKind::Capture | TransferKind::Void | TransferKind::Expire => &[OUT],
        TransferKind::Adjust => &[IN, OUT],
    }
}

fn stretch(
    tx: &mut Tx<'_>,
    sql: &'static str,
    (tenant_id, wallet): (TenantId, AccountId),
    kind: TransferKind,
    (from, before): (TransferId, TransferId),
    limit: i64,
) -> Result<Vec<Transfer>, Fault> {
    Ok(tx.all(sql, args![tenant_id, wallet, kind.name(), from, before, limit], store::transfer)?)
}
