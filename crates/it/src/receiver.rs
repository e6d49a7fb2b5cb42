//! A receiver of webhooks: a small blocking HTTP/1.1 server that answers what it is told to.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use crate::Result;

const HEAD_LINES_MAX: usize = 100;
const BODY_BYTES_MAX: u64 = 1024 * 1024;

/// A delivery as it came over the wire.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub path: String,
    /// Names in lower case, in the order of arrival.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Delivery {
    /// The first header of that name, which must be given in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Listens on loopback and answers every delivery with the status that `answer` gives; a thread for each connection.
///
/// Listens for as long as the process lives.
///
/// # Errors
/// The port is taken.
pub fn listen(port: u16, answer: impl Fn(&Delivery) -> u16 + Send + Sync + 'static) -> Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    let address = listener.local_addr()?;
    let answer = Arc::new(answer);
    spawn("receiver", move || {
        while let Ok((stream, _)) = listener.accept() {
            let answer = Arc::clone(&answer);
            let serving = spawn("receiver-connection", move || drop(serve(stream, &*answer)));
            if serving.is_err() {
                return;
            }
        }
    })?;
    Ok(address)
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(body)?;
    Ok(())
}

fn serve(stream: TcpStream, answer: &dyn Fn(&Delivery) -> u16) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(delivery) = read(&mut reader)? {
        let status = answer(&delivery);
        reader.get_mut().write_all(format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n").as_bytes())?;
    }
    Ok(())
}

/// `None` when the sender has gone between two deliveries.
fn read(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Delivery>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    while headers.len() < HEAD_LINES_MAX {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: u64 = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    let mut body = Vec::new();
    reader.take(length.min(BODY_BYTES_MAX)).read_to_end(&mut body)?;
    Ok(Some(Delivery { path, headers, body }))
}
