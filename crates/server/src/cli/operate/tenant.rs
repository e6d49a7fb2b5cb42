use base::id::TenantId;
use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use http::Method;
use serde_json::{Value, json};

use super::{Job, get, list, post, text};
use crate::cli::arguments::{Page, Target, id};
use crate::cli::show::{Columns, fields, table};

const FIELDS: Columns = &[
    ("Tenant", "id"),
    ("Name", "name"),
    ("Status", "status"),
    ("Plan", "plan"),
    ("Live keys", "live_approved"),
    ("Parent", "parent_id"),
    ("Created", "created_at"),
];
const COLUMNS: Columns = &[
    ("ID", "id"),
    ("NAME", "name"),
    ("STATUS", "status"),
    ("PLAN", "plan"),
    ("LIVE", "live_approved"),
    ("CREATED", "created_at"),
];

const SETTINGS: Columns = &[("SETTING", "name"), ("VALUE", "value")];

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Verb {
    /// Create a tenant with a test wallet of 100000 credits and an empty live wallet
    #[command(after_help = "Example:\n  attestry tenant create --name \"Acme Ltd\" --live-approved")]
    Create {
        /// What it is called; 1 to 200 characters
        #[arg(long)]
        name: String,
        /// What it may use [default: standard]
        #[arg(long, value_parser = PossibleValuesParser::new(services::PLANS))]
        plan: Option<String>,
        /// The tenant that resells to this one
        #[arg(long, value_name = "ID", value_parser = id::<TenantId>)]
        parent_tenant_id: Option<TenantId>,
        /// Approve it for live keys at once
        #[arg(long)]
        live_approved: bool,
    },
    /// List the tenants, oldest first
    #[command(after_help = "Example:\n  attestry tenant list --limit 20")]
    List {
        #[command(flatten)]
        page: Page,
    },
    /// Show one tenant
    #[command(after_help = "Example:\n  attestry tenant show tn_01kdvdna00e008m2jtjb6jqfym")]
    Show {
        /// The tenant: tn_…
        #[arg(value_parser = id::<TenantId>)]
        id: TenantId,
    },
    /// Show what a tenant has set for itself in an environment
    #[command(
        after_help = "Example:\n  attestry tenant settings --tenant tn_01kdvdna00e008m2jtjb6jqfym --environment test"
    )]
    Settings {
        #[command(flatten)]
        target: Target,
    },
    /// Change settings of a tenant's environment, all or none, or put the tenant on another plan
    #[command(after_help = "Examples:\n  \
        attestry tenant set --tenant tn_01kdvdna00e008m2jtjb6jqfym wallet.credits_low_threshold=500\n  \
        attestry tenant set --tenant tn_01kdvdna00e008m2jtjb6jqfym --environment test wallet.credits_low_threshold=default\n  \
        attestry tenant set --tenant tn_01kdvdna00e008m2jtjb6jqfym --plan enterprise")]
    Set {
        #[command(flatten)]
        target: Target,
        /// Settings and their new values: true, false, a number or a word; `default` resets one
        #[arg(value_name = "NAME=VALUE", required_unless_present = "plan", value_parser = assignment)]
        assignments: Vec<(String, Value)>,
        /// The plan of both environments; apart from settings
        #[arg(long, conflicts_with_all = ["assignments", "environment"], value_parser = PossibleValuesParser::new(services::PLANS))]
        plan: Option<String>,
    },
    /// Let a tenant have live keys
    #[command(after_help = "Example:\n  attestry tenant approve tn_01kdvdna00e008m2jtjb6jqfym")]
    Approve {
        /// The tenant: tn_…
        #[arg(value_parser = id::<TenantId>)]
        id: TenantId,
    },
    /// Refuse everything of a tenant; once this returns, nothing of it is charged any more
    #[command(
        after_help = "Example:\n  attestry tenant suspend tn_01kdvdna00e008m2jtjb6jqfym --reason \"unpaid invoice\""
    )]
    Suspend(Change),
    /// Open a suspended tenant again
    #[command(after_help = "Example:\n  attestry tenant reopen tn_01kdvdna00e008m2jtjb6jqfym")]
    Reopen(Change),
    /// Close a tenant for good: there is no way back
    #[command(
        after_help = "Example:\n  attestry tenant close tn_01kdvdna00e008m2jtjb6jqfym --reason \"contract ended\""
    )]
    Close(Change),
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Change {
    /// The tenant: tn_…
    #[arg(value_parser = id::<TenantId>)]
    id: TenantId,
    /// Why, for the audit log
    #[arg(long)]
    reason: Option<String>,
}

impl Verb {
    pub(super) fn job(self) -> Job {
        match self {
            Self::Create { name, plan, parent_tenant_id, live_approved } => Job::new(
                post(
                    "/operator/v1/tenants",
                    [
                        ("name", json!(name)),
                        ("plan", json!(plan)),
                        ("parentTenantId", json!(parent_tenant_id)),
                        ("liveApproved", json!(live_approved)),
                    ],
                ),
                created,
            ),
            Self::List { page } => {
                Job::new(get(format!("/operator/v1/tenants?{}", page.query())), move |body| {
                    list(
                        body,
                        COLUMNS,
                        page.limit,
                        "There are no tenants yet. Make one: attestry tenant create --name NAME",
                    )
                })
            }
            Self::Show { id } => Job::new(get(format!("/operator/v1/tenants/{id}")), shown),
            Self::Settings { target } => {
                Job::new(get(format!("/operator/v1/settings?{}", target.query())), settings)
            }
            Self::Set { target, plan: Some(plan), .. } => {
                let mut ask =
                    post(format!("/operator/v1/tenants/{}", target.tenant), [("plan", json!(plan))]);
                ask.method = Method::PATCH;
                Job::new(ask, shown)
            }
            Self::Set { target, assignments, plan: None } => {
                let fields = [
                    ("tenantId", json!(target.tenant)),
                    ("environment", json!(target.environment)),
                    ("settings", Value::Object(assignments.into_iter().collect())),
                ];
                let mut ask = post("/operator/v1/settings", fields);
                ask.method = Method::PATCH;
                Job::new(ask, settings)
            }
            Self::Approve { id } => {
                Job::new(post(format!("/operator/v1/tenants/{id}/approve"), []), |body| {
                    format!(
                        "{}\n\nNext: attestry key create --tenant {} --service quota",
                        shown(body),
                        text(body, "id")
                    )
                })
            }
            Self::Suspend(change) => change.job("suspended", |body| {
                format!("{}\n\nUndo with: attestry tenant reopen {}", shown(body), text(body, "id"))
            }),
            Self::Reopen(change) => change.job("active", shown),
            Self::Close(change) => change.job("closed", shown),
        }
    }
}

impl Change {
    fn job(self, status: &str, view: fn(&Value) -> String) -> Job {
        let fields = [("status", json!(status)), ("reason", json!(self.reason))];
        Job::new(post(format!("/operator/v1/tenants/{}/status", self.id), fields), view)
    }
}

fn shown(body: &Value) -> String {
    fields(body, FIELDS)
}

/// One line per setting, by name.
fn settings(body: &Value) -> String {
    let settings = body["settings"].as_object().into_iter().flatten();
    let rows: Vec<Value> = settings.map(|(name, value)| json!({ "name": name, "value": value })).collect();
    table(&rows, SETTINGS)
}

/// `name=value`, where the value is read as JSON if it is any, and `default` resets.
fn assignment(text: &str) -> Result<(String, Value), String> {
    let (name, value) =
        text.split_once('=').ok_or("must be NAME=VALUE, like wallet.credits_low_threshold=500")?;
    let value = match value {
        "default" => Value::Null,
        value => serde_json::from_str(value).unwrap_or_else(|_| value.into()),
    };
    Ok((name.to_owned(), value))
}

fn created(body: &Value) -> String {
    let environment = if body["live_approved"] == true { "" } else { " --environment test" };
    format!(
        "{}\n\nNext: attestry key create --tenant {} --service quota{environment}",
        shown(body),
        text(body, "id")
    )
}
