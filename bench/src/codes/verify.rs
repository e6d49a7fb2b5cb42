//! `POST /api/v1/verify` against `/health`, for codes that nobody scanned and for scanned ones.

use std::time::Duration;

use it::Result;
use it::client::Request;
use it::folder::Folder;
use it::server::Server;
use serde_json::json;

use super::growth::scan;
use super::shop::Shop;
use super::{Line, MILLION, Options};
use crate::load::{self, Outcome, Pace, Plan, Target};
use crate::{machine, subject};

const TOKENS: usize = 10_000;
const TIMES_MIN: f64 = 0.4;
const WARM_UP: Duration = Duration::from_secs(1);

pub(super) fn measure(options: &Options) -> Result<Vec<Line>> {
    let folder = Folder::within(&options.dir)?;
    let server = Server::start(&subject::launch(folder.path(), None)?)?;
    let mut shop = Shop::open(&server)?;
    let batch = shop.mint(MILLION)?;
    let unscanned = shop.tokens(&batch, 500_001, 500_000 + TOKENS)?;
    let scanned = shop.tokens(&batch, 1, TOKENS)?;
    scan(&server, &scanned)?;
    let plan = Plan {
        connections: options.connections,
        pace: Pace::Closed,
        warm_up: WARM_UP,
        measured: Duration::from_secs(options.seconds),
    };
    let health = load::run(&subject::health(&server.base_url)?, &plan)?;
    let connections = options.connections;
    let mut lines = vec![Line::figure(
        format!("`/health`, {connections} connections"),
        format!("{:.0}/s", health.rate()),
    )];
    for (name, tokens) in [("never scanned", unscanned), ("scanned", scanned)] {
        let spent = machine::cpu_seconds(server.pid)?;
        let outcome = load::run(&target(&server, &shop, tokens)?, &plan)?;
        let spent = (machine::cpu_seconds(server.pid)? - spent) * 1e6 / outcome.acknowledged as f64;
        ensure_all_passed(&outcome)?;
        let what = format!(
            "verify of codes {name}: × `/health` ({:.0}/s, p50 {:.2} ms, p99 {:.2} ms, {spent:.0} µs of the server's CPU each)",
            outcome.rate(),
            outcome.quantile_ms(0.5),
            outcome.quantile_ms(0.99)
        );
        lines.push(Line::at_least(what, outcome.rate() / health.rate(), TIMES_MIN, ""));
    }
    server.operator().ledger_check()?;
    server.terminate()?;
    Ok(lines)
}

fn ensure_all_passed(outcome: &Outcome) -> Result<()> {
    if outcome.refused == 0 { Ok(()) } else { Err(format!("{} calls were refused", outcome.refused).into()) }
}

fn target(server: &Server, shop: &Shop, tokens: Vec<String>) -> Result<Target> {
    let first = tokens.first().ok_or("no tokens")?;
    let request = Request::post("/api/v1/verify").bearer(&shop.key).json(&json!({ "token": first }));
    let request = request.bytes("bench");
    let position = memchr::memmem::find(&request, first.as_bytes()).ok_or("the request lacks its token")?;
    let Target { address, .. } = subject::health(&server.base_url)?;
    Ok(Target { address, request, tokens: Some((position, tokens)) })
}
