use base::id::AccountId;
use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

use super::{Job, get, list, post, text};
use crate::cli::arguments::{Once, Page, Target, id};
use crate::cli::show::{Columns, fields};

const FIELDS: Columns = &[
    ("Account", "id"),
    ("Name", "name"),
    ("External id", "externalId"),
    ("Environment", "environment"),
    ("Balance", "balance"),
    ("Banned", "banned"),
    ("Idempotency", "idempotency"),
    ("Created", "createdAt"),
];
const COLUMNS: Columns = &[
    ("ID", "id"),
    ("NAME", "name"),
    ("EXTERNAL ID", "externalId"),
    ("BALANCE", "balance"),
    ("BANNED", "banned"),
    ("CREATED", "createdAt"),
];

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Verb {
    /// Open an account for one of a tenant's own clients
    #[command(
        after_help = "Example:\n  attestry account create --tenant tn_01kdvdna00e008m2jtjb6jqfym --name \"First client\" --points 1000 --idempotency-key client-1"
    )]
    Create {
        #[command(flatten)]
        target: Target,
        /// What it is called; 1 to 200 characters
        #[arg(long)]
        name: String,
        /// The tenant's own name for it
        #[arg(long, value_name = "TEXT")]
        external_id: Option<String>,
        /// What it starts with
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
        points: Option<i64>,
        /// Honour an Idempotency-Key at /v1/verify; off, because end-users could send one
        #[arg(long)]
        idempotency: bool,
        #[command(flatten)]
        once: Once,
    },
    /// List the accounts of a tenant's environment, oldest first
    #[command(after_help = "Example:\n  attestry account list --tenant tn_01kdvdna00e008m2jtjb6jqfym")]
    List {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        page: Page,
    },
    /// Show one account with its balance
    #[command(
        after_help = "Example:\n  attestry account show acc_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym"
    )]
    Show(One),
    /// Refuse every token of an account; once this returns, nothing is charged any more
    #[command(
        after_help = "Example:\n  attestry account ban acc_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym"
    )]
    Ban(One),
    /// Let an account's tokens pass again
    #[command(
        after_help = "Example:\n  attestry account unban acc_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym"
    )]
    Unban(One),
    /// Add points to an account
    #[command(
        after_help = "Example:\n  attestry account top-up acc_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym --points 1000 --idempotency-key invoice-7"
    )]
    TopUp {
        #[command(flatten)]
        one: One,
        /// How many to add
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
        points: i64,
        /// The payment's own name: booked once per account
        #[arg(long, value_name = "TEXT")]
        reference: Option<String>,
        #[command(flatten)]
        once: Once,
    },
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct One {
    /// The account: acc_…
    #[arg(value_parser = id::<AccountId>)]
    id: AccountId,
    #[command(flatten)]
    target: Target,
}

impl Verb {
    pub(super) fn job(self) -> Job {
        match self {
            Self::Create { target, name, external_id, points, idempotency, once } => {
                let fields = [
                    ("tenantId", json!(target.tenant)),
                    ("environment", json!(target.environment)),
                    ("name", json!(name)),
                    ("externalId", json!(external_id)),
                    ("points", json!(points)),
                    ("idempotency", json!(idempotency)),
                ];
                let mut ask = post("/operator/v1/accounts", fields);
                let key =
                    if points.is_some_and(|points| points > 0) { Some(once.key()) } else { once.said() };
                ask.headers.extend(key.map(|key| ("idempotency-key", key)));
                Job::new(ask, move |body| {
                    let (options, id) = (target.options(), text(body, "id"));
                    format!("{}\n\nNext: attestry token create {options} --account {id}", shown(body))
                })
            }
            Self::List { target, page } => {
                let ask = get(format!("/operator/v1/accounts?{}&{}", target.query(), page.query()));
                let empty = format!(
                    "There are no accounts here yet. Make one: attestry account create {} --name NAME",
                    target.options()
                );
                Job::new(ask, move |body| list(body, COLUMNS, page.limit, &empty))
            }
            Self::Show(One { id, target }) => {
                Job::new(get(format!("/operator/v1/accounts/{id}?{}", target.query())), shown)
            }
            Self::Ban(one) => one.ban(true),
            Self::Unban(one) => one.ban(false),
            Self::TopUp { one, points, reference, once } => one.top_up(points, reference.as_deref(), once),
        }
    }
}

impl One {
    fn ban(self, is_banned: bool) -> Job {
        let fields = [
            ("tenantId", json!(self.target.tenant)),
            ("environment", json!(self.target.environment)),
            ("banned", json!(is_banned)),
        ];
        let mut ask = post(format!("/operator/v1/accounts/{}", self.id), fields);
        ask.method = Method::PATCH;
        Job::new(ask, shown)
    }

    fn top_up(self, points: i64, reference: Option<&str>, once: Once) -> Job {
        let fields = [
            ("tenantId", json!(self.target.tenant)),
            ("environment", json!(self.target.environment)),
            ("points", json!(points)),
            ("reference", json!(reference)),
        ];
        let mut ask = post(format!("/operator/v1/accounts/{}/credits", self.id), fields);
        ask.headers.push(("idempotency-key", once.key()));
        Job::new(ask, shown)
    }
}

fn shown(body: &Value) -> String {
    fields(body, FIELDS)
}
