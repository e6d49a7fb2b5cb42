//! A small HTTP client for loopback: the command line to its own server, and `dev`'s tour to itself.

use base::Fault;
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// A request as the command line thinks of it.
#[derive(Clone, Debug)]
pub struct Ask {
    pub method: Method,
    /// With its query.
    pub path: String,
    pub token: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<Value>,
    /// CSV instead of a JSON body.
    pub csv: Option<Bytes>,
}

/// An answer: its status and its JSON, or its text where it is none.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    /// As it was sent.
    pub text: String,
    pub body: Value,
}

impl Ask {
    #[must_use]
    pub fn get(path: impl Into<String>, token: &str) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            token: token.to_owned(),
            headers: Vec::new(),
            body: None,
            csv: None,
        }
    }

    #[must_use]
    pub fn post(path: impl Into<String>, token: &str, body: Value) -> Self {
        Self { method: Method::POST, body: Some(body), ..Self::get(path, token) }
    }

    /// The request in HTTP's words.
    ///
    /// # Errors
    /// A path or header that no request may have.
    pub fn into_request(self, authority: &str) -> Result<Request<Full<Bytes>>, Fault> {
        let mut builder =
            Request::builder().method(self.method).uri(self.path).header(header::HOST, authority);
        if !self.token.is_empty() {
            builder = builder.header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        }
        for (name, value) in self.headers {
            builder = builder.header(name, value);
        }
        let (content_type, body) = match (self.csv, self.body) {
            (Some(csv), _) => (Some("text/csv"), csv),
            (None, Some(body)) => (Some("application/json"), Bytes::from(body.to_string())),
            (None, None) => (None, Bytes::new()),
        };
        if let Some(content_type) = content_type {
            builder = builder.header(header::CONTENT_TYPE, content_type);
        }
        builder.body(Full::new(body)).map_err(Fault::internal)
    }
}

impl Answer {
    /// Reads an answer to its end.
    ///
    /// # Errors
    /// A connection that broke.
    pub async fn read<B>(response: http::Response<B>) -> Result<Self, Fault>
    where
        B: http_body_util::BodyExt<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let status = response.status();
        let bytes = response.into_body().collect().await.map_err(lost)?.to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.clone()));
        Ok(Self { status, text, body })
    }

    /// Reads a file to its end, piece by piece; an answer that is no file is read whole and given back.
    ///
    /// # Errors
    /// A connection that broke; what `sink` says.
    pub async fn download<B>(response: http::Response<B>, sink: Sink<'_>) -> Result<Option<Self>, Fault>
    where
        B: http_body_util::BodyExt<Data = Bytes> + Unpin,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if response.status() != StatusCode::OK {
            return Self::read(response).await.map(Some);
        }
        let length = response.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        let length = length.and_then(|length| length.parse().ok()).unwrap_or_default();
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            if let Ok(piece) = frame.map_err(lost)?.into_data() {
                sink(&piece, length)?;
            }
        }
        Ok(None)
    }
}

/// Takes a piece of a file, and is told the length of the whole in bytes.
pub type Sink<'a> = &'a mut dyn FnMut(&[u8], u64) -> Result<(), Fault>;

/// Sends one request to `authority` (`host:port`) over plain HTTP.
///
/// # Errors
/// A server that is not there or went away.
pub async fn send(authority: &str, ask: Ask) -> Result<Answer, Fault> {
    let (response, connection) = respond(authority, ask).await?;
    let answer = Answer::read(response).await;
    connection.abort();
    answer
}

/// The same for a file: see [`Answer::download`].
///
/// # Errors
/// As [`send`]; what `sink` says.
pub async fn download(authority: &str, ask: Ask, sink: Sink<'_>) -> Result<Option<Answer>, Fault> {
    let (response, connection) = respond(authority, ask).await?;
    let answer = Answer::download(response, sink).await;
    connection.abort();
    answer
}

type Connection = JoinHandle<hyper::Result<()>>;

async fn respond(authority: &str, ask: Ask) -> Result<(http::Response<Incoming>, Connection), Fault> {
    let request = ask.into_request(authority)?;
    let stream = TcpStream::connect(authority).await.map_err(lost)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(lost)?;
    Ok((response, connection))
}

fn lost(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Fault {
    Fault::unavailable("The server cannot be reached. Is it running?").caused_by(error)
}
