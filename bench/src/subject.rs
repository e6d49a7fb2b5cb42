//! What is measured: the real server, and the naive peer.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use it::Result;
use it::client::{Client, Request};
use it::operator::Summary;
use it::postgres::{Cluster, Database};
use it::server::{Launch, Profile, Server, binary_of, build, built, ready_line};
use serde_json::Value;

use crate::load::Target;

/// Enough for every request of a run, and far from the end of 64 bits when added up.
pub(crate) const POINTS: i64 = 1_000_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// The request of one kind of load.
pub(crate) fn health(base_url: &str) -> Result<Target> {
    let request = Request::get("/health").bytes("bench");
    Ok(Target { address: address(base_url)?, request, tokens: None })
}

/// One charge of one point, spread over the tokens.
pub(crate) fn verify(base_url: &str, tokens: &[String]) -> Result<Target> {
    let first = tokens.first().ok_or("no tokens")?;
    if tokens.iter().any(|token| token.len() != first.len()) {
        return Err("the tokens differ in length".into());
    }
    let request = Request::post("/v1/verify").bearer(first).bytes("bench");
    let position = memchr::memmem::find(&request, first.as_bytes()).ok_or("the request lacks its token")?;
    Ok(Target { address: address(base_url)?, request, tokens: Some((position, tokens.to_vec())) })
}

fn address(base_url: &str) -> Result<SocketAddr> {
    let host = base_url.strip_prefix("http://").unwrap_or(base_url);
    Ok(host.to_socket_addrs()?.next().ok_or("no address")?)
}

/// How to start the server on an engine.
pub(crate) fn launch(folder: &Path, database: Option<&Database>) -> Result<Launch> {
    let binary = binary_of(Profile::Release)?;
    Ok(match database {
        None => Launch::sqlite(&binary, folder),
        Some(database) => Launch::postgres(&binary, folder, &database.url()),
    })
}

/// The figures that a load must change by exactly what it was told.
pub(crate) fn summary(server: &Server) -> Result<Summary> {
    server.operator().summary(server.tenant())
}

/// A running peer; killed and reaped on drop, before its database goes.
#[derive(Debug)]
pub(crate) struct Peer {
    child: Child,
    pub base_url: String,
    pub tokens: Vec<String>,
    _database: Database,
}

impl Peer {
    pub(crate) fn start(cluster: &Cluster, accounts: usize) -> Result<Self> {
        build(&["naive-peer"], Profile::Release)?;
        let database = cluster.database()?;
        let mut child = Command::new(built("naive-peer", Profile::Release))
            .args(["--database", &database.url(), "--accounts", &accounts.to_string()])
            .args(["--points", &POINTS.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let line = ready_line(&mut child);
        let mut peer = Self { child, base_url: String::new(), tokens: Vec::new(), _database: database };
        let line: Value = serde_json::from_str(&line?)?;
        peer.base_url = line["baseUrl"].as_str().ok_or("no baseUrl")?.to_owned();
        peer.tokens = (1..=accounts).map(|number| format!("peer_{number:0>32}")).collect();
        Ok(peer)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn summary(&self) -> Result<Summary> {
        let answer = Client::new(&self.base_url).send(&Request::get("/summary"))?.json();
        let figure = |name: &str| answer[name].as_i64().ok_or_else(|| format!("no {name} in {answer}"));
        Ok(Summary {
            charges: figure("charges")?,
            charged: figure("charged")?,
            balances: figure("balances")?,
        })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
