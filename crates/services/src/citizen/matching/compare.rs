//! Two words: one name, perhaps one name, or two names.

use super::arabic;
use super::name::{Part, Script};
use super::sound;

/// Keys shorter than this are too short for a likeness to mean anything.
const LOOSE_KEY_MIN: usize = 5;
const TYPO_KEY_MIN: usize = 6;

/// How two words agree, from the same letters to a bare initial.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Likeness {
    Identical,
    Alias,
    Spelling,
    /// One in Latin, one in Arabic script.
    Script,
    /// Several words of one name are one word of the other.
    Joined,
    ShortForm,
    /// A letter or a vowel apart, and not known as another name.
    Close,
    Initial,
}

impl Likeness {
    /// What it is worth, of 100.
    pub(super) const fn weight(self) -> u32 {
        match self {
            Self::Identical => 100,
            Self::Alias => 98,
            Self::Spelling | Self::Joined => 96,
            Self::Script => 94,
            Self::ShortForm | Self::Close => 70,
            Self::Initial => 50,
        }
    }

    /// Whether both words are certainly one name.
    pub(super) const fn is_same(self) -> bool {
        match self {
            Self::Identical | Self::Alias | Self::Spelling | Self::Script | Self::Joined => true,
            Self::ShortForm | Self::Close | Self::Initial => false,
        }
    }

    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Identical => "identical",
            Self::Alias => "alias",
            Self::Spelling => "spelling",
            Self::Script => "other script",
            Self::Joined => "written together or apart",
            Self::ShortForm => "short form",
            Self::Close => "a letter apart",
            Self::Initial => "initial",
        }
    }
}

/// `None`: two names.
pub(super) fn compare(one: &Part, other: &Part) -> Option<Likeness> {
    if one.is_initial() || other.is_initial() {
        return shares_initial(one, other).then_some(Likeness::Initial);
    }
    same(one, other).or_else(|| similar(one, other))
}

/// One name in two spellings.
pub(super) fn same(one: &Part, other: &Part) -> Option<Likeness> {
    if one.text == other.text {
        return Some(Likeness::Identical);
    }
    if !one.groups.is_empty() && !other.groups.is_empty() {
        return shares(&one.groups, &other.groups).then_some(Likeness::Alias);
    }
    match (one.script, other.script) {
        (Script::Latin, Script::Latin) => shares(&one.keys, &other.keys).then_some(Likeness::Spelling),
        (Script::Arabic, Script::Arabic) => (arabic::without_article(&one.text)
            == arabic::without_article(&other.text))
        .then_some(Likeness::Spelling),
        (Script::Arabic, Script::Latin) => reads_as(one, other).then_some(Likeness::Script),
        (Script::Latin, Script::Arabic) => reads_as(other, one).then_some(Likeness::Script),
        _ => None,
    }
}

fn similar(one: &Part, other: &Part) -> Option<Likeness> {
    let is_short = shares(&one.short_for, &other.groups)
        || shares(&other.short_for, &one.groups)
        || shares(&one.short_for, &other.short_for);
    if is_short {
        return Some(Likeness::ShortForm);
    }
    let are_two_names = !one.groups.is_empty() && !other.groups.is_empty();
    let is_close = || {
        sounds_alike(one, other)
            || any_pair(one, other, is_typo)
            || has_swapped_letters(&one.text, &other.text)
    };
    (!are_two_names && is_close()).then_some(Likeness::Close)
}

fn sounds_alike(one: &Part, other: &Part) -> bool {
    one.loose_keys.iter().any(|key| key.len() >= LOOSE_KEY_MIN && other.loose_keys.contains(key))
}

fn any_pair(one: &Part, other: &Part, holds: fn(&str, &str) -> bool) -> bool {
    one.keys.iter().any(|key| other.keys.iter().any(|other| holds(key, other)))
}

/// One slip of the hand: a vowel changed, a letter left out or put in, two letters swapped. A changed consonant is
/// another name (`Daahir`, `Taahir`), and so is a final vowel more or less (`Karim`, `Karima`).
fn is_typo(one: &str, other: &str) -> bool {
    let (longer, shorter) = if one.len() >= other.len() { (one, other) } else { (other, one) };
    let (longer, shorter): (Vec<char>, Vec<char>) = (longer.chars().collect(), shorter.chars().collect());
    if longer.len() < TYPO_KEY_MIN || longer.len() > shorter.len() + 1 {
        return false;
    }
    let Some(at) = (0..longer.len()).find(|at| shorter.get(*at) != Some(&longer[*at])) else { return true };
    let (long_rest, short_rest) = (&longer[at..], &shorter[at..]);
    if longer.len() > shorter.len() {
        let is_last = long_rest.len() == 1;
        return long_rest[1..] == *short_rest && !(is_last && sound::is_vowel(long_rest[0]));
    }
    let are_vowels = sound::is_vowel(long_rest[0]) && sound::is_vowel(short_rest[0]);
    let is_changed = are_vowels && long_rest.len() > 1 && long_rest[1..] == short_rest[1..];
    is_changed || are_swapped(long_rest, short_rest)
}

fn has_swapped_letters(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let at = one.iter().zip(&other).position(|(one, other)| one != other);
    one.len() >= TYPO_KEY_MIN && at.is_some_and(|at| are_swapped(&one[at..], &other[at..]))
}

/// Whether two texts differ in the order of their first two letters.
fn are_swapped(one: &[char], other: &[char]) -> bool {
    match (one, other) {
        ([a, b, rest @ ..], [c, d, other @ ..]) => a == d && b == c && rest == other,
        _ => false,
    }
}

fn reads_as(arabic: &Part, latin: &Part) -> bool {
    let word = arabic::without_article(&arabic.text);
    let rest = word.strip_prefix("عبد").map(arabic::without_article);
    latin.keys.iter().any(|key| {
        let servant = rest.zip(sound::servant_rest(key));
        let bare = key.strip_prefix("al").or_else(|| key.strip_prefix("il"));
        servant.is_some_and(|(word, key)| arabic::reads_as(word, key))
            || arabic::reads_as(&arabic.text, key)
            || arabic::reads_as(word, key)
            || (word != arabic.text && bare.is_some_and(|key| arabic::reads_as(word, key)))
    })
}

fn shares_initial(one: &Part, other: &Part) -> bool {
    let first = |text: &str| text.chars().next();
    let (initial, whole) = if one.is_initial() { (one, other) } else { (other, one) };
    if first(&initial.text) == first(&whole.text) {
        return true;
    }
    let heard = |part: &Part| part.keys.iter().filter_map(|key| first(key)).collect::<Vec<_>>();
    match (initial.script, whole.script) {
        (Script::Latin, Script::Latin) => shares(&heard(initial), &heard(whole)),
        (Script::Latin, Script::Arabic) => begins_as(&whole.text, &heard(initial)),
        (Script::Arabic, Script::Latin) => begins_as(&initial.text, &heard(whole)),
        _ => false,
    }
}

fn begins_as(arabic: &str, sounds: &[char]) -> bool {
    arabic.chars().next().is_some_and(|letter| sounds.iter().any(|sound| arabic::begins_as(letter, *sound)))
}

fn shares<T: PartialEq>(some: &[T], others: &[T]) -> bool {
    some.iter().any(|one| others.contains(one))
}
