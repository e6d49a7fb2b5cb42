//! A download of codes, which may be cut off, and goes on where it was.

use std::io::{BufReader, Read, Write};
use std::process::{Command, Stdio};

use it::Result;
use it::client::{Client, Request, Response, read_response};

use super::mint::Shop;

const PIECE_BYTES: usize = 64 * 1024;

/// What has arrived of a file.
#[derive(Debug)]
pub(super) struct Download {
    pub path: String,
    tag: String,
    length: usize,
    received: Vec<u8>,
}

impl Download {
    /// Reads a file to its end, or until the connection breaks or `has_stopped` says so. `None` if it has not begun.
    ///
    /// # Errors
    /// An answer that must not be.
    pub(super) fn begin(
        base_url: &str,
        client: &Client,
        shop: &Shop,
        path: &str,
        has_stopped: impl Fn() -> bool,
    ) -> Result<Option<Self>> {
        let request = Request::get(path).bearer(&shop.key).header("Connection", "close");
        let host = base_url.strip_prefix("http://").unwrap_or(base_url);
        let Ok(mut stream) = client.connect() else { return Ok(None) };
        if stream.write_all(&request.bytes(host)).is_err() {
            return Ok(None);
        }
        let mut reader = BufReader::new(stream);
        let Ok(head) = read_response(&mut reader, false) else { return Ok(None) };
        if head.status == 503 {
            return Ok(None);
        }
        let (tag, length) = described(&head, 200, path)?;
        let mut download = Self { path: path.to_owned(), tag, length, received: Vec::new() };
        let mut piece = vec![0; PIECE_BYTES];
        while !download.is_whole() && !has_stopped() {
            match reader.read(&mut piece) {
                Ok(bytes) if bytes > 0 => download.received.extend_from_slice(&piece[..bytes]),
                _ => break,
            }
        }
        Ok(Some(download))
    }

    pub(super) const fn is_whole(&self) -> bool {
        self.received.len() >= self.length
    }

    /// # Errors
    /// As [`sha256`].
    pub(super) fn sha256(&self) -> Result<String> {
        sha256(&self.received)
    }

    /// Goes on with what is missing, and compares the whole with a download that was never cut off.
    ///
    /// # Errors
    /// The rest is not offered, or the bytes differ.
    pub(super) fn resume(&mut self, client: &mut Client, shop: &Shop) -> Result<()> {
        let (from, length, path) = (self.received.len(), self.length, &self.path);
        let request = Request::get(path).bearer(&shop.key).header("If-Range", &self.tag);
        let rest = client.send(&request.header("Range", &format!("bytes={from}-")))?;
        let (tag, rest_length) = described(&rest, 206, path)?;
        let place = format!("bytes {from}-{}/{length}", length - 1);
        let is_the_rest = tag == self.tag && from + rest_length == length;
        if !is_the_rest || rest.header("content-range") != Some(place.as_str()) {
            return Err(format!("{path} from {from} on was answered with {:?}", rest.headers).into());
        }
        self.received.extend_from_slice(&rest.body);
        let whole = client.send(&Request::get(path).bearer(&shop.key))?;
        if whole.status == 200 && whole.body == self.received {
            return Ok(());
        }
        let differs = whole.body.iter().zip(&self.received).position(|(one, other)| one != other);
        let lengths = (whole.body.len(), self.received.len());
        Err(format!("{path}, cut off at {from}, differs at {differs:?}; lengths {lengths:?}").into())
    }
}

/// The entity tag and the length that an answer tells.
fn described(head: &Response, status: u16, path: &str) -> Result<(String, usize)> {
    let tag = head.header("etag");
    let length = head.header("content-length").and_then(|length| length.parse().ok());
    match tag.zip(length) {
        Some((tag, length)) if head.status == status => Ok((tag.to_owned(), length)),
        _ => Err(format!("{path} was answered with {} {:?}", head.status, head.headers).into()),
    }
}

/// In lower-case hexadecimal, by the program of that name: not by what the server itself counts with.
///
/// # Errors
/// It is not there.
pub(super) fn sha256(bytes: &[u8]) -> Result<String> {
    let mut child = Command::new("sha256sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    // Dropped at the end of the statement, which ends the program's input.
    child.stdin.take().ok_or("sha256sum has no input")?.write_all(bytes)?;
    let output = child.wait_with_output()?;
    let text = String::from_utf8(output.stdout)?;
    let digest = text.split(' ').next().filter(|digest| digest.len() == 64);
    Ok(digest.ok_or_else(|| format!("sha256sum said {text:?}"))?.to_owned())
}
