use it::Result;
use it::client::{Client, Request};
use it::server::Server;
use serde_json::{Value, json};

/// A maker of products, as the server's API knows it.
#[derive(Debug)]
pub(super) struct Shop {
    client: Client,
    pub(super) key: String,
}

/// Codes that were minted together.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) id: String,
    pub(super) tokens: Vec<String>,
}

impl Shop {
    /// A new one, with credits and a key of every scope.
    pub(super) fn open(server: &Server) -> Result<Self> {
        let mut operator = server.operator();
        let tenant = operator.post("/operator/v1/tenants", &json!({ "name": "Acme Foods Ltd" }))?;
        let whose = json!({ "tenantId": tenant["id"], "environment": "test" });
        let credits = merged(&whose, &json!({ "amount": 1000, "reference": "browser" }));
        operator.post_once("/operator/v1/credits", "browser", &credits)?;
        let key = operator.post("/operator/v1/keys", &merged(&whose, &json!({ "service": "codes" })))?;
        Ok(Self::of_key(server, &text(&key, "secret")?))
    }

    pub(super) fn of_key(server: &Server, key: &str) -> Self {
        Self { client: server.client(), key: key.to_owned() }
    }

    /// A new product with these fields, and its id.
    pub(super) fn product(&mut self, fields: &Value) -> Result<String> {
        text(&self.send("POST", "/api/v1/products", fields)?, "productId")
    }

    pub(super) fn mint(&mut self, product: &str, quantity: usize) -> Result<Batch> {
        let minted =
            self.send("POST", "/api/v1/batches", &json!({ "productId": product, "quantity": quantity }))?;
        let codes = minted["codes"].as_array().ok_or("a mint without codes")?;
        let tokens = codes.iter().map(|code| text(code, "token")).collect::<Result<_>>()?;
        Ok(Batch { id: text(&minted, "batchId")?, tokens })
    }

    pub(super) fn change(&mut self, batch: &Batch, change: &Value) -> Result<()> {
        self.send("PATCH", &format!("/api/v1/batches/{}", batch.id), change)?;
        Ok(())
    }

    /// Lets so many shoppers scan a code.
    pub(super) fn scan(&mut self, token: &str, shoppers: usize) -> Result<()> {
        for number in 0..shoppers {
            let request = Request::post(&format!("/v/{token}/scan")).json(&json!({}));
            let answer =
                self.client.send(&request.header("User-Agent", &format!("Phone {number} (Mobile)")))?;
            if answer.json()["recorded"] != true {
                return Err(format!("a scan was not recorded: {}", answer.text()).into());
            }
        }
        Ok(())
    }

    pub(super) fn verify(&mut self, token: &str) -> Result<Value> {
        self.send("POST", "/api/v1/verify", &json!({ "token": token }))
    }

    pub(super) fn send(&mut self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let answer = self.client.send(&Request::new(method, path).bearer(&self.key).json(body))?;
        if !(200..300).contains(&answer.status) {
            return Err(format!("{method} {path} got {}: {}", answer.status, answer.text()).into());
        }
        Ok(answer.json())
    }
}

fn merged(one: &Value, other: &Value) -> Value {
    let fields = [one, other].into_iter().filter_map(Value::as_object).flatten();
    fields.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn text(value: &Value, name: &str) -> Result<String> {
    let text = value[name].as_str().ok_or_else(|| format!("there is no {name} in {value}"))?;
    Ok(text.to_owned())
}
