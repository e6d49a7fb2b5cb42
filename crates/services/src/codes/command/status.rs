//! The status of many codes at once: by their tokens, or by ranges of serial numbers, which stay ranges.

use std::sync::Arc;

use base::Fault;
use base::id::BatchId;
use db::Tx;
use kernel::{Ctx, Ending};
use serde::{Deserialize, Serialize};

use super::batch;
use super::look::look_as;
use crate::codes::keys::TokenKeys;
use crate::codes::model::CodeNumber;
use crate::codes::risk::Condition;
use crate::codes::store::{batch as batches, scan, status as store};

pub const TOKENS_MAX: usize = 1000;
pub const RANGES_MAX: usize = 100;
/// Batches that one range of serial numbers may reach over.
const BATCHES_MAX: i64 = 1000;
/// Changed ranges that a tenant may have; the whole of a batch that is recalled is none.
const TENANT_RANGES_MAX: i64 = 1_000_000;

/// Which codes, and how they are from now on.
#[derive(Clone, Debug)]
pub struct SetStatus {
    pub targets: Targets,
    pub condition: Condition,
    pub keys: Arc<TokenKeys>,
}

#[derive(Clone, Debug)]
pub enum Targets {
    Tokens(Vec<String>),
    Ranges(Vec<SerialRange>),
}

/// Serial numbers of one prefix, both ends included.
#[derive(Clone, Debug)]
pub struct SerialRange {
    pub prefix: String,
    pub from: i64,
    pub to: i64,
}

impl SerialRange {
    /// Reads both ends as they are printed: `EXP24-000001`.
    ///
    /// # Errors
    /// What is wrong with which of them.
    pub fn parse(from: &str, to: &str) -> Result<Self, Fault> {
        let (prefix, first) = serial("from", from)?;
        let (other, last) = serial("to", to)?;
        if prefix != other {
            return Err(Fault::invalid("to", "must have the same prefix as from"));
        }
        if last < first {
            return Err(Fault::invalid("to", "must not be before from"));
        }
        Ok(Self { prefix: prefix.to_owned(), from: first, to: last })
    }
}

fn serial<'a>(field: &'static str, text: &'a str) -> Result<(&'a str, i64), Fault> {
    let read = || {
        let (prefix, digits) = text.rsplit_once('-')?;
        let is_number = digits.len() >= 6 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.parse().ok().filter(|number| is_number && *number >= 1)?;
        crate::codes::model::is_prefix(prefix).then_some((prefix, number))
    };
    read().ok_or_else(|| Fault::invalid(field, "must be a serial number like EXP24-000001"))
}

/// What was changed.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CodesStatusChanged)]
pub struct ChangedView {
    #[schema(example = "STOLEN")]
    pub status: String,
    /// Codes that have this status now.
    #[schema(example = 500)]
    pub updated: i64,
    /// Tokens that are no codes of yours; the others were changed.
    pub not_found: Vec<String>,
}

pub fn set(tx: &mut Tx<'_>, ctx: &mut Ctx, input: &SetStatus) -> Result<Ending<ChangedView>, Fault> {
    let mut changed =
        ChangedView { status: input.condition.name().to_owned(), updated: 0, not_found: Vec::new() };
    match &input.targets {
        Targets::Tokens(tokens) => set_tokens(tx, ctx, input, tokens, &mut changed)?,
        Targets::Ranges(ranges) => {
            for (index, range) in ranges.iter().enumerate() {
                changed.updated += set_range(tx, ctx, input.condition, index, range)?;
            }
        }
    }
    ensure_room(tx, ctx)?;
    ctx.target("codes");
    ctx.note(format!("{} codes {}", changed.updated, changed.status));
    Ok(Ending::Done(changed))
}

fn set_tokens(
    tx: &mut Tx<'_>,
    ctx: &mut Ctx,
    input: &SetStatus,
    tokens: &[String],
    changed: &mut ChangedView,
) -> Result<(), Fault> {
    let owner = (ctx.tenant_id, ctx.environment);
    let mut found = Vec::with_capacity(tokens.len());
    for token in tokens {
        match look_as(tx, &input.keys, owner, token, ctx.now)? {
            Some(code) => found.push((code.batch.batch_id, code.number)),
            None => changed.not_found.push(token.clone()),
        }
    }
    // In one order for all callers, and each code once.
    found.sort_unstable_by_key(|(batch_id, number)| (*batch_id, *number));
    found.dedup();
    for (batch_id, number) in found {
        apply(tx, ctx, batch_id, (number, number), input.condition)?;
        changed.updated += 1;
    }
    Ok(())
}

/// A range may reach over several batches of its prefix, and all of it must have been minted.
fn set_range(
    tx: &mut Tx<'_>,
    ctx: &mut Ctx,
    condition: Condition,
    index: usize,
    range: &SerialRange,
) -> Result<i64, Fault> {
    let wanted = range.to - range.from + 1;
    let batches = batches::with_serials(tx, ctx, &range.prefix, (range.from, range.to), BATCHES_MAX)?;
    let parts: Vec<_> = batches
        .iter()
        .map(|batch| {
            let from = range.from.max(batch.first_number) - batch.first_number;
            let to = range.to.min(batch.first_number + batch.quantity - 1) - batch.first_number;
            (batch.batch_id, (batch.first.plus(from), batch.first.plus(to)))
        })
        .collect();
    let minted: i64 = parts.iter().map(|(_, (first, last))| last.since(*first) + 1).sum();
    if minted != wanted {
        return Err(Fault::invalid(
            format!("ranges.{index}"),
            format!("must be serial numbers that were minted; of these {wanted}, {minted} were"),
        ));
    }
    for (batch_id, codes) in parts {
        apply(tx, ctx, batch_id, codes, condition)?;
    }
    Ok(wanted)
}

/// Codes that are set to active have a clean record again: an owner looked at them.
fn apply(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    batch_id: BatchId,
    codes: (CodeNumber, CodeNumber),
    condition: Condition,
) -> Result<(), Fault> {
    batches::lock(tx, ctx, batch_id)?.ok_or_else(batch::not_found)?;
    store::set(tx, ctx, codes, condition)?;
    if condition == Condition::Active {
        scan::clear(tx, ctx, codes)?;
    }
    Ok(())
}

fn ensure_room(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<(), Fault> {
    if store::count(tx, ctx.tenant_id)? <= TENANT_RANGES_MAX {
        return Ok(());
    }
    Err(Fault::conflict(format!(
        "Single codes and ranges with a status of their own are {TENANT_RANGES_MAX} at most. Use longer ranges, recall \
         whole batches, or set codes to ACTIVE that need no status any more."
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_as_serial_numbers_are_printed() {
        let range = SerialRange::parse("EXP-24-000001", "EXP-24-1000000").unwrap();
        assert_eq!((range.prefix.as_str(), range.from, range.to), ("EXP-24", 1, 1_000_000));
        for (from, to) in [
            ("EXP24-000002", "EXP24-000001"),
            ("EXP24-000001", "EXP25-000002"),
            ("EXP24-000000", "EXP24-000001"),
            ("EXP24-1", "EXP24-2"),
            ("EXP24", "EXP24"),
            ("-000001", "-000002"),
            ("EXP24-00000x", "EXP24-000002"),
            ("EXP24-99999999999999999999", "EXP24-99999999999999999999"),
        ] {
            assert!(SerialRange::parse(from, to).is_err(), "{from} {to}");
        }
    }
}
