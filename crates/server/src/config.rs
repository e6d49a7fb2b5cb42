//! Configuration: flags, then environment, then one TOML file, then defaults. Unknown keys are refused.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use base::{Cidr, Fault, Secret};
use serde::{Deserialize, Serialize};
use services::codes::{self, PlaceHeaders};

use crate::app::LOCAL;
use crate::cli::{COMMON, SERVER};
use crate::registry;

/// The data folder, unless said otherwise.
pub(crate) const DATA: &str = "attestry-data";

/// Where a server's data and secrets are, and which sockets it opens.
#[derive(Clone, Debug)]
pub struct Config {
    /// SQLite database and secrets file, unless said otherwise.
    pub data: PathBuf,
    /// A PostgreSQL URL; without it SQLite in `data`.
    pub database: Option<Secret>,
    pub listen: SocketAddr,
    pub operator_listen: SocketAddr,
    /// One more listener for `/metrics` alone, which the operator's listener has too.
    pub metrics_listen: Option<SocketAddr>,
    /// Default requests a minute per key, for services that have a limit; 0: none.
    pub rate_limit: Option<u32>,
    pub connections: usize,
    /// Callers reach us by https only.
    pub https: bool,
    /// The proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Cidr>,
    pub body_deadline_ms: u64,
    /// Whether a citizen's number that the registry does not know costs a credit.
    pub citizen_charges_not_found: bool,
    /// Webhooks may go to private networks and by plain http.
    pub webhooks_private: bool,
    /// What the operator decides about product codes.
    pub codes: codes::Settings,
    pub log: LogFormat,
    /// An upstream registry in place of an imported one.
    pub registry: Option<registry::Settings>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// The same settings, each of which may be missing: one layer of configuration.
#[derive(Clone, Debug, Default, Serialize, Deserialize, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Folder of the database and the secrets file [default: ./attestry-data]
    #[arg(long, env = "ATTESTRY_DATA", help_heading = COMMON, hide_env_values = true, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// PostgreSQL URL; without it SQLite in the data folder
    #[arg(long, env = "ATTESTRY_DATABASE", help_heading = COMMON, global = true, value_name = "URL", hide_env_values = true)]
    pub database: Option<String>,
    /// Address of the public API [default: 127.0.0.1:8080]
    #[arg(long, env = "ATTESTRY_LISTEN", hide_env_values = true, global = true, hide = true, help_heading = SERVER, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Address of the operator API; keep it private [default: 127.0.0.1:8081]
    #[arg(long, env = "ATTESTRY_OPERATOR_LISTEN", hide_env_values = true, global = true, hide = true, help_heading = SERVER, value_name = "ADDR")]
    pub operator_listen: Option<SocketAddr>,
    /// One more address for /metrics alone
    #[arg(long, env = "ATTESTRY_METRICS_LISTEN", hide_env_values = true, global = true, hide = true, help_heading = SERVER, value_name = "ADDR")]
    pub metrics_listen: Option<SocketAddr>,
    /// Default requests a minute per key, 0 for none
    #[arg(long, env = "ATTESTRY_RATE_LIMIT", hide_env_values = true, global = true, hide = true, help_heading = SERVER, value_name = "N")]
    pub rate_limit: Option<u32>,
    /// PostgreSQL connections [default: 16]
    #[arg(long, env = "ATTESTRY_CONNECTIONS", hide_env_values = true, global = true, hide = true, help_heading = SERVER, value_name = "N")]
    pub connections: Option<usize>,
    /// Callers reach this server by https only, through a proxy
    #[arg(long, env = "ATTESTRY_HTTPS", hide_env_values = true, global = true, hide = true, help_heading = SERVER, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub https: Option<bool>,
    /// Networks of the proxies whose X-Forwarded-For is believed, comma-separated [default: none]
    #[arg(long, env = "ATTESTRY_TRUSTED_PROXIES", hide_env_values = true, global = true, hide = true, help_heading = SERVER, value_name = "LIST", value_delimiter = ',')]
    pub trusted_proxies: Option<Vec<Cidr>>,
    /// Longest wait for a request body in milliseconds [default: 10000]
    #[arg(long, env = "ATTESTRY_BODY_DEADLINE_MS", hide_env_values = true, global = true, hide = true, help_heading = SERVER, value_name = "N")]
    pub body_deadline_ms: Option<u64>,
    /// Whether a citizen's number that the registry does not know costs a credit [default: true]
    #[arg(long, env = "ATTESTRY_CITIZEN_CHARGES_NOT_FOUND", hide_env_values = true, global = true, hide = true, help_heading = SERVER, value_name = "BOOL")]
    pub citizen_charges_not_found: Option<bool>,
    /// Whether webhooks may go to private networks and by plain http [default: false]
    #[arg(long, env = "ATTESTRY_WEBHOOKS_PRIVATE", hide_env_values = true, global = true, hide = true, help_heading = SERVER, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub webhooks_private: Option<bool>,
    /// Where shoppers reach this server, as it is printed on labels: https://codes.example.com [default: http://localhost:8080]
    #[arg(long, env = "ATTESTRY_PUBLIC_URL", hide_env_values = true, global = true, hide = true, help_heading = SERVER, value_name = "URL")]
    pub public_url: Option<String>,
    /// Headers in which trusted proxies name a caller's country, latitude and longitude, comma-separated [default: none]
    #[arg(long, env = "ATTESTRY_PLACE_HEADERS", hide_env_values = true, global = true, hide = true, help_heading = SERVER, value_name = "LIST", value_delimiter = ',')]
    pub place_headers: Option<Vec<String>>,
    /// Form of the log on stderr [default: text]
    #[arg(long, env = "ATTESTRY_LOG_FORMAT", hide_env_values = true, global = true, hide = true, help_heading = SERVER, value_name = "FORM")]
    pub log: Option<LogFormat>,
    /// In the file alone.
    #[arg(skip)]
    pub registry: Option<registry::Table>,
}

impl Layer {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// When it cannot be read, or says something that no setting is: the message names line and key.
    pub fn read(path: &Path) -> Result<Self, Fault> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Fault::invalid("config", format!("{} cannot be read: {error}", path.display()))
        })?;
        toml::from_str(&text)
            .map_err(|error| Fault::invalid("config", format!("{}: {error}", path.display())))
    }

    /// What this layer does not say, the layer below says.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        Self {
            data: self.data.or(below.data),
            database: self.database.or(below.database),
            listen: self.listen.or(below.listen),
            operator_listen: self.operator_listen.or(below.operator_listen),
            metrics_listen: self.metrics_listen.or(below.metrics_listen),
            rate_limit: self.rate_limit.or(below.rate_limit),
            connections: self.connections.or(below.connections),
            https: self.https.or(below.https),
            trusted_proxies: self.trusted_proxies.or(below.trusted_proxies),
            body_deadline_ms: self.body_deadline_ms.or(below.body_deadline_ms),
            citizen_charges_not_found: self.citizen_charges_not_found.or(below.citizen_charges_not_found),
            webhooks_private: self.webhooks_private.or(below.webhooks_private),
            public_url: self.public_url.or(below.public_url),
            place_headers: self.place_headers.or(below.place_headers),
            log: self.log.or(below.log),
            registry: self.registry.or(below.registry),
        }
    }

    /// The settings of this layer over the defaults.
    ///
    /// # Errors
    /// A value out of its range.
    pub fn finish(self) -> Result<Config, Fault> {
        let connections = self.connections.unwrap_or(16);
        if !(1..=256).contains(&connections) {
            return Err(Fault::invalid("connections", "must be 1 to 256"));
        }
        let body_deadline_ms = self.body_deadline_ms.unwrap_or(10_000);
        if !(1..=600_000).contains(&body_deadline_ms) {
            return Err(Fault::invalid("body_deadline_ms", "must be 1 to 600000"));
        }
        Ok(Config {
            data: self.data.unwrap_or_else(|| PathBuf::from(DATA)),
            database: self.database.map(Secret::new),
            listen: self.listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080))),
            operator_listen: self.operator_listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8081))),
            metrics_listen: self.metrics_listen,
            rate_limit: self.rate_limit,
            connections,
            https: self.https.unwrap_or(false),
            trusted_proxies: self.trusted_proxies.unwrap_or_default(),
            body_deadline_ms,
            citizen_charges_not_found: self.citizen_charges_not_found.unwrap_or(true),
            webhooks_private: self.webhooks_private.unwrap_or(false),
            codes: codes::Settings {
                address: self.public_url.as_deref().unwrap_or(LOCAL).parse()?,
                places: place_headers(&self.place_headers.unwrap_or_default())?,
            },
            log: self.log.unwrap_or_default(),
            registry: self.registry.map(|table| table.check(environment)).transpose()?,
        })
    }
}

/// No name, the country's, or those of country, latitude and longitude.
fn place_headers(names: &[String]) -> Result<PlaceHeaders, Fault> {
    let rule = "must be one name of a header, the country's, or three: country, latitude, longitude";
    if !matches!(names.len(), 0 | 1 | 3) {
        return Err(Fault::invalid("place_headers", rule));
    }
    let read = |index: usize| {
        let wrong = |_| Fault::invalid("place_headers", rule);
        names.get(index).map(|name| name.trim().to_ascii_lowercase().parse().map_err(wrong)).transpose()
    };
    Ok(PlaceHeaders { country: read(0)?, latitude: read(1)?, longitude: read(2)? })
}

fn shown_places(places: &PlaceHeaders) -> Vec<String> {
    let names = [&places.country, &places.latitude, &places.longitude];
    names.into_iter().flatten().map(ToString::to_string).collect()
}

#[expect(clippy::disallowed_methods, reason = "a setting may name a variable that holds its secret")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Config {
    /// The configuration as TOML, with the password of the database URL redacted.
    #[must_use]
    pub fn shown(&self) -> String {
        let layer = Layer {
            data: Some(self.data.clone()),
            database: self.database.as_ref().map(|url| redacted(url.expose())),
            listen: Some(self.listen),
            operator_listen: Some(self.operator_listen),
            metrics_listen: self.metrics_listen,
            rate_limit: self.rate_limit,
            connections: Some(self.connections),
            https: Some(self.https),
            trusted_proxies: Some(self.trusted_proxies.clone()),
            body_deadline_ms: Some(self.body_deadline_ms),
            citizen_charges_not_found: Some(self.citizen_charges_not_found),
            webhooks_private: Some(self.webhooks_private),
            public_url: Some(self.codes.address.to_string()),
            place_headers: Some(shown_places(&self.codes.places)),
            log: Some(self.log),
            registry: self.registry.as_ref().map(|settings| settings.shown.clone()),
        };
        toml::to_string(&layer).expect("a layer is text, numbers and booleans")
    }
}

/// `postgres://user:password@host/db` with the password replaced, and query parameters that may hold one dropped.
fn redacted(url: &str) -> String {
    let url = url.split_once('?').map_or(url, |(before, _)| before);
    let Some((scheme, rest)) = url.split_once("://") else { return "[redacted]".to_owned() };
    match rest.rsplit_once('@') {
        Some((user, place)) => {
            let user = user.split_once(':').map_or(user, |(name, _)| name);
            format!("{scheme}://{user}:[redacted]@{place}")
        }
        None => format!("{scheme}://{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_configuration_holds_no_password() {
        for url in ["postgres://me:hunter2@db/app", "postgres://me@db/app?password=hunter2", "me:hunter2"] {
            let layer = Layer { database: Some(url.to_owned()), ..Layer::default() };
            let shown = layer.finish().unwrap().shown();
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn an_unknown_key_is_refused_and_named() {
        let error = toml::from_str::<Layer>("listten = \"127.0.0.1:1\"").unwrap_err().to_string();
        assert!(error.contains("listten"), "{error}");
    }

    #[test]
    fn trusted_proxies_are_networks_and_shown_as_they_are_read() {
        let layer: Layer = toml::from_str("trusted_proxies = [\"10.0.0.0/8\", \"::1\"]").unwrap();
        let config = layer.finish().unwrap();
        assert!(
            config.shown().contains("trusted_proxies = [\"10.0.0.0/8\", \"::1/128\"]"),
            "{}",
            config.shown()
        );
        let error = toml::from_str::<Layer>("trusted_proxies = [\"10.1.0.0/8\"]").unwrap_err().to_string();
        assert!(error.contains("the network is 10.0.0.0/8"), "{error}");
    }

    #[test]
    fn headers_of_places_are_one_or_three_and_shown_as_they_are_read() {
        let read = |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            Layer { place_headers: Some(names), ..Layer::default() }.finish()
        };
        let shown = read(&["CF-IPCountry", "cf-iplatitude", "cf-iplongitude"]).unwrap().shown();
        assert!(shown.contains("[\"cf-ipcountry\", \"cf-iplatitude\", \"cf-iplongitude\"]"), "{shown}");
        assert!(read(&[]).is_ok() && read(&["x-country"]).is_ok());
        for wrong in [&["a", "b"][..], &["a", "b", "c", "d"], &["not a header"]] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_flag_wins_over_the_file() {
        let file = Layer { rate_limit: Some(1), connections: Some(3), ..Layer::default() };
        let flags = Layer { rate_limit: Some(2), ..Layer::default() };
        let config = flags.over(file).finish().unwrap();
        assert_eq!((config.rate_limit, config.connections), (Some(2), 3));
    }
}
