use base::id::{ProductId, TenantId};
use base::{Code, Environment, Fault, Timestamp};
use db::Tx;
use kernel::{Ctx, Ending};
use serde::{Deserialize, Serialize};

use crate::codes::model::{NewProduct, Product, ProductChange, ProductStatus};
use crate::codes::store::product as store;

/// A product as it is answered and saved.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CodesProduct)]
pub struct ProductView {
    #[schema(value_type = String, example = "prod_01k0example0000000000000000")]
    pub product_id: ProductId,
    #[schema(example = "Premium Cooking Oil 5L")]
    pub name: String,
    #[schema(example = "OIL-5L")]
    pub sku: Option<String>,
    /// Fourteen digits.
    #[schema(example = "09506000134352")]
    pub gtin: Option<String>,
    /// Of serial numbers, unless a batch says otherwise.
    #[schema(example = "EXP24")]
    pub default_prefix: String,
    /// ISO 3166-1 alpha-2. Empty: anywhere.
    #[schema(example = json!(["KE", "TZ"]))]
    pub expected_regions: Vec<String>,
    /// From the day on which a batch is minted.
    #[schema(example = 365)]
    pub sell_by_days: Option<i64>,
    /// What you tell shoppers, on the page of every code.
    #[schema(example = "Store in a cool, dry place.")]
    pub page_text: Option<String>,
    /// `data:image/png;base64,…`, or of JPEG or WebP.
    pub page_image: Option<String>,
    /// `active`, or `archived`: nothing new is minted for it.
    #[schema(example = "active")]
    pub status: String,
    #[schema(value_type = String, format = DateTime, example = "2026-05-02T10:14:00.000Z")]
    pub created_at: Timestamp,
    #[schema(value_type = String, format = DateTime, example = "2026-05-02T10:14:00.000Z")]
    pub updated_at: Timestamp,
}

impl From<Product> for ProductView {
    fn from(product: Product) -> Self {
        Self {
            product_id: product.product_id,
            name: product.name,
            sku: product.sku,
            gtin: product.gtin,
            default_prefix: product.prefix,
            expected_regions: product.regions.iter().map(|country| country.code().to_owned()).collect(),
            sell_by_days: product.sell_by_days,
            page_text: product.page_text,
            page_image: product.page_image,
            status: product.status.name().to_owned(),
            created_at: product.created_at,
            updated_at: product.updated_at,
        }
    }
}

/// The refusal of a product that is not there, or not the caller's.
#[must_use]
pub fn not_found() -> Fault {
    Fault::new(Code::NotFound, NOT_FOUND)
}

/// By which the published error is told from that of other things that are not there.
pub const NOT_FOUND: &str = "There is no such product. GET /api/v1/products lists yours.";

pub fn create(tx: &mut Tx<'_>, ctx: &mut Ctx, new: &NewProduct) -> Result<Ending<ProductView>, Fault> {
    let product = Product {
        product_id: new.product_id.unwrap_or_else(|| ProductId::new(ctx.now, ctx.random.id_bits())),
        environment: ctx.environment,
        name: new.name.clone(),
        sku: new.sku.clone(),
        gtin: new.gtin.clone(),
        prefix: new.prefix(),
        regions: new.regions.clone(),
        sell_by_days: new.sell_by_days,
        page_text: new.page_text.clone(),
        page_image: new.page_image.clone(),
        status: ProductStatus::Active,
        created_at: ctx.now,
        updated_at: ctx.now,
    };
    store::insert(tx, ctx, &product)?;
    ctx.target(product.product_id.text());
    Ok(Ending::Done(product.into()))
}

/// A change of one product.
#[derive(Clone, Debug)]
pub struct ChangeProduct {
    pub product_id: ProductId,
    pub change: ProductChange,
}

pub fn change(tx: &mut Tx<'_>, ctx: &mut Ctx, input: &ChangeProduct) -> Result<Ending<ProductView>, Fault> {
    let before = store::lock(tx, ctx, input.product_id)?.ok_or_else(not_found)?;
    let after = input.change.applied(&before, ctx.now);
    store::update(tx, ctx, &after)?;
    ctx.target(after.product_id.text());
    let text = |product: Product| serde_json::to_string(&ProductView::from(product)).map_err(Fault::internal);
    ctx.change(text(before)?, text(after.clone())?);
    Ok(Ending::Done(after.into()))
}

/// # Errors
/// Not found, which another tenant's or environment's product is too; a database failure.
pub fn read(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    product_id: ProductId,
) -> Result<Product, Fault> {
    store::find(tx, tenant_id, environment, product_id)?.ok_or_else(not_found)
}

/// Products after `after`, oldest first.
///
/// # Errors
/// A database failure.
pub fn list(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    status: Option<ProductStatus>,
    after: Option<ProductId>,
    limit: i64,
) -> Result<Vec<Product>, Fault> {
    store::list(tx, tenant_id, environment, status, after, limit)
}
