//! Reads of an answer only what a load generator needs: the status and where it ends.

use it::Result;
use memchr::memmem::Finder;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    pub status: u16,
    /// Head and body.
    pub bytes: usize,
}

#[derive(Debug)]
pub(crate) struct Scanner {
    head_end: Finder<'static>,
    length: Finder<'static>,
}

impl Scanner {
    pub(crate) fn new() -> Self {
        Self { head_end: Finder::new("\r\n\r\n"), length: Finder::new("\r\ncontent-length: ") }
    }

    /// The answer at the start of `bytes`, or `None` while some of it is missing.
    ///
    /// # Errors
    /// It is no HTTP/1.1 answer with a `content-length`. Both servers write header names in lower case.
    pub(crate) fn scan(&self, bytes: &[u8]) -> Result<Option<Answer>> {
        let Some(head) = self.head_end.find(bytes) else { return Ok(None) };
        let status = bytes.get(9..12).and_then(number).filter(|_| bytes.starts_with(b"HTTP/1.1 "));
        let status = status.ok_or_else(|| format!("not HTTP: {}", String::from_utf8_lossy(bytes)))?;
        let position = self.length.find(&bytes[..head]).ok_or("an answer without content-length")?;
        let digits = &bytes[position + self.length.needle().len()..head];
        let digits = &digits[..digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len())];
        let length = number(digits).ok_or("a content-length that is no number")?;
        let end = head + 4 + length;
        let status = u16::try_from(status)?;
        Ok((bytes.len() >= end).then_some(Answer { status, bytes: end }))
    }
}

fn number(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || digits.len() > 9 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0, |number, digit| number * 10 + usize::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: a\r\ncontent-length: 3\r\nx: y\r\n\r\nabc";

    #[test]
    fn a_whole_answer_is_measured_and_a_part_of_it_waits() {
        let scanner = Scanner::new();
        assert_eq!(scanner.scan(WHOLE).unwrap(), Some(Answer { status: 200, bytes: WHOLE.len() }));
        for cut in 0..WHOLE.len() {
            assert_eq!(scanner.scan(&WHOLE[..cut]).unwrap(), None, "{cut} bytes");
        }
    }

    #[test]
    fn what_is_not_an_answer_is_an_error_and_not_a_200() {
        for text in [
            "SMTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 2x0\r\n\r\n",
        ] {
            assert!(Scanner::new().scan(text.as_bytes()).is_err(), "{text}");
        }
    }
}
