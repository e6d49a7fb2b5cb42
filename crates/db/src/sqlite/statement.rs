//! Statements, values and error codes of SQLite.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode, ffi};

use crate::args::Arg;
use crate::error::Error;
use crate::placeholder;
use crate::row::{self, Column, Row, Value};

pub(crate) fn exec(connection: &Connection, sql: &'static str, args: &[Arg<'_>]) -> Result<u64, Error> {
    let mut statement = bound(connection, sql, args)?;
    if statement.column_count() == 0 {
        let count = statement.raw_execute().map_err(|error| classify(connection, error))?;
        return Ok(count.try_into().unwrap_or(u64::MAX));
    }
    let mut count = 0;
    let mut rows = statement.raw_query();
    while rows.next().map_err(|error| classify(connection, error))?.is_some() {
        count += 1;
    }
    Ok(count)
}

pub(crate) fn each(
    connection: &Connection,
    sql: &'static str,
    args: &[Arg<'_>],
    visit: &mut dyn FnMut(&Row<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut statement = bound(connection, sql, args)?;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(|error| classify(connection, error))? {
        visit(&Row(row::Source::Sqlite(row)))?;
    }
    Ok(())
}

pub(crate) fn prepare_only(connection: &Connection, sql: &'static str) -> Result<(), Error> {
    prepared(connection, sql).map(drop)
}

pub(crate) fn batch(connection: &Connection, sql: &str) -> Result<(), Error> {
    connection.execute_batch(sql).map_err(|error| classify(connection, error))
}

pub(crate) fn value<'a>(row: &'a rusqlite::Row<'_>, column: impl Column) -> Result<Value<'a>, Error> {
    let statement: &rusqlite::Statement<'_> = row.as_ref();
    let position = column.position(statement.column_count(), |index| statement.column_name(index).ok());
    let position = position.ok_or_else(|| row::no_column(column))?;
    Ok(match row.get_ref(position).map_err(Error::corrupt)? {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(int) => Value::Int(int),
        ValueRef::Real(real) => Value::Real(real),
        ValueRef::Text(text) => Value::Text(std::str::from_utf8(text).map_err(Error::corrupt)?),
        ValueRef::Blob(bytes) => Value::Bytes(bytes),
    })
}

fn prepared<'c>(connection: &'c Connection, sql: &'static str) -> Result<CachedStatement<'c>, Error> {
    connection.prepare_cached(placeholder::for_sqlite(sql)).map_err(|error| classify(connection, error))
}

fn bound<'c>(
    connection: &'c Connection,
    sql: &'static str,
    args: &[Arg<'_>],
) -> Result<CachedStatement<'c>, Error> {
    let mut statement = prepared(connection, sql)?;
    if statement.parameter_count() != args.len() {
        let wanted = statement.parameter_count();
        return Err(Error::other(format!(
            "{} arguments were given and {wanted} wanted by: {sql}",
            args.len()
        )));
    }
    for (index, arg) in args.iter().enumerate() {
        statement.raw_bind_parameter(index + 1, output(arg)?).map_err(Error::other)?;
    }
    Ok(statement)
}

fn output<'a>(arg: &'a Arg<'_>) -> Result<ToSqlOutput<'a>, Error> {
    Ok(ToSqlOutput::Borrowed(match arg {
        Arg::Null => ValueRef::Null,
        Arg::Int(int) => ValueRef::Integer(*int),
        Arg::Real(real) => ValueRef::Real(*real),
        Arg::Text(text) => ValueRef::Text(text.as_bytes()),
        Arg::Bytes(bytes) => ValueRef::Blob(bytes),
        Arg::Texts(_) | Arg::Ints(_) | Arg::Blobs(_) => {
            return Err(Error::other("SQLite has no arrays: loop over a statement instead"));
        }
    }))
}

/// Puts an error of SQLite into our words.
pub(crate) fn classify(connection: &Connection, error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => constraint(connection, error),
        Some(ErrorCode::DiskFull) => Error::Full(error.into()),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::LockTimeout(error.into()),
        // The threads look at these before anybody is answered: see `folder::stop_unless_full`.
        Some(ErrorCode::SystemIoFailure | ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            tracing::error!(%error, "the database file met an I/O error");
            Error::Connection(error.into())
        }
        _ => Error::Other(error.into()),
    }
}

fn constraint(connection: &Connection, error: rusqlite::Error) -> Error {
    let code = error.sqlite_error().map_or(0, |error| error.extended_code);
    let message = error.to_string();
    let subject = message.rsplit_once(" failed: ").map_or("", |(_, subject)| subject);
    let (name, unique) = match code {
        ffi::SQLITE_CONSTRAINT_CHECK => (subject.to_owned(), false),
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => ("foreign_key".to_owned(), false),
        ffi::SQLITE_CONSTRAINT_NOTNULL => (format!("{}_not_null", subject.replace('.', "_")), false),
        ffi::SQLITE_CONSTRAINT_UNIQUE => (unique_name(connection, subject), true),
        ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
            (format!("{}_pkey", subject.split('.').next().unwrap_or("")), true)
        }
        _ => (subject.to_owned(), false),
    };
    Error::Constraint { name, unique, source: error.into() }
}

/// SQLite reports the columns of a unique index; PostgreSQL its name. Of several with the same columns, the first.
fn unique_name(connection: &Connection, subject: &str) -> String {
    if let Some(index) = subject.strip_prefix("index '") {
        return index.trim_end_matches('\'').to_owned();
    }
    let pairs = subject.split(", ").filter_map(|pair| pair.split_once('.'));
    let columns: Vec<&str> = pairs.clone().map(|(_, column)| column).collect();
    let table = pairs.map(|(table, _)| table).next().unwrap_or("");
    index_of(connection, table, &columns)
        .ok()
        .flatten()
        .unwrap_or_else(|| format!("{table}_{}_key", columns.join("_")))
}

fn index_of(
    connection: &Connection,
    table: &str,
    columns: &[&str],
) -> Result<Option<String>, rusqlite::Error> {
    const INDEXES: &str = "SELECT name, origin FROM pragma_index_list(?1) WHERE \"unique\" = 1 ORDER BY name";
    const COLUMNS: &str = "SELECT name FROM pragma_index_info(?1) ORDER BY seqno";
    let mut indexes = connection.prepare_cached(INDEXES)?;
    let mut list = connection.prepare_cached(COLUMNS)?;
    let mut rows = indexes.query([table])?;
    while let Some(row) = rows.next()? {
        let (name, origin): (String, String) = (row.get(0)?, row.get(1)?);
        let names = list.query_map([&name], |row| row.get::<_, Option<String>>(0))?;
        let names: Vec<_> = names.collect::<Result<_, _>>()?;
        if names.iter().map(Option::as_deref).eq(columns.iter().copied().map(Some)) {
            return Ok(match origin.as_str() {
                "c" => Some(name),
                "pk" => Some(format!("{table}_pkey")),
                _ => None,
            });
        }
    }
    Ok(None)
}
