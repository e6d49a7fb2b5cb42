use base::id::{BatchId, TenantId};
use base::{Environment, Fault, Timestamp};
use db::{Row, Tx, args};
use kernel::Ctx;

use crate::codes::model::{Batch, CodeNumber};

const TAKE_SERIALS: &str = "INSERT INTO codes_serial (tenant_id, environment, prefix, last_number) VALUES (?1, ?2, ?3, ?4) \
    ON CONFLICT (tenant_id, environment, prefix) DO UPDATE SET last_number = codes_serial.last_number + excluded.last_number \
    RETURNING last_number";
const TAKE_CODES: &str = "UPDATE codes_next SET next_code = next_code + ?2 WHERE environment = ?1 AND next_code + ?2 <= ?3 \
    RETURNING next_code";
const INSERT: &str = "INSERT INTO codes_batch (tenant_id, batch_id, product_id, environment, first_code, quantity, epoch, prefix, \
    first_number, address, expected_region, sell_by_at_us, charged, created_at_us, ready_at_us, exported_at_us) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";
const INSERT_RANGE: &str = "INSERT INTO codes_range (first_code, tenant_id, batch_id) VALUES (?1, ?2, ?3)";
const FIND: &str = "SELECT tenant_id, batch_id, product_id, environment, first_code, quantity, epoch, prefix, first_number, address, \
    expected_region, sell_by_at_us, rules, charged, created_at_us, ready_at_us, csv_sha256, recalled_at_us, recall_reason, \
    exported_at_us, cancelled_at_us \
    FROM codes_batch WHERE tenant_id = ?1 AND batch_id = ?2 AND environment = ?3";
const LOCK: &str = "SELECT tenant_id, batch_id, product_id, environment, first_code, quantity, epoch, prefix, first_number, address, \
    expected_region, sell_by_at_us, rules, charged, created_at_us, ready_at_us, csv_sha256, recalled_at_us, recall_reason, \
    exported_at_us, cancelled_at_us \
    FROM codes_batch WHERE tenant_id = ?1 AND batch_id = ?2 AND environment = ?3 FOR UPDATE";
const LIST: &str = "SELECT tenant_id, batch_id, product_id, environment, first_code, quantity, epoch, prefix, first_number, address, \
    expected_region, sell_by_at_us, rules, charged, created_at_us, ready_at_us, csv_sha256, recalled_at_us, recall_reason, \
    exported_at_us, cancelled_at_us \
    FROM codes_batch WHERE tenant_id = ?1 AND environment = ?2 AND batch_id < ?3 AND (?4 = '' OR product_id = ?4) \
    ORDER BY batch_id DESC LIMIT ?5";
/// Batches whose serial numbers reach into a range; those of a prefix follow one another without a gap.
const WITH_SERIALS: &str = "SELECT batch_id, first_code, quantity, first_number FROM codes_batch \
    WHERE tenant_id = ?1 AND environment = ?2 AND prefix = ?3 AND first_number <= ?5 AND first_number + quantity > ?4 \
    ORDER BY first_number LIMIT ?6";
const SET_RECALL: &str =
    "UPDATE codes_batch SET recalled_at_us = ?3, recall_reason = ?4 WHERE tenant_id = ?1 AND batch_id = ?2";
const SET_RULES: &str = "UPDATE codes_batch SET rules = ?3 WHERE tenant_id = ?1 AND batch_id = ?2";
const SET_READY: &str = "UPDATE codes_batch SET ready_at_us = ?3, csv_sha256 = ?4 WHERE tenant_id = ?1 AND batch_id = ?2 AND ready_at_us IS NULL \
    AND cancelled_at_us IS NULL";
const SET_EXPORTED: &str = "UPDATE codes_batch SET exported_at_us = ?3 WHERE tenant_id = ?1 AND batch_id = ?2 AND exported_at_us IS NULL \
    AND cancelled_at_us IS NULL";
const SET_CANCELLED: &str =
    "UPDATE codes_batch SET cancelled_at_us = ?3 WHERE tenant_id = ?1 AND batch_id = ?2";
const MINTED: &str = "SELECT CAST(COALESCE(SUM(quantity), 0) AS BIGINT) AS codes FROM codes_batch \
    WHERE tenant_id = ?1 AND environment = ?2 AND batch_id >= ?3 AND cancelled_at_us IS NULL";

pub(super) const STATEMENTS: &[&str] = &[
    TAKE_SERIALS,
    TAKE_CODES,
    INSERT,
    INSERT_RANGE,
    FIND,
    LOCK,
    LIST,
    WITH_SERIALS,
    SET_RECALL,
    SET_RULES,
    SET_READY,
    SET_EXPORTED,
    SET_CANCELLED,
    MINTED,
];

/// The first of so many serial numbers that nobody else gets.
pub(in crate::codes) fn take_serials(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    prefix: &str,
    quantity: i64,
) -> Result<i64, Fault> {
    let args = args![ctx.tenant_id, ctx.environment, prefix, quantity];
    let last = tx.one(TAKE_SERIALS, args, |row| row.int("last_number"))?;
    Ok(last - quantity + 1)
}

/// The first of so many numbers of codes that nobody else gets. `None` when there are not as many left.
pub(in crate::codes) fn take_codes(
    tx: &mut Tx<'_>,
    environment: Environment,
    quantity: i64,
) -> Result<Option<CodeNumber>, Fault> {
    let args = args![environment, quantity, CodeNumber::end(environment)];
    let next = tx.opt(TAKE_CODES, args, |row| number(row, "next_code", -quantity))?;
    Ok(next)
}

pub(in crate::codes) fn insert(tx: &mut Tx<'_>, batch: &Batch) -> Result<(), Fault> {
    tx.exec(
        INSERT,
        args![
            batch.tenant_id,
            batch.batch_id,
            batch.product_id,
            batch.environment,
            batch.first.stored(),
            batch.quantity,
            i64::from(batch.epoch),
            &batch.prefix,
            batch.first_number,
            &batch.address,
            &batch.expected_region,
            batch.sell_by_at,
            batch.charged,
            batch.created_at,
            batch.ready_at,
            batch.exported_at
        ],
    )?;
    tx.exec(INSERT_RANGE, args![batch.first.stored(), batch.tenant_id, batch.batch_id])?;
    Ok(())
}

pub(in crate::codes) fn find(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    batch_id: BatchId,
) -> Result<Option<Batch>, Fault> {
    Ok(tx.opt(FIND, args![tenant_id, batch_id, environment], batch)?)
}

/// The same, and nobody else changes it, or the status of its codes, until the transaction ends.
pub(in crate::codes) fn lock(tx: &mut Tx<'_>, ctx: &Ctx, batch_id: BatchId) -> Result<Option<Batch>, Fault> {
    Ok(tx.opt(LOCK, args![ctx.tenant_id, batch_id, ctx.environment], batch)?)
}

/// Those before `before`, newest first; of one product, if one is named.
pub(in crate::codes) fn list(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    product_id: &str,
    before: Option<BatchId>,
    limit: i64,
) -> Result<Vec<Batch>, Fault> {
    let before = before.unwrap_or(BatchId::from_bits(u128::MAX));
    Ok(tx.all(LIST, args![tenant_id, environment, before, product_id, limit], batch)?)
}

/// Where the serial numbers of a batch are.
pub(in crate::codes) struct Serials {
    pub(in crate::codes) batch_id: BatchId,
    pub(in crate::codes) first: CodeNumber,
    pub(in crate::codes) quantity: i64,
    pub(in crate::codes) first_number: i64,
}

/// The batches that have serial numbers of a prefix from `from` to `to`.
pub(in crate::codes) fn with_serials(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    prefix: &str,
    (from, to): (i64, i64),
    limit: i64,
) -> Result<Vec<Serials>, Fault> {
    Ok(tx.all(WITH_SERIALS, args![ctx.tenant_id, ctx.environment, prefix, from, to, limit], |row| {
        Ok(Serials {
            batch_id: row.id("batch_id")?,
            first: number(row, "first_code", 0)?,
            quantity: row.int("quantity")?,
            first_number: row.int("first_number")?,
        })
    })?)
}

pub(in crate::codes) fn set_recall(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    batch_id: BatchId,
    recalled: Option<(Timestamp, &str)>,
) -> Result<(), Fault> {
    let (at, reason) = recalled.unzip();
    tx.exec(SET_RECALL, args![ctx.tenant_id, batch_id, at, reason])?;
    Ok(())
}

pub(in crate::codes) fn set_rules(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    batch_id: BatchId,
    rules: Option<&str>,
) -> Result<(), Fault> {
    tx.exec(SET_RULES, args![ctx.tenant_id, batch_id, rules])?;
    Ok(())
}

/// Whether it was not ready before.
pub(in crate::codes) fn set_ready(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    batch_id: BatchId,
    csv_sha256: &[u8],
) -> Result<bool, Fault> {
    Ok(tx.exec(SET_READY, args![ctx.tenant_id, batch_id, ctx.now, csv_sha256])? == 1)
}

/// Notes that somebody got codes of a batch, if nobody had, and it is not cancelled.
pub(in crate::codes) fn set_exported(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    batch_id: BatchId,
    now: Timestamp,
) -> Result<(), Fault> {
    tx.exec(SET_EXPORTED, args![tenant_id, batch_id, now])?;
    Ok(())
}

pub(in crate::codes) fn set_cancelled(tx: &mut Tx<'_>, ctx: &Ctx, batch_id: BatchId) -> Result<(), Fault> {
    tx.exec(SET_CANCELLED, args![ctx.tenant_id, batch_id, ctx.now])?;
    Ok(())
}

/// How many codes were minted since a moment, without those that were cancelled.
pub(in crate::codes) fn minted_since(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    since: Timestamp,
) -> Result<i64, Fault> {
    Ok(tx.one(MINTED, args![tenant_id, environment, BatchId::new(since, 0)], |row| row.int("codes"))?)
}

fn number(row: &Row<'_>, column: &str, offset: i64) -> Result<CodeNumber, db::Error> {
    CodeNumber::from_stored(row.int(column)? + offset)
        .ok_or_else(|| db::Error::corrupt("a number of no code"))
}

pub(super) fn batch(row: &Row<'_>) -> Result<Batch, db::Error> {
    Ok(Batch {
        tenant_id: row.id("tenant_id")?,
        batch_id: row.id("batch_id")?,
        product_id: row.id("product_id")?,
        environment: row.named("environment", Environment::parse)?,
        first: number(row, "first_code", 0)?,
        quantity: row.int("quantity")?,
        epoch: u8::try_from(row.int("epoch")?).map_err(db::Error::corrupt)?,
        prefix: row.text("prefix")?,
        first_number: row.int("first_number")?,
        address: row.text("address")?,
        expected_region: row.opt_text("expected_region")?,
        sell_by_at: row.opt_timestamp("sell_by_at_us")?,
        rules: row.opt_text("rules")?,
        charged: row.int("charged")?,
        created_at: row.timestamp("created_at_us")?,
        ready_at: row.opt_timestamp("ready_at_us")?,
        csv_sha256: row.opt_bytes("csv_sha256")?,
        recalled_at: row.opt_timestamp("recalled_at_us")?,
        recall_reason: row.opt_text("recall_reason")?,
        exported_at: row.opt_timestamp("exported_at_us")?,
        cancelled_at: row.opt_timestamp("cancelled_at_us")?,
    })
}
