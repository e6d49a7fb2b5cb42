use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kernel::secrets::SigningKey;
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
}

/// Who signs the checkpoints of the audit log.
#[derive(Serialize, ToSchema, Debug)]
struct AuditKeys {
    /// Verifier keys of signed notes (C2SP signed-note), the newest first: it signs, the others did.
    #[schema(example = json!(["attestry+2f1c9a04+AdXlX2Q0rY3bq2m0Jx0mN6l8p4b1cQeZfT7uV9wXyZa2"]))]
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
    let keys = platform.kernel.secrets.audit_keys().filter_map(verifier_key);
    reply::json(StatusCode::OK, &PublicKeys { audit: AuditKeys { keys: keys.collect() } })
}

fn verifier_key(key: &SigningKey) -> Option<String> {
    VerifierKey::new(AUDIT_KEY_NAME, key.public_key()).map(|key| key.to_string())
}
