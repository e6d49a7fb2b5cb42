//! The rows that flushes on SQLite remember, so that a charge need not read what the flush before it wrote.
//!
//! Only the one writer changes them, so what it remembers is what is stored, for as long as it ran no other statement
//! on their tables and undid nothing. On PostgreSQL, where other nodes write too, nothing is remembered.

use std::mem;

use db::Tx;

use super::store::States;

/// The tables of the remembered rows.
const TABLES: [&str; 2] = ["account", "quota_token"];
/// With its account, a token takes about 250 bytes.
const TOKENS_MAX: usize = 100_000;

#[derive(Debug, Default)]
pub(super) struct Known {
    stamp: Option<u64>,
    states: States,
}

impl Known {
    /// What was remembered, unless a row of it may have changed since.
    pub(super) fn take(&mut self, tx: &mut Tx<'_>) -> States {
        let stamp = tx.stamp(&TABLES);
        let states = mem::take(&mut self.states);
        if stamp.is_some() && stamp == self.stamp { states } else { States::default() }
    }

    /// Remembers the rows as a flush leaves them, after its last statement. If its transaction comes to nothing after
    /// all, the stamp is another one by then.
    pub(super) fn keep(&mut self, tx: &mut Tx<'_>, states: States) {
        self.stamp = tx.stamp(&TABLES);
        if self.stamp.is_some() && states.tokens.len() <= TOKENS_MAX {
            self.states = states;
        }
    }
}
