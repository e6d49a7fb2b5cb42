//! The text of keys: `<prefix><26 random><6 check>`, all upper-case Crockford base32 after the prefix.
//!
//! The 26 characters carry 130 random bits.
//! The 6 are the CRC-30/CDMA of prefix and random part: 30 bits in 30 bits, so that every single wrong
//! character, and `test` edited to `live`, is noticed without touching storage.
//! The checksum finds typing errors; it is no defence against a forger, who still has 130 bits to guess.

use std::fmt;

use crate::crockford;
use crate::secret::Secret;

const RANDOM_LENGTH: usize = 26;
const CHECK_LENGTH: usize = 6;
const CHECKSUM: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_30_CDMA);

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($variant:ident $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub enum $name { $($variant,)* }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stored and shown name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)* _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

named! {
    /// Test and live stand side by side in one tenant and never see each other.
    Environment { Test "test", Live "live", }
}

named! {
    /// One of the APIs that share the kernel.
    Service {
        Citizen "citizen",
        Identity "identity",
        Codes "codes",
        Partner "partner",
        Quota "quota",
        Platform "platform",
    }
}

named! {
    /// What a key may be shown to, and which half of a pair it is.
    KeyKind {
        Secret "secret",
        Publishable "publishable",
        PairKey "pair",
        PairSecret "pair_secret",
        Admin "admin",
        Token "token",
    }
}

/// Every prefix there is, each before any that it starts with.
const PREFIXES: &[(&str, Service, KeyKind, Environment)] = &[
    ("xq_test_", Service::Citizen, KeyKind::Secret, Environment::Test),
    ("xq_live_", Service::Citizen, KeyKind::Secret, Environment::Live),
    ("qv_pub_test_", Service::Identity, KeyKind::Publishable, Environment::Test),
    ("qv_sec_test_", Service::Identity, KeyKind::Secret, Environment::Test),
    ("qv_pub_", Service::Identity, KeyKind::Publishable, Environment::Live),
    ("qv_sec_", Service::Identity, KeyKind::Secret, Environment::Live),
    ("vg_test_", Service::Codes, KeyKind::Secret, Environment::Test),
    ("vg_live_", Service::Codes, KeyKind::Secret, Environment::Live),
    ("qash_key_test_", Service::Partner, KeyKind::PairKey, Environment::Test),
    ("qash_key_live_", Service::Partner, KeyKind::PairKey, Environment::Live),
    ("qash_secret_test_", Service::Partner, KeyKind::PairSecret, Environment::Test),
    ("qash_secret_live_", Service::Partner, KeyKind::PairSecret, Environment::Live),
    ("xa_admin_test_", Service::Quota, KeyKind::Admin, Environment::Test),
    ("xa_admin_live_", Service::Quota, KeyKind::Admin, Environment::Live),
    ("xa_test_", Service::Quota, KeyKind::Token, Environment::Test),
    ("xa_live_", Service::Quota, KeyKind::Token, Environment::Live),
    ("at_test_", Service::Platform, KeyKind::Secret, Environment::Test),
    ("at_live_", Service::Platform, KeyKind::Secret, Environment::Live),
];

/// What the operator API's token begins with, which is no key of a tenant.
pub const OPERATOR_PREFIX: &str = "at_operator_";

/// What a well-formed key says about itself before anything is looked up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyText {
    pub service: Service,
    pub kind: KeyKind,
    pub environment: Environment,
}

/// Why a text is not a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotAKey {
    /// No prefix of ours: a foreign token, perhaps.
    ForeignPrefix,
    /// One of our prefixes, and then a wrong length, character or check.
    Mistyped,
}

impl KeyText {
    /// Reads prefix and check of `text`.
    ///
    /// # Errors
    /// [`NotAKey::ForeignPrefix`] or [`NotAKey::Mistyped`]; neither needed storage.
    pub fn parse(text: &str) -> Result<Self, NotAKey> {
        let (prefix, found) = PREFIXES
            .iter()
            .find_map(|&(prefix, service, kind, environment)| {
                text.starts_with(prefix).then_some((prefix, Self { service, kind, environment }))
            })
            .ok_or(NotAKey::ForeignPrefix)?;
        let digits = text.as_bytes().get(prefix.len()..).unwrap_or_default();
        if digits.len() != RANDOM_LENGTH + CHECK_LENGTH || !crockford::is_upper(digits) {
            return Err(NotAKey::Mistyped);
        }
        let (body, check) = text.split_at(text.len() - CHECK_LENGTH);
        if check_of(body) == check { Ok(found) } else { Err(NotAKey::Mistyped) }
    }

    /// Writes the key that carries the low 130 bits of `random`, which must come from the operating system
    /// (or, for development keys, from the secrets file).
    #[must_use]
    pub fn mint(self, random: [u8; 17]) -> Secret {
        let mut text = String::with_capacity(64);
        text.push_str(self.prefix());
        let (high, low) = random.split_at(1);
        let mut bits = [0; 16];
        bits.copy_from_slice(low);
        let low = u128::from_be_bytes(bits);
        // 130 bits: 5 from the first byte and the two top bits of the rest, then 125.
        let first = (u128::from(high[0] & 3) << 3) | (low >> 125);
        crockford::push_upper(&mut text, first, 1);
        crockford::push_upper(&mut text, low, RANDOM_LENGTH - 1);
        let check = check_of(&text);
        text.push_str(&check);
        Secret::new(text)
    }

    /// The prefix that announces such a key.
    ///
    /// # Panics
    /// For a combination no service has, such as a publishable quota key: ask [`Self::exists`] first.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        self.find_prefix().expect("callers mint only the kinds that `exists` names")
    }

    /// Whether any service uses this combination.
    #[must_use]
    pub fn exists(self) -> bool {
        self.find_prefix().is_some()
    }

    fn find_prefix(self) -> Option<&'static str> {
        PREFIXES.iter().find_map(|&(prefix, service, kind, environment)| {
            (Self { service, kind, environment } == self).then_some(prefix)
        })
    }
}

/// Whether a text begins as a key of ours does, whatever the case of its letters: a token that was made elsewhere and
/// would be taken for one, by a person or by a scanner for leaked keys.
#[must_use]
pub fn looks_like_ours(text: &str) -> bool {
    let begins_with = |prefix: &str| {
        text.as_bytes().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
    };
    begins_with(OPERATOR_PREFIX) || PREFIXES.iter().any(|(prefix, ..)| begins_with(prefix))
}

/// The last four characters of a secret, to tell keys apart in lists.
#[must_use]
pub fn last_four(secret: &Secret) -> String {
    let text: Vec<char> = secret.expose().chars().collect();
    text[text.len().saturating_sub(4)..].iter().collect()
}

fn check_of(body: &str) -> String {
    let mut text = String::with_capacity(CHECK_LENGTH);
    crockford::push_upper(&mut text, u128::from(CHECKSUM.checksum(body.as_bytes())), CHECK_LENGTH);
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all() -> impl Iterator<Item = KeyText> {
        PREFIXES.iter().map(|&(_, service, kind, environment)| KeyText { service, kind, environment })
    }

    #[test]
    fn every_prefix_is_read_before_the_ones_it_starts_with() {
        for (position, (prefix, ..)) in PREFIXES.iter().enumerate() {
            for (earlier, ..) in &PREFIXES[..position] {
                assert!(!prefix.starts_with(earlier), "{earlier} hides {prefix}");
            }
        }
    }

    #[test]
    fn every_single_wrong_character_is_noticed() {
        for key in all() {
            let text = key.mint(*b"an entropy sample").expose().to_owned();
            for position in 0..text.len() {
                for letter in "0123456789ABCDEFGHJKMNPQRSTVWXYZabct_".bytes() {
                    let mut edited = text.clone().into_bytes();
                    if edited[position] == letter {
                        continue;
                    }
                    edited[position] = letter;
                    let edited = String::from_utf8(edited).unwrap();
                    assert!(KeyText::parse(&edited).is_err(), "{edited} for {text}");
                }
            }
        }
    }

    #[test]
    fn test_edited_to_live_is_noticed() {
        for key in all() {
            let text = key.mint(*b"another 17 bytes!").expose().to_owned();
            for edited in
                [text.replace("test", "live"), text.replace("live", "test"), text.replace("_test", "")]
            {
                assert!(edited == text || KeyText::parse(&edited).is_err(), "{edited} for {text}");
            }
        }
    }

    #[test]
    fn a_text_that_begins_like_a_key_of_ours_is_known_in_any_case() {
        for (prefix, ..) in PREFIXES {
            assert!(looks_like_ours(prefix));
            assert!(looks_like_ours(&format!("{}rest", prefix.to_uppercase())));
        }
        assert!(looks_like_ours("At_Operator_0123"));
        for text in ["", "xa_", "xa_tes", "sk_live_0123456789", " xa_test_", "\u{e9}xa_test_"] {
            assert!(!looks_like_ours(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_minted_key_reads_back(random: [u8; 17]) {
            for key in all() {
                prop_assert_eq!(KeyText::parse(key.mint(random).expose()), Ok(key));
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,80}") {
            prop_assert!(KeyText::parse(&text).is_err());
        }
    }
}
