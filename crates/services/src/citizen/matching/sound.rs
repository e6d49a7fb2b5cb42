//! What a word in Latin letters sounds like, as one or a few keys: two words are spellings of one name when they
//! share a key.
//!
//! Somali writes `x` for h, `c` for ʿayn (which others leave out), `dh` for d and long vowels twice; French writes
//! `ou` and `dj`, English `oo` and `ee`. A letter that can be read in two ways gives two keys. In a key, `S` is sh,
//! `E` is a long e or a diphthong, `i` is e or i, and `u` is o or u.

/// How many readings of one word are followed.
const READINGS_MAX: usize = 16;

/// How much of a spelling counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Hearing {
    /// Words that sound the same are the same name.
    Close,
    /// Words that sound the same are perhaps the same name: `e` is as good as `a`, and a final `o` as well.
    Loose,
}

/// The keys of a word, each once, the most likely first. Never empty strings.
pub(super) fn keys(word: &str, hearing: Hearing) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    let mut readings = vec![String::new()];
    let mut at = 0;
    while at < letters.len() {
        let (length, sounds) = read(&letters, at, hearing);
        readings = branch(&readings, &sounds);
        at += length;
    }
    let mut keys: Vec<String> = Vec::with_capacity(readings.len());
    for key in readings.iter().flat_map(|reading| endings(&without_doubles(reading))) {
        if !key.is_empty() && !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

pub(super) fn is_vowel(sound: char) -> bool {
    matches!(sound, 'a' | 'i' | 'u' | 'E')
}

/// Each reading with each sound; where that would be too many, with the first sound only.
fn branch(readings: &[String], sounds: &[&str]) -> Vec<String> {
    let kept = if readings.len() * sounds.len() > READINGS_MAX { &sounds[..1] } else { sounds };
    readings.iter().flat_map(|reading| kept.iter().map(move |sound| format!("{reading}{sound}"))).collect()
}

/// How many letters the next sound takes, and how it may sound.
fn read(letters: &[char], at: usize, hearing: Hearing) -> (usize, Vec<&'static str>) {
    let place = Place { letters, at };
    consonants(place).or_else(|| vowels(place, hearing)).unwrap_or_else(|| single(place, hearing))
}

#[derive(Clone, Copy)]
struct Place<'a> {
    letters: &'a [char],
    at: usize,
}

impl Place<'_> {
    fn letter(self, ahead: usize) -> char {
        self.letters.get(self.at + ahead).copied().unwrap_or(' ')
    }

    fn before(self) -> char {
        self.at.checked_sub(1).map_or(' ', |at| self.letters[at])
    }

    fn is_first(self) -> bool {
        self.at == 0
    }

    fn is_last(self, length: usize) -> bool {
        self.at + length == self.letters.len()
    }
}

fn is_vowel_letter(letter: char) -> bool {
    matches!(letter, 'a' | 'e' | 'i' | 'o' | 'u')
}

/// Two and three letters that are one consonant.
fn consonants(place: Place<'_>) -> Option<(usize, Vec<&'static str>)> {
    let next = place.letter(2);
    Some(match (place.letter(0), place.letter(1)) {
        ('s' | 't', 'c') if next == 'h' => (3, vec!["S"]),
        ('s', 'c') if matches!(next, 'e' | 'i') => (2, vec!["S", "s"]),
        ('m', 'c') if place.is_first() && !is_vowel_letter(next) => (2, vec!["mak"]),
        ('c', 'h') if matches!(next, 'r' | 'l') => (2, vec!["k"]),
        ('c' | 's', 'h') => (2, vec!["S"]),
        ('k', 'h') => (2, vec!["h", "k"]),
        ('t', 'h') => (2, vec!["t", "s"]),
        ('d', 'h') => (2, vec!["d"]),
        ('g', 'h') => (2, vec!["g"]),
        ('p', 'h') => (2, vec!["f"]),
        ('d', 'j') => (2, vec!["j"]),
        ('c', 'k') => (2, vec!["k"]),
        _ => return None,
    })
}

/// Two letters that are one vowel.
fn vowels(place: Place<'_>, hearing: Hearing) -> Option<(usize, Vec<&'static str>)> {
    let next = place.letter(2);
    let glides = is_vowel_letter(next);
    Some(match (place.letter(0), place.letter(1)) {
        ('e', 'e') if hearing == Hearing::Loose => (2, vec!["i", "E", "a"]),
        ('e', 'e') => (2, vec!["i", "E"]),
        ('o', 'o' | 'u') => (2, vec!["u"]),
        ('a' | 'e', 'y') if !glides => (2, vec!["E"]),
        ('a' | 'e', 'i') => (2, vec!["E"]),
        ('i', 'y') if glides => (2, vec!["i"]),
        ('a', 'u') => (2, vec!["aw"]),
        _ => return None,
    })
}

fn single(place: Place<'_>, hearing: Hearing) -> (usize, Vec<&'static str>) {
    let letter = place.letter(0);
    let sounds = match letter {
        'c' => soft_c(place, hearing),
        'x' if place.is_first() => vec!["h"],
        'x' => vec!["h", "ks"],
        'q' => vec!["k", "g"],
        'z' => vec!["s"],
        'h' if place.is_last(1) && is_vowel_letter(place.before()) => vec!["", "h"],
        'e' if hearing == Hearing::Loose => vec!["a", "i"],
        'e' => vec!["i"],
        'o' if hearing == Hearing::Loose && place.is_last(1) => vec!["a", "u"],
        'o' => vec!["u"],
        'y' if is_vowel_letter(place.letter(1)) && (place.is_first() || is_vowel_letter(place.before())) => {
            vec!["y"]
        }
        'y' => vec!["i"],
        letter => vec![ascii(letter)],
    };
    (1, sounds)
}

/// Somali `c` is silent here; elsewhere it is k or s. Before a single e or i inside a word it is read as s, or
/// `Lance` would be `Lane` and `Marcia` `Maria`.
fn soft_c(place: Place<'_>, hearing: Hearing) -> Vec<&'static str> {
    let (next, after) = (place.letter(1), place.letter(2));
    match next {
        'l' | 'r' if place.is_first() => vec!["k"],
        'e' | 'i' | 'y' if place.is_first() || next == after || hearing == Hearing::Loose => vec!["", "s"],
        'e' | 'i' | 'y' => vec!["s"],
        _ => vec!["", "k"],
    }
}

/// A letter as it is. Nothing for letters of other scripts, which are compared as they are written.
fn ascii(letter: char) -> &'static str {
    const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
    LETTERS.find(letter).map_or("", |at| &LETTERS[at..=at])
}

fn without_doubles(text: &str) -> String {
    let mut single = String::with_capacity(text.len());
    for letter in text.chars() {
        if !single.ends_with(letter) {
            single.push(letter);
        }
    }
    single
}

/// The key in the forms that compounds take: `abdul aziz` = `abdiaziz`, `nuruddin` = `nur al din` = `nur din`.
fn endings(key: &str) -> Vec<String> {
    if let Some(rest) = servant_rest(key) {
        let without_article = rest.strip_prefix('l').filter(|rest| rest.len() >= 3);
        return std::iter::once(rest).chain(without_article).map(|rest| format!("abdi{rest}")).collect();
    }
    match faith_stem(key) {
        Some(stem) => {
            let stems =
                [Some(stem), stem.strip_suffix("al"), stem.strip_suffix("ul"), stem.strip_suffix("il")];
            stems
                .into_iter()
                .flatten()
                .filter(|stem| stem.len() >= 3)
                .map(|stem| format!("{stem}din"))
                .collect()
        }
        None => vec![key.to_owned()],
    }
}

/// What follows `abdi`, `abdu`, `abda`, if it is long enough to be a name of its own.
pub(super) fn servant_rest(key: &str) -> Option<&str> {
    let rest = key.strip_prefix("abd")?;
    rest.strip_prefix(is_vowel).filter(|rest| rest.len() >= 3)
}

fn faith_stem(key: &str) -> Option<&str> {
    let stem = key.strip_suffix("din").or_else(|| key.strip_suffix("dini"))?;
    let stem = stem.strip_suffix(['a', 'i', 'u']).unwrap_or(stem);
    (stem.len() >= 3).then_some(stem)
}
