//! The way to the operator API: over the socket of the running server, or into a site of this process.

use std::time::Duration;

use axum::body::Body;
use base::Fault;
use http::StatusCode;
use tokio::runtime::Runtime;
use web::Edge;

use super::running;
use crate::app::App;
use crate::client::{self, Answer, Ask};
use crate::config::Config;
use crate::secrets_file;

/// A server that does not answer its probe within this time is taken for gone.
const PROBE_LIMIT: Duration = Duration::from_secs(5);

pub(super) enum Connection {
    Running { address: String, token: String },
    Direct { app: Box<App>, edge: Edge, token: String },
}

impl Connection {
    /// Finds the server of the data folder, or opens the database when none runs.
    ///
    /// # Errors
    /// A folder that was never used, or is used by a server that does not answer; secrets that do not fit.
    pub(super) fn open(config: &Config, runtime: &Runtime) -> Result<Self, Fault> {
        if !secrets_file::is_there(&config.data) {
            return Err(Fault::invalid(
                "data",
                format!(
                    "there is no installation in {}. Name its folder with --data DIR, or make one here with `attestry migrate`",
                    config.data.display()
                ),
            ));
        }
        let random = kernel::Random::system();
        let secrets = kernel::Secrets::from_file(&secrets_file::open(&config.data, &random)?)?;
        let token = secrets.operator_token().expose().to_owned();
        if let Some(address) = running::last_address(config)
            && runtime.block_on(is_ours(&address, &token))
        {
            return Ok(Self::Running { address, token });
        }
        Self::direct(config)
    }

    /// Opens the database, whether the folder was used before or not.
    ///
    /// # Errors
    /// As [`App::open`].
    pub(super) fn open_or_create(config: &Config, runtime: &Runtime) -> Result<Self, Fault> {
        if secrets_file::is_there(&config.data) {
            return Self::open(config, runtime);
        }
        Self::direct(config)
    }

    fn direct(config: &Config) -> Result<Self, Fault> {
        let app = Box::new(App::open(config)?);
        let edge = app.private_edge(app.operator_site());
        let token = app.kernel.secrets.operator_token().expose().to_owned();
        Ok(Self::Direct { app, edge, token })
    }

    pub(super) async fn send(&self, ask: Ask) -> Result<Answer, Fault> {
        match self {
            Self::Running { address, token } => {
                client::send(address, Ask { token: token.clone(), ..ask }).await
            }
            Self::Direct { edge, token, .. } => {
                let request = Ask { token: token.clone(), ..ask }.into_request("localhost")?;
                Answer::read(edge.respond(request.map(Body::new), None).await).await
            }
        }
    }

    /// Fetches a file, however long it is: `sink` gets each piece, and the length of the whole. An answer that is no file
    /// is given back.
    ///
    /// # Errors
    /// A server that went away; what `sink` says.
    pub(super) async fn download(&self, ask: Ask, sink: client::Sink<'_>) -> Result<Option<Answer>, Fault> {
        match self {
            Self::Running { address, token } => {
                client::download(address, Ask { token: token.clone(), ..ask }, sink).await
            }
            Self::Direct { edge, token, .. } => {
                let request = Ask { token: token.clone(), ..ask }.into_request("localhost")?;
                Answer::download(edge.respond(request.map(Body::new), None).await, sink).await
            }
        }
    }

    /// Whether a server is at the other end, which others use too.
    pub(super) const fn is_shared(&self) -> bool {
        matches!(self, Self::Running { .. })
    }

    /// Closes the database, so that the next process finds it in order.
    pub(super) fn close(self) {
        if let Self::Direct { app, edge, .. } = self {
            drop(edge);
            app.kernel.db.close();
        }
    }
}

/// Another program may listen at the address by now: only a server that takes this token is the folder's.
async fn is_ours(address: &str, token: &str) -> bool {
    let probe = client::send(address, Ask::get("/operator/v1/doctor", token));
    match tokio::time::timeout(PROBE_LIMIT, probe).await {
        Ok(Ok(answer)) => {
            !matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND)
        }
        Ok(Err(_)) | Err(_) => false,
    }
}
