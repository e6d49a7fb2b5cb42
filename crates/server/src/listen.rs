//! Serving: sockets, background work, and an orderly end.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base::Fault;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use web::serve::{ServeLimits, serve};
use web::{Site, reply};

use crate::app::App;
use crate::config::Config;
use crate::sealing;
use crate::webhooks::{self, Webhooks};
use crate::workers::{self, Background};

/// For requests under way on the public listener when a stop begins. The three add up to the 10 s that are promised.
const PUBLIC_DRAIN_MAX: Duration = Duration::from_secs(6);
/// After that, for those on the private listeners.
const PRIVATE_DRAIN_MAX: Duration = Duration::from_secs(1);
/// After that, for what the database has queued. What is cut here was acknowledged to nobody.
const CLOSE_MAX: Duration = Duration::from_secs(3);

/// The open sockets of a server.
#[derive(Debug)]
pub struct Listeners {
    pub public: TcpListener,
    pub operator: TcpListener,
    pub metrics: Option<TcpListener>,
}

impl Listeners {
    /// `public_option` is the option that chooses the public port: it differs between commands.
    ///
    /// # Errors
    /// An address that is taken or not ours; the message names it and says how to choose another.
    pub async fn open(config: &Config, public_option: &str) -> Result<Self, Fault> {
        Ok(Self {
            metrics: open_metrics(config).await?,
            public: bind(config.listen, public_option).await?,
            operator: bind(config.operator_listen, "--operator-listen").await?,
        })
    }
}

/// The listener for metrics alone, if there is to be one.
///
/// # Errors
/// As [`Listeners::open`].
pub async fn open_metrics(config: &Config) -> Result<Option<TcpListener>, Fault> {
    match config.metrics_listen {
        Some(address) => Ok(Some(bind(address, "--metrics-listen").await?)),
        None => Ok(None),
    }
}

async fn bind(address: SocketAddr, option: &str) -> Result<TcpListener, Fault> {
    TcpListener::bind(address).await.map_err(|error| {
        let port = address.port().checked_add(10).unwrap_or(0);
        let other = match option {
            "--port" => port.to_string(),
            _ => SocketAddr::new(address.ip(), port).to_string(),
        };
        let what = match error.kind() {
            ErrorKind::AddrInUse => {
                format!("Port {} on {} is taken by another process.", address.port(), address.ip())
            }
            _ => format!("Cannot listen on {address}: {error}."),
        };
        Fault::unavailable(format!("{what} Choose another with {option}, for example: {option} {other}"))
    })
}

/// Starts to count. Once per process, before the first request.
///
/// # Errors
/// When it was called before.
pub fn install_metrics() -> Result<PrometheusHandle, Fault> {
    PrometheusBuilder::new().install_recorder().map_err(Fault::internal)
}

/// Serves until `stop` says so, and returns when everything that was acknowledged is on disk: at most 10 s later.
///
/// The private listeners outlive the public one, so that whoever asks `/ready` there learns of the stop.
pub async fn run(
    app: App,
    listeners: Listeners,
    metrics: PrometheusHandle,
    stop: watch::Receiver<bool>,
    background: Background,
) {
    let background = tokio::spawn(in_background(app.clone(), metrics.clone(), background, stop.clone()));
    let (drained, is_drained) = watch::channel(false);
    let public = async {
        let limits = drained_within(PUBLIC_DRAIN_MAX);
        serve(listeners.public, app.public_site(), limits, stopping(&app, stop.clone())).await;
        drained.send_replace(true);
    };
    let operator = app.private_edge(metrics_page(app.operator_site(), metrics.clone()));
    let limits = drained_within(PRIVATE_DRAIN_MAX);
    let operator = serve(listeners.operator, operator, limits, stopped(is_drained.clone()));
    match listeners.metrics {
        Some(listener) => {
            let edge = app.private_edge(metrics_page(Site::new(), metrics));
            tokio::join!(public, operator, serve(listener, edge, limits, stopped(is_drained)));
        }
        None => {
            tokio::join!(public, operator);
        }
    }
    drop(background.await);
    close(app).await;
}

/// Sweeps and delivers, until `stop` says so.
async fn in_background(
    app: App,
    metrics: PrometheusHandle,
    background: Background,
    stop: watch::Receiver<bool>,
) {
    let sweeping = workers::run(app.kernel.clone(), metrics, background, stop.clone());
    if background == Background::Elsewhere {
        return sweeping.await;
    }
    let batches = workers::make_ready(app.codes.clone(), stop.clone());
    let sealing = sealing::run(app.kernel.clone(), app.data.clone(), stop.clone());
    match Webhooks::new(app.kernel.clone(), app.receivers) {
        Ok(webhooks) => {
            tokio::join!(sweeping, batches, sealing, webhooks::run(webhooks, stop));
        }
        Err(fault) => {
            tracing::error!(?fault, "webhooks cannot be delivered");
            tokio::join!(sweeping, batches, sealing);
        }
    }
}

fn drained_within(shutdown_deadline: Duration) -> ServeLimits {
    ServeLimits { shutdown_deadline, ..ServeLimits::default() }
}

/// Does the background work until `stop` says so.
pub async fn work(
    app: App,
    listener: Option<TcpListener>,
    metrics: PrometheusHandle,
    stop: watch::Receiver<bool>,
) {
    let background = in_background(app.clone(), metrics.clone(), Background::Here, stop.clone());
    match listener {
        Some(listener) => {
            let edge = app.private_edge(metrics_page(app.health_site(), metrics));
            tokio::join!(
                background,
                serve(listener, edge, drained_within(PRIVATE_DRAIN_MAX), stopping(&app, stop))
            );
        }
        None => background.await,
    }
    close(app).await;
}

/// Ends with the first word of a stop, which `/ready` passes on from then on.
async fn stopping(app: &App, stop: watch::Receiver<bool>) {
    stopped(stop).await;
    app.begin_stop();
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // A sender that is gone is a reason to stop, too.
    drop(stop.wait_for(|stopping| *stopping).await);
}

/// What was acknowledged is on disk when this returns.
async fn close(app: App) {
    let db = app.kernel.db.clone();
    drop(app);
    let (closed, is_closed) = oneshot::channel::<()>();
    // Not a thread of the runtime, which would be waited for at its end.
    let closing = std::thread::Builder::new().name("close".into()).spawn(move || {
        db.close();
        drop(closed);
    });
    if let Err(error) = closing {
        tracing::error!(%error, "no thread could be started to close the database");
    } else if tokio::time::timeout(CLOSE_MAX, is_closed).await.is_err() {
        tracing::warn!("the database was left with work that nobody waits for");
    }
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
