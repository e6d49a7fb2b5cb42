use std::collections::BTreeMap;

use base::Fault;
use db::Tx;
use seal::merkle::{Hash, leaf_hash};
use seal::tile::WIDTH;
use seal::tree::{Tree, grow};

use super::{ENTRIES, Unprovable, hashes, store};

/// Puts entries behind the last one of a log of this size: writes the tiles that change and gives the new root.
pub(super) fn append(tx: &mut Tx<'_>, log_number: i64, size: u64, entries: &[Hash]) -> Result<Hash, Fault> {
    let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
    let read = |tx: &mut Tx<'_>, level: u8, number| -> Result<Vec<Hash>, Unprovable> {
        Ok(hashes(tx, log_number, level.into(), number)?.unwrap_or_default())
    };
    let changed = grow(size, &leaves, |level, number| read(tx, level, number))?;
    for ((level, number), tile) in &changed {
        write(tx, log_number, i64::from(*level), *number, tile)?;
    }
    append_entries(tx, log_number, size, entries)?;
    let mut tree = Tree::new(size + entries.len() as u64, |level, number| {
        changed.get(&(level, number)).map_or_else(|| read(tx, level, number), |tile| Ok(tile.clone()))
    });
    Ok(tree.root()?)
}

fn append_entries(tx: &mut Tx<'_>, log_number: i64, size: u64, entries: &[Hash]) -> Result<(), Fault> {
    let mut tiles: BTreeMap<u64, Vec<Hash>> = BTreeMap::new();
    if !size.is_multiple_of(WIDTH) {
        let number = size / WIDTH;
        tiles.insert(number, hashes(tx, log_number, ENTRIES, number)?.unwrap_or_default());
    }
    for (index, entry) in (size..).zip(entries) {
        let tile = tiles.entry(index / WIDTH).or_default();
        if tile.len() as u64 != index % WIDTH {
            return Err(Fault::internal(format!("the audit log lacks entries before {index}")));
        }
        tile.push(*entry);
    }
    tiles.iter().try_for_each(|(number, tile)| write(tx, log_number, ENTRIES, *number, tile))
}

fn write(tx: &mut Tx<'_>, log_number: i64, level: i64, number: u64, tile: &[Hash]) -> Result<(), Fault> {
    let number = i64::try_from(number).map_err(Fault::internal)?;
    store::put_tile(tx, log_number, level, number, &tile.concat())
}
