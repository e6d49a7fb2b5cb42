//! The words of the service: products, batches, numbers of codes.

mod address;
mod batch;
mod number;
mod product;

pub use address::Address;
pub use batch::{Batch, BatchStatus, Mint, PREFIX_RULE, QUANTITY_MAX, REGION_LENGTH_MAX, is_prefix};
pub use number::CodeNumber;
pub use product::{
    IMAGE_LENGTH_MAX, NAME_LENGTH_MAX, NewProduct, PAGE_TEXT_LENGTH_MAX, Product, ProductChange,
    ProductStatus, REGIONS_MAX, SELL_BY_DAYS_MAX, SKU_LENGTH_MAX, gtin_14, is_image,
};
