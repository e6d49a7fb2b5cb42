//! Ed25519 (RFC 8032) key pairs made of root secrets.

use std::fmt;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

/// A key pair whose seed is one version of a root secret.
pub struct SigningKey {
    version: u32,
    pair: Ed25519KeyPair,
}

impl SigningKey {
    /// `None` unless the seed has 32 bytes.
    pub(super) fn from_seed(version: u32, seed: &[u8]) -> Option<Self> {
        Some(Self { version, pair: Ed25519KeyPair::from_seed_unchecked(seed).ok()? })
    }

    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// The public half, 32 bytes.
    ///
    /// # Panics
    /// Never: every Ed25519 public key has that length.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        self.pair.public_key().as_ref().try_into().expect("an Ed25519 public key has 32 bytes")
    }

    /// The signature of a message, 64 bytes.
    ///
    /// # Panics
    /// Never: every Ed25519 signature has that length.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.pair.sign(message).as_ref().try_into().expect("an Ed25519 signature has 64 bytes")
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("version", &self.version).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::{hex, unhex};

    #[test]
    fn signs_as_the_first_test_of_rfc_8032_says() {
        let seed = unhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
        let key = SigningKey::from_seed(1, &seed).unwrap();
        assert_eq!(
            hex(&key.public_key()),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        );
        assert!(hex(&key.sign(b"")).starts_with("e5564300c360ac729086e2cc806e828a"));
        assert!(SigningKey::from_seed(1, &seed[1..]).is_none());
    }
}
