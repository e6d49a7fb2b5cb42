//! What cannot be read or is out of range is refused in the contract's shape, and nothing happens.

pub(crate) mod bodies;
mod fields;
mod random;
mod targets;
mod wire;

use serde_json::{Value, json};

use crate::fixture::{Ask, Client, State, World, verify};

/// Every route of quota that reads a body, with a credential and without a body.
async fn routes(world: &World, client: &Client) -> Vec<Ask> {
    let key = world.management_key().await;
    let Client { account, token_id, token, .. } = client;
    let with_key = |method: &str, path: &str| Ask::new(method, path).bearer(&key);
    vec![
        verify(token),
        with_key("POST", "/v1/accounts"),
        with_key("PATCH", &format!("/v1/accounts/{account}")),
        with_key("POST", &format!("/v1/accounts/{account}/credits")).header("idempotency-key", "bad input"),
        with_key("POST", "/v1/tokens"),
        with_key("POST", &format!("/v1/tokens/{token_id}/rotate")),
    ]
}

/// What a request must not change.
struct Untouched<'a> {
    world: &'a World,
    account: &'a str,
    state: State,
    shown: Value,
}

impl<'a> Untouched<'a> {
    async fn of(world: &'a World, client: &'a Client) -> Self {
        let (state, shown) = (world.state(&world.mine).await, shown(world, &client.account).await);
        Self { world, account: &client.account, state, shown }
    }

    async fn assert(&self, what: &str) {
        assert_eq!(self.world.state(&self.world.mine).await, self.state, "{what}");
        assert_eq!(shown(self.world, self.account).await, self.shown, "{what}");
    }
}

async fn shown(world: &World, account: &str) -> Value {
    let path = format!("/operator/v1/accounts/{account}?environment=test&tenantId={}", world.mine);
    world.operate("GET", &path, json!(null)).await
}
