use clap::Subcommand;
use serde_json::Value;

use super::{Job, get};
use crate::cli::arguments::Target;
use crate::cli::show::{Columns, fields};

const REPORT: Columns = &[("Tenants", "tenants"), ("Accounts", "accounts"), ("Transfers", "transfers")];
const SUMMARY: Columns =
    &[("Granted", "granted"), ("Charges", "charges"), ("Charged", "charged"), ("Balances", "balances")];

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Verb {
    /// Prove on the live database that every balance equals its transfers
    #[command(after_help = "Example:\n  attestry ledger check && echo every balance is right")]
    Check,
    /// Show what a tenant's environment was granted, was charged and has left
    #[command(
        after_help = "Example:\n  attestry ledger summary --tenant tn_01kdvdna00e008m2jtjb6jqfym --unit point"
    )]
    Summary {
        #[command(flatten)]
        target: Target,
        /// Credits are the tenant's, points those of its quota accounts
        #[arg(long, value_parser = ["credit", "point"], default_value = "credit")]
        unit: String,
    },
}

impl Verb {
    pub(super) fn job(self) -> Job {
        match self {
            Self::Check => Job {
                is_fine: |body| body["ok"] == true,
                ..Job::new(get("/operator/v1/ledger/check"), report)
            },
            Self::Summary { target, unit } => {
                let ask = get(format!("/operator/v1/ledger/summary?{}&unit={unit}", target.query()));
                Job::new(ask, |body| fields(body, SUMMARY))
            }
        }
    }
}

fn report(body: &Value) -> String {
    let figures = fields(body, REPORT);
    let violations: Vec<&str> =
        body["violations"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if violations.is_empty() {
        return format!("{figures}\n\nEvery balance equals its transfers.");
    }
    format!(
        "{figures}\n\nTHE LEDGER IS NOT CLEAN:\n  {}\n\nKeep the database as it is, and find out who wrote to it besides Attestry.",
        violations.join("\n  ")
    )
}
