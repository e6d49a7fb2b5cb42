use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kernel::secrets::SigningKey;
use kernel::webhooks::form::public_key_text;
use seal::note::VerifierKey;
use serde::Serialize;
use utoipa::ToSchema;
use web::reply;

use crate::platform::Platform;

/// The name under which the audit log's checkpoints are signed.
const AUDIT_KEY_NAME: &str = "attestry";

/// By which anyone can check what this installation signs.
#[derive(Serialize, ToSchema, Debug)]
struct PublicKeys {
    audit: AuditKeys,
    webhooks: WebhookKeys,
}

/// Who signs the checkpoints of the audit log.
#[derive(Serialize, ToSchema, Debug)]
struct AuditKeys {
    /// Verifier keys of signed notes (C2SP signed-note), the newest first: it signs, the others did.
    #[schema(example = json!(["attestry+2f1c9a04+AdXlX2Q0rY3bq2m0Jx0mN6l8p4b1cQeZfT7uV9wXyZa2"]))]
    keys: Vec<String>,
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
pub(super) async fn get(State(platform): State<Platform>) -> Response {
    let secrets = &platform.kernel.secrets;
    let audit = AuditKeys { keys: secrets.audit_keys().filter_map(verifier_key).collect() };
    let webhooks = WebhookKeys { keys: secrets.webhook_keys().map(public_key_text).collect() };
    reply::json(StatusCode::OK, &PublicKeys { audit, webhooks })
}

fn verifier_key(key: &SigningKey) -> Option<String> {
    VerifierKey::new(AUDIT_KEY_NAME, key.public_key()).map(|key| key.to_string())
}
