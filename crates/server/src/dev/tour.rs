//! The tour: each service's main call against this very server, and the same as a `curl` line.

use std::io;

use base::Fault;
use http::Method;
use serde_json::{Value, json};

use super::demo::{self, QuotaKeys};
use super::{Line, registry};
use crate::cli::{has_colours, print};
use crate::client::{Answer, Ask, send};
use crate::config::{Config, DATA};

/// One stop of the tour.
struct Stop {
    title: &'static str,
    /// What to look at.
    note: &'static str,
    /// `host:port` as it is connected to.
    authority: String,
    method: Method,
    path: &'static str,
    key: String,
    body: Option<Value>,
}

pub(super) async fn run(public: &str, line: &Line, config: &Config) -> Result<(), Fault> {
    let paint = Paint(has_colours(&io::stdout()));
    let base = format!("http://{}", friendly(public));
    let place = match config.database {
        Some(_) => format!("PostgreSQL; the secrets are in {}", config.data.display()),
        None => format!("SQLite in {}", config.data.display()),
    };
    print(&format!(
        "\n{}\n\n  API             {base}\n  Documentation   {base}/docs\n  Operator API    {}\n  Operator token  {}\n  Data            {place}\n",
        paint.bold("Attestry is ready."),
        line.admin_url,
        line.operator_token,
    ));
    let account = first_account(public, line).await?;
    for stop in stops(public, line, &account) {
        show(&paint, stop).await?;
    }
    print(&keys(&paint, "demo", &line.demo));
    print(&keys(&paint, "other", &line.other));
    print(&commands(&paint, config, &line.demo));
    print("Stop with Ctrl-C. Every start prints the same keys.");
    Ok(())
}

/// The account that the demo's live token spends from.
async fn first_account(public: &str, line: &Line) -> Result<String, Fault> {
    let ask = Ask::get("/v1/accounts?limit=1", &line.demo.quota.live.admin);
    let answer = send(public, ask).await?;
    Ok(answer.body["data"][0]["id"].as_str().unwrap_or_default().to_owned())
}

fn stops(public: &str, line: &Line, account: &str) -> Vec<Stop> {
    let operator = line.admin_url.trim_start_matches("http://").to_owned();
    let mut stops = quota(public, &line.demo.quota.live.token);
    stops.extend(quota_management(public, &line.demo.quota.live, account));
    stops.extend(citizen(public, &line.demo));
    stops.extend(codes(public, &line.demo.codes));
    stops.extend(platform(public, &line.demo));
    stops.push(stop(
        &operator,
        "operator: is every balance right?",
        "Proven on the live database, on a listener of its own.",
        (Method::GET, "/operator/v1/ledger/check"),
        &line.operator_token,
        None,
    ));
    stops
}

fn stop(
    authority: &str,
    title: &'static str,
    note: &'static str,
    (method, path): (Method, &'static str),
    key: &str,
    body: Option<Value>,
) -> Stop {
    Stop { title, note, authority: authority.to_owned(), method, path, key: key.to_owned(), body }
}

fn quota(public: &str, token: &str) -> Vec<Stop> {
    vec![
        stop(
            public,
            "quota: one call of an end-user's token",
            "The points are deducted, and on disk before the answer leaves.",
            (Method::POST, "/v1/verify"),
            token,
            Some(json!({ "count": 1 })),
        ),
        stop(
            public,
            "quota: would that call pass?",
            "A dry run answers the same and deducts nothing.",
            (Method::POST, "/v1/verify?dry_run=true"),
            token,
            None,
        ),
        stop(
            public,
            "quota: a mistyped token",
            "Refused without a look into the database.",
            (Method::POST, "/v1/verify"),
            &mistyped(token),
            None,
        ),
    ]
}

fn quota_management(public: &str, keys: &QuotaKeys, account: &str) -> Vec<Stop> {
    let items = json!([
        { "token": keys.token, "count": 2 },
        { "token": mistyped(&keys.token) },
        { "token": keys.token, "dryRun": true },
    ]);
    vec![
        stop(
            public,
            "quota: many calls at once, for a gateway that gathers them",
            "Each item is judged and charged as its own call would be; one that is refused stops no other.",
            (Method::POST, "/v1/tokens/verify"),
            &keys.admin,
            Some(json!({ "items": items })),
        ),
        stop(
            public,
            "quota: the accounts of your clients",
            "Page by page; nextCursor leads to the next one.",
            (Method::GET, "/v1/accounts?limit=1"),
            &keys.admin,
            None,
        ),
        stop(
            public,
            "quota: a token that your client has already",
            "Taken over as a MAC, and never shown again; from the second start on it exists.",
            (Method::POST, "/v1/tokens/import"),
            &keys.admin,
            Some(json!({ "accountId": account, "token": format!("made-elsewhere-{account}") })),
        ),
    ]
}

fn platform(public: &str, demo: &demo::Shown) -> Vec<Stop> {
    let low = json!({ "settings": { "wallet.credits_low_threshold": 500 } });
    vec![
        stop(
            public,
            "platform: what a tenant decides for itself",
            "Test and live are set apart; null resets a setting.",
            (Method::PATCH, "/platform/v1/tenant"),
            &demo.platform.test,
            Some(low),
        ),
        stop(
            public,
            "platform: its keys",
            "Without their secrets, which are in the answer that made them alone. POST makes one of any service.",
            (Method::GET, "/platform/v1/keys?service=quota"),
            &demo.platform.test,
            None,
        ),
        stop(
            public,
            "platform: what moved in its wallet",
            "Newest first, each with the request and key that caused it; \"next_cursor\" leads on.",
            (Method::GET, "/platform/v1/wallet/transfers?limit=2"),
            &demo.platform.live,
            None,
        ),
        stop(
            public,
            "platform: what was called, and what came of it",
            "By the hour or day, made of the rows that the calls left: this tour's calls are counted already.",
            (Method::GET, "/platform/v1/usage?bucket=day"),
            &demo.platform.live,
            None,
        ),
    ]
}

fn citizen(public: &str, demo: &demo::Shown) -> Vec<Stop> {
    let claims = json!({ "fullName": "Mohamed Abdi Hassan", "dateOfBirth": "1990-01-01" });
    let (number, _) = registry::citizen(0);
    vec![
        stop(
            public,
            "citizen: a name in another spelling",
            "Test keys are answered by the sandbox: GET /api/v1/sandbox/scenarios lists its numbers.",
            (Method::POST, "/api/v1/verify/citizen"),
            &demo.citizen.test,
            Some(json!({ "nationalId": "10000000001", "claims": claims, "purpose": "tour" })),
        ),
        stop(
            public,
            "citizen: a citizen of the imported registry",
            "A credit, once a day for the same question: see \"cached\" in a second answer.",
            (Method::POST, "/api/v1/verify/citizen"),
            &demo.citizen.live,
            Some(json!({ "nationalId": number, "purpose": "tour" })),
        ),
        stop(
            public,
            "citizen: what was verified",
            "Numbers are masked, and names are not listed.",
            (Method::GET, "/api/v1/verifications?limit=2"),
            &demo.citizen.live,
            None,
        ),
    ]
}

fn codes(public: &str, keys: &demo::CodesKeys) -> Vec<Stop> {
    vec![
        stop(
            public,
            "codes: two signed codes for the items of a product",
            "A credit each. Open a verifyUrl in a browser: that is what a shopper sees.",
            (Method::POST, "/api/v1/batches"),
            &keys.test,
            Some(json!({ "productId": keys.product_id, "quantity": 2 })),
        ),
        stop(
            public,
            "codes: a token that nobody minted",
            "A verdict, not an error; send a token of the answer above for the other one.",
            (Method::POST, "/api/v1/verify"),
            &keys.test,
            Some(json!({ "token": "not-a-real-token" })),
        ),
    ]
}

async fn show(paint: &Paint, stop: Stop) -> Result<(), Fault> {
    let mut ask = Ask::get(stop.path, &stop.key);
    ask.method = stop.method.clone();
    ask.body = stop.body.clone();
    let Answer { status, text, .. } = send(&stop.authority, ask).await?;
    let method = if stop.method == Method::GET { String::new() } else { format!("-X {} ", stop.method) };
    let data = stop.body.map_or(String::new(), |body| {
        format!(" \\\n    -H 'Content-Type: application/json' \\\n    -d '{body}'")
    });
    print(&format!(
        "{}\n{}\n\n  curl {method}'http://{}{}' \\\n    -H 'Authorization: Bearer {}'{data}\n\n  {} {text}\n",
        paint.bold(stop.title),
        stop.note,
        friendly(&stop.authority),
        stop.path,
        stop.key,
        paint.status(status),
    ));
    Ok(())
}

fn keys(paint: &Paint, name: &str, demo: &demo::Shown) -> String {
    let mut text = format!("{}\n\n", paint.bold(&format!("Keys of the tenant “{name}”, {}", demo.tenant_id)));
    let rows = [
        ("platform", &demo.platform.test, &demo.platform.live),
        ("citizen", &demo.citizen.test, &demo.citizen.live),
        ("codes", &demo.codes.test, &demo.codes.live),
        ("quota, management", &demo.quota.test.admin, &demo.quota.live.admin),
        ("quota, a token", &demo.quota.test.token, &demo.quota.live.token),
    ];
    for (name, test, live) in rows {
        text.push_str(&format!("  {name:<18} {test:<47} {live}\n"));
    }
    text
}

/// Commands that find this server by its data folder.
fn commands(paint: &Paint, config: &Config, demo: &demo::Shown) -> String {
    let program = std::env::args().next().unwrap_or_else(|| "attestry".to_owned());
    let data = match config.data.to_str() {
        Some(DATA) => String::new(),
        _ => format!(" --data '{}'", config.data.display()),
    };
    let lines = [
        format!("account list --tenant {}", demo.tenant_id),
        format!("audit list --tenant {} --limit 10", demo.tenant_id),
        "ledger check".to_owned(),
        format!(
            "webhook create --tenant {} --environment test --service citizen --url http://localhost:9000/",
            demo.tenant_id
        ),
        format!("event list --tenant {} --environment test", demo.tenant_id),
    ];
    let lines: Vec<String> = lines.iter().map(|line| format!("  {program} {line}{data}\n")).collect();
    let receive = "  nc -l 9000                                # shows what the webhook is sent: call citizen, or `webhook test`\n";
    format!("{}\n\n{}{receive}", paint.bold("From another terminal"), lines.concat())
}

/// The same text with another last character.
fn mistyped(token: &str) -> String {
    let (rest, last) = token.split_at(token.len() - 1);
    format!("{rest}{}", if last == "0" { "1" } else { "0" })
}

/// The documented local base is `localhost`, which loopback addresses are.
fn friendly(authority: &str) -> String {
    authority.replace("127.0.0.1:", "localhost:").replace("0.0.0.0:", "localhost:")
}

/// Colours, or none.
struct Paint(bool);

impl Paint {
    fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }

    fn status(&self, status: http::StatusCode) -> String {
        self.paint(if status.is_success() { "32" } else { "33" }, status.as_str())
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
