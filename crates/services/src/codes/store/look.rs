//! Everything that a verdict on a code is made of, in two statements: whose it is, and what its owner knows of it.

use base::id::{BatchId, TenantId};
use base::{Fault, Timestamp};
use db::{Tx, args};

use super::{batch, product};
use crate::codes::country::Country;
use crate::codes::model::Batch;
use crate::codes::risk::{Band, Condition};

const OWNER: &str =
    "SELECT tenant_id, batch_id FROM codes_range WHERE first_code <= ?1 ORDER BY first_code DESC LIMIT 1";
const FACTS: &str = "SELECT b.tenant_id, b.batch_id, b.product_id, b.environment, b.first_code, b.quantity, b.epoch, b.prefix, \
    b.first_number, b.address, b.expected_region, b.sell_by_at_us, b.rules, b.charged, b.created_at_us, b.ready_at_us, b.csv_sha256, \
    b.recalled_at_us, b.recall_reason, b.exported_at_us, b.cancelled_at_us, p.name AS product, p.gtin, p.regions, t.name AS org, e.closed_at_code, c.status, \
    s.band, s.scans, s.first_at_us, s.first_country \
    FROM codes_batch AS b JOIN codes_product AS p ON p.tenant_id = b.tenant_id AND p.product_id = b.product_id \
    AND p.environment = b.environment \
    JOIN tenant AS t ON t.tenant_id = b.tenant_id \
    LEFT JOIN codes_epoch AS e ON e.epoch = b.epoch AND e.environment = b.environment \
    LEFT JOIN codes_status AS c ON c.tenant_id = b.tenant_id AND c.last_code >= ?3 \
    AND c.first_code = (SELECT MAX(n.first_code) FROM codes_status AS n WHERE n.tenant_id = ?1 AND n.first_code <= ?3) \
    LEFT JOIN codes_state AS s ON s.tenant_id = b.tenant_id AND s.code = ?3 \
    WHERE b.tenant_id = ?1 AND b.batch_id = ?2";
const PAGE: &str = "SELECT page_text, page_image FROM codes_product WHERE tenant_id = ?1 AND product_id = ?2 AND environment = ?3";

pub(super) const STATEMENTS: &[&str] = &[OWNER, FACTS, PAGE];

/// What is known of a number and the batch that it is looked for in.
#[derive(Clone, Debug)]
pub(in crate::codes) struct Facts {
    pub(in crate::codes) batch: Batch,
    pub(in crate::codes) product: String,
    pub(in crate::codes) gtin: Option<String>,
    pub(in crate::codes) regions: Vec<Country>,
    pub(in crate::codes) org: String,
    pub(in crate::codes) closed_at_code: Option<i64>,
    /// Its own, whatever its batch is.
    pub(in crate::codes) condition: Condition,
    pub(in crate::codes) scanned: Option<Scanned>,
}

/// What its scans say of a code.
#[derive(Clone, Copy, Debug)]
pub(in crate::codes) struct Scanned {
    pub(in crate::codes) band: Band,
    pub(in crate::codes) scans: i64,
    pub(in crate::codes) first_at: Timestamp,
    pub(in crate::codes) first_country: Option<Country>,
}

/// Whose the range is that a number is or comes after. Nobody has to own the number itself.
pub(in crate::codes) fn owner(tx: &mut Tx<'_>, number: i64) -> Result<Option<(TenantId, BatchId)>, Fault> {
    Ok(tx.opt(OWNER, args![number], |row| Ok((row.id("tenant_id")?, row.id("batch_id")?)))?)
}

pub(in crate::codes) fn facts(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    batch_id: BatchId,
    number: i64,
) -> Result<Option<Facts>, Fault> {
    Ok(tx.opt(FACTS, args![tenant_id, batch_id, number], |row| {
        let scanned = match row.opt_int("band")? {
            None => None,
            Some(band) => Some(Scanned {
                band: Band::from_stored(band).ok_or_else(|| db::Error::corrupt("an unknown band"))?,
                scans: row.int("scans")?,
                first_at: row.timestamp("first_at_us")?,
                first_country: row.opt_str_ref("first_country")?.and_then(Country::parse),
            }),
        };
        let condition = match row.opt_str_ref("status")? {
            None => Condition::Active,
            Some(name) => Condition::parse(name).ok_or_else(|| db::Error::corrupt("an unknown status"))?,
        };
        Ok(Facts {
            batch: batch::batch(row)?,
            product: row.text("product")?,
            gtin: row.opt_text("gtin")?,
            regions: product::regions(row)?,
            org: row.text("org")?,
            closed_at_code: row.opt_int("closed_at_code")?,
            condition,
            scanned,
        })
    })?)
}

/// What the owner wants the page to say and show.
pub(in crate::codes) fn page(
    tx: &mut Tx<'_>,
    batch: &Batch,
) -> Result<(Option<String>, Option<String>), Fault> {
    Ok(tx.one(PAGE, args![batch.tenant_id, batch.product_id, batch.environment], |row| {
        Ok((row.opt_text("page_text")?, row.opt_text("page_image")?))
    })?)
}
