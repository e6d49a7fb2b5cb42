//! Names in Arabic script, and whether one in Latin letters could be read from them.

use super::sound::is_vowel;

pub(super) fn is_arabic(word: &str) -> bool {
    word.chars().any(|letter| ('\u{0600}'..='\u{06FF}').contains(&letter))
}

/// `الحسن` without its article. Short words keep it: there it is a part of the name.
pub(super) fn without_article(word: &str) -> &str {
    word.strip_prefix("ال").filter(|rest| rest.chars().count() >= 2).unwrap_or(word)
}

/// Whether a key of [`super::sound`] reads what is written: every Arabic letter must be heard in its place, a long
/// vowel as that vowel, and between two letters one short vowel may stand that Arabic does not write.
pub(super) fn reads_as(word: &str, key: &str) -> bool {
    let letters: Vec<char> = word.chars().collect();
    let sounds: Vec<char> = key.chars().collect();
    if letters.len() < 2 {
        return false;
    }
    let mut reached = vec![false; sounds.len() + 1];
    reached[0] = true;
    for place in 0..letters.len() {
        reached = after_letter(&letters, place, &sounds, &after_short_vowel(&reached, &sounds));
    }
    reached[sounds.len()]
}

/// The places in the key that are reached with or without a short vowel more.
fn after_short_vowel(reached: &[bool], sounds: &[char]) -> Vec<bool> {
    let mut further = reached.to_vec();
    for (at, sound) in sounds.iter().enumerate() {
        if reached[at] && matches!(sound, 'a' | 'i' | 'u') {
            further[at + 1] = true;
        }
    }
    further
}

fn after_letter(letters: &[char], place: usize, sounds: &[char], reached: &[bool]) -> Vec<bool> {
    let mut next = vec![false; sounds.len() + 1];
    for at in (0..=sounds.len()).filter(|at| reached[*at]) {
        if may_be_silent(letters, place) {
            next[at] = true;
        }
        if sounds.get(at).is_some_and(|sound| is_heard(letters[place], *sound, place + 1 == letters.len())) {
            next[at + 1] = true;
        }
    }
    next
}

/// ʿayn always; a final `ه`, which may stand for a feminine ending; an alif that only carries the next vowel.
fn may_be_silent(letters: &[char], place: usize) -> bool {
    match letters[place] {
        'ع' => true,
        'ه' => place + 1 == letters.len(),
        'ا' => place == 0,
        letter => place > 0 && letters[place - 1] == letter,
    }
}

fn is_heard(letter: char, sound: char, is_last: bool) -> bool {
    match letter {
        'ا' => matches!(sound, 'a' | 'E') || sound == 'i',
        'ع' => is_vowel(sound),
        'ي' => matches!(sound, 'i' | 'E' | 'y') || (is_last && sound == 'a'),
        'و' => matches!(sound, 'u' | 'w'),
        'ب' => matches!(sound, 'b' | 'p'),
        'ت' | 'ط' => sound == 't',
        'ث' => matches!(sound, 't' | 's'),
        'ج' => matches!(sound, 'j' | 'g'),
        'ح' | 'ه' => sound == 'h',
        'خ' => matches!(sound, 'h' | 'k'),
        'د' | 'ض' => sound == 'd',
        'ذ' | 'ظ' => matches!(sound, 'd' | 's'),
        'ر' => sound == 'r',
        'ز' | 'س' | 'ص' => sound == 's',
        'ش' => sound == 'S',
        'غ' => matches!(sound, 'g' | 'k'),
        'ف' => matches!(sound, 'f' | 'v'),
        'ق' => matches!(sound, 'k' | 'g'),
        'ك' => sound == 'k',
        'ل' => sound == 'l',
        'م' => sound == 'm',
        'ن' => sound == 'n',
        _ => false,
    }
}

/// Whether a word that begins with this letter may begin with that sound.
pub(super) fn begins_as(letter: char, sound: char) -> bool {
    match letter {
        'ا' | 'ع' => is_vowel(sound),
        'و' => sound == 'w',
        'ي' => matches!(sound, 'y' | 'i'),
        letter => is_heard(letter, sound, false),
    }
}
