//! A mint: one transaction of one size, whatever the quantity. Debit, serial numbers, numbers of codes, the batch and
//! the saved reply commit together; the codes themselves follow from the batch and are never stored.

use base::id::BatchId;
use base::{Code, Fault};
use db::Tx;
use kernel::ledger::{self, wallet_id};
use kernel::settings::{self, Setting};
use kernel::spine::unit_price;
use kernel::{Ctx, Ending, jobs};
use serde::{Deserialize, Serialize};

use super::{MINT, epoch, product, ready};
use crate::codes::model::{Batch, Mint, Product, ProductStatus};
use crate::codes::store::{batch as store, epoch as epochs, product as products};

/// Up to how many codes are answered at once.
pub const INLINE_QUANTITY_MAX: Setting = Setting {
    name: "codes.inline_quantity_max",
    kind: settings::Kind::Integer { min: 0, max: 1000, default: 1000 },
    about: "Up to how many codes `POST /api/v1/batches` answers at once, with a 201; more are a 202 and an export.",
};

/// By which the installation knows the epoch in use.
pub const CODE_SECRET: &str = "code";

/// A mint as its reply is saved, which is small: the batch has the rest, and never changes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Minted {
    pub batch_id: BatchId,
    /// Whether the answer holds the codes.
    pub is_inline: bool,
    /// `None` in a reply that was saved.
    #[serde(skip)]
    pub batch: Option<Batch>,
}

pub fn mint(tx: &mut Tx<'_>, ctx: &mut Ctx, input: &Mint) -> Result<Ending<Minted>, Fault> {
    let product = products::find(tx, ctx.tenant_id, ctx.environment, input.product_id)?
        .ok_or_else(product::not_found)?;
    ensure_active(&product)?;
    let charged = afford(tx, ctx, input.quantity)?;
    let epoch = epoch::in_use(tx, &input.keys)?;
    input.keys.key(ctx.environment, epoch)?;
    let batch = take(tx, ctx, input, &product, (epoch, charged))?;
    ensure_open(tx, ctx, epoch)?;
    store::insert(tx, &batch)?;
    if batch.ready_at.is_none() {
        jobs::enqueue(tx, ctx, ready::JOB, &ready::payload(&batch), ctx.now)?;
    }
    ctx.charge(batch.quantity);
    ctx.target(batch.batch_id.text());
    ctx.note(format!("{} codes", batch.quantity));
    let is_inline = batch.ready_at.is_some();
    Ok(Ending::Done(Minted { batch_id: batch.batch_id, is_inline, batch: Some(batch) }))
}

fn ensure_active(product: &Product) -> Result<(), Fault> {
    match product.status {
        ProductStatus::Active => Ok(()),
        ProductStatus::Archived => {
            Err(Fault::invalid("productId", "is an archived product: set its status to active first"))
        }
    }
}

/// What it costs, if the wallet, which is locked, can pay it.
fn afford(tx: &mut Tx<'_>, ctx: &mut Ctx, quantity: i64) -> Result<i64, Fault> {
    let required = unit_price(tx, ctx, &MINT)?
        .checked_mul(quantity)
        .ok_or_else(|| Fault::internal("a price list overflows 64 bits"))?;
    let balance = ledger::find(tx, ctx.tenant_id, wallet_id(ctx.tenant_id, ctx.environment))?.available();
    if balance >= required {
        return Ok(required);
    }
    Err(Fault::new(
        Code::InsufficientCredits,
        format!("Insufficient credits: balance {balance}, required {required}. Top up to continue."),
    ))
}

/// Asked behind the lock of the next number, so that an epoch that is being closed mints nothing after it.
fn ensure_open(tx: &mut Tx<'_>, ctx: &Ctx, epoch: u8) -> Result<(), Fault> {
    if epochs::closed_at(tx, ctx.environment, epoch)?.is_some() {
        return Err(Fault::unavailable(
            "Minting is paused: the key in use was closed, and the operator has not activated the next one yet. \
             Nothing was charged. Please retry later.",
        ));
    }
    Ok(())
}

/// Takes what nobody else may get, the numbers of codes last, because all mints of the platform wait for them.
fn take(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    input: &Mint,
    product: &Product,
    (epoch, charged): (u8, i64),
) -> Result<Batch, Fault> {
    let quantity = input.quantity;
    let prefix = input.prefix.clone().unwrap_or_else(|| product.prefix.clone());
    let inline_max = settings::integer(tx, ctx.tenant_id, ctx.environment, &INLINE_QUANTITY_MAX)?;
    let is_inline = quantity <= inline_max;
    let first_number = store::take_serials(tx, ctx, &prefix, quantity)?;
    let first = store::take_codes(tx, ctx.environment, quantity)?.ok_or_else(|| {
        Fault::unavailable("There are no numbers left for as many codes. Nothing was charged.")
    })?;
    Ok(Batch {
        tenant_id: ctx.tenant_id,
        batch_id: BatchId::new(ctx.now, ctx.random.id_bits()),
        product_id: product.product_id,
        environment: ctx.environment,
        first,
        quantity,
        epoch,
        prefix,
        first_number,
        address: input.address.clone(),
        expected_region: input.expected_region.clone(),
        sell_by_at: Batch::sell_by(product, ctx.now),
        rules: None,
        charged,
        created_at: ctx.now,
        ready_at: is_inline.then_some(ctx.now),
        csv_sha256: None,
        recalled_at: None,
        recall_reason: None,
        // The answer shows them.
        exported_at: is_inline.then_some(ctx.now),
        cancelled_at: None,
    })
}
