//! `attestry dev`: a server with two demo tenants, a tour of every service, and lines to paste.
//!
//! Keys are derived from the secrets file, so that every start prints the same ones, still valid: where one was
//! revoked meanwhile, the next of its sequence is made.

mod demo;
mod registry;
mod tour;

use base::Fault;
use serde::Serialize;
use web::destination::Network;

use crate::app::{App, LOCAL};
use crate::config::Config;
use crate::listen::{self, Listeners};
use crate::workers::Background;

/// What other tools build on, in the order in which it is documented: see the README.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    base_url: String,
    admin_url: String,
    operator_token: String,
    pid: u32,
    engine: &'static str,
    demo: demo::Shown,
    other: demo::Shown,
}

/// Serves with demo tenants; `is_quiet` prints one JSON line instead of the tour.
///
/// # Errors
/// Whatever keeps the server from starting.
pub async fn run(config: Config, mut app: App, is_quiet: bool) -> Result<(), Fault> {
    // A developer's receiver is on this machine.
    app.receivers = Network::Private;
    let metrics = listen::install_metrics()?;
    let listeners = Listeners::open(&config, "--port").await?;
    let stop = listen::stop_signal()?;
    let local = |listener: &tokio::net::TcpListener| {
        listener.local_addr().map(|address| address.to_string()).map_err(Fault::internal)
    };
    let (public, operator) = (local(&listeners.public)?, local(&listeners.operator)?);
    if config.codes.address == LOCAL.parse()? {
        // The port may have been chosen only now, and is printed on every label.
        let port = listeners.public.local_addr().map_err(Fault::internal)?.port();
        app.codes = app.codes.at(format!("http://localhost:{port}").parse()?);
    }
    registry::ensure(&app).await?;
    let line = Line {
        base_url: format!("http://{public}"),
        admin_url: format!("http://{operator}"),
        operator_token: app.kernel.secrets.operator_token().expose().to_owned(),
        pid: std::process::id(),
        engine: app.kernel.db.engine().name(),
        demo: demo::ensure(&app, "demo", "Demo").await?,
        other: demo::ensure(&app, "other", "Other").await?,
    };
    crate::cli::note_running(&config, &operator)?;
    let server = tokio::spawn(listen::run(app, listeners, metrics, stop, Background::Here));
    if is_quiet {
        crate::cli::print(&serde_json::to_string(&line).map_err(Fault::internal)?);
    } else {
        tour::run(&public, &line, &config).await?;
    }
    server.await.map_err(Fault::internal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use demo::{CodesKeys, Pair, QuotaKeys, Shown};

    fn shown() -> Shown {
        let text = |text: &str| text.to_owned();
        Shown {
            tenant_id: text("tn_1"),
            platform: Pair { test: text("a"), live: text("b") },
            citizen: Pair { test: text("g"), live: text("h") },
            codes: CodesKeys { test: text("i"), live: text("j"), product_id: text("k") },
            quota: Pair {
                test: QuotaKeys { admin: text("c"), token: text("d") },
                live: QuotaKeys { admin: text("e"), token: text("f") },
            },
        }
    }

    #[test]
    fn the_ready_line_has_its_documented_order() {
        let line = Line {
            base_url: "http://127.0.0.1:8080".to_owned(),
            admin_url: "http://127.0.0.1:8081".to_owned(),
            operator_token: "t".to_owned(),
            pid: 1,
            engine: "sqlite",
            demo: shown(),
            other: shown(),
        };
        let tenant = r#"{"tenantId":"tn_1","platform":{"test":"a","live":"b"},"citizen":{"test":"g","live":"h"},"codes":{"test":"i","live":"j","productId":"k"},"quota":{"test":{"admin":"c","token":"d"},"live":{"admin":"e","token":"f"}}}"#;
        assert_eq!(
            serde_json::to_string(&line).unwrap(),
            format!(
                r#"{{"baseUrl":"http://127.0.0.1:8080","adminUrl":"http://127.0.0.1:8081","operatorToken":"t","pid":1,"engine":"sqlite","demo":{tenant},"other":{tenant}}}"#
            )
        );
    }
}
