use axum::extract::State;
use axum::response::Response;
use base::Environment;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use web::{Failure, reply};

use super::dialect::ErrorBody;
use super::member::Member;
use crate::citizen::Citizen;
use crate::citizen::registry::status::{self, RegistryStatus};
use crate::citizen::sandbox::{SCENARIOS, Scenario};

/// How the registry of the key's environment is.
#[derive(Serialize, ToSchema)]
#[schema(as = RegistryStatusBody)]
pub(super) struct StatusBody {
    #[schema(example = "OK")]
    message: &'static str,
    data: RegistryStatus,
}

/// `GET /api/v1/registry/status`: whether the registry answers. Free.
#[utoipa::path(
    get,
    path = "/api/v1/registry/status",
    summary = "Ask how the registry is",
    security(("key" = ["registry:read"])),
    responses(
        (status = 200, body = StatusBody),
        (status = 401, description = "`UNAUTHORIZED`.", body = ErrorBody),
        (status = 403, description = "`FORBIDDEN`.", body = ErrorBody),
        (status = 429, description = "`RATE_LIMITED`.", body = ErrorBody),
        (status = 500, description = "`INTERNAL_ERROR`.", body = ErrorBody),
        (status = 503, description = "`SERVICE_UNAVAILABLE`.", body = ErrorBody),
    ),
)]
pub(super) async fn registry_status(
    State(citizen): State<Citizen>,
    Member(caller): Member,
) -> Result<Response, Failure> {
    let data = match caller.caller.environment {
        Environment::Test => status::of_sandbox(citizen.kernel()),
        Environment::Live => citizen.registry_status().await?,
    };
    Ok(reply::json(StatusCode::OK, &StatusBody { message: "OK", data }))
}

/// The numbers that the sandbox answers in a way of its own.
#[derive(Serialize, ToSchema)]
#[schema(as = Scenarios)]
pub(super) struct ScenariosBody {
    #[schema(example = "OK")]
    message: &'static str,
    data: &'static [Scenario],
}

/// `GET /api/v1/sandbox/scenarios`: the numbers to test with. Free.
#[utoipa::path(
    get,
    path = "/api/v1/sandbox/scenarios",
    summary = "List the sandbox's scenarios",
    description = "Any other number of 11 digits is answered with an invented citizen, always the same one.",
    security(("key" = ["registry:read"])),
    responses(
        (status = 200, body = ScenariosBody),
        (status = 401, description = "`UNAUTHORIZED`.", body = ErrorBody),
        (status = 403, description = "`FORBIDDEN`.", body = ErrorBody),
        (status = 429, description = "`RATE_LIMITED`.", body = ErrorBody),
        (status = 500, description = "`INTERNAL_ERROR`.", body = ErrorBody),
        (status = 503, description = "`SERVICE_UNAVAILABLE`.", body = ErrorBody),
    ),
)]
pub(super) async fn scenarios(Member(_): Member) -> Result<Response, Failure> {
    Ok(reply::json(StatusCode::OK, &ScenariosBody { message: "OK", data: SCENARIOS }))
}
