//! What the first leaf of a log says: which log this is, why it began, and which one was before it.

use crate::base64;
use crate::checkpoint::Checkpoint;
use crate::merkle::{Hash, sha256};
use crate::row::line;

/// The beginning of a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Beginning {
    pub origin: String,
    pub began_at_us: i64,
    pub reason: String,
    /// How far the log before it reaches in this database.
    pub previous: Option<Checkpoint>,
}

impl Beginning {
    /// The text that is hashed: its lines are written as those of a row.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::from("attestry audit log v1\n");
        line(&mut text, "origin", &self.origin);
        line(&mut text, "began_at_us", &self.began_at_us.to_string());
        line(&mut text, "reason", &self.reason);
        if let Some(previous) = &self.previous {
            line(&mut text, "previous_origin", &previous.origin);
            line(&mut text, "previous_size", &previous.size.to_string());
            line(&mut text, "previous_root", &base64::encode(&previous.root));
        }
        text
    }

    /// What the log's entry 0 holds: SHA-256 of the text.
    #[must_use]
    pub fn entry(&self) -> Hash {
        sha256(&[self.text().as_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_follows_another_names_it() {
        let first = Beginning {
            origin: "attestry/1".into(),
            began_at_us: 5,
            reason: "the first start".into(),
            previous: None,
        };
        assert_eq!(
            first.text(),
            "attestry audit log v1\norigin attestry/1\nbegan_at_us 5\nreason the%20first%20start\n"
        );
        let previous = Checkpoint { origin: "attestry/1".into(), size: 9, root: [7; 32] };
        let second = Beginning { origin: "attestry/2".into(), previous: Some(previous), ..first.clone() };
        assert!(second.text().ends_with(
            "previous_origin attestry/1\nprevious_size 9\nprevious_root BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n"
        ));
        assert_ne!(first.entry(), second.entry());
    }
}
