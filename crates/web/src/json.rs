//! JSON bodies: one strict reading, then fields by name and type.
//!
//! ```ignore
//! let document = web::json::parse_object(&body)?;
//! let (name, count) = web::json::both(
//!     document.string("name", 1..=255),
//!     document.integer_or("count", 1..=1_000_000, 1),
//! )?;
//! ```
//!
//! What cannot be read at all is refused by [`parse_object`] as [`base::Code::Malformed`].
//! A wrong type or an out-of-range number is that field's error, [`base::Code::Invalid`].
//! `null` is a wrong type everywhere: a contract that lets `null` mean "absent" asks [`Document::is_null`] first.
//! Unknown fields are ignored.

mod parse;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::RangeInclusive;

use aws_lc_rs::digest;
use base::{Code, Fault, FieldError, Timestamp};

pub use parse::{DEPTH_MAX, parse_object};

/// A JSON value as it was sent.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    Null,
    Boolean(bool),
    /// Written without fraction and exponent, and within 64 bits.
    Integer(i64),
    /// Any other number, as it was written: `1.0`, `1e400`, `18446744073709551616`.
    Decimal(Box<str>),
    String(String),
    Array(Vec<Value>),
    Object(Document),
}

/// A JSON object: its fields by name.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Document {
    /// Sorted by key, no key twice.
    entries: Vec<(String, Value)>,
}

impl Document {
    /// What was sent under `name`, whatever it is.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        let found = self.entries.binary_search_by(|(key, _)| key.as_str().cmp(name)).ok()?;
        Some(&self.entries[found].1)
    }

    /// Whether `name` was sent as `null`.
    #[must_use]
    pub fn is_null(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Value::Null))
    }

    /// All fields, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Text of `length` characters.
    ///
    /// # Errors
    /// The field's, when it is absent, not a string, or too short or long.
    pub fn string(&self, name: &'static str, length: RangeInclusive<usize>) -> Result<&str, Fault> {
        self.optional_string(name, length)?.ok_or_else(|| missing(name))
    }

    /// # Errors
    /// The field's, when it is there and not a string of `length` characters.
    pub fn optional_string(
        &self,
        name: &'static str,
        length: RangeInclusive<usize>,
    ) -> Result<Option<&str>, Fault> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if length.contains(&text.chars().count()) => Ok(Some(text)),
            Some(Value::String(_)) => Err(Fault::invalid(name, size_message(&length, "characters"))),
            Some(_) => Err(Fault::invalid(name, "must be a string")),
        }
    }

    /// A whole number in `range`, written without fraction or exponent: `1`, not `1.0`, `1e0` or `"1"`.
    ///
    /// # Errors
    /// The field's, when it is absent, not such a number, or out of range.
    pub fn integer(&self, name: &'static str, range: RangeInclusive<i64>) -> Result<i64, Fault> {
        self.optional_integer(name, range)?.ok_or_else(|| missing(name))
    }

    /// # Errors
    /// The field's, when it is there and not a whole number in `range`.
    pub fn integer_or(
        &self,
        name: &'static str,
        range: RangeInclusive<i64>,
        default: i64,
    ) -> Result<i64, Fault> {
        Ok(self.optional_integer(name, range)?.unwrap_or(default))
    }

    /// # Errors
    /// The field's, when it is there and not a whole number in `range`.
    pub fn optional_integer(
        &self,
        name: &'static str,
        range: RangeInclusive<i64>,
    ) -> Result<Option<i64>, Fault> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Integer(integer)) if range.contains(integer) => Ok(Some(*integer)),
            Some(Value::Integer(_)) => Err(Fault::invalid(name, range_message(&range))),
            // An integer that only misses 64 bits is out of range, not of another type.
            Some(Value::Decimal(written)) if is_whole(written) => {
                Err(Fault::invalid(name, range_message(&range)))
            }
            Some(_) => Err(Fault::invalid(
                name,
                "must be a whole number, written without fraction, exponent or quotes",
            )),
        }
    }

    /// # Errors
    /// The field's, when it is absent or not `true` or `false`.
    pub fn boolean(&self, name: &'static str) -> Result<bool, Fault> {
        self.optional_boolean(name)?.ok_or_else(|| missing(name))
    }

    /// # Errors
    /// The field's, when it is there and not `true` or `false`.
    pub fn boolean_or(&self, name: &'static str, default: bool) -> Result<bool, Fault> {
        Ok(self.optional_boolean(name)?.unwrap_or(default))
    }

    /// An RFC 3339 time.
    ///
    /// # Errors
    /// The field's, when it is there and no such time.
    pub fn optional_timestamp(&self, name: &'static str) -> Result<Option<Timestamp>, Fault> {
        let wrong = |_| Fault::invalid(name, "must be an RFC 3339 time like 2030-01-31T12:00:00Z");
        self.optional_string(name, 1..=64)?.map(|text| text.parse().map_err(wrong)).transpose()
    }

    /// # Errors
    /// The field's, when it is there and not `true` or `false`.
    pub fn optional_boolean(&self, name: &'static str) -> Result<Option<bool>, Fault> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Boolean(boolean)) => Ok(Some(*boolean)),
            Some(_) => Err(Fault::invalid(name, "must be true or false")),
        }
    }

    /// # Errors
    /// The field's, when it is there and not an object.
    pub fn optional_object(&self, name: &'static str) -> Result<Option<&Document>, Fault> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(_) => Err(Fault::invalid(name, "must be an object")),
        }
    }

    /// An array of `length` items; judge each with [`item_object`] or by its [`Value`].
    ///
    /// # Errors
    /// The field's, when it is absent, not an array, or too short or long.
    pub fn array(&self, name: &'static str, length: RangeInclusive<usize>) -> Result<&[Value], Fault> {
        match self.get(name) {
            None => Err(missing(name)),
            Some(Value::Array(items)) if length.contains(&items.len()) => Ok(items),
            Some(Value::Array(_)) => Err(Fault::invalid(name, size_message(&length, "items"))),
            Some(_) => Err(Fault::invalid(name, "must be an array")),
        }
    }

    /// The document without white space, keys sorted by their bytes, numbers as they were written.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut text = String::new();
        write_object(&mut text, self);
        text
    }

    /// SHA-256 of [`Self::canonical`]: the same for documents that differ only in key order, white space and escapes.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest::digest(&digest::SHA256, self.canonical().as_bytes()).as_ref());
        fingerprint
    }
}

/// The object that stands at `index` of the array `name`.
///
/// # Errors
/// `name.index`'s, when something else stands there.
pub fn item_object<'a>(name: &str, index: usize, item: &'a Value) -> Result<&'a Document, Fault> {
    match item {
        Value::Object(object) => Ok(object),
        _ => Err(Fault::invalid(format!("{name}.{index}"), "must be an object")),
    }
}

/// Says that `fault` is about a field inside `outer`: `count` becomes `items.0.count`.
#[must_use]
pub fn inside(outer: &str, fault: Fault) -> Fault {
    let fields = fault.fields.into_iter();
    invalid(
        fields
            .map(|error| FieldError { field: format!("{outer}.{}", error.field).into(), ..error })
            .collect(),
    )
}

/// Two fields, or the errors of both.
///
/// # Errors
/// One [`Code::Invalid`] that lists every wrong field; a fault of another kind goes first and alone.
pub fn both<A, B>(one: Result<A, Fault>, other: Result<B, Fault>) -> Result<(A, B), Fault> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (Err(fault), Ok(_)) | (Ok(_), Err(fault)) => Err(fault),
        (Err(one), Err(other)) => Err(merge(one, other)),
    }
}

/// Three fields, or the errors of all that are wrong.
///
/// # Errors
/// As [`both`].
pub fn all3<A, B, C>(
    first: Result<A, Fault>,
    second: Result<B, Fault>,
    third: Result<C, Fault>,
) -> Result<(A, B, C), Fault> {
    let ((first, second), third) = both(both(first, second), third)?;
    Ok((first, second, third))
}

/// Four fields, or the errors of all that are wrong.
///
/// # Errors
/// As [`both`].
pub fn all4<A, B, C, D>(
    first: Result<A, Fault>,
    second: Result<B, Fault>,
    third: Result<C, Fault>,
    fourth: Result<D, Fault>,
) -> Result<(A, B, C, D), Fault> {
    let ((first, second), (third, fourth)) = both(both(first, second), both(third, fourth))?;
    Ok((first, second, third, fourth))
}

fn merge(one: Fault, other: Fault) -> Fault {
    match (one.code, other.code) {
        (Code::Invalid, Code::Invalid) => invalid(one.fields.into_iter().chain(other.fields).collect()),
        (Code::Invalid, _) => other,
        _ => one,
    }
}

fn invalid(fields: Vec<FieldError>) -> Fault {
    let sentences: Vec<String> =
        fields.iter().map(|error| format!("{}: {}", error.field, error.message)).collect();
    Fault { fields, ..Fault::new(Code::Invalid, sentences.join("; ")) }
}

fn missing(name: &'static str) -> Fault {
    Fault::invalid(name, "is required")
}

fn is_whole(written: &str) -> bool {
    !written.contains(['.', 'e', 'E'])
}

fn range_message(range: &RangeInclusive<i64>) -> Cow<'static, str> {
    match (*range.start(), *range.end()) {
        (from, i64::MAX) => format!("must be at least {from}").into(),
        (from, to) => format!("must be between {from} and {to}").into(),
    }
}

fn size_message(range: &RangeInclusive<usize>, unit: &str) -> Cow<'static, str> {
    match (*range.start(), *range.end()) {
        (from, to) if from == to => format!("must have exactly {to} {unit}").into(),
        (0, to) => format!("must have at most {to} {unit}").into(),
        (from, to) => format!("must have {from} to {to} {unit}").into(),
    }
}

fn write_object(text: &mut String, document: &Document) {
    text.push('{');
    for (position, (key, value)) in document.iter().enumerate() {
        if position > 0 {
            text.push(',');
        }
        write_string(text, key);
        text.push(':');
        write_value(text, value);
    }
    text.push('}');
}

fn write_value(text: &mut String, value: &Value) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Boolean(boolean) => text.push_str(if *boolean { "true" } else { "false" }),
        Value::Integer(integer) => text.push_str(&integer.to_string()),
        Value::Decimal(written) => text.push_str(written),
        Value::String(string) => write_string(text, string),
        Value::Array(items) => {
            text.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    text.push(',');
                }
                write_value(text, item);
            }
            text.push(']');
        }
        Value::Object(object) => write_object(text, object),
    }
}

fn write_string(text: &mut String, string: &str) {
    text.push('"');
    for character in string.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            control if control < ' ' => text.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => text.push(other),
        }
    }
    text.push('"');
}
