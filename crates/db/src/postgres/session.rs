//! Statements, values and error codes of PostgreSQL.

use std::collections::HashMap;
use std::error::Error as StdError;

use ::postgres::error::{DbError, Severity};
use ::postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use ::postgres::{Client, Statement};
use bytes::BytesMut;

use super::connect::chain;
use crate::args::Arg;
use crate::error::Error;
use crate::placeholder;
use crate::row::{self, Column, Row, Value};

/// Bytes of a statement that an error quotes.
const QUOTE_MAX: usize = 120;

/// One connection and the statements it has prepared.
pub(crate) struct Session {
    client: Client,
    /// By address and length: a `&'static str` is the same statement wherever it is seen again.
    statements: HashMap<(usize, usize), Statement>,
}

impl Session {
    pub(super) fn new(client: Client) -> Self {
        Self { client, statements: HashMap::new() }
    }

    pub(crate) fn exec(&mut self, sql: &'static str, args: &[Arg<'_>]) -> Result<u64, Error> {
        let statement = self.prepared(sql)?;
        let result = self.client.execute(&statement, &parameters(args));
        result.map_err(|error| self.failed(&error, sql))
    }

    pub(crate) fn each(
        &mut self,
        sql: &'static str,
        args: &[Arg<'_>],
        visit: &mut dyn FnMut(&Row<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let statement = self.prepared(sql)?;
        let rows =
            self.client.query(&statement, &parameters(args)).map_err(|error| self.failed(&error, sql))?;
        rows.iter().try_for_each(|row| visit(&Row(row::Source::Postgres(row))))
    }

    pub(crate) fn prepare_only(&mut self, sql: &'static str) -> Result<(), Error> {
        self.prepared(sql).map(drop)
    }

    pub(crate) fn batch(&mut self, sql: &str) -> Result<(), Error> {
        self.client.batch_execute(sql).map_err(|error| self.failed(&error, sql))
    }

    /// # Errors
    /// [`Error::AmbiguousCommit`] when only the server knows whether it happened.
    pub(super) fn commit(&mut self) -> Result<(), Error> {
        self.client.batch_execute("COMMIT").map_err(|error| {
            // An ERROR is the server's word that it rolled back; a FATAL or a silence is not.
            match error.as_db_error().and_then(DbError::parsed_severity) {
                Some(Severity::Error) => classify(&error, "COMMIT"),
                _ => Error::AmbiguousCommit(chain(&error).into()),
            }
        })
    }

    fn prepared(&mut self, sql: &'static str) -> Result<Statement, Error> {
        let key = (sql.as_ptr().addr(), sql.len());
        if let Some(statement) = self.statements.get(&key) {
            return Ok(statement.clone());
        }
        let text = placeholder::for_postgres(sql);
        let statement = self.client.prepare(&text).map_err(|error| self.failed(&error, sql))?;
        self.statements.insert(key, statement.clone());
        Ok(statement)
    }

    fn failed(&mut self, error: &::postgres::Error, sql: &str) -> Error {
        if is_stale_plan(error) {
            // A migration changed what the statement returns: prepare anew, run again.
            self.statements.clear();
            return Error::Serialization(chain(error).into());
        }
        classify(error, sql)
    }
}

fn is_stale_plan(error: &::postgres::Error) -> bool {
    error
        .as_db_error()
        .is_some_and(|error| error.code().code() == "0A000" && error.message().contains("cached plan"))
}

/// Puts an error of PostgreSQL into our words.
pub(super) fn classify(error: &::postgres::Error, sql: &str) -> Error {
    let Some(database) = error.as_db_error() else {
        let away = error.is_closed()
            || error.source().and_then(<dyn StdError>::downcast_ref::<std::io::Error>).is_some();
        let cause = format!("{} in: {}", chain(error), quote(sql));
        return if away { Error::Connection(cause.into()) } else { Error::Other(cause.into()) };
    };
    // The detail of the server's error is left out: it quotes values.
    let cause = format!("{} ({}) in: {}", database.message(), database.code().code(), quote(sql)).into();
    let constraint = |name: String, unique| Error::Constraint { name, unique, source: cause_of(database) };
    match database.code().code() {
        "23505" => constraint(database.constraint().unwrap_or_default().to_owned(), true),
        "23514" => constraint(database.constraint().unwrap_or_default().to_owned(), false),
        "23502" => {
            let (table, column) =
                (database.table().unwrap_or_default(), database.column().unwrap_or_default());
            constraint(format!("{table}_{column}_not_null"), false)
        }
        "23503" => constraint("foreign_key".to_owned(), false),
        "40001" | "40P01" => Error::Serialization(cause),
        "40003" | "08007" => Error::AmbiguousCommit(cause),
        "55P03" | "57014" => Error::LockTimeout(cause),
        "53100" => Error::Full(cause),
        "53300" | "57P01" | "57P02" | "57P03" | "57P05" | "25P03" => Error::Connection(cause),
        code if code.starts_with("08") => Error::Connection(cause),
        _ => Error::Other(cause),
    }
}

fn cause_of(error: &DbError) -> Box<dyn StdError + Send + Sync> {
    format!("{} ({})", error.message(), error.code().code()).into()
}

fn quote(sql: &str) -> &str {
    let end = (0..=QUOTE_MAX.min(sql.len())).rev().find(|end| sql.is_char_boundary(*end)).unwrap_or(0);
    &sql[..end]
}

fn parameters<'a>(args: &'a [Arg<'_>]) -> Vec<&'a (dyn ToSql + Sync)> {
    args.iter().map(|arg| arg as &(dyn ToSql + Sync)).collect()
}

impl ToSql for Arg<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(int) if *ty == Type::INT4 => i32::try_from(*int)?.to_sql(ty, out),
            Self::Int(int) if *ty == Type::INT2 => i16::try_from(*int)?.to_sql(ty, out),
            Self::Int(int) => int.to_sql_checked(ty, out),
            Self::Real(real) => real.to_sql_checked(ty, out),
            Self::Text(text) => text.as_ref().to_sql_checked(ty, out),
            Self::Bytes(bytes) => bytes.as_ref().to_sql_checked(ty, out),
            Self::Texts(texts) => texts.to_sql_checked(ty, out),
            Self::Ints(ints) => ints.to_sql_checked(ty, out),
            Self::Blobs(blobs) => blobs.to_sql_checked(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        // Which types are right depends on the value, so `to_sql` decides.
        true
    }

    to_sql_checked!();
}

pub(crate) fn value<'a>(row: &'a ::postgres::Row, column: impl Column) -> Result<Value<'a>, Error> {
    let columns = row.columns();
    let position = column.position(columns.len(), |index| columns.get(index).map(::postgres::Column::name));
    let position = position.ok_or_else(|| row::no_column(column))?;
    row.try_get(position).map_err(|error| Error::corrupt(chain(&error)))
}

impl<'a> FromSql<'a> for Value<'a> {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(match *ty {
            Type::INT8 => Self::Int(i64::from_sql(ty, raw)?),
            Type::INT4 => Self::Int(i32::from_sql(ty, raw)?.into()),
            Type::INT2 => Self::Int(i16::from_sql(ty, raw)?.into()),
            Type::BOOL => Self::Int(bool::from_sql(ty, raw)?.into()),
            Type::FLOAT8 => Self::Real(f64::from_sql(ty, raw)?),
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN => {
                Self::Text(std::str::from_utf8(raw)?)
            }
            Type::BYTEA => Self::Bytes(raw),
            _ => return Err(format!("the type {ty} is none of ours: CAST it").into()),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(_: &Type) -> bool {
        // Refused with a better message in `from_sql`.
        true
    }
}
