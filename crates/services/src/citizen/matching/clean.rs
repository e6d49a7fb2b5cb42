//! One form of every letter: lower case, without accents, vowel marks and invisible characters.

use unicode_normalization::UnicodeNormalization;

/// Longer than any name of 200 characters becomes: some single characters stand for a whole phrase.
const CLEAN_CHARS_MAX: usize = 600;

/// What compares letter by letter. At most 600 characters.
pub(super) fn clean(text: &str) -> String {
    // By itself it would fall apart into a space and an accent, and part the name.
    let text = text.chars().map(|letter| if letter == '´' { '\'' } else { letter });
    let lower: String = text.nfkc().take(CLEAN_CHARS_MAX).flat_map(char::to_lowercase).collect();
    let mut cleaned = String::with_capacity(lower.len());
    for letter in lower.nfkd().filter(|letter| !is_mark(*letter)).take(CLEAN_CHARS_MAX) {
        match plain(letter) {
            Some(text) => cleaned.push_str(text),
            None => cleaned.push(letter),
        }
    }
    cleaned
}

/// Accents and Arabic vowel marks, and what is not seen. Other scripts keep their marks: there they are vowels.
fn is_mark(letter: char) -> bool {
    matches!(u32::from(letter),
        0x0300..=0x036F | 0x0591..=0x05C7 | 0x0610..=0x061A | 0x0640 | 0x064B..=0x065F | 0x0670 | 0x06D6..=0x06ED
        | 0x00AD | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x2069 | 0xFE00..=0xFE0F | 0xFEFF)
}

/// Letters that no decomposition makes plain, and signs for the glottal stop, which are dropped.
fn plain(letter: char) -> Option<&'static str> {
    Some(match letter {
        'ß' => "ss",
        'ł' => "l",
        'ø' => "o",
        'đ' | 'ð' => "d",
        'ı' => "i",
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        'ħ' => "h",
        'ə' => "a",
        '\'' | '`' | '‘' | '’' | 'ʻ' | 'ʼ' | 'ʽ' | 'ʾ' | 'ʿ' | 'ˈ' | '′' | 'ء' => "",
        'ٱ' => "ا",
        'ى' | 'ی' | 'ې' => "ي",
        'ة' | 'ھ' | 'ہ' | 'ە' => "ه",
        'ک' => "ك",
        'گ' => "ج",
        'پ' => "ب",
        'چ' => "ش",
        'ژ' => "ز",
        'ڤ' => "ف",
        _ => return None,
    })
}
