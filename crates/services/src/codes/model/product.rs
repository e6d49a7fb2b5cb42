use base::id::ProductId;
use base::{Environment, Timestamp};

use crate::codes::country::Country;

pub const NAME_LENGTH_MAX: usize = 200;
pub const SKU_LENGTH_MAX: usize = 100;
pub const PAGE_TEXT_LENGTH_MAX: usize = 500;
/// Characters of an image as it is sent, which is what it adds to the page.
pub const IMAGE_LENGTH_MAX: usize = 20_000;
pub const REGIONS_MAX: usize = 50;
pub const SELL_BY_DAYS_MAX: i64 = 36_500;

/// What items carry codes of.
#[derive(Clone, Debug)]
pub struct Product {
    pub product_id: ProductId,
    pub environment: Environment,
    pub name: String,
    pub sku: Option<String>,
    /// Fourteen digits.
    pub gtin: Option<String>,
    /// Of the serial numbers, unless a batch says otherwise.
    pub prefix: String,
    /// Where it is meant to be sold; anywhere if it says nothing.
    pub regions: Vec<Country>,
    pub sell_by_days: Option<i64>,
    pub page_text: Option<String>,
    pub page_image: Option<String>,
    pub status: ProductStatus,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProductStatus {
    Active,
    /// Nothing new is minted for it; its codes stay what they are.
    Archived,
}

impl ProductStatus {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Archived => "archived",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Archived].into_iter().find(|status| status.name() == text)
    }
}

/// What a product is made of.
#[derive(Clone, Debug)]
pub struct NewProduct {
    /// A new one unless it is said.
    pub product_id: Option<ProductId>,
    pub name: String,
    pub sku: Option<String>,
    pub gtin: Option<String>,
    /// Made of the SKU or the name if it is not said.
    pub prefix: Option<String>,
    pub regions: Vec<Country>,
    pub sell_by_days: Option<i64>,
    pub page_text: Option<String>,
    pub page_image: Option<String>,
}

impl NewProduct {
    /// The prefix that was asked for, or the first capital letters and digits of SKU or name.
    #[must_use]
    pub fn prefix(&self) -> String {
        const LENGTH: usize = 8;
        let letters = |text: &str| -> String {
            let capitals =
                text.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase());
            capitals.take(LENGTH).collect()
        };
        let own = self.prefix.clone().into_iter();
        let mut made = own.chain(self.sku.as_deref().map(letters)).chain([letters(&self.name)]);
        made.find(|prefix| !prefix.is_empty()).unwrap_or_else(|| "ITEM".to_owned())
    }
}

/// What may be changed about a product; `None` stays as it is, `Some(None)` is taken away.
#[derive(Clone, Debug, Default)]
pub struct ProductChange {
    pub name: Option<String>,
    pub sku: Option<Option<String>>,
    pub gtin: Option<Option<String>>,
    pub prefix: Option<String>,
    pub regions: Option<Vec<Country>>,
    pub sell_by_days: Option<Option<i64>>,
    pub page_text: Option<Option<String>>,
    pub page_image: Option<Option<String>>,
    pub status: Option<ProductStatus>,
}

impl ProductChange {
    #[must_use]
    pub fn applied(&self, product: &Product, now: Timestamp) -> Product {
        let Self { name, sku, gtin, prefix, regions, sell_by_days, page_text, page_image, status } =
            self.clone();
        Product {
            product_id: product.product_id,
            environment: product.environment,
            name: name.unwrap_or_else(|| product.name.clone()),
            sku: sku.unwrap_or_else(|| product.sku.clone()),
            gtin: gtin.unwrap_or_else(|| product.gtin.clone()),
            prefix: prefix.unwrap_or_else(|| product.prefix.clone()),
            regions: regions.unwrap_or_else(|| product.regions.clone()),
            sell_by_days: sell_by_days.unwrap_or(product.sell_by_days),
            page_text: page_text.unwrap_or_else(|| product.page_text.clone()),
            page_image: page_image.unwrap_or_else(|| product.page_image.clone()),
            status: status.unwrap_or(product.status),
            created_at: product.created_at,
            updated_at: now,
        }
    }
}

/// A GTIN of 8, 12, 13 or 14 digits with its right check digit, padded to 14 (GS1 General Specifications §7.9).
#[must_use]
pub fn gtin_14(text: &str) -> Option<String> {
    let is_well_formed =
        matches!(text.len(), 8 | 12 | 13 | 14) && text.bytes().all(|byte| byte.is_ascii_digit());
    let padded = is_well_formed.then(|| format!("{text:0>14}"))?;
    let weighted = padded
        .bytes()
        .zip([3, 1].into_iter().cycle())
        .map(|(digit, weight)| u32::from(digit - b'0') * weight);
    // The check digit has the weight 1, so that all of them add up to a multiple of ten.
    weighted.sum::<u32>().is_multiple_of(10).then_some(padded)
}

/// Whether a text is an image that the page shows as it is: `data:image/png;base64,…`, or of JPEG or WebP, whose first
/// bytes are what it says.
#[must_use]
pub fn is_image(text: &str) -> bool {
    let kinds: [(&str, &[u8]); 3] = [
        ("data:image/png;base64,", b"\x89PNG\r\n\x1a\n"),
        ("data:image/jpeg;base64,", b"\xff\xd8\xff"),
        ("data:image/webp;base64,", b"RIFF"),
    ];
    kinds.into_iter().any(|(head, magic)| {
        let bytes = text.strip_prefix(head).and_then(seal::base64::decode);
        bytes.is_some_and(|bytes| bytes.starts_with(magic))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gtin_has_its_check_digit_and_becomes_fourteen_digits() {
        for (text, padded) in [
            ("09506000134352", "09506000134352"),
            ("9506000134352", "09506000134352"),
            ("036000291452", "00036000291452"),
            ("96385074", "00000096385074"),
        ] {
            assert_eq!(gtin_14(text).as_deref(), Some(padded));
        }
        for text in [
            "",
            "9506000134353",
            "950600013435",
            "95060001343520",
            "950600013435x",
            "123456789",
            "９506000134352",
        ] {
            assert_eq!(gtin_14(text), None, "{text}");
        }
    }

    #[test]
    fn an_image_is_what_it_says_it_is() {
        let png = format!("data:image/png;base64,{}", seal::base64::encode(b"\x89PNG\r\n\x1a\nrest"));
        assert!(is_image(&png));
        assert!(!is_image(&png.replace("png", "jpeg")));
        assert!(!is_image(&png.replace("png", "svg+xml")));
        for text in ["", "data:image/png;base64,", "data:image/png;base64,****", "https://example.com/x.png"]
        {
            assert!(!is_image(text), "{text}");
        }
    }

    #[test]
    fn a_prefix_that_is_not_said_is_made_of_sku_or_name() {
        let product = |name: &str, sku: Option<&str>, prefix: Option<&str>| {
            let owned = |text: Option<&str>| text.map(str::to_owned);
            let (name, sku, prefix) = (name.to_owned(), owned(sku), owned(prefix));
            let (gtin, page_text, page_image) = (None, None, None);
            NewProduct {
                product_id: None,
                name,
                sku,
                gtin,
                prefix,
                regions: Vec::new(),
                sell_by_days: None,
                page_text,
                page_image,
            }
            .prefix()
        };
        assert_eq!(product("Premium Cooking Oil 5L", Some("oil-5"), Some("EXP24")), "EXP24");
        assert_eq!(product("Premium Cooking Oil 5L", Some("oil-5"), None), "OIL5");
        assert_eq!(product("Premium Cooking Oil 5L", Some("—"), None), "PREMIUMC");
        assert_eq!(product("زيت", None, None), "ITEM");
    }
}
