use base::id::{DeliveryId, EndpointId};
use base::{Service, Timestamp};
use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

use super::{Job, get, list, post, text};
use crate::cli::arguments::{Page, Target, id, moment};
use crate::cli::show::{self, Columns, fields};
use crate::client::Ask;

const FIELDS: Columns = &[
    ("Webhook", "id"),
    ("Secret", "secret"),
    ("Address", "url"),
    ("Service", "service"),
    ("Environment", "environment"),
    ("Events", "events"),
    ("Description", "description"),
    ("Active", "active"),
    ("Disabled", "disabled_reason"),
    ("Failures in a row", "consecutive_failures"),
    ("Failing since", "failing_since"),
    ("Last success", "last_success_at"),
    ("Old secret until", "previous_secret_until"),
    ("Created", "created_at"),
];
const COLUMNS: Columns = &[
    ("ID", "id"),
    ("SERVICE", "service"),
    ("ACTIVE", "active"),
    ("ADDRESS", "url"),
    ("EVENTS", "events"),
    ("FAILURES", "consecutive_failures"),
    ("LAST SUCCESS", "last_success_at"),
];
const DELIVERIES: Columns = &[
    ("ID", "id"),
    ("EVENT", "seq"),
    ("TYPE", "type"),
    ("STATUS", "status"),
    ("ATTEMPTS", "attempts"),
    ("ANSWER", "answered"),
    ("CREATED", "created_at"),
    ("NEXT ATTEMPT", "next_attempt_at"),
];
const ONCE: &str = "The secret is shown here once and can never be shown again: store it now.";

/// A webhook of a tenant's environment.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct One {
    /// The webhook: we_…
    #[arg(value_parser = id::<EndpointId>)]
    id: EndpointId,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Verb {
    /// Send the events of a service to an address; the secret is shown this once
    #[command(after_help = "Examples:\n  \
        attestry webhook create --tenant tn_01kdvdna00e008m2jtjb6jqfym --service citizen --url https://example.com/hooks\n  \
        attestry webhook create --tenant tn_01kdvdna00e008m2jtjb6jqfym --service quota --url https://example.com/hooks --events balance.low,balance.exhausted --environment test")]
    Create {
        #[command(flatten)]
        target: Target,
        /// Whose events are sent
        #[arg(long, value_name = "NAME", value_parser = service)]
        service: Service,
        /// Where to: https, on port 443 or 8443
        #[arg(long, value_name = "URL")]
        url: String,
        /// Which events, comma-separated [default: all]
        #[arg(long, value_name = "LIST", value_delimiter = ',')]
        events: Option<Vec<String>>,
        /// To tell webhooks apart in lists
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
    },
    /// List the webhooks of a tenant's environment, oldest first, without their secrets
    #[command(
        after_help = "Example:\n  attestry webhook list --tenant tn_01kdvdna00e008m2jtjb6jqfym --environment test"
    )]
    List {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        page: Page,
    },
    /// Show a webhook and its health
    #[command(
        after_help = "Example:\n  attestry webhook show we_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym"
    )]
    Show(One),
    /// Change where a webhook goes, and what goes there
    #[command(after_help = "Examples:\n  \
        attestry webhook update we_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym --url https://example.com/new\n  \
        attestry webhook update we_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym --events all")]
    Update {
        #[command(flatten)]
        one: One,
        /// Where to: https, on port 443 or 8443
        #[arg(long, value_name = "URL")]
        url: Option<String>,
        /// Which events, comma-separated, or `all`
        #[arg(long, value_name = "LIST")]
        events: Option<String>,
        /// To tell webhooks apart in lists
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
    },
    /// Deliver again, and first what was held
    #[command(
        after_help = "Example:\n  attestry webhook enable we_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym"
    )]
    Enable(One),
    /// Deliver nothing, and hold what comes until it is enabled
    #[command(
        after_help = "Example:\n  attestry webhook disable we_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym"
    )]
    Disable(One),
    /// Delete a webhook, and with it what it has not delivered yet
    #[command(
        after_help = "Example:\n  attestry webhook delete we_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym"
    )]
    Delete(One),
    /// Make the next secret of a webhook; the old one signs for 24 hours more
    #[command(
        after_help = "Example:\n  attestry webhook rotate-secret we_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym"
    )]
    RotateSecret(One),
    /// Send a test event to a webhook
    #[command(
        after_help = "Example:\n  attestry webhook test we_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym"
    )]
    Test(One),
    /// Deliver again: one delivery, or what failed since a moment
    #[command(after_help = "Examples:\n  \
        attestry webhook replay we_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym --delivery dlv_01kdvdna00e008m2jtjb6jqfym\n  \
        attestry webhook replay we_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym --since 2030-01-31T12:00:00Z\n  \
        attestry webhook replay we_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym --since 2030-01-31T12:00:00Z --until 2030-02-01T12:00:00Z --delivered-too")]
    Replay {
        #[command(flatten)]
        one: One,
        /// One delivery: dlv_…
        #[arg(long, value_name = "ID", value_parser = id::<DeliveryId>, required_unless_present = "since", conflicts_with_all = ["since", "until", "delivered_too"])]
        delivery: Option<DeliveryId>,
        /// Those of events from this moment on
        #[arg(long, value_name = "TIME", value_parser = moment)]
        since: Option<Timestamp>,
        /// To before this moment [default: now]
        #[arg(long, value_name = "TIME", value_parser = moment)]
        until: Option<Timestamp>,
        /// What was delivered, too, and not only what failed
        #[arg(long)]
        delivered_too: bool,
    },
    /// List what went, goes and did not go to a webhook, newest first
    #[command(after_help = "Examples:\n  \
        attestry webhook deliveries we_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym\n  \
        attestry webhook deliveries we_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym --status failed")]
    Deliveries {
        #[command(flatten)]
        one: One,
        /// Only those
        #[arg(long, value_name = "NAME", value_parser = ["pending", "retrying", "delivered", "failed", "held"])]
        status: Option<String>,
        #[command(flatten)]
        page: Page,
    },
}

impl Verb {
    pub(super) fn job(self) -> Job {
        match self {
            Self::Create { target, service, url, events, description } => {
                let said = [
                    ("service", json!(service.name())),
                    ("url", json!(url)),
                    ("events", json!(events)),
                    ("description", json!(description)),
                ];
                Job::new(of(post("/operator/v1/webhooks", said), &target), minted)
            }
            Self::List { target, page } => {
                let ask = get(format!("/operator/v1/webhooks?{}&{}", target.query(), page.query()));
                let empty = format!(
                    "There are no webhooks here yet. Make one: attestry webhook create {} --service citizen --url https://…",
                    target.options()
                );
                Job::new(ask, move |body| list(body, COLUMNS, page.limit, &empty))
            }
            Self::Show(one) => Job::new(one.get(), |body| fields(body, FIELDS)),
            Self::Update { one, url, events, description } => {
                let mut ask = one.post("", [("url", json!(url)), ("description", json!(description))]);
                ask.method = Method::PATCH;
                if let (Some(events), Some(Value::Object(body))) = (events, &mut ask.body) {
                    let list = || events.split(',').map(str::trim).collect::<Vec<_>>();
                    let events = if events == "all" { Value::Null } else { json!(list()) };
                    body.insert("events".to_owned(), events);
                }
                Job::new(ask, |body| fields(body, FIELDS))
            }
            Self::Enable(one) => one.activate(true, "delivers again, and first what was held"),
            Self::Disable(one) => one.activate(false, "holds what comes until it is enabled"),
            Self::Delete(one) => {
                let mut ask = one.get();
                ask.method = Method::DELETE;
                Job::new(ask, |body| {
                    format!("{} is deleted. Nothing is sent to it any more.", text(body, "id"))
                })
            }
            Self::RotateSecret(one) => Job::new(one.post("/rotate-secret", []), |body| {
                format!("{}\nThe old secret signs, too, for 24 hours.", minted(body))
            }),
            Self::Test(one) => one.test(),
            Self::Replay { one, delivery, since, until, delivered_too } => {
                let said = [
                    ("deliveryId", json!(delivery)),
                    ("since", json!(since)),
                    ("until", json!(until)),
                    ("failed", if delivered_too { json!(false) } else { Value::Null }),
                ];
                Job::new(one.post("/replay", said), replayed)
            }
            Self::Deliveries { one, status, page } => one.deliveries(status, &page),
        }
    }
}

impl One {
    fn path(&self) -> String {
        format!("/operator/v1/webhooks/{}", self.id)
    }

    fn get(&self) -> Ask {
        get(format!("{}?{}", self.path(), self.target.query()))
    }

    fn post<const N: usize>(&self, action: &str, said: [(&str, Value); N]) -> Ask {
        of(post(format!("{}{action}", self.path()), said), &self.target)
    }

    fn activate(&self, active: bool, then: &'static str) -> Job {
        let mut ask = self.post("", [("active", json!(active))]);
        ask.method = Method::PATCH;
        Job::new(ask, move |body| format!("{} {then}.", text(body, "id")))
    }

    fn test(self) -> Job {
        let ask = self.post("/test", []);
        Job::new(ask, move |body| {
            format!(
                "{} is on its way. See what becomes of it: attestry webhook deliveries {} {}",
                text(body, "event_id"),
                self.id,
                self.target.options()
            )
        })
    }

    fn deliveries(&self, status: Option<String>, page: &Page) -> Job {
        let limit = page.limit;
        let status = status.map(|status| format!("&status={status}")).unwrap_or_default();
        let query = format!("{}&{}{status}", self.target.query(), page.query());
        Job::new(get(format!("{}/deliveries?{query}", self.path())), move |body| {
            list(&answered(body), DELIVERIES, limit, "There are no such deliveries.")
        })
    }
}

/// The same call about this tenant's environment.
fn of(mut ask: Ask, target: &Target) -> Ask {
    if let Some(Value::Object(body)) = &mut ask.body {
        body.insert("tenantId".to_owned(), json!(target.tenant));
        body.insert("environment".to_owned(), json!(target.environment));
    }
    ask
}

fn minted(body: &Value) -> String {
    format!("{}\n\n{ONCE}", fields(body, FIELDS))
}

fn replayed(body: &Value) -> String {
    let more = if body["has_more"] == true { " There are more: repeat the call." } else { "" };
    format!("{} deliveries begin anew.{more}", body["replayed"])
}

/// Each row with the status of its last answer, or why there was none.
fn answered(body: &Value) -> Value {
    let rows = show::rows(body).iter().map(|row| {
        let (mut row, last) = (row.clone(), &row["last_attempt"]);
        let status = last["http_status"].as_i64().map(|status| status.to_string());
        row["answered"] = json!(status.or_else(|| last["error"].as_str().map(str::to_owned)));
        row
    });
    json!({ "data": rows.collect::<Vec<_>>() })
}

fn service(text: &str) -> Result<Service, String> {
    Service::parse(text).ok_or_else(|| {
        let names: Vec<&str> = Service::ALL.iter().map(|service| service.name()).collect();
        format!("must be one of {}", names.join(", "))
    })
}
