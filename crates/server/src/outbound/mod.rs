//! The one way out of this process: HTTP requests to addresses that somebody else may have chosen.
//!
//! An address may be chosen to lead back into our own network, so on [`Network::Public`]:
//! - https alone, on the ports 443 and 8443, without a user in the address;
//! - only addresses of the public internet, checked between resolving and connecting; the address that was checked is
//!   the one that is connected to, so a name cannot mean one host to the check and another to the connection.
//!
//! Everywhere: no redirects, no proxies, no cookies, nothing decompressed; a limit on time and on the answer's bytes.

mod address;
mod connector;

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use base::Fault;
use bytes::{Bytes, BytesMut};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

pub use connector::Resolve;
use connector::{Connector, Forbidden};

const IDLE_MAX: Duration = Duration::from_secs(30);
const IDLE_CONNECTIONS_MAX: usize = 32;
const HEAD_BYTES_MAX: usize = 64 * 1024;
const ADDRESS_LENGTH_MAX: usize = 2048;
const PORTS: [u16; 2] = [443, 8443];

/// Where requests may go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Network {
    /// The public internet, by https.
    Public,
    /// Private networks too, and plain http: for addresses that the operator chose, and in development.
    Private,
}

/// How long a request may take, and how much may come back.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For everything from resolving the name to the last byte of the answer.
    pub deadline: Duration,
    pub answer_bytes_max: usize,
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// The address is not one that may be asked; says why.
    Forbidden(&'static str),
    /// No connection came about, so nothing was sent.
    Unreachable,
    TimedOut,
    /// The connection broke, or what came over it was no HTTP.
    Broken,
    /// The answer is longer than its limit.
    TooLarge,
}

/// A client with connections of its own. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Outbound {
    client: Client<Connector, Full<Bytes>>,
    network: Network,
}

impl Outbound {
    /// `authorities`: a PEM file of certificate authorities in place of the public ones.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn new(network: Network, authorities: Option<&Path>) -> Result<Self, Fault> {
        Self::resolving(network, authorities, connector::system())
    }

    /// The same with names resolved by `resolve`.
    ///
    /// # Errors
    /// As [`Outbound::new`].
    pub fn resolving(network: Network, authorities: Option<&Path>, resolve: Resolve) -> Result<Self, Fault> {
        let connector = Connector::new(network, connector::tls(authorities)?, resolve);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .http1_max_buf_size(HEAD_BYTES_MAX)
            .build(connector);
        Ok(Self { client, network })
    }

    /// Sends a request and reads its answer to the end.
    ///
    /// # Errors
    /// Why there is none. Only after [`Failure::Forbidden`] and [`Failure::Unreachable`] is it certain that nothing
    /// was sent.
    pub async fn send(&self, request: Request<Full<Bytes>>, limits: Limits) -> Result<Reply, Failure> {
        permit(self.network, request.uri()).map_err(Failure::Forbidden)?;
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| judged(&error))?;
            let (parts, body) = response.into_parts();
            Ok(Reply { status: parts.status, body: read(body, limits.answer_bytes_max).await? })
        };
        tokio::time::timeout(limits.deadline, exchange).await.unwrap_or(Err(Failure::TimedOut))
    }
}

/// Whether an address may be asked, as far as its text tells.
///
/// # Errors
/// Why not, for whoever chose it.
pub fn permit(network: Network, uri: &Uri) -> Result<(), &'static str> {
    let authority = uri.authority().ok_or("it must be a whole address like https://example.com/path")?;
    if uri.to_string().len() > ADDRESS_LENGTH_MAX {
        return Err("it must have at most 2048 characters");
    }
    if authority.as_str().contains('@') {
        return Err("it must not hold a user or password");
    }
    if authority.as_str().len() > authority.host().len() && authority.port_u16().is_none() {
        return Err("its port must be a number up to 65535");
    }
    match (uri.scheme_str(), network) {
        (Some("https"), _) | (Some("http"), Network::Private) => {}
        _ => return Err("it must begin with https://"),
    }
    if network == Network::Public && !PORTS.contains(&connector::port(uri)) {
        return Err("its port must be 443 or 8443");
    }
    match connector::literal(authority.host()) {
        Some(ip) if network == Network::Public && !address::is_public(ip) => {
            Err("it must not lead into a private network")
        }
        None if authority.host().starts_with('[') => Err("what stands in brackets must be an IPv6 address"),
        Some(_) | None => Ok(()),
    }
}

fn judged(error: &hyper_util::client::legacy::Error) -> Failure {
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.is::<Forbidden>() {
            return Failure::Forbidden("it must not lead into a private network");
        }
        source = cause.source();
    }
    if error.is_connect() { Failure::Unreachable } else { Failure::Broken }
}

async fn read(mut body: Incoming, bytes_max: usize) -> Result<Bytes, Failure> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Failure::Broken)?.into_data() else { continue };
        if bytes.len() + data.len() > bytes_max {
            return Err(Failure::TooLarge);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}
