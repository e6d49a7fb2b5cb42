use base::id::KeyId;
use base::{Service, Timestamp};
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
    ("Requests/min", "rate_limit_per_minute"),
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
        attestry key create --tenant tn_01kdvdna00e008m2jtjb6jqfym --service identity --kind publishable --environment test")]
    Create(Create),
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
    /// Permissions, comma-separated [default: every scope of the service]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    scopes: Option<Vec<String>>,
    /// To tell keys apart in lists
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
    /// Requests a minute, 0 for no limit [default: the service's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    rate_limit_per_minute: Option<u32>,
    /// When it stops working, like 2030-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    expires_at: Option<Timestamp>,
}

impl Verb {
    pub(super) fn job(self) -> Job {
        match self {
            Self::Create(create) => create.job(),
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
        let fields = [
            ("tenantId", json!(self.target.tenant)),
            ("environment", json!(self.target.environment)),
            ("service", json!(self.service.name())),
            ("kind", json!(self.kind)),
            ("scopes", json!(self.scopes)),
            ("label", json!(self.label)),
            ("rateLimitPerMinute", json!(self.rate_limit_per_minute)),
            ("expiresAt", json!(self.expires_at)),
        ];
        let ask: Ask = post("/operator/v1/keys", fields);
        Job::new(ask, minted)
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
