//! Which tables the writer may have changed: what lets a caller keep rows in memory and know when they are stale.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Counts statements by the tables that they may change. One process owns the file and one thread writes it, so
/// whatever happens to a table is counted here.
#[derive(Default)]
pub(crate) struct Changes {
    /// Tables that somebody asked about, and how often each may have changed.
    tables: RefCell<Vec<(&'static str, u64)>>,
    /// What was undone may have changed anything.
    undone: Cell<u64>,
    /// Positions in `tables` by the address and length of a statement, which is a constant.
    of_statement: RefCell<HashMap<(usize, usize), Vec<usize>>>,
}

impl Changes {
    /// A number that never comes again once one of these tables may have changed.
    pub(crate) fn stamp(&self, tables: &[&'static str]) -> u64 {
        tables.iter().map(|table| self.count(table)).sum::<u64>() + self.undone.get()
    }

    fn count(&self, table: &'static str) -> u64 {
        let mut tables = self.tables.borrow_mut();
        if let Some((_, count)) = tables.iter().find(|(name, _)| *name == table) {
            return *count;
        }
        tables.push((table, 0));
        self.of_statement.borrow_mut().clear();
        0
    }

    /// Before a statement runs.
    pub(crate) fn note(&self, sql: &'static str) {
        let mut tables = self.tables.borrow_mut();
        let mut of_statement = self.of_statement.borrow_mut();
        let changed = match of_statement.entry((sql.as_ptr().addr(), sql.len())) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(
                tables
                    .iter()
                    .enumerate()
                    .filter_map(|(position, (table, _))| may_change(sql, table).then_some(position))
                    .collect(),
            ),
        };
        for position in changed.iter() {
            tables[*position].1 += 1;
        }
    }

    /// After a rollback, of a whole transaction or to a savepoint; and after statements that are not constants.
    pub(crate) fn note_anything(&self) {
        self.undone.set(self.undone.get() + 1);
    }
}

/// Whatever is not a query and names the table as a word: rather too often than too seldom.
fn may_change(sql: &str, table: &str) -> bool {
    let is_word = |text: char| text.is_ascii_alphanumeric() || text == '_';
    !sql.trim_start().starts_with("SELECT") && sql.split(|text| !is_word(text)).any(|word| word == table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_changes_with_its_tables_alone() {
        let changes = Changes::default();
        let before = changes.stamp(&["account", "token"]);
        changes.note("SELECT balance FROM account");
        changes.note("INSERT INTO account_log (id) VALUES (1)");
        assert_eq!(changes.stamp(&["account", "token"]), before);
        for sql in [
            "INSERT INTO account(id) VALUES (1)",
            "UPDATE token SET a = 1",
            "WITH old AS (SELECT 1) DELETE FROM token WHERE a IN old",
            "DELETE FROM \"account\"",
        ] {
            let before = changes.stamp(&["account", "token"]);
            changes.note(sql);
            assert_ne!(changes.stamp(&["account", "token"]), before, "{sql}");
        }
    }

    #[test]
    fn a_table_that_is_asked_about_late_is_counted_from_then_on() {
        const UPDATE: &str = "UPDATE late SET a = 1";
        let changes = Changes::default();
        changes.stamp(&["account"]);
        changes.note(UPDATE);
        let before = changes.stamp(&["late"]);
        changes.note(UPDATE);
        assert_ne!(changes.stamp(&["late"]), before);
    }

    #[test]
    fn what_is_undone_may_have_changed_anything() {
        let changes = Changes::default();
        let before = changes.stamp(&["account"]);
        changes.note_anything();
        assert_ne!(changes.stamp(&["account"]), before);
    }
}
