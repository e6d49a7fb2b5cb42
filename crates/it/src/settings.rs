//! What the environment tells the tests. `cargo xtask test` sets all of it.

use std::path::PathBuf;

/// The URL of an administrative database: each test makes its own database next to it.
pub const POSTGRES: &str = "ATTESTRY_TEST_POSTGRES";
/// `1` when a run without PostgreSQL is meant.
pub const SQLITE_ONLY: &str = "ATTESTRY_TEST_SQLITE_ONLY";
/// `serializable` makes the tests ask for that isolation instead of READ COMMITTED.
pub const ISOLATION: &str = "ATTESTRY_TEST_ISOLATION";
/// The name of a database with the newest schema and no rows, to make others from.
pub const TEMPLATE: &str = "ATTESTRY_TEST_TEMPLATE";
/// The binary under test; without it, it is built first.
pub const BINARY: &str = "ATTESTRY_TEST_BINARY";

/// The value of an environment variable, if it is set, not empty and UTF-8.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place where the tests read their environment")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The root of the workspace.
#[must_use]
pub fn workspace() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .canonicalize()
        .expect("the workspace that built this binary is still there")
}
