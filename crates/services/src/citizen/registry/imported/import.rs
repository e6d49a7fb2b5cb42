//! The steps of an import, as commands of an operator.
//!
//! 1. *Begin*: a generation with a key of its own.
//! 2. *Append*, part by part: rows are judged and sealed off the database's threads, and staged in buckets.
//! 3. *Merge*, some buckets at a time: sorted, freed of repeated numbers, and written in order.
//! 4. *Finish*: it becomes the active one, and the one before is retired.
//!
//! Parts and buckets are numbered, and a step that was done already answers again as it did: a caller who lost an
//! answer repeats the call.
//! A step's transactions are small, because requests wait behind them.

use std::sync::Arc;

use base::{Fault, Timestamp};
use db::Tx;
use kernel::spine::{Audit, Call, Idempotent, Price, Scope};
use kernel::{Command, Ctx, Ending, Kernel, Secrets};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::rows::{self, Prepared, Rejected};
use super::seal;
use super::store::{self, EndedMerge, Generation, State};

pub use super::rows::Rejection;

/// The bytes of a part, at most.
pub const PART_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Buckets of an import: one for each first byte of a MAC.
pub const BUCKETS: usize = 256;
const BUCKETS_END: i64 = 256;
/// An import that nobody touched for so long may be replaced by the next one.
const IDLE_SECONDS: i64 = 300;
/// Rows that one step of merging is meant to write.
const MERGE_ROWS: usize = 20_000;
/// What one transaction writes: requests wait for no more.
const INSERT_ROWS: usize = 500;
const STAGE_BYTES: usize = 128 * 1024;
const STAGE_BUCKETS: usize = 64;
/// Generations that a status shows.
const SHOWN_MAX: i64 = 20;

const fn command(name: &'static str, audit: Audit) -> Command {
    Command { name, scope: Scope::OperatorOnly, price: Price::Free, audit, idempotent: Idempotent::No }
}

pub const BEGIN: Command = command("citizen.registry.begin", Audit::Always);
/// Not audited row by row: what came of it is in the row of [`FINISH`].
pub const APPEND: Command = command("citizen.registry.append", Audit::Never);
pub const MERGE: Command = command("citizen.registry.merge", Audit::Never);
pub const FINISH: Command = command("citizen.registry.finish", Audit::Always);
pub const ABORT: Command = command("citizen.registry.abort", Audit::Always);

pub const COMMANDS: &[&Command] = &[&BEGIN, &APPEND, &MERGE, &FINISH, &ABORT];

/// An import as the operator sees it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportView {
    #[schema(example = 7)]
    pub import: i64,
    #[schema(example = "live")]
    pub environment: String,
    /// `loading`, `active` or `retired`.
    #[schema(example = "active")]
    pub state: String,
    /// The part that is to be sent next, from 0.
    pub next_part: i64,
    /// The bucket that is to be merged next.
    pub next_bucket: i64,
    pub buckets: i64,
    /// Rows that were right by themselves.
    pub accepted: i64,
    pub rejected: i64,
    /// Rows that were written.
    pub records: i64,
    pub begun_by: String,
    #[schema(value_type = String)]
    pub begun_at: Timestamp,
    #[schema(value_type = Option<String>)]
    pub activated_at: Option<Timestamp>,
    #[schema(value_type = Option<String>)]
    pub retired_at: Option<Timestamp>,
}

impl From<Generation> for ImportView {
    fn from(from: Generation) -> Self {
        Self {
            import: from.generation,
            environment: from.environment.name().to_owned(),
            state: from.state.name().to_owned(),
            next_part: from.next_part,
            next_bucket: from.next_bucket,
            buckets: BUCKETS_END,
            accepted: from.accepted,
            rejected: from.rejected,
            records: from.records,
            begun_by: from.begun_by,
            begun_at: from.begun_at,
            activated_at: from.activated_at,
            retired_at: from.retired_at,
        }
    }
}

/// What became of a part.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Appended {
    pub part: i64,
    pub next_part: i64,
    /// Rows of this part that were right by themselves.
    pub accepted: i64,
    pub rejected: Vec<Rejection>,
}

/// What became of a step of merging.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Merged {
    pub bucket: i64,
    /// As many as there are buckets: all are merged.
    pub next_bucket: i64,
    pub buckets: i64,
    /// Rows that this step wrote.
    pub records: i64,
    /// Rows whose number stands on an earlier line.
    pub rejected: Vec<Rejection>,
}

/// Starts an import into the environment of the call.
///
/// # Errors
/// A conflict while another one is under way; a database failure.
pub fn begin(tx: &mut Tx<'_>, ctx: &mut Ctx, secrets: &Arc<Secrets>) -> Result<Ending<ImportView>, Fault> {
    if let Some(other) = store::in_state(tx, ctx.environment, State::Loading)? {
        if other.touched_at.plus_seconds(IDLE_SECONDS) > ctx.now {
            return Err(under_way(&other));
        }
        store::retire(tx, &other, ctx.now)?;
    }
    let import = store::next_generation(tx)?;
    let key = seal::new_key(secrets, &ctx.random, import);
    store::begin(tx, import, ctx.environment, &key, &ctx.actor.id(), ctx.now)?;
    note(ctx, import, "begun".to_owned());
    Ok(Ending::Done(store::get(tx, import)?.into()))
}

fn under_way(other: &Generation) -> Fault {
    Fault::conflict(format!(
        "Import {0} into {1} is under way, begun by {2} at {3}. Wait for it, or give it up: attestry registry abort {0}",
        other.generation, other.environment, other.begun_by, other.begun_at
    ))
}

fn note(ctx: &mut Ctx, import: i64, note: String) {
    ctx.target(format!("registry {} import {import}", ctx.environment));
    ctx.note(note);
}

/// Takes one part: CSV without a header, `line,national_id,full_name,date_of_birth,status`.
///
/// # Errors
/// An import that is not there, is over or expects another part; rows that are no CSV; a database failure.
pub async fn append(
    kernel: &Kernel,
    call: Call,
    import: i64,
    part: i64,
    rows: impl AsRef<[u8]> + Send + 'static,
) -> Result<Appended, Fault> {
    let found = loading(kernel, import).await?;
    if let Some(reply) = repeated::<Appended>(&found, |reply| reply.part == part) {
        return Ok(reply);
    }
    if (part, 0) != (found.next_part, found.next_bucket) {
        return Err(out_of_step(&found));
    }
    let worker = kernel.clone();
    let prepared = off_the_reactor(move || {
        let key = seal::open_key(&worker.secrets, import, &found.sealed_key)?;
        let now = worker.clock.now().to_string();
        let today = now.get(..10).unwrap_or_default();
        rows::prepare(rows.as_ref(), import, &key, today, &worker.secrets, &worker.random)
    })
    .await?;
    let Prepared { staged, accepted, rejected } = prepared;
    let rejected_count = rejected.count();
    for (buckets, lines) in portions(staged) {
        let stage = Stage { import, part, buckets, lines };
        kernel.run(call.clone(), &APPEND, stage, stage_portion).await?;
    }
    let reply = Appended { part, next_part: part + 1, accepted, rejected: rejected.into_list() };
    let end = EndPart { import, reply, rejected_count };
    Ok(kernel.run(call, &APPEND, end, end_part).await?.value)
}

struct Stage {
    import: i64,
    part: i64,
    buckets: Vec<i64>,
    lines: Vec<Vec<u8>>,
}

/// Lines of several buckets for one transaction each.
fn portions(staged: Vec<(i64, Vec<u8>)>) -> Vec<(Vec<i64>, Vec<Vec<u8>>)> {
    let mut portions: Vec<(Vec<i64>, Vec<Vec<u8>>)> = Vec::new();
    let mut bytes = usize::MAX;
    for (bucket, lines) in staged {
        let is_full = portions.last().is_none_or(|(buckets, _)| buckets.len() >= STAGE_BUCKETS);
        if is_full || bytes + lines.len() > STAGE_BYTES {
            portions.push((Vec::new(), Vec::new()));
            bytes = 0;
        }
        bytes += lines.len();
        if let Some(portion) = portions.last_mut() {
            portion.0.push(bucket);
            portion.1.push(lines);
        }
    }
    portions
}

fn stage_portion(tx: &mut Tx<'_>, _: &mut Ctx, stage: &Stage) -> Result<Ending<()>, Fault> {
    ensure(store::lock(tx, stage.import, stage.part, 0)?)?;
    store::stage(tx, stage.import, stage.part, &stage.buckets, &stage.lines)?;
    Ok(Ending::Done(()))
}

struct EndPart {
    import: i64,
    reply: Appended,
    rejected_count: i64,
}

fn end_part(tx: &mut Tx<'_>, ctx: &mut Ctx, end: &EndPart) -> Result<Ending<Appended>, Fault> {
    let EndPart { import, reply, rejected_count } = end;
    ensure(store::lock(tx, *import, reply.part, 0)?)?;
    let text = serde_json::to_string(reply).map_err(Fault::internal)?;
    store::end_part(tx, *import, reply.accepted, *rejected_count, &text, ctx.now)?;
    Ok(Ending::Done(reply.clone()))
}

/// Writes the records of `bucket` and some after it.
///
/// # Errors
/// An import that is not there, is over or expects another bucket; a database failure.
pub async fn merge(kernel: &Kernel, call: Call, import: i64, bucket: i64) -> Result<Merged, Fault> {
    let found = loading(kernel, import).await?;
    if let Some(reply) = repeated::<Merged>(&found, |reply| reply.bucket == bucket) {
        return Ok(reply);
    }
    if bucket != found.next_bucket || bucket >= BUCKETS_END {
        return Err(out_of_step(&found));
    }
    let place = Place { import, part: found.next_part, bucket };
    let mut rejected = Rejected::default();
    let mut waiting = Vec::new();
    let mut records = 0;
    let mut until = bucket;
    while until < BUCKETS_END && records < MERGE_ROWS {
        let staged = kernel.db.read(move |tx| store::read_staged(tx, import, until)).await?;
        let (sorted, repeated) = off_the_reactor(move || sorted_records(&staged)).await?;
        repeated.into_iter().for_each(|line| rejected.add(line, "national_id stands on an earlier line"));
        records += sorted.len();
        waiting.extend(sorted);
        while waiting.len() >= INSERT_ROWS {
            insert(kernel, &call, place, waiting.drain(..INSERT_ROWS)).await?;
        }
        until += 1;
    }
    insert(kernel, &call, place, waiting.drain(..)).await?;
    let rejected_count = rejected.count();
    let records = i64::try_from(records).unwrap_or(i64::MAX);
    let reply =
        Merged { bucket, next_bucket: until, buckets: BUCKETS_END, records, rejected: rejected.into_list() };
    Ok(kernel.run(call, &MERGE, EndMerge { place, reply, rejected_count }, end_merge).await?.value)
}

/// Where an import must still stand when a step writes.
#[derive(Clone, Copy)]
struct Place {
    import: i64,
    part: i64,
    bucket: i64,
}

struct Insert {
    place: Place,
    macs: Vec<Vec<u8>>,
    sealed: Vec<Vec<u8>>,
}

/// The short MAC of a number, and its sealed record.
type Entry = (Vec<u8>, Vec<u8>);

/// The records of a bucket in their order, and the lines whose number stood on an earlier one.
fn sorted_records(staged: &[Vec<u8>]) -> Result<(Vec<Entry>, Vec<u64>), Fault> {
    let mut lines = rows::sorted(staged)?;
    let mut repeated = Vec::new();
    lines.dedup_by(|later, first| {
        let is_same = later.mac == first.mac;
        if is_same {
            repeated.push(later.line);
        }
        is_same
    });
    Ok((lines.iter().map(|line| (line.mac.to_vec(), line.sealed.to_vec())).collect(), repeated))
}

async fn insert(
    kernel: &Kernel,
    call: &Call,
    place: Place,
    records: impl Iterator<Item = Entry>,
) -> Result<(), Fault> {
    let (macs, sealed) = records.unzip();
    kernel.run(call.clone(), &MERGE, Insert { place, macs, sealed }, insert_portion).await?;
    Ok(())
}

fn insert_portion(tx: &mut Tx<'_>, _: &mut Ctx, insert: &Insert) -> Result<Ending<()>, Fault> {
    let Place { import, part, bucket } = insert.place;
    ensure(store::lock(tx, import, part, bucket)?)?;
    store::insert(tx, import, &insert.macs, &insert.sealed)?;
    Ok(Ending::Done(()))
}

struct EndMerge {
    place: Place,
    reply: Merged,
    rejected_count: i64,
}

fn end_merge(tx: &mut Tx<'_>, ctx: &mut Ctx, end: &EndMerge) -> Result<Ending<Merged>, Fault> {
    let Place { import, part, bucket } = end.place;
    ensure(store::lock(tx, import, part, bucket)?)?;
    let reply = serde_json::to_string(&end.reply).map_err(Fault::internal)?;
    let ended = EndedMerge {
        import,
        from: bucket,
        until: end.reply.next_bucket,
        records: end.reply.records,
        rejected: end.rejected_count,
        reply: &reply,
    };
    store::end_merge(tx, &ended, ctx.now)?;
    Ok(Ending::Done(end.reply.clone()))
}

/// Makes an import the active one of its environment; the one before is retired, and its key wiped.
///
/// # Errors
/// An import that is not there, is over, is not merged or has no record; a database failure.
pub fn finish(tx: &mut Tx<'_>, ctx: &mut Ctx, import: &i64) -> Result<Ending<ImportView>, Fault> {
    let found = store::get(tx, *import)?;
    if found.state == State::Active {
        return Ok(Ending::Done(found.into()));
    }
    ensure_loading(&found)?;
    if found.next_bucket < BUCKETS_END {
        return Err(out_of_step(&found));
    }
    if found.records == 0 {
        return Err(Fault::conflict(
            "No row of this import was right, and an empty registry would answer that nobody exists.",
        ));
    }
    ctx.environment = found.environment;
    let before = store::in_state(tx, found.environment, State::Active)?;
    ensure(store::lock(tx, *import, found.next_part, found.next_bucket)?)?;
    if let Some(before) = &before {
        store::retire(tx, before, ctx.now)?;
    }
    store::activate(tx, *import, ctx.now)?;
    note(ctx, *import, format!("{} records, {} lines rejected", found.records, found.rejected));
    Ok(Ending::Done(store::get(tx, *import)?.into()))
}

/// Gives an import up; the active one stays.
///
/// # Errors
/// An import that is not there or is the active one; a database failure.
pub fn abort(tx: &mut Tx<'_>, ctx: &mut Ctx, import: &i64) -> Result<Ending<ImportView>, Fault> {
    let found = store::get(tx, *import)?;
    ctx.environment = found.environment;
    match found.state {
        State::Loading => store::retire(tx, &found, ctx.now)?,
        State::Active => {
            return Err(Fault::conflict("This import is the active registry. Import another to replace it."));
        }
        State::Retired => {}
    }
    note(ctx, *import, "given up".to_owned());
    Ok(Ending::Done(store::get(tx, *import)?.into()))
}

/// The newest imports, newest first.
///
/// # Errors
/// A database failure.
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<ImportView>, Fault> {
    Ok(store::list(tx, SHOWN_MAX)?.into_iter().map(ImportView::from).collect())
}

async fn loading(kernel: &Kernel, import: i64) -> Result<Generation, Fault> {
    let found = kernel.db.read(move |tx| store::get(tx, import)).await?;
    ensure_loading(&found)?;
    Ok(found)
}

fn ensure_loading(found: &Generation) -> Result<(), Fault> {
    match found.state {
        State::Loading => Ok(()),
        State::Active => Err(Fault::conflict("This import is finished.")),
        State::Retired => Err(Fault::conflict("This import was given up or replaced. Begin another.")),
    }
}

/// What the last step answered, if it is the one that is asked for again.
fn repeated<T: DeserializeOwned>(found: &Generation, is_same: impl Fn(&T) -> bool) -> Option<T> {
    serde_json::from_str(&found.last_reply).ok().filter(is_same)
}

fn out_of_step(found: &Generation) -> Fault {
    let next = match found.next_bucket {
        0 => format!("part {}, or a merge from bucket 0", found.next_part),
        BUCKETS_END => "to be finished".to_owned(),
        bucket => format!("a merge from bucket {bucket}"),
    };
    Fault::conflict(format!("Import {} waits for {next}.", found.generation))
}

fn ensure(is_in_step: bool) -> Result<(), Fault> {
    if is_in_step {
        return Ok(());
    }
    Err(Fault::conflict(
        "Another call has moved this import on, or ended it. Only one caller may import at a time.",
    ))
}

async fn off_the_reactor<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.map_err(Fault::internal)?
}
