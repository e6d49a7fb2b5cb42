//! Product codes: what is answered, what it caused, and what it did not cause.

mod batches;
mod cancelling;
mod consumers;
mod epochs;
mod exports;
mod mint;

use serde_json::{Value, json};

use crate::fixture::{Ask, World, text};

/// A key of my test environment with every scope, and a product of mine.
struct Shop {
    key: String,
    product: String,
}

impl Shop {
    async fn open(world: &World) -> Self {
        Self::of(world, &world.mine, json!({})).await
    }

    async fn of(world: &World, tenant: &str, product: Value) -> Self {
        let key = world.key(tenant, json!({ "service": "codes", "rateLimitPerMinute": 0 })).await.secret;
        let body = crate::fixture::merge(json!({ "name": "Oil", "defaultPrefix": "EXP24" }), product);
        let made = world.send(Ask::post("/api/v1/products").bearer(&key).json(&body)).await.expect(201);
        Self { key, product: text(&made, "productId") }
    }

    fn mint(&self, quantity: i64) -> Ask {
        let body = json!({ "productId": self.product, "quantity": quantity });
        Ask::post("/api/v1/batches").bearer(&self.key).json(&body)
    }

    fn get(&self, path: &str) -> Ask {
        Ask::get(path).bearer(&self.key)
    }

    async fn verify(&self, world: &World, token: &str) -> Value {
        let ask = Ask::post("/api/v1/verify").bearer(&self.key).json(&json!({ "token": token }));
        world.send(ask).await.expect(200)
    }

    /// The tokens of a new batch.
    async fn tokens(&self, world: &World, quantity: i64) -> (String, Vec<String>) {
        let minted = world.send(self.mint(quantity)).await.expect(201);
        let codes = minted["codes"].as_array().unwrap();
        (text(&minted, "batchId"), codes.iter().map(|code| text(code, "token")).collect())
    }
}

/// An error in the shape of codes.
#[track_caller]
fn refused(reply: &crate::fixture::Reply, status: u16, code: &str, message: &str) {
    let body = json!({ "error": { "code": code, "message": message } });
    assert_eq!(reply.essence(), (status, body));
    assert_eq!(reply.header("content-type"), Some("application/json"));
}
