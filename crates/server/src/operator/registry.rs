//! The imports of the registry. An import is told whole in `services::citizen::registry::imported`.

use std::sync::Arc;

use axum::extract::{Path, Query as QueryOf, Request, State};
use axum::response::Response;
use base::{Code, Environment, Fault, Service};
use http::{HeaderMap, StatusCode, header};
use kernel::spine::Call;
use kernel::tenancy;
use serde_json::json;
use services::citizen::registry::imported::{
    self, ABORT, Appended, BEGIN, FINISH, ImportView, Merged, PART_BYTES_MAX,
};
use web::body::{self, BodyLimits};
use web::json::Document;
use web::problem::Problem;
use web::{Failure, Json, RequestMeta, reply};

use super::guard::{Operator, Target};
use crate::app::App;

/// `GET /operator/v1/registry/imports`: the newest imports, newest first, the active ones among them, and how the
/// registry does that answers live keys.
#[utoipa::path(get, path = "/operator/v1/registry/imports", security(("operator" = [])), responses((status = 200, description = "`{\"live\":{…},\"data\":[…]}`")))]
pub(super) async fn list(State(app): State<App>, _: Operator) -> Result<Response, Failure> {
    let imports = app.kernel.db.read(imported::list).await?;
    let live = app.citizen.registry_status().await?;
    Ok(reply::json(StatusCode::OK, &json!({ "live": live, "data": imports })))
}

/// `POST /operator/v1/registry/imports`: begins an import into `environment`.
///
/// Then append the parts, merge until all buckets are done, and finish. Until then the active registry stays.
/// One import an environment at a time; an idle one of 5 minutes is replaced.
#[utoipa::path(post, path = "/operator/v1/registry/imports", security(("operator" = [])), responses((status = 201, body = ImportView), (status = 400, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn begin(
    State(app): State<App>,
    operator: Operator,
    Json(document): Json,
) -> Result<Response, Failure> {
    let environment = Environment::parse(document.string("environment", 1..=8)?)
        .ok_or_else(|| Fault::invalid("environment", "must be test or live"))?;
    let call = call(&operator, environment, "/operator/v1/registry/imports", &document);
    let secrets = Arc::clone(&app.kernel.secrets);
    let answer = app.kernel.run(call, &BEGIN, secrets, imported::begin).await?;
    Ok(reply::json(StatusCode::CREATED, &answer.value))
}

/// `POST /operator/v1/registry/imports/{id}/rows`: one part of the rows, at most 2 MiB of CSV without a header.
///
/// Columns: `line,national_id,full_name,date_of_birth,status`, where `line` is the row's line in the file.
/// `part` counts from 0. The part that was sent last may be sent again and gets the same answer.
#[utoipa::path(post, path = "/operator/v1/registry/imports/{id}/rows", security(("operator" = [])), params(("id" = String, Path), ("part" = i64, Query)), request_body(content = String, content_type = "text/csv"), responses((status = 200, body = Appended), (status = 400, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem)))]
pub(super) async fn append(
    State(app): State<App>,
    operator: Operator,
    Path(id): Path<String>,
    QueryOf(query): QueryOf<Part>,
    request: Request,
) -> Result<Response, Failure> {
    let import = parse_id(&id)?;
    let part = query.part.as_deref().and_then(|part| part.parse().ok()).filter(|part| *part >= 0);
    let part = part.ok_or_else(|| Fault::invalid("part", "must be the number of the part, from 0"))?;
    let rows = read_csv(request).await?;
    let call =
        call(&operator, Environment::Live, "/operator/v1/registry/imports/{id}/rows", &Document::default());
    let appended = imported::append(&app.kernel, call, import, part, rows).await?;
    Ok(reply::json(StatusCode::OK, &appended))
}

/// `POST /operator/v1/registry/imports/{id}/merge`: writes the records of `bucket` and some more in order.
///
/// Begin with bucket 0 and go on with `nextBucket` until it is `buckets`.
#[utoipa::path(post, path = "/operator/v1/registry/imports/{id}/merge", security(("operator" = [])), params(("id" = String, Path)), responses((status = 200, body = Merged), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn merge(
    State(app): State<App>,
    operator: Operator,
    Path(id): Path<String>,
    Json(document): Json,
) -> Result<Response, Failure> {
    let import = parse_id(&id)?;
    let bucket = document.integer("bucket", 0..=255)?;
    let call = call(&operator, Environment::Live, "/operator/v1/registry/imports/{id}/merge", &document);
    Ok(reply::json(StatusCode::OK, &imported::merge(&app.kernel, call, import, bucket).await?))
}

/// `POST /operator/v1/registry/imports/{id}/finish`: the import becomes the active registry of its environment.
#[utoipa::path(post, path = "/operator/v1/registry/imports/{id}/finish", security(("operator" = [])), params(("id" = String, Path)), responses((status = 200, body = ImportView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn finish(
    State(app): State<App>,
    operator: Operator,
    Path(id): Path<String>,
    Json(document): Json,
) -> Result<Response, Failure> {
    let call = call(&operator, Environment::Live, "/operator/v1/registry/imports/{id}/finish", &document);
    let answer = app.kernel.run(call, &FINISH, parse_id(&id)?, imported::finish).await?;
    Ok(reply::json(StatusCode::OK, &answer.value))
}

/// `DELETE /operator/v1/registry/imports/{id}`: gives an import up; the active registry stays.
#[utoipa::path(delete, path = "/operator/v1/registry/imports/{id}", security(("operator" = [])), params(("id" = String, Path)), responses((status = 200, body = ImportView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn abort(
    State(app): State<App>,
    operator: Operator,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let route = "/operator/v1/registry/imports/{id}";
    let call = call(&operator, Environment::Live, route, &Document::default());
    let answer = app.kernel.run(call, &ABORT, parse_id(&id)?, imported::abort).await?;
    Ok(reply::json(StatusCode::OK, &answer.value))
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Part {
    part: Option<String>,
}

/// The registry belongs to the installation.
fn call(operator: &Operator, environment: Environment, route: &'static str, document: &Document) -> Call {
    let target = Target { tenant_id: tenancy::INSTALLATION, environment };
    operator.call(target, Service::Citizen, route, document)
}

async fn read_csv(request: Request) -> Result<bytes::Bytes, Fault> {
    let deadline =
        request.extensions().get().map_or(body::BODY_DEADLINE, |meta: &RequestMeta| meta.body_deadline);
    let (parts, body) = request.into_parts();
    require_csv(&parts.headers)?;
    body::read(&parts.headers, body, BodyLimits { bytes_max: PART_BYTES_MAX, deadline }).await
}

fn require_csv(headers: &HeaderMap) -> Result<(), Fault> {
    let Some(content_type) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let essence = content_type.as_bytes().split(|&byte| byte == b';').next().unwrap_or_default();
    if essence.trim_ascii().eq_ignore_ascii_case(b"text/csv") {
        return Ok(());
    }
    Err(Fault::new(
        Code::UnsupportedMediaType,
        "Rows are sent as CSV: send the header Content-Type: text/csv.",
    ))
}

fn parse_id(text: &str) -> Result<i64, Fault> {
    text.parse().map_err(|_| Fault::not_found("import"))
}
