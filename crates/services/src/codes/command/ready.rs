//! The job behind a large batch: the digest of its CSV, by which a printer knows that a download is whole.
//!
//! The codes were minted and charged before it runs, and can be exported meanwhile.

use base::id::BatchId;
use base::{Environment, Fault, Service};
use db::Tx;
use kernel::ctx::Event;
use kernel::jobs::{self, Leased};
use kernel::{Ctx, Ending, outbox};
use serde_json::json;

use crate::codes::model::Batch;
use crate::codes::store::batch as store;

/// What the job is called in its queue.
pub const JOB: &str = "codes.batch.ready";
pub const READY_EVENT: &str = "batch.ready";

/// What the job is told: the environment and the batch.
pub(super) fn payload(batch: &Batch) -> String {
    format!("{} {}", batch.environment, batch.batch_id)
}

/// What [`payload`] wrote.
///
/// # Errors
/// Any other text.
pub fn target(payload: &str) -> Result<(Environment, BatchId), Fault> {
    let read = || {
        let (environment, batch_id) = payload.split_once(' ')?;
        Some((Environment::parse(environment)?, batch_id.parse().ok()?))
    };
    read().ok_or_else(|| Fault::internal(format!("a job has the payload {payload:?}")))
}

/// The digest of a batch's CSV, and the job that it was made for.
#[derive(Clone, Debug)]
pub struct Digest {
    pub job: Leased,
    pub batch_id: BatchId,
    pub csv_sha256: [u8; 32],
}

/// Notes the digest and ends the job. A job whose lease went to another worker changes nothing.
pub fn record(tx: &mut Tx<'_>, ctx: &mut Ctx, digest: &Digest) -> Result<Ending<bool>, Fault> {
    if !jobs::finish(tx, &digest.job)? {
        return Ok(Ending::Done(false));
    }
    let is_new = store::set_ready(tx, ctx, digest.batch_id, &digest.csv_sha256)?;
    if is_new && let Some(batch) = store::find(tx, ctx.tenant_id, ctx.environment, digest.batch_id)? {
        emit(ctx, &batch);
    }
    ctx.target(digest.batch_id.text());
    Ok(Ending::Done(is_new))
}

fn emit(ctx: &mut Ctx, batch: &Batch) {
    let sha256 = batch.csv_sha256.as_deref().map(kernel::secrets::hex);
    let data = json!({ "batchId": batch.batch_id, "quantity": batch.quantity, "csvSha256": sha256 });
    let payload = outbox::standard_body(READY_EVENT, ctx.now, &data);
    ctx.emit(Event { service: Service::Codes, kind: READY_EVENT, payload });
}
