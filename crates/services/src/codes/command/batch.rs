use base::id::{BatchId, ProductId, TenantId};
use base::{Environment, Fault, Service, Timestamp};
use db::Tx;
use kernel::ctx::Event;
use kernel::ledger::{self, wallet_id};
use kernel::{Ctx, Ending, outbox};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::codes::model::{Batch, BatchStatus};
use crate::codes::risk::Rules;
use crate::codes::store::{batch as store, scan};

pub const RECALLED_EVENT: &str = "batch.recalled";
pub const REASON_LENGTH_MAX: usize = 200;

/// A batch as it is answered and saved.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CodesBatch)]
pub struct BatchView {
    #[schema(value_type = String, example = "bat_01k0example0000000000000000")]
    pub batch_id: BatchId,
    #[schema(value_type = String, example = "prod_01k0example0000000000000000")]
    pub product_id: ProductId,
    /// `queued` batches are minted and charged, too, and may be exported; only `csvSha256` is still being made.
    pub status: BatchStatus,
    #[schema(example = 20_000)]
    pub quantity: i64,
    #[schema(example = 20_000)]
    pub charged: i64,
    #[schema(example = "EXP24-000001")]
    pub first_serial: String,
    #[schema(example = "EXP24-020000")]
    pub last_serial: String,
    #[schema(example = "Kenya")]
    pub expected_region: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime, example = "2027-05-02T10:14:00.000Z")]
    pub sell_by: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime, example = "2026-05-02T10:14:00.000Z")]
    pub created_at: Timestamp,
    /// SHA-256 of the whole CSV export, in lower-case hexadecimal; `null` until it is made, and for batches that were
    /// answered at once.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    pub csv_sha256: Option<String>,
    /// When somebody first got codes of it: a batch can be cancelled until then.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub exported_at: Option<Timestamp>,
    /// When it was cancelled, and `charged` was given back.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub cancelled_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub recalled_at: Option<Timestamp>,
    #[schema(example = "seal not tight")]
    pub reason: Option<String>,
    /// Settings of the risk rules of this batch: see the documentation. Absent where only one row was asked for.
    #[schema(value_type = Object)]
    pub risk: Rules,
    /// What was scanned; `null` in lists.
    pub counts: Option<CountsView>,
}

/// What became of the codes of a batch.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CodesBatchCounts)]
pub struct CountsView {
    /// Codes that were scanned at least once.
    #[schema(example = 412)]
    pub scanned: i64,
    /// Visits in which they were: the same visitor within 30 minutes counts once.
    #[schema(example = 530)]
    pub sessions: i64,
    #[schema(example = 3)]
    pub amber: i64,
    #[schema(example = 1)]
    pub red: i64,
}

impl BatchView {
    /// # Errors
    /// Stored settings that are none.
    pub fn of(batch: Batch, counts: Option<CountsView>) -> Result<Self, Fault> {
        Ok(Self {
            status: batch.status(),
            first_serial: batch.serial(batch.first),
            last_serial: batch.serial(batch.last()),
            risk: rules(&batch)?,
            csv_sha256: batch.csv_sha256.as_deref().map(kernel::secrets::hex),
            batch_id: batch.batch_id,
            product_id: batch.product_id,
            quantity: batch.quantity,
            charged: batch.charged,
            expected_region: batch.expected_region,
            sell_by: batch.sell_by_at,
            created_at: batch.created_at,
            exported_at: batch.exported_at,
            cancelled_at: batch.cancelled_at,
            recalled_at: batch.recalled_at,
            reason: batch.recall_reason,
            counts,
        })
    }
}

/// The settings of a batch's risk rules: its own, or the defaults.
pub(super) fn rules(batch: &Batch) -> Result<Rules, Fault> {
    match &batch.rules {
        None => Ok(Rules::default()),
        Some(text) => serde_json::from_str(text).map_err(Fault::internal),
    }
}

/// The refusal of a batch that is not there, or not the caller's.
#[must_use]
pub fn not_found() -> Fault {
    Fault::not_found("batch")
}

/// # Errors
/// Not found, which another tenant's or environment's batch is too; a database failure.
pub fn find(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    batch_id: BatchId,
) -> Result<Batch, Fault> {
    store::find(tx, tenant_id, environment, batch_id)?.ok_or_else(not_found)
}

/// A batch with what became of its codes.
///
/// # Errors
/// As [`find`].
pub fn read(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    batch_id: BatchId,
) -> Result<BatchView, Fault> {
    let batch = find(tx, tenant_id, environment, batch_id)?;
    let counts = counts(tx, &batch)?;
    BatchView::of(batch, Some(counts))
}

fn counts(tx: &mut Tx<'_>, batch: &Batch) -> Result<CountsView, Fault> {
    let (scanned, sessions) = scan::counted(tx, batch.tenant_id, batch.batch_id)?;
    let (amber, red) = scan::at_risk(tx, batch.tenant_id, (batch.first, batch.last()))?;
    Ok(CountsView { scanned, sessions, amber, red })
}

/// Batches before `before`, newest first; of one product, if one is named.
///
/// # Errors
/// A database failure.
pub fn list(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    product_id: &str,
    before: Option<BatchId>,
    limit: i64,
) -> Result<Vec<Batch>, Fault> {
    store::list(tx, tenant_id, environment, product_id, before, limit)
}

/// What may be changed about a batch.
#[derive(Clone, Debug)]
pub struct ChangeBatch {
    pub batch_id: BatchId,
    pub fate: Option<Fate>,
    pub rules: Option<Rules>,
}

#[derive(Clone, Debug)]
pub enum Fate {
    /// Every code of the batch is red from now on.
    Recalled { reason: String },
    /// The recall was a mistake.
    Active,
    /// The mint was: its codes are none any more, and what they cost is given back.
    Cancelled,
}

pub fn change(tx: &mut Tx<'_>, ctx: &mut Ctx, input: &ChangeBatch) -> Result<Ending<BatchView>, Fault> {
    let before = store::lock(tx, ctx, input.batch_id)?.ok_or_else(not_found)?;
    if before.cancelled_at.is_some() {
        return Err(cancelled());
    }
    match &input.fate {
        Some(Fate::Recalled { reason }) => {
            store::set_recall(tx, ctx, before.batch_id, Some((ctx.now, reason)))?;
            ctx.note(reason.clone());
            emit(ctx, &before, reason);
        }
        Some(Fate::Active) => store::set_recall(tx, ctx, before.batch_id, None)?,
        Some(Fate::Cancelled) => cancel(tx, ctx, &before)?,
        None => {}
    }
    if let Some(rules) = &input.rules {
        let text = serde_json::to_string(rules).map_err(Fault::internal)?;
        store::set_rules(tx, ctx, before.batch_id, Some(&text))?;
    }
    let after = read(tx, ctx.tenant_id, ctx.environment, before.batch_id)?;
    let text = |view: &BatchView| serde_json::to_string(view).map_err(Fault::internal);
    ctx.target(before.batch_id.text());
    ctx.change(text(&BatchView::of(before, after.counts)?)?, text(&after)?);
    Ok(Ending::Done(after))
}

/// Only what nobody has seen can be undone: a code that is on a product must stay one.
fn cancel(tx: &mut Tx<'_>, ctx: &mut Ctx, batch: &Batch) -> Result<(), Fault> {
    if let Some(at) = batch.exported_at {
        return Err(Fault::conflict(format!(
            "Codes of this batch were handed out at {at}, so it cannot be cancelled any more. Recall it instead."
        )));
    }
    store::set_cancelled(tx, ctx, batch.batch_id)?;
    if batch.charged > 0 {
        let (wallet, reference) = (wallet_id(ctx.tenant_id, ctx.environment), batch.batch_id.text());
        ledger::refund(tx, ctx, wallet, batch.charged, &reference)?;
    }
    ctx.note(format!("{} credits given back", batch.charged));
    Ok(())
}

fn cancelled() -> Fault {
    Fault::conflict("This batch was cancelled: it has no codes, and nothing about it can be changed.")
}

/// A batch whose codes are about to be handed out, after which it cannot be cancelled.
///
/// # Errors
/// As [`find`]; [`base::Code::Conflict`] for a batch that was cancelled.
pub fn hand_out(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    batch_id: BatchId,
    now: Timestamp,
) -> Result<Batch, Fault> {
    store::set_exported(tx, tenant_id, batch_id, now)?;
    ensure_not_cancelled(find(tx, tenant_id, environment, batch_id)?)
}

/// # Errors
/// [`base::Code::Conflict`].
pub fn ensure_not_cancelled(batch: Batch) -> Result<Batch, Fault> {
    if batch.cancelled_at.is_some() { Err(cancelled()) } else { Ok(batch) }
}

fn emit(ctx: &mut Ctx, batch: &Batch, reason: &str) {
    let data = json!({
        "batchId": batch.batch_id,
        "productId": batch.product_id,
        "quantity": batch.quantity,
        "firstSerial": batch.serial(batch.first),
        "lastSerial": batch.serial(batch.last()),
        "reason": reason,
    });
    let payload = outbox::standard_body(RECALLED_EVENT, ctx.now, &data);
    ctx.emit(Event { service: Service::Codes, kind: RECALLED_EVENT, payload });
}
