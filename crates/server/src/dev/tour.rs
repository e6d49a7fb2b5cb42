//! The tour: each service's main call against this very server, and the same as a `curl` line.

use base::Fault;
use http::Method;
use serde_json::{Value, json};

use crate::cli::print;
use crate::client::{Answer, Ask, send};

/// One stop of the tour.
struct Stop<'a> {
    title: &'a str,
    method: Method,
    path: &'a str,
    key: &'a Value,
    body: Option<Value>,
}

pub(super) async fn run(public: &str, line: &Value) -> Result<(), Fault> {
    let demo = &line["demo"];
    let stops = [
        Stop {
            title: "quota: one call of a token, charged and on disk",
            method: Method::POST,
            path: "/v1/verify",
            key: &demo["quota"]["live"]["token"],
            body: Some(json!({ "count": 1 })),
        },
        Stop {
            title: "quota: the same as a dry run, free",
            method: Method::POST,
            path: "/v1/verify?dry_run=true",
            key: &demo["quota"]["test"]["token"],
            body: None,
        },
        Stop {
            title: "platform: the tenant of a key",
            method: Method::GET,
            path: "/platform/v1/tenant",
            key: &demo["platform"]["live"],
            body: None,
        },
    ];
    print(&format!("Attestry serves http://{}\n", friendly(public)));
    for stop in &stops {
        show(public, stop).await?;
    }
    print(&format!(
        "Documentation   http://{0}/docs\nOperator API    {1}\nOperator token  {2}\n\nStop with Ctrl-C.",
        friendly(public),
        text(&line["adminUrl"]),
        text(&line["operatorToken"]),
    ));
    Ok(())
}

async fn show(public: &str, stop: &Stop<'_>) -> Result<(), Fault> {
    let mut ask = Ask::get(stop.path, text(stop.key));
    ask.method = stop.method.clone();
    ask.body = stop.body.clone();
    let Answer { status, body } = send(public, ask).await?;
    let data = stop.body.as_ref().map_or(String::new(), |body| {
        format!(" \\\n    -H 'Content-Type: application/json' -d '{body}'")
    });
    print(&format!(
        "# {}\n  curl -X {} 'http://{}{}' \\\n    -H 'Authorization: Bearer {}'{data}\n  → {} {body}\n",
        stop.title,
        stop.method,
        friendly(public),
        stop.path,
        text(stop.key),
        status.as_u16(),
    ));
    Ok(())
}

/// The documented local base is `localhost`, which loopback addresses are.
fn friendly(public: &str) -> String {
    public.replace("127.0.0.1:", "localhost:")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
