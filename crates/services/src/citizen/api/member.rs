use axum::extract::FromRequestParts;
use http::request::Parts;
use web::{Caller, Failure};

use crate::citizen::{Citizen, command};

/// A caller whose business is on the plan that this API asks for: judged before a byte of the body is read.
pub(super) struct Member(pub(super) Caller);

impl FromRequestParts<Citizen> for Member {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, citizen: &Citizen) -> Result<Self, Failure> {
        let caller = Caller::from_request_parts(parts, citizen).await?;
        let tenant_id = caller.caller.tenant_id;
        citizen.kernel().db.read(move |tx| command::ensure_enterprise(tx, tenant_id)).await?;
        Ok(Self(caller))
    }
}
