//! The audit log as tenants, operators and strangers see it.

mod export;
mod list;
mod public;

use seal::checkpoint::Checkpoint;
use seal::note::{self, VerifierKey};
use serde_json::Value;

use crate::fixture::{Ask, World, text};

/// Seals every row that there is.
async fn seal_all(world: &World) {
    let kernel = &world.app.kernel;
    while kernel.db.read(kernel::audit::log::is_due).await.unwrap() {
        attestry::sealing::round(kernel, None, "").await.unwrap();
    }
}

/// The log's public key, as a stranger gets it.
async fn public_key(world: &World) -> VerifierKey {
    let known = world.send(Ask::get("/.well-known/attestry")).await.expect(200);
    VerifierKey::parse(known["audit"]["keys"][0].as_str().unwrap()).unwrap()
}

/// The checkpoint, opened with the public key.
async fn checkpoint(world: &World) -> Checkpoint {
    let reply = world.send(Ask::get("/audit/checkpoint")).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let note = String::from_utf8(reply.body.to_vec()).unwrap();
    Checkpoint::parse(note::open(&note, &public_key(world).await).unwrap()).unwrap()
}

/// The operator's list of what was audited at my tenant.
async fn audited(world: &World) -> Vec<Value> {
    let path = format!("/operator/v1/audit?limit=1000&tenantId={}", world.mine);
    world.operate("GET", &path, Value::Null).await["data"].as_array().unwrap().clone()
}

/// Makes so many rows of my tenant.
async fn make_rows(world: &World, count: usize) {
    for _ in 0..count {
        world.key(&world.mine, serde_json::json!({ "service": "citizen", "label": "an audited key" })).await;
    }
    assert!(audited(world).await.iter().any(|row| text(row, "action") == "platform.key.create"));
}
