use base::id::{HoldId, KeyId, RequestId, TenantId, TransferId};
use base::{Environment, Fault, Timestamp};
use db::Tx;
use kernel::ledger::{self, Transfer, wallet_id};
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

/// A transfer as a wallet sees it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Transfer)]
pub struct TransferView {
    #[schema(value_type = String, example = "tr_01k0example0000000000000000")]
    pub id: TransferId,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// `grant`, `charge`, `capture`, `void`, `expire`, `refund` or `adjust`.
    #[schema(example = "charge")]
    pub kind: String,
    /// What it added to the balance; below zero what it took.
    #[schema(example = -1)]
    pub amount: i64,
    /// The line of the price list, where one was agreed.
    pub price_id: Option<String>,
    /// The hold that it ended.
    #[schema(value_type = Option<String>)]
    pub hold_id: Option<HoldId>,
    /// The key that caused it; `null` for an operator or the platform itself.
    #[schema(value_type = Option<String>)]
    pub key_id: Option<KeyId>,
    /// The request that caused it, as in the header `X-Request-Id` of its answer.
    #[schema(value_type = String, example = "req_01jd7rqk3sf0x8e5v6y2wz9abc")]
    pub request_id: RequestId,
    /// The payment's own name.
    #[schema(example = "invoice-2026-17")]
    pub reference: Option<String>,
}

impl TransferView {
    #[must_use]
    pub fn of(tenant_id: TenantId, environment: Environment, transfer: Transfer) -> Self {
        let is_in = transfer.credit_account_id == wallet_id(tenant_id, environment);
        Self {
            id: transfer.transfer_id,
            at: transfer.at,
            kind: transfer.kind.name().to_owned(),
            amount: if is_in { transfer.amount } else { -transfer.amount },
            price_id: transfer.price_id,
            hold_id: transfer.hold_id,
            key_id: transfer.key_id,
            request_id: transfer.request_id,
            reference: transfer.reference,
        }
    }
}

/// The most that one refill adds.
pub const REFILL_MAX: i64 = 1_000_000;
/// The balance up to which a test wallet is refilled.
pub const REFILL_BALANCE_MAX: i64 = 10_000_000;

/// Adds credits to the wallet of the test environment, which cost nothing.
pub fn refill(tx: &mut Tx<'_>, ctx: &mut Ctx, amount: &i64) -> Result<Ending<WalletView>, Fault> {
    if ctx.environment == Environment::Live {
        return Err(Fault::conflict(
            "Only a test wallet is refilled. Live credits are bought from the operator of this server, who books \
             the payment with `attestry credit grant`.",
        ));
    }
    let wallet = wallet_id(ctx.tenant_id, ctx.environment);
    let balance = ledger::lock(tx, ctx.tenant_id, wallet)?.balance;
    if balance.saturating_add(*amount) > REFILL_BALANCE_MAX {
        return Err(Fault::conflict(format!(
            "A test wallet is refilled up to {REFILL_BALANCE_MAX} credits, and this one has {balance}."
        )));
    }
    ledger::grant(tx, ctx, wallet, *amount, None)?;
    ctx.target(wallet.text());
    ctx.note(format!("{amount} credits"));
    Ok(Ending::Done(read_wallet(tx, ctx.tenant_id, ctx.environment)?))
}

/// Sets how far a wallet may be overdrawn.
pub fn set_floor(tx: &mut Tx<'_>, ctx: &mut Ctx, floor: &i64) -> Result<Ending<WalletView>, Fault> {
    let wallet = wallet_id(ctx.tenant_id, ctx.environment);
    let before = ledger::set_floor(tx, ctx, wallet, *floor)?;
    ctx.target(wallet.text());
    ctx.note(format!("from {before} to {floor}"));
    ctx.change(before.to_string(), floor.to_string());
    Ok(Ending::Done(read_wallet(tx, ctx.tenant_id, ctx.environment)?))
}
