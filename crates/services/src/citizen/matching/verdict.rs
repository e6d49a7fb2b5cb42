//! What an alignment means, and why.

use super::align::{self, Alignment, Pair};
use super::compare::Likeness;
use super::name::{Name, Part};
use super::{FieldResult, NameMatch};

const MATCH_SCORE_MIN: u32 = 85;
const PARTIAL_SCORE_MIN: u32 = 40;
/// Given name, father, grandfather: with these three, a generation more or less is the same name.
const LINEAGE_NAMES_MIN: usize = 3;
const LINEAGE_KNOWN_MIN: usize = 2;
const MISSING_COST: u32 = 14;
const GENERATION_COST: u32 = 4;
const TURNED_SCORE: u32 = 55;

pub(super) fn judge(claim: &Name, record: &Name) -> NameMatch {
    let Some(alignment) = align::from_the_given_name(claim, record) else {
        return other_order(claim, record);
    };
    let mut explain = agreements(claim, record, &alignment.pairs);
    if let Some(why) = contradiction(claim, &alignment) {
        explain.push(why);
        return no_match(claim, record, &alignment, explain);
    }
    let is_full = is_full(claim, record, &alignment);
    let missing = alignment.only_claim.len() + alignment.only_record.len();
    let score = score(&alignment, missing, is_full);
    explain.extend(missing_names(claim, &alignment));
    if explain.is_empty() {
        explain.push("every name is the same".to_owned());
    }
    let result = if is_full { FieldResult::Match } else { FieldResult::Partial };
    NameMatch { result, score, explain }
}

/// Why the names cannot be one person's, if they cannot.
fn contradiction(claim: &Name, alignment: &Alignment) -> Option<String> {
    let count =
        |wanted: fn(Likeness) -> bool| alignment.pairs.iter().filter(|pair| wanted(pair.likeness)).count();
    let (same, close) =
        (count(Likeness::is_same), count(|like| !like.is_same() && like != Likeness::Initial));
    if let [first, ..] = alignment.only_claim.as_slice()
        && !alignment.only_record.is_empty()
    {
        let text = &claim.parts[*first].text;
        return Some(format!("the record has another name where the claim has {text}"));
    }
    if same == 0 {
        return Some("no name agrees but by initials or likeness".to_owned());
    }
    (close > same).then(|| "most names are only alike".to_owned())
}

fn is_full(claim: &Name, record: &Name, alignment: &Alignment) -> bool {
    let all_same = alignment.pairs.iter().all(|pair| pair.likeness.is_same());
    let none_missing = alignment.only_claim.is_empty() && alignment.only_record.is_empty();
    all_same && (none_missing || is_generation_apart(claim, record, alignment))
}

/// The first three names of a lineage agree, and one side goes on to the next generation.
fn is_generation_apart(claim: &Name, record: &Name, alignment: &Alignment) -> bool {
    let Some(last) = alignment.pairs.last() else { return false };
    let known = alignment.pairs.iter().filter(|pair| {
        parts(claim, pair.claim.clone()).chain(parts(record, pair.record.clone())).any(Part::is_lineage)
    });
    alignment.pairs.len() >= LINEAGE_NAMES_MIN
        && known.count() >= LINEAGE_KNOWN_MIN
        && alignment.only_claim.iter().all(|place| *place >= last.claim.end)
        && alignment.only_record.iter().all(|place| *place >= last.record.end)
}

fn parts(name: &Name, places: std::ops::Range<usize>) -> impl Iterator<Item = &Part> {
    name.parts[places].iter()
}

fn score(alignment: &Alignment, missing: usize, is_full: bool) -> u8 {
    let pairs = u32::try_from(alignment.pairs.len().max(1)).unwrap_or(u32::MAX);
    let missing = u32::try_from(missing).unwrap_or(u32::MAX);
    let mean = alignment.weight() / pairs;
    let cost = if is_full { GENERATION_COST } else { MISSING_COST };
    let score = mean.saturating_sub(missing.saturating_mul(cost));
    within(if is_full {
        score.clamp(MATCH_SCORE_MIN, 100)
    } else {
        score.clamp(PARTIAL_SCORE_MIN, MATCH_SCORE_MIN - 1)
    })
}

fn within(score: u32) -> u8 {
    u8::try_from(score.min(100)).unwrap_or(100)
}

/// The given names differ: the same names in another order, or other names.
fn other_order(claim: &Name, record: &Name) -> NameMatch {
    let turned = [turned(claim, 1), turned(claim, claim.parts.len() - 1)];
    let is_turned = turned.iter().any(|turned| is_whole(turned, record));
    let explain = |why: &str| vec![why.to_owned()];
    if is_turned && !claim.parts.iter().all(Part::is_lineage) {
        let why = "the same names with the last one in front, as where the family name comes first";
        return NameMatch {
            result: FieldResult::Partial,
            score: within(TURNED_SCORE),
            explain: explain(why),
        };
    }
    let alignment = align::anywhere(claim, record);
    let why = if is_turned || has_the_same_names(claim, record) {
        "the same names in another order, which is another lineage".to_owned()
    } else {
        let given = claim.parts.iter().find(|part| !part.is_particle).unwrap_or(&claim.parts[0]);
        format!("the record's given name is not {}", given.text)
    };
    no_match(claim, record, &alignment, vec![why])
}

fn turned(name: &Name, by: usize) -> Name {
    let mut parts = name.parts.clone();
    parts.rotate_left(by);
    Name { parts }
}

fn is_whole(claim: &Name, record: &Name) -> bool {
    align::from_the_given_name(claim, record).is_some_and(|alignment| {
        alignment.only_claim.is_empty()
            && alignment.only_record.is_empty()
            && alignment.pairs.iter().all(|pair| pair.likeness.is_same())
    })
}

fn has_the_same_names(claim: &Name, record: &Name) -> bool {
    let mut left: Vec<&Part> = record.parts.iter().collect();
    let found = claim.parts.iter().all(|part| {
        let place = left.iter().position(|other| super::compare::same(part, other).is_some());
        place.map(|place| left.swap_remove(place)).is_some()
    });
    found && left.is_empty()
}

fn no_match(claim: &Name, record: &Name, alignment: &Alignment, explain: Vec<String>) -> NameMatch {
    let names = u32::try_from(claim.parts.len().max(record.parts.len()).max(1)).unwrap_or(u32::MAX);
    let score = (alignment.weight() / names) * (PARTIAL_SCORE_MIN - 1) / 100;
    NameMatch { result: FieldResult::NoMatch, score: within(score), explain }
}

/// `record = claim (how)` for each pair that is not written alike. Of a likeness only the claim's side is told.
fn agreements(claim: &Name, record: &Name, pairs: &[Pair]) -> Vec<String> {
    let text = |name: &Name, places: std::ops::Range<usize>| {
        parts(name, places).map(|part| part.text.as_str()).collect::<Vec<_>>().join(" ")
    };
    let told = pairs.iter().filter(|pair| pair.likeness != Likeness::Identical).map(|pair| {
        let (claimed, how) = (text(claim, pair.claim.clone()), pair.likeness.reason());
        if pair.likeness.is_same() {
            format!("{} = {claimed} ({how})", text(record, pair.record.clone()))
        } else {
            format!("{claimed} may be the record's ({how})")
        }
    });
    told.collect()
}

fn missing_names(claim: &Name, alignment: &Alignment) -> Vec<String> {
    let mut told: Vec<String> = alignment
        .only_claim
        .iter()
        .map(|place| format!("the record has no {}", claim.parts[*place].text))
        .collect();
    match alignment.only_record.len() {
        0 => {}
        1 => told.push("the claim lacks one name of the record".to_owned()),
        more => told.push(format!("the claim lacks {more} names of the record")),
    }
    told
}
