use base::Timestamp;
use clap::Subcommand;
use serde_json::{Value, json};

use super::{Job, get, list, post};
use crate::cli::arguments::{Once, Page, Target, moment};
use crate::cli::show::{Columns, fields};

const FIELDS: Columns =
    &[("Environment", "environment"), ("Balance", "balance"), ("Held", "held"), ("Floor", "floor")];

const COLUMNS: Columns = &[
    ("ID", "id"),
    ("AT", "at"),
    ("KIND", "kind"),
    ("AMOUNT", "amount"),
    ("KEY", "key_id"),
    ("REQUEST", "request_id"),
    ("REFERENCE", "reference"),
];

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Verb {
    /// Book credits that a tenant has paid for
    #[command(
        after_help = "Example:\n  attestry credit grant --tenant tn_01kdvdna00e008m2jtjb6jqfym --amount 5000 --reference invoice-2026-17"
    )]
    Grant {
        #[command(flatten)]
        target: Target,
        /// How many credits
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
        amount: i64,
        /// The payment's own name: booked once
        #[arg(long, value_name = "TEXT")]
        reference: String,
        #[command(flatten)]
        once: Once,
    },
    /// Show the credits of a tenant's environment
    #[command(after_help = "Example:\n  attestry credit show --tenant tn_01kdvdna00e008m2jtjb6jqfym")]
    Show {
        #[command(flatten)]
        target: Target,
    },
    /// List what moved in and out of a wallet, newest first
    #[command(after_help = "Examples:\n  \
        attestry credit transfers --tenant tn_01kdvdna00e008m2jtjb6jqfym\n  \
        attestry credit transfers --tenant tn_01kdvdna00e008m2jtjb6jqfym --kind grant --from 2026-06-01T00:00:00Z")]
    Transfers(Transfers),
    /// Say how low a wallet may be spent: below 0 is what its tenant may owe
    #[command(
        after_help = "Example:\n  attestry credit floor --tenant tn_01kdvdna00e008m2jtjb6jqfym --floor -5000"
    )]
    Floor {
        #[command(flatten)]
        target: Target,
        /// What the balance, less what is held, never goes below
        #[arg(long, value_name = "N", allow_negative_numbers = true)]
        floor: i64,
    },
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Transfers {
    #[command(flatten)]
    target: Target,
    /// Only transfers of this kind
    #[arg(long, value_name = "NAME", value_parser = ["grant", "charge", "capture", "void", "expire", "refund", "adjust"])]
    kind: Option<String>,
    /// From this moment on, like 2026-06-01T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Timestamp>,
    /// Until before this moment
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Timestamp>,
    #[command(flatten)]
    page: Page,
}

impl Transfers {
    fn job(self) -> Job {
        let said = [
            ("kind", self.kind),
            ("from", self.from.map(|at| at.to_string())),
            ("to", self.to.map(|at| at.to_string())),
        ];
        let said: String =
            said.iter().filter_map(|(name, value)| Some(format!("&{name}={}", value.as_ref()?))).collect();
        let ask = get(format!("/operator/v1/transfers?{}&{}{said}", self.target.query(), self.page.query()));
        Job::new(ask, move |body| list(body, COLUMNS, self.page.limit, "Nothing has moved."))
    }
}

impl Verb {
    pub(super) fn job(self) -> Job {
        match self {
            Self::Grant { target, amount, reference, once } => {
                let fields = [
                    ("tenantId", json!(target.tenant)),
                    ("environment", json!(target.environment)),
                    ("amount", json!(amount)),
                    ("reference", json!(reference)),
                ];
                let mut ask = post("/operator/v1/credits", fields);
                ask.headers.push(("idempotency-key", once.key()));
                Job::new(ask, shown)
            }
            Self::Transfers(transfers) => transfers.job(),
            Self::Floor { target, floor } => {
                let fields = [
                    ("tenantId", json!(target.tenant)),
                    ("environment", json!(target.environment)),
                    ("floor", json!(floor)),
                ];
                Job::new(post("/operator/v1/wallet/floor", fields), shown)
            }
            Self::Show { target } => Job::new(get(format!("/operator/v1/wallet?{}", target.query())), shown),
        }
    }
}

fn shown(body: &Value) -> String {
    fields(body, FIELDS)
}
