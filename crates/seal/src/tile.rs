//! Tiles of a log and their paths (C2SP tlog-tiles): 256 hashes of one level, each the root of a full tile below.

use std::fmt;

use crate::merkle::Hash;

/// Hashes of a full tile.
pub const WIDTH: u64 = 256;
/// Levels of the tree that one tile spans.
pub const HEIGHT: u32 = 8;
/// The highest level of tiles that a tree of 64-bit size can have.
pub const LEVEL_MAX: u8 = 7;

/// What a path names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// Hashes; level 0 holds the leaves'.
    Level(u8),
    /// The entries that the leaves are hashes of.
    Entries,
}

/// A tile, or its first hashes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Tile {
    pub kind: Kind,
    pub number: u64,
    /// How many of its hashes or entries: 1 to 256.
    pub width: u64,
}

impl Tile {
    /// Reads what follows `tile/`: `0/x001/234`, `entries/067.p/5`. `None` for any other spelling.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let (kind, rest) = path.split_once('/')?;
        let kind = match kind {
            "entries" => Kind::Entries,
            level => Kind::Level(plain(level).and_then(|level| u8::try_from(level).ok())?),
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, plain(width).filter(|width| (1..WIDTH).contains(width))?),
            None => (rest, WIDTH),
        };
        let own = Self { kind, number: parse_number(number)?, width };
        let is_level = !matches!(kind, Kind::Level(level) if level > LEVEL_MAX);
        (is_level && own.to_string() == path).then_some(own)
    }

    /// How many hashes of this level there are in a log of this size.
    #[must_use]
    pub const fn hashes_at(level: u8, size: u64) -> u64 {
        size >> (HEIGHT * level as u32)
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Level(level) => write!(f, "{level}/")?,
            Kind::Entries => f.write_str("entries/")?,
        }
        // Three digits each, and an x before all but the last.
        let mut groups = Vec::new();
        let mut rest = self.number;
        loop {
            groups.push(rest % 1000);
            rest /= 1000;
            if rest == 0 {
                break;
            }
        }
        for group in groups[1..].iter().rev() {
            write!(f, "x{group:03}/")?;
        }
        write!(f, "{:03}", groups[0])?;
        if self.width < WIDTH { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

/// The hashes of a tile's bytes; `None` when they are not whole hashes, or more than a tile has.
#[must_use]
pub fn hashes(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    (rest.is_empty() && hashes.len() as u64 <= WIDTH).then(|| hashes.to_vec())
}

fn parse_number(text: &str) -> Option<u64> {
    text.split('/').try_fold(0_u64, |number, group| {
        let digits = group.strip_prefix('x').unwrap_or(group);
        let is_three = digits.len() == 3 && digits.bytes().all(|digit| digit.is_ascii_digit());
        let group: u64 = digits.parse().ok().filter(|_| is_three)?;
        number.checked_mul(1000)?.checked_add(group)
    })
}

/// A decimal number without signs or leading zeros.
fn plain(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        let tile = |kind, number, width| Some(Tile { kind, number, width });
        assert_eq!(Tile::parse("0/x001/x234/067"), tile(Kind::Level(0), 1_234_067, 256));
        assert_eq!(Tile::parse("1/000.p/8"), tile(Kind::Level(1), 0, 8));
        assert_eq!(Tile::parse("entries/x001/000.p/255"), tile(Kind::Entries, 1000, 255));
    }

    #[test]
    fn any_other_spelling_is_refused() {
        for path in [
            "",
            "0",
            "0/",
            "0/0",
            "0/00",
            "0/0000",
            "00/000",
            "8/000",
            "-1/000",
            "+1/000",
            "0/x000/001",
            "0/001/002",
            "0/x001",
            "0/x001/",
            "0/000.p/0",
            "0/000.p/256",
            "0/000.p/01",
            "0/000.p/",
            "0/000.p",
            "0/000/",
            "0/00a",
            "Entries/000",
            "data/000",
            "0/x999/x999/x999/x999/x999/x999/x999/999",
            "0/000.p/1.p/1",
        ] {
            assert_eq!(Tile::parse(path), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn a_path_is_read_as_it_was_written(level in 0..=LEVEL_MAX, number: u64, width in 1..=WIDTH, is_entries: bool) {
            let kind = if is_entries { Kind::Entries } else { Kind::Level(level) };
            let tile = Tile { kind, number, width };
            prop_assert_eq!(Tile::parse(&tile.to_string()), Some(tile));
        }
    }
}
