//! The token of a product code: 20 characters of Crockford base32, which are 100 bits.
//!
//! | bits | what |
//! |---:|---|
//! | 5 | epoch of the key |
//! | 55 | tag: the first bits of AES-256-CMAC (RFC 4493, NIST SP 800-38B) over the epoch and the ordinal |
//! | 40 | ordinal, masked with the first bits of AES-256 over the epoch and the tag |
//!
//! The shape is that of a synthetic IV (RFC 5297): the tag authenticates the ordinal and is the nonce that masks it, so
//! equal ordinals have equal tokens and no token tells its ordinal, its neighbours or how many there are.
//! Both keys of an epoch come from its root by HKDF-SHA-256 (RFC 5869).
//! A guess opens with a probability of 2^-55 for each ordinal it may name, and it must name one that was minted.

use std::fmt;

use aws_lc_rs::cipher::{AES_256, EncryptingKey, UnboundCipherKey};
use aws_lc_rs::{cmac, constant_time, hkdf};

/// Characters of a token. It fits into the serial number of GS1 (application identifier 21), which has at most 20.
pub const TOKEN_LENGTH: usize = 20;
/// Epochs are numbered from 0. The one after the last is kept free for tokens of another format.
pub const EPOCH_MAX: u8 = 30;
/// Ordinals are numbered from 0.
pub const ORDINAL_MAX: u64 = (1 << ORDINAL_BITS) - 1;

const ORDINAL_BITS: u32 = 40;
const TAG_BITS: u32 = 55;
const KEY_LENGTH: usize = 32;
/// What a block is made for: no block of one purpose is ever one of the other.
const FOR_TAG: u8 = 1;
const FOR_MASK: u8 = 2;
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const NO_DIGIT: u8 = 255;
const DIGIT_OF: [u8; 256] = digits();

/// Both cases, and what people read for a digit: `O` for 0, `I` and `L` for 1.
const fn digits() -> [u8; 256] {
    let mut digits = [NO_DIGIT; 256];
    let mut digit = 0;
    while digit < 32 {
        let letter = DIGITS[digit as usize];
        digits[letter as usize] = digit;
        digits[letter.to_ascii_lowercase() as usize] = digit;
        digit += 1;
    }
    (digits[b'O' as usize], digits[b'o' as usize]) = (0, 0);
    (digits[b'I' as usize], digits[b'i' as usize]) = (1, 1);
    (digits[b'L' as usize], digits[b'l' as usize]) = (1, 1);
    digits
}

/// The 100 bits of a token. Whether it is genuine, its key says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Token(u128);

impl Token {
    /// Reads upper and lower case alike, `O` as 0, `I` and `L` as 1. `None` for anything but 20 such characters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != TOKEN_LENGTH {
            return None;
        }
        let mut bits = 0;
        for byte in text.bytes() {
            match DIGIT_OF[usize::from(byte)] {
                NO_DIGIT => return None,
                digit => bits = (bits << 5) | u128::from(digit),
            }
        }
        Some(Self(bits))
    }

    /// Its characters, in upper case.
    #[must_use]
    pub fn text(self) -> [u8; TOKEN_LENGTH] {
        let mut text = [0; TOKEN_LENGTH];
        let mut bits = self.0;
        for character in text.iter_mut().rev() {
            *character = DIGITS[(bits & 31) as usize];
            bits >>= 5;
        }
        text
    }

    /// Which key may open it.
    #[must_use]
    pub fn epoch(self) -> u8 {
        self.split().0
    }

    fn join(epoch: u8, tag: u64, masked: u64) -> Self {
        let tagged = (u128::from(epoch) << TAG_BITS) | u128::from(tag);
        Self((tagged << ORDINAL_BITS) | u128::from(masked))
    }

    #[expect(clippy::cast_possible_truncation, reason = "each part is masked to its bits first")]
    fn split(self) -> (u8, u64, u64) {
        let tag = (self.0 >> ORDINAL_BITS) as u64 & ((1 << TAG_BITS) - 1);
        let epoch = (self.0 >> (ORDINAL_BITS + TAG_BITS)) as u8 & 31;
        (epoch, tag, self.0 as u64 & ORDINAL_MAX)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().into_iter().try_for_each(|character| fmt::Write::write_char(f, char::from(character)))
    }
}

/// The keys of one epoch: who holds them mints and opens.
pub struct TokenKey {
    epoch: u8,
    tag: cmac::Key,
    mask: EncryptingKey,
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey(epoch {}, [redacted])", self.epoch)
    }
}

impl TokenKey {
    /// Derives the keys of an epoch from its root.
    ///
    /// # Panics
    /// When the epoch is over [`EPOCH_MAX`].
    #[must_use]
    pub fn derive(root: &[u8; KEY_LENGTH], epoch: u8) -> Self {
        assert!(epoch <= EPOCH_MAX, "epochs end at {EPOCH_MAX}");
        let tag = derived(root, b"attestry code tag ", epoch);
        let mask = derived(root, b"attestry code mask ", epoch);
        let mask = UnboundCipherKey::new(&AES_256, &mask).and_then(EncryptingKey::ecb);
        Self {
            epoch,
            tag: cmac::Key::new(cmac::AES_256, &tag).expect("the key has the length of its algorithm"),
            mask: mask.expect("the key has the length of its algorithm"),
        }
    }

    /// The token of an ordinal: always the same.
    ///
    /// # Panics
    /// When the ordinal is over [`ORDINAL_MAX`].
    #[must_use]
    pub fn mint(&self, ordinal: u64) -> Token {
        assert!(ordinal <= ORDINAL_MAX, "ordinals end at {ORDINAL_MAX}");
        let tag = self.tag_of(ordinal);
        Token::join(self.epoch, tag, ordinal ^ self.mask_of(tag))
    }

    /// The ordinal that a token was minted for; `None` for a token of another epoch and for one that nobody minted.
    ///
    /// Takes the same time either way.
    #[must_use]
    pub fn open(&self, token: Token) -> Option<u64> {
        let (epoch, tag, masked) = token.split();
        let ordinal = masked ^ self.mask_of(tag);
        let is_ours =
            constant_time::verify_slices_are_equal(&self.tag_of(ordinal).to_be_bytes(), &tag.to_be_bytes());
        (is_ours.is_ok() && epoch == self.epoch).then_some(ordinal)
    }

    fn tag_of(&self, ordinal: u64) -> u64 {
        let mut message = [FOR_TAG, self.epoch, 0, 0, 0, 0, 0];
        message[2..].copy_from_slice(&ordinal.to_be_bytes()[3..]);
        let tag = cmac::sign(&self.tag, &message).expect("a message of a few bytes has a tag");
        first_bits(tag.as_ref(), TAG_BITS)
    }

    fn mask_of(&self, tag: u64) -> u64 {
        let mut block = [0; 16];
        (block[0], block[1]) = (FOR_MASK, self.epoch);
        block[8..].copy_from_slice(&tag.to_be_bytes());
        self.mask.encrypt(&mut block).expect("a whole block is encrypted");
        first_bits(&block, ORDINAL_BITS)
    }
}

fn first_bits(bytes: &[u8], bits: u32) -> u64 {
    let (first, _) = bytes.split_first_chunk().expect("a block has more than eight bytes");
    u64::from_be_bytes(*first) >> (u64::BITS - bits)
}

fn derived(root: &[u8; KEY_LENGTH], purpose: &[u8], epoch: u8) -> [u8; KEY_LENGTH] {
    let mut key = [0; KEY_LENGTH];
    let info = [purpose, &[epoch]];
    let filled = hkdf::Salt::new(hkdf::HKDF_SHA256, &[])
        .extract(root)
        .expand(&info, hkdf::HKDF_SHA256)
        .and_then(|material| material.fill(&mut key));
    filled.expect("a key is as long as the hash");
    key
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    const ROOT: [u8; 32] = [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27,
        28, 29, 30, 31,
    ];

    #[test]
    fn tokens_are_those_of_another_implementation() {
        // Computed with CMAC, AES and HKDF of PyCA cryptography 48.
        for (epoch, ordinal, text) in [
            (0, 0, "0HEM8SRZZPVWK25D9Y43"),
            (0, 1, "0HD9WSG4Q6RX6GXWRQZZ"),
            (1, 123_456, "13MKARCQ3FZNKGKVZ22V"),
            (7, 999_999_999_999, "70E9Y10WT0PHXWHQCEFQ"),
            (30, ORDINAL_MAX, "YKSBPM00CFH3R2PN5C66"),
        ] {
            let token = TokenKey::derive(&ROOT, epoch).mint(ordinal);
            assert_eq!((token.to_string().as_str(), token.epoch()), (text, epoch));
        }
    }

    #[test]
    fn a_token_opens_however_a_person_types_it_and_under_its_own_key_alone() {
        let key = TokenKey::derive(&ROOT, 3);
        let (next_epoch, other_root) = (TokenKey::derive(&ROOT, 4), TokenKey::derive(&[9; 32], 3));
        for ordinal in [0, 1, 77, 1_000_000, ORDINAL_MAX] {
            let text = key.mint(ordinal).to_string();
            let typed = text.to_lowercase().replace('0', "o").replacen('1', "l", 1).replace('1', "I");
            for text in [&text, &typed] {
                let token = Token::parse(text).unwrap();
                assert_eq!(key.open(token), Some(ordinal), "{text}");
                assert_eq!((next_epoch.open(token), other_root.open(token)), (None, None), "{text}");
            }
        }
    }

    #[test]
    fn what_is_not_twenty_characters_of_the_alphabet_is_no_token() {
        let token = TokenKey::derive(&ROOT, 0).mint(5).to_string();
        for text in [
            "",
            " ",
            &token[1..],
            &format!("{token}0"),
            &format!(" {}", &token[1..]),
            &token.replacen(|_| true, "U", 1),
            "not-a-real-token-now",
            "ЖЖЖЖЖЖЖЖЖЖ",
        ] {
            assert_eq!(Token::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn no_substitution_of_a_character_opens() {
        let key = TokenKey::derive(&ROOT, 1);
        for ordinal in 0..10_000 {
            let token = key.mint(ordinal * 5_000_011);
            for (position, digit) in
                (0..TOKEN_LENGTH).flat_map(|at| (0..32_u128).map(move |digit| (at, digit)))
            {
                let changed = Token(token.0 & !(31 << (5 * position)) | (digit << (5 * position)));
                let expected = (changed == token).then_some(ordinal * 5_000_011);
                assert_eq!(key.open(changed), expected, "{token} as {changed}");
            }
        }
    }

    #[test]
    fn none_of_a_million_guesses_opens() {
        let key = TokenKey::derive(&ROOT, 1);
        let mut state = 1_u128;
        for _ in 0..1_000_000 {
            // A linear congruence (Steele and Vigna 2021), whose upper bits are the random ones.
            state = state.wrapping_mul(0xDA94_2042_E4DD_58B5).wrapping_add(1);
            let guess = Token((1 << (TAG_BITS + ORDINAL_BITS)) | (state >> (128 - TAG_BITS - ORDINAL_BITS)));
            assert_eq!((key.open(guess), guess.epoch()), (None, 1), "{guess}");
        }
    }

    #[test]
    fn neighbours_have_nothing_in_common() {
        let key = TokenKey::derive(&ROOT, 0);
        let tokens: HashSet<Token> = (0..20_000).map(|ordinal| key.mint(ordinal)).collect();
        assert_eq!(tokens.len(), 20_000);
        // Half of the 95 bits that are not the epoch differ, as they do between texts made at random.
        let differing: u32 = (0..10_000).map(|n| (key.mint(n).0 ^ key.mint(n + 1).0).count_ones()).sum();
        assert!((465_000..485_000).contains(&differing), "{differing}");
    }

    proptest! {
        #[test]
        fn a_guess_never_opens(bits in any::<u128>()) {
            let guess = Token(bits & ((1 << 100) - 1));
            prop_assert_eq!(Token::parse(&guess.to_string()), Some(guess));
            for epoch in [0, guess.epoch().min(EPOCH_MAX)] {
                prop_assert_eq!(TokenKey::derive(&ROOT, epoch).open(guess), None);
            }
        }

        #[test]
        fn every_ordinal_comes_back(ordinal in 0..=ORDINAL_MAX, epoch in 0..=EPOCH_MAX) {
            let key = TokenKey::derive(&ROOT, epoch);
            prop_assert_eq!(key.open(key.mint(ordinal)), Some(ordinal));
        }
    }
}
