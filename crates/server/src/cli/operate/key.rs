use std::str::FromStr;

use base::id::KeyId;
use base::{Cidr, OriginRule, Service};
use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

use super::{Job, get, list, post};
use crate::cli::arguments::{Page, Target, id, moment};
use crate::cli::show::{Columns, fields};
use crate::client::Ask;

const FIELDS: Columns = &[
    ("Key", "id"),
    ("Secret", "secret"),
    ("Pair secret", "pair_secret"),
    ("Service", "service"),
    ("Kind", "kind"),
    ("Environment", "environment"),
    ("Label", "label"),
    ("Scopes", "scopes"),
    ("Origins", "allowed_origins"),
    ("Networks", "allowed_ips"),
    ("Requests/min", "rate_limit_per_minute"),
    ("Credits/day", "spend_cap_per_day"),
    ("Expires", "expires_at"),
    ("Lineage", "lineage_id"),
];
const COLUMNS: Columns = &[
    ("ID", "id"),
    ("SERVICE", "service"),
    ("KIND", "kind"),
    ("LABEL", "label"),
    ("ENDS IN", "last_four"),
    ("CREATED", "created_at"),
    ("LAST USED", "last_used_at"),
    ("EXPIRES", "expires_at"),
    ("REVOKED", "revoked_at"),
];
const ONCE: &str = "The secret is shown here once and can never be shown again: store it now.";

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Verb {
    /// Create a key; its secret is shown this once
    #[command(after_help = "Examples:\n  \
        attestry key create --tenant tn_01kdvdna00e008m2jtjb6jqfym --service quota\n  \
        attestry key create --tenant tn_01kdvdna00e008m2jtjb6jqfym --service platform --scopes keys:read,audit:read\n  \
        attestry key create --tenant tn_01kdvdna00e008m2jtjb6jqfym --service quota --environment test --label trial\n  \
        attestry key create --tenant tn_01kdvdna00e008m2jtjb6jqfym --service quota --allowed-ips 203.0.113.0/24,2001:db8::/32\n  \
        attestry key create --tenant tn_01kdvdna00e008m2jtjb6jqfym --service identity --kind publishable --allowed-origins https://app.example.com")]
    Create(Box<Create>),
    /// Change what a key may do; the secrets of its lineage that still work change with it
    #[command(after_help = "Examples:\n  \
        attestry key update key_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym --scopes accounts:read\n  \
        attestry key update key_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym --allowed-ips none --expires-at none")]
    Update(Box<Update>),
    /// List the keys of a tenant's environment, oldest first, without their secrets
    #[command(
        after_help = "Example:\n  attestry key list --tenant tn_01kdvdna00e008m2jtjb6jqfym --environment test"
    )]
    List {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        page: Page,
    },
    /// Make the next secret of a key; the old one works for a grace of at most 15 minutes
    #[command(
        after_help = "Example:\n  attestry key rotate key_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym"
    )]
    Rotate {
        /// The key: key_…
        #[arg(value_parser = id::<KeyId>)]
        id: KeyId,
        #[command(flatten)]
        target: Target,
        /// How long the old secret still works, 0 to 900
        #[arg(long, value_name = "N", default_value_t = 900, value_parser = clap::value_parser!(u32).range(0..=900))]
        grace_seconds: u32,
    },
    /// Revoke a key; once this returns, nothing is charged by it any more
    #[command(
        after_help = "Example:\n  attestry key revoke key_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym"
    )]
    Revoke {
        /// The key: key_…
        #[arg(value_parser = id::<KeyId>)]
        id: KeyId,
        #[command(flatten)]
        target: Target,
    },
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Create {
    #[command(flatten)]
    target: Target,
    /// The API that the key opens
    #[arg(long, value_name = "NAME", value_parser = service)]
    service: Service,
    /// Identity has secret and publishable keys; every other service has one kind
    #[arg(long, value_name = "NAME", value_parser = ["secret", "publishable", "pair", "admin"])]
    kind: Option<String>,
    #[command(flatten)]
    said: Said,
}

/// What may be said of a key when it is made, and changed later.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Said {
    /// Permissions, comma-separated, or `none` [default for a new key: every scope of the service]
    #[arg(long, value_name = "LIST", value_parser = list_of::<String>)]
    scopes: Option<Value>,
    /// To tell keys apart in lists
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
    /// Origins of pages that may use a publishable key, comma-separated, or `none`
    #[arg(long, value_name = "LIST", value_parser = list_of::<OriginRule>)]
    allowed_origins: Option<Value>,
    /// Networks that callers must come from, comma-separated, or `none` for anywhere
    #[arg(long, value_name = "LIST", value_parser = list_of::<Cidr>)]
    allowed_ips: Option<Value>,
    /// Requests a minute, 0 for no limit, `none` for the service's own
    #[arg(long, value_name = "N", value_parser = number_or_none::<1_000_000>)]
    rate_limit_per_minute: Option<Value>,
    /// Credits that it may spend on a day (UTC), `none` for as many as there are
    #[arg(long, value_name = "N", value_parser = number_or_none::<{ kernel::ledger::AMOUNT_MAX }>)]
    spend_cap_per_day: Option<Value>,
    /// When it stops working, like 2030-01-31T12:00:00Z, or `none`
    #[arg(long, value_name = "TIME", value_parser = moment_or_none)]
    expires_at: Option<Value>,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Update {
    /// The key: key_…
    #[arg(value_parser = id::<KeyId>)]
    id: KeyId,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    said: Said,
}

impl Verb {
    pub(super) fn job(self) -> Job {
        match self {
            Self::Create(create) => create.job(),
            Self::Update(update) => update.job(),
            Self::List { target, page } => {
                let ask = get(format!("/operator/v1/keys?{}&{}", target.query(), page.query()));
                let empty = format!(
                    "There are no keys here yet. Make one: attestry key create {} --service quota",
                    target.options()
                );
                Job::new(ask, move |body| list(body, COLUMNS, page.limit, &empty))
            }
            Self::Rotate { id, target, grace_seconds } => {
                let fields = [
                    ("tenantId", json!(target.tenant)),
                    ("environment", json!(target.environment)),
                    ("graceSeconds", json!(grace_seconds)),
                ];
                Job::new(post(format!("/operator/v1/keys/{id}/rotate"), fields), move |body| {
                    let old = match (body["warning"].as_str(), grace_seconds) {
                        (Some(warning), _) => format!("Warning: {warning}"),
                        (None, 0) => "The old secret is dead.".to_owned(),
                        (None, _) => format!("The old secret works for {grace_seconds} seconds more."),
                    };
                    format!("{}\n{old}", minted(body))
                })
            }
            Self::Revoke { id, target } => {
                let mut ask = get(format!("/operator/v1/keys/{id}?{}", target.query()));
                ask.method = Method::DELETE;
                Job::new(ask, move |_| format!("{id} is revoked. Nothing is charged by it any more."))
            }
        }
    }
}

impl Create {
    fn job(self) -> Job {
        let fields = [("service", json!(self.service.name())), ("kind", json!(self.kind))];
        let mut ask = post("/operator/v1/keys", fields);
        self.said.add_to(&mut ask, &self.target);
        Job::new(ask, minted)
    }
}

impl Update {
    fn job(self) -> Job {
        let mut ask = post(format!("/operator/v1/keys/{}", self.id), []);
        ask.method = Method::PATCH;
        self.said.add_to(&mut ask, &self.target);
        Job::new(ask, |body| fields(body, FIELDS))
    }
}

impl Said {
    /// Unlike [`post`], which leaves out what is null: here `none` is said by it.
    fn add_to(self, ask: &mut Ask, target: &Target) {
        let said = [
            ("tenantId", Some(json!(target.tenant))),
            ("environment", Some(json!(target.environment))),
            ("scopes", self.scopes),
            ("label", self.label.map(Value::from)),
            ("allowedOrigins", self.allowed_origins),
            ("allowedIps", self.allowed_ips),
            ("rateLimitPerMinute", self.rate_limit_per_minute),
            ("spendCapPerDay", self.spend_cap_per_day),
            ("expiresAt", self.expires_at),
        ];
        let said = said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        if let Some(Value::Object(body)) = &mut ask.body {
            body.extend(said);
        }
    }
}

fn minted(body: &Value) -> String {
    let once = if body["pair_secret"].is_string() {
        "Both secrets are shown here once and can never be shown again: store them now."
    } else {
        ONCE
    };
    format!("{}\n\n{once}", fields(body, FIELDS))
}

fn service(text: &str) -> Result<Service, String> {
    Service::parse(text).ok_or_else(|| {
        let names: Vec<&str> = Service::ALL.iter().map(|service| service.name()).collect();
        format!("must be one of {}", names.join(", "))
    })
}

/// A list of texts that each are a `T`, or an empty one.
fn list_of<T: FromStr<Err: ToString>>(text: &str) -> Result<Value, String> {
    if text == "none" {
        return Ok(json!([]));
    }
    let judge = |item: &str| match item.trim().parse::<T>() {
        Ok(_) => Ok(Value::from(item.trim())),
        Err(why) => Err(format!("{item} {}", why.to_string())),
    };
    text.split(',').map(judge).collect()
}

fn number_or_none<const MAX: i64>(text: &str) -> Result<Value, String> {
    match text.parse() {
        _ if text == "none" => Ok(Value::Null),
        Ok(number) if (0..=MAX).contains(&number) => Ok(number.into()),
        _ => Err(format!("must be a whole number from 0 to {MAX}, or none")),
    }
}

fn moment_or_none(text: &str) -> Result<Value, String> {
    if text == "none" { Ok(Value::Null) } else { Ok(json!(moment(text)?)) }
}
