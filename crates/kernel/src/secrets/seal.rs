//! AES-256-GCM (NIST SP 800-38D) with a random nonce in front.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::ctx::Random;

const NONCE_LENGTH: usize = 12;

/// Encrypts under a key of 32 bytes, bound to `context`. At most 2^32 times under one key, as nonces are random.
///
/// Layout: nonce (12 bytes), ciphertext, tag (16).
#[must_use]
pub fn seal(key: &[u8; 32], random: &Random, context: &str, plain: &[u8]) -> Vec<u8> {
    let nonce = random.bytes::<NONCE_LENGTH>();
    let mut sealed = Vec::with_capacity(NONCE_LENGTH + plain.len() + AES_256_GCM.tag_len());
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(plain);
    let tag = cipher(key)
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(context),
            &mut sealed[NONCE_LENGTH..],
        )
        .expect("what is sealed here is far below the limit of AES-GCM");
    sealed.extend_from_slice(tag.as_ref());
    sealed
}

/// Opens what [`seal`] made. `None`: another key, another context, or changed.
#[must_use]
pub fn open(key: &[u8; 32], context: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, body) = sealed.split_first_chunk::<NONCE_LENGTH>()?;
    let mut body = body.to_vec();
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let length = cipher(key).open_in_place(nonce, Aad::from(context), &mut body).ok()?.len();
    body.truncate(length);
    Some(body)
}

fn cipher(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("AES-256 takes 32 bytes"))
}
