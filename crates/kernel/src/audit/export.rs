//! Rows with the proofs that they are in the log, page by page, so that a log of any length needs little memory.

use std::fmt;
use std::str::FromStr;

use base::id::TenantId;
use base::{Environment, Fault};
use db::Tx;
use seal::export::{End, Header, Line, Log, Proven, VERSION};

use super::log::{self, Head};
use super::row::{SealedRow, numbered, sealed_after};
use crate::Kernel;

/// Rows of one page: one read of the database.
pub const PAGE_ROWS: i64 = 500;

/// Which rows are exported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rows {
    /// Those of a tenant's environment behind a row number.
    Of { tenant_id: TenantId, environment: Environment, after: u64 },
    /// Those of all tenants: for the operator.
    All,
}

/// Where an export stands. All its proofs lead to the checkpoints that were the newest when it began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    /// The newest log, and its size, when the export began.
    newest: (i64, u64),
    /// The log and index, or for one tenant the row number, of the last row.
    log_number: i64,
    last: i64,
    rows: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, size) = self.newest;
        write!(f, "{number}.{size}.{}.{}.{}", self.log_number, self.last, self.rows)
    }
}

impl FromStr for Position {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let parts: Vec<i64> = text.split('.').map(str::parse).collect::<Result<_, _>>().map_err(|_| ())?;
        let &[newest, size, log_number, last, rows] = parts.as_slice() else { return Err(()) };
        let unsigned = |number| u64::try_from(number).map_err(|_| ());
        Ok(Self { newest: (newest, unsigned(size)?), log_number, last, rows: unsigned(rows)? })
    }
}

/// The first line, and where the rows begin.
///
/// # Errors
/// A database failure; Unavailable when nothing was sealed yet.
pub async fn begin(kernel: &Kernel, rows: Rows) -> Result<(String, Position), Fault> {
    let heads = kernel.db.read(log::heads).await?;
    let nothing = || Fault::unavailable("Nothing was sealed yet. Try again in a few seconds.").retry_after(5);
    let newest = heads.last().map(|head| (head.log_number, head.signed_size)).ok_or_else(nothing)?;
    // What was signed before this moment may not have been told to all its rows.
    log::mark_all(kernel).await?;
    let logs: Option<Vec<Log>> = heads.into_iter().map(log_of).collect();
    let (whose, after) = match rows {
        Rows::Of { tenant_id, environment, after } => (Some((tenant_id, environment)), after),
        Rows::All => (None, 0),
    };
    let header = Header {
        version: VERSION,
        tenant_id: whose.map(|(tenant_id, _)| tenant_id.text()),
        environment: whose.map(|(_, environment)| environment.name().to_owned()),
        after,
        logs: logs.ok_or_else(nothing)?,
    };
    let last = i64::try_from(after).map_err(Fault::internal)?;
    Ok((Line::Export(header).text(), Position { newest, log_number: 1, last, rows: 0 }))
}

fn log_of(head: Head) -> Option<Log> {
    Some(Log { origin: head.checkpoint.origin, checkpoint: head.note? })
}

/// The next lines, and where the ones after them begin; the last line comes with no position.
///
/// # Errors
/// A database failure; a part of the log that the database lacks.
pub async fn next(
    kernel: &Kernel,
    rows: Rows,
    position: Position,
) -> Result<(Vec<String>, Option<Position>), Fault> {
    let (mut lines, next) = kernel.db.read(move |tx| page(tx, rows, position)).await?;
    if next.1 {
        lines.push(Line::End(End { rows: next.0.rows }).text());
        return Ok((lines, None));
    }
    Ok((lines, Some(next.0)))
}

/// Lines, the position behind them, and whether they are the last.
fn page(tx: &mut Tx<'_>, rows: Rows, position: Position) -> Result<(Vec<String>, (Position, bool)), Fault> {
    let heads = log::heads(tx)?;
    let mut position = position;
    let found = match rows {
        Rows::Of { tenant_id, environment, .. } => {
            numbered(tx, tenant_id, environment.name(), position.last, PAGE_ROWS)?
        }
        // The first leaf of a log is its beginning, and no row.
        Rows::All => sealed_after(tx, position.log_number, position.last.max(0), PAGE_ROWS)?,
    };
    let is_full = i64::try_from(found.len()).is_ok_and(|length| length == PAGE_ROWS);
    let signed: Vec<SealedRow> =
        found.into_iter().take_while(|row| (row.log_number, row.log_index) < position.newest).collect();
    let mut lines = Vec::with_capacity(signed.len());
    for of_log in signed.chunk_by(|row, next| row.log_number == next.log_number) {
        prove(tx, &heads, position.newest, of_log, &mut lines)?;
    }
    position.rows += lines.len() as u64;
    let was_cut = i64::try_from(lines.len()).is_ok_and(|length| length < PAGE_ROWS);
    if let Some(row) = signed.last() {
        position.last = match rows {
            Rows::Of { .. } => i64::try_from(row.row.number).map_err(Fault::internal)?,
            Rows::All => i64::try_from(row.log_index).map_err(Fault::internal)?,
        };
    }
    if is_full && !was_cut {
        return Ok((lines, (position, false)));
    }
    let has_more = rows == Rows::All && position.log_number < position.newest.0;
    if has_more {
        position.log_number += 1;
        position.last = 0;
    }
    Ok((lines, (position, !has_more)))
}

fn prove(
    tx: &mut Tx<'_>,
    heads: &[Head],
    newest: (i64, u64),
    rows: &[SealedRow],
    lines: &mut Vec<String>,
) -> Result<(), Fault> {
    let Some(first) = rows.first() else { return Ok(()) };
    let unknown =
        || Fault::internal(format!("audit rows are in log {}, which is not there", first.log_number));
    let head = heads.iter().find(|head| head.log_number == first.log_number).ok_or_else(unknown)?;
    let size = if head.log_number == newest.0 { newest.1 } else { head.signed_size };
    let mut tree = log::tree(tx, head.log_number, size);
    for row in rows {
        if row.log_index >= size {
            return Err(Fault::internal(format!(
                "an audit row is at index {}, which was not signed",
                row.log_index
            )));
        }
        let proof = tree.inclusion(row.log_index)?;
        let proven = Proven::new(&head.checkpoint.origin, row.log_index, &row.row, &proof);
        lines.push(Line::Row(Box::new(proven)).text());
    }
    Ok(())
}
