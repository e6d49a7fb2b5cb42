use axum::extract::{Path, Query as QueryOf, State};
use axum::response::Response;
use base::Service;
use base::id::TenantId;
use base::{Environment, Fault};
use db::Tx;
use http::StatusCode;
use kernel::tenancy::{self, NewTenant, Status};
use serde_json::json;
use services::platform::command::{self, ChangeSettings, OwnTenantView, StatusChange, TenantView};
use services::platform::{self, body};
use web::json::Document;
use web::problem::Problem;
use web::{Failure, Json, reply};

use super::guard::{Operator, Query, Target};
use crate::app::App;

/// `GET /operator/v1/tenants`: every tenant, oldest first.
#[utoipa::path(get, path = "/operator/v1/tenants", security(("operator" = [])), responses((status = 200, description = "`{\"data\":[…]}`")))]
pub(super) async fn list(
    State(app): State<App>,
    _: Operator,
    QueryOf(query): QueryOf<Query>,
) -> Result<Response, Failure> {
    let (after, limit) = (query.after()?, query.limit()?);
    let tenants = app.kernel.db.read(move |tx| tenancy::list(tx, after, limit)).await?;
    let data: Vec<TenantView> = tenants.into_iter().map(TenantView::from).collect();
    Ok(reply::json(StatusCode::OK, &json!({ "data": data })))
}

/// `POST /operator/v1/tenants`: a new tenant with its two wallets.
#[utoipa::path(post, path = "/operator/v1/tenants", security(("operator" = [])), responses((status = 201, body = TenantView), (status = 400, body = Problem)))]
pub(super) async fn create(
    State(app): State<App>,
    operator: Operator,
    Json(document): Json,
) -> Result<Response, Failure> {
    let kernel = &app.kernel;
    let parent = document.optional_string("parentTenantId", 1..=64)?.map(parse_id).transpose()?;
    let new = NewTenant {
        tenant_id: TenantId::new(kernel.clock.now(), kernel.random.id_bits()),
        parent_tenant_id: parent,
        name: document.string("name", 1..=200)?.to_owned(),
        plan: plan(document.optional_string("plan", 0..=usize::MAX)?.unwrap_or(services::PLANS[0]))?
            .to_owned(),
        is_live_approved: document.boolean_or("liveApproved", false)?,
    };
    let target = Target { tenant_id: new.tenant_id, environment: Environment::Live };
    let call = operator.call(target, Service::Platform, "/operator/v1/tenants", &document);
    let answer = kernel.run(call, &command::CREATE_TENANT, new, command::create_tenant).await?;
    Ok(reply::json(StatusCode::CREATED, &answer.value))
}

/// `GET /operator/v1/tenants/{id}`: one tenant.
#[utoipa::path(get, path = "/operator/v1/tenants/{id}", security(("operator" = [])), params(("id" = String, Path)), responses((status = 200, body = TenantView), (status = 404, body = Problem)))]
pub(super) async fn get(
    State(app): State<App>,
    _: Operator,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let tenant_id = parse_id(&id)?;
    let tenant = app.kernel.db.read(move |tx| tenancy::find(tx, tenant_id)).await?;
    Ok(reply::json(StatusCode::OK, &TenantView::from(tenant)))
}

/// `PATCH /operator/v1/tenants/{id}`: puts a tenant on another `plan`.
#[utoipa::path(patch, path = "/operator/v1/tenants/{id}", security(("operator" = [])), params(("id" = String, Path)), responses((status = 200, body = TenantView), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn change(
    State(app): State<App>,
    operator: Operator,
    Path(id): Path<String>,
    Json(document): Json,
) -> Result<Response, Failure> {
    let target = Target { tenant_id: parse_id(&id)?, environment: Environment::Live };
    let plan = plan(document.string("plan", 0..=usize::MAX)?)?;
    let call = operator.call(target, Service::Platform, "/operator/v1/tenants/{id}", &document);
    let answer = app.kernel.run(call, &command::SET_PLAN, plan, command::set_plan).await?;
    Ok(reply::json(StatusCode::OK, &answer.value))
}

/// `POST /operator/v1/tenants/{id}/status`: suspends, closes or reopens. Once answered, no charge slips past.
#[utoipa::path(post, path = "/operator/v1/tenants/{id}/status", security(("operator" = [])), params(("id" = String, Path)), responses((status = 200, body = TenantView), (status = 409, body = Problem)))]
pub(super) async fn set_status(
    State(app): State<App>,
    operator: Operator,
    Path(id): Path<String>,
    Json(document): Json,
) -> Result<Response, Failure> {
    let status = match document.string("status", 1..=20)? {
        "active" => Status::Active,
        "suspended" => Status::Suspended,
        "closed" => Status::Closed,
        _ => return Err(Fault::invalid("status", "must be active, suspended or closed").into()),
    };
    let reason = document.optional_string("reason", 0..=200)?.unwrap_or_default().to_owned();
    let target = Target { tenant_id: parse_id(&id)?, environment: Environment::Live };
    let call = operator.call(target, Service::Platform, "/operator/v1/tenants/{id}/status", &document);
    let tenant = platform::set_tenant_status(&app.kernel, call, StatusChange { status, reason }).await?;
    Ok(reply::json(StatusCode::OK, &tenant))
}

/// `POST /operator/v1/tenants/{id}/approve`: lets a tenant have live keys.
#[utoipa::path(post, path = "/operator/v1/tenants/{id}/approve", security(("operator" = [])), params(("id" = String, Path)), responses((status = 200, body = TenantView), (status = 404, body = Problem)))]
pub(super) async fn approve(
    State(app): State<App>,
    operator: Operator,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let target = Target { tenant_id: parse_id(&id)?, environment: Environment::Live };
    let route = "/operator/v1/tenants/{id}/approve";
    let call = operator.call(target, Service::Platform, route, &Document::default());
    let answer = app.kernel.run(call, &command::APPROVE_TENANT, (), command::approve_tenant).await?;
    Ok(reply::json(StatusCode::OK, &answer.value))
}

/// `GET /operator/v1/settings`: what a tenant has set in an environment, as it sees it itself.
#[utoipa::path(get, path = "/operator/v1/settings", security(("operator" = [])), responses((status = 200, body = OwnTenantView), (status = 404, body = Problem)))]
pub(super) async fn settings(
    State(app): State<App>,
    _: Operator,
    QueryOf(query): QueryOf<Query>,
) -> Result<Response, Failure> {
    let Target { tenant_id, environment } = Target::of_query(&query)?;
    let known = services::settings();
    let read = move |tx: &mut Tx<'_>| command::read_tenant(tx, tenant_id, environment, &known);
    Ok(reply::json(StatusCode::OK, &app.kernel.db.read(read).await?))
}

/// `PATCH /operator/v1/settings`: changes settings in a tenant's place, all or none.
#[utoipa::path(patch, path = "/operator/v1/settings", security(("operator" = [])), responses((status = 200, body = OwnTenantView), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn change_settings(
    State(app): State<App>,
    operator: Operator,
    Json(document): Json,
) -> Result<Response, Failure> {
    let input = ChangeSettings { changes: body::settings(&document)?, known: services::settings() };
    let call = operator.call(Target::of(&document)?, Service::Platform, "/operator/v1/settings", &document);
    let answer = app.kernel.run(call, &command::CHANGE_SETTINGS, input, command::change_settings).await?;
    Ok(reply::json(StatusCode::OK, &answer.value))
}

/// `GET /operator/v1/audit`: the newest audit rows of a tenant; without `tenantId`, of the installation itself.
///
/// The list goes back in time: `after` is the id that ended the page before, and older rows follow.
#[utoipa::path(get, path = "/operator/v1/audit", security(("operator" = [])), responses((status = 200, description = "`{\"data\":[…]}`")))]
pub(super) async fn audit(
    State(app): State<App>,
    _: Operator,
    QueryOf(query): QueryOf<Query>,
) -> Result<Response, Failure> {
    let tenant_id = match query.tenant_id {
        Some(_) => Target::of_query(&query)?.tenant_id,
        None => tenancy::INSTALLATION,
    };
    let (after, limit) = (query.after()?, query.limit()?);
    let rows = app.kernel.db.read(move |tx| kernel::audit::newest(tx, tenant_id, after, limit)).await?;
    Ok(reply::json(StatusCode::OK, &json!({ "data": rows })))
}

fn plan(name: &str) -> Result<&'static str, Fault> {
    let wrong = || Fault::invalid("plan", format!("must be one of {}", services::PLANS.join(", ")));
    services::PLANS.iter().copied().find(|plan| *plan == name).ok_or_else(wrong)
}

fn parse_id(text: &str) -> Result<TenantId, Fault> {
    text.parse().map_err(|_| Fault::not_found("tenant"))
}
