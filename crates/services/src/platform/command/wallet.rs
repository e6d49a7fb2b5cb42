use base::id::TenantId;
use base::{Environment, Fault};
use db::Tx;
use kernel::ledger::{self, wallet_id};
use kernel::{Ctx, Ending};
use serde::{Deserialize, Serialize};

/// Credits that were paid for outside.
#[derive(Clone, Debug)]
pub struct Grant {
    pub amount: i64,
    /// The payment's own name: booked once.
    pub reference: String,
}

/// A wallet as it is answered and saved.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Wallet)]
pub struct WalletView {
    pub environment: String,
    pub balance: i64,
    pub held: i64,
    pub floor: i64,
}

pub fn grant(tx: &mut Tx<'_>, ctx: &mut Ctx, grant: &Grant) -> Result<Ending<WalletView>, Fault> {
    let wallet = wallet_id(ctx.tenant_id, ctx.environment);
    ledger::grant(tx, ctx, wallet, grant.amount, Some(&grant.reference))?;
    ctx.target(wallet.text());
    ctx.note(format!("{} credits, {}", grant.amount, grant.reference));
    Ok(Ending::Done(read_wallet(tx, ctx.tenant_id, ctx.environment)?))
}

/// # Errors
/// Not found; a database failure.
pub fn read_wallet(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
) -> Result<WalletView, Fault> {
    let wallet = ledger::find(tx, tenant_id, wallet_id(tenant_id, environment))?;
    Ok(WalletView {
        environment: environment.name().to_owned(),
        balance: wallet.balance,
        held: wallet.held,
        floor: wallet.floor,
    })
}
