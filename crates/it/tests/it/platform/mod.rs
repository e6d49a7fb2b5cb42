//! What a tenant manages about itself, row by row, with what each call causes and does not cause.

mod bad_input;
mod keys;
mod tenant;
mod wallet;

use serde_json::{Value, json};

use crate::fixture::World;

/// A platform key of my test environment with every scope, or what `body` says.
async fn platform_key(world: &World, body: Value) -> String {
    world.key(&world.mine, crate::fixture::merge(json!({ "service": "platform" }), body)).await.secret
}
