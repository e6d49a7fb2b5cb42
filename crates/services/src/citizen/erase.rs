//! Forgetting a citizen: the key is destroyed under which a tenant keeps what names the person.
//!
//! The verifications stay, with number masked, result and price. A citizen has one key in a tenant, so that both
//! environments forget.

use std::sync::Arc;

use base::id::TenantId;
use base::{Fault, Timestamp};
use db::Tx;
use kernel::spine::{Audit, Idempotent, Price, Scope};
use kernel::{Command, Ctx, Ending, Secrets, secrets::hex, subjects, tenancy};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::model::{NationalId, VerificationId};
use super::{command::ANSWER, store};

pub const ERASE: Command = Command {
    name: "citizen.subject.erase",
    scope: Scope::OperatorOnly,
    price: Price::Free,
    audit: Audit::Always,
    idempotent: Idempotent::No,
};

/// Whom to forget.
#[derive(Debug)]
pub struct Erase {
    pub national_id: NationalId,
    pub secrets: Arc<Secrets>,
}

/// What was forgotten.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Erased)]
pub struct ErasedView {
    #[schema(example = "*******0001")]
    pub national_id_masked: String,
    /// Whether there was anything left to forget.
    pub erased: bool,
    /// How many verifications lost what named the person.
    #[schema(example = 2)]
    pub verifications: i64,
}

/// The audit row names the citizen by the MAC that the verifications have.
///
/// # Errors
/// An unknown tenant; a database failure.
pub fn erase(tx: &mut Tx<'_>, ctx: &mut Ctx, input: &Erase) -> Result<Ending<ErasedView>, Fault> {
    tenancy::find(tx, ctx.tenant_id)?;
    let subject = input.secrets.subject_mac("national_id", input.national_id.expose());
    let known_since: Option<Timestamp> = subjects::erase(tx, ctx, &subject)?;
    let verifications = match known_since {
        Some(since) => store::count_sealed(tx, ctx.tenant_id, &subject, since)?,
        None => 0,
    };
    ctx.target(hex(&subject));
    ctx.note(format!("{verifications} verifications"));
    Ok(Ending::Done(ErasedView {
        national_id_masked: input.national_id.masked(),
        erased: known_since.is_some(),
        verifications,
    }))
}

/// Whether what a verification said of the person can still be read: a saved reply is given back without it otherwise.
///
/// # Errors
/// A database failure.
pub fn is_kept(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    secrets: &Secrets,
    id: VerificationId,
) -> Result<bool, Fault> {
    let Some((subject, sealed)) = store::kept(tx, tenant_id, id)? else { return Ok(false) };
    Ok(subjects::open(tx, tenant_id, secrets, &subject, ANSWER, &sealed)?.is_some())
}
