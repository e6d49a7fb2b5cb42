//! What is left of imports that were replaced or given up.

use base::Fault;
use kernel::{Kernel, tenancy};

use super::store;

/// An import that nobody touched for so long is given up.
const IDLE_SECONDS_MAX: i64 = 3600;
/// Rows of one transaction, so that requests get their turn in between.
const CHUNK: i64 = 500;

/// Gives idle imports up, and deletes the rows of retired ones chunk by chunk. Harmless when another node was first.
///
/// # Errors
/// A database failure: the next round goes on.
pub async fn sweep(kernel: &Kernel) -> Result<(), Fault> {
    let now = kernel.clock.now();
    let before = now.plus_seconds(-IDLE_SECONDS_MAX);
    let (stale, unswept) =
        kernel.db.read(move |tx| Ok((store::stale(tx, before)?, store::unswept(tx)?))).await?;
    for &import in &stale {
        kernel
            .db
            .write(tenancy::INSTALLATION, move |tx| store::retire_stale(tx, import, before, now))
            .await?;
    }
    for generation in unswept.into_iter().chain(stale) {
        while !sweep_chunk(kernel, generation).await? {}
    }
    Ok(())
}

/// Whether nothing is left.
async fn sweep_chunk(kernel: &Kernel, generation: i64) -> Result<bool, Fault> {
    let now = kernel.clock.now();
    let swept = kernel.db.write(tenancy::INSTALLATION, move |tx| {
        if store::sweep(tx, generation, CHUNK)? > 0 {
            return Ok(false);
        }
        store::end_sweep(tx, generation, now)?;
        Ok(true)
    });
    swept.await
}
