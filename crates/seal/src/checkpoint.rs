//! The text of a checkpoint (C2SP tlog-checkpoint): which log, how long, and its root.

use crate::base64;
use crate::merkle::Hash;

/// What a log commits itself to when it signs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// The log's name, which no other log has.
    pub origin: String,
    /// How many leaves.
    pub size: u64,
    pub root: Hash,
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, base64::encode(&self.root))
    }

    /// Reads a signed text. Lines after the third are extensions, which say nothing about the tree.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        if origin.is_empty() || lines.any(str::is_empty) {
            return None;
        }
        let root = base64::decode(root)?.try_into().ok()?;
        let is_plain = size.parse::<u64>().ok()?.to_string() == size;
        is_plain.then(|| Some(Self { origin: origin.to_owned(), size: size.parse().ok()?, root })).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_as_it_was_written_and_with_extensions() {
        let checkpoint = Checkpoint { origin: "log.example/1".into(), size: 20_852_163, root: [7; 32] };
        let text = checkpoint.text();
        assert_eq!(text, "log.example/1\n20852163\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n");
        assert_eq!(Checkpoint::parse(&text), Some(checkpoint.clone()));
        assert_eq!(Checkpoint::parse(&format!("{text}more\n")), Some(checkpoint));
    }

    #[test]
    fn any_other_text_is_refused() {
        let good = Checkpoint { origin: "o".into(), size: 3, root: [7; 32] }.text();
        for wrong in [
            "",
            "\n",
            "o\n3\n",
            &good[1..],
            &good[..good.len() - 1],
            &good.replace('3', "03"),
            &good.replace('3', "+3"),
            &good.replace('3', "-3"),
            &good.replace('3', "18446744073709551616"),
            &good.replace('=', ""),
            &format!("{good}\n"),
        ] {
            assert_eq!(Checkpoint::parse(wrong), None, "{wrong:?}");
        }
    }
}
