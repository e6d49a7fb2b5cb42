//! An export of audit rows: one JSON object a line. The first names the logs and holds their checkpoints, the last
//! counts the rows, and each between them is a row with the proof that it is in its log.

mod check;

use serde::{Deserialize, Serialize};

use crate::base64;
use crate::merkle::Hash;
use crate::row::{PERSONAL, Personal, Row, hex};

pub use check::{Checker, Summary};

/// What this version writes and reads.
pub const VERSION: u32 = 1;
/// The longest line that is read, in bytes.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// A line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Line {
    Export(Header),
    Row(Box<Proven>),
    End(End),
}

/// What is exported.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    pub version: u32,
    /// Whose rows; all rows of all tenants when there is none.
    pub tenant_id: Option<String>,
    pub environment: Option<String>,
    /// The rows behind this number.
    pub after: u64,
    /// Every log that rows may be in, the oldest first.
    pub logs: Vec<Log>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub origin: String,
    /// The signed note that the proofs lead to.
    pub checkpoint: String,
}

/// A row and its proof.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proven {
    /// The origin of the log that it is in.
    pub log: String,
    pub index: u64,
    pub tenant_id: String,
    pub environment: String,
    pub number: u64,
    pub audit_id: String,
    pub at_us: i64,
    pub actor_type: String,
    pub actor_id: Option<String>,
    pub action: String,
    pub target: Option<String>,
    pub outcome: String,
    pub request_id: String,
    /// Hexadecimal, as all hashes here but those of the proof.
    pub before_hash: Option<String>,
    pub after_hash: Option<String>,
    pub note: Option<String>,
    /// What blinds the fields of [`PERSONAL`].
    pub salt: Option<String>,
    /// In place of these fields and their salt, after they were erased.
    pub erased: Option<[String; 5]>,
    /// Base64, from the leaf up.
    pub proof: Vec<String>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    pub rows: u64,
}

impl Line {
    /// Its JSON.
    ///
    /// # Panics
    /// Never: all keys are text.
    #[must_use]
    pub fn text(&self) -> String {
        serde_json::to_string(self).expect("a line is a struct with text as keys")
    }
}

impl Proven {
    /// The line of a row.
    #[must_use]
    pub fn new(origin: &str, index: u64, row: &Row, proof: &[Hash]) -> Self {
        let (salt, values, erased) = match &row.personal {
            Personal::Kept { salt, values } => (Some(hex(salt)), values.clone(), None),
            Personal::Erased(hashes) => (None, Default::default(), Some(hashes.map(|hash| hex(&hash)))),
        };
        let text =
            |value: &Option<Vec<u8>>| value.as_deref().map(|v| String::from_utf8_lossy(v).into_owned());
        let hash = |value: &Option<Vec<u8>>| value.as_deref().map(hex);
        Self {
            log: origin.to_owned(),
            index,
            tenant_id: row.tenant_id.clone(),
            environment: row.environment.clone(),
            number: row.number,
            audit_id: row.audit_id.clone(),
            at_us: row.at_us,
            actor_type: row.actor_type.clone(),
            actor_id: text(&values[0]),
            action: row.action.clone(),
            target: text(&values[1]),
            outcome: row.outcome.clone(),
            request_id: row.request_id.clone(),
            before_hash: hash(&values[2]),
            after_hash: hash(&values[3]),
            note: text(&values[4]),
            salt,
            erased,
            proof: proof.iter().map(|hash| base64::encode(hash)).collect(),
        }
    }

    /// The row as it is hashed; `None` when a field cannot be what was hashed.
    #[must_use]
    pub fn row(&self) -> Option<Row> {
        let personal = match (&self.salt, &self.erased) {
            (Some(salt), None) => {
                Personal::Kept { salt: unhex(salt)?.try_into().ok()?, values: self.values()? }
            }
            (None, Some(hashes)) if self.values()? == <[Option<Vec<u8>>; 5]>::default() => {
                let hashes: Option<Vec<Hash>> =
                    hashes.iter().map(|hash| unhex(hash)?.try_into().ok()).collect();
                Personal::Erased(hashes?.try_into().ok()?)
            }
            _ => return None,
        };
        Some(Row {
            tenant_id: self.tenant_id.clone(),
            environment: self.environment.clone(),
            number: self.number,
            audit_id: self.audit_id.clone(),
            at_us: self.at_us,
            actor_type: self.actor_type.clone(),
            action: self.action.clone(),
            outcome: self.outcome.clone(),
            request_id: self.request_id.clone(),
            personal,
        })
    }

    /// In the order of [`PERSONAL`].
    fn values(&self) -> Option<[Option<Vec<u8>>; PERSONAL.len()]> {
        let text = |value: &Option<String>| value.as_ref().map(|text| text.clone().into_bytes());
        let hash =
            |value: &Option<String>| value.as_deref().map(unhex).map_or(Some(None), |hash| hash.map(Some));
        Some([
            text(&self.actor_id),
            text(&self.target),
            hash(&self.before_hash)?,
            hash(&self.after_hash)?,
            text(&self.note),
        ])
    }

    /// The hashes of the proof; `None` when one is no hash.
    #[must_use]
    pub fn hashes(&self) -> Option<Vec<Hash>> {
        self.proof.iter().map(|text| base64::decode(text)?.try_into().ok()).collect()
    }
}

/// Lower-case hexadecimal alone, so that a value has one text.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests;
