//! The one way out of this process: HTTP requests to addresses that somebody else may have chosen.
//!
//! An address may be chosen to lead back into our own network, so on [`Network::Public`] (see [`web::destination`]):
//! - https alone, on the ports 443 and 8443, without a user in the address;
//! - only addresses of the public internet, checked between resolving and connecting; the address that was checked is
//!   the one that is connected to, so a name cannot mean one host to the check and another to the connection.
//!
//! Everywhere: no redirects, no proxies, no cookies, nothing decompressed; a limit on time and on the answer's bytes.

mod connector;

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use base::Fault;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use web::destination::{Network, PRIVATE_NETWORK, permit};

pub use connector::Resolve;
use connector::{Connector, Forbidden};

const IDLE_MAX: Duration = Duration::from_secs(30);
const IDLE_CONNECTIONS_MAX: usize = 64;
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// How long a request may take, and how much may come back.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For everything from resolving the name to the last byte of the answer.
    pub deadline: Duration,
    pub answer_bytes_max: usize,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
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
        let (reply, is_whole) = self.exchange(request, limits).await?;
        if is_whole { Ok(reply) } else { Err(Failure::TooLarge) }
    }

    /// Sends a request and reads the beginning of its answer: what is beyond its limit is not asked for.
    ///
    /// # Errors
    /// As [`Outbound::send`], but for [`Failure::TooLarge`].
    pub async fn send_for_beginning(
        &self,
        request: Request<Full<Bytes>>,
        limits: Limits,
    ) -> Result<Reply, Failure> {
        Ok(self.exchange(request, limits).await?.0)
    }

    /// The answer, and whether it is whole.
    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
        limits: Limits,
    ) -> Result<(Reply, bool), Failure> {
        permit(self.network, request.uri()).map_err(Failure::Forbidden)?;
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| judged(&error))?;
            let (parts, body) = response.into_parts();
            let (body, is_whole) = read(body, limits.answer_bytes_max).await?;
            Ok((Reply { status: parts.status, headers: parts.headers, body }, is_whole))
        };
        tokio::time::timeout(limits.deadline, exchange).await.unwrap_or(Err(Failure::TimedOut))
    }
}

fn judged(error: &hyper_util::client::legacy::Error) -> Failure {
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.is::<Forbidden>() {
            return Failure::Forbidden(PRIVATE_NETWORK);
        }
        source = cause.source();
    }
    if error.is_connect() { Failure::Unreachable } else { Failure::Broken }
}

/// At most so many bytes, and whether they are all.
async fn read(mut body: Incoming, bytes_max: usize) -> Result<(Bytes, bool), Failure> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Failure::Broken)?.into_data() else { continue };
        let room = bytes_max - bytes.len();
        bytes.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            return Ok((bytes.freeze(), false));
        }
    }
    Ok((bytes.freeze(), true))
}
