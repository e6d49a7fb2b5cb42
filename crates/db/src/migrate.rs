//! Forward-only migrations from templates that both engines read.
//!
//! Holes: `{int}` `{text}` `{blob}` `{real}` are column types; `{strict}` `{clustered}` `{hot}` stand at the end of
//! a `CREATE TABLE`: a plain table, one kept in the order of its primary key, and one whose rows change often.
//! Statements end with `;` at the end of a line.
//!
//! Nodes upgrade one by one: a database that is newer than the binary is fine until a migration says that only
//! newer binaries may use it.

use std::fmt::Write;

use aws_lc_rs::digest;
use base::{Fault, Timestamp};

use crate::args;
use crate::error::Error;
use crate::settings::{Engine, Migration};
use crate::tx::Tx;

const CREATE: &str = "CREATE TABLE IF NOT EXISTS schema_migration (
    version {int} NOT NULL PRIMARY KEY,
    name {text} NOT NULL,
    sha256 {text} NOT NULL,
    oldest_binary {int} NOT NULL,
    applied_at_us {int} NOT NULL
){strict};";
const LIST: &str =
    "SELECT version, name, sha256, oldest_binary, applied_at_us FROM schema_migration ORDER BY version";
const INSERT: &str = "INSERT INTO schema_migration (version, name, sha256, oldest_binary, applied_at_us)
    VALUES (?1, ?2, ?3, ?4, ?5)";
const CLOCK_SQLITE: &str = "SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER)";
const CLOCK_POSTGRES: &str = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)";

/// A migration that a database has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AppliedMigration {
    pub version: u32,
    pub name: String,
    /// Lower-case hexadecimal SHA-256 of the template.
    pub sha256: String,
    /// The newest migration that a binary must know to use this database.
    pub oldest_binary: u32,
    pub applied_at: Timestamp,
}

/// Makes the table of migrations when it is not there.
pub(crate) fn prepare(tx: &mut Tx<'_>) -> Result<(), Error> {
    let sql = render(CREATE, tx.engine());
    tx.batch(&sql)
}

/// Prepares, checks and applies everything in one transaction.
pub(crate) fn run_all(tx: &mut Tx<'_>, migrations: &'static [Migration]) -> Result<(), Fault> {
    prepare(tx)?;
    for migration in pending(&applied(tx)?, migrations)? {
        apply(tx, migration)?;
    }
    Ok(())
}

/// What the database has, ascending.
pub(crate) fn applied(tx: &mut Tx<'_>) -> Result<Vec<AppliedMigration>, Error> {
    tx.all(LIST, args![], |row| {
        Ok(AppliedMigration {
            version: row.int(0)?.try_into().map_err(Error::corrupt)?,
            name: row.text(1)?,
            sha256: row.text(2)?,
            oldest_binary: row.int(3)?.try_into().map_err(Error::corrupt)?,
            applied_at: row.timestamp(4)?,
        })
    })
}

/// Which of `migrations` the database still needs.
///
/// # Errors
/// A Conflict when the database is too new for this binary, or is not what this binary's migrations make.
pub(crate) fn pending(
    applied: &[AppliedMigration],
    migrations: &'static [Migration],
) -> Result<&'static [Migration], Fault> {
    debug_assert!(migrations.is_sorted_by(|a, b| a.version < b.version), "migrations ascend");
    let known = migrations.last().map_or(0, |newest| newest.version);
    let needed = applied.iter().map(|row| row.oldest_binary).max().unwrap_or(0);
    if needed > known {
        return Err(Fault::conflict(format!(
            "The database needs a binary that knows migration {needed}; this one knows {known}. Start a newer Attestry."
        )));
    }
    let ours = applied.iter().filter(|row| row.version <= known);
    let mut count = 0;
    for (row, migration) in ours.zip(migrations) {
        if row.version != migration.version || row.sha256 != sha256(migration.template) {
            return Err(Fault::conflict(format!(
                "Migration {} ({}) of the database is not migration {} ({}) of this binary. \
                 Use the binary that made the database, or restore the backup that belongs to this one.",
                row.version, row.name, migration.version, migration.name
            )));
        }
        count += 1;
    }
    if count < migrations.len() && applied.len() > count {
        return Err(Fault::conflict(format!(
            "The database has migrations newer than {}, which it lacks. Use the binary that made the database.",
            migrations[count].version
        )));
    }
    Ok(&migrations[count..])
}

/// Runs one migration and records it.
pub(crate) fn apply(tx: &mut Tx<'_>, migration: &Migration) -> Result<(), Fault> {
    let text = render(migration.template, tx.engine());
    for statement in statements(&text) {
        tx.batch(&statement).map_err(|error| {
            let first = statement.lines().next().unwrap_or("").to_owned();
            Fault::internal(format!(
                "migration {} ({}) failed at \"{first}\": {error}",
                migration.version, migration.name
            ))
        })?;
    }
    let now = clock(tx)?;
    let (sha256, oldest) = (sha256(migration.template), migration.oldest_binary);
    tx.exec(INSERT, args![migration.version, migration.name, sha256, oldest, now])?;
    tracing::info!(version = migration.version, name = migration.name, "migrated");
    Ok(())
}

/// The engine's own clock: for `doctor` and for leases between migrating nodes, never for what a command does.
pub(crate) fn clock(tx: &mut Tx<'_>) -> Result<Timestamp, Error> {
    let sql = match tx.engine() {
        Engine::Sqlite => CLOCK_SQLITE,
        Engine::Postgres => CLOCK_POSTGRES,
    };
    tx.one(sql, args![], |row| row.timestamp(0))
}

/// Fills the holes of a template.
fn render(template: &str, engine: Engine) -> String {
    const HOLES: [(&str, &str, &str); 7] = [
        ("{int}", "INTEGER", "BIGINT"),
        ("{text}", "TEXT", "TEXT COLLATE \"C\""),
        ("{blob}", "BLOB", "BYTEA"),
        ("{real}", "REAL", "DOUBLE PRECISION"),
        ("{strict}", " STRICT", ""),
        ("{clustered}", " STRICT, WITHOUT ROWID", ""),
        ("{hot}", " STRICT, WITHOUT ROWID", " WITH (fillfactor = 70)"),
    ];
    HOLES.iter().fold(template.to_owned(), |text, (hole, sqlite, postgres)| {
        text.replace(hole, if engine == Engine::Sqlite { sqlite } else { postgres })
    })
}

/// The statements of a rendered template, without comment lines.
fn statements(text: &str) -> Vec<String> {
    let mut statements = vec![String::new()];
    for line in text.lines().filter(|line| !line.trim_start().starts_with("--")) {
        let statement = statements.last_mut().expect("it starts with one and only grows");
        statement.push_str(line);
        statement.push('\n');
        if line.trim_end().ends_with(';') {
            statements.push(String::new());
        }
    }
    statements.retain_mut(|statement| {
        *statement = statement.trim().to_owned();
        !statement.is_empty()
    });
    statements
}

fn sha256(template: &str) -> String {
    let mut text = String::with_capacity(64);
    for byte in digest::digest(&digest::SHA256, template.as_bytes()).as_ref() {
        write!(text, "{byte:02x}").expect("a String takes everything");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Migration = Migration { version: 1, name: "first", template: "A;", oldest_binary: 1 };
    const SECOND: Migration = Migration { version: 2, name: "second", template: "B;", oldest_binary: 1 };

    fn row(migration: &Migration) -> AppliedMigration {
        AppliedMigration {
            version: migration.version,
            name: migration.name.into(),
            sha256: sha256(migration.template),
            oldest_binary: migration.oldest_binary,
            applied_at: Timestamp::from_micros(0),
        }
    }

    #[test]
    fn only_what_is_missing_is_pending() {
        const BOTH: &[Migration] = &[FIRST, SECOND];
        assert_eq!(pending(&[], BOTH).unwrap().len(), 2);
        assert_eq!(pending(&[row(&FIRST)], BOTH).unwrap()[0].version, 2);
        assert!(pending(&[row(&FIRST), row(&SECOND)], BOTH).unwrap().is_empty());
    }

    #[test]
    fn a_newer_database_is_used_until_it_asks_for_a_newer_binary() {
        assert!(pending(&[row(&FIRST), row(&SECOND)], &[FIRST]).unwrap().is_empty());
        let breaking = AppliedMigration { oldest_binary: 2, ..row(&SECOND) };
        let fault = pending(&[row(&FIRST), breaking], &[FIRST]).unwrap_err();
        assert!(fault.detail.contains("newer Attestry"), "{fault:?}");
    }

    #[test]
    fn a_changed_or_skipped_migration_is_refused() {
        let changed = AppliedMigration { sha256: sha256("C;"), ..row(&FIRST) };
        assert!(pending(&[changed], &[FIRST]).is_err());
        assert!(pending(&[row(&SECOND)], &[FIRST, SECOND]).is_err());
        let third = AppliedMigration { version: 3, ..row(&SECOND) };
        assert!(pending(&[row(&FIRST), third], &[FIRST, SECOND]).is_err());
    }

    #[test]
    fn a_template_becomes_the_statements_of_its_engine() {
        let template = "-- a remark;\nCREATE TABLE t (\n  a {int}, b {text} DEFAULT '{}'\n){hot};\n\nCREATE INDEX i ON t (a);\n";
        assert_eq!(
            statements(&render(template, Engine::Sqlite)),
            [
                "CREATE TABLE t (\n  a INTEGER, b TEXT DEFAULT '{}'\n) STRICT, WITHOUT ROWID;",
                "CREATE INDEX i ON t (a);"
            ]
        );
        let postgres = render(template, Engine::Postgres);
        assert!(
            postgres.contains("a BIGINT, b TEXT COLLATE \"C\"")
                && postgres.contains(") WITH (fillfactor = 70);")
        );
    }
}
