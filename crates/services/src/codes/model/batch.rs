use std::sync::Arc;

use base::id::{BatchId, ProductId, TenantId};
use base::{Environment, Fault, Timestamp};
use seal::labels::Run;
use serde::{Deserialize, Serialize};

use super::{CodeNumber, Product};
use crate::codes::country::Country;
use crate::codes::keys::TokenKeys;

pub const QUANTITY_MAX: i64 = 10_000_000;
pub const REGION_LENGTH_MAX: usize = 100;
/// What a prefix of serial numbers must be, as a caller is told.
pub const PREFIX_RULE: &str = "must be 1 to 20 letters, digits, dots, underscores and dashes";

/// What is asked for when codes are minted.
#[derive(Clone, Debug)]
pub struct Mint {
    pub product_id: ProductId,
    pub quantity: i64,
    pub prefix: Option<String>,
    pub expected_region: Option<String>,
    /// Of the token's page, as it is printed: `https://host/v/`.
    pub address: String,
    pub keys: Arc<TokenKeys>,
}

/// Codes that were minted together: a range of numbers.
#[derive(Clone, Debug)]
pub struct Batch {
    pub tenant_id: TenantId,
    pub batch_id: BatchId,
    pub product_id: ProductId,
    pub environment: Environment,
    pub first: CodeNumber,
    pub quantity: i64,
    pub epoch: u8,
    pub prefix: String,
    pub first_number: i64,
    pub address: String,
    pub expected_region: Option<String>,
    pub sell_by_at: Option<Timestamp>,
    /// Settings of the risk rules, as JSON.
    pub rules: Option<String>,
    pub charged: i64,
    pub created_at: Timestamp,
    pub ready_at: Option<Timestamp>,
    pub csv_sha256: Option<Vec<u8>>,
    pub recalled_at: Option<Timestamp>,
    pub recall_reason: Option<String>,
    /// When somebody first got codes of it.
    pub exported_at: Option<Timestamp>,
    pub cancelled_at: Option<Timestamp>,
}

/// How a batch is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(rename_all = "lowercase")]
pub enum BatchStatus {
    /// Minted and charged; the digest of its export is still being made.
    Queued,
    Ready,
    Recalled,
    /// Given back before anybody got a code of it: there are none, and they cost nothing.
    Cancelled,
}

impl Batch {
    #[must_use]
    pub fn status(&self) -> BatchStatus {
        match (self.cancelled_at, self.recalled_at, self.ready_at) {
            (Some(_), _, _) => BatchStatus::Cancelled,
            (None, Some(_), _) => BatchStatus::Recalled,
            (None, None, Some(_)) => BatchStatus::Ready,
            (None, None, None) => BatchStatus::Queued,
        }
    }

    #[must_use]
    pub const fn last(&self) -> CodeNumber {
        self.first.plus(self.quantity - 1)
    }

    #[must_use]
    pub fn holds(&self, number: CodeNumber) -> bool {
        (self.first..=self.last()).contains(&number)
    }

    #[must_use]
    pub fn serial(&self, number: CodeNumber) -> String {
        seal::labels::serial(&self.prefix, (self.first_number + number.since(self.first)).cast_unsigned())
    }

    /// The codes themselves, from the `from`th to the `to`th, counted from 1.
    ///
    /// # Errors
    /// An epoch that this process lacks.
    pub fn run(&self, keys: &TokenKeys, from: i64, to: i64) -> Result<Run, Fault> {
        Ok(Run {
            key: Arc::clone(keys.key(self.environment, self.epoch)?),
            first_ordinal: self.first.plus(from - 1).ordinal(),
            prefix: self.prefix.clone(),
            first_number: (self.first_number + from - 1).cast_unsigned(),
            quantity: (to - from + 1).cast_unsigned(),
            page_address: self.address.clone(),
        })
    }

    /// Where its items are meant to be: what the batch says, if that is a country, or nowhere in particular; without a
    /// word of its own what the product says.
    #[must_use]
    pub fn expected(&self, product_regions: &[Country]) -> Vec<Country> {
        match &self.expected_region {
            Some(region) => Country::parse(region).into_iter().collect(),
            None => product_regions.to_vec(),
        }
    }

    /// When a batch of a product that is minted now is past its date.
    #[must_use]
    pub fn sell_by(product: &Product, now: Timestamp) -> Option<Timestamp> {
        const DAY_SECONDS: i64 = 86_400;
        product.sell_by_days.map(|days| now.plus_seconds(days * DAY_SECONDS))
    }
}

#[must_use]
pub fn is_prefix(text: &str) -> bool {
    (1..=20).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}
