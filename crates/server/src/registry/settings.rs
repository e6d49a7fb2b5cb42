//! The table `[registry]` of the configuration file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base::{Fault, Secret};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde::{Deserialize, Serialize};
use services::citizen::registry::breaker::Limits;
use web::destination::{Network, permit};

pub(super) const NUMBER: &str = "{nationalId}";
const TIMEOUT_MS: u64 = 2000;
const FROM_ENVIRONMENT: &str = "env:";

/// An upstream registry that is asked over HTTP. Without this table live keys are answered from what was imported.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// With `{nationalId}` where the number goes, unless the body has it.
    pub url: String,
    /// GET or POST [default: GET]
    pub method: Option<String>,
    /// What a POST sends, with `{nationalId}` where the number goes; JSON.
    pub body: Option<String>,
    /// The longest wait for an answer, all tries together [default: 2000]
    pub timeout_ms: Option<u64>,
    /// The longest wait for one try [default: timeout_ms]
    pub attempt_timeout_ms: Option<u64>,
    /// How often a try is repeated that failed without harm [default: 2]
    pub retries: Option<u32>,
    /// Look-ups under way at once; the next one is an outage [default: 256]
    pub concurrency: Option<usize>,
    /// Whether it may stand in a private network, or be asked by plain http [default: false]
    pub private_network: Option<bool>,
    /// Certificate authorities in PEM, in place of the public ones
    pub ca_file: Option<PathBuf>,
    /// `Name = "value"`; `"env:VARIABLE"` takes the value from the environment
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub fields: Fields,
    #[serde(default)]
    pub status: Statuses,
    #[serde(default)]
    pub not_found: NotFound,
    #[serde(default)]
    pub circuit: CircuitTable,
}

/// Where things stand in an answer: JSON Pointers (RFC 6901) such as `/person/name`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fields {
    /// The number that the answer is about. An answer about another number is no answer.
    pub national_id: String,
    /// One, or several that are joined by spaces.
    pub full_name: Pointers,
    /// `YYYY-MM-DD`, or a time that begins so.
    pub date_of_birth: String,
    /// Without it every citizen is active.
    pub status: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Pointers {
    One(String),
    Several(Vec<String>),
}

/// Which values mean which status, in letters of any case. Any other value is no answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Statuses {
    pub active: Vec<String>,
    pub deceased: Vec<String>,
    pub blocked: Vec<String>,
}

impl Default for Statuses {
    fn default() -> Self {
        let own = |name: &str| vec![name.to_owned()];
        Self { active: own("active"), deceased: own("deceased"), blocked: own("blocked") }
    }
}

/// How the registry says that it has no such number.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NotFound {
    /// HTTP 404 [default: true]
    pub http_404: bool,
    /// An answer in which this pointer
    pub pointer: Option<String>,
    /// has this value, written as text; without it, is missing or null
    pub equals: Option<String>,
}

impl Default for NotFound {
    fn default() -> Self {
        Self { http_404: true, pointer: None, equals: None }
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CircuitTable {
    /// Failures are counted over so many seconds [default: 30]
    pub window_seconds: Option<u32>,
    /// Fewer calls than this in the window say nothing [default: 5]
    pub calls_min: Option<u32>,
    /// It opens when so many of a hundred calls have failed [default: 50]
    pub failures_percent: Option<u32>,
    /// For how long it stays open [default: 10]
    pub cool_down_seconds: Option<u32>,
}

/// The same, checked, and with its secrets.
#[derive(Clone, Debug)]
pub struct Settings {
    /// To print.
    pub(crate) shown: Table,
    pub(super) url: Secret,
    pub(super) method: Method,
    pub(super) body: Option<Secret>,
    pub(super) headers: HeaderMap,
    pub(super) timeout_ms: u64,
    pub(super) attempt_timeout_ms: u64,
    pub(super) retries: u32,
    pub(super) concurrency: usize,
    pub(super) network: Network,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) fields: Fields,
    pub(super) status: Statuses,
    pub(super) not_found: NotFound,
    pub(super) circuit: Limits,
}

impl Table {
    /// Checks the table; `environment` gives the value of a variable.
    ///
    /// # Errors
    /// The key that is wrong, and how it is right.
    pub fn check(self, environment: impl Fn(&str) -> Option<String>) -> Result<Settings, Fault> {
        let shown = self.clone().redacted();
        let network = if self.private_network.unwrap_or(false) { Network::Private } else { Network::Public };
        check_url(&self.url, network)?;
        let method = method(self.method.as_deref())?;
        let has_number = |text: &str| text.contains(NUMBER);
        if !has_number(&self.url) && !self.body.as_deref().is_some_and(has_number) {
            return Err(wrong("url", format!("must hold {NUMBER} where the number goes, or the body must")));
        }
        if self.body.is_some() && method != Method::POST {
            return Err(wrong("body", "needs method = \"POST\""));
        }
        check_pointers(&self.fields, &self.not_found)?;
        let timeout_ms = within("timeout_ms", self.timeout_ms.unwrap_or(TIMEOUT_MS), 1, 20_000)?;
        let attempt = self.attempt_timeout_ms.unwrap_or(timeout_ms);
        Ok(Settings {
            headers: headers(&self.headers, method == Method::POST, environment)?,
            shown,
            url: Secret::new(self.url),
            method,
            body: self.body.map(Secret::new),
            timeout_ms,
            attempt_timeout_ms: within("attempt_timeout_ms", attempt, 1, timeout_ms)?,
            retries: within("retries", self.retries.unwrap_or(2), 0, 10)?,
            concurrency: within("concurrency", self.concurrency.unwrap_or(256), 1, 10_000)?,
            network,
            ca_file: self.ca_file,
            fields: self.fields,
            status: self.status,
            not_found: self.not_found,
            circuit: self.circuit.check()?,
        })
    }

    /// The table to print, without what may be secret.
    fn redacted(mut self) -> Self {
        for value in self.headers.values_mut().filter(|value| !value.starts_with(FROM_ENVIRONMENT)) {
            *value = "[redacted]".to_owned();
        }
        if let Some((before, _)) = self.url.split_once('?') {
            self.url = format!("{before}?[redacted]");
        }
        self.body = self.body.map(|_| "[redacted]".to_owned());
        self
    }
}

impl CircuitTable {
    fn check(&self) -> Result<Limits, Fault> {
        let default = Limits::default();
        let or = |said: Option<u32>, default| said.unwrap_or(default);
        Ok(Limits {
            window_seconds: within(
                "circuit.window_seconds",
                or(self.window_seconds, default.window_seconds),
                1,
                3600,
            )?,
            calls_min: within("circuit.calls_min", or(self.calls_min, default.calls_min), 1, 10_000)?,
            failures_percent: within(
                "circuit.failures_percent",
                or(self.failures_percent, default.failures_percent),
                1,
                100,
            )?,
            cool_down_seconds: within(
                "circuit.cool_down_seconds",
                or(self.cool_down_seconds, default.cool_down_seconds),
                1,
                3600,
            )?,
        })
    }
}

fn check_url(url: &str, network: Network) -> Result<(), Fault> {
    let uri: Uri = url
        .replace(NUMBER, "00000000000")
        .parse()
        .map_err(|_| wrong("url", "is no address: https://registry.example/citizens/{nationalId}"))?;
    permit(network, &uri).map_err(|reason| {
        let hint = if network == Network::Public { ", or set private_network = true" } else { "" };
        wrong("url", format!("{reason}{hint}"))
    })
}

fn method(name: Option<&str>) -> Result<Method, Fault> {
    match name.unwrap_or("GET") {
        "GET" => Ok(Method::GET),
        "POST" => Ok(Method::POST),
        _ => Err(wrong("method", "must be GET or POST")),
    }
}

fn check_pointers(fields: &Fields, not_found: &NotFound) -> Result<(), Fault> {
    let names = match &fields.full_name {
        Pointers::One(pointer) => std::slice::from_ref(pointer),
        Pointers::Several(pointers) => pointers.as_slice(),
    };
    if names.is_empty() {
        return Err(wrong("fields.full_name", "must name at least one pointer"));
    }
    let status = fields.status.iter().chain(&not_found.pointer);
    let all = [&fields.national_id, &fields.date_of_birth].into_iter().chain(names).chain(status);
    match all.into_iter().find(|pointer| !pointer.starts_with('/')) {
        Some(pointer) => {
            Err(wrong("fields", format!("{pointer:?} must be a JSON Pointer such as \"/person/name\"")))
        }
        None => Ok(()),
    }
}

fn headers(
    table: &BTreeMap<String, String>,
    is_post: bool,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<HeaderMap, Fault> {
    let mut headers = HeaderMap::new();
    headers.insert(http::header::ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(http::header::USER_AGENT, HeaderValue::from_static("Attestry"));
    if is_post {
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    for (name, value) in table {
        let key = || format!("headers.{name}");
        let value = match value.strip_prefix(FROM_ENVIRONMENT) {
            None => value.clone(),
            Some(variable) => environment(variable).ok_or_else(|| {
                wrong(key(), format!("needs the environment variable {variable}, which is not set"))
            })?,
        };
        let header =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong(key(), "is no name of a header"))?;
        let mut value = HeaderValue::from_str(&value)
            .map_err(|_| wrong(key(), "must have printable ASCII characters"))?;
        value.set_sensitive(true);
        headers.insert(header, value);
    }
    Ok(headers)
}

fn within<T: Copy + PartialOrd + std::fmt::Display>(key: &str, value: T, from: T, to: T) -> Result<T, Fault> {
    if value >= from && value <= to { Ok(value) } else { Err(wrong(key, format!("must be {from} to {to}"))) }
}

fn wrong(key: impl AsRef<str>, message: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::invalid(format!("registry.{}", key.as_ref()), message)
}
