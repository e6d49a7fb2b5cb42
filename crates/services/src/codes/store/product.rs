use base::id::{ProductId, TenantId};
use base::{Environment, Fault};
use db::{Row, Tx, args};
use kernel::Ctx;

use crate::codes::country::Country;
use crate::codes::model::{Product, ProductStatus};

const INSERT: &str = "INSERT INTO codes_product (tenant_id, product_id, environment, name, sku, gtin, prefix, regions, sell_by_days, \
    page_text, page_image, status, created_at_us, updated_at_us) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
const FIND: &str = "SELECT product_id, environment, name, sku, gtin, prefix, regions, sell_by_days, page_text, page_image, status, \
    created_at_us, updated_at_us FROM codes_product WHERE tenant_id = ?1 AND product_id = ?2 AND environment = ?3";
const LOCK: &str = "SELECT product_id, environment, name, sku, gtin, prefix, regions, sell_by_days, page_text, page_image, status, \
    created_at_us, updated_at_us FROM codes_product WHERE tenant_id = ?1 AND product_id = ?2 AND environment = ?3 FOR UPDATE";
const LIST: &str = "SELECT product_id, environment, name, sku, gtin, prefix, regions, sell_by_days, page_text, page_image, status, \
    created_at_us, updated_at_us FROM codes_product WHERE tenant_id = ?1 AND environment = ?2 AND product_id > ?3 \
    AND (?4 = '' OR status = ?4) ORDER BY product_id LIMIT ?5";
const UPDATE: &str = "UPDATE codes_product SET name = ?3, sku = ?4, gtin = ?5, prefix = ?6, regions = ?7, sell_by_days = ?8, \
    page_text = ?9, page_image = ?10, status = ?11, updated_at_us = ?12 WHERE tenant_id = ?1 AND product_id = ?2 AND environment = ?13";

pub(super) const STATEMENTS: &[&str] = &[INSERT, FIND, LOCK, LIST, UPDATE];

pub(in crate::codes) fn insert(tx: &mut Tx<'_>, ctx: &Ctx, product: &Product) -> Result<(), Fault> {
    tx.exec(
        INSERT,
        args![
            ctx.tenant_id,
            product.product_id,
            product.environment,
            &product.name,
            &product.sku,
            &product.gtin,
            &product.prefix,
            regions_text(&product.regions),
            product.sell_by_days,
            &product.page_text,
            &product.page_image,
            product.status.name(),
            product.created_at,
            product.updated_at
        ],
    )?;
    Ok(())
}

pub(in crate::codes) fn find(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    product_id: ProductId,
) -> Result<Option<Product>, Fault> {
    Ok(tx.opt(FIND, args![tenant_id, product_id, environment], product)?)
}

/// The same, and nobody else changes it until the transaction ends.
pub(in crate::codes) fn lock(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    product_id: ProductId,
) -> Result<Option<Product>, Fault> {
    Ok(tx.opt(LOCK, args![ctx.tenant_id, product_id, ctx.environment], product)?)
}

/// Those after `after`, oldest first.
pub(in crate::codes) fn list(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    status: Option<ProductStatus>,
    after: Option<ProductId>,
    limit: i64,
) -> Result<Vec<Product>, Fault> {
    let after = after.unwrap_or(ProductId::from_bits(0));
    let status = status.map_or("", ProductStatus::name);
    Ok(tx.all(LIST, args![tenant_id, environment, after, status, limit], product)?)
}

pub(in crate::codes) fn update(tx: &mut Tx<'_>, ctx: &Ctx, product: &Product) -> Result<(), Fault> {
    tx.exec(
        UPDATE,
        args![
            ctx.tenant_id,
            product.product_id,
            &product.name,
            &product.sku,
            &product.gtin,
            &product.prefix,
            regions_text(&product.regions),
            product.sell_by_days,
            &product.page_text,
            &product.page_image,
            product.status.name(),
            product.updated_at,
            product.environment
        ],
    )?;
    Ok(())
}

/// Country codes with spaces between them.
fn regions_text(regions: &[Country]) -> String {
    regions.iter().map(|country| country.code()).collect::<Vec<_>>().join(" ")
}

pub(super) fn regions(row: &Row<'_>) -> Result<Vec<Country>, db::Error> {
    let codes = row.str_ref("regions")?.split_whitespace();
    let read = |code| Country::parse(code).ok_or_else(|| db::Error::corrupt("an unknown country"));
    codes.map(read).collect()
}

fn product(row: &Row<'_>) -> Result<Product, db::Error> {
    Ok(Product {
        product_id: row.id("product_id")?,
        environment: row.named("environment", Environment::parse)?,
        name: row.text("name")?,
        sku: row.opt_text("sku")?,
        gtin: row.opt_text("gtin")?,
        prefix: row.text("prefix")?,
        regions: regions(row)?,
        sell_by_days: row.opt_int("sell_by_days")?,
        page_text: row.opt_text("page_text")?,
        page_image: row.opt_text("page_image")?,
        status: row.named("status", ProductStatus::parse)?,
        created_at: row.timestamp("created_at_us")?,
        updated_at: row.timestamp("updated_at_us")?,
    })
}
