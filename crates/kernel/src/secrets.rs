//! Root secrets: they live outside the database, and everything stored is keyed by them.
//!
//! Kinds: `pepper` (MACs of credentials and of Idempotency-Keys), `reply` (sealing of saved replies),
//! `development` (the keys that `attestry dev` prints), `operator` (the operator API's token), `personal` (the keys
//! under which personal data is sealed, and the MACs by which it is found), `code` (roots of the keys that mint product
//! codes, one epoch a version), `audit` and `webhook` (seeds of the
//! Ed25519 keys that sign the audit log's checkpoints and what is delivered; their public halves are published).
//! Each has numbered versions; the highest activated one makes new MACs, older ones still recognise theirs.

mod seal;
mod signing;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_lc_rs::hmac;
use base::{Environment, Fault, Secret};
use serde::{Deserialize, Serialize};

use crate::ctx::Random;

pub use seal::{open, seal};
pub use signing::SigningKey;

pub const SECRET_LENGTH: usize = 32;
/// A token of a product code has five bits for its epoch, and the last value is kept free.
pub const CODE_VERSION_MAX: u32 = 30;

/// A keyed MAC: 32 bytes of HMAC-SHA-256 (RFC 2104).
pub type Mac = [u8; 32];

/// The secrets file: hexadecimal secrets by kind and version.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretsFile {
    pub pepper: BTreeMap<String, String>,
    pub reply: BTreeMap<String, String>,
    pub development: BTreeMap<String, String>,
    pub operator: BTreeMap<String, String>,
    /// Files of before there was personal data lack it: see [`Self::complete`].
    #[serde(default)]
    pub personal: BTreeMap<String, String>,
    /// As `personal`.
    #[serde(default)]
    pub audit: BTreeMap<String, String>,
    /// As `personal`.
    #[serde(default)]
    pub webhook: BTreeMap<String, String>,
    /// As `personal`.
    #[serde(default)]
    pub code: BTreeMap<String, String>,
}

impl SecretsFile {
    /// Fresh secrets, version 1 of each kind.
    #[must_use]
    pub fn generate(random: &Random) -> Self {
        Self {
            pepper: first_version(random),
            reply: first_version(random),
            development: first_version(random),
            operator: first_version(random),
            personal: first_version(random),
            audit: first_version(random),
            webhook: first_version(random),
            code: first_version(random),
        }
    }

    /// Adds the kinds that an older file lacks, and says whether there were any.
    #[must_use]
    pub fn complete(&mut self, random: &Random) -> bool {
        let mut is_changed = false;
        for kind in [&mut self.personal, &mut self.audit, &mut self.webhook, &mut self.code] {
            if kind.is_empty() {
                *kind = first_version(random);
                is_changed = true;
            }
        }
        is_changed
    }

    /// Adds the next version of the pepper and returns its number; it is used once it is activated.
    ///
    /// # Errors
    /// When the file's versions are not numbers.
    pub fn add_pepper(&mut self, random: &Random) -> Result<u32, Fault> {
        add_version(&mut self.pepper, "pepper", random)
    }

    /// The same for the roots of product codes: the next epoch.
    ///
    /// # Errors
    /// When the file's versions are not numbers, or there are [`CODE_VERSION_MAX`] already.
    pub fn add_code(&mut self, random: &Random) -> Result<u32, Fault> {
        if versions(&self.code, "code")?.contains_key(&CODE_VERSION_MAX) {
            return Err(Fault::conflict(format!(
                "There are {CODE_VERSION_MAX} epochs of product codes at most."
            )));
        }
        add_version(&mut self.code, "code", random)
    }
}

impl fmt::Debug for SecretsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretsFile([redacted])")
    }
}

/// The root secrets of a running process.
pub struct Secrets {
    peppers: BTreeMap<u32, hmac::Key>,
    active_pepper: AtomicU32,
    replies: BTreeMap<u32, hmac::Key>,
    development: hmac::Key,
    operator_token: Secret,
    personal: BTreeMap<u32, hmac::Key>,
    audit: BTreeMap<u32, SigningKey>,
    webhook: BTreeMap<u32, SigningKey>,
    codes: BTreeMap<u32, hmac::Key>,
}

impl Secrets {
    /// Reads the secrets of a file. The pepper starts at the lowest version until [`Self::activate_pepper`].
    ///
    /// # Errors
    /// When a kind is empty, a version is no number or a secret is not 64 hexadecimal characters.
    pub fn from_file(file: &SecretsFile) -> Result<Self, Fault> {
        let peppers = mac_keys(&file.pepper, "pepper")?;
        let lowest = *peppers.keys().next().ok_or_else(|| broken("pepper"))?;
        let development = newest(mac_keys(&file.development, "development")?, "development")?;
        let operator = newest(mac_keys(&file.operator, "operator")?, "operator")?;
        Ok(Self {
            peppers,
            active_pepper: AtomicU32::new(lowest),
            replies: mac_keys(&file.reply, "reply")?,
            development,
            operator_token: Secret::new(format!(
                "at_operator_{}",
                hex(sign(&operator, &[b"operator token"]).as_ref())
            )),
            personal: mac_keys(&file.personal, "personal")?,
            audit: signing_keys(&file.audit, "audit")?,
            webhook: signing_keys(&file.webhook, "webhook")?,
            codes: code_keys(&file.code)?,
        })
    }

    /// What tells each shared secret from another, by kind and version, and does not tell the secret: a MAC over a
    /// constant, or a public key. Equal on two nodes only if the secrets are.
    pub fn checks(&self) -> impl Iterator<Item = (&'static str, u32, Mac)> + '_ {
        let kinds = [
            ("pepper", &self.peppers),
            ("reply", &self.replies),
            ("personal", &self.personal),
            ("code", &self.codes),
        ];
        let macs = kinds.into_iter().flat_map(|(kind, keys)| {
            keys.iter().map(move |(version, key)| (kind, *version, mac(key, &[b"check", kind.as_bytes()])))
        });
        let pairs = [("audit", &self.audit), ("webhook", &self.webhook)];
        macs.chain(pairs.into_iter().flat_map(|(kind, keys)| {
            keys.iter().map(move |(version, key)| (kind, *version, key.public_key()))
        }))
    }

    /// The key that signs checkpoints of the audit log: the newest.
    #[must_use]
    pub fn audit_key(&self) -> &SigningKey {
        newest_of(&self.audit)
    }

    /// Every key that checkpoints of the audit log were ever signed with, newest first.
    pub fn audit_keys(&self) -> impl Iterator<Item = &SigningKey> {
        self.audit.values().rev()
    }

    /// The key that signs what webhooks deliver: the newest.
    #[must_use]
    pub fn webhook_key(&self) -> &SigningKey {
        newest_of(&self.webhook)
    }

    /// Every key that deliveries were ever signed with, newest first.
    pub fn webhook_keys(&self) -> impl Iterator<Item = &SigningKey> {
        self.webhook.values().rev()
    }

    /// Makes new MACs with this version from now on.
    ///
    /// # Errors
    /// When this process does not hold that version: the file must be distributed first.
    pub fn activate_pepper(&self, version: u32) -> Result<(), Fault> {
        if !self.peppers.contains_key(&version) {
            return Err(Fault::conflict(format!(
                "The database uses version {version} of the pepper, which this secrets file lacks. Copy the newer secrets file to this node."
            )));
        }
        self.active_pepper.store(version, Ordering::SeqCst);
        Ok(())
    }

    #[must_use]
    pub fn active_pepper(&self) -> u32 {
        self.active_pepper.load(Ordering::SeqCst)
    }

    pub fn pepper_versions(&self) -> impl Iterator<Item = u32> + '_ {
        self.peppers.keys().copied()
    }

    /// The MAC under which a credential made now is stored.
    #[must_use]
    pub fn credential_mac(&self, text: &str) -> Mac {
        self.mac(self.active_pepper(), b"credential", text.as_bytes())
    }

    /// The MACs a credential may be stored under, the active version first.
    pub fn credential_macs<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Mac> + 'a {
        let active = self.active_pepper();
        let older = self.peppers.keys().rev().copied().filter(move |&version| version != active);
        std::iter::once(active)
            .chain(older)
            .map(move |version| self.mac(version, b"credential", text.as_bytes()))
    }

    /// The MAC of an Idempotency-Key. Always of the lowest pepper, so that a rotation cannot make a retry new.
    #[must_use]
    pub fn idempotency_mac(&self, raw: &str) -> Mac {
        let lowest = self.peppers.keys().next().copied().unwrap_or_default();
        self.mac(lowest, b"idempotency", raw.as_bytes())
    }

    /// The MAC of a cursor: a position in a list, bound to everything that says which list it is.
    #[must_use]
    pub fn cursor_mac(&self, parts: &[&str]) -> Mac {
        let lowest = self.peppers.values().next().expect("the file was checked to hold a version");
        let parts = parts.iter().map(|part| part.as_bytes());
        let message: Vec<&[u8]> = std::iter::once(&b"cursor"[..]).chain(parts).collect();
        let mut mac = Mac::default();
        mac.copy_from_slice(sign(lowest, &message).as_ref());
        mac
    }

    /// Bytes that development keys are made of: the same for the same label and secrets file.
    #[must_use]
    pub fn development_bytes(&self, label: &str) -> [u8; 17] {
        let tag = sign(&self.development, &[label.as_bytes()]);
        let mut bytes = [0; 17];
        bytes.copy_from_slice(&tag.as_ref()[..17]);
        bytes
    }

    /// The bearer token of the operator API.
    #[must_use]
    pub const fn operator_token(&self) -> &Secret {
        &self.operator_token
    }

    /// Encrypts a reply so that only the raw Idempotency-Key that made it opens it again.
    ///
    /// Layout: version (4 bytes, big-endian), then as [`seal`].
    #[must_use]
    pub fn seal_reply(&self, random: &Random, scope: &str, raw_key: &str, plain: &[u8]) -> Vec<u8> {
        let (&version, root) = self.replies.last_key_value().expect("the file was checked to hold a version");
        let key = mac(root, &[scope.as_bytes(), raw_key.as_bytes()]);
        [&version.to_be_bytes()[..], &seal(&key, random, scope, plain)].concat()
    }

    /// Opens what [`Self::seal_reply`] made for the same scope and raw key.
    ///
    /// # Errors
    /// When it was made by another key or secrets file, or was changed.
    pub fn open_reply(&self, scope: &str, raw_key: &str, sealed: &[u8]) -> Result<Vec<u8>, Fault> {
        versioned(&self.replies, sealed)
            .and_then(|(root, rest)| open(&mac(root, &[scope.as_bytes(), raw_key.as_bytes()]), scope, rest))
            .ok_or_else(|| {
                Fault::internal("a saved reply does not open: changed, or sealed by another secrets file")
            })
    }

    /// By which something personal is found without being stored: `kind` is what it is, such as `national_id`.
    /// Always of the lowest version, so that it is found after a rotation too.
    #[must_use]
    pub fn subject_mac(&self, kind: &str, text: &str) -> Mac {
        let (_, lowest) = self.personal.first_key_value().expect("the file was checked to hold a version");
        mac(lowest, &[b"subject", kind.as_bytes(), text.as_bytes()])
    }

    /// Encrypts what belongs to the whole installation, such as the key of another thing, under a root secret.
    /// `context` says what it is and whose, and must be given again to open it.
    ///
    /// Layout: version (4 bytes, big-endian), then as [`seal`].
    #[must_use]
    pub fn seal_root(&self, random: &Random, context: &str, plain: &[u8]) -> Vec<u8> {
        let (&version, root) =
            self.personal.last_key_value().expect("the file was checked to hold a version");
        let key = mac(root, &[b"root", context.as_bytes()]);
        [&version.to_be_bytes()[..], &seal(&key, random, context, plain)].concat()
    }

    /// Opens what [`Self::seal_root`] made for the same context.
    ///
    /// # Errors
    /// When it was made by another secrets file, or was changed.
    pub fn open_root(&self, context: &str, sealed: &[u8]) -> Result<Vec<u8>, Fault> {
        versioned(&self.personal, sealed)
            .and_then(|(root, rest)| open(&mac(root, &[b"root", context.as_bytes()]), context, rest))
            .ok_or_else(|| {
                Fault::internal(format!(
                    "{context} does not open: changed, or sealed by another secrets file"
                ))
            })
    }

    /// The roots from which the keys of product codes are derived, by epoch. Test and live share none.
    pub fn code_roots(&self, environment: Environment) -> impl Iterator<Item = (u8, Mac)> + '_ {
        self.codes.iter().map(move |(version, key)| {
            let epoch = u8::try_from(*version).expect("the file was checked to hold no higher version");
            (epoch, mac(key, &[b"code root", environment.name().as_bytes()]))
        })
    }

    fn mac(&self, version: u32, purpose: &[u8], message: &[u8]) -> Mac {
        let pepper = self.peppers.get(&version).expect("only versions of this map are asked for");
        mac(pepper, &[purpose, message])
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets([redacted])")
    }
}

/// Compares two secrets in a time that does not depend on where they differ.
#[must_use]
pub fn is_equal(left: &[u8], right: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(left, right).is_ok()
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

fn sign(key: &hmac::Key, parts: &[&[u8]]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        // The length before each part keeps ("ab", "c") and ("a", "bc") apart.
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    context.sign()
}

fn mac(key: &hmac::Key, parts: &[&[u8]]) -> Mac {
    let mut mac = Mac::default();
    mac.copy_from_slice(sign(key, parts).as_ref());
    mac
}

/// The key of the version that sealed bytes begin with, and the bytes after it.
fn versioned<'a>(keys: &'a BTreeMap<u32, hmac::Key>, sealed: &'a [u8]) -> Option<(&'a hmac::Key, &'a [u8])> {
    let (version, rest) = sealed.split_first_chunk::<4>()?;
    Some((keys.get(&u32::from_be_bytes(*version))?, rest))
}

fn first_version(random: &Random) -> BTreeMap<String, String> {
    BTreeMap::from([("1".to_owned(), hex(&random.bytes::<SECRET_LENGTH>()))])
}

fn add_version(entries: &mut BTreeMap<String, String>, kind: &str, random: &Random) -> Result<u32, Fault> {
    let next = versions(entries, kind)?.keys().max().copied().unwrap_or(0) + 1;
    entries.insert(next.to_string(), hex(&random.bytes::<SECRET_LENGTH>()));
    Ok(next)
}

fn code_keys(entries: &BTreeMap<String, String>) -> Result<BTreeMap<u32, hmac::Key>, Fault> {
    let keys = mac_keys(entries, "code")?;
    if keys.keys().all(|version| (1..=CODE_VERSION_MAX).contains(version)) {
        return Ok(keys);
    }
    Err(Fault::invalid("secrets.code", format!("versions are 1 to {CODE_VERSION_MAX}")))
}

fn mac_keys(entries: &BTreeMap<String, String>, kind: &str) -> Result<BTreeMap<u32, hmac::Key>, Fault> {
    let keys: BTreeMap<u32, hmac::Key> = versions(entries, kind)?
        .into_iter()
        .map(|(version, secret)| (version, hmac::Key::new(hmac::HMAC_SHA256, &secret)))
        .collect();
    if keys.is_empty() { Err(broken(kind)) } else { Ok(keys) }
}

fn signing_keys(entries: &BTreeMap<String, String>, kind: &str) -> Result<BTreeMap<u32, SigningKey>, Fault> {
    let keys: Option<BTreeMap<u32, SigningKey>> = versions(entries, kind)?
        .into_iter()
        .map(|(version, seed)| Some((version, SigningKey::from_seed(version, &seed)?)))
        .collect();
    keys.filter(|keys| !keys.is_empty()).ok_or_else(|| broken(kind))
}

fn newest_of(keys: &BTreeMap<u32, SigningKey>) -> &SigningKey {
    keys.values().next_back().expect("the file was checked to hold a version")
}

fn newest(mut keys: BTreeMap<u32, hmac::Key>, kind: &str) -> Result<hmac::Key, Fault> {
    keys.pop_last().map(|(_, key)| key).ok_or_else(|| broken(kind))
}

fn versions(entries: &BTreeMap<String, String>, kind: &str) -> Result<BTreeMap<u32, Vec<u8>>, Fault> {
    entries
        .iter()
        .map(|(version, text)| {
            let version = version.parse().map_err(|_| broken(kind))?;
            let secret =
                unhex(text).filter(|secret| secret.len() == SECRET_LENGTH).ok_or_else(|| broken(kind))?;
            Ok((version, secret))
        })
        .collect()
}

/// What [`hex`] wrote, in either case; `None` for anything else.
#[must_use]
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|letter| letter.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits?;
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(|pair| (pair[0] << 4) | pair[1]).collect())
}

fn broken(kind: &str) -> Fault {
    Fault::invalid(
        format!("secrets.{kind}"),
        "needs at least one entry like 1 = \"64 hexadecimal characters\"; restore the file from your backup",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        Secrets::from_file(&SecretsFile::generate(&Random::system())).unwrap()
    }

    #[test]
    fn a_sealed_reply_opens_only_with_its_own_key_and_scope() {
        let (secrets, random) = (secrets(), Random::system());
        let sealed = secrets.seal_reply(&random, "live:quota", "key-1", b"{\"token\":\"t\"}");
        assert_eq!(secrets.open_reply("live:quota", "key-1", &sealed).unwrap(), b"{\"token\":\"t\"}");
        assert!(secrets.open_reply("live:quota", "key-2", &sealed).is_err());
        assert!(secrets.open_reply("test:quota", "key-1", &sealed).is_err());
        for position in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[position] ^= 1;
            assert!(secrets.open_reply("live:quota", "key-1", &changed).is_err(), "byte {position}");
        }
    }

    #[test]
    fn a_credential_is_still_recognised_after_the_pepper_was_rotated() {
        let mut file = SecretsFile::generate(&Random::system());
        let before = Secrets::from_file(&file).unwrap().credential_mac("xa_live_1");
        let version = file.add_pepper(&Random::system()).unwrap();
        let secrets = Secrets::from_file(&file).unwrap();
        secrets.activate_pepper(version).unwrap();
        assert_ne!(secrets.credential_mac("xa_live_1"), before);
        assert!(secrets.credential_macs("xa_live_1").any(|mac| mac == before));
        assert!(secrets.activate_pepper(version + 1).is_err());
    }

    #[test]
    fn a_file_of_before_a_kind_existed_is_completed_once_and_nothing_else_of_it_changes() {
        let random = Random::system();
        let whole = SecretsFile::generate(&random);
        let none = BTreeMap::new;
        let of_before = [
            SecretsFile { personal: none(), audit: none(), webhook: none(), code: none(), ..whole.clone() },
            SecretsFile { audit: none(), webhook: none(), code: none(), ..whole.clone() },
            SecretsFile { webhook: none(), code: none(), ..whole.clone() },
            SecretsFile { code: none(), ..whole.clone() },
        ];
        for mut older in of_before {
            assert!(Secrets::from_file(&older).is_err());
            let kept = older.clone();
            assert!(older.complete(&random) && !older.complete(&random));
            assert_eq!((&older.pepper, &older.reply), (&whole.pepper, &whole.reply));
            assert!(kept.personal.is_empty() || kept.personal == older.personal);
            assert!(kept.audit.is_empty() || kept.audit == older.audit);
            assert!(Secrets::from_file(&older).is_ok());
        }
    }

    #[test]
    fn the_newest_key_signs_and_the_older_ones_are_still_told() {
        let mut file = SecretsFile::generate(&Random::system());
        file.audit.insert("2".to_owned(), hex(&[7; SECRET_LENGTH]));
        let secrets = Secrets::from_file(&file).unwrap();
        assert_eq!(secrets.audit_key().version(), 2);
        assert_eq!(secrets.audit_keys().map(SigningKey::version).collect::<Vec<_>>(), [2, 1]);
        assert_ne!(secrets.audit_keys().last().unwrap().public_key(), secrets.webhook_key().public_key());
        let checks = secrets.checks().filter(|(kind, ..)| *kind == "audit");
        assert_eq!(checks.count(), 2);
    }

    #[test]
    fn what_a_root_secret_seals_opens_only_in_its_own_context_and_with_its_own_file() {
        let random = Random::system();
        let (own, foreign) = (secrets(), secrets());
        let sealed = own.seal_root(&random, "a registry", b"plain");
        assert_eq!(own.open_root("a registry", &sealed).unwrap(), b"plain");
        assert!(own.open_root("another", &sealed).is_err());
        assert!(foreign.open_root("a registry", &sealed).is_err());
        assert!(own.open_root("a registry", &sealed[..10]).is_err());
        assert_ne!(own.subject_mac("a", "1"), own.subject_mac("b", "1"));
        assert_ne!(own.subject_mac("a", "1"), foreign.subject_mac("a", "1"));
    }

    #[test]
    fn a_broken_secrets_file_is_refused() {
        for text in ["", "12", "zz", &"0".repeat(63), &"0".repeat(66)] {
            let mut file = SecretsFile::generate(&Random::system());
            file.pepper.insert("1".to_owned(), text.to_owned());
            assert!(Secrets::from_file(&file).is_err(), "{text}");
        }
    }
}
