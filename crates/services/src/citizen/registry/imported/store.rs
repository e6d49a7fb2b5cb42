use base::{Environment, Fault, Timestamp};
use db::{Engine, Row, Tx, args};

use super::seal::ShortMac;

const FIND: &str = "SELECT registry_generation.generation, registry_generation.sealed_key, registry_record.sealed \
    FROM registry_generation LEFT JOIN registry_record ON registry_record.generation = registry_generation.generation \
    AND registry_record.mac = ?2 WHERE registry_generation.environment = ?1 AND registry_generation.state = 'active'";
const NEWEST: &str = "SELECT CAST(COALESCE(MAX(generation), 0) AS BIGINT) FROM registry_generation";
const LIST: &str = "SELECT generation, environment, state, sealed_key, next_part, next_bucket, accepted, rejected, records, last_reply, \
    begun_by, begun_at_us, touched_at_us, activated_at_us, retired_at_us FROM registry_generation ORDER BY generation DESC LIMIT ?1";
const GET: &str = "SELECT generation, environment, state, sealed_key, next_part, next_bucket, accepted, rejected, records, last_reply, \
    begun_by, begun_at_us, touched_at_us, activated_at_us, retired_at_us FROM registry_generation WHERE generation = ?1";
const GET_IN_STATE: &str = "SELECT generation, environment, state, sealed_key, next_part, next_bucket, accepted, rejected, records, \
    last_reply, begun_by, begun_at_us, touched_at_us, activated_at_us, retired_at_us FROM registry_generation \
    WHERE environment = ?1 AND state = ?2 FOR UPDATE";
const BEGIN: &str = "INSERT INTO registry_generation (generation, environment, state, sealed_key, next_part, next_bucket, accepted, \
    rejected, records, last_reply, begun_by, begun_at_us, touched_at_us) VALUES (?1, ?2, 'loading', ?3, 0, 0, 0, 0, 0, '', ?4, ?5, ?5)";
/// Waits for whoever changes the import, and says whether it still stands where the caller believes it to be.
const LOCK: &str = "SELECT generation FROM registry_generation WHERE generation = ?1 AND state = 'loading' AND next_part = ?2 \
    AND next_bucket = ?3 FOR UPDATE";
const END_PART: &str = "UPDATE registry_generation SET next_part = next_part + 1, accepted = accepted + ?2, rejected = rejected + ?3, \
    last_reply = ?4, touched_at_us = ?5 WHERE generation = ?1";
const END_MERGE: &str = "UPDATE registry_generation SET next_bucket = ?2, records = records + ?3, rejected = rejected + ?4, \
    last_reply = ?5, touched_at_us = ?6 WHERE generation = ?1";
const ACTIVATE: &str = "UPDATE registry_generation SET state = 'active', last_reply = '', activated_at_us = ?2 WHERE generation = ?1";
/// Of the same length as the key was, so that it is overwritten where it stood.
const RETIRE: &str = "UPDATE registry_generation SET state = 'retired', sealed_key = ?2, last_reply = '', retired_at_us = ?3 \
    WHERE generation = ?1 AND state <> 'retired'";
const READ_STAGED: &str =
    "SELECT lines FROM registry_staged WHERE generation = ?1 AND bucket = ?2 ORDER BY part";
const FORGET_STAGED: &str =
    "DELETE FROM registry_staged WHERE generation = ?1 AND bucket >= ?2 AND bucket < ?3";

const STAGE_ONE: &str = "INSERT INTO registry_staged (generation, bucket, part, lines) VALUES (?1, ?2, ?3, ?4) \
    ON CONFLICT (generation, bucket, part) DO UPDATE SET lines = excluded.lines";
const INSERT_ONE: &str = "INSERT INTO registry_record (generation, mac, sealed) VALUES (?1, ?2, ?3) \
    ON CONFLICT (generation, mac) DO NOTHING";
const STAGE_ALL: &str = "INSERT INTO registry_staged (generation, bucket, part, lines) \
    SELECT ?1, sent.bucket, ?3, sent.lines FROM unnest(?2::bigint[], ?4::bytea[]) AS sent (bucket, lines) \
    ON CONFLICT (generation, bucket, part) DO UPDATE SET lines = excluded.lines";
const INSERT_ALL: &str = "INSERT INTO registry_record (generation, mac, sealed) \
    SELECT ?1, made.mac, made.sealed FROM unnest(?2::bytea[], ?3::bytea[]) AS made (mac, sealed) \
    ON CONFLICT (generation, mac) DO NOTHING";

const UNSWEPT: &str = "SELECT generation FROM registry_generation WHERE state = 'retired' AND swept_at_us IS NULL ORDER BY generation LIMIT 100";
const STALE: &str = "SELECT generation FROM registry_generation WHERE state = 'loading' AND touched_at_us < ?1 ORDER BY generation LIMIT 100";
/// Only while nobody touched it since it was looked at.
const RETIRE_STALE: &str = "UPDATE registry_generation SET state = 'retired', sealed_key = ?2, last_reply = '', retired_at_us = ?3 \
    WHERE generation = ?1 AND state = 'loading' AND touched_at_us < ?4";
const SWEEP_RECORDS: &str = "DELETE FROM registry_record WHERE generation = ?1 AND mac IN \
    (SELECT mac FROM registry_record WHERE generation = ?1 ORDER BY mac LIMIT ?2)";
const SWEEP_STAGED: &str = "DELETE FROM registry_staged WHERE generation = ?1 AND bucket <= (SELECT MIN(bucket) FROM registry_staged \
    WHERE generation = ?1)";
const END_SWEEP: &str = "UPDATE registry_generation SET swept_at_us = ?2 WHERE generation = ?1";

/// Prepared on both engines.
pub const STATEMENTS: &[&str] = &[
    FIND,
    NEWEST,
    LIST,
    GET,
    GET_IN_STATE,
    BEGIN,
    LOCK,
    END_PART,
    END_MERGE,
    ACTIVATE,
    RETIRE,
    READ_STAGED,
    FORGET_STAGED,
    STAGE_ONE,
    INSERT_ONE,
    UNSWEPT,
    STALE,
    RETIRE_STALE,
    SWEEP_RECORDS,
    SWEEP_STAGED,
    END_SWEEP,
];
/// Prepared on PostgreSQL alone.
pub const POSTGRES_STATEMENTS: &[&str] = &[STAGE_ALL, INSERT_ALL];

/// A look-up that met a registry.
pub(super) struct Hit {
    pub(super) generation: i64,
    pub(super) sealed_key: Vec<u8>,
    pub(super) sealed_record: Option<Vec<u8>>,
}

/// `None` when the environment has no active registry.
pub(super) fn find(tx: &mut Tx<'_>, environment: Environment, mac: &ShortMac) -> Result<Option<Hit>, Fault> {
    Ok(tx.opt(FIND, args![environment, mac], |row| {
        Ok(Hit { generation: row.int(0)?, sealed_key: row.bytes(1)?, sealed_record: row.opt_bytes(2)? })
    })?)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    Loading,
    Active,
    Retired,
}

impl State {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::Active => "active",
            Self::Retired => "retired",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Loading, Self::Active, Self::Retired].into_iter().find(|state| state.name() == text)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Generation {
    pub(super) generation: i64,
    pub(super) environment: Environment,
    pub(super) state: State,
    pub(super) sealed_key: Vec<u8>,
    pub(super) next_part: i64,
    pub(super) next_bucket: i64,
    pub(super) accepted: i64,
    pub(super) rejected: i64,
    pub(super) records: i64,
    /// What the last step answered, for a caller who did not hear it.
    pub(super) last_reply: String,
    pub(super) begun_by: String,
    pub(super) begun_at: Timestamp,
    pub(super) touched_at: Timestamp,
    pub(super) activated_at: Option<Timestamp>,
    pub(super) retired_at: Option<Timestamp>,
}

fn generation(row: &Row<'_>) -> Result<Generation, db::Error> {
    Ok(Generation {
        generation: row.int(0)?,
        environment: row.named(1, Environment::parse)?,
        state: row.named(2, State::parse)?,
        sealed_key: row.bytes(3)?,
        next_part: row.int(4)?,
        next_bucket: row.int(5)?,
        accepted: row.int(6)?,
        rejected: row.int(7)?,
        records: row.int(8)?,
        last_reply: row.text(9)?,
        begun_by: row.text(10)?,
        begun_at: row.timestamp(11)?,
        touched_at: row.timestamp(12)?,
        activated_at: row.opt_timestamp(13)?,
        retired_at: row.opt_timestamp(14)?,
    })
}

/// Newest first.
pub(super) fn list(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<Generation>, Fault> {
    Ok(tx.all(LIST, args![limit], generation)?)
}

pub(super) fn get(tx: &mut Tx<'_>, import: i64) -> Result<Generation, Fault> {
    tx.opt(GET, args![import], generation)?.ok_or_else(|| Fault::not_found("import"))
}

/// The one that loads, or is active, locked.
pub(super) fn in_state(
    tx: &mut Tx<'_>,
    environment: Environment,
    state: State,
) -> Result<Option<Generation>, Fault> {
    Ok(tx.opt(GET_IN_STATE, args![environment, state.name()], generation)?)
}

pub(super) fn next_generation(tx: &mut Tx<'_>) -> Result<i64, Fault> {
    Ok(tx.one(NEWEST, args![], |row| row.int(0))? + 1)
}

pub(super) fn begin(
    tx: &mut Tx<'_>,
    import: i64,
    environment: Environment,
    sealed_key: &[u8],
    begun_by: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    match tx.exec(BEGIN, args![import, environment, sealed_key, begun_by, now]) {
        Ok(_) => Ok(()),
        Err(error)
            if error.is_constraint("registry_generation_loading")
                || error.is_constraint("registry_generation_pkey") =>
        {
            Err(Fault::conflict(
                "Another import began at this very moment. Look at `attestry registry status`.",
            ))
        }
        Err(error) => Err(error.into()),
    }
}

/// Locks an import that loads. `false`: another step has moved it on meanwhile.
pub(super) fn lock(tx: &mut Tx<'_>, import: i64, part: i64, bucket: i64) -> Result<bool, Fault> {
    Ok(tx.opt(LOCK, args![import, part, bucket], |_| Ok(()))?.is_some())
}

pub(super) fn end_part(
    tx: &mut Tx<'_>,
    import: i64,
    accepted: i64,
    rejected: i64,
    reply: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    tx.exec(END_PART, args![import, accepted, rejected, reply, now])?;
    Ok(())
}

/// Ends the merge of the buckets from `from` until `until`.
pub(super) fn end_merge(tx: &mut Tx<'_>, merge: &EndedMerge<'_>, now: Timestamp) -> Result<(), Fault> {
    let EndedMerge { import, from, until, records, rejected, reply } = *merge;
    tx.exec(FORGET_STAGED, args![import, from, until])?;
    tx.exec(END_MERGE, args![import, until, records, rejected, reply, now])?;
    Ok(())
}

#[derive(Clone, Copy)]
pub(super) struct EndedMerge<'a> {
    pub(super) import: i64,
    pub(super) from: i64,
    pub(super) until: i64,
    pub(super) records: i64,
    pub(super) rejected: i64,
    pub(super) reply: &'a str,
}

pub(super) fn activate(tx: &mut Tx<'_>, import: i64, now: Timestamp) -> Result<(), Fault> {
    tx.exec(ACTIVATE, args![import, now])?;
    Ok(())
}

/// Wipes the key: from now on the rows are noise.
pub(super) fn retire(tx: &mut Tx<'_>, generation: &Generation, now: Timestamp) -> Result<(), Fault> {
    let wiped = vec![0; generation.sealed_key.len()];
    tx.exec(RETIRE, args![generation.generation, wiped, now])?;
    Ok(())
}

pub(super) fn read_staged(tx: &mut Tx<'_>, import: i64, bucket: i64) -> Result<Vec<Vec<u8>>, Fault> {
    Ok(tx.all(READ_STAGED, args![import, bucket], |row| row.bytes(0))?)
}

/// Stages the lines of several buckets, in step with `buckets`; those of a part that is sent again replace the first.
pub(super) fn stage(
    tx: &mut Tx<'_>,
    import: i64,
    part: i64,
    buckets: &[i64],
    lines: &[Vec<u8>],
) -> Result<(), Fault> {
    if tx.engine() == Engine::Postgres {
        tx.exec(STAGE_ALL, args![import, buckets, part, lines])?;
        return Ok(());
    }
    for (bucket, lines) in buckets.iter().zip(lines) {
        tx.exec(STAGE_ONE, args![import, bucket, part, lines])?;
    }
    Ok(())
}

/// Writes records, `macs` and `sealed` in step; those that a broken off step wrote already stay.
pub(super) fn insert(
    tx: &mut Tx<'_>,
    import: i64,
    macs: &[Vec<u8>],
    sealed: &[Vec<u8>],
) -> Result<(), Fault> {
    if tx.engine() == Engine::Postgres {
        tx.exec(INSERT_ALL, args![import, macs, sealed])?;
        return Ok(());
    }
    for (mac, sealed) in macs.iter().zip(sealed) {
        tx.exec(INSERT_ONE, args![import, mac, sealed])?;
    }
    Ok(())
}

/// Retired generations whose rows are still there, oldest first.
pub(super) fn unswept(tx: &mut Tx<'_>) -> Result<Vec<i64>, Fault> {
    Ok(tx.all(UNSWEPT, args![], |row| row.int(0))?)
}

/// Imports that nobody touched since `before`.
pub(super) fn stale(tx: &mut Tx<'_>, before: Timestamp) -> Result<Vec<i64>, Fault> {
    Ok(tx.all(STALE, args![before], |row| row.int(0))?)
}

pub(super) fn retire_stale(
    tx: &mut Tx<'_>,
    import: i64,
    before: Timestamp,
    now: Timestamp,
) -> Result<(), Fault> {
    let wiped = vec![0; get(tx, import)?.sealed_key.len()];
    tx.exec(RETIRE_STALE, args![import, wiped, now, before])?;
    Ok(())
}

/// Deletes some of a retired generation's rows; how many went.
pub(super) fn sweep(tx: &mut Tx<'_>, generation: i64, limit: i64) -> Result<u64, Fault> {
    let staged = tx.exec(SWEEP_STAGED, args![generation])?;
    if staged > 0 {
        return Ok(staged);
    }
    Ok(tx.exec(SWEEP_RECORDS, args![generation, limit])?)
}

pub(super) fn end_sweep(tx: &mut Tx<'_>, generation: i64, now: Timestamp) -> Result<(), Fault> {
    tx.exec(END_SWEEP, args![generation, now])?;
    Ok(())
}
