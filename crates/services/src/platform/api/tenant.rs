use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kernel::settings::Changes;
use kernel::spine::Scope;
use utoipa::ToSchema;
use web::problem::Problem;
use web::{Caller, Failure, Json, reply};

use crate::platform::command::{self, ChangeSettings, OwnTenantView};
use crate::platform::{Platform, body};

/// `GET /platform/v1/tenant`: the tenant of the key, and its settings in the key's environment. Free.
#[utoipa::path(
    get,
    path = "/platform/v1/tenant",
    summary = "Get the tenant of this key",
    security(("platform" = ["tenant:read"])),
    responses(
        (status = 200, body = OwnTenantView),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 429, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn get(State(platform): State<Platform>, caller: Caller) -> Result<Response, Failure> {
    caller.caller.ensure_scope(Scope::Key("tenant:read"))?;
    let (who, known) = (caller.caller, (platform.catalog.settings)());
    let read = move |tx: &mut db::Tx<'_>| command::read_tenant(tx, who.tenant_id, who.environment, &known);
    Ok(reply::json(StatusCode::OK, &platform.kernel.db.read(read).await?))
}

#[derive(ToSchema)]
#[schema(as = TenantChange)]
#[expect(dead_code, reason = "the document's view of a body that is read field by field")]
struct ChangeBody {
    /// New values by name; `null` resets a setting to its default. Those that are not named stay as they are.
    #[schema(value_type = Object, example = json!({ "wallet.credits_low_threshold": 500 }))]
    settings: Changes,
}

/// `PATCH /platform/v1/tenant`: changes settings of the key's environment, all or none. Free.
#[utoipa::path(
    patch,
    path = "/platform/v1/tenant",
    summary = "Change the settings of this tenant",
    description = "A change holds for every call that begins after it was answered.",
    security(("platform" = ["tenant:write"])),
    request_body = ChangeBody,
    responses(
        (status = 200, body = OwnTenantView),
        (status = 400, description = "A setting that is unknown or may not have this value; nothing was changed.", body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 429, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn patch(
    State(platform): State<Platform>,
    caller: Caller,
    Json(document): Json,
) -> Result<Response, Failure> {
    let input = ChangeSettings { changes: body::settings(&document)?, known: (platform.catalog.settings)() };
    let call = caller.call("/platform/v1/tenant", &document);
    let answer =
        platform.kernel.run(call, &command::CHANGE_SETTINGS, input, command::change_settings).await?;
    Ok(reply::json(StatusCode::OK, &answer.value))
}
