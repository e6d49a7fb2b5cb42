//! What is asked, what is answered, and what is kept.

mod findings;

use std::fmt;
use std::str::FromStr;

use base::id::{NotAnId, parse_uuid, uuid_text, uuid_v7};
use base::{Environment, Timestamp};
use serde::{Deserialize, Serialize};

pub use findings::{Disclosed, Findings, Matched, MatchedDate, MatchedFields, MatchedName, judge};

pub const PURPOSE_LENGTH_MAX: usize = 255;
pub const REFERENCE_LENGTH_MAX: usize = 128;
pub const NAME_LENGTH_MAX: usize = 200;
pub const MAX_AGE_SECONDS_DEFAULT: i64 = 86_400;
/// A year.
pub const MAX_AGE_SECONDS_MAX: i64 = 31_536_000;

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

const NUMBER_LENGTH: usize = 11;

/// A verification's id: a UUID in text, as it is published, stored and logged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VerificationId(u128);

impl VerificationId {
    /// No verification comes after it.
    pub const LAST: Self = Self(u128::MAX);

    #[must_use]
    pub fn new(at: Timestamp, random: u64) -> Self {
        Self(uuid_v7(at, random))
    }

    #[must_use]
    pub fn text(self) -> String {
        uuid_text(self.0)
    }
}

impl FromStr for VerificationId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        parse_uuid(text).map(Self)
    }
}

/// A national number: 11 ASCII digits. Its `Debug` says nothing: a number must not reach a log.
#[derive(Clone, PartialEq, Eq)]
pub struct NationalId(String);

impl NationalId {
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_number = text.len() == NUMBER_LENGTH && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| Self(text.to_owned()))
    }

    /// The digits. Every call is a place to review.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// `*******0001`.
    #[must_use]
    pub fn masked(&self) -> String {
        format!("*******{}", &self.0[NUMBER_LENGTH - 4..])
    }
}

impl fmt::Debug for NationalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NationalId([redacted])")
    }
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident $word:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
        pub enum $name { $(#[serde(rename = $word)] $variant,)* }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == text)
            }
        }

        // By hand: the derive does not see through a macro's literal and would document the names of the variants.
        impl utoipa::PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new().schema_type(Type::String).enum_values(Some([$($word,)*])).build().into()
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )*};
}

words! {
    /// The published word for how a verification ended.
    Outcome {
        Verified "verified",
        Failed "failed",
        NotFound "not_found",
        ProviderError "provider_error",
    }
    /// Why it ended so.
    Reason {
        Match "MATCH",
        PartialMatch "PARTIAL_MATCH",
        NoMatch "NO_MATCH",
        DocumentNotFound "DOCUMENT_NOT_FOUND",
        Deceased "DECEASED",
        IdBlocked "ID_BLOCKED",
        RegistryUnavailable "REGISTRY_UNAVAILABLE",
    }
    /// Who asked: a tenant's program, or a person in the portal.
    Channel {
        Api "api",
        Portal "portal",
    }
    /// Whether a record is shown or only compared with the claims.
    Disclose {
        Record "record",
        Match "match",
    }
}

impl Reason {
    #[must_use]
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::Match | Self::PartialMatch => Outcome::Verified,
            Self::NoMatch | Self::Deceased | Self::IdBlocked => Outcome::Failed,
            Self::DocumentNotFound => Outcome::NotFound,
            Self::RegistryUnavailable => Outcome::ProviderError,
        }
    }
}

/// What the caller says about the person. Its `Debug` says nothing.
#[derive(Clone, PartialEq, Eq, Default, Serialize)]
pub struct Claims {
    pub full_name: Option<String>,
    /// `YYYY-MM-DD`.
    pub date_of_birth: Option<String>,
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claims([redacted])")
    }
}

/// What a verification asks.
#[derive(Clone, Debug)]
pub struct Question {
    pub national_id: NationalId,
    pub claims: Option<Claims>,
    pub disclose: Disclose,
    pub purpose: Option<String>,
    pub reference: Option<String>,
    pub channel: Channel,
    pub max_age_seconds: i64,
}

impl Question {
    /// What two questions have in common that one answer serves. It names a person: only its MAC may be stored.
    #[must_use]
    pub fn essence(&self, environment: Environment) -> String {
        let parts = (environment.name(), self.national_id.expose(), &self.claims, self.disclose);
        serde_json::to_string(&parts).expect("text and no maps")
    }
}

/// `YYYY-MM-DD`, a day that there was or will be.
#[must_use]
pub fn is_date(text: &str) -> bool {
    let has_its_form = text.len() == 10
        && text.bytes().enumerate().all(|(position, byte)| match position {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    has_its_form && format!("{text}T00:00:00Z").parse::<Timestamp>().is_ok()
}

/// A verification as it is stored.
#[derive(Clone, Debug)]
pub struct Verification {
    pub id: String,
    pub environment: String,
    pub national_id_masked: String,
    pub result: Outcome,
    pub reason: Reason,
    pub purpose: Option<String>,
    pub channel: Channel,
    pub reference: Option<String>,
    pub is_cached: bool,
    pub credits_used: i64,
    pub created_at: Timestamp,
}

/// Which verifications are listed.
#[derive(Clone, Debug)]
pub struct Filter {
    pub result: Option<Outcome>,
    pub purpose: Option<String>,
    pub channel: Option<Channel>,
    pub reference: Option<String>,
    /// The first moment that is in, and the first that is not.
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Filter {
    /// Result, purpose and channel; an empty text for one that does not matter.
    #[must_use]
    pub fn texts(&self) -> (&'static str, &str, &'static str) {
        let result = self.result.map_or("", Outcome::name);
        (result, self.purpose.as_deref().unwrap_or_default(), self.channel.map_or("", Channel::name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_eleven_ascii_digits_and_shows_its_last_four() {
        let number = NationalId::parse("10000000001").unwrap();
        assert_eq!(number.masked(), "*******0001");
        assert_eq!(format!("{number:?}"), "NationalId([redacted])");
        for text in [
            "",
            "1000000000",
            "100000000011",
            "1000000000a",
            "1000000000\u{661}",
            " 1000000000",
            "+1000000000",
        ] {
            assert_eq!(NationalId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_date_is_a_day_of_the_calendar() {
        for text in ["1990-01-01", "2000-02-29", "2024-02-29", "1900-02-28", "9998-12-31"] {
            assert!(is_date(text), "{text}");
        }
        for text in [
            "",
            "1990-1-1",
            "1990-02-30",
            "1900-02-29",
            "1990-13-01",
            "1990-00-10",
            "01-01-1990",
            "1990/01/01",
            "1990-01-01T",
        ] {
            assert!(!is_date(text), "{text}");
        }
    }
}
