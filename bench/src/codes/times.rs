//! Whether the time of an answer tells why a token is no code of the caller: it must not.
//!
//! Five reasons are asked in turn on one connection, and every two of them compared by the rank-sum test of Mann and
//! Whitney (1947): were their times alike, the score of a pair would be beyond ±3.29 once in a thousand times.

use std::time::Instant;

use attestry::secrets_file;
use base::Environment;
use it::Result;
use it::client::{Client, Request};
use it::folder::Folder;
use it::server::Server;
use kernel::{Random, Secrets};
use serde_json::{Value, json};
use services::codes::TokenKeys;

use super::{Line, Options};
use crate::subject;

const ROUNDS: usize = 6000;
const WARM_UP_ROUNDS: usize = 500;
/// Two-sided 0.1 %: of ten pairs, one in a hundred runs is beyond it by chance.
const SCORE_MAX: f64 = 3.29;
/// Far beyond what anybody mints here.
const UNMINTED: u64 = 1 << 38;

pub(super) fn measure(options: &Options) -> Result<Vec<Line>> {
    let folder = Folder::within(&options.dir)?;
    let launch = subject::launch(folder.path(), None)?;
    let server = Server::start(&launch)?;
    let secrets = Secrets::from_file(&secrets_file::open(&launch.data, &Random::system())?)?;
    let keys = TokenKeys::of(&secrets);
    let demo = &server.line["demo"]["codes"];
    let own = text(demo, "test")?;
    let mut client = server.client();
    let genuine = mint(&mut client, &own, &text(demo, "productId")?)?;
    let other_environment = mint(&mut client, &text(demo, "live")?, &text(demo, "productId")?)?;
    let other = stranger(&server, &mut client)?;
    let unminted = keys.key(Environment::Test, keys.first_epoch())?.mint(UNMINTED).to_string();
    let reasons = [
        ("another organization's", other),
        ("the other environment's", other_environment),
        ("never minted", unminted),
        ("mistyped", mistyped(&genuine)),
        ("nearly empty", " ".to_owned()),
    ];
    let times = ask(&mut client, &own, &reasons)?;
    server.terminate()?;
    Ok(judge(&reasons, &times))
}

fn text(value: &Value, name: &str) -> Result<String> {
    value[name].as_str().map(str::to_owned).ok_or_else(|| format!("no {name} in {value}").into())
}

fn mint(client: &mut Client, key: &str, product: &str) -> Result<String> {
    let body = json!({ "productId": product, "quantity": 1 });
    let answer = client.send(&Request::post("/api/v1/batches").bearer(key).json(&body))?.json();
    text(&answer["codes"][0], "token")
}

/// A token of a tenant that is nobody's business.
fn stranger(server: &Server, client: &mut Client) -> Result<String> {
    let mut operator = server.operator();
    let tenant = operator.post("/operator/v1/tenants", &json!({ "name": "Stranger" }))?;
    let body = json!({ "tenantId": tenant["id"], "environment": "test", "service": "codes" });
    let key = operator.post("/operator/v1/keys", &body)?;
    let key = text(&key, "key").or_else(|_| text(&key, "secret"))?;
    let product = Request::post("/api/v1/products").bearer(&key).json(&json!({ "name": "Oil" }));
    let product = client.send(&product)?.json();
    mint(client, &key, &text(&product, "productId")?)
}

fn mistyped(token: &str) -> String {
    let last = if token.ends_with('7') { '8' } else { '7' };
    format!("{}{last}", &token[..token.len() - 1])
}

/// Nanoseconds of each reason, asked in turn so that whatever else the machine does befalls all alike.
#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn ask(client: &mut Client, key: &str, reasons: &[(&str, String); 5]) -> Result<[Vec<u64>; 5]> {
    let mut times: [Vec<u64>; 5] = Default::default();
    for round in 0..WARM_UP_ROUNDS + ROUNDS {
        for step in 0..reasons.len() {
            // Each reason follows each other one equally often.
            let index = (step * (1 + round % 4) + round) % reasons.len();
            let token = &reasons[index].1;
            let request = Request::post("/api/v1/verify").bearer(key).json(&json!({ "token": token }));
            let start = Instant::now();
            let answer = client.send(&request)?;
            let time = start.elapsed();
            if answer.json()["status"] != "counterfeit" {
                return Err(format!("{} is no counterfeit: {}", reasons[index].0, answer.text()).into());
            }
            if round >= WARM_UP_ROUNDS {
                times[index].push(u64::try_from(time.as_nanos())?);
            }
        }
    }
    Ok(times)
}

fn judge(reasons: &[(&str, String); 5], times: &[Vec<u64>; 5]) -> Vec<Line> {
    let mut lines: Vec<Line> = reasons
        .iter()
        .zip(times)
        .map(|((name, _), times)| {
            let mut sorted = times.clone();
            sorted.sort_unstable();
            let at = |part: usize| sorted[sorted.len() * part / 100] as f64 / 1e3;
            let figures = format!("{:.1} µs (quartiles {:.1}, {:.1})", at(50), at(25), at(75));
            Line::figure(format!("counterfeit because {name}: median of {ROUNDS}"), figures)
        })
        .collect();
    let mut worst = (0.0, "", "");
    for first in 0..reasons.len() {
        for second in first + 1..reasons.len() {
            let score = score(&times[first], &times[second]).abs();
            if score > worst.0 {
                worst = (score, reasons[first].0, reasons[second].0);
            }
        }
    }
    let (score, one, other) = worst;
    let what = format!("times of counterfeits: largest score of ten pairs ({one}, {other})");
    lines.push(Line::at_most(what, score, SCORE_MAX, ""));
    lines
}

/// The standard score of the rank-sum statistic; times in nanoseconds hardly ever tie.
fn score(one: &[u64], other: &[u64]) -> f64 {
    let mut all: Vec<(u64, bool)> =
        one.iter().map(|time| (*time, true)).chain(other.iter().map(|time| (*time, false))).collect();
    all.sort_unstable();
    let ranks: f64 =
        (1..).zip(&all).filter(|(_, (_, is_one))| *is_one).map(|(rank, _)| f64::from(rank)).sum();
    let (n, m) = (one.len() as f64, other.len() as f64);
    let statistic = ranks - n * (n + 1.0) / 2.0;
    (statistic - n * m / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shift_is_seen_and_none_is_not() {
        let ramp = |from: u64| (0..1000).map(|number| from + number * 7919 % 1000).collect::<Vec<u64>>();
        assert!(score(&ramp(0), &ramp(0)).abs() < 0.1);
        assert!(score(&ramp(100), &ramp(0)) > 6.0);
        assert!(score(&ramp(0), &ramp(100)) < -6.0);
    }
}
