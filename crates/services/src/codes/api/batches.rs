use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use base::Fault;
use base::id::BatchId;
use http::{HeaderValue, StatusCode, header};
use kernel::spine::Scope;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use web::json::{Document, all4, both, inside};
use web::page::{Page, Place};
use web::{Caller, Failure, Json, reply};

use super::body::{self, ListBody};
use super::dialect::ErrorBody;
use crate::codes::Codes;
use crate::codes::command;
use crate::codes::command::batch::{self, BatchView, ChangeBatch, Fate, REASON_LENGTH_MAX};
use crate::codes::command::mint::{self, Minted};
use crate::codes::model::{Batch, Mint, QUANTITY_MAX, REGION_LENGTH_MAX};
use crate::codes::risk::Rules;

const ROUTE: &str = "/api/v1/batches";

#[derive(ToSchema)]
#[schema(as = CodesMint, rename_all = "camelCase")]
#[expect(dead_code, reason = "the document's view of a body that is read field by field")]
struct MintBody {
    /// One of your products.
    #[schema(example = "prod_01k0example0000000000000000")]
    product_id: String,
    #[schema(minimum = 1, maximum = 10_000_000, example = 500)]
    quantity: i64,
    /// Of the serial numbers; the product's own if it is not said.
    #[schema(pattern = "^[A-Za-z0-9._-]{1,20}$", example = "EXP24")]
    prefix: Option<String>,
    /// Where these items are meant to be. A country, by its English name or its ISO code, is watched for; any other text
    /// is only kept.
    #[schema(max_length = 100, example = "Kenya")]
    expected_region: Option<String>,
}

/// Codes that were answered at once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CodesGeneratedBatch)]
pub(super) struct GeneratedBody {
    #[schema(value_type = String, example = "bat_01k0example0000000000000000")]
    batch_id: BatchId,
    #[schema(example = 500)]
    generated: i64,
    #[schema(example = 500)]
    charged: i64,
    codes: Vec<CodeBody>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CodesCode)]
pub(super) struct CodeBody {
    #[schema(example = "EXP24-000001")]
    serial: String,
    #[schema(example = "13MKARCQ3FZNKGKVZ22V")]
    token: String,
    #[schema(example = "https://codes.example.com/v/13MKARCQ3FZNKGKVZ22V")]
    verify_url: String,
}

/// Codes that are to be exported.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CodesQueuedBatch)]
pub(super) struct QueuedBody {
    #[schema(value_type = String, example = "bat_01k0example0000000000000000")]
    batch_id: BatchId,
    #[schema(example = 20_000)]
    queued: i64,
    #[schema(example = 20_000)]
    charged: i64,
    #[schema(rename = "async", example = true)]
    #[serde(rename = "async")]
    is_async: bool,
}

/// `POST /api/v1/batches`: mints codes, all or none. Costs 1 credit a code.
#[utoipa::path(
    post,
    path = "/api/v1/batches",
    summary = "Mint codes",
    description = "The codes are minted and charged in one step, whatever the quantity. Up to 1000 (a setting of yours) \
                   are in the answer; more are exported by `GET /api/v1/batches/{id}/codes`, at once if you like.",
    security(("key" = ["generate"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters. The same key and body within 24 hours get the same answer, charged once; for 30 days more the key is refused.")),
    request_body = MintBody,
    responses(
        (status = 201, description = "Minted; here they are.", body = GeneratedBody),
        (status = 202, description = "Minted; export them.", body = QueuedBody),
        (status = 400, description = "`invalid_body` or `invalid_request`: nothing was charged.", body = ErrorBody),
        (status = 401, description = "`unauthorized`.", body = ErrorBody),
        (status = 402, description = "`insufficient_credits`: nothing was minted.", body = ErrorBody),
        (status = 403, description = "`org_not_approved` or `insufficient_scope`.", body = ErrorBody),
        (status = 404, description = "`product_not_found`.", body = ErrorBody),
        (status = 409, description = "`request_in_progress`.", body = ErrorBody),
        (status = 413, description = "`body_too_large`.", body = ErrorBody),
        (status = 415, description = "`unsupported_media_type`.", body = ErrorBody),
        (status = 422, description = "`idempotency_key_reused` or `idempotency_expired`.", body = ErrorBody),
        (status = 429, description = "`rate_limited`.", body = ErrorBody),
        (status = 500, description = "`generation_failed`: nothing was charged.", body = ErrorBody),
        (status = 503, description = "`unavailable`.", body = ErrorBody),
    ),
)]
pub(super) async fn create(
    State(codes): State<Codes>,
    caller: Caller,
    Json(document): Json,
) -> Result<Response, Failure> {
    let input = wanted(&codes, &document)?;
    let (tenant_id, environment) = (caller.caller.tenant_id, caller.caller.environment);
    let call = caller.call(ROUTE, &document);
    let answer = codes.kernel().run(call, &command::MINT, input, mint::mint).await?;
    let Minted { batch_id, is_inline, batch } = answer.value;
    let batch = match batch {
        Some(batch) => batch,
        None => {
            let find = move |tx: &mut db::Tx<'_>| batch::find(tx, tenant_id, environment, batch_id);
            codes.kernel().db.read(find).await?
        }
    };
    let mut response = minted(&codes, &batch, is_inline, answer.is_replay)?;
    let location = format!("{ROUTE}/{batch_id}");
    let location = HeaderValue::try_from(location).expect("an id is lower-case ASCII");
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

fn wanted(codes: &Codes, document: &Document) -> Result<Mint, Fault> {
    let (product_id, quantity, prefix, region) = all4(
        document.string("productId", 1..=64),
        document.integer("quantity", 1..=QUANTITY_MAX),
        body::prefix(document, "prefix"),
        document.optional_string("expectedRegion", 0..=REGION_LENGTH_MAX),
    )?;
    Ok(Mint {
        // One that is none is judged where one that is not there is: after the key.
        product_id: product_id.parse().unwrap_or(base::id::ProductId::from_bits(0)),
        quantity,
        prefix,
        expected_region: region.map(str::to_owned),
        address: codes.address().page(),
        keys: Arc::clone(codes.keys()),
    })
}

fn minted(codes: &Codes, batch: &Batch, is_inline: bool, is_replay: bool) -> Result<Response, Fault> {
    let &Batch { batch_id, charged, quantity, .. } = batch;
    if !is_inline {
        let body = QueuedBody { batch_id, queued: quantity, charged, is_async: true };
        return Ok(body::answer(StatusCode::ACCEPTED, &body, is_replay));
    }
    let run = batch.run(codes.keys(), 1, quantity)?;
    let all = (0..run.quantity).map(|index| run.code(index));
    let codes =
        all.map(|code| CodeBody { serial: code.serial, token: code.token, verify_url: code.verify_url });
    let body = GeneratedBody { batch_id, generated: quantity, charged, codes: codes.collect() };
    Ok(body::answer(StatusCode::CREATED, &body, is_replay))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListQuery {
    /// Only the batches of this product: `prod_…`.
    product_id: Option<String>,
    /// 1 to 100, 20 unless said.
    #[param(example = "20")]
    limit: Option<String>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
}

/// `GET /api/v1/batches`: the batches of the key's environment, newest first. Free.
#[utoipa::path(
    get,
    path = "/api/v1/batches",
    summary = "List batches",
    security(("key" = ["generate"])),
    params(ListQuery),
    responses(
        (status = 200, body = ListBody<BatchView>),
        (status = 400, description = "`invalid_request`.", body = ErrorBody),
        (status = 401, description = "`unauthorized`.", body = ErrorBody),
        (status = 403, description = "`org_not_approved` or `insufficient_scope`.", body = ErrorBody),
        (status = 429, description = "`rate_limited`.", body = ErrorBody),
        (status = 503, description = "`unavailable`.", body = ErrorBody),
    ),
)]
pub(super) async fn list(
    State(codes): State<Codes>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Response, Failure> {
    caller.caller.ensure_scope(Scope::Key(command::GENERATE))?;
    let (who, kernel) = (caller.caller, codes.kernel());
    let product_id = query.product_id.unwrap_or_default();
    let place = Place { route: ROUTE, filters: &[&product_id] };
    let page = Page::of(kernel, &who, place, query.limit.as_deref(), query.cursor.as_deref())?;
    let (before, rows_max) = (page.after()?, page.rows_max());
    let read = move |tx: &mut db::Tx<'_>| {
        batch::list(tx, who.tenant_id, who.environment, &product_id, before, rows_max)
    };
    let batches = kernel.db.read(read).await?;
    let views = batches.into_iter().map(|batch| BatchView::of(batch, None)).collect::<Result<Vec<_>, _>>()?;
    let page = page.listed(views, |batch| batch.batch_id.text());
    Ok(reply::json(StatusCode::OK, &ListBody::from(page)))
}

/// `GET /api/v1/batches/{id}`: a batch and what became of its codes. Free.
#[utoipa::path(
    get,
    path = "/api/v1/batches/{id}",
    summary = "Get a batch",
    security(("key" = ["generate"])),
    params(("id" = String, Path, description = "`bat_…`")),
    responses(
        (status = 200, body = BatchView),
        (status = 401, description = "`unauthorized`.", body = ErrorBody),
        (status = 403, description = "`org_not_approved` or `insufficient_scope`.", body = ErrorBody),
        (status = 404, description = "`not_found`.", body = ErrorBody),
        (status = 429, description = "`rate_limited`.", body = ErrorBody),
        (status = 503, description = "`unavailable`.", body = ErrorBody),
    ),
)]
pub(super) async fn get(
    State(codes): State<Codes>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    caller.caller.ensure_scope(Scope::Key(command::GENERATE))?;
    let batch_id: BatchId = body::id(&id, batch::not_found)?;
    let (tenant_id, environment) = (caller.caller.tenant_id, caller.caller.environment);
    let read = move |tx: &mut db::Tx<'_>| batch::read(tx, tenant_id, environment, batch_id);
    Ok(reply::json(StatusCode::OK, &codes.kernel().db.read(read).await?))
}

#[derive(ToSchema)]
#[schema(as = CodesBatchChange)]
#[expect(dead_code, reason = "the document's view of a body that is read field by field")]
struct ChangeBody {
    /// `recalled`, `active` or `cancelled`.
    #[schema(example = "recalled")]
    status: Option<String>,
    /// Why it is recalled: for you and your webhooks.
    #[schema(max_length = 200, example = "seal not tight")]
    reason: Option<String>,
    /// Settings of the risk rules; what is not named has its default.
    #[schema(value_type = Option<Object>)]
    risk: Option<Rules>,
}

/// `PATCH /api/v1/batches/{id}`: recalls a batch, in one row, or takes that back; cancels it; sets its risk rules. Free.
#[utoipa::path(
    patch,
    path = "/api/v1/batches/{id}",
    summary = "Recall or cancel a batch, or set its risk rules",
    description = "A batch of which nobody got a code yet can be cancelled: what it cost is given back, and its codes are \
                   none. That is a batch that was answered with a 202 and never exported.",
    security(("key" = ["manage"])),
    params(
        ("id" = String, Path, description = "`bat_…`"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters."),
    ),
    request_body = ChangeBody,
    responses(
        (status = 200, body = BatchView),
        (status = 400, description = "`invalid_body` or `invalid_request`.", body = ErrorBody),
        (status = 401, description = "`unauthorized`.", body = ErrorBody),
        (status = 403, description = "`org_not_approved` or `insufficient_scope`.", body = ErrorBody),
        (status = 404, description = "`not_found`.", body = ErrorBody),
        (status = 409, description = "`conflict`: it was exported, or cancelled. Or `request_in_progress`.", body = ErrorBody),
        (status = 422, description = "`idempotency_key_reused` or `idempotency_expired`.", body = ErrorBody),
        (status = 429, description = "`rate_limited`.", body = ErrorBody),
        (status = 503, description = "`unavailable`.", body = ErrorBody),
    ),
)]
pub(super) async fn change(
    State(codes): State<Codes>,
    caller: Caller,
    Path(id): Path<String>,
    Json(document): Json,
) -> Result<Response, Failure> {
    let (fate, rules) = both(fate(&document), rules(&document))?;
    let batch_id = body::id(&id, batch::not_found)?;
    let call = caller.call("/api/v1/batches/{id}", &document);
    let input = ChangeBatch { batch_id, fate, rules };
    let answer = codes.kernel().run(call, &command::CHANGE_BATCH, input, batch::change).await?;
    Ok(body::answer(StatusCode::OK, &answer.value, answer.is_replay))
}

fn fate(document: &Document) -> Result<Option<Fate>, Fault> {
    let (status, reason) = both(
        document.optional_string("status", 0..=usize::MAX),
        document.optional_string("reason", 0..=REASON_LENGTH_MAX),
    )?;
    match (status, reason) {
        (Some("recalled"), reason) => {
            Ok(Some(Fate::Recalled { reason: reason.unwrap_or_default().to_owned() }))
        }
        (Some("active"), None) => Ok(Some(Fate::Active)),
        (Some("cancelled"), None) => Ok(Some(Fate::Cancelled)),
        (Some("active" | "cancelled") | None, Some(_)) => {
            Err(Fault::invalid("reason", "belongs to a recall: send it with \"status\":\"recalled\""))
        }
        (Some(_), _) => Err(Fault::invalid("status", "must be recalled, active or cancelled")),
        (None, None) => Ok(None),
    }
}

fn rules(document: &Document) -> Result<Option<Rules>, Fault> {
    let Some(sent) = document.optional_object("risk")? else { return Ok(None) };
    Rules::read(&sent.canonical()).map(Some).map_err(|fault| inside("risk", fault))
}
