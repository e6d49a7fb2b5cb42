use axum::extract::State;
use axum::response::Response;
use base::Timestamp;
use http::StatusCode;
use kernel::Secrets;
use kernel::audit::log::{self, Head};
use kernel::webhooks::form::public_key_text;
use serde::Serialize;
use utoipa::ToSchema;
use web::{Failure, reply};

use crate::platform::Platform;

/// By which anyone can check what this installation signs.
#[derive(Serialize, ToSchema, Debug)]
struct PublicKeys {
    audit: AuditKeys,
    webhooks: WebhookKeys,
}

/// Who signs the checkpoints of the audit log.
#[derive(Serialize, ToSchema, Debug)]
struct AuditKeys {
    /// Verifier keys of signed notes (C2SP signed-note) for the log that grows, the newest first.
    #[schema(example = json!(["attestry/9f0c2ab31d5e7784+d9bef712+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"]))]
    keys: Vec<String>,
    /// Every log of this installation, the newest first: the first one grows.
    logs: Vec<Log>,
}

/// A log. A new one begins when the database was restored from a backup.
#[derive(Serialize, ToSchema, Debug)]
struct Log {
    #[schema(example = "attestry/9f0c2ab31d5e7784")]
    origin: String,
    #[schema(value_type = String, format = DateTime, example = "2026-06-01T13:00:00.000Z")]
    began_at: Timestamp,
    /// The text that the log's first entry is the SHA-256 of: it names the log before, how far that reaches here, and
    /// why this one began.
    #[schema(
        example = "attestry audit log v1\norigin attestry/9f0c2ab31d5e7784\nbegan_at_us 1780000000000000\nreason the%20first%20start\n"
    )]
    beginning: String,
    /// Its verifier keys, the newest first.
    keys: Vec<String>,
    /// Its newest checkpoint.
    checkpoint: Option<String>,
}

/// Who signs what webhooks deliver.
#[derive(Serialize, ToSchema, Debug)]
struct WebhookKeys {
    /// Ed25519 keys as Standard Webhooks writes them, the newest first: it makes the signatures `v1a`, the others did.
    #[schema(example = json!(["whpk_1ep2UsEMfrXNTMVIoSbz4AmWDN1ck5BTcUKCsHBMvBw="]))]
    keys: Vec<String>,
}

/// `GET /.well-known/attestry`: the public keys. No key is needed, and it costs nothing.
#[utoipa::path(
    get,
    path = "/.well-known/attestry",
    summary = "The public keys of this installation",
    description = "By these keys anyone can check what this installation signs. Take them once over a way that you \
                   trust, and compare.",
    responses((status = 200, body = PublicKeys)),
)]
pub(super) async fn get(State(platform): State<Platform>) -> Result<Response, Failure> {
    let secrets = &platform.kernel.secrets;
    let heads = platform.kernel.db.read(log::heads).await?;
    let logs: Vec<Log> = heads.into_iter().rev().map(|head| log_of(secrets, head)).collect();
    let keys = logs.first().map(|log| log.keys.clone()).unwrap_or_default();
    let webhooks = WebhookKeys { keys: secrets.webhook_keys().map(public_key_text).collect() };
    Ok(reply::json(StatusCode::OK, &PublicKeys { audit: AuditKeys { keys, logs }, webhooks }))
}

fn log_of(secrets: &Secrets, head: Head) -> Log {
    Log {
        keys: log::verifier_keys(secrets, &head.checkpoint.origin).map(|key| key.to_string()).collect(),
        origin: head.checkpoint.origin,
        began_at: head.began_at,
        beginning: head.beginning,
        checkpoint: head.note,
    }
}
