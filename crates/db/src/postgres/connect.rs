//! From a URL to a connection.

use std::sync::Arc;
use std::time::Duration;

use ::postgres::config::SslMode;
use ::postgres::{Config, NoTls};
use base::{Fault, Secret};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore, crypto};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::session::{Session, classify};
use crate::error::Error;

/// A request waits no longer than this for a server that is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long sent bytes may go unacknowledged before the connection counts as dead.
const SILENCE_MAX: Duration = Duration::from_secs(5);
const KEEPALIVE_IDLE: Duration = Duration::from_secs(15);

/// `statement_timeout` bounds what a client can cost; `lock_timeout` is shorter, so that its clearer error comes first.
/// What counts on rows that appear in time adds the last two to [`crate::WRITE_TIME_MAX`].
const SESSION: &str = "
    SET lock_timeout = '5s';
    SET statement_timeout = '30s';
    SET idle_in_transaction_session_timeout = '30s';
    SET synchronous_commit = on;";

/// Where and how to connect.
pub(super) struct Target {
    config: Config,
    tls: Option<MakeRustlsConnect>,
}

impl Target {
    /// # Errors
    /// When the URL is not one, or the certificate file it names cannot be read.
    pub(super) fn parse(url: &Secret) -> Result<Self, Fault> {
        let (url, certificates) = split_certificates(url.expose());
        let mut config: Config = url.parse().map_err(|error| {
            let detail = format!(
                "The database URL cannot be read: {error}. Write postgres://user:password@host/database."
            );
            Fault::malformed(detail)
        })?;
        config.application_name("attestry");
        config.connect_timeout(CONNECT_TIMEOUT);
        config.tcp_user_timeout(SILENCE_MAX);
        config.keepalives_idle(KEEPALIVE_IDLE);
        config.keepalives_interval(SILENCE_MAX);
        config.keepalives_retries(2);
        config.notice_callback(|notice| tracing::debug!(notice = notice.message(), "PostgreSQL notes"));
        let tls =
            (config.get_ssl_mode() == SslMode::Require).then(|| rustls_connect(certificates.as_deref()));
        Ok(Self { config, tls: tls.transpose()? })
    }

    /// # Errors
    /// [`Error::Connection`] when the server cannot be reached or refuses us.
    pub(super) fn connect(&self) -> Result<Session, Error> {
        let client = match &self.tls {
            Some(tls) => self.config.connect(tls.clone()),
            None => self.config.connect(NoTls),
        };
        let mut client = client.map_err(|error| Error::Connection(chain(&error).into()))?;
        client.batch_execute(SESSION).map_err(|error| classify(&error, SESSION))?;
        Ok(Session::new(client))
    }
}

/// Takes out of the URL what the driver does not know: `sslrootcert`, and the `verify-` modes, which are the only way
/// that we do `require`.
fn split_certificates(url: &str) -> (String, Option<String>) {
    let Some((address, options)) = url.split_once('?') else { return (url.to_owned(), None) };
    let mut certificates = None;
    let mut kept = Vec::new();
    for option in options.split('&') {
        match option.split_once('=') {
            Some(("sslrootcert", path)) => certificates = Some(path.replace("%2F", "/")),
            Some(("sslmode", "verify-full" | "verify-ca")) => kept.push("sslmode=require"),
            _ => kept.push(option),
        }
    }
    (format!("{address}?{}", kept.join("&")), certificates)
}

fn rustls_connect(certificates: Option<&str>) -> Result<MakeRustlsConnect, Fault> {
    let mut roots = RootCertStore::empty();
    match certificates {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let unreadable = |error: &dyn std::fmt::Display| {
                Fault::malformed(format!("The certificates in {path} (sslrootcert) cannot be read: {error}."))
            };
            for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(&error))? {
                let certificate = certificate.map_err(|error| unreadable(&error))?;
                roots.add(certificate).map_err(|error| unreadable(&error))?;
            }
        }
    }
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Fault::internal)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// The driver's errors name only their kind; the reason is below.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_keeps_what_the_driver_knows() {
        for (url, kept, certificates) in [
            ("postgres://a@/b?host=/run/x", "postgres://a@/b?host=/run/x", None),
            ("postgres://a@h/b", "postgres://a@h/b", None),
            (
                "postgres://a@h/b?sslmode=verify-full&sslrootcert=/etc/ca.pem",
                "postgres://a@h/b?sslmode=require",
                Some("/etc/ca.pem"),
            ),
        ] {
            assert_eq!(split_certificates(url), (kept.to_owned(), certificates.map(str::to_owned)));
        }
    }

    #[test]
    fn tls_is_used_exactly_when_it_is_asked_for() {
        let asks = |url: &str| Target::parse(&Secret::new(url.into())).unwrap().tls.is_some();
        assert!(asks("postgres://a@h/b?sslmode=require") && asks("postgres://a@h/b?sslmode=verify-full"));
        assert!(!asks("postgres://a@h/b") && !asks("postgres://a@h/b?sslmode=disable"));
    }

    #[test]
    fn a_bad_url_is_refused_without_showing_its_password() {
        let fault = Target::parse(&Secret::new("postgres://a:hunter2@h/b?nonsense=1".into())).err().unwrap();
        assert!(!format!("{fault:?}").contains("hunter2"));
        let missing =
            Target::parse(&Secret::new("postgres://a@h/b?sslmode=require&sslrootcert=/nowhere.pem".into()));
        assert!(missing.err().unwrap().detail.contains("/nowhere.pem"));
    }
}
