//! A small blocking HTTP/1.1 client with one keep-alive connection.
//!
//! It never retries and never follows: a test must see what happened on the wire.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

const TIMEOUT: Duration = Duration::from_secs(30);
const BODY_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// One request, built up and sent as often as wanted.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    #[must_use]
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    #[must_use]
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    #[must_use]
    pub fn post(path: &str) -> Self {
        Self::new("POST", path)
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// A body that is sent as it is, with no content type unless a header names one.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("Content-Type", "application/json").body(body.to_string())
    }

    /// The bytes on the wire, `Content-Length` included.
    #[must_use]
    pub fn bytes(&self, host: &str) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: {host}\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !self.body.is_empty() || self.method != "GET" {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// One answer, read to its end.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    /// Names in lower case, in the order of arrival.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of that name, which must be given in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `Null` when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// A client of one server.
#[derive(Debug)]
pub struct Client {
    host: String,
    connection: Option<BufReader<TcpStream>>,
    timeout: Duration,
}

impl Client {
    /// `base_url` is `http://host:port`; nothing is connected yet.
    #[must_use]
    pub fn new(base_url: &str) -> Self {
        let host = base_url.strip_prefix("http://").unwrap_or(base_url).trim_end_matches('/');
        Self { host: host.to_owned(), connection: None, timeout: TIMEOUT }
    }

    /// Waits at most that long for each read and write instead of 30 s.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sends one request and reads its answer.
    ///
    /// # Errors
    /// The connection failed. Whether the server acted on the request is then unknown.
    pub fn send(&mut self, request: &Request) -> io::Result<Response> {
        let bytes = request.bytes(&self.host);
        self.exchange(&bytes, request.method != "HEAD")
    }

    /// Sends bytes that need not be HTTP at all and reads one answer.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<Response> {
        self.exchange(bytes, true)
    }

    /// The connection, for a test that writes slowly or goes away early.
    ///
    /// # Errors
    /// The server does not accept.
    pub fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(&self.host)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(self.timeout))?;
        stream.set_write_timeout(Some(self.timeout))?;
        Ok(stream)
    }

    fn exchange(&mut self, bytes: &[u8], has_body: bool) -> io::Result<Response> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => BufReader::new(self.connect()?),
        };
        // A server may refuse before it has read everything, so a failed write is judged by the answer.
        let written = connection.get_mut().write_all(bytes);
        let response =
            read_response(&mut connection, has_body).map_err(|error| written.err().unwrap_or(error))?;
        if response.header("connection").is_none_or(|value| !value.eq_ignore_ascii_case("close")) {
            self.connection = Some(connection);
        }
        Ok(response)
    }
}

/// Reads one answer from a connection.
///
/// # Errors
/// The connection ended early or what it said is not HTTP/1.1.
pub fn read_response(reader: &mut impl BufRead, has_body: bool) -> io::Result<Response> {
    let status_line = read_line(reader)?;
    let status = status_line
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.get(2..5))
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| invalid(&format!("not a status line: {status_line:?}")))?;
    let mut headers = Vec::new();
    loop {
        let line = read_line(reader)?;
        if line.is_empty() {
            break;
        }
        let (name, value) =
            line.split_once(':').ok_or_else(|| invalid(&format!("not a header: {line:?}")))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut response = Response { status, headers, body: Vec::new() };
    if has_body && status != 204 && status != 304 {
        response.body = read_body(reader, &response)?;
    }
    Ok(response)
}

fn read_body(reader: &mut impl BufRead, response: &Response) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if response.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        while read_chunk(reader, &mut body)? {}
    } else if let Some(length) = response.header("content-length") {
        let length = length.parse::<u64>().map_err(|_| invalid("Content-Length is no number"))?;
        read_exactly(reader, length, &mut body)?;
    } else {
        reader.take(BODY_BYTES_MAX).read_to_end(&mut body)?;
    }
    Ok(body)
}

fn read_chunk(reader: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<bool> {
    let line = read_line(reader)?;
    let size = line.split(';').next().unwrap_or_default().trim();
    let size = u64::from_str_radix(size, 16).map_err(|_| invalid("a chunk without a size"))?;
    read_exactly(reader, size, body)?;
    read_line(reader)?;
    Ok(size > 0)
}

fn read_exactly(reader: &mut impl BufRead, length: u64, body: &mut Vec<u8>) -> io::Result<()> {
    if length > BODY_BYTES_MAX {
        return Err(invalid("the body is larger than 64 MiB"));
    }
    let read = reader.take(length).read_to_end(body)?;
    if read as u64 == length { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    reader.take(64 * 1024).read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    String::from_utf8(line).map_err(|_| invalid("a header is not UTF-8"))
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> io::Result<Response> {
        read_response(&mut text.as_bytes(), true)
    }

    #[test]
    fn an_answer_with_a_length_is_read_to_its_end_and_no_further() {
        let mut bytes = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\nokHTTP".as_bytes();
        let response = read_response(&mut bytes, true).unwrap();
        assert_eq!(
            (response.status, response.text().as_str(), response.header("x-a")),
            (200, "ok", Some("b"))
        );
        assert_eq!(bytes, b"HTTP");
    }

    #[test]
    fn chunks_are_put_together() {
        let response =
            read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n");
        assert_eq!(response.unwrap().text(), "abc");
    }

    #[test]
    fn an_answer_cut_short_is_an_error_not_a_short_answer() {
        assert!(read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok").is_err());
        assert!(read("HTTP/1.1 200 OK\r\nContent-Le").is_err());
        assert!(read("").is_err());
    }
}
