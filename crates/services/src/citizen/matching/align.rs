//! Word by word in order: which words of two names are the same, and which only one of them has.

use std::ops::Range;

use super::compare::{Likeness, compare, same};
use super::name::{Name, Part};

/// How many words of one name may be one word of the other.
const JOINED_MAX: usize = 3;

/// Words of both names that agree.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Pair {
    pub claim: Range<usize>,
    pub record: Range<usize>,
    pub likeness: Likeness,
}

/// The best way to lay two names side by side.
#[derive(Clone, Debug)]
pub(super) struct Alignment {
    pub pairs: Vec<Pair>,
    /// Places of words that only the claim has, particles aside.
    pub only_claim: Vec<usize>,
    pub only_record: Vec<usize>,
}

impl Alignment {
    pub(super) fn weight(&self) -> u32 {
        self.pairs.iter().map(|pair| pair.likeness.weight()).sum()
    }
}

/// Lays names side by side whose first words agree. `None` where they do not: the given name is another.
pub(super) fn from_the_given_name(claim: &Name, record: &Name) -> Option<Alignment> {
    let grid = Grid::new(claim, record);
    let start = (first(claim), first(record));
    let pair = grid.pairs_at(start.0, start.1).max_by_key(|pair| grid.weight_with(pair))?;
    Some(grid.trace(Some(pair), start))
}

/// Lays names side by side wherever they agree.
pub(super) fn anywhere(claim: &Name, record: &Name) -> Alignment {
    Grid::new(claim, record).trace(None, (0, 0))
}

/// The place of the given name: behind an article in front.
fn first(name: &Name) -> usize {
    name.parts.iter().position(|part| !part.is_particle).unwrap_or(0)
}

struct Grid<'a> {
    claim: &'a Name,
    record: &'a Name,
    /// Which words agree, by their first places.
    pairs: Vec<Vec<Vec<Pair>>>,
    /// The most that the rests of both names are worth, by their first places.
    weights: Vec<Vec<u32>>,
}

impl<'a> Grid<'a> {
    fn new(claim: &'a Name, record: &'a Name) -> Self {
        let (rows, columns) = (claim.parts.len(), record.parts.len());
        let mut pairs = vec![vec![Vec::new(); columns + 1]; rows + 1];
        fill_single(claim, record, &mut pairs);
        fill_joined(claim, record, &mut pairs);
        let mut grid = Self { claim, record, pairs, weights: vec![vec![0; columns + 1]; rows + 1] };
        for row in (0..rows).rev() {
            for column in (0..columns).rev() {
                let paired = grid.pairs_at(row, column).map(|pair| grid.weight_with(&pair)).max();
                let skipped = grid.weights[row + 1][column].max(grid.weights[row][column + 1]);
                grid.weights[row][column] = skipped.max(paired.unwrap_or(0));
            }
        }
        grid
    }

    fn pairs_at(&self, row: usize, column: usize) -> impl Iterator<Item = Pair> + use<'_> {
        self.pairs[row][column].iter().cloned()
    }

    fn weight_with(&self, pair: &Pair) -> u32 {
        pair.likeness.weight() * u32::try_from(pair.claim.len().max(pair.record.len())).unwrap_or(1)
            + self.weights[pair.claim.end][pair.record.end]
    }

    /// Follows the best way, from a first pair if there is one.
    fn trace(&self, first: Option<Pair>, start: (usize, usize)) -> Alignment {
        let (mut row, mut column) = first.as_ref().map_or(start, |pair| (pair.claim.end, pair.record.end));
        let mut pairs: Vec<Pair> = first.into_iter().collect();
        while row < self.claim.parts.len() && column < self.record.parts.len() {
            let best = self.weights[row][column];
            if let Some(pair) = self.pairs_at(row, column).find(|pair| self.weight_with(pair) == best) {
                (row, column) = (pair.claim.end, pair.record.end);
                pairs.push(pair);
            } else if self.weights[row + 1][column] == best {
                row += 1;
            } else {
                column += 1;
            }
        }
        let only_claim = left_over(self.claim, |place| pairs.iter().any(|pair| pair.claim.contains(&place)));
        let only_record =
            left_over(self.record, |place| pairs.iter().any(|pair| pair.record.contains(&place)));
        Alignment { pairs, only_claim, only_record }
    }
}

fn fill_single(claim: &Name, record: &Name, pairs: &mut [Vec<Vec<Pair>>]) {
    for (row, one) in claim.parts.iter().enumerate() {
        for (column, other) in record.parts.iter().enumerate() {
            if let Some(likeness) = compare(one, other) {
                pairs[row][column].push(Pair { claim: row..row + 1, record: column..column + 1, likeness });
            }
        }
    }
}

fn fill_joined(claim: &Name, record: &Name, pairs: &mut [Vec<Vec<Pair>>]) {
    for (rows, joined) in joined(claim) {
        for (column, _) in record.parts.iter().enumerate().filter(|(_, part)| is_one(&joined, part)) {
            let pair = Pair { claim: rows.clone(), record: column..column + 1, likeness: Likeness::Joined };
            pairs[rows.start][column].push(pair);
        }
    }
    for (columns, joined) in joined(record) {
        for (row, _) in claim.parts.iter().enumerate().filter(|(_, part)| is_one(&joined, part)) {
            let pair = Pair { claim: row..row + 1, record: columns.clone(), likeness: Likeness::Joined };
            pairs[row][columns.start].push(pair);
        }
    }
}

fn is_one(joined: &Part, whole: &Part) -> bool {
    !whole.is_initial() && same(joined, whole).is_some()
}

/// Each two and three neighbours as one word. Initials are not: `J. R.` is no name of two letters.
fn joined(name: &Name) -> Vec<(Range<usize>, Part)> {
    let mut all = Vec::new();
    for length in 2..=JOINED_MAX {
        for (start, parts) in name.parts.windows(length).enumerate() {
            if !parts.iter().any(Part::is_initial) {
                let text: String = parts.iter().map(|part| part.text.as_str()).collect();
                all.push((start..start + length, Part::new(&text)));
            }
        }
    }
    all
}

fn left_over(name: &Name, is_paired: impl Fn(usize) -> bool) -> Vec<usize> {
    let places = name.parts.iter().enumerate();
    places.filter(|(place, part)| !part.is_particle && !is_paired(*place)).map(|(place, _)| place).collect()
}
