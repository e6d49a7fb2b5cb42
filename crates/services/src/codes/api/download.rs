//! `GET /api/v1/batches/{id}/codes`: the codes of a batch as a file, made while it is sent, and resumable by `Range`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use base::id::{BatchId, TenantId};
use base::{Code, Environment, Fault};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use kernel::spine::Scope;
use seal::labels::{File, Format, Sheet};
use serde::Deserialize;
use tokio::sync::{Semaphore, mpsc};
use utoipa::IntoParams;
use web::json::all3;
use web::{Caller, Failure, reply};

use super::body;
use super::dialect::ErrorBody;
use crate::codes::Codes;
use crate::codes::command::{self, batch};

/// Exports that one node sends at a time.
const EXPORTS_MAX: usize = 16;
static EXPORTS: Semaphore = Semaphore::const_new(EXPORTS_MAX);
const PIECE_BYTES: usize = 256 * 1024;
/// Pieces that wait for a slow reader.
const PIECES_WAITING_MAX: usize = 4;
/// How long a reader may take for a piece before its download is broken off; it can go on with `Range`.
const STALL_MAX: Duration = Duration::from_secs(60);

/// Which codes of a batch are exported, and how.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DownloadQuery {
    /// `csv`, `ndjson`, `zpl`, `pdf` or `svg-zip`; `csv` unless said.
    #[param(example = "csv")]
    format: Option<String>,
    /// Of a PDF: `a4-65`, `a4-40`, `letter-65` or `letter-40`; `a4-65` unless said.
    #[param(example = "a4-65")]
    sheet: Option<String>,
    /// The first code, counted from 1.
    #[param(example = "1")]
    from: Option<String>,
    /// The last code, counted from 1 and included.
    #[param(example = "500")]
    to: Option<String>,
}

/// `GET /api/v1/batches/{id}/codes`: the codes as a file, the same bytes every time. Free.
#[utoipa::path(
    get,
    path = "/api/v1/batches/{id}/codes",
    summary = "Export the codes of a batch",
    description = "Always the same bytes, so a download that broke off goes on with `Range`. A zip of drawings holds \
                   65 535 codes at most: ask for a part with `from` and `to`.",
    security(("key" = ["generate"])),
    params(
        ("id" = String, Path, description = "`bat_…`"),
        DownloadQuery,
        ("Range" = Option<String>, Header, description = "`bytes=1000-` goes on from there."),
    ),
    responses(
        (status = 200, description = "The whole file.", content_type = "text/csv", body = String),
        (status = 206, description = "The part that was asked for.", content_type = "text/csv", body = String),
        (status = 400, description = "`invalid_request`.", body = ErrorBody),
        (status = 401, description = "`unauthorized`.", body = ErrorBody),
        (status = 403, description = "`org_not_approved` or `insufficient_scope`.", body = ErrorBody),
        (status = 404, description = "`not_found`.", body = ErrorBody),
        (status = 409, description = "`conflict`: the batch was cancelled.", body = ErrorBody),
        (status = 416, description = "The range is not in the file."),
        (status = 429, description = "`rate_limited`.", body = ErrorBody),
        (status = 503, description = "`unavailable`: too many exports at a time.", body = ErrorBody),
    ),
)]
pub(super) async fn download(
    State(codes): State<Codes>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<DownloadQuery>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    caller.caller.ensure_scope(Scope::Key(command::GENERATE))?;
    let whose = (caller.caller.tenant_id, caller.caller.environment);
    Ok(codes.export(whose, &id, &query, &headers).await?)
}

impl Codes {
    /// The codes of a tenant's batch as a file, or the part of it that the headers ask for.
    ///
    /// # Errors
    /// A query that asks for none; not found; cancelled; too many exports at a time; a database failure.
    pub async fn export(
        &self,
        (tenant_id, environment): (TenantId, Environment),
        batch_id: &str,
        query: &DownloadQuery,
        headers: &HeaderMap,
    ) -> Result<Response, Fault> {
        let wanted = wanted(query)?;
        let batch_id: BatchId = body::id(batch_id, batch::not_found)?;
        let permit = EXPORTS.try_acquire().map_err(|_| {
            Fault::unavailable("This server sends as many exports as it can. Please retry.").retry_after(5)
        })?;
        let find = move |tx: &mut db::Tx<'_>| batch::find(tx, tenant_id, environment, batch_id);
        let found = batch::ensure_not_cancelled(self.kernel().db.read(find).await?)?;
        let (from, to) = wanted.bounds(found.quantity)?;
        let run = found.run(self.keys(), from, to)?;
        let format = wanted.format;
        // Drawings are measured before the first is sent.
        let file =
            tokio::task::spawn_blocking(move || File::new(format, run)).await.map_err(Fault::internal)?;
        let file = Arc::new(file.map_err(|unfit| Fault::invalid("format", unfit.to_string()))?);
        if found.exported_at.is_none() {
            let now = self.kernel().clock.now();
            let hand_out =
                move |tx: &mut db::Tx<'_>| batch::hand_out(tx, tenant_id, environment, batch_id, now);
            self.kernel().db.write(tenant_id, hand_out).await?;
        }
        let tag = format!("\"{batch_id}-{}-{from}-{to}\"", wanted.name);
        let name = format!("{batch_id}-{from}-{to}.{}", file.extension());
        Ok(answer(file, headers, (&tag, &name), permit))
    }
}

/// What a file is to be made of.
struct Wanted {
    format: Format,
    /// Of format and sheet, for the entity tag.
    name: String,
    from: Option<i64>,
    to: Option<i64>,
}

impl Wanted {
    fn bounds(&self, quantity: i64) -> Result<(i64, i64), Fault> {
        let (from, to) = (self.from.unwrap_or(1), self.to.unwrap_or(quantity));
        if from > quantity || to > quantity {
            let field = if from > quantity { "from" } else { "to" };
            return Err(Fault::invalid(field, format!("must be at most {quantity}, the codes of the batch")));
        }
        if from > to {
            return Err(Fault::invalid("from", "must not be after to"));
        }
        Ok((from, to))
    }
}

fn wanted(query: &DownloadQuery) -> Result<Wanted, Fault> {
    let (format, from, to) = all3(
        format(query.format.as_deref().unwrap_or("csv"), query.sheet.as_deref()),
        position("from", query.from.as_deref()),
        position("to", query.to.as_deref()),
    )?;
    let name = format!(
        "{}-{}",
        query.format.as_deref().unwrap_or("csv"),
        query.sheet.as_deref().unwrap_or_default()
    );
    Ok(Wanted { format, name, from, to })
}

fn format(format: &str, sheet: Option<&str>) -> Result<Format, Fault> {
    let wrong = || Fault::invalid("sheet", "must be a4-65, a4-40, letter-65 or letter-40");
    let known = match format {
        "csv" => Format::Csv,
        "ndjson" => Format::Ndjson,
        "zpl" => Format::Zpl,
        "svg-zip" => Format::SvgZip,
        "pdf" => return sheet.map_or(Some(Sheet::A4By65), Sheet::parse).map(Format::Pdf).ok_or_else(wrong),
        _ => return Err(Fault::invalid("format", "must be csv, ndjson, zpl, pdf or svg-zip")),
    };
    if sheet.is_some() {
        return Err(Fault::invalid("sheet", "belongs to format=pdf"));
    }
    Ok(known)
}

fn position(name: &'static str, text: Option<&str>) -> Result<Option<i64>, Fault> {
    let Some(text) = text else { return Ok(None) };
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let position = text.parse().ok().filter(|position| is_plain && *position >= 1);
    position.map(Some).ok_or_else(|| Fault::invalid(name, "must be the number of a code, counted from 1"))
}

/// A part of a file in bytes, both ends included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    Whole,
    Bytes(u64, u64),
    /// Nothing of the file is in the range.
    Nowhere,
}

/// One range of RFC 9110 §14; several, or units that are not bytes, are answered with the whole.
fn part(headers: &HeaderMap, tag: &str, length: u64) -> Part {
    let is_current = headers.get(header::IF_RANGE).is_none_or(|known| known.as_bytes() == tag.as_bytes());
    let range = headers.get(header::RANGE).filter(|_| is_current).and_then(|range| range.to_str().ok());
    let Some((first, last)) =
        range.and_then(|range| range.strip_prefix("bytes=")).and_then(|range| range.split_once('-'))
    else {
        return Part::Whole;
    };
    let number =
        |text: &str| text.parse::<u64>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    match (first, number(first), last, number(last)) {
        ("", _, _, Some(0)) => Part::Nowhere,
        ("", _, _, Some(suffix)) => Part::Bytes(length.saturating_sub(suffix), length - 1),
        (_, Some(from), _, _) if from >= length => Part::Nowhere,
        (_, Some(from), "", _) => Part::Bytes(from, length - 1),
        (_, Some(from), _, Some(to)) if from <= to => Part::Bytes(from, to.min(length - 1)),
        _ => Part::Whole,
    }
}

fn answer(
    file: Arc<File>,
    headers: &HeaderMap,
    (tag, name): (&str, &str),
    permit: tokio::sync::SemaphorePermit<'static>,
) -> Response {
    let length = file.length();
    let part = part(headers, tag, length);
    let (status, from, to) = match part {
        Part::Whole => (StatusCode::OK, 0, length - 1),
        Part::Bytes(from, to) => (StatusCode::PARTIAL_CONTENT, from, to),
        Part::Nowhere => return not_satisfiable(length),
    };
    let content_type = file.content_type();
    let (pieces, receiver) = mpsc::channel(PIECES_WAITING_MAX);
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        send(&file, from, to, &pieces);
    });
    let mut response = reply::stream(content_type, receiver);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let value = |text: String| HeaderValue::try_from(text).expect("digits, ids and ASCII punctuation");
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(to - from + 1));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::ETAG, value(tag.to_owned()));
    headers.insert(header::CONTENT_DISPOSITION, value(format!("attachment; filename=\"{name}\"")));
    if status == StatusCode::PARTIAL_CONTENT {
        headers.insert(header::CONTENT_RANGE, value(format!("bytes {from}-{to}/{length}")));
    }
    response
}

fn not_satisfiable(length: u64) -> Response {
    let mut response = Response::new(axum::body::Body::empty());
    *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
    let value = HeaderValue::try_from(format!("bytes */{length}")).expect("digits and ASCII punctuation");
    response.headers_mut().insert(header::CONTENT_RANGE, value);
    response
}

/// Until the last piece is sent, or nobody listens any more: a reader that stands still must not keep others waiting.
fn send(file: &File, from: u64, to: u64, pieces: &mpsc::Sender<Result<Bytes, Fault>>) {
    let runtime = tokio::runtime::Handle::current();
    let mut at = from;
    while at <= to {
        let left = usize::try_from(to - at + 1).unwrap_or(usize::MAX);
        let mut piece = Vec::with_capacity(PIECE_BYTES.min(left));
        file.read(at, PIECE_BYTES.min(left), &mut piece);
        if piece.is_empty() {
            let short = Fault::new(Code::Internal, "a file of codes ended before its length");
            drop(runtime.block_on(pieces.send(Err(short))));
            return;
        }
        at += piece.len() as u64;
        let sent = runtime.block_on(tokio::time::timeout(STALL_MAX, pieces.send(Ok(piece.into()))));
        if !matches!(sent, Ok(Ok(()))) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_of_bytes_is_read_and_anything_else_is_the_whole() {
        let read = |range: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, range.parse().unwrap());
            part(&headers, "\"t\"", 100)
        };
        for (range, expected) in [
            ("bytes=0-", Part::Bytes(0, 99)),
            ("bytes=10-19", Part::Bytes(10, 19)),
            ("bytes=90-900", Part::Bytes(90, 99)),
            ("bytes=-10", Part::Bytes(90, 99)),
            ("bytes=-1000", Part::Bytes(0, 99)),
            ("bytes=100-", Part::Nowhere),
            ("bytes=-0", Part::Nowhere),
            ("bytes=5-4", Part::Whole),
            ("bytes=0-1,5-6", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("lines=1-2", Part::Whole),
        ] {
            assert_eq!(read(range), expected, "{range}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, "bytes=5-".parse().unwrap());
        headers.insert(header::IF_RANGE, "\"other\"".parse().unwrap());
        assert_eq!(part(&headers, "\"t\"", 100), Part::Whole);
    }
}
