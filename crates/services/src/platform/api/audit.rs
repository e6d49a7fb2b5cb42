use axum::extract::{Query, State};
use axum::response::Response;
use base::{Fault, Timestamp};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use kernel::Kernel;
use kernel::audit::export::{self, Rows};
use kernel::audit::{Filter, Listed as Row, list as rows_of};
use kernel::spine::Scope;
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, mpsc};
use utoipa::{IntoParams, ToSchema};
use web::json::both;
use web::page::{Listed, Page, Place};
use web::problem::Problem;
use web::{Caller, Failure, reply};

use crate::platform::{Platform, body};

const SCOPE: &str = "audit:read";
/// Exports that one node sends at a time.
const EXPORTS_MAX: usize = 4;
static EXPORTS: Semaphore = Semaphore::const_new(EXPORTS_MAX);
/// Pages that wait for a slow reader.
const PAGES_WAITING_MAX: usize = 2;
const FILTER_LENGTH_MAX: usize = 200;

/// Which rows are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditQuery {
    /// Only this action.
    #[param(example = "platform.key.create")]
    action: Option<String>,
    /// Only what this key, operator or worker did.
    #[param(example = "key_01jd7rqk3sf0x8e5v6y2wz9abc")]
    actor: Option<String>,
    /// Only what was done to this.
    #[param(example = "key_01jd7rqk3sf0x8e5v6y2wz9abc")]
    target: Option<String>,
    /// From this moment on: RFC 3339.
    #[param(example = "2026-06-01T00:00:00Z")]
    from: Option<String>,
    /// Until before this moment: RFC 3339.
    #[param(example = "2026-07-01T00:00:00Z")]
    to: Option<String>,
    /// 1 to 100, 20 unless said.
    #[param(example = "20")]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Who did what to what.
#[derive(Serialize, ToSchema, Debug)]
#[schema(as = AuditRow)]
pub(super) struct RowView {
    #[schema(example = "aud_01jd7rqk3sf0x8e5v6y2wz9abc")]
    id: String,
    #[schema(value_type = String, format = DateTime, example = "2026-06-01T13:00:00.000Z")]
    at: Timestamp,
    /// `key`, `operator` or `system`.
    #[schema(example = "key")]
    actor_type: String,
    #[schema(example = "key_01jd7rqk3sf0x8e5v6y2wz9abc")]
    actor: String,
    #[schema(example = "platform.key.create")]
    action: String,
    #[schema(example = "key_01jd7rqk3sf0x8e5v6y2wz9abd")]
    target: String,
    /// `done`, `recorded` (it stays, and nothing was charged) or `refused`.
    #[schema(example = "done")]
    outcome: String,
    #[schema(example = "req_01jd7rqk3sf0x8e5v6y2wz9abc")]
    request_id: String,
    note: Option<String>,
    /// `actor`, `target` and `note` were erased.
    erased: bool,
    /// The row's number among those of this environment, and its index in the audit log; `null` until it is sealed, a
    /// second or so after it was written.
    number: Option<i64>,
    log_index: Option<i64>,
}

impl RowView {
    fn of(row: Row) -> Self {
        Self {
            id: row.audit_id.text(),
            at: row.at,
            actor_type: row.actor_type,
            actor: row.actor_id,
            action: row.action,
            target: row.target,
            outcome: row.outcome,
            request_id: row.request_id,
            note: row.note,
            erased: row.is_erased,
            number: row.sealed.map(|sealed| sealed.number),
            log_index: row.sealed.map(|sealed| sealed.log_index),
        }
    }
}

/// `GET /platform/v1/audit`: who did what in the environment, newest first. Free.
#[utoipa::path(
    get,
    path = "/platform/v1/audit",
    summary = "List the audit log",
    description = "A page looks through at most 20 000 rows, so with filters it may be short, or empty, and still have \
                   a `next_cursor`.",
    security(("platform" = ["audit:read"])),
    params(AuditQuery),
    responses(
        (status = 200, body = Listed<RowView>),
        (status = 400, description = "A parameter of the query is wrong.", body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 429, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn list(
    State(platform): State<Platform>,
    caller: Caller,
    Query(query): Query<AuditQuery>,
) -> Result<Response, Failure> {
    caller.caller.ensure_scope(Scope::Key(SCOPE))?;
    let (who, kernel) = (caller.caller, &platform.kernel);
    let filter = filter(&query)?;
    let said = [query.action, query.actor, query.target, query.from, query.to].map(Option::unwrap_or_default);
    let said = said.each_ref().map(String::as_str);
    let place = Place { route: "/platform/v1/audit", filters: &said };
    let page = Page::of(kernel, &who, place, query.limit.as_deref(), query.cursor.as_deref())?;
    let (before, rows_max) = (page.after()?, page.rows_max());
    let read =
        move |tx: &mut db::Tx<'_>| rows_of(tx, who.tenant_id, who.environment, &filter, before, rows_max);
    let (rows, floor) = kernel.db.read(read).await?;
    let mut listed = page.listed(rows, |row| row.audit_id.text());
    if listed.next_cursor.is_none() {
        listed.next_cursor = floor.map(|floor| page.cursor_at(&floor.text()));
    }
    Ok(reply::json(StatusCode::OK, &listed.map(RowView::of)))
}

fn filter(query: &AuditQuery) -> Result<Filter, Fault> {
    let word = |name: &'static str, text: &Option<String>| match text {
        Some(text) if text.is_empty() || text.len() > FILTER_LENGTH_MAX => Err(Fault::invalid(
            name,
            format!("must have 1 to {FILTER_LENGTH_MAX} characters, or be left out"),
        )),
        Some(text) => Ok(text.clone()),
        None => Ok(String::new()),
    };
    let names = both(word("action", &query.action), word("actor", &query.actor));
    let rest = both(word("target", &query.target), body::span(query.from.as_deref(), query.to.as_deref()));
    let ((action, actor_id), (target, (from, to))) = both(names, rest)?;
    Ok(Filter { action, actor_id, target, from, to })
}

/// Which rows are exported.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ExportQuery {
    /// Only rows behind this number: to go on where an export before ended. 0 unless said.
    #[param(example = "0")]
    after: Option<String>,
}

/// `GET /platform/v1/audit/export`: every sealed row of the environment with its proof, oldest first. Free.
#[utoipa::path(
    get,
    path = "/platform/v1/audit/export",
    summary = "Export the audit log with proofs",
    description = "One JSON object a line. The first (`type` `export`) holds the signed checkpoints, each row the hashes \
                   that lead to one of them, the last (`type` `end`) the number of rows. `attestry audit verify` \
                   checks the file with the public key alone. Rows that are not sealed yet are not in it.",
    security(("platform" = ["audit:read"])),
    params(ExportQuery),
    responses(
        (status = 200, body = String, content_type = "application/jsonl",
         example = "{\"type\":\"export\",\"version\":1,…}\n{\"type\":\"row\",\"log\":\"attestry/9f0c2ab31d5e7784\",\"index\":1,…}\n{\"type\":\"end\",\"rows\":1}\n"),
        (status = 400, description = "A parameter of the query is wrong.", body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 429, body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many exports are under way, or nothing was sealed yet.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn export(
    State(platform): State<Platform>,
    caller: Caller,
    Query(query): Query<ExportQuery>,
) -> Result<Response, Failure> {
    caller.caller.ensure_scope(Scope::Key(SCOPE))?;
    let (kernel, who) = (platform.kernel, caller.caller);
    let rows = Rows::Of { tenant_id: who.tenant_id, environment: who.environment, after: after(&query)? };
    let busy = |_| Fault::unavailable("Too many exports are under way.").retry_after(10);
    let permit = EXPORTS.try_acquire().map_err(busy)?;
    let (header, position) = export::begin(&kernel, rows).await?;
    let (pieces, body) = mpsc::channel(PAGES_WAITING_MAX);
    tokio::spawn(async move {
        let _permit = permit;
        // Nobody is left to be told when the reader has gone.
        drop(send(&kernel, rows, header, position, &pieces).await);
    });
    let mut response = reply::stream("application/jsonl", body);
    let name = HeaderValue::from_static("attachment; filename=\"audit.jsonl\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}

fn after(query: &ExportQuery) -> Result<u64, Fault> {
    let Some(text) = &query.after else { return Ok(0) };
    let is_plain = !text.is_empty() && text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_digit());
    let wrong = || Fault::invalid("after", "must be the number of a row: a whole number from 0");
    text.parse().ok().filter(|_| is_plain).ok_or_else(wrong)
}

/// Page by page, as fast as they are read.
async fn send(
    kernel: &Kernel,
    rows: Rows,
    header: String,
    position: export::Position,
    pieces: &mpsc::Sender<Result<Bytes, Fault>>,
) -> Result<(), mpsc::error::SendError<Result<Bytes, Fault>>> {
    pieces.send(Ok(Bytes::from(header + "\n"))).await?;
    let mut position = Some(position);
    while let Some(at) = position {
        match export::next(kernel, rows, at).await {
            Ok((lines, next)) => {
                position = next;
                let text = lines.into_iter().flat_map(|line| [line, "\n".to_owned()]).collect::<String>();
                pieces.send(Ok(Bytes::from(text))).await?;
            }
            Err(fault) => {
                tracing::warn!(?fault, "an export of the audit log was cut short");
                return pieces.send(Err(fault)).await;
            }
        }
    }
    Ok(())
}
