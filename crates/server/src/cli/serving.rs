//! The commands that stay: servers and workers, and their log.

use base::Fault;

use super::{note_running, runtime};
use crate::app::App;
use crate::config::{Config, LogFormat};
use crate::listen::{self, Listeners};
use crate::workers::Background;

/// Where the background work of a server is done.
pub(super) const fn background(no_workers: bool) -> Background {
    if no_workers { Background::Elsewhere } else { Background::Here }
}

pub(super) async fn serve(config: Config, app: App, background: Background) -> Result<(), Fault> {
    let metrics = listen::install_metrics()?;
    let listeners = Listeners::open(&config, "--listen").await?;
    let operator = listeners.operator.local_addr().map_err(Fault::internal)?;
    let public = listeners.public.local_addr().map_err(Fault::internal)?;
    note_running(&config, &operator.to_string())?;
    if background == Background::Elsewhere && config.database.is_none() {
        tracing::warn!(
            "nobody does the background work: a SQLite folder has one process, and it was told not to"
        );
    }
    tracing::info!(listen = %public, %operator, engine = app.kernel.db.engine().name(), "serving");
    let stop = listen::stop_signal()?;
    listen::run(app, listeners, metrics, stop, background).await;
    Ok(())
}

pub(super) fn work(config: &Config) -> Result<(), Fault> {
    if config.database.is_none() {
        return Err(Fault::invalid(
            "database",
            "a worker needs --database, a PostgreSQL URL. On SQLite one process owns the folder, and `attestry serve` does the background work itself",
        ));
    }
    let app = App::open(config)?;
    runtime()?.block_on(async {
        let metrics = listen::install_metrics()?;
        let listener = listen::open_metrics(config).await?;
        let stop = listen::stop_signal()?;
        tracing::info!(engine = app.kernel.db.engine().name(), "working");
        listen::work(app, listener, metrics, stop).await;
        Ok(())
    })
}

/// Logs to standard error from `level` on, unless `ATTESTRY_LOG` says otherwise; with colours only on a terminal.
pub(super) fn start_log(form: LogFormat, level: &str) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("ATTESTRY_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(super::has_colours(&std::io::stderr()))
        .with_writer(std::io::stderr);
    match form {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}
