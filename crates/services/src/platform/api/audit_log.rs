//! The public side of the audit log, as C2SP tlog-tiles has it. It tells nothing about who did what: entries are
//! hashes of salted hashes.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use base::Fault;
use http::{HeaderValue, header};
use kernel::audit::log;
use seal::tile::{Tile, WIDTH};
use web::problem::Problem;
use web::{Failure, reply};

use crate::platform::Platform;

/// A full tile never changes.
const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// The first hashes of a tile never change either, but soon there are more.
const FOR_A_MINUTE: HeaderValue = HeaderValue::from_static("public, max-age=60");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");
const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// `GET /audit/checkpoint`: the newest signed checkpoint. No key is needed, and it costs nothing.
#[utoipa::path(
    get,
    path = "/audit/checkpoint",
    summary = "The audit log's newest checkpoint",
    description = "A signed note (C2SP tlog-checkpoint): the log's name, its size, its root, and a signature by each \
                   key of `GET /.well-known/attestry`. Keep it: with it you can prove later that nothing before it \
                   was changed or removed.",
    responses(
        (status = 200, body = String, content_type = "text/plain; charset=utf-8",
         example = "attestry/9f0c2ab31d5e7784\n2\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— attestry/9f0c2ab31d5e7784 …\n"),
        (status = 404, description = "Nothing was sealed here yet.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn checkpoint(State(platform): State<Platform>) -> Result<Response, Failure> {
    let head = platform.kernel.db.read(log::head).await?;
    let note = head.and_then(|head| head.note).ok_or_else(|| Fault::not_found("checkpoint"))?;
    let mut response = reply::text("text/plain; charset=utf-8", note);
    response.headers_mut().insert(header::CACHE_CONTROL, ASK_AGAIN);
    Ok(response)
}

/// `GET /audit/tile/{level}/{*number}`: hashes of the log, or its entries. No key is needed, and it costs nothing.
#[utoipa::path(
    get,
    path = "/audit/tile/{level}/{*number}",
    summary = "A tile of the audit log",
    description = "C2SP tlog-tiles: 256 hashes of 32 bytes, or with `.p/W` the first W of them. An entry of \
                   `entries` is two bytes of length and a hash; it is SHA-256 of the text of an audit row, in which \
                   every personal field stands as a salted hash.",
    params(
        ("level" = String, Path, description = "0 to 7, or `entries`.", example = "0"),
        ("*number" = String, Path, description = "The tile's number in groups of three digits, each but the last \
         with an `x`; `.p/W` behind it asks for the first W hashes.", example = "x001/x234/067.p/5"),
    ),
    responses(
        (status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 404, description = "No such path, or the log does not reach so far.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn tile(
    State(platform): State<Platform>,
    Path((level, number)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let missing = || Fault::not_found("tile");
    let tile = Tile::parse(&format!("{level}/{number}")).ok_or_else(missing)?;
    let bytes = platform.kernel.db.read(move |tx| log::tile(tx, tile)).await?.ok_or_else(missing)?;
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, OCTETS);
    let lasts = if tile.width == WIDTH { FOR_GOOD } else { FOR_A_MINUTE };
    headers.insert(header::CACHE_CONTROL, lasts);
    Ok(response)
}
