//! Groups of spellings: one group is one name, two groups are two names however close their letters.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::clean::clean;
use super::sound::{self, Hearing};
use super::{arabic, words};

/// One name in all its spellings.
pub(super) type Group = u16;

/// Shorter keys say nothing: `moh` is short for Maxamed, but not all that sounds like `mu` is.
const KEY_MIN: usize = 3;
const TEXT: &str = include_str!("aliases.txt");
static TABLE: LazyLock<Table> = LazyLock::new(|| read(TEXT));

#[derive(Debug, Default)]
pub(super) struct Table {
    by_text: HashMap<String, Vec<Group>>,
    by_key: HashMap<String, Vec<Group>>,
    /// From a short form to the groups of the full name.
    short: HashMap<String, Vec<Group>>,
    /// Groups below it are names of a lineage.
    lineage_end: Group,
    groups: Group,
}

/// The groups a word may belong to: by its spelling, else by its sound. Mostly one or none.
pub(super) fn groups(word: &str, keys: &[String]) -> Vec<Group> {
    TABLE.groups(word, keys)
}

/// The groups of the full names that a word is short for.
pub(super) fn short_for(word: &str) -> Vec<Group> {
    TABLE.short.get(word).cloned().unwrap_or_default()
}

/// Whether a group is a given name that fathers and grandfathers hand down, so that its place means something.
pub(super) fn is_lineage(group: Group) -> bool {
    group < TABLE.lineage_end
}

impl Table {
    fn groups(&self, word: &str, keys: &[String]) -> Vec<Group> {
        let own = self.own_groups(word, keys);
        if own.is_empty() { self.groups_behind_article(word, keys) } else { own }
    }

    fn own_groups(&self, word: &str, keys: &[String]) -> Vec<Group> {
        if let Some(groups) = self.by_text.get(word) {
            return groups.clone();
        }
        let mut found: Vec<Group> =
            keys.iter().filter_map(|key| self.by_key.get(key)).flatten().copied().collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// `alhassan` is `hassan`; only for names of a lineage, because `Alisa` is not `Lisa`.
    fn groups_behind_article(&self, word: &str, keys: &[String]) -> Vec<Group> {
        let rest = match word.strip_prefix("al").or_else(|| word.strip_prefix("el")) {
            Some(rest) if rest.len() >= 4 => rest,
            _ if arabic::is_arabic(word) && arabic::without_article(word) != word => {
                arabic::without_article(word)
            }
            _ => return Vec::new(),
        };
        let keys = if keys.is_empty() { Vec::new() } else { sound::keys(rest, Hearing::Close) };
        self.own_groups(rest, &keys).into_iter().filter(|group| *group < self.lineage_end).collect()
    }

    fn add(&mut self, line: &str, group: Group) {
        for word in line.split(' ').flat_map(spelling) {
            let keys = if arabic::is_arabic(&word) { Vec::new() } else { sound::keys(&word, Hearing::Close) };
            insert(&mut self.by_text, word, group);
            let telling = keys.into_iter().filter(|key| key.len() >= KEY_MIN);
            telling.for_each(|key| insert(&mut self.by_key, key, group));
        }
    }

    /// The full name keeps its group, or gets one.
    fn add_short(&mut self, line: &str) {
        let mut spellings = line.split(' ').flat_map(spelling);
        let Some(full) = spellings.next() else { return };
        let mut groups = self.own_groups(&full, &sound::keys(&full, Hearing::Close));
        if groups.is_empty() {
            groups.push(self.groups);
            self.add(&full, self.groups);
            self.groups += 1;
        }
        for short in spellings {
            groups.iter().for_each(|group| insert(&mut self.short, short.clone(), *group));
        }
    }
}

/// As a name of one word is read, so that the table and the names meet in one form.
fn spelling(word: &str) -> Option<String> {
    words::words(&clean(word)).into_iter().next().map(|word| word.text)
}

fn insert(table: &mut HashMap<String, Vec<Group>>, entry: String, group: Group) {
    let groups = table.entry(entry).or_default();
    if !groups.contains(&group) {
        groups.push(group);
    }
}

fn read(text: &str) -> Table {
    let mut table = Table::default();
    let mut section = "";
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line {
            "[lineage]" | "[other]" | "[short]" => section = line,
            line if section == "[short]" => table.add_short(line),
            line => {
                table.add(line, table.groups);
                table.groups += 1;
                if section == "[lineage]" {
                    table.lineage_end = table.groups;
                }
            }
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spellings that are written alike in two names, and sounds that two names share though each has spellings
    /// of its own. Each is meant; a new one is a mistake in the list until it stands here.
    const SHARED: &[&str] = &[
        "amir",
        "fransis",
        "hamid",
        "isa",
        "majid",
        "nasir",
        "raSid",
        "sEd",
        "sEid",
        "salim",
        "sayid",
        "عبدالله",
    ];

    #[test]
    fn two_names_share_no_spelling_and_no_sound_but_the_known_ones() {
        let table = read(TEXT);
        let entries = table.by_text.iter().chain(&table.by_key);
        let mut shared: Vec<&str> =
            entries.filter(|(_, groups)| groups.len() > 1).map(|(entry, _)| entry.as_str()).collect();
        shared.sort_unstable();
        shared.dedup();
        assert_eq!(shared, SHARED);
    }

    #[test]
    fn a_short_form_points_to_the_name_it_is_short_for() {
        let full = groups("william", &sound::keys("william", Hearing::Close));
        assert_eq!(short_for("bill"), full);
        assert!(short_for("william").is_empty());
    }
}
