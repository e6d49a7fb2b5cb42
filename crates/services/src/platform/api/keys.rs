use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use base::id::KeyId;
use base::{Fault, KeyText, Service};
use http::StatusCode;
use kernel::keys::{self, Filter, GRACE_SECONDS_MAX, KeyChange, NewKey};
use kernel::spine::Scope;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use web::json::{Document, both};
use web::page::{Listed, Page, Place};
use web::problem::Problem;
use web::{Caller, Failure, Json, reply};

use crate::platform::command::{self, ChangeKey, CreateKey, KeyView, RotateKey};
use crate::platform::{self, Platform, body};

/// Which keys are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Only the keys of this service.
    #[param(example = "quota")]
    service: Option<String>,
    /// `true` lists revoked keys, too.
    #[param(example = "false")]
    include_revoked: Option<String>,
    /// 1 to 100, 20 unless said.
    #[param(example = "20")]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// `GET /platform/v1/keys`: the keys of the environment, oldest first, without their secrets. Free.
#[utoipa::path(
    get,
    path = "/platform/v1/keys",
    summary = "List keys",
    security(("platform" = ["keys:read"])),
    params(ListQuery),
    responses(
        (status = 200, body = Listed<KeyView>),
        (status = 400, description = "A parameter of the query is wrong.", body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 429, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn list(
    State(platform): State<Platform>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Response, Failure> {
    caller.caller.ensure_scope(Scope::Key("keys:read"))?;
    let (who, kernel) = (caller.caller, &platform.kernel);
    let (service, is_all) = both(service(query.service.as_deref()), flag(query.include_revoked.as_deref()))?;
    let filters = [service.map_or("", Service::name), if is_all { "all" } else { "" }];
    let place = Place { route: "/platform/v1/keys", filters: &filters };
    let page = Page::of(kernel, &who, place, query.limit.as_deref(), query.cursor.as_deref())?;
    let (after, rows_max) = (page.after()?, page.rows_max());
    let filter = Filter { service, live_at: (!is_all).then(|| kernel.clock.now()) };
    let read =
        move |tx: &mut db::Tx<'_>| keys::list(tx, who.tenant_id, who.environment, filter, after, rows_max);
    let page = page.listed(kernel.db.read(read).await?, |key| key.key_id.text());
    Ok(reply::json(StatusCode::OK, &page.map(KeyView::of)))
}

fn service(name: Option<&str>) -> Result<Option<Service>, Fault> {
    let names = || Service::ALL.iter().map(|service| service.name()).collect::<Vec<_>>().join(", ");
    let wrong = || Fault::invalid("service", format!("must be one of {}", names()));
    name.map(|name| Service::parse(name).ok_or_else(wrong)).transpose()
}

fn flag(text: Option<&str>) -> Result<bool, Fault> {
    match text {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Fault::invalid("include_revoked", "must be true or false")),
    }
}

#[derive(ToSchema)]
#[schema(as = NewKey)]
#[expect(dead_code, reason = "the document's view of a body that is read field by field")]
struct NewKeyBody {
    /// `citizen`, `identity`, `codes`, `partner`, `quota` or `platform`.
    #[schema(example = "quota")]
    service: String,
    /// `publishable` and `secret` for identity, `pair` for partner, `admin` for quota, `secret` for the others.
    #[schema(example = "admin")]
    kind: Option<String>,
    /// All that the service has unless said; for a platform key, those of the key that makes it, and never more.
    #[schema(max_items = 50, example = json!(["accounts:read"]))]
    scopes: Option<Vec<String>>,
    #[schema(max_length = 100, example = "billing job")]
    label: Option<String>,
    #[schema(max_items = 50, example = json!([]))]
    allowed_origins: Option<Vec<String>>,
    #[schema(max_items = 50, example = json!(["203.0.113.0/24"]))]
    allowed_ips: Option<Vec<String>>,
    /// 0: no limit; `null` or absent: the service's own.
    #[schema(minimum = 0, maximum = 1_000_000, example = 120)]
    rate_limit_per_minute: Option<i64>,
    /// In credits; `null` or absent: as many as the wallet has.
    #[schema(minimum = 0, example = 5000)]
    spend_cap_per_day: Option<i64>,
    #[schema(format = DateTime, example = "2030-01-31T12:00:00Z")]
    expires_at: Option<String>,
}

/// `POST /platform/v1/keys`: makes a key of any service; the secret is in this answer and nowhere else. Free.
#[utoipa::path(
    post,
    path = "/platform/v1/keys",
    summary = "Create a key",
    description = "A key of the environment of the key that makes it. The `secret` (and the `pair_secret` of a pair) is \
                   shown in this answer, and again only to a retry with the same `Idempotency-Key`.",
    security(("platform" = ["keys:write"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Any unique value; the same one for a retry. Kept 24 hours.")),
    request_body = NewKeyBody,
    responses(
        (status = 201, body = KeyView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope, or would give more than it has.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "A live key of a tenant that is not approved, too many keys, or the same request is at work.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The `Idempotency-Key` came with another request.", body = Problem, content_type = "application/problem+json"),
        (status = 429, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn create(
    State(platform): State<Platform>,
    caller: Caller,
    Json(document): Json,
) -> Result<Response, Failure> {
    let kernel = &platform.kernel;
    let new = new_key(&platform, &caller.caller, &document)?;
    let call = caller.call("/platform/v1/keys", &document);
    let input = CreateKey { new, secrets: Arc::clone(&kernel.secrets) };
    let answer = kernel.run(call, &command::CREATE_KEY, input, command::create_key).await?;
    Ok(reply::json(StatusCode::CREATED, &answer.value))
}

fn new_key(platform: &Platform, who: &kernel::Caller, document: &Document) -> Result<NewKey, Fault> {
    let ((service, kind), fields) =
        both(body::service_and_kind(document), body::key(document, &body::SNAKE_CASE))?;
    let known = (platform.catalog.scopes)(service);
    let scopes = fields.scopes.clone().unwrap_or_else(|| match service {
        Service::Platform => who.scopes.clone(),
        _ => known.iter().map(|scope| (*scope).to_owned()).collect(),
    });
    command::ensure_known(&scopes, known)?;
    let form = KeyText { service, kind, environment: who.environment };
    Ok(body::new_key(form, scopes, fields))
}

/// `GET /platform/v1/keys/{id}`: one key without its secret. Free.
#[utoipa::path(
    get,
    path = "/platform/v1/keys/{id}",
    summary = "Get a key",
    security(("platform" = ["keys:read"])),
    params(("id" = String, Path, description = "`key_…`")),
    responses(
        (status = 200, body = KeyView),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 429, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn get(
    State(platform): State<Platform>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    caller.caller.ensure_scope(Scope::Key("keys:read"))?;
    let (who, key_id) = (caller.caller, parse_id(&id)?);
    let find = move |tx: &mut db::Tx<'_>| keys::find(tx, who.tenant_id, who.environment, key_id);
    Ok(reply::json(StatusCode::OK, &KeyView::of(platform.kernel.db.read(find).await?)))
}

#[derive(ToSchema)]
#[schema(as = KeyChange)]
#[expect(dead_code, reason = "the document's view of a body that is read field by field")]
struct ChangeBody {
    #[schema(max_length = 100, example = "billing job")]
    label: Option<String>,
    #[schema(max_items = 50, example = json!(["accounts:read"]))]
    scopes: Option<Vec<String>>,
    #[schema(max_items = 50, example = json!([]))]
    allowed_origins: Option<Vec<String>>,
    /// An empty list allows every address.
    #[schema(max_items = 50, example = json!(["203.0.113.0/24"]))]
    allowed_ips: Option<Vec<String>>,
    /// 0: no limit; `null`: the service's own.
    #[schema(minimum = 0, maximum = 1_000_000, example = 120)]
    rate_limit_per_minute: Option<i64>,
    /// In credits; `null`: as many as the wallet has.
    #[schema(minimum = 0, example = 5000)]
    spend_cap_per_day: Option<i64>,
    /// `null`: never.
    #[schema(format = DateTime, example = "2030-01-31T12:00:00Z")]
    expires_at: Option<String>,
}

/// `PATCH /platform/v1/keys/{id}`: changes a key and the others of its lineage that still work. Free.
#[utoipa::path(
    patch,
    path = "/platform/v1/keys/{id}",
    summary = "Change a key",
    description = "What is not named stays as it is. A change holds for every call that begins after it was answered; \
                   where `scopes`, `spend_cap_per_day` or `expires_at` change, those that had begun before have ended \
                   by then, unless the answer carries a `warning`.",
    security(("platform" = ["keys:write"])),
    params(("id" = String, Path, description = "`key_…`")),
    request_body = ChangeBody,
    responses(
        (status = 200, body = KeyView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope, would give more than it has, or change its own limits.", body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The key is revoked or has expired.", body = Problem, content_type = "application/problem+json"),
        (status = 429, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn patch(
    State(platform): State<Platform>,
    caller: Caller,
    Path(id): Path<String>,
    Json(document): Json,
) -> Result<Response, Failure> {
    let change: KeyChange = body::key(&document, &body::SNAKE_CASE)?;
    let input = ChangeKey { key_id: parse_id(&id)?, change, scopes_of: platform.catalog.scopes };
    let call = caller.call("/platform/v1/keys/{id}", &document);
    let changed = platform::change_key(&platform.kernel, call, input).await?;
    Ok(reply::json(StatusCode::OK, &changed))
}

/// `DELETE /platform/v1/keys/{id}`: revokes. Once it is answered, no charge by the key commits. Free.
#[utoipa::path(
    delete,
    path = "/platform/v1/keys/{id}",
    summary = "Revoke a key",
    description = "Once this is answered, the key is dead on every node and no charge by it commits. After a 503 it is \
                   dead, too, and a repetition waits for what was under way. Revoking again changes nothing.",
    security(("platform" = ["keys:write"])),
    params(("id" = String, Path, description = "`key_…`")),
    responses(
        (status = 200, body = KeyView),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 429, body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn revoke(
    State(platform): State<Platform>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let call = caller.call("/platform/v1/keys/{id}", &Document::default());
    let revoked = platform::revoke_key(&platform.kernel, call, parse_id(&id)?).await?;
    Ok(reply::json(StatusCode::OK, &revoked))
}

#[derive(ToSchema)]
#[schema(as = KeyRotation)]
#[expect(dead_code, reason = "the document's view of a body that is read field by field")]
struct RotateBody {
    /// How long the old secret still works.
    #[schema(minimum = 0, maximum = 900, default = 900, example = 900)]
    grace_seconds: Option<i64>,
}

/// `POST /platform/v1/keys/{id}/rotate`: the next secret of a key; the old one works for `grace_seconds` more. Free.
#[utoipa::path(
    post,
    path = "/platform/v1/keys/{id}/rotate",
    summary = "Rotate a key",
    description = "The answer is a new key of the same lineage, which keeps limits and caps. Rotated again within the \
                   grace, the newest secret is replaced if it was never used, and the old deadline stays; else the \
                   older one ends at once. A `warning` says that calls begun with a replaced key may not have ended \
                   yet: revoke that key to wait for them.",
    security(("platform" = ["keys:write"])),
    params(
        ("id" = String, Path, description = "`key_…`"),
        ("Idempotency-Key" = Option<String>, Header, description = "Any unique value; the same one for a retry. Kept 24 hours."),
    ),
    request_body(content = Option<RotateBody>),
    responses(
        (status = 201, body = KeyView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope, or would get a secret that may more than it.", body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The key is revoked or has expired, or the same request is at work.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The `Idempotency-Key` came with another request.", body = Problem, content_type = "application/problem+json"),
        (status = 429, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn rotate(
    State(platform): State<Platform>,
    caller: Caller,
    Path(id): Path<String>,
    Json(document): Json,
) -> Result<Response, Failure> {
    let input = RotateKey {
        grace_seconds: document.integer_or("grace_seconds", 0..=GRACE_SECONDS_MAX, GRACE_SECONDS_MAX)?,
        key_id: parse_id(&id)?,
        secrets: Arc::clone(&platform.kernel.secrets),
    };
    let call = caller.call("/platform/v1/keys/{id}/rotate", &document);
    let key = platform::rotate_key(&platform.kernel, call, input).await?;
    Ok(reply::json(StatusCode::CREATED, &key))
}

/// A malformed id is nobody's id.
fn parse_id(text: &str) -> Result<KeyId, Fault> {
    text.parse().map_err(|_| Fault::not_found("key"))
}
