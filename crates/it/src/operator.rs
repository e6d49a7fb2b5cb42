//! The operator API, as far as tests need it.

use serde_json::{Value, json};

use crate::Result;
use crate::client::{Client, Request};

/// A client of the operator's listener.
#[derive(Debug)]
pub struct Operator {
    client: Client,
    token: String,
}

/// What a bulk seed made; the two lists run in step.
#[derive(Debug, Clone, Default)]
pub struct Seeded {
    pub tokens: Vec<String>,
    pub account_ids: Vec<String>,
}

/// The charges of a tenant as the ledger has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// How many charges there are.
    pub charges: i64,
    /// What they come to, in points.
    pub charged: i64,
    /// The sum of all customer balances, in points.
    pub balances: i64,
}

impl Operator {
    #[must_use]
    pub fn new(client: Client, token: &str) -> Self {
        Self { client, token: token.to_owned() }
    }

    /// Makes accounts with one token each.
    ///
    /// # Errors
    /// The server refused.
    pub fn seed(&mut self, tenant: &str, accounts: usize, points: i64, idempotency: bool) -> Result<Seeded> {
        const ACCOUNTS_A_CALL_MAX: usize = 10_000;
        let mut seeded = Seeded::default();
        while seeded.tokens.len() < accounts {
            let wanted = (accounts - seeded.tokens.len()).min(ACCOUNTS_A_CALL_MAX);
            let body = json!({
                "tenantId": tenant, "environment": "live",
                "accounts": wanted, "points": points, "idempotency": idempotency,
            });
            let answer = self.post("/operator/v1/seed", &body)?;
            seeded.tokens.extend(texts(&answer["tokens"])?);
            seeded.account_ids.extend(texts(&answer["accountIds"])?);
        }
        Ok(seeded)
    }

    /// The points that an account has.
    ///
    /// # Errors
    /// The server refused or there is no such account.
    pub fn balance(&mut self, tenant: &str, account: &str) -> Result<i64> {
        let answer = self.get(&format!("/operator/v1/accounts/{account}?tenantId={tenant}"))?;
        integer(&answer, "balance")
    }

    /// Runs the proof that balances equal transfers; the answer is for the message.
    ///
    /// # Errors
    /// The ledger is not clean, or the server refused.
    pub fn ledger_check(&mut self) -> Result<Value> {
        let answer = self.get("/operator/v1/ledger/check")?;
        if answer["ok"] == true {
            Ok(answer)
        } else {
            Err(format!("the ledger is not clean: {answer}").into())
        }
    }

    /// All charges of a tenant's live environment.
    ///
    /// # Errors
    /// The server refused.
    pub fn summary(&mut self, tenant: &str) -> Result<Summary> {
        let path = format!("/operator/v1/ledger/summary?tenantId={tenant}&environment=live&unit=point");
        let answer = self.get(&path)?;
        Ok(Summary {
            charges: integer(&answer, "charges")?,
            charged: integer(&answer, "charged")?,
            balances: integer(&answer, "balances")?,
        })
    }

    /// # Errors
    /// The connection failed or the status is not a success.
    pub fn get(&mut self, path: &str) -> Result<Value> {
        self.call(&Request::get(path))
    }

    /// # Errors
    /// The connection failed or the status is not a success.
    pub fn post(&mut self, path: &str, body: &Value) -> Result<Value> {
        self.call(&Request::post(path).json(body))
    }

    /// As [`Operator::post`], done once however often it is sent with this key.
    ///
    /// # Errors
    /// The connection failed or the status is not a success.
    pub fn post_once(&mut self, path: &str, idempotency_key: &str, body: &Value) -> Result<Value> {
        self.call(&Request::post(path).header("Idempotency-Key", idempotency_key).json(body))
    }

    fn call(&mut self, request: &Request) -> Result<Value> {
        let response = self.client.send(&request.clone().bearer(&self.token))?;
        if !(200..300).contains(&response.status) {
            let (method, path) = (&request.method, &request.path);
            return Err(format!("{method} {path}: {} {}", response.status, response.text()).into());
        }
        Ok(response.json())
    }
}

fn texts(value: &Value) -> Result<Vec<String>> {
    let items = value.as_array().ok_or_else(|| format!("not a list: {value}"))?;
    Ok(items.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

fn integer(answer: &Value, name: &str) -> Result<i64> {
    answer[name].as_i64().ok_or_else(|| format!("no number {name} in {answer}").into())
}
