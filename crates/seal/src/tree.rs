//! A tree that is kept as tiles: its root, its proofs, and what changes when it grows.

use std::collections::BTreeMap;

use crate::merkle::{Hash, empty_root, node_hash};
use crate::tile::{HEIGHT, Tile, WIDTH};

/// Tiles that a [`Tree`] keeps: 64 of 16 kB each. A walk along a log reads each tile once.
const TILES_KEPT_MAX: usize = 64;

/// A tree of a fixed size over the tiles that `read` gives by level and number.
///
/// `read` may give more hashes of a tile than the tree has: a log that has grown since is read as it was.
pub struct Tree<R> {
    size: u64,
    read: R,
    kept: BTreeMap<(u8, u64), Nodes>,
}

/// The hashes of a tile, and above them each level of what they hash to: the last level has one hash in a full tile.
type Nodes = Vec<Vec<Hash>>;

/// A stored tile has fewer hashes than its tree, or is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Missing {
    pub level: u8,
    pub number: u64,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "tile {} of level {} lacks hashes of its tree", self.number, self.level)
    }
}

impl std::error::Error for Missing {}

impl<R, E> Tree<R>
where
    R: FnMut(u8, u64) -> Result<Vec<Hash>, E>,
    E: From<Missing>,
{
    pub const fn new(size: u64, read: R) -> Self {
        Self { size, read, kept: BTreeMap::new() }
    }

    /// # Errors
    /// What `read` says; [`Missing`].
    pub fn root(&mut self) -> Result<Hash, E> {
        if self.size == 0 { Ok(empty_root()) } else { self.range(0, self.size) }
    }

    /// The hashes that prove that the leaf at `index` is in the tree (RFC 6962 §2.1.1).
    ///
    /// # Panics
    /// For an index outside of the tree: a mistake of the caller.
    ///
    /// # Errors
    /// As [`Self::root`].
    pub fn inclusion(&mut self, index: u64) -> Result<Vec<Hash>, E> {
        assert!(index < self.size, "a leaf that is not in the tree has no proof");
        let (mut from, mut to, mut siblings) = (0, self.size, Vec::new());
        while to - from > 1 {
            let middle = from + split(to - from);
            if index < middle {
                siblings.push((middle, to));
                to = middle;
            } else {
                siblings.push((from, middle));
                from = middle;
            }
        }
        siblings.into_iter().rev().map(|(from, to)| self.range(from, to)).collect()
    }

    /// The hashes that prove that the tree begins with the tree of size `first` (RFC 6962 §2.1.2).
    ///
    /// # Panics
    /// For a first tree that is larger: a mistake of the caller.
    ///
    /// # Errors
    /// As [`Self::root`].
    pub fn consistency(&mut self, first: u64) -> Result<Vec<Hash>, E> {
        assert!(first <= self.size, "a tree does not begin with a larger one");
        if first == 0 || first == self.size {
            return Ok(Vec::new());
        }
        let (mut from, mut to, mut parts) = (0, self.size, Vec::new());
        while first != to {
            let middle = from + split(to - from);
            if first <= middle {
                parts.push((middle, to));
                to = middle;
            } else {
                parts.push((from, middle));
                from = middle;
            }
        }
        // What both trees share as a whole from the first leaf on needs no hash: the checker has its root.
        if from > 0 {
            parts.push((from, to));
        }
        parts.into_iter().rev().map(|(from, to)| self.range(from, to)).collect()
    }

    /// The hash over the leaves from `from` to before `to`, where `from` begins a perfect tree at least as long.
    fn range(&mut self, from: u64, to: u64) -> Result<Hash, E> {
        let mut parts = Vec::new();
        let mut at = from;
        while at < to {
            let height = (to - at).ilog2();
            parts.push(self.node(height, at >> height)?);
            at += 1 << height;
        }
        let last = parts.pop().unwrap_or_else(empty_root);
        Ok(parts.iter().rev().fold(last, |right, left| node_hash(left, &right)))
    }

    /// The root of the perfect tree of 2^height leaves that is the `index`-th of its height.
    fn node(&mut self, height: u32, index: u64) -> Result<Hash, E> {
        let within = height % HEIGHT;
        let level = u8::try_from(height / HEIGHT).expect("a tree of 64-bit size has eight levels of tiles");
        let first = index << within;
        let number = first / WIDTH;
        let place = usize::try_from((first % WIDTH) >> within).expect("a tile is small");
        let nodes = self.nodes(level, number)?;
        let found = nodes.get(within as usize).and_then(|hashes| hashes.get(place)).copied();
        found.ok_or_else(|| Missing { level, number }.into())
    }

    fn nodes(&mut self, level: u8, number: u64) -> Result<&Nodes, E> {
        if !self.kept.contains_key(&(level, number)) {
            let width = (Tile::hashes_at(level, self.size) - number * WIDTH).min(WIDTH);
            let width = usize::try_from(width).expect("a tile is small");
            let mut hashes = (self.read)(level, number)?;
            if hashes.len() < width {
                return Err(Missing { level, number }.into());
            }
            hashes.truncate(width);
            if self.kept.len() >= TILES_KEPT_MAX {
                self.kept.clear();
            }
            self.kept.insert((level, number), nodes_over(hashes));
        }
        Ok(&self.kept[&(level, number)])
    }
}

impl<R> std::fmt::Debug for Tree<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tree").field("size", &self.size).finish_non_exhaustive()
    }
}

/// The tiles that change when leaves are put behind the last: by level and number, with all their hashes.
///
/// `read` is asked only for tiles that are not full yet.
///
/// # Errors
/// What `read` says; [`Missing`].
pub fn grow<E: From<Missing>>(
    size: u64,
    leaves: &[Hash],
    mut read: impl FnMut(u8, u64) -> Result<Vec<Hash>, E>,
) -> Result<BTreeMap<(u8, u64), Vec<Hash>>, E> {
    let mut changed = BTreeMap::new();
    let mut added = leaves.to_vec();
    let mut level = 0;
    while !added.is_empty() {
        let first = Tile::hashes_at(level, size);
        let mut number = first / WIDTH;
        let old = usize::try_from(first % WIDTH).expect("a tile is small");
        let mut tile = if old == 0 { Vec::new() } else { read(level, number)? };
        if tile.len() < old {
            return Err(Missing { level, number }.into());
        }
        tile.truncate(old);
        let mut above = Vec::new();
        for hash in added {
            tile.push(hash);
            if tile.len() as u64 == WIDTH {
                above.push(perfect_root(&tile));
                changed.insert((level, number), std::mem::take(&mut tile));
                number += 1;
            }
        }
        if !tile.is_empty() {
            changed.insert((level, number), tile);
        }
        added = above;
        level += 1;
    }
    Ok(changed)
}

fn perfect_root(hashes: &[Hash]) -> Hash {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = pairs(&row);
    }
    row[0]
}

fn nodes_over(hashes: Vec<Hash>) -> Nodes {
    let mut levels = vec![hashes];
    loop {
        let above = pairs(&levels[levels.len() - 1]);
        if above.is_empty() {
            return levels;
        }
        levels.push(above);
    }
}

/// The hash of each whole pair.
fn pairs(row: &[Hash]) -> Vec<Hash> {
    let (pairs, _) = row.as_chunks::<2>();
    pairs.iter().map(|[left, right]| node_hash(left, right)).collect()
}

/// The largest power of two below a size above 1.
const fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

#[cfg(test)]
mod tests;
