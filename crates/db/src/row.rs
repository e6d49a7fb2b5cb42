//! A row, read by name or position. A value of another kind than asked for is an error, never a default.

use std::fmt;
use std::str::FromStr;

use base::{Credits, Timestamp};

use crate::error::Error;
use crate::{postgres, sqlite};

/// One row of a result.
pub struct Row<'a>(pub(crate) Source<'a>);

pub(crate) enum Source<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a ::postgres::Row),
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Row")
    }
}

/// A value as an engine gave it, before anybody said what it should be.
#[derive(Debug)]
pub(crate) enum Value<'a> {
    Null,
    Int(i64),
    Real(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

/// A column: its name, or its position from 0. Positions are faster.
pub trait Column: Copy + fmt::Display {
    /// The position among `count` columns, which `name` names.
    fn position<'n>(self, count: usize, name: impl Fn(usize) -> Option<&'n str>) -> Option<usize>;
}

impl Column for usize {
    fn position<'n>(self, count: usize, _: impl Fn(usize) -> Option<&'n str>) -> Option<usize> {
        (self < count).then_some(self)
    }
}

impl Column for &str {
    fn position<'n>(self, count: usize, name: impl Fn(usize) -> Option<&'n str>) -> Option<usize> {
        (0..count).find(|index| name(*index) == Some(self))
    }
}

/// Every reader fails with [`Error::Corrupt`] when there is no such column or its value is of another kind.
impl Row<'_> {
    /// # Errors
    /// [`Error::Corrupt`]
    pub fn text(&self, column: impl Column) -> Result<String, Error> {
        self.str_ref(column).map(str::to_owned)
    }

    /// A text without a copy.
    ///
    /// # Errors
    /// [`Error::Corrupt`]
    pub fn str_ref(&self, column: impl Column) -> Result<&str, Error> {
        self.opt_str_ref(column)?.ok_or_else(|| mismatch(column, "a text", &Value::Null))
    }

    /// # Errors
    /// [`Error::Corrupt`]
    pub fn opt_text(&self, column: impl Column) -> Result<Option<String>, Error> {
        Ok(self.opt_str_ref(column)?.map(str::to_owned))
    }

    /// # Errors
    /// [`Error::Corrupt`]
    pub fn opt_str_ref(&self, column: impl Column) -> Result<Option<&str>, Error> {
        match self.value(column)? {
            Value::Text(text) => Ok(Some(text)),
            Value::Null => Ok(None),
            other => Err(mismatch(column, "a text", &other)),
        }
    }

    /// # Errors
    /// [`Error::Corrupt`]
    pub fn int(&self, column: impl Column) -> Result<i64, Error> {
        self.opt_int(column)?.ok_or_else(|| mismatch(column, "an integer", &Value::Null))
    }

    /// # Errors
    /// [`Error::Corrupt`]
    pub fn opt_int(&self, column: impl Column) -> Result<Option<i64>, Error> {
        match self.value(column)? {
            Value::Int(int) => Ok(Some(int)),
            Value::Null => Ok(None),
            other => Err(mismatch(column, "an integer", &other)),
        }
    }

    /// 0 or 1.
    ///
    /// # Errors
    /// [`Error::Corrupt`]
    pub fn bool(&self, column: impl Column) -> Result<bool, Error> {
        match self.value(column)? {
            Value::Int(0) => Ok(false),
            Value::Int(1) => Ok(true),
            other => Err(mismatch(column, "0 or 1", &other)),
        }
    }

    /// # Errors
    /// [`Error::Corrupt`]
    pub fn real(&self, column: impl Column) -> Result<f64, Error> {
        match self.value(column)? {
            Value::Real(real) => Ok(real),
            other => Err(mismatch(column, "a real number", &other)),
        }
    }

    /// # Errors
    /// [`Error::Corrupt`]
    pub fn bytes(&self, column: impl Column) -> Result<Vec<u8>, Error> {
        self.opt_bytes(column)?.ok_or_else(|| mismatch(column, "bytes", &Value::Null))
    }

    /// # Errors
    /// [`Error::Corrupt`]
    pub fn opt_bytes(&self, column: impl Column) -> Result<Option<Vec<u8>>, Error> {
        match self.value(column)? {
            Value::Bytes(bytes) => Ok(Some(bytes.to_vec())),
            Value::Null => Ok(None),
            other => Err(mismatch(column, "bytes", &other)),
        }
    }

    /// Microseconds since 1970.
    ///
    /// # Errors
    /// [`Error::Corrupt`]
    pub fn timestamp(&self, column: impl Column) -> Result<Timestamp, Error> {
        self.int(column).map(Timestamp::from_micros)
    }

    /// # Errors
    /// [`Error::Corrupt`]
    pub fn opt_timestamp(&self, column: impl Column) -> Result<Option<Timestamp>, Error> {
        Ok(self.opt_int(column)?.map(Timestamp::from_micros))
    }

    /// # Errors
    /// [`Error::Corrupt`]
    pub fn credits(&self, column: impl Column) -> Result<Credits, Error> {
        self.int(column).map(Credits::new)
    }

    /// A text that reads as a `T`, such as an id.
    ///
    /// # Errors
    /// [`Error::Corrupt`]
    pub fn id<T: FromStr>(&self, column: impl Column) -> Result<T, Error> {
        self.named(column, |text| text.parse().ok())
    }

    /// # Errors
    /// [`Error::Corrupt`]
    pub fn opt_id<T: FromStr>(&self, column: impl Column) -> Result<Option<T>, Error> {
        self.opt_str_ref(column)?.map(|text| text.parse().map_err(|_| unreadable::<T>(column))).transpose()
    }

    /// A text that `parse` knows: `row.named("environment", Environment::parse)`.
    ///
    /// # Errors
    /// [`Error::Corrupt`]
    pub fn named<T>(&self, column: impl Column, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, Error> {
        parse(self.str_ref(column)?).ok_or_else(|| unreadable::<T>(column))
    }

    fn value(&self, column: impl Column) -> Result<Value<'_>, Error> {
        match self.0 {
            Source::Sqlite(row) => sqlite::value(row, column),
            Source::Postgres(row) => postgres::value(row, column),
        }
    }
}

/// Says which column failed, and never what was in it: values may be personal.
fn mismatch(column: impl Column, wanted: &str, found: &Value<'_>) -> Error {
    let found = match found {
        Value::Null => "NULL",
        Value::Int(_) => "an integer",
        Value::Real(_) => "a real number",
        Value::Text(_) => "a text",
        Value::Bytes(_) => "bytes",
    };
    Error::corrupt(format!("column {column} should hold {wanted} and holds {found}"))
}

fn unreadable<T>(column: impl Column) -> Error {
    Error::corrupt(format!("column {column} does not hold a {}", std::any::type_name::<T>()))
}

pub(crate) fn no_column(column: impl Column) -> Error {
    Error::corrupt(format!("the result has no column {column}"))
}
