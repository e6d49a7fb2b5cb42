use axum::extract::State;
use axum::response::Response;
use base::Timestamp;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use web::{Failure, reply};

use super::dialect::ErrorBody;
use super::member::Member;
use crate::citizen::Citizen;
use crate::citizen::sandbox::{SCENARIOS, Scenario};

/// How the registry of the key's environment is.
#[derive(Serialize, ToSchema)]
#[schema(as = RegistryStatus)]
pub(super) struct StatusBody {
    #[schema(example = "OK")]
    message: &'static str,
    data: StatusData,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatusData {
    /// `online`, `degraded` or `offline`.
    #[schema(example = "online")]
    status: &'static str,
    /// `closed`: the registry is asked; `open`: it is left alone for a while; `half_open`: it is being tried.
    #[schema(example = "closed")]
    circuit: &'static str,
    /// In per cent; `null` when nobody asked.
    #[schema(example = 99.2)]
    last_hour_success_rate: Option<f64>,
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-06-02T12:30:00.000Z")]
    last_checked_at: Option<Timestamp>,
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
    let now = citizen.kernel().clock.now();
    let data = match caller.caller.environment {
        // The sandbox is part of this process.
        base::Environment::Test => StatusData {
            status: "online",
            circuit: "closed",
            last_hour_success_rate: Some(100.0),
            last_checked_at: Some(now),
        },
        base::Environment::Live => StatusData {
            status: "offline",
            circuit: "closed",
            last_hour_success_rate: None,
            last_checked_at: Some(now),
        },
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
