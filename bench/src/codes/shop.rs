//! The demo's product, and what is asked about it.

use std::time::{Duration, Instant};

use it::Result;
use it::client::{Client, Request, Response};
use it::server::Server;
use it::wait;
use serde_json::{Value, json};

use super::CREDITS;

/// A worker looks for large batches every 30 s.
const READY_LIMIT: Duration = Duration::from_secs(180);

pub(super) struct Shop {
    client: Client,
    pub(super) key: String,
    product: String,
    mints: usize,
}

impl Shop {
    pub(super) fn open(server: &Server) -> Result<Self> {
        let demo = &server.line["demo"]["codes"];
        let text = |name: &str| demo[name].as_str().map(str::to_owned).ok_or("the demo has no codes");
        let (key, product) = (text("live")?, text("productId")?);
        let body = json!({ "tenantId": server.tenant(), "environment": "live", "amount": CREDITS, "reference": format!("bench-{}", server.pid) });
        let pid = server.pid;
        server.operator().post_once("/operator/v1/credits", &format!("bench-{pid}"), &body)?;
        Ok(Self { client: server.client(), key, product, mints: 0 })
    }

    /// The id of a new batch.
    pub(super) fn mint(&mut self, quantity: i64) -> Result<String> {
        let (answer, _) = self.timed_mint(quantity)?;
        answer.json()["batchId"].as_str().map(str::to_owned).ok_or_else(|| answer.text().into())
    }

    /// As a client that does not mind to pay twice.
    pub(super) fn mint_without_key(&mut self, quantity: i64) -> Result<()> {
        let body = json!({ "productId": self.product, "quantity": quantity });
        let answer = self.client.send(&Request::post("/api/v1/batches").bearer(&self.key).json(&body))?;
        if answer.status == 202 { Ok(()) } else { Err(answer.text().into()) }
    }

    /// From the first byte of the request to the last of the answer.
    #[expect(clippy::disallowed_methods, reason = "a bench measures time")]
    pub(super) fn timed_mint(&mut self, quantity: i64) -> Result<(Response, Duration)> {
        self.mints += 1;
        let body = json!({ "productId": self.product, "quantity": quantity });
        let request = Request::post("/api/v1/batches").bearer(&self.key).json(&body);
        let key = format!("{}-{}", self.product, self.mints);
        let start = Instant::now();
        let answer = self.client.send(&request.header("Idempotency-Key", &key))?;
        Ok((answer, start.elapsed()))
    }

    /// The tokens of a batch that are in its CSV from one code to another.
    pub(super) fn tokens(&mut self, batch: &str, from: usize, to: usize) -> Result<Vec<String>> {
        let path = format!("/api/v1/batches/{batch}/codes?from={from}&to={to}");
        let csv = self.client.send(&Request::get(&path).bearer(&self.key))?.text();
        let tokens = csv.lines().skip(1).filter_map(|line| line.split(',').nth(1));
        Ok(tokens.map(str::to_owned).collect())
    }

    pub(super) fn request(&self, batch: &str, format: &str) -> Request {
        Request::get(&format!("/api/v1/batches/{batch}/codes?format={format}")).bearer(&self.key)
    }

    /// Until the digest of every batch is made.
    pub(super) fn wait_until_ready(&mut self) -> Result<()> {
        wait::until("every batch to be ready", READY_LIMIT, || {
            let answer =
                self.client.send(&Request::get("/api/v1/batches?limit=100").bearer(&self.key))?.json();
            let batches = answer["data"].as_array().map(Vec::as_slice).unwrap_or_default();
            let is_ready = |batch: &Value| batch["status"] != "queued";
            Ok(batches.iter().all(is_ready).then_some(()))
        })
    }
}
