use base::id::AccountId;
use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

use super::{Job, get, list, post, text};
use crate::cli::arguments::{Once, Page, Target, id};
use crate::cli::show::{Columns, fields, rows, table};

const FIELDS: Columns = &[
    ("Account", "id"),
    ("Name", "name"),
    ("External id", "externalId"),
    ("Environment", "environment"),
    ("Balance", "balance"),
    ("Banned", "banned"),
    ("Idempotency", "idempotency"),
    ("Tells below", "lowBalanceThreshold"),
    ("Filled up to", "refill"),
    ("Created", "createdAt"),
];
const TRANSFERS: Columns = &[
    ("AT", "at"),
    ("KIND", "kind"),
    ("POINTS", "points"),
    ("TOKEN", "tokenId"),
    ("REFERENCE", "reference"),
    ("REQUEST", "requestId"),
    ("ID", "id"),
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
        /// Only the account with this name of the tenant's own
        #[arg(long, value_name = "TEXT")]
        external_id: Option<String>,
        /// Only banned accounts, or only those that are not
        #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
        banned: Option<bool>,
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
    /// Give an account another name
    #[command(
        after_help = "Example:\n  attestry account rename acc_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym --name \"First client\""
    )]
    Rename {
        #[command(flatten)]
        one: One,
        /// 1 to 200 characters
        #[arg(long)]
        name: String,
    },
    /// Send the event balance.low when the balance falls below a threshold
    #[command(
        after_help = "Examples:\n  attestry account alert acc_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym --below 100\n  attestry account alert acc_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym --off"
    )]
    Alert {
        #[command(flatten)]
        one: One,
        /// The threshold in points
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..), required_unless_present = "off")]
        below: Option<i64>,
        /// Send it no more
        #[arg(long, conflicts_with = "below")]
        off: bool,
    },
    /// Fill an account up to a level, once a day or month (UTC); never takes points away
    #[command(
        after_help = "Examples:\n  attestry account refill acc_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym --level 1000 --period day\n  attestry account refill acc_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym --off"
    )]
    Refill {
        #[command(flatten)]
        one: One,
        /// What it holds after a refill, unless it held more
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..), required_unless_present = "off")]
        level: Option<i64>,
        /// How often; the period under way counts
        #[arg(long, value_name = "PERIOD", value_parser = ["day", "month"], required_unless_present = "off")]
        period: Option<String>,
        /// Fill it up no more
        #[arg(long, conflicts_with_all = ["level", "period"])]
        off: bool,
    },
    /// List what was added to an account and taken from it, newest first
    #[command(
        after_help = "Example:\n  attestry account transfers acc_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym --limit 20"
    )]
    Transfers {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        page: Page,
    },
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
            Self::List { target, external_id, banned, page } => {
                let mut path = format!("/operator/v1/accounts?{}&{}", target.query(), page.query());
                path.extend(external_id.map(|id| format!("&externalId={}", encoded(&id))));
                path.extend(banned.map(|banned| format!("&banned={banned}")));
                let ask = get(path);
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
            Self::Rename { one, name } => one.change("name", json!(name)),
            Self::Alert { one, below, off: _ } => one.change("lowBalanceThreshold", json!(below)),
            Self::Refill { one, level, period, off } => {
                let refill = if off { Value::Null } else { json!({ "level": level, "period": period }) };
                one.change("autoRefill", refill)
            }
            Self::Transfers { one: One { id, target }, page } => {
                let path =
                    format!("/operator/v1/accounts/{id}/transfers?{}&{}", target.query(), page.query());
                Job::new(get(path), transfers)
            }
            Self::TopUp { one, points, reference, once } => one.top_up(points, reference.as_deref(), once),
        }
    }
}

impl One {
    fn ban(self, is_banned: bool) -> Job {
        self.change("banned", json!(is_banned))
    }

    /// `null` is a value here: it ends what was set.
    fn change(self, field: &str, value: Value) -> Job {
        let fields =
            [("tenantId", json!(self.target.tenant)), ("environment", json!(self.target.environment))];
        let mut ask = post(format!("/operator/v1/accounts/{}", self.id), fields);
        ask.method = Method::PATCH;
        if let Some(Value::Object(body)) = &mut ask.body {
            body.insert(field.to_owned(), value);
        }
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
    let mut body = body.clone();
    let refill = &body["autoRefill"];
    if !refill.is_null() {
        let next = text(refill, "nextAt");
        body["refill"] = json!(format!("{} a {}, next at {next}", refill["level"], text(refill, "period")));
    }
    fields(&body, FIELDS)
}

fn transfers(body: &Value) -> String {
    let rows = rows(body);
    let table = if rows.is_empty() { String::new() } else { table(rows, TRANSFERS) };
    match (body["next"].as_str(), rows.is_empty()) {
        (None, true) => "Nothing was added to this account or taken from it here.".to_owned(),
        (None, false) => table,
        (Some(next), _) => {
            format!("{table}\n\nThere may be more: go on with --after {next}").trim_start().to_owned()
        }
    }
}

/// A value of a query: every byte but letters and digits as `%XX` (RFC 3986 §2.1).
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte.is_ascii_alphanumeric() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}
