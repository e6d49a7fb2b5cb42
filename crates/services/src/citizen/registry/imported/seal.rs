//! How a record is hidden: a keyed MAC in place of its number, AES-256-GCM around the rest.
//!
//! Each generation has a random key of its own.
//! Nonces: 8 random bytes for each part of an import, then 4 bytes that count the rows of that part.
//! That two of the fifty parts of a million rows begin with the same random bytes is one chance in 2^53.
//! A part that is sent again, perhaps with other rows, gets new random bytes, so no nonce is used for two texts.
//! The generation and the whole MAC are authenticated with each record, so that none can be moved to another number.

use aws_lc_rs::aead;
use base::Fault;
use kernel::secrets::Mac;
use kernel::{Random, Secrets};

use crate::citizen::registry::{Record, RecordStatus};

pub(super) const SHORT_LENGTH: usize = 16;
const KEY_LENGTH: usize = 32;
const NONCE_LENGTH: usize = 12;
const DATE_LENGTH: usize = 10;

pub(super) type ShortMac = [u8; SHORT_LENGTH];

/// The key of a generation.
pub(super) struct Key(aead::LessSafeKey);

/// Of a kind of its own: a thief who cannot read it must not even join it with what tenants asked.
pub(super) fn mac(secrets: &Secrets, national_id: &str) -> Mac {
    secrets.subject_mac("registry.national_id", national_id)
}

/// What a record is stored under.
pub(super) fn short(mac: &Mac) -> &ShortMac {
    mac.first_chunk().expect("a MAC is longer")
}

/// A new key, sealed under a root secret.
pub(super) fn new_key(secrets: &Secrets, random: &Random, generation: i64) -> Vec<u8> {
    secrets.seal_root(random, &context(generation), &random.bytes::<KEY_LENGTH>())
}

pub(super) fn open_key(secrets: &Secrets, generation: i64, sealed: &[u8]) -> Result<Key, Fault> {
    let bytes = secrets.open_root(&context(generation), sealed)?;
    let key = aead::UnboundKey::new(&aead::AES_256_GCM, &bytes).map_err(Fault::internal)?;
    Ok(Key(aead::LessSafeKey::new(key)))
}

fn context(generation: i64) -> String {
    format!("registry generation {generation}")
}

/// The nonces of one part of an import.
pub(super) struct Nonces {
    prefix: [u8; 8],
    next: u32,
}

impl Nonces {
    pub(super) fn new(random: &Random) -> Self {
        Self { prefix: random.bytes(), next: 0 }
    }

    fn take(&mut self) -> [u8; NONCE_LENGTH] {
        let mut nonce = [0; NONCE_LENGTH];
        nonce[..8].copy_from_slice(&self.prefix);
        nonce[8..].copy_from_slice(&self.next.to_be_bytes());
        self.next = self.next.checked_add(1).expect("a part is bounded far below 2^32 rows");
        nonce
    }
}

/// Layout: nonce (12 bytes), then AES-256-GCM ciphertext and tag of status (1), birth date (10) and name.
pub(super) fn seal(key: &Key, nonces: &mut Nonces, generation: i64, mac: &Mac, record: &Record) -> Vec<u8> {
    let nonce = nonces.take();
    let mut sealed = Vec::with_capacity(NONCE_LENGTH + 1 + DATE_LENGTH + record.full_name.len() + 16);
    sealed.extend_from_slice(&nonce);
    sealed.push(letter(record.status));
    sealed.extend_from_slice(record.date_of_birth.as_bytes());
    sealed.extend_from_slice(record.full_name.as_bytes());
    let tag = key
        .0
        .seal_in_place_separate_tag(
            aead::Nonce::assume_unique_for_key(nonce),
            associated(generation, mac),
            &mut sealed[NONCE_LENGTH..],
        )
        .expect("a record is far below the limit of AES-GCM");
    sealed.extend_from_slice(tag.as_ref());
    sealed
}

pub(super) fn open(key: &Key, generation: i64, mac: &Mac, sealed: &[u8]) -> Result<Record, Fault> {
    let broken = || {
        Fault::internal("a record of the registry does not open: changed, or sealed by another secrets file")
    };
    let (nonce, body) = sealed.split_first_chunk::<NONCE_LENGTH>().ok_or_else(broken)?;
    let mut body = body.to_vec();
    let nonce = aead::Nonce::assume_unique_for_key(*nonce);
    let plain = key.0.open_in_place(nonce, associated(generation, mac), &mut body).map_err(|_| broken())?;
    let (status, rest) = plain.split_first().ok_or_else(broken)?;
    let (date, name) = std::str::from_utf8(rest)
        .ok()
        .and_then(|rest| rest.split_at_checked(DATE_LENGTH))
        .ok_or_else(broken)?;
    let status = RecordStatus::ALL.iter().copied().find(|known| letter(*known) == *status);
    Ok(Record {
        full_name: name.to_owned(),
        date_of_birth: date.to_owned(),
        status: status.ok_or_else(broken)?,
    })
}

fn associated(generation: i64, mac: &Mac) -> aead::Aad<[u8; 40]> {
    let mut bytes = [0; 40];
    bytes[..8].copy_from_slice(&generation.to_be_bytes());
    bytes[8..].copy_from_slice(mac);
    aead::Aad::from(bytes)
}

const fn letter(status: RecordStatus) -> u8 {
    match status {
        RecordStatus::Active => b'A',
        RecordStatus::Deceased => b'D',
        RecordStatus::Blocked => b'B',
    }
}
