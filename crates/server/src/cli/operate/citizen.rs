use std::io::Read;

use base::Fault;
use base::id::TenantId;
use clap::Subcommand;
use serde_json::{Value, json};
use services::citizen::model::{NationalId, VerificationId};

use super::{Job, get, list, post, text};
use crate::cli::arguments::{Page, Target, id};
use crate::cli::show::{Columns, fields};

const FIELDS: Columns = &[
    ("Verification", "id"),
    ("Environment", "environment"),
    ("Number", "nationalIdMasked"),
    ("Result", "result"),
    ("Reason", "reason"),
    ("Purpose", "purpose"),
    ("Reference", "reference"),
    ("Channel", "channel"),
    ("Repeated", "cached"),
    ("Credits", "creditsUsed"),
    ("Created", "createdAt"),
];
const COLUMNS: Columns = &[
    ("ID", "id"),
    ("CREATED", "createdAt"),
    ("NUMBER", "nationalIdMasked"),
    ("RESULT", "result"),
    ("PURPOSE", "purpose"),
    ("REFERENCE", "reference"),
    ("REPEATED", "cached"),
    ("CREDITS", "creditsUsed"),
];

const INPUT_BYTES_MAX: u64 = 64;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Verb {
    /// List the verifications of a tenant's environment, newest first, without names
    #[command(after_help = "Examples:\n  \
        attestry citizen list --tenant tn_01kdvdna00e008m2jtjb6jqfym\n  \
        attestry citizen list --tenant tn_01kdvdna00e008m2jtjb6jqfym --environment test --limit 20")]
    List {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        page: Page,
    },
    /// Show one verification: how it ended, why, and what it cost
    #[command(
        after_help = "Example:\n  attestry citizen show 0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9 --tenant tn_01kdvdna00e008m2jtjb6jqfym"
    )]
    Show {
        /// The verification's id
        #[arg(value_name = "ID", value_parser = verification_id)]
        id: String,
        #[command(flatten)]
        target: Target,
    },
    /// Destroy what a tenant keeps of a citizen; its verifications stay, without what names the person
    #[command(
        after_help = "Example:\n  attestry citizen erase --tenant tn_01kdvdna00e008m2jtjb6jqfym --national-id-stdin < number.txt"
    )]
    Erase {
        /// The tenant: tn_…; both of its environments forget
        #[arg(long, env = "ATTESTRY_TENANT", hide_env = true, value_name = "ID", value_parser = id::<TenantId>)]
        tenant: TenantId,
        /// Read the national number from standard input, so that it stands in no list of processes
        #[arg(long, required = true)]
        national_id_stdin: bool,
    },
}

impl Verb {
    /// # Errors
    /// A number that cannot be read from standard input.
    pub(super) fn job(self) -> Result<Job, Fault> {
        Ok(match self {
            Self::List { target, page } => {
                let ask = get(format!("/operator/v1/verifications?{}&{}", target.query(), page.query()));
                let empty =
                    format!("Nothing was verified in the {} environment of this tenant.", target.environment);
                Job::new(ask, move |body| list(body, COLUMNS, page.limit, &empty))
            }
            Self::Show { id, target } => {
                let ask = get(format!("/operator/v1/verifications/{id}?{}", target.query()));
                Job::new(ask, |body| fields(body, FIELDS))
            }
            Self::Erase { tenant, .. } => {
                let said = [("tenantId", json!(tenant)), ("nationalId", json!(national_id()?.expose()))];
                Job::new(post("/operator/v1/citizens/erase", said), erased)
            }
        })
    }
}

/// What is wrong must not quote what was read.
fn national_id() -> Result<NationalId, Fault> {
    let mut said = String::new();
    let read = std::io::stdin().lock().take(INPUT_BYTES_MAX).read_to_string(&mut said);
    read.ok()
        .and_then(|_| NationalId::parse(said.trim()))
        .ok_or_else(|| Fault::invalid("nationalId", "must be exactly 11 digits, alone on standard input"))
}

fn erased(body: &Value) -> String {
    let number = text(body, "nationalIdMasked");
    if body["erased"] == true {
        format!("What named {number} in {} verifications is gone for good.", body["verifications"])
    } else {
        format!("Nothing is kept that names {number}.")
    }
}

fn verification_id(text: &str) -> Result<String, String> {
    let id: VerificationId = text.parse().map_err(|_| {
        "must be a UUID like 0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9; `attestry citizen list` shows them"
            .to_owned()
    })?;
    Ok(id.text())
}
