use std::io::Read;
use std::path::{Path, PathBuf};

use base::id::{AccountId, TokenId};
use base::{Fault, Timestamp};
use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

use super::{Job, get, list, post};
use crate::cli::arguments::{Page, Target, id, moment};
use crate::cli::show::{Columns, fields, rows, table};

const FIELDS: Columns = &[
    ("Token", "id"),
    ("Secret", "token"),
    ("Account", "accountId"),
    ("Environment", "environment"),
    ("Points a call", "pointsPerCall"),
    ("Label", "label"),
    ("Expires", "expiresAt"),
];
/// More than a thousand of the longest tokens take.
const TEXT_BYTES_MAX: u64 = 1024 * 1024;
const COLUMNS: Columns = &[
    ("ID", "id"),
    ("ACCOUNT", "accountId"),
    ("LABEL", "label"),
    ("ENDS IN", "lastFour"),
    ("POINTS", "pointsPerCall"),
    ("IMPORTED", "imported"),
    ("CREATED", "createdAt"),
    ("LAST USED", "lastUsedAt"),
    ("EXPIRES", "expiresAt"),
    ("REVOKED", "revokedAt"),
];

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Verb {
    /// Create a token of an account; its secret is shown this once
    #[command(
        after_help = "Example:\n  attestry token create --tenant tn_01kdvdna00e008m2jtjb6jqfym --account acc_01kdvdna00e008m2jtjb6jqfym"
    )]
    Create(Create),
    /// List the tokens of a tenant's environment, oldest first, without their secrets
    #[command(after_help = "Example:\n  attestry token list --tenant tn_01kdvdna00e008m2jtjb6jqfym")]
    List {
        #[command(flatten)]
        target: Target,
        /// Only the tokens of this account: acc_…
        #[arg(long, value_name = "ID", value_parser = id::<AccountId>)]
        account: Option<AccountId>,
        #[command(flatten)]
        page: Page,
    },
    /// Take over tokens that were made elsewhere, all of them or none; only a MAC of each is kept
    #[command(
        after_help = "Examples:\n  attestry token import --tenant tn_01kdvdna00e008m2jtjb6jqfym --account acc_01kdvdna00e008m2jtjb6jqfym --file tokens.txt\n  cat tokens.txt | attestry token import --tenant tn_01kdvdna00e008m2jtjb6jqfym --account acc_01kdvdna00e008m2jtjb6jqfym"
    )]
    Import(Import),
    /// Make the next secret of a token; the old one works for 15 minutes more
    #[command(
        after_help = "Example:\n  attestry token rotate tok_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym"
    )]
    Rotate(One),
    /// Revoke a token; once this returns, nothing is charged by it any more
    #[command(
        after_help = "Example:\n  attestry token revoke tok_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym"
    )]
    Revoke(One),
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Create {
    #[command(flatten)]
    target: Target,
    /// The account that pays: acc_…
    #[arg(long, value_name = "ID", value_parser = id::<AccountId>)]
    account: AccountId,
    /// What one call costs [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=1_000_000))]
    points_per_call: Option<i64>,
    /// To tell tokens apart in lists
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
    /// When it stops working, like 2030-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    expires_at: Option<Timestamp>,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Import {
    #[command(flatten)]
    target: Target,
    /// The account that pays: acc_…
    #[arg(long, value_name = "ID", value_parser = id::<AccountId>)]
    account: AccountId,
    /// One token on each line, at most 1000; standard input unless said, so that no token stands in a list of processes
    #[arg(long, value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// What one call costs [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=1_000_000))]
    points_per_call: Option<i64>,
    /// To tell tokens apart in lists; the same for all of them
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
    /// When they stop working, like 2030-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    expires_at: Option<Timestamp>,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct One {
    /// The token: tok_…
    #[arg(value_parser = id::<TokenId>)]
    id: TokenId,
    #[command(flatten)]
    target: Target,
}

impl Verb {
    /// # Errors
    /// Tokens that cannot be read from their file.
    pub(super) fn job(self) -> Result<Job, Fault> {
        Ok(match self {
            Self::Create(create) => create.job(),
            Self::Import(import) => return import.job(),
            Self::List { target, account, page } => {
                let mut path = format!("/operator/v1/tokens?{}&{}", target.query(), page.query());
                path.extend(account.map(|account| format!("&accountId={account}")));
                let ask = get(path);
                let empty = format!(
                    "There are no tokens here yet. Make one: attestry token create {} --account acc_…",
                    target.options()
                );
                Job::new(ask, move |body| list(body, COLUMNS, page.limit, &empty))
            }
            Self::Rotate(One { id, target }) => {
                let fields = [("tenantId", json!(target.tenant)), ("environment", json!(target.environment))];
                Job::new(post(format!("/operator/v1/tokens/{id}/rotate"), fields), |body| {
                    format!("{}\nThe old secret works for 15 minutes more.", minted(body))
                })
            }
            Self::Revoke(One { id, target }) => {
                let mut ask = get(format!("/operator/v1/tokens/{id}?{}", target.query()));
                ask.method = Method::DELETE;
                Job::new(ask, move |_| format!("{id} is revoked. Nothing is charged by it any more."))
            }
        })
    }
}

impl Create {
    fn job(self) -> Job {
        let fields = [
            ("tenantId", json!(self.target.tenant)),
            ("environment", json!(self.target.environment)),
            ("accountId", json!(self.account)),
            ("pointsPerCall", json!(self.points_per_call)),
            ("label", json!(self.label)),
            ("expiresAt", json!(self.expires_at)),
        ];
        Job::new(post("/operator/v1/tokens", fields), minted)
    }
}

impl Import {
    fn job(self) -> Result<Job, Fault> {
        let text = read(&self.file).map_err(|error| {
            let file = self.file.display();
            Fault::invalid("file", format!("{file} cannot be read: {error}. Name a text file with one token on each line, or pipe one in."))
        })?;
        let tokens: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if tokens.is_empty() {
            return Err(Fault::invalid("file", "holds no tokens: put one on each line"));
        }
        let fields = [
            ("tenantId", json!(self.target.tenant)),
            ("environment", json!(self.target.environment)),
            ("accountId", json!(self.account)),
            ("tokens", json!(tokens)),
            ("pointsPerCall", json!(self.points_per_call)),
            ("label", json!(self.label)),
            ("expiresAt", json!(self.expires_at)),
        ];
        Ok(Job::new(post("/operator/v1/tokens/import", fields), |body| {
            let rows = rows(body);
            format!("{}\n\nImported {} tokens, all of them.", table(rows, COLUMNS), rows.len())
        }))
    }
}

/// The text of a file, or of standard input for `-`; within what the server takes.
fn read(file: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().lock().take(TEXT_BYTES_MAX).read_to_string(&mut text)?;
    } else {
        std::fs::File::open(file)?.take(TEXT_BYTES_MAX).read_to_string(&mut text)?;
    }
    Ok(text)
}

fn minted(body: &Value) -> String {
    format!(
        "{}\n\nThe secret is shown here once and can never be shown again: store it now.",
        fields(body, FIELDS)
    )
}
