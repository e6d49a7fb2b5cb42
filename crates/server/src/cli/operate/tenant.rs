use base::id::TenantId;
use clap::Subcommand;
use serde_json::{Value, json};

use super::{Job, get, list, post, text};
use crate::cli::arguments::{Page, id};
use crate::cli::show::{Columns, fields};

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

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Verb {
    /// Create a tenant with a test wallet of 100000 credits and an empty live wallet
    #[command(after_help = "Example:\n  attestry tenant create --name \"Acme Ltd\" --live-approved")]
    Create {
        /// What it is called; 1 to 200 characters
        #[arg(long)]
        name: String,
        /// A label of yours [default: standard]
        #[arg(long)]
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

fn created(body: &Value) -> String {
    let environment = if body["live_approved"] == true { "" } else { " --environment test" };
    format!(
        "{}\n\nNext: attestry key create --tenant {} --service quota{environment}",
        shown(body),
        text(body, "id")
    )
}
