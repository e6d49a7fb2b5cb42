use base::id::TenantId;
use base::{Environment, Fault, Timestamp};
use db::Tx;
use kernel::ledger::{self, wallet_id};

use crate::codes::store::batch as store;

/// What a tenant has left, and what it minted in a month.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    pub credit_balance: i64,
    pub since: Timestamp,
    pub codes_generated: i64,
}

/// The month of `now`, UTC.
///
/// # Errors
/// A database failure.
pub fn read(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    now: Timestamp,
) -> Result<Usage, Fault> {
    let since = now.start_of_month();
    let wallet = ledger::find(tx, tenant_id, wallet_id(tenant_id, environment))?;
    let codes_generated = store::minted_since(tx, tenant_id, environment, since)?;
    Ok(Usage { credit_balance: wallet.balance, since, codes_generated })
}
