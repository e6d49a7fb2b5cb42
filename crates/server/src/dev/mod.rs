//! `attestry dev`: a server with two demo tenants, a tour of every service, and lines to paste.
//!
//! Keys are derived from the secrets file, so that every start prints the same ones, still valid: where one was
//! revoked meanwhile, the next of its sequence is made.

mod demo;
mod tour;

use base::Fault;
use serde_json::{Value, json};

use crate::app::App;
use crate::config::Config;
use crate::listen::{self, Listeners};

/// Serves with demo tenants; `is_quiet` prints one JSON line instead of the tour.
///
/// # Errors
/// Whatever keeps the server from starting.
pub async fn run(config: Config, app: App, is_quiet: bool) -> Result<(), Fault> {
    let metrics = listen::install_metrics()?;
    let listeners = Listeners::open(&config).await?;
    let stop = listen::stop_signal()?;
    let local = |listener: &tokio::net::TcpListener| {
        listener.local_addr().map(|address| address.to_string()).map_err(Fault::internal)
    };
    let (public, operator) = (local(&listeners.public)?, local(&listeners.operator)?);
    let demo = demo::ensure(&app, "demo", "Demo").await?;
    let other = demo::ensure(&app, "other", "Other").await?;
    let line = line(&app, &public, &operator, &demo, &other);
    crate::cli::note_running(&config, &operator)?;
    let server = tokio::spawn(listen::run(app, listeners, metrics, stop));
    if is_quiet {
        crate::cli::print(&line.to_string());
    } else {
        tour::run(&public, &line).await?;
    }
    server.await.map_err(Fault::internal)
}

/// What other tools build on: see the README.
fn line(app: &App, public: &str, operator: &str, demo: &Value, other: &Value) -> Value {
    json!({
        "baseUrl": format!("http://{public}"),
        "adminUrl": format!("http://{operator}"),
        "operatorToken": app.kernel.secrets.operator_token().expose(),
        "pid": std::process::id(),
        "engine": app.kernel.db.engine().name(),
        "demo": demo,
        "other": other,
    })
}
