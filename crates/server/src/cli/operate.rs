//! The operator's commands, over the running server or, when none runs, over the database itself.

use std::process::ExitCode;

use axum::body::Body;
use base::Fault;
use clap::Subcommand;

use super::{print, running};
use crate::app::App;
use crate::client::{self, Answer, Ask};
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub(super) enum Operate {
    /// The ledger
    #[command(subcommand)]
    Ledger(Ledger),
}

#[derive(Debug, Subcommand)]
pub(super) enum Ledger {
    /// Prove that every balance equals its transfers
    Check {
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(config: &Config, operate: Operate) -> Result<ExitCode, Fault> {
    let runtime = super::runtime()?;
    match operate {
        Operate::Ledger(Ledger::Check { json: _ }) => {
            let connection = Connection::open(config, &runtime)?;
            let answer = runtime.block_on(connection.send(Ask::get("/operator/v1/ledger/check", "")))?;
            print(&answer.body.to_string());
            Ok(if answer.body["ok"] == true { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

/// The way to the operator API.
enum Connection {
    Running { address: String, token: String },
    Direct { app: Box<App>, token: String },
}

impl Connection {
    fn open(config: &Config, runtime: &tokio::runtime::Runtime) -> Result<Self, Fault> {
        let random = kernel::Random::system();
        let secrets = kernel::Secrets::from_file(&crate::secrets_file::open(&config.data, &random)?)?;
        let token = secrets.operator_token().expose().to_owned();
        if let Some(address) = running::last_address(config) {
            let is_there = runtime.block_on(client::send(&address, Ask::get("/operator/v1/doctor", &token)));
            if is_there.is_ok_and(|answer| answer.status.is_success()) {
                return Ok(Self::Running { address, token });
            }
        }
        Ok(Self::Direct { app: Box::new(App::open(config)?), token })
    }

    async fn send(&self, ask: Ask) -> Result<Answer, Fault> {
        match self {
            Self::Running { address, token } => {
                client::send(address, Ask { token: token.clone(), ..ask }).await
            }
            Self::Direct { app, token } => {
                let request = Ask { token: token.clone(), ..ask }.into_request("localhost")?;
                let edge = app.private_edge(app.operator_site());
                Answer::read(edge.respond(request.map(Body::new), None).await).await
            }
        }
    }
}
