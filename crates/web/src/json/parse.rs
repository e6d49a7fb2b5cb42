//! The strict reading of a body, in one pass.
//!
//! Hand-written, because a reader built on `serde_json` cannot tell what this one must: it takes a number beyond
//! `f64` for broken syntax, where it is one field's mistake, and reads `1.0` and a 30-digit integer as the same kind
//! of float. A property test holds the two readings together.

use base::Fault;

use super::{Document, Value};

/// How many arrays and objects may stand inside each other.
pub const DEPTH_MAX: usize = 32;

/// Reads one JSON object and nothing else.
///
/// Numbers keep the text they were written in unless they are integers of 64 bits: whether one is out of range is for
/// its field to say.
///
/// # Errors
/// [`base::Code::Malformed`], naming what is wrong and where, for: bytes that are not UTF-8 or not JSON, something
/// after the object, something else than an object, a key that stands twice in one object, U+0000 in a string or key,
/// nesting beyond [`DEPTH_MAX`].
pub fn parse_object(body: &[u8]) -> Result<Document, Fault> {
    let text = std::str::from_utf8(body)
        .map_err(|error| refuse(body, error.valid_up_to(), "these bytes are not UTF-8"))?;
    let mut reader = Reader { text, at: 0 };
    reader.skip_space();
    if reader.peek() != Some(b'{') {
        return Err(refuse(body, reader.at, "the body must be a JSON object"));
    }
    let document = reader.object(1).map_err(|wrong| refuse(body, reader.at, &wrong))?;
    reader.skip_space();
    if reader.at < body.len() {
        return Err(refuse(body, reader.at, "nothing may follow the JSON object"));
    }
    Ok(document)
}

fn refuse(body: &[u8], at: usize, wrong: &str) -> Fault {
    let before = &body[..at.min(body.len())];
    let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let column = before.len() - line_start + 1;
    Fault::malformed(format!("The body cannot be read: {wrong} (line {line}, column {column})."))
}

/// What is wrong; where is [`Reader::at`].
type Wrong = std::borrow::Cow<'static, str>;

struct Reader<'a> {
    text: &'a str,
    /// The byte that is read next; after an error, the byte that is wrong.
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Steps over `byte` if it comes next.
    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.at += 1;
        }
        found
    }

    fn value(&mut self, depth: usize) -> Result<Value, Wrong> {
        match self.peek() {
            Some(b'{') => self.object(depth + 1).map(Value::Object),
            Some(b'[') => self.array(depth + 1).map(Value::Array),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Boolean(true)),
            Some(b'f') => self.word("false", Value::Boolean(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(_) => Err("a JSON value should stand here".into()),
            None => Err("the body ends too early".into()),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Document, Wrong> {
        self.open(depth)?;
        let mut entries = Vec::new();
        if self.take(b'}') {
            return Ok(Document { entries });
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err("a key in double quotes should stand here".into());
            }
            let key = self.string()?;
            self.skip_space();
            if !self.take(b':') {
                return Err("a colon should stand between key and value".into());
            }
            self.skip_space();
            entries.push((key, self.value(depth)?));
            if self.close(b'}', "a comma or the end of the object should stand here")? {
                break;
            }
        }
        entries.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        match entries.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => {
                Err(format!("the key {:?} stands twice in the object that ends here", pair[0].0).into())
            }
            None => Ok(Document { entries }),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Vec<Value>, Wrong> {
        self.open(depth)?;
        let mut items = Vec::new();
        if self.take(b']') {
            return Ok(items);
        }
        loop {
            items.push(self.value(depth)?);
            if self.close(b']', "a comma or the end of the array should stand here")? {
                return Ok(items);
            }
        }
    }

    /// Steps over the opening bracket and the space behind it.
    fn open(&mut self, depth: usize) -> Result<(), Wrong> {
        if depth > DEPTH_MAX {
            return Err(format!("arrays and objects are nested deeper than {DEPTH_MAX}").into());
        }
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    /// Steps over what follows a member: the closing bracket (true) or a comma (false).
    fn close(&mut self, bracket: u8, otherwise: &'static str) -> Result<bool, Wrong> {
        self.skip_space();
        if self.take(bracket) {
            return Ok(true);
        }
        if !self.take(b',') {
            return Err(otherwise.into());
        }
        self.skip_space();
        Ok(false)
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Wrong> {
        if !self.text[self.at..].starts_with(word) {
            return Err("a JSON value should stand here".into());
        }
        self.at += word.len();
        Ok(value)
    }

    fn number(&mut self) -> Result<Value, Wrong> {
        let start = self.at;
        self.take(b'-');
        // A leading zero stands alone (RFC 8259 §6).
        if !self.take(b'0') {
            self.digits()?;
        }
        let mut is_integer = true;
        if self.take(b'.') {
            is_integer = false;
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            is_integer = false;
            if !self.take(b'-') {
                self.take(b'+');
            }
            self.digits()?;
        }
        let written = &self.text[start..self.at];
        match written.parse() {
            Ok(integer) if is_integer => Ok(Value::Integer(integer)),
            _ => Ok(Value::Decimal(written.into())),
        }
    }

    fn digits(&mut self) -> Result<(), Wrong> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err("a digit should stand here".into());
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    fn string(&mut self) -> Result<String, Wrong> {
        self.at += 1;
        let mut string = String::new();
        loop {
            let rest = &self.text[self.at..];
            let special = rest.bytes().position(|byte| byte == b'"' || byte == b'\\' || byte < 0x20);
            let Some(plain) = special else {
                self.at = self.text.len();
                return Err("the body ends inside a string".into());
            };
            string.push_str(&rest[..plain]);
            self.at += plain;
            match rest.as_bytes()[plain] {
                b'"' => {
                    self.at += 1;
                    return Ok(string);
                }
                b'\\' => string.push(self.escape()?),
                _ => return Err("a control character in a string must be escaped".into()),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Wrong> {
        let letter = self.text.as_bytes().get(self.at + 1).copied();
        let character = match letter {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err("there is no such escape in JSON".into()),
        };
        self.at += 2;
        Ok(character)
    }

    /// Reads `\uXXXX`, or two of them that make one character beyond U+FFFF.
    fn unicode(&mut self) -> Result<char, Wrong> {
        let unit = self.hex4(self.at + 2)?;
        if unit == 0 {
            return Err("a string must not contain U+0000".into());
        }
        if let Some(character) = char::from_u32(unit) {
            self.at += 6;
            return Ok(character);
        }
        let is_pair =
            unit < 0xDC00 && self.text.as_bytes().get(self.at + 6..self.at + 8) == Some(b"\\u".as_slice());
        let low = if is_pair { self.hex4(self.at + 8)? } else { 0 };
        if !(0xDC00..0xE000).contains(&low) {
            return Err("half of a surrogate pair is not a character".into());
        }
        self.at += 12;
        let scalar = 0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
        char::from_u32(scalar).ok_or_else(|| "this is not a character".into())
    }

    fn hex4(&self, from: usize) -> Result<u32, Wrong> {
        let digits = self
            .text
            .as_bytes()
            .get(from..from + 4)
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let text = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        text.and_then(|text| u32::from_str_radix(text, 16).ok())
            .ok_or_else(|| "\\u must be followed by four hexadecimal digits".into())
    }
}
