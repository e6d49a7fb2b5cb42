//! The wire of platform: what a tenant sees of itself.

use axum::extract::State;
use axum::response::Response;
use base::{KeyKind, Service};
use http::StatusCode;
use kernel::spine::Scope;
use kernel::{Kernel, tenancy};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use web::problem::{self, Problem};
use web::{About, Api, Caller, Failure, Guard, Handlers, Owned, reply, routes};

use super::command::TenantView;

const ABOUT: About = About {
    service: "platform",
    title: "Platform",
    description: "What a tenant manages about itself.",
    version: "1",
    document_path: "/openapi/platform.json",
    owned: &[Owned::Subtree("/platform/v1")],
    dialect: problem::DIALECT,
};

/// Requests a minute per key lineage.
const RATE_LIMIT_PER_MINUTE: u32 = 600;

/// Routes, document and dialect of the service.
pub fn api(kernel: Kernel) -> Api {
    let guard = Guard {
        kernel: kernel.clone(),
        service: Service::Platform,
        kinds: &[KeyKind::Secret],
        rate_limit_per_minute: RATE_LIMIT_PER_MINUTE,
    };
    described(|handlers| guard.routes(handlers)).with_state(kernel)
}

/// The same without a kernel, each path's handlers behind `guarded`: for its document.
pub fn described(guarded: impl Fn(Handlers<Kernel>) -> Handlers<Kernel>) -> Api<Kernel> {
    Api::new(ABOUT).routes(guarded(routes!(tenant))).describe(|document| {
        let scheme =
            HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("`at_test_…` or `at_live_…`"));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("platform", SecurityScheme::Http(scheme.build()));
    })
}

/// `GET /platform/v1/tenant`: the tenant of the key. Free.
#[utoipa::path(
    get,
    path = "/platform/v1/tenant",
    summary = "Get the tenant of this key",
    security(("platform" = ["tenant:read"])),
    responses(
        (status = 200, body = TenantView),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 429, body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn tenant(State(kernel): State<Kernel>, caller: Caller) -> Result<Response, Failure> {
    caller.caller.ensure_scope(Scope::Key("tenant:read"))?;
    let tenant_id = caller.caller.tenant_id;
    let tenant = kernel.db.read(move |tx| tenancy::find(tx, tenant_id)).await?;
    Ok(reply::json(StatusCode::OK, &TenantView::from(tenant)))
}
