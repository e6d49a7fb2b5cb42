//! codes: signed product codes against counterfeits.
//!
//! A batch is a range of numbers, and a code is a number's token: see `seal::token`. Minting writes one batch, whatever
//! the quantity; the codes follow from it for good, and cost a row only once they are scanned or their status is changed.
//! States of a batch: queued → ready (the digest of its export is made), and recalled, which can be taken back.
//! States of a code: active unless a range of `codes_status` says otherwise.
//! Tables: `codes_product`, `codes_batch`, `codes_serial`, `codes_next`, `codes_range` (look-up by a number),
//! `codes_epoch`, `codes_status`, `codes_state` and `codes_batch_scan`.
//! Prices: 1 unit a code; everything else is free.
//!
//! Absent on purpose: the codes themselves, addresses of shoppers, and any word on why a token is not genuine.

pub mod api;
pub mod command;
pub mod country;
mod keys;
pub mod language;
pub mod model;
pub mod page;
pub mod ready;
pub mod risk;
mod store;
pub mod usage;
mod visitor;
pub mod webhook;

use std::fmt;
use std::sync::Arc;

use http::HeaderName;
use kernel::Kernel;
use kernel::settings::Setting;

pub use keys::TokenKeys;
use model::Address;

/// The scopes a key may hold.
pub const SCOPES: &[&str] = &[command::GENERATE, command::VERIFY, command::READ, command::MANAGE];

/// What a tenant decides.
pub const SETTINGS: &[&Setting] = &[&command::mint::INLINE_QUANTITY_MAX];

/// What the operator decides.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the consumer's page is reached from outside; it is printed on labels.
    pub address: Address,
    /// By which headers trusted proxies tell where a shopper is.
    pub places: PlaceHeaders,
}

/// The headers in which a trusted proxy says where a caller is; others are not believed.
#[derive(Clone, Debug, Default)]
pub struct PlaceHeaders {
    /// ISO 3166-1 alpha-2.
    pub country: Option<HeaderName>,
    /// Degrees.
    pub latitude: Option<HeaderName>,
    pub longitude: Option<HeaderName>,
}

/// What the handlers of this service share. Cheap to clone.
#[derive(Clone)]
pub struct Codes(Arc<Shared>);

struct Shared {
    kernel: Kernel,
    keys: Arc<TokenKeys>,
    settings: Settings,
    crawlers: visitor::Crawlers,
}

impl fmt::Debug for Codes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codes").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl Codes {
    #[must_use]
    pub fn new(kernel: &Kernel, settings: Settings) -> Self {
        let keys = Arc::new(TokenKeys::of(&kernel.secrets));
        Self(Arc::new(Shared {
            kernel: kernel.clone(),
            keys,
            settings,
            crawlers: visitor::Crawlers::default(),
        }))
    }

    /// The same under another address.
    #[must_use]
    pub fn at(&self, address: Address) -> Self {
        Self::new(&self.0.kernel, Settings { address, places: self.0.settings.places.clone() })
    }

    fn kernel(&self) -> &Kernel {
        &self.0.kernel
    }

    /// The keys that mint and open tokens.
    #[must_use]
    pub fn keys(&self) -> &Arc<TokenKeys> {
        &self.0.keys
    }

    fn address(&self) -> &Address {
        &self.0.settings.address
    }
}

pub(crate) fn statements() -> Vec<&'static str> {
    [store::statements(), usage::STATEMENTS.to_vec()].concat()
}
