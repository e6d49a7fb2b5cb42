use clap::Subcommand;
use services::citizen::model::VerificationId;

use super::{Job, get, list};
use crate::cli::arguments::{Page, Target};
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
}

impl Verb {
    pub(super) fn job(self) -> Job {
        match self {
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
        }
    }
}

fn verification_id(text: &str) -> Result<String, String> {
    let id: VerificationId = text.parse().map_err(|_| {
        "must be a UUID like 0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9; `attestry citizen list` shows them"
            .to_owned()
    })?;
    Ok(id.text())
}
