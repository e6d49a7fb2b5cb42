//! Every statement of the source text is prepared by both engines against the real schema.
//!
//! The text is read from the files, so a statement that nobody lists is found too; only those that PostgreSQL alone
//! runs are left out on SQLite, and they are listed by their service.

use std::collections::BTreeSet;
use std::path::Path;

use base::{Fault, Secret};
use db::{Db, Settings, Source};
use it::folder::Folder;
use it::postgres;
use it::settings::workspace;
use kernel::migrations::MIGRATIONS;

use crate::tidy::rust_files;

const FOLDERS: &[&str] =
    &["crates/kernel/src", "crates/services/src", "crates/portal/src", "crates/server/src"];
const VERBS: &[&str] = &["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "];

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Constant {
    /// File and name, for the message.
    place: String,
    sql: &'static str,
}

fn constants() -> Vec<Constant> {
    let files = FOLDERS.iter().flat_map(|folder| rust_files(&workspace().join(folder)));
    files
        .flat_map(|file| {
            constants_of(file.strip_prefix(workspace()).unwrap(), &std::fs::read_to_string(&file).unwrap())
        })
        .collect()
}

/// The string constants of one file that begin with a verb of SQL.
fn constants_of(file: &Path, text: &str) -> Vec<Constant> {
    let mut found = Vec::new();
    for part in text.split("const ").skip(1) {
        let Some((name, rest)) = part.split_once(": &str =") else { continue };
        let Some(literal) = rest.trim_start().strip_prefix('"') else { continue };
        let sql = unescape(literal);
        if name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
            && VERBS.iter().any(|verb| sql.trim_start().starts_with(verb))
        {
            // A test process is short, and a statement lives as long as its program.
            found.push(Constant { place: format!("{}: {name}", file.display()), sql: sql.leak() });
        }
    }
    found
}

/// The value of a string literal whose text starts behind the first quote.
fn unescape(literal: &str) -> String {
    let mut value = String::new();
    let mut characters = literal.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            ('"', _) => break,
            ('\\', Some('\n')) => while characters.next_if(|next| next.is_whitespace()).is_some() {},
            ('\\', Some('n')) => {
                characters.next();
                value.push('\n');
            }
            ('\\', Some(_)) => value.extend(characters.next()),
            (other, _) => value.push(other),
        }
    }
    value
}

/// Prepares everything and gives what the engine does not accept.
fn refused(source: Source, skipped: &BTreeSet<&str>) -> Vec<String> {
    let db = Db::open(Settings::new(source, MIGRATIONS)).expect("the schema is made");
    let statements: Vec<Constant> =
        constants().into_iter().filter(|constant| !skipped.contains(constant.sql)).collect();
    assert!(statements.len() > 40, "only {} statements found: the search is broken", statements.len());
    let mut refused = Vec::new();
    for Constant { place, sql } in statements {
        // One transaction each: PostgreSQL refuses everything after the first error.
        let outcome = db.read_blocking(move |tx| tx.prepare_only(sql).map_err(Fault::internal));
        if let Err(fault) = outcome {
            refused.push(format!("{place}: {fault:?}"));
        }
    }
    db.close();
    refused
}

/// Statements that PostgreSQL alone runs.
fn postgres_statements() -> Vec<&'static str> {
    [kernel::postgres_statements(), services::postgres_statements()].concat()
}

#[test]
fn every_statement_is_prepared_by_sqlite() {
    let folder = Folder::new().unwrap();
    let source = Source::Sqlite { folder: folder.path().join("data") };
    let postgres_only = postgres_statements().into_iter().collect();
    assert_eq!(refused(source, &postgres_only), Vec::<String>::new());
}

#[test]
fn every_statement_for_sqlite_alone_is_prepared_by_it() {
    let folder = Folder::new().unwrap();
    let source = Source::Sqlite { folder: folder.path().join("data") };
    let db = Db::open(Settings::new(source, MIGRATIONS)).unwrap();
    for sql in services::sqlite_statements() {
        db.read_blocking(move |tx| tx.prepare_only(sql).map_err(Fault::internal)).unwrap();
    }
    db.close();
}

#[test]
fn every_statement_is_prepared_by_postgres() {
    let Some(database) = postgres::for_test() else { return };
    let source = Source::Postgres { url: Secret::new(database.url()) };
    assert_eq!(refused(source, &BTreeSet::new()), Vec::<String>::new());
}

#[test]
fn every_statement_of_the_source_is_listed_by_its_crate() {
    let listed: BTreeSet<&str> =
        [kernel::statements(), services::statements(), postgres_statements()].concat().into_iter().collect();
    let unlisted: Vec<_> =
        constants().into_iter().filter(|constant| !listed.contains(constant.sql)).collect();
    assert_eq!(unlisted, [], "list them in their file's STATEMENTS");
}

#[test]
fn a_statement_that_only_postgres_runs_is_not_one_that_sqlite_runs_too() {
    let both: BTreeSet<&str> = [kernel::statements(), services::statements()].concat().into_iter().collect();
    for sql in postgres_statements() {
        assert!(!both.contains(sql), "{sql}");
    }
}

#[test]
fn a_literal_is_read_as_the_compiler_reads_it() {
    let text = "const A: &str = \"SELECT \\\"a\\\" \\\n      FROM b\";\nconst B: &str = \"no statement\";";
    let found = constants_of(Path::new("x.rs"), text);
    assert_eq!(found.iter().map(|constant| constant.sql).collect::<Vec<_>>(), ["SELECT \"a\" FROM b"]);
}
