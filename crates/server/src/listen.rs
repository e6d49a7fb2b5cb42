//! Serving: sockets, background work, and an orderly end.

use std::net::SocketAddr;
use std::sync::Arc;

use base::Fault;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::sync::watch;
use web::serve::{ServeLimits, serve};
use web::{Site, reply};

use crate::app::App;
use crate::config::Config;
use crate::workers;

/// The open sockets of a server.
#[derive(Debug)]
pub struct Listeners {
    pub public: TcpListener,
    pub operator: TcpListener,
    pub metrics: Option<TcpListener>,
}

impl Listeners {
    /// # Errors
    /// An address that is taken or not ours; the message names it and says how to choose another.
    pub async fn open(config: &Config) -> Result<Self, Fault> {
        let metrics = match config.metrics_listen {
            Some(address) => Some(bind(address, "--metrics-listen").await?),
            None => None,
        };
        Ok(Self {
            public: bind(config.listen, "--listen").await?,
            operator: bind(config.operator_listen, "--operator-listen").await?,
            metrics,
        })
    }
}

async fn bind(address: SocketAddr, flag: &str) -> Result<TcpListener, Fault> {
    TcpListener::bind(address).await.map_err(|error| {
        Fault::unavailable(format!("Cannot listen on {address}: {error}. Choose another address with {flag}."))
    })
}

/// Starts to count. Once per process, before the first request.
///
/// # Errors
/// When it was called before.
pub fn install_metrics() -> Result<PrometheusHandle, Fault> {
    PrometheusBuilder::new().install_recorder().map_err(Fault::internal)
}

/// Serves until `stop` says so, and returns when everything that was acknowledged is on disk.
pub async fn run(app: App, listeners: Listeners, metrics: PrometheusHandle, stop: watch::Receiver<bool>) {
    let limits = ServeLimits::default();
    let stopped = || {
        let mut stop = stop.clone();
        async move {
            // A sender that is gone is a reason to stop, too.
            drop(stop.wait_for(|stopping| *stopping).await);
        }
    };
    let background = tokio::spawn(workers::run(app.kernel.clone(), metrics.clone(), stop.clone()));
    let operator = app.private_edge(metrics_page(app.operator_site(), metrics.clone()));
    let operator = serve(listeners.operator, operator, limits, stopped());
    let public = serve(listeners.public, app.public_site(), limits, stopped());
    match listeners.metrics {
        Some(listener) => {
            let edge = app.private_edge(metrics_page(Site::new(), metrics));
            tokio::join!(public, operator, serve(listener, edge, limits, stopped()));
        }
        None => {
            tokio::join!(public, operator);
        }
    }
    drop(background.await);
    let db = app.kernel.db.clone();
    drop(app);
    drop(tokio::task::spawn_blocking(move || db.close()).await);
}

/// `GET /metrics` in the Prometheus text format.
fn metrics_page(site: Site, metrics: PrometheusHandle) -> Site {
    let metrics = Arc::new(metrics);
    site.page(
        "/metrics",
        axum::routing::get(move || {
            let text = metrics.render();
            async move { reply::text("text/plain; version=0.0.4; charset=utf-8", text) }
        }),
    )
}

/// Becomes true at SIGTERM or SIGINT.
///
/// # Errors
/// When the signals cannot be heard.
pub fn stop_signal() -> Result<watch::Receiver<bool>, Fault> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(Fault::internal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Fault::internal)?;
    let (stop, stopping) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.send_replace(true);
        // Held until the process ends, so that the receivers see a decision and not a lost sender.
        std::future::pending::<()>().await;
    });
    Ok(stopping)
}

