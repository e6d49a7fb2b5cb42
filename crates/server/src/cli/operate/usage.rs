use base::Timestamp;
use base::id::{AccountId, TenantId};
use clap::Subcommand;
use serde_json::{Value, json};

use super::{Job, get, post};
use crate::cli::arguments::{Common, Target, id, moment};
use crate::cli::show::{Columns, rows, table};

const COLUMNS: Columns = &[
    ("START", "start"),
    ("SERVICE", "service"),
    ("OUTCOME", "outcome"),
    ("CALLS", "calls"),
    ("CREDITS", "credits"),
    ("POINTS", "points"),
];

const DIFFERENCES: Columns = &[
    ("START", "start"),
    ("ENVIRONMENT", "environment"),
    ("SERVICE", "service"),
    ("OUTCOME", "outcome"),
    ("CALLS BEFORE", "callsBefore"),
    ("CALLS", "calls"),
    ("CREDITS BEFORE", "creditsBefore"),
    ("CREDITS", "credits"),
    ("POINTS BEFORE", "pointsBefore"),
    ("POINTS", "points"),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    attestry usage --tenant tn_01kdvdna00e008m2jtjb6jqfym\n  \
    attestry usage --tenant tn_01kdvdna00e008m2jtjb6jqfym --bucket day --from 2026-06-01T00:00:00Z --service quota\n  \
    attestry usage --tenant tn_01kdvdna00e008m2jtjb6jqfym --account acc_01kdvdna00e008m2jtjb6jqfym\n  \
    attestry usage rebuild --tenant tn_01kdvdna00e008m2jtjb6jqfym")]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(in crate::cli) struct Usage {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Always there without a verb.
    #[command(flatten)]
    target: Option<Target>,
    /// Since when; 24 hours ago, or 30 days with --bucket day, unless said
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Timestamp>,
    /// Until when; now unless said. At most 31 days of hours, or 366 days
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Timestamp>,
    /// What is added up, in UTC
    #[arg(long, value_parser = ["hour", "day"], default_value = "hour")]
    bucket: String,
    /// Only the calls of this service
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Only the calls of this quota account: acc_…
    #[arg(long, value_name = "ID", value_parser = id::<AccountId>)]
    account: Option<AccountId>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Recount the hours from the rows that the calls left, and correct and show those that were wrong
    #[command(
        after_help = "Example:\n  attestry usage rebuild --tenant tn_01kdvdna00e008m2jtjb6jqfym --from 2026-06-01T00:00:00Z"
    )]
    Rebuild {
        /// The tenant: tn_…; both of its environments
        #[arg(long, env = "ATTESTRY_TENANT", hide_env = true, value_name = "ID", value_parser = id::<TenantId>)]
        tenant: TenantId,
        /// Since when; 24 hours ago unless said
        #[arg(long, value_name = "TIME", value_parser = moment)]
        from: Option<Timestamp>,
        /// Until when; now unless said. At most 31 days
        #[arg(long, value_name = "TIME", value_parser = moment)]
        to: Option<Timestamp>,
    },
}

impl Usage {
    pub(super) fn job(&self) -> Job {
        match (&self.verb, &self.target) {
            (Some(Verb::Rebuild { tenant, from, to }), _) => {
                let said = [("tenantId", json!(tenant)), ("from", json!(from)), ("to", json!(to))];
                Job::new(post("/operator/v1/usage/rebuild", said), rebuilt)
            }
            (None, Some(target)) => self.count(target),
            (None, None) => unreachable!("without a verb, clap asks for a tenant"),
        }
    }

    fn count(&self, target: &Target) -> Job {
        let mut path = format!("/operator/v1/usage?{}&bucket={}", target.query(), self.bucket);
        let texts = [
            ("from", self.from.map(|at| at.to_string())),
            ("to", self.to.map(|at| at.to_string())),
            ("service", self.service.as_deref().map(escaped)),
            ("accountId", self.account.map(AccountId::text)),
        ];
        for (name, text) in texts.into_iter().filter_map(|(name, text)| text.map(|text| (name, text))) {
            path.push_str(&format!("&{name}={text}"));
        }
        Job::new(get(path), shown)
    }
}

/// What the server will not know as a service is still one value of the query.
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

fn rebuilt(body: &Value) -> String {
    match rows(body) {
        [] => "Every sum is what its rows add up to.".to_owned(),
        rows => format!("{}\n\nThese sums were wrong, and are right now.", table(rows, DIFFERENCES)),
    }
}

fn shown(body: &Value) -> String {
    match rows(body) {
        [] => "No calls in this time.".to_owned(),
        rows => table(rows, COLUMNS),
    }
}
