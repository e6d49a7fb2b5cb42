//! The hashes of a Merkle tree, and how its proofs are checked (RFC 6962 §2.1; the checks of RFC 9162 §2.1.3.2 and
//! §2.1.4.2).

use aws_lc_rs::digest::{self, SHA256};

/// SHA-256: 32 bytes.
pub type Hash = [u8; 32];

/// The most hashes of a proof: a tree of 64-bit size is no deeper.
pub const PROOF_HASHES_MAX: usize = 64;

/// The plain SHA-256 of some bytes.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = digest::Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hash = Hash::default();
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// The root of the tree without leaves.
#[must_use]
pub fn empty_root() -> Hash {
    sha256(&[])
}

/// SHA-256(0x00 ‖ entry).
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    sha256(&[&[0], entry])
}

/// SHA-256(0x01 ‖ left ‖ right).
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left, right])
}

/// Whether the tree with this root and size has this leaf at this index (from 0).
#[must_use]
pub fn is_included(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size || proof.len() > PROOF_HASHES_MAX {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if at % 2 == 1 || at == last {
            hash = node_hash(sibling, &hash);
            while at.is_multiple_of(2) && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && hash == *root
}

/// Whether the second tree begins with all leaves of the first, in their order.
#[must_use]
pub fn is_consistent(first: (u64, &Hash), second: (u64, &Hash), proof: &[Hash]) -> bool {
    let ((first_size, first_root), (second_size, second_root)) = (first, second);
    if first_size > second_size || proof.len() > PROOF_HASHES_MAX {
        return false;
    }
    if first_size == second_size {
        return proof.is_empty() && first_root == second_root;
    }
    if first_size == 0 {
        return proof.is_empty() && *first_root == empty_root();
    }
    // A first tree that is perfect stands as a node in the second, so its root is not repeated in the proof.
    let mut proof = proof.iter();
    let start = if first_size.is_power_of_two() { Some(first_root) } else { proof.next() };
    let Some(&start) = start else { return false };
    let shift = (first_size - 1).trailing_ones();
    let (mut at, mut last) = ((first_size - 1) >> shift, (second_size - 1) >> shift);
    let (mut old, mut new) = (start, start);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if at % 2 == 1 || at == last {
            old = node_hash(sibling, &old);
            new = node_hash(sibling, &new);
            while at.is_multiple_of(2) && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            new = node_hash(&new, sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && old == *first_root && new == *second_root
}
