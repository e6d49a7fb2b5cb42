//! The log that anyone can check: gap-free, whatever commits when and whoever dies where.

mod begins;
mod changed;
mod cuts;
mod sealers;

use std::collections::BTreeMap;
use std::sync::Arc;

use base::Fault;
use base::id::{AuditId, RequestId, TenantId};
use db::{Tx, args};
use kernel::Kernel;
use kernel::audit::{self, SealedRow, log};
use seal::checkpoint::Checkpoint;
use seal::merkle::{is_consistent, is_included, leaf_hash};
use seal::note;

use crate::fixture::World;

/// As binaries of before the log wrote it: without a salt.
const OLD_ROW: &str = "INSERT INTO audit (tenant_id, audit_id, environment, actor_type, actor_id, action, target, outcome, request_id, before_hash, after_hash, note, at_us) \
    VALUES (?1, ?2, ?3, 'operator', 'olga', 'test.old', 'a target', 'done', ?4, NULL, NULL, ?5, ?6)";
const ROWS: &str = "SELECT CAST(COUNT(*) AS BIGINT) FROM audit";
const SEALED: &str = "SELECT CAST(COUNT(*) AS BIGINT) FROM audit WHERE log_index IS NOT NULL";

/// Writes a row of this tenant, as [`OLD_ROW`].
fn write_old(
    tx: &mut Tx<'_>,
    kernel: &Kernel,
    tenant_id: TenantId,
    environment: &str,
) -> Result<AuditId, Fault> {
    let now = kernel.clock.now();
    let audit_id = AuditId::new(now, kernel.random.id_bits());
    let request_id = RequestId::new(now, kernel.random.id_bits());
    tx.exec(OLD_ROW, args![tenant_id, audit_id, environment, request_id, "a note", now])?;
    Ok(audit_id)
}

async fn add_old(kernel: &Kernel, tenant_id: TenantId, count: usize) -> Vec<AuditId> {
    let own = kernel.clone();
    let write = move |tx: &mut Tx<'_>| {
        (0..count).map(|_| write_old(tx, &own, tenant_id, "test")).collect::<Result<Vec<_>, _>>()
    };
    kernel.db.write(tenant_id, write).await.unwrap()
}

async fn seal_all(kernel: &Kernel) -> usize {
    let (mut rows, mut after) = (0, String::new());
    loop {
        let sealed = log::round(kernel, &after, |_| async { Ok(()) }).await.unwrap();
        if sealed.rows == 0 && !kernel.db.read(log::is_due).await.unwrap() {
            return rows;
        }
        rows += sealed.rows;
        after = sealed.next_after;
    }
}

async fn begin(kernel: &Kernel) -> Checkpoint {
    log::begin(kernel, log::Beside::NotKept).await.unwrap().checkpoint
}

async fn start_anew(world: &World, reason: &'static str) -> log::Head {
    let head = world.write(move |tx, ctx| log::begin_anew(tx, ctx, reason)).await.unwrap();
    log::sign(&world.kernel, &head.checkpoint).await.unwrap();
    world.read(log::head).await.unwrap()
}

/// The checkpoint that is public, opened with the public key.
async fn published(kernel: &Kernel) -> Checkpoint {
    let head = kernel.db.read(log::head).await.unwrap().unwrap();
    let key = log::verifier_keys(&kernel.secrets, &head.checkpoint.origin).next().unwrap();
    Checkpoint::parse(note::open(&head.note.unwrap(), &key).unwrap()).unwrap()
}

/// The rows of the newest log in their order.
async fn rows(kernel: &Kernel) -> Vec<SealedRow> {
    let read = |tx: &mut Tx<'_>| {
        let number = log::head(tx)?.unwrap().log_number;
        audit::sealed_after(tx, number, -1, 1_000_000)
    };
    kernel.db.read(read).await.unwrap()
}

/// That every row has one place, that the places have no gaps, and that the public checkpoint proves every row.
async fn assert_whole(kernel: &Kernel) -> Checkpoint {
    let checkpoint = published(kernel).await;
    let rows = rows(kernel).await;
    let indices: Vec<u64> = rows.iter().map(|row| row.log_index).collect();
    assert_eq!(
        indices,
        (1..checkpoint.size).collect::<Vec<_>>(),
        "places without gaps, behind the beginning"
    );
    let mut numbers: BTreeMap<(String, String), Vec<u64>> = BTreeMap::new();
    for row in &rows {
        numbers
            .entry((row.row.tenant_id.clone(), row.row.environment.clone()))
            .or_default()
            .push(row.row.number);
    }
    for (whose, numbers) in numbers {
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "{whose:?}");
    }
    for row in rows {
        assert!(is_proven(kernel, &row, &checkpoint).await, "{row:?}");
    }
    let (all, sealed) = kernel
        .db
        .read(|tx| Ok((tx.one(ROWS, args![], |row| row.int(0))?, tx.one(SEALED, args![], |row| row.int(0))?)))
        .await
        .unwrap();
    assert_eq!(all, sealed, "every row is sealed");
    checkpoint
}

async fn is_proven(kernel: &Kernel, row: &SealedRow, checkpoint: &Checkpoint) -> bool {
    let (number, index, size) = (row.log_number, row.log_index, checkpoint.size);
    let prove = move |tx: &mut Tx<'_>| Ok(log::tree(tx, number, size).inclusion(index)?);
    let proof = kernel.db.read(prove).await.unwrap();
    is_included(&leaf_hash(&row.row.entry()), index, size, &proof, &checkpoint.root)
}

/// That a log with the first checkpoint can have become the one of the second.
async fn assert_grew(kernel: &Kernel, first: &Checkpoint, second: &Checkpoint) {
    assert_eq!(first.origin, second.origin);
    let (from, to) = (first.size, second.size);
    let prove = move |tx: &mut Tx<'_>| {
        let number = log::head(tx)?.unwrap().log_number;
        Ok(log::tree(tx, number, to).consistency(from)?)
    };
    let proof = kernel.db.read(prove).await.unwrap();
    assert!(is_consistent((from, &first.root), (to, &second.root), &proof), "{first:?} and {second:?}");
}
