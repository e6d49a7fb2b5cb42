//! Public ids: a prefix that says what it is, and 26 characters that sort by time.
//!
//! An id is a UUID of version 7 (RFC 9562 §5.7) written in lower-case Crockford base32:
//! `tn_01jd7rqk3sf0x8e5v6y2wz9abc`.
//! The same text is stored, shown and logged, so that one search finds it everywhere.

use std::fmt;
use std::str::FromStr;

use crate::crockford;
use crate::time::Timestamp;

const TEXT_LENGTH: usize = 26;

/// Why a text is not an id of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnId;

/// Builds the 128 bits of a version 7 UUID.
///
/// `at` gives 48 bits of milliseconds and 12 bits of the fraction of that millisecond (RFC 9562 §6.2, method 3),
/// `random` its low 62 bits.
#[must_use]
pub fn uuid_v7(at: Timestamp, random: u64) -> u128 {
    let micros = u128::from(at.micros().unsigned_abs());
    let millis = (micros / 1000) & ((1 << 48) - 1);
    let fraction = (micros % 1000) * 4096 / 1000;
    let random = u128::from(random) & ((1 << 62) - 1);
    (millis << 80) | (7 << 76) | (fraction << 64) | (0b10 << 62) | random
}

/// 128 bits as a UUID (RFC 9562 §4), in lower case: what a contract that knows UUIDs calls the same id.
#[must_use]
pub fn uuid_text(bits: u128) -> String {
    let mut text = format!("{bits:032x}");
    for position in [20, 16, 12, 8] {
        text.insert(position, '-');
    }
    text
}

/// Reads what [`uuid_text`] writes, in either case.
///
/// # Errors
/// [`NotAnId`] for any other text.
pub fn parse_uuid(text: &str) -> Result<u128, NotAnId> {
    let has_its_form = text.len() == 36
        && text.bytes().enumerate().all(|(position, byte)| match position {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    if !has_its_form {
        return Err(NotAnId);
    }
    u128::from_str_radix(&text.replace('-', ""), 16).map_err(|_| NotAnId)
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(u128);

        impl $name {
            pub const PREFIX: &'static str = $prefix;

            /// A new id of the moment `at`; `random` must come from the operating system.
            #[must_use]
            pub fn new(at: Timestamp, random: u64) -> Self {
                Self(uuid_v7(at, random))
            }

            #[must_use]
            pub const fn from_bits(bits: u128) -> Self {
                Self(bits)
            }

            #[must_use]
            pub const fn bits(self) -> u128 {
                self.0
            }

            /// The stored and shown form, prefix included.
            #[must_use]
            pub fn text(self) -> String {
                let mut text = String::with_capacity($prefix.len() + TEXT_LENGTH);
                text.push_str($prefix);
                crockford::push_lower(&mut text, self.0, TEXT_LENGTH);
                text
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let digits = text.strip_prefix($prefix).ok_or(NotAnId)?;
                if digits.len() != TEXT_LENGTH {
                    return Err(NotAnId);
                }
                crockford::parse_lower(digits).map(Self).ok_or(NotAnId)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.text())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.text())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.text())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(|NotAnId| serde::de::Error::custom(concat!("not an id that starts with ", $prefix)))
            }
        }
    )*};
}

ids! {
    /// A company that uses the platform.
    TenantId "tn_";
    /// A person or script that operates the platform.
    OperatorId "op_";
    /// One secret of a lineage of keys.
    KeyId "key_";
    /// The line of keys and tokens that rotation makes: limits, caps and balances belong to it.
    LineageId "lin_";
    /// A ledger account; a client of a quota tenant is one too.
    AccountId "acc_";
    /// A metered token of a quota account.
    TokenId "tok_";
    /// One immutable movement in the ledger.
    TransferId "tr_";
    /// Credits set aside for work under way.
    HoldId "hold_";
    /// A line of a tenant's price list.
    PriceId "price_";
    /// A row of the audit log.
    AuditId "aud_";
    /// An event for the tenant's webhooks.
    EventId "evt_";
    /// Background work.
    JobId "job_";
    /// One HTTP request or CLI call.
    RequestId "req_";
    /// The address that a tenant's events of a service go to.
    EndpointId "we_";
    /// One event on its way to one endpoint.
    DeliveryId "dlv_";
    /// A product whose items carry codes.
    ProductId "prod_";
    /// Codes of a product that were minted together.
    BatchId "bat_";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_was_written() {
        let id = TenantId::new(Timestamp::from_micros(1_780_403_400_123_456), u64::MAX);
        assert_eq!(id.text().len(), 29);
        assert_eq!(id.text().parse(), Ok(id));
    }

    #[test]
    fn ids_of_a_later_microsecond_sort_later() {
        let mut last = String::new();
        for micros in 1_780_403_400_000_000..1_780_403_400_002_000 {
            let text = TransferId::new(Timestamp::from_micros(micros), 0).text();
            assert!(text > last, "{text} after {last}");
            last = text;
        }
    }

    #[test]
    fn a_uuid_reads_back_in_either_case_and_nothing_else_is_one() {
        let bits = 0x8b0f_6f4e_4a3f_4c0e_9d0a_6f7a_1c2d_3e4f;
        assert_eq!(uuid_text(bits), "8b0f6f4e-4a3f-4c0e-9d0a-6f7a1c2d3e4f");
        assert_eq!(parse_uuid("8b0f6f4e-4a3f-4c0e-9d0a-6f7a1c2d3e4f"), Ok(bits));
        assert_eq!(parse_uuid("8B0F6F4E-4A3F-4C0E-9D0A-6F7A1C2D3E4F"), Ok(bits));
        assert_eq!(parse_uuid(&uuid_text(0)), Ok(0));
        for text in [
            "",
            "8b0f6f4e4a3f4c0e9d0a6f7a1c2d3e4f",
            "8b0f6f4e-4a3f-4c0e-9d0a-6f7a1c2d3e4g",
            "8b0f6f4e-4a3f-4c0e-9d0a-6f7a1c2d3e4",
            "8b0f6f4e-4a3f-4c0e-9d0a-6f7a1c2d3e4ff",
            "+b0f6f4e-4a3f-4c0e-9d0a-6f7a1c2d3e4f",
            "{8b0f6f4e-4a3f-4c0e-9d0a-6f7a1c2d3e}",
        ] {
            assert_eq!(parse_uuid(text), Err(NotAnId), "{text}");
        }
    }

    #[test]
    fn a_text_of_another_kind_is_refused() {
        for text in [
            "",
            "tn_",
            "key_00000000000000000000000000",
            "tn_0000000000000000000000000O",
            "tn_zzzzzzzzzzzzzzzzzzzzzzzzzz",
            "tn_000000000000000000000000000",
        ] {
            assert_eq!(text.parse::<TenantId>(), Err(NotAnId), "{text}");
        }
    }
}
