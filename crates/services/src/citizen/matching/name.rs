//! A name as it is compared: its words, what they sound like, and the groups of spellings they belong to.

use super::alias::{self, Group};
use super::clean::clean;
use super::sound::{self, Hearing};
use super::{NAME_CHARS_MAX, NAME_WORDS_MAX, arabic, words};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Script {
    Latin,
    Arabic,
    /// Compared as it is written.
    Other,
}

/// One word, or several read as one.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub text: String,
    pub script: Script,
    /// Both empty unless the script is Latin.
    pub keys: Vec<String>,
    pub loose_keys: Vec<String>,
    pub groups: Vec<Group>,
    pub short_for: Vec<Group>,
    pub is_particle: bool,
}

impl Part {
    pub(super) fn new(text: &str) -> Self {
        let script = script(text);
        let hear = |hearing| if script == Script::Latin { sound::keys(text, hearing) } else { Vec::new() };
        let keys = hear(Hearing::Close);
        Self {
            groups: alias::groups(text, &keys),
            short_for: alias::short_for(text),
            loose_keys: hear(Hearing::Loose),
            text: text.to_owned(),
            script,
            keys,
            is_particle: false,
        }
    }

    pub(super) fn is_initial(&self) -> bool {
        self.text.chars().nth(1).is_none() && self.script != Script::Other
    }

    /// A name that is handed down, so that its place among the others says whose child somebody is.
    pub(super) fn is_lineage(&self) -> bool {
        self.groups.iter().any(|group| alias::is_lineage(*group))
            || self.script == Script::Arabic
            || self.keys.iter().any(|key| sound::servant_rest(key).is_some())
    }
}

/// At least one part that is not a particle.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub parts: Vec<Part>,
}

/// # Errors
/// What is wrong with it, to follow `the claim` or `the record`.
pub(super) fn read(text: &str) -> Result<Name, String> {
    if text.chars().nth(NAME_CHARS_MAX).is_some() {
        return Err(format!("has more than {NAME_CHARS_MAX} characters and was not compared"));
    }
    let words = words::words(&clean(text));
    if words.len() > NAME_WORDS_MAX {
        return Err(format!("has more than {NAME_WORDS_MAX} words and was not compared"));
    }
    if words.is_empty() {
        return Err("holds no name".to_owned());
    }
    let parts = words.iter().map(|word| Part { is_particle: word.is_particle, ..Part::new(&word.text) });
    Ok(Name { parts: parts.collect() })
}

fn script(text: &str) -> Script {
    if arabic::is_arabic(text) {
        Script::Arabic
    } else if text.is_ascii() {
        Script::Latin
    } else {
        Script::Other
    }
}
