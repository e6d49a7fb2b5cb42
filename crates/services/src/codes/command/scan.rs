//! A shopper's scan: the one thing that is written for a code after its mint.

use base::id::BatchId;
use base::{Fault, Service};
use db::Tx;
use kernel::ctx::Event;
use kernel::{Ctx, Ending, outbox};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::batch::{not_found, rules};
use super::look::condition_of;
use crate::codes::model::{Batch, CodeNumber};
use crate::codes::risk::{self, Band, Condition, Known, Scan};
use crate::codes::store::look as looks;
use crate::codes::store::scan as store;

pub const RISK_EVENT: &str = "code.risk_changed";

/// How far the neighbours of a code are looked at in each direction: a case of two dozen.
pub(in crate::codes) const NEIGHBOURS: i64 = 24;
/// How many sessions of one code count towards its batch's rate, so that a cloned one does not raise it for itself.
const SESSIONS_COUNTED_MAX: u32 = 5;

/// Who scanned which code.
#[derive(Clone, Debug)]
pub struct ScanCode {
    pub batch_id: BatchId,
    pub number: CodeNumber,
    pub scan: Scan,
}

/// What became of it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Recorded {
    pub scans: u32,
}

pub fn record(tx: &mut Tx<'_>, ctx: &mut Ctx, input: &ScanCode) -> Result<Ending<Recorded>, Fault> {
    let stored = input.number.stored();
    let facts = looks::facts(tx, ctx.tenant_id, input.batch_id, stored)?.ok_or_else(not_found)?;
    let batch = &facts.batch;
    let condition = condition_of(batch, facts.condition);
    let before = store::lock(tx, ctx, input.number, input.scan.place.country)?;
    let around = neighbours(batch, input.number);
    let red = store::red_around(tx, ctx.tenant_id, around, input.number)?;
    let (scanned_codes, sessions) = store::counted(tx, ctx.tenant_id, batch.batch_id)?;
    let of_batch = risk::Batch {
        expected: batch.expected(&facts.regions),
        sell_by_at_s: batch.sell_by_at.map(seconds),
        scanned_codes: scanned_codes.unsigned_abs(),
        sessions: sessions.unsigned_abs(),
    };
    let red = u32::try_from(red).unwrap_or(u32::MAX);
    let after = risk::record(&before, &input.scan, &of_batch, &rules(batch)?, condition, red);
    store::save(tx, ctx, input.number, &after)?;
    count(tx, ctx, batch, &before, &after)?;
    if after.band != before.band {
        emit(ctx, batch, input.number, (before.band, &after), condition);
    }
    Ok(Ending::Done(Recorded { scans: after.scans }))
}

fn neighbours(batch: &Batch, number: CodeNumber) -> (CodeNumber, CodeNumber) {
    let place = number.since(batch.first);
    let (before, after) = (place.min(NEIGHBOURS), (batch.quantity - 1 - place).min(NEIGHBOURS));
    (number.plus(-before), number.plus(after))
}

fn count(tx: &mut Tx<'_>, ctx: &Ctx, batch: &Batch, before: &Known, after: &Known) -> Result<(), Fault> {
    let (is_new_code, is_new_session) = counts(before, after);
    if !is_new_code && !is_new_session {
        return Ok(());
    }
    store::count_in(tx, ctx, batch.batch_id, (is_new_code.into(), is_new_session.into()))
}

/// Whether a scan counts as another code, and as another session, of its batch.
pub(in crate::codes) const fn counts(before: &Known, after: &Known) -> (bool, bool) {
    (before.scans == 0, after.sessions > before.sessions && after.sessions <= SESSIONS_COUNTED_MAX)
}

/// Tells the owner, and nobody else, why: in classes, without scores and without other people's places.
fn emit(
    ctx: &mut Ctx,
    batch: &Batch,
    number: CodeNumber,
    (before, after): (Band, &Known),
    condition: Condition,
) {
    let data = json!({
        "batchId": batch.batch_id,
        "productId": batch.product_id,
        "serial": batch.serial(number),
        "riskLevel": after.band.name(),
        "previousRiskLevel": before.name(),
        "reasons": after.reasons.names(),
        "qrStatus": condition.name(),
        "scanCount": after.scans,
        "sessionCount": after.sessions,
    });
    let payload = outbox::standard_body(RISK_EVENT, ctx.now, &data);
    ctx.emit(Event { service: Service::Codes, kind: RISK_EVENT, payload });
}

/// Whole seconds since 1970, as scans are kept.
pub(in crate::codes) fn seconds(at: base::Timestamp) -> u32 {
    u32::try_from(at.micros().div_euclid(1_000_000).max(0)).unwrap_or(u32::MAX)
}
