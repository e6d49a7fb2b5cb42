//! Against `ct-merkle`, an implementation that shares nothing with this one.

use std::collections::BTreeMap;

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use proptest::prelude::*;
use sha2::Sha256;

use super::*;
use crate::merkle::{is_consistent, is_included, leaf_hash};

type Tiles = BTreeMap<(u8, u64), Vec<Hash>>;

fn entry(index: u64) -> Vec<u8> {
    format!("entry {index}").into_bytes()
}

/// The tiles of a log that grew in these steps.
fn grown(steps: &[u64]) -> (u64, Tiles) {
    let (mut size, mut tiles) = (0, Tiles::new());
    for step in steps {
        let leaves: Vec<Hash> = (size..size + step).map(|index| leaf_hash(&entry(index))).collect();
        let changed =
            grow::<Missing>(size, &leaves, |level, number| Ok(tiles[&(level, number)].clone())).unwrap();
        tiles.extend(changed);
        size += step;
    }
    (size, tiles)
}

fn tree(size: u64, tiles: &Tiles) -> Tree<impl FnMut(u8, u64) -> Result<Vec<Hash>, Missing>> {
    Tree::new(size, |level, number| Ok(tiles.get(&(level, number)).cloned().unwrap_or_default()))
}

fn theirs(size: u64) -> MemoryBackedTree<Sha256, Vec<u8>> {
    let mut tree = MemoryBackedTree::new();
    (0..size).for_each(|index| tree.push(entry(index)));
    tree
}

fn flat(proof: &[Hash]) -> Vec<u8> {
    proof.concat()
}

fn their_root(root: Hash, size: u64) -> RootHash<Sha256> {
    RootHash::new(root.into(), size)
}

#[test]
fn every_proof_of_every_small_tree_is_that_of_the_other_implementation() {
    let (_, tiles) = grown(&[70]);
    for size in 1..=70 {
        let their = theirs(size);
        let mut own = tree(size, &tiles);
        let root = own.root().unwrap();
        assert_eq!(root[..], their.root().as_bytes()[..], "size {size}");
        for index in 0..size {
            let proof = own.inclusion(index).unwrap();
            assert_eq!(flat(&proof), their.prove_inclusion(usize::try_from(index).unwrap()).as_bytes());
            assert!(is_included(&leaf_hash(&entry(index)), index, size, &proof, &root));
        }
        for first in 1..size {
            let proof = own.consistency(first).unwrap();
            let added = usize::try_from(size - first).unwrap();
            assert_eq!(flat(&proof), their.prove_consistency(added).as_bytes(), "{first} of {size}");
            let first_root = tree(first, &tiles).root().unwrap();
            assert!(is_consistent((first, &first_root), (size, &root), &proof));
        }
    }
}

#[test]
fn a_tree_of_several_levels_of_tiles_is_that_of_the_other_implementation() {
    let (size, tiles) = grown(&[1, 255, 1, 65_279, 3000, 1]);
    let their = theirs(size);
    let mut own = tree(size, &tiles);
    let root = own.root().unwrap();
    assert_eq!(root[..], their.root().as_bytes()[..]);
    assert!(tiles.contains_key(&(2, 0)), "more than 65 536 leaves reach the third level");
    for index in [0, 1, 255, 256, 65_535, 65_536, 66_000, size - 2, size - 1] {
        let proof = own.inclusion(index).unwrap();
        assert_eq!(flat(&proof), their.prove_inclusion(usize::try_from(index).unwrap()).as_bytes());
    }
    for first in [1, 2, 255, 256, 257, 65_535, 65_536, 65_537, size - 1] {
        let proof = own.consistency(first).unwrap();
        assert_eq!(flat(&proof), their.prove_consistency(usize::try_from(size - first).unwrap()).as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_other_implementation_accepts_our_proofs_however_the_log_grew(
        steps in prop::collection::vec(0_u64..400, 1..6),
        at: prop::sample::Index,
        first: prop::sample::Index,
    ) {
        let (size, tiles) = grown(&steps);
        prop_assume!(size > 0);
        let mut own = tree(size, &tiles);
        let root = own.root().unwrap();
        let whole = usize::try_from(size).unwrap();
        let (index, first) = (at.index(whole) as u64, first.index(whole) as u64 + 1);
        let inclusion = own.inclusion(index).unwrap();
        let proof = InclusionProof::<Sha256>::try_from_bytes(flat(&inclusion)).unwrap();
        prop_assert!(their_root(root, size).verify_inclusion(&entry(index), index, &proof).is_ok());
        let consistency = own.consistency(first).unwrap();
        let first_root = tree(first, &tiles).root().unwrap();
        let proof = ConsistencyProof::<Sha256>::try_from_bytes(flat(&consistency)).unwrap();
        let old = their_root(first_root, first);
        if first < size {
            prop_assert!(their_root(root, size).verify_consistency(&old, &proof).is_ok());
        }
        prop_assert!(is_included(&leaf_hash(&entry(index)), index, size, &inclusion, &root));
        prop_assert!(is_consistent((first, &first_root), (size, &root), &consistency));
    }

    #[test]
    fn a_proof_with_anything_changed_is_refused(
        size in 2_u64..600,
        at: prop::sample::Index,
        bit: prop::sample::Index,
        other in 0_u64..700,
    ) {
        let (_, tiles) = grown(&[600]);
        let mut own = tree(size, &tiles);
        let (root, index) = (own.root().unwrap(), at.index(usize::try_from(size).unwrap()) as u64);
        let (leaf, proof) = (leaf_hash(&entry(index)), own.inclusion(index).unwrap());
        let mut bytes = [&leaf[..], &root, &flat(&proof)].concat();
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let changed = crate::tile::hashes(&bytes).unwrap();
        prop_assert!(!is_included(&changed[0], index, size, &changed[2..], &changed[1]));
        prop_assert!(other == index || !is_included(&leaf, other, size, &proof, &root));
        prop_assert!(!is_included(&leaf, index, size, &proof[1..], &root));
        prop_assert!(!is_included(&leaf, index, size, &[&proof[..], &[leaf]].concat(), &root));

        let first = index + 1;
        let (first_root, proof) = (tree(first, &tiles).root().unwrap(), own.consistency(first).unwrap());
        let mut bytes = [&first_root[..], &root, &flat(&proof)].concat();
        let bit = bit % (bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let changed = crate::tile::hashes(&bytes).unwrap();
        prop_assert!(!is_consistent((first, &changed[0]), (size, &changed[1]), &changed[2..]));
        prop_assert!(!is_consistent((first, &first_root), (size, &root), &[&proof[..], &[leaf]].concat()));
        if let Some((_, rest)) = proof.split_first() {
            prop_assert!(!is_consistent((first, &first_root), (size, &root), rest));
        }
    }

    #[test]
    fn hostile_proofs_are_refused_and_nothing_panics(
        sizes: (u64, u64, u64),
        hashes in prop::collection::vec(prop::array::uniform32(0_u8..), 0..70),
    ) {
        let root = [1; 32];
        prop_assert!(!is_included(&root, sizes.0, sizes.1, &hashes, &[2; 32]));
        prop_assert!(!is_consistent((sizes.1, &root), (sizes.2, &[2; 32]), &hashes));
    }
}

#[test]
fn a_tile_that_lacks_hashes_is_told_and_not_read_past() {
    let (size, mut tiles) = grown(&[600]);
    tiles.get_mut(&(0, 1)).unwrap().pop();
    assert_eq!(tree(size, &tiles).inclusion(300), Err(Missing { level: 0, number: 1 }));
    assert_eq!(grow::<Missing>(300, &[[0; 32]], |_, _| Ok(Vec::new())), Err(Missing { level: 0, number: 1 }));
}

#[test]
fn the_empty_tree_has_the_root_of_nothing() {
    assert_eq!(tree(0, &Tiles::new()).root(), Ok(empty_root()));
    assert!(is_consistent((0, &empty_root()), (5, &[3; 32]), &[]));
}
