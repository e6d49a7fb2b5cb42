use base::Fault;
use base::id::{BatchId, TenantId};
use db::{Row, Tx, args};
use kernel::Ctx;

use crate::codes::country::Country;
use crate::codes::model::CodeNumber;
use crate::codes::risk::{Band, Known, Reasons, Trail};

/// The row that a code gets with its first scan, so that there is one to lock.
const OPEN: &str = "INSERT INTO codes_state (tenant_id, code, band, reasons, scans, sessions, first_at_us, first_country, trail) \
    VALUES (?1, ?2, 0, 0, 0, 0, ?3, ?4, ?5) ON CONFLICT (tenant_id, code) DO NOTHING";
const LOCK: &str = "SELECT band, reasons, scans, sessions, trail FROM codes_state WHERE tenant_id = ?1 AND code = ?2 FOR UPDATE";
const SAVE: &str = "UPDATE codes_state SET band = ?3, reasons = ?4, scans = ?5, sessions = ?6, trail = ?7 WHERE tenant_id = ?1 AND code = ?2";
const CLEAR: &str = "UPDATE codes_state SET band = 0, reasons = 0, trail = ?4 WHERE tenant_id = ?1 AND code >= ?2 AND code <= ?3 AND band > 0";
const RED_AROUND: &str = "SELECT COUNT(*) AS codes FROM codes_state WHERE tenant_id = ?1 AND code >= ?2 AND code <= ?3 AND code <> ?4 \
    AND band > 0 AND band = 2";
const AT_RISK: &str = "SELECT band, COUNT(*) AS codes FROM codes_state WHERE tenant_id = ?1 AND code >= ?2 AND code <= ?3 AND band > 0 \
    GROUP BY band ORDER BY band";
const COUNT_IN: &str = "INSERT INTO codes_batch_scan (tenant_id, batch_id, scanned_codes, sessions) VALUES (?1, ?2, ?3, ?4) \
    ON CONFLICT (tenant_id, batch_id) DO UPDATE SET scanned_codes = codes_batch_scan.scanned_codes + excluded.scanned_codes, \
    sessions = codes_batch_scan.sessions + excluded.sessions";
const COUNTED: &str =
    "SELECT scanned_codes, sessions FROM codes_batch_scan WHERE tenant_id = ?1 AND batch_id = ?2";

pub(super) const STATEMENTS: &[&str] = &[OPEN, LOCK, SAVE, CLEAR, RED_AROUND, AT_RISK, COUNT_IN, COUNTED];

/// What is known of a code, which nobody else scans until the transaction ends. A code that was never scanned was
/// scanned first now, in `country`.
pub(in crate::codes) fn lock(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    code: CodeNumber,
    country: Option<Country>,
) -> Result<Known, Fault> {
    let empty = Trail::default().to_bytes();
    tx.exec(OPEN, args![ctx.tenant_id, code.stored(), ctx.now, country.map(Country::code), empty])?;
    Ok(tx.one(LOCK, args![ctx.tenant_id, code.stored()], known)?)
}

pub(in crate::codes) fn save(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    code: CodeNumber,
    known: &Known,
) -> Result<(), Fault> {
    let (band, reasons, trail) = (known.band.stored(), known.reasons.stored(), known.trail.to_bytes());
    let (scans, sessions) = (i64::from(known.scans), i64::from(known.sessions));
    tx.exec(SAVE, args![ctx.tenant_id, code.stored(), band, reasons, scans, sessions, trail])?;
    Ok(())
}

/// Forgets what made codes suspicious. Says how many were.
pub(in crate::codes) fn clear(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    (first, last): (CodeNumber, CodeNumber),
) -> Result<u64, Fault> {
    let empty = Trail::default().to_bytes();
    Ok(tx.exec(CLEAR, args![ctx.tenant_id, first.stored(), last.stored(), empty])?)
}

/// How many codes of a range are in the band red, `code` itself not counted.
pub(in crate::codes) fn red_around(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    (first, last): (CodeNumber, CodeNumber),
    code: CodeNumber,
) -> Result<i64, Fault> {
    let args = args![tenant_id, first.stored(), last.stored(), code.stored()];
    Ok(tx.one(RED_AROUND, args, |row| row.int("codes"))?)
}

/// How many codes of a range are in the bands amber and red.
pub(in crate::codes) fn at_risk(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    (first, last): (CodeNumber, CodeNumber),
) -> Result<(i64, i64), Fault> {
    let bands = tx.all(AT_RISK, args![tenant_id, first.stored(), last.stored()], |row| {
        Ok((row.int("band")?, row.int("codes")?))
    })?;
    let of =
        |band: Band| bands.iter().find(|(stored, _)| *stored == band.stored()).map_or(0, |(_, codes)| *codes);
    Ok((of(Band::Amber), of(Band::Red)))
}

/// Adds to how often the codes of a batch are scanned.
pub(in crate::codes) fn count_in(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    batch_id: BatchId,
    (codes, sessions): (i64, i64),
) -> Result<(), Fault> {
    tx.exec(COUNT_IN, args![ctx.tenant_id, batch_id, codes, sessions])?;
    Ok(())
}

/// How many codes of a batch were scanned, and in how many sessions.
pub(in crate::codes) fn counted(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    batch_id: BatchId,
) -> Result<(i64, i64), Fault> {
    let found = tx.opt(COUNTED, args![tenant_id, batch_id], |row| {
        Ok((row.int("scanned_codes")?, row.int("sessions")?))
    })?;
    Ok(found.unwrap_or_default())
}

fn known(row: &Row<'_>) -> Result<Known, db::Error> {
    let count = |column| row.int(column).and_then(|count| u32::try_from(count).map_err(db::Error::corrupt));
    Ok(Known {
        band: Band::from_stored(row.int("band")?).ok_or_else(|| db::Error::corrupt("an unknown band"))?,
        reasons: Reasons::from_stored(row.int("reasons")?)
            .ok_or_else(|| db::Error::corrupt("unknown reasons"))?,
        scans: count("scans")?,
        sessions: count("sessions")?,
        trail: Trail::from_bytes(&row.bytes("trail")?).map_err(db::Error::corrupt)?,
    })
}
