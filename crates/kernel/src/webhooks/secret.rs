//! The secrets that deliveries are signed with. They are sealed under a root secret, because they must be used and not
//! only recognised.

use base::id::{EndpointId, TenantId};
use base::{Fault, Secret, Timestamp};

use super::Endpoint;
use crate::ctx::Random;
use crate::secrets::Secrets;

/// How long the replaced secret still signs after a rotation.
pub const OVERLAP_SECONDS: i64 = 24 * 3600;

const PREFIX: &str = "whsec_";
const SECRET_BYTES: usize = 32;

/// What signs now.
#[derive(Clone, Debug)]
pub struct SigningSecrets {
    pub current: Secret,
    /// Of before a rotation, until its overlap ends.
    pub previous: Option<Secret>,
}

impl SigningSecrets {
    /// What signs the published headers of services: they carry one signature, which stays the one that receivers
    /// know until the overlap ends.
    #[must_use]
    pub fn published(&self) -> &Secret {
        self.previous.as_ref().unwrap_or(&self.current)
    }
}

/// A new secret: `whsec_` and the base64 of 32 random bytes, as Standard Webhooks wants it.
pub(super) fn mint(random: &Random) -> Secret {
    Secret::new(format!("{PREFIX}{}", seal::base64::encode(&random.bytes::<SECRET_BYTES>())))
}

/// The key of Standard Webhooks: the decoded bytes.
pub(super) fn key_bytes(secret: &Secret) -> Vec<u8> {
    let digits = secret.expose().strip_prefix(PREFIX).unwrap_or_default();
    seal::base64::decode(digits).expect("only what was minted is sealed")
}

pub(super) fn seal(
    secrets: &Secrets,
    random: &Random,
    tenant_id: TenantId,
    endpoint_id: EndpointId,
    secret: &Secret,
) -> Vec<u8> {
    secrets.seal_root(random, &context(tenant_id, endpoint_id), secret.expose().as_bytes())
}

/// Opens what signs for an endpoint at `now`.
///
/// # Errors
/// When it was sealed by another secrets file, or was changed.
pub fn signing_secrets(
    secrets: &Secrets,
    endpoint: &Endpoint,
    now: Timestamp,
) -> Result<SigningSecrets, Fault> {
    let context = context(endpoint.tenant_id, endpoint.endpoint_id);
    let open = |sealed: &Vec<u8>| {
        let plain = secrets.open_root(&context, sealed)?;
        String::from_utf8(plain).map(Secret::new).map_err(Fault::internal)
    };
    let counts = endpoint.previous_until.is_some_and(|until| now < until);
    Ok(SigningSecrets {
        current: open(&endpoint.sealed_secret)?,
        previous: endpoint.sealed_previous.as_ref().filter(|_| counts).map(open).transpose()?,
    })
}

fn context(tenant_id: TenantId, endpoint_id: EndpointId) -> String {
    format!("the secret of the webhook {endpoint_id} of {tenant_id}")
}
