//! The write-ahead log, and the thread that folds it into the database beside the writer, so that no call waits for it.
//!
//! A log begins anew only when all of it is folded, and under load the thread never quite catches up.
//! So once the log is long the writer folds the few pages that are left, between two commits.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::{folder, statement};
use crate::error::Error;

/// The thread folds when so many pages came since it last did.
const STEP_PAGES: u32 = 8_000;
/// From here on the writer lends a hand: 16 000 pages of 4 KiB are 64 MB.
const LONG_PAGES: u32 = 16_000;
/// So many pages later it tries again, when a reader or the thread was in its way.
const LEND_STEP_PAGES: u32 = 250;
const FOLD: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// How long the log is. Shared by the writer, who makes it longer, and the thread that folds it.
pub(super) struct Log {
    state: Mutex<State>,
    grown: Condvar,
}

#[derive(Default)]
struct State {
    pages: u32,
    /// Where the thread looks at it next.
    fold_at: u32,
    /// Where the writer does.
    lend_at: u32,
    is_closed: bool,
}

impl Log {
    /// Watches the commits of the writer's connection, in place of SQLite's own folding inside of them.
    pub(super) fn watch(writer: &mut Connection) -> Result<Arc<Self>, rusqlite::Error> {
        let state = State { fold_at: STEP_PAGES, lend_at: LONG_PAGES, ..State::default() };
        let log = Arc::new(Self { state: Mutex::new(state), grown: Condvar::new() });
        let grown = Arc::clone(&log);
        writer.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            grown.committed(pages.try_into().unwrap_or(0));
            Ok(())
        }))?;
        Ok(log)
    }

    fn committed(&self, pages: u32) {
        let mut state = self.lock();
        if pages < state.pages {
            (state.fold_at, state.lend_at) = (STEP_PAGES, LONG_PAGES);
        }
        state.pages = pages;
        let is_due = pages >= state.fold_at;
        drop(state);
        if is_due {
            self.grown.notify_one();
        }
    }

    /// Folds, again and again as the log grows, until it is closed.
    pub(super) fn serve(&self, connection: &Connection, folder: &Path) {
        while self.wait_until_due() {
            fold(connection, folder);
        }
    }

    fn wait_until_due(&self) -> bool {
        let rests = |state: &mut State| state.pages < state.fold_at && !state.is_closed;
        let mut state = self.grown.wait_while(self.lock(), rests).unwrap_or_else(PoisonError::into_inner);
        state.fold_at = state.pages.saturating_add(STEP_PAGES);
        !state.is_closed
    }

    /// Called by the writer when everybody was answered: folds what the thread left, if the log is long.
    ///
    /// A thread that is folding just now, or a reader that still needs the log, leaves it for later.
    pub(super) fn shorten(&self, writer: &Connection, folder: &Path) {
        let mut state = self.lock();
        if state.pages < state.lend_at {
            return;
        }
        state.lend_at = state.pages.saturating_add(LEND_STEP_PAGES);
        drop(state);
        fold(writer, folder);
    }

    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.grown.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is not folded stays in the log, where everybody finds it: only a disk that cannot be trusted is an error.
fn fold(connection: &Connection, folder: &Path) {
    match statement::batch(connection, FOLD) {
        Ok(()) => {}
        Err(Error::Connection(_)) => folder::stop_unless_full(folder),
        Err(error) => tracing::warn!(%error, "the write-ahead log was not folded in and will be later"),
    }
}
