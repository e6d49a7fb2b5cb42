//! What several commands take, and how it is read.

use base::Timestamp;
use base::id::TenantId;

use super::COMMON;

/// Who asks, and in which form the answer is wanted.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Common {
    /// Print exactly the JSON that the operator API answered
    #[arg(long, global = true, help_heading = COMMON)]
    pub(super) json: bool,
    /// Your name in the audit log [default: operator]
    #[arg(long = "as", global = true, help_heading = COMMON, env = "ATTESTRY_AS", hide_env = true, value_name = "NAME", value_parser = header_text::<64>)]
    pub(super) operator: Option<String>,
}

/// A noun with its verbs.
#[derive(Debug, clap::Args)]
pub(super) struct Noun<V: clap::Subcommand> {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(subcommand)]
    pub(super) verb: V,
}

/// The tenant and environment that a call is about.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Target {
    /// The tenant: tn_…
    #[arg(long, env = "ATTESTRY_TENANT", hide_env = true, value_name = "ID", value_parser = id::<TenantId>)]
    pub(super) tenant: TenantId,
    /// Test and live stand side by side in every tenant
    #[arg(long, visible_alias = "env", value_name = "NAME", value_parser = ["test", "live"], default_value = "live")]
    pub(super) environment: String,
}

impl Target {
    pub(super) fn query(&self) -> String {
        format!("tenantId={}&environment={}", self.tenant, self.environment)
    }

    /// The options that say the same, for a line to paste.
    pub(super) fn options(&self) -> String {
        match self.environment.as_str() {
            "live" => format!("--tenant {}", self.tenant),
            environment => format!("--tenant {} --environment {environment}", self.tenant),
        }
    }
}

/// One page of a list.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Page {
    /// How many at most, 1 to 1000
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) limit: u32,
    /// Go on after this id, the last one of the page before
    #[arg(long, value_name = "ID", value_parser = any_id)]
    pub(super) after: Option<String>,
}

impl Page {
    pub(super) fn query(&self) -> String {
        match &self.after {
            Some(after) => format!("limit={}&after={after}", self.limit),
            None => format!("limit={}", self.limit),
        }
    }
}

/// The key under which a payment is booked, or an account opened, once.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Once {
    /// Repeat a call safely with the key of the first try; made up and shown where points or credits come in
    #[arg(long, value_name = "KEY", value_parser = header_text::<255>)]
    pub(super) idempotency_key: Option<String>,
}

impl Once {
    /// The key, where none is needed.
    pub(super) fn said(self) -> Option<String> {
        self.idempotency_key
    }

    /// The key, shown on standard error if it was made up: an answer that got lost can be asked for again.
    pub(super) fn key(self) -> String {
        self.idempotency_key.unwrap_or_else(|| {
            let key = format!("cli-{}", kernel::secrets::hex(&kernel::Random::system().bytes::<16>()));
            super::print_error(&format!("Repeat this call safely with: --idempotency-key {key}"));
            key
        })
    }
}

/// An id of one kind.
pub(super) fn id<I: std::str::FromStr + Prefixed>(text: &str) -> Result<I, String> {
    text.parse().map_err(|_| {
        format!("must be {}… with 26 characters after it; `attestry {} list` shows them", I::PREFIX, I::NOUN)
    })
}

/// An id that a command line may hold.
pub(super) trait Prefixed {
    const PREFIX: &'static str;
    const NOUN: &'static str;
}

macro_rules! prefixed {
    ($($id:ident $noun:literal,)*) => {$(
        impl Prefixed for base::id::$id {
            const PREFIX: &'static str = Self::PREFIX;
            const NOUN: &'static str = $noun;
        }
    )*};
}

prefixed! {
    TenantId "tenant", KeyId "key", AccountId "account", TokenId "token", EndpointId "webhook",
    DeliveryId "webhook", BatchId "codes",
}

/// An id of any kind: the server knows which one it must be.
fn any_id(text: &str) -> Result<String, String> {
    let is_id = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if is_id && !text.is_empty() { Ok(text.to_owned()) } else { Err("must be an id like tn_…".to_owned()) }
}

/// An RFC 3339 time.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "must be an RFC 3339 time like 2030-01-31T12:00:00Z".to_owned())
}

/// What a header can carry.
fn header_text<const LENGTH_MAX: usize>(text: &str) -> Result<String, String> {
    let is_printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && text.trim() == text;
    if is_printable && (1..=LENGTH_MAX).contains(&text.len()) {
        Ok(text.to_owned())
    } else {
        Err(format!("must have 1 to {LENGTH_MAX} printable ASCII characters"))
    }
}
