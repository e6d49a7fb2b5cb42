//! Somebody else's verifier judges what is delivered: the Python package of Standard Webhooks, and Python's own hmac.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use it::Result;
use it::client::Request;
use it::folder::Folder;
use it::receiver::{self, Delivery};
use it::server::{Launch, Profile, Server, built};
use it::settings;
use serde_json::{Value, json};

use crate::openapi;

/// From PyPI; see [`openapi::environment`].
const VERIFIER: &str = "standardwebhooks==1.0.1";
const SCRIPT: &str = include_str!("standard_webhooks.py");
const ARRIVED_LIMIT: Duration = Duration::from_secs(30);

/// Has the built binary deliver a test event to an endpoint of each service, before a rotation and within its overlap,
/// and says how many deliveries were verified.
pub(crate) fn verify() -> Result<usize> {
    let folder = Folder::new()?;
    let server = Server::start(&Launch::sqlite(&built("attestry", Profile::Debug), folder.path()))?;
    let (arrived, arrivals) = mpsc::channel();
    let address = receiver::listen(0, move |delivery| {
        // Whoever asks has gone only when all has arrived.
        drop(arrived.send(delivery.clone()));
        200
    })?;
    let mut delivered = Vec::new();
    for service in ["citizen", "identity", "quota", "platform"] {
        let url = format!("http://{address}/{service}");
        let made = post(&server, "/platform/v1/webhooks", &json!({ "url": url, "service": service }))?;
        let (id, secret) = (text(&made, "id")?, text(&made, "secret")?);
        let webhook = format!("/platform/v1/webhooks/{id}");
        post(&server, &format!("{webhook}/test"), &json!({}))?;
        let first = arrivals.recv_timeout(ARRIVED_LIMIT)?;
        delivered.push(shown(&first, service, &[&secret], &secret));
        let next = text(&post(&server, &format!("{webhook}/rotate-secret"), &json!({}))?, "secret")?;
        post(&server, &format!("{webhook}/test"), &json!({}))?;
        let second = arrivals.recv_timeout(ARRIVED_LIMIT)?;
        delivered.push(shown(&second, service, &[&secret, &next], &secret));
    }
    server.kill()?;
    let place = settings::workspace().join("target/standardwebhooks");
    fs::create_dir_all(&place)?;
    let (script, file) = (place.join("verify.py"), place.join("delivered.json"));
    fs::write(&script, SCRIPT)?;
    fs::write(&file, serde_json::to_vec(&delivered)?)?;
    let python = openapi::environment(&place, &[VERIFIER])?.join("bin/python");
    let status = Command::new(python).arg(script).arg(file).stdin(Stdio::null()).status()?;
    if status.success() { Ok(delivered.len()) } else { Err("a delivery does not verify: see above".into()) }
}

fn post(server: &Server, path: &str, body: &Value) -> Result<Value> {
    let key = text(&server.line["demo"]["platform"], "test")?;
    let answer = server.client().send(&Request::post(path).bearer(&key).json(body))?;
    if !(200..300).contains(&answer.status) {
        return Err(format!("POST {path} got {}: {}", answer.status, answer.text()).into());
    }
    Ok(serde_json::from_str(&answer.text())?)
}

fn text(value: &Value, name: &str) -> Result<String> {
    let text = value[name].as_str().ok_or_else(|| format!("there is no {name} in {value}"))?;
    Ok(text.to_owned())
}

/// What the script is to verify; `published` is the secret of the service's own header.
fn shown(delivery: &Delivery, service: &str, secrets: &[&str], published: &str) -> Value {
    json!({
        "service": service,
        "headers": delivery.headers.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        "body": String::from_utf8_lossy(&delivery.body),
        "secrets": secrets,
        "published": published,
    })
}
