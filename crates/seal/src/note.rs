//! Signed notes (C2SP signed-note): a text, an empty line, and lines that sign the text with Ed25519 (RFC 8032).

use std::fmt;

use aws_lc_rs::digest::{self, SHA256};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

use crate::base64;

/// The longest note that is read, in bytes.
pub const NOTE_BYTES_MAX: usize = 64 * 1024;
/// The most signature lines of a note that are read.
pub const SIGNATURES_MAX: usize = 16;

/// What the specification calls the signature type of plain Ed25519.
const ED25519_TYPE: u8 = 0x01;

/// A public key with a name, in text form `<name>+<key id>+<base64(0x01 ‖ public key)>`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifierKey {
    name: String,
    public_key: [u8; 32],
}

/// Why a note is not what it should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoteError {
    /// It is no signed note at all.
    Malformed,
    /// No line is signed in the key's name with its id.
    NotSigned,
    /// The signature is not of this text, or not of this key.
    WrongSignature,
}

impl VerifierKey {
    /// `None` for a name that a note cannot hold: empty, or with a space or `+` in it.
    #[must_use]
    pub fn new(name: &str, public_key: [u8; 32]) -> Option<Self> {
        is_name(name).then(|| Self { name: name.to_owned(), public_key })
    }

    /// Reads the text form; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, rest) = text.split_once('+')?;
        let (_, key) = rest.split_once('+')?;
        let key = base64::decode(key)?;
        let (&[ED25519_TYPE], public_key) = key.split_first_chunk::<1>()? else { return None };
        let own = Self::new(name, public_key.try_into().ok()?)?;
        // The id in the text says nothing new: it must be what it would be.
        (own.to_string() == text).then_some(own)
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    #[must_use]
    pub const fn public_key(&self) -> &[u8; 32] {
        &self.public_key
    }

    /// The first four bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key).
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        let mut context = digest::Context::new(&SHA256);
        context.update(self.name.as_bytes());
        context.update(&[b'\n', ED25519_TYPE]);
        context.update(&self.public_key);
        let hash = context.finish();
        let mut id = [0; 4];
        id.copy_from_slice(&hash.as_ref()[..4]);
        id
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[ED25519_TYPE], &self.public_key[..]].concat();
        write!(f, "{}+{:08x}+{}", self.name, u32::from_be_bytes(self.id()), base64::encode(&key))
    }
}

impl fmt::Display for NoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "it is no signed note",
            Self::NotSigned => "it is not signed by this key",
            Self::WrongSignature => "its signature does not fit its text",
        })
    }
}

impl std::error::Error for NoteError {}

/// The note of a text, with a line for each key. With it comes what gives the Ed25519 signature of a message.
///
/// # Panics
/// When the text does not end its last line, or holds another control character: a mistake of the caller.
#[must_use]
pub fn sign<S: Fn(&[u8]) -> [u8; 64]>(text: &str, signers: &[(&VerifierKey, S)]) -> String {
    assert!(is_text(text), "a note is lines of text");
    let mut note = format!("{text}\n");
    for (key, sign) in signers {
        let signature = [&key.id()[..], &sign(text.as_bytes())].concat();
        note.push_str(&format!("— {} {}\n", key.name, base64::encode(&signature)));
    }
    note
}

/// The text of a note that the key signed. Lines of other keys are not looked at.
///
/// # Errors
/// A note that is none, or that the key did not sign.
pub fn open<'a>(note: &'a str, key: &VerifierKey) -> Result<&'a str, NoteError> {
    let (text, signatures) = parse(note).ok_or(NoteError::Malformed)?;
    let is_own = |line: &&(&str, [u8; 4], Vec<u8>)| line.0 == key.name && line.1 == key.id();
    let (_, _, signature) = signatures.iter().find(is_own).ok_or(NoteError::NotSigned)?;
    UnparsedPublicKey::new(&ED25519, key.public_key)
        .verify(text.as_bytes(), signature)
        .map_err(|_| NoteError::WrongSignature)?;
    Ok(text)
}

/// The text of a note without asking who signed it: to see what it claims.
///
/// # Errors
/// [`NoteError::Malformed`].
pub fn unverified(note: &str) -> Result<&str, NoteError> {
    parse(note).map(|(text, _)| text).ok_or(NoteError::Malformed)
}

type Signature<'a> = (&'a str, [u8; 4], Vec<u8>);

fn parse(note: &str) -> Option<(&str, Vec<Signature<'_>>)> {
    if note.len() > NOTE_BYTES_MAX {
        return None;
    }
    // The text may hold empty lines, so the last one separates.
    let end = note.rfind("\n\n")?;
    let (text, lines) = (&note[..=end], note[end + 2..].strip_suffix('\n')?);
    if !is_text(text) {
        return None;
    }
    let signatures: Option<Vec<_>> = lines.split('\n').take(SIGNATURES_MAX + 1).map(signature).collect();
    signatures.filter(|all| all.len() <= SIGNATURES_MAX).map(|all| (text, all))
}

fn signature(line: &str) -> Option<Signature<'_>> {
    let (name, bytes) = line.strip_prefix("— ")?.split_once(' ')?;
    let bytes = base64::decode(bytes)?;
    let (id, signature) = bytes.split_first_chunk::<4>()?;
    (is_name(name) && !signature.is_empty()).then(|| (name, *id, signature.to_vec()))
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.chars().all(|letter| !letter.is_whitespace() && !letter.is_control() && letter != '+')
}

fn is_text(text: &str) -> bool {
    text.ends_with('\n') && text.chars().all(|letter| letter >= ' ' || letter == '\n')
}

#[cfg(test)]
mod tests;
