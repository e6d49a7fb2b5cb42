//! The text of an audit row that its entry in the log is the hash of.
//!
//! One line for each field, in a fixed order. What says who did what to whom stands there as a salted hash, so that
//! the text, and with it every proof, stays the same after these fields and their salt were erased.

use std::fmt::Write;

use crate::merkle::{Hash, sha256};

/// What may be erased, in the order in which hashes of them are kept.
pub const PERSONAL: [&str; 5] = ["actor_id", "target", "before_hash", "after_hash", "note"];

/// Bytes of a salt: nobody can guess a field from its hash.
pub const SALT_LENGTH: usize = 16;

/// One row, ready to be hashed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    pub tenant_id: String,
    pub environment: String,
    /// Within tenant and environment, from 1, without gaps.
    pub number: u64,
    pub audit_id: String,
    /// Microseconds since 1970, UTC.
    pub at_us: i64,
    pub actor_type: String,
    pub action: String,
    pub outcome: String,
    pub request_id: String,
    pub personal: Personal,
}

/// The fields of [`PERSONAL`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Personal {
    Kept {
        salt: [u8; SALT_LENGTH],
        values: [Option<Vec<u8>>; 5],
    },
    /// What their hashes were.
    Erased([Hash; 5]),
}

impl Personal {
    /// The salted hash of each field.
    #[must_use]
    pub fn hashes(&self) -> [Hash; 5] {
        match self {
            Self::Erased(hashes) => *hashes,
            Self::Kept { salt, values } => std::array::from_fn(|at| {
                let name = PERSONAL[at].as_bytes();
                match &values[at] {
                    Some(value) => sha256(&[salt, name, &[0, 1], value]),
                    None => sha256(&[salt, name, &[0, 0]]),
                }
            }),
        }
    }
}

impl Row {
    /// The text that is hashed.
    #[must_use]
    pub fn text(&self) -> String {
        let [actor_id, target, before, after, note] = self.personal.hashes();
        let mut text = String::from("attestry audit row v1\n");
        line(&mut text, "tenant_id", &self.tenant_id);
        line(&mut text, "environment", &self.environment);
        line(&mut text, "number", &self.number.to_string());
        line(&mut text, "audit_id", &self.audit_id);
        line(&mut text, "at_us", &self.at_us.to_string());
        line(&mut text, "actor_type", &self.actor_type);
        line(&mut text, "actor_id", &hex(&actor_id));
        line(&mut text, "action", &self.action);
        line(&mut text, "target", &hex(&target));
        line(&mut text, "outcome", &self.outcome);
        line(&mut text, "request_id", &self.request_id);
        line(&mut text, "before_hash", &hex(&before));
        line(&mut text, "after_hash", &hex(&after));
        line(&mut text, "note", &hex(&note));
        text
    }

    /// What the log's entry holds: SHA-256 of the text.
    #[must_use]
    pub fn entry(&self) -> Hash {
        sha256(&[self.text().as_bytes()])
    }
}

/// A name, a space and a value in which every byte beside printable ASCII is written as `%` and two digits: no value
/// can look like another line.
pub(crate) fn line(text: &mut String, name: &str, value: &str) {
    text.push_str(name);
    text.push(' ');
    for byte in value.bytes() {
        match byte {
            b'!'..=b'~' if byte != b'%' => text.push(char::from(byte)),
            _ => write!(text, "%{byte:02X}").expect("a text takes what is written"),
        }
    }
    text.push('\n');
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a text takes what is written");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            tenant_id: "tn_1".into(),
            environment: "live".into(),
            number: 7,
            audit_id: "aud_1".into(),
            at_us: 1_780_000_000_000_000,
            actor_type: "operator".into(),
            action: "platform.key.create".into(),
            outcome: "done".into(),
            request_id: "req_1".into(),
            personal: Personal::Kept {
                salt: [9; SALT_LENGTH],
                values: [Some(b"Asha".to_vec()), Some(b"key_1".to_vec()), None, Some(vec![1; 32]), None],
            },
        }
    }

    #[test]
    fn the_text_of_version_1_never_changes() {
        let text = row().text();
        assert!(text.starts_with(
            "attestry audit row v1\ntenant_id tn_1\nenvironment live\nnumber 7\naudit_id aud_1\n"
        ));
        assert_eq!(text.lines().count(), 15);
        // Computed with Python's hashlib.
        assert_eq!(hex(&row().entry()), "3e280a30d7b2ab4974bcd93284e6ced236a44691e94e0b50c402d62de98534a9");
    }

    #[test]
    fn every_field_changes_the_entry() {
        let entry = row().entry();
        let changes: [fn(&mut Row); 15] = [
            |row| row.tenant_id.push('1'),
            |row| row.environment = "test".into(),
            |row| row.number = 8,
            |row| row.audit_id.push('1'),
            |row| row.at_us += 1,
            |row| row.actor_type = "key".into(),
            |row| row.action.push('d'),
            |row| row.outcome = "refused".into(),
            |row| row.request_id.push('1'),
            |row| values(row)[0] = Some(b"Asho".to_vec()),
            |row| values(row)[1] = None,
            |row| values(row)[2] = Some(vec![]),
            |row| values(row)[3] = Some(vec![2; 32]),
            |row| values(row)[4] = Some(b"why".to_vec()),
            |row| values(row).swap(0, 1),
        ];
        for (at, change) in changes.iter().enumerate() {
            let mut changed = row();
            change(&mut changed);
            assert_ne!(changed.entry(), entry, "change {at}");
        }
    }

    fn values(row: &mut Row) -> &mut [Option<Vec<u8>>; 5] {
        match &mut row.personal {
            Personal::Kept { values, .. } => values,
            Personal::Erased(_) => unreachable!("this row was not erased"),
        }
    }

    #[test]
    fn erasure_keeps_the_entry() {
        let kept = row();
        let erased = Row { personal: Personal::Erased(kept.personal.hashes()), ..row() };
        assert_eq!(erased.entry(), kept.entry());
    }

    #[test]
    fn no_value_looks_like_another_line() {
        let hostile = Row { action: "a\noutcome done%".into(), outcome: String::new(), ..row() };
        assert!(hostile.text().contains("\naction a%0Aoutcome%20done%25\n"), "{}", hostile.text());
        assert_eq!(hostile.text().lines().count(), 15);
    }
}
