//! Epochs of the token key: which one mints, and from where on one that leaked is refused.

use std::sync::Arc;

use base::{Environment, Fault, Timestamp};
use db::Tx;
use kernel::{Ctx, Ending, tenancy};
use serde::{Deserialize, Serialize};

use super::mint::CODE_SECRET;
use crate::codes::keys::TokenKeys;
use crate::codes::model::Batch;
use crate::codes::store::epoch as store;

/// An epoch of an environment.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CodesEpoch)]
pub struct EpochView {
    #[schema(example = "live")]
    pub environment: String,
    #[schema(example = 1)]
    pub epoch: u8,
    /// Whether it mints.
    pub is_in_use: bool,
    /// Since when tokens of it are refused that were minted after the place where it was closed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub closed_at: Option<Timestamp>,
}

/// The epoch that mints.
///
/// # Errors
/// A database failure.
pub fn in_use(tx: &mut Tx<'_>, keys: &TokenKeys) -> Result<u8, Fault> {
    match tenancy::active_secret(tx, CODE_SECRET)? {
        Some(version) => u8::try_from(version).map_err(Fault::internal),
        None => Ok(keys.first_epoch()),
    }
}

/// The epochs that this node holds, in both environments, and those that were closed.
///
/// # Errors
/// A database failure.
pub fn list(tx: &mut Tx<'_>, keys: &TokenKeys) -> Result<Vec<EpochView>, Fault> {
    let (in_use, closed) = (in_use(tx, keys)?, store::all(tx)?);
    let of = |environment: Environment, epoch: u8| {
        let found = closed.iter().find(|closed| (closed.0, closed.1) == (environment, epoch));
        let closed_at = found.map(|(.., at)| *at);
        EpochView { environment: environment.to_string(), epoch, is_in_use: epoch == in_use, closed_at }
    };
    let both = keys.epochs().flat_map(|epoch| Environment::ALL.iter().map(move |known| (*known, epoch)));
    Ok(both.map(|(environment, epoch)| of(environment, epoch)).collect())
}

/// An epoch to close in the environment of the call.
#[derive(Clone, Debug)]
pub struct CloseEpoch {
    pub epoch: u8,
    /// Codes of this batch and of those minted after it are refused; without it, only what is minted from now on.
    pub from: Option<Batch>,
    pub keys: Arc<TokenKeys>,
}

/// Refuses tokens of an epoch from a place on. There is no way back: whoever holds the key could have made them.
pub fn close(tx: &mut Tx<'_>, ctx: &mut Ctx, input: &CloseEpoch) -> Result<Ending<EpochView>, Fault> {
    let epoch = input.epoch;
    if let Some(batch) = input.from.as_ref().filter(|batch| batch.epoch != epoch) {
        let minted = batch.epoch;
        return Err(Fault::invalid("batchId", format!("was minted with epoch {minted} and not {epoch}")));
    }
    // Behind this lock no mint is under way: what is minted has a lower number, and what comes sees the row.
    let next = store::lock_next(tx, ctx.environment)?;
    let from = input.from.as_ref().map_or(next, |batch| batch.first.stored());
    store::close(tx, (ctx.environment, epoch), from, ctx.now)?;
    ctx.target(format!("code epoch {epoch}"));
    ctx.note(match &input.from {
        Some(batch) => format!("{} from {} on", ctx.environment, batch.batch_id),
        None => format!("{} from now on", ctx.environment),
    });
    let environment = ctx.environment.name();
    let mut views = list(tx, &input.keys)?.into_iter();
    let closed = views.find(|view| view.epoch == epoch && view.environment == environment);
    closed.map(Ending::Done).ok_or_else(|| Fault::internal("an epoch that was closed is not listed"))
}
