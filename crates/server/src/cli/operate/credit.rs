use clap::Subcommand;
use serde_json::{Value, json};

use super::{Job, get, post};
use crate::cli::arguments::{Once, Target};
use crate::cli::show::{Columns, fields};

const FIELDS: Columns =
    &[("Environment", "environment"), ("Balance", "balance"), ("Held", "held"), ("Floor", "floor")];

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
            Self::Show { target } => Job::new(get(format!("/operator/v1/wallet?{}", target.query())), shown),
        }
    }
}

fn shown(body: &Value) -> String {
    fields(body, FIELDS)
}
