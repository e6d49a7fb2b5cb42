//! The words of a name: titles are taken off, particles are marked, `Surname, Given` is turned round.

use unicode_normalization::char::is_combining_mark;

use super::arabic;

/// Titles that stand anywhere in a Somali or Arabic name.
const TITLES: &[&str] = &[
    "sheekh",
    "sheikh",
    "sheik",
    "shiekh",
    "shaykh",
    "shaikh",
    "cheikh",
    "sh",
    "xaaji",
    "xaji",
    "haji",
    "hajji",
    "hagi",
    "xaajo",
    "alhaji",
    "macallin",
    "macalin",
    "moallim",
    "moalim",
    "maalim",
    "aw",
    "الشيخ",
    "شيخ",
    "الحاج",
    "حاج",
];
/// Titles that stand in front; elsewhere the same letters are a name.
const LEADING_TITLES: &[&str] = &[
    "mr",
    "mrs",
    "ms",
    "miss",
    "mx",
    "dr",
    "eng",
    "prof",
    "professor",
    "sir",
    "hon",
    "gen",
    "general",
    "col",
    "colonel",
    "capt",
    "captain",
    "major",
    "maj",
    "lt",
    "sgt",
    "rev",
    "imam",
    "ustad",
    "ustaad",
    "ustaz",
    "mudane",
    "marwo",
    "marwa",
    "injineer",
    "dhakhtar",
    "jeneraal",
    "السيد",
    "السيده",
    "الاستاذ",
    "استاذ",
    "دكتور",
    "الدكتور",
    "مهندس",
    "المهندس",
    "د",
];
/// Words that join names and may be left out between two of them.
const PARTICLES: &[&str] = &[
    "bin", "ben", "ibn", "ibnu", "bint", "binti", "ina", "al", "el", "ul", "ud", "ad", "ar", "ash", "az",
    "ould", "weld", "wald", "von", "van", "der", "den", "de", "del", "della", "da", "dos", "la", "بن", "ابن",
    "بنت", "ال",
];
/// The first half of `servant of …`. It is no name without its second half.
const SERVANT_OF: &[&str] =
    &["abd", "abdul", "abdel", "abdal", "abdil", "abdoul", "cabdul", "cabdal", "cabdil", "عبد"];
const SERVANT_OF_ASSIMILATED: &[&str] =
    &["abdur", "abdus", "abdir", "abdis", "abder", "abdes", "abdun", "abdush"];
const ARTICLES: &[&str] = &["al", "el", "ul", "il", "ar", "ur", "as", "us", "an", "ash", "az"];
/// What may follow a comma without being a given name.
const SUFFIXES: &[&str] = &["jr", "sr", "ii", "iii", "iv", "phd", "md", "esq"];

#[derive(Clone, Debug)]
pub(super) struct Word {
    pub text: String,
    /// It may be left out.
    pub is_particle: bool,
}

/// The words of a cleaned text, given name first.
pub(super) fn words(cleaned: &str) -> Vec<Word> {
    let mut words = join_servants(&strip_titles(&in_order(cleaned)));
    let last = words.len().saturating_sub(1);
    for (place, word) in words.iter_mut().enumerate() {
        let is_inside = place > 0 || matches!(word.text.as_str(), "al" | "el" | "ال");
        word.is_particle = is_inside && place < last && PARTICLES.contains(&word.text.as_str());
    }
    words
}

/// `Surname, Given` says with its comma that the surname stands first.
fn in_order(cleaned: &str) -> Vec<&str> {
    let parts: Vec<Vec<&str>> =
        cleaned.split([',', '،']).map(split).filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        [surname, given] if !given.iter().all(|word| SUFFIXES.contains(word)) => {
            [given.as_slice(), surname].concat()
        }
        parts => parts.concat(),
    }
}

fn split(text: &str) -> Vec<&str> {
    let is_letter = |letter: char| letter.is_alphanumeric() || is_combining_mark(letter);
    text.split(|letter| !is_letter(letter)).filter(|word| !word.is_empty()).collect()
}

/// Keeps at least one word: who is called nothing but `Sheekh` has that name.
fn strip_titles<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let leading = words.iter().take_while(|word| is_title(word)).count();
    let kept: Vec<&str> = words[leading..].iter().copied().filter(|word| !TITLES.contains(word)).collect();
    if kept.is_empty() { words.last().copied().into_iter().collect() } else { kept }
}

fn is_title(word: &str) -> bool {
    TITLES.contains(&word) || LEADING_TITLES.contains(&word)
}

/// `abd al rahman` and `abdur rahman` become one word each.
fn join_servants(words: &[&str]) -> Vec<Word> {
    let mut joined: Vec<Word> = Vec::with_capacity(words.len());
    let mut rest = words;
    while let [word, tail @ ..] = rest {
        let articles = tail.iter().take_while(|next| ARTICLES.contains(next)).count();
        let second = tail.get(articles).filter(|_| is_servant(word));
        let text = second.map_or_else(|| (*word).to_owned(), |second| servant_of(word, second));
        rest = if second.is_some() { &tail[articles + 1..] } else { tail };
        joined.push(Word { text, is_particle: false });
    }
    joined
}

fn is_servant(word: &str) -> bool {
    SERVANT_OF.contains(&word) || SERVANT_OF_ASSIMILATED.contains(&word)
}

fn servant_of(first: &str, second: &str) -> String {
    if first == "عبد" {
        format!("عبدال{}", arabic::without_article(second))
    } else if SERVANT_OF.contains(&first) {
        format!("abdi{second}")
    } else {
        format!("{first}{second}")
    }
}
