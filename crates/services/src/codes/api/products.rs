use axum::extract::{Path, Query, State};
use axum::response::Response;
use base::Fault;
use http::StatusCode;
use kernel::spine::Scope;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use web::json::{Document, all4, both};
use web::page::{Page, Place};
use web::{Caller, Failure, Json, reply};

use super::body::{self, ListBody, nullable};
use super::dialect::ErrorBody;
use crate::codes::Codes;
use crate::codes::command;
use crate::codes::command::product::{self, ChangeProduct, ProductView};
use crate::codes::model::{
    IMAGE_LENGTH_MAX, NAME_LENGTH_MAX, NewProduct, PAGE_TEXT_LENGTH_MAX, ProductChange, ProductStatus,
    SELL_BY_DAYS_MAX, SKU_LENGTH_MAX, gtin_14, is_image,
};

const ROUTE: &str = "/api/v1/products";

#[derive(ToSchema)]
#[schema(as = NewCodesProduct, rename_all = "camelCase")]
#[expect(dead_code, reason = "the document's view of a body that is read field by field")]
struct NewProductBody {
    #[schema(min_length = 1, max_length = 200, example = "Premium Cooking Oil 5L")]
    name: String,
    /// Your own number of it.
    #[schema(max_length = 100, example = "OIL-5L")]
    sku: Option<String>,
    /// 8, 12, 13 or 14 digits with their check digit.
    #[schema(example = "9506000134352")]
    gtin: Option<String>,
    /// Of serial numbers; made of SKU or name if it is not said.
    #[schema(pattern = "^[A-Za-z0-9._-]{1,20}$", example = "EXP24")]
    default_prefix: Option<String>,
    /// Countries in which it is sold, by their English names or ISO codes; none: anywhere.
    #[schema(max_items = 50, example = json!(["Kenya", "TZ"]))]
    expected_regions: Option<Vec<String>>,
    /// From the day on which a batch is minted.
    #[schema(minimum = 1, maximum = 36_500, example = 365)]
    sell_by_days: Option<i64>,
    /// What you tell shoppers, on the page of every code: plain text.
    #[schema(max_length = 500, example = "Store in a cool, dry place.")]
    page_text: Option<String>,
    /// `data:image/png;base64,…`, or of JPEG or WebP.
    #[schema(max_length = 20_000)]
    page_image: Option<String>,
}

/// `POST /api/v1/products`: makes a product. Free.
#[utoipa::path(
    post,
    path = "/api/v1/products",
    summary = "Create a product",
    security(("key" = ["manage"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters.")),
    request_body = NewProductBody,
    responses(
        (status = 201, body = ProductView),
        (status = 400, description = "`invalid_body` or `invalid_request`.", body = ErrorBody),
        (status = 401, description = "`unauthorized`.", body = ErrorBody),
        (status = 403, description = "`org_not_approved` or `insufficient_scope`.", body = ErrorBody),
        (status = 409, description = "`request_in_progress`.", body = ErrorBody),
        (status = 422, description = "`idempotency_key_reused` or `idempotency_expired`.", body = ErrorBody),
        (status = 429, description = "`rate_limited`.", body = ErrorBody),
        (status = 503, description = "`unavailable`.", body = ErrorBody),
    ),
)]
pub(super) async fn create(
    State(codes): State<Codes>,
    caller: Caller,
    Json(document): Json,
) -> Result<Response, Failure> {
    let new = new_product(&document)?;
    let call = caller.call(ROUTE, &document);
    let answer = codes.kernel().run(call, &command::CREATE_PRODUCT, new, product::create).await?;
    Ok(body::answer(StatusCode::CREATED, &answer.value, answer.is_replay))
}

fn new_product(document: &Document) -> Result<NewProduct, Fault> {
    let words = all4(name(document), sku(document), gtin(document), body::prefix(document, "defaultPrefix"));
    let page = all4(
        body::regions(document, "expectedRegions"),
        sell_by_days(document),
        page_text(document),
        page_image(document),
    );
    let ((name, sku, gtin, prefix), (regions, sell_by_days, page_text, page_image)) = both(words, page)?;
    let name = name.ok_or_else(|| Fault::invalid("name", "is required"))?;
    let regions = regions.unwrap_or_default();
    Ok(NewProduct { product_id: None, name, sku, gtin, prefix, regions, sell_by_days, page_text, page_image })
}

fn name(document: &Document) -> Result<Option<String>, Fault> {
    match document.optional_string("name", 1..=NAME_LENGTH_MAX)? {
        Some(name) if name.trim().is_empty() => Err(Fault::invalid("name", "must not be blank")),
        name => Ok(name.map(str::to_owned)),
    }
}

fn sku(document: &Document) -> Result<Option<String>, Fault> {
    Ok(document.optional_string("sku", 1..=SKU_LENGTH_MAX)?.map(str::to_owned))
}

fn gtin(document: &Document) -> Result<Option<String>, Fault> {
    let wrong =
        || Fault::invalid("gtin", "must have 8, 12, 13 or 14 digits, the last of which checks the others");
    let sent = document.optional_string("gtin", 0..=usize::MAX)?;
    sent.map(|text| gtin_14(text).ok_or_else(wrong)).transpose()
}

fn sell_by_days(document: &Document) -> Result<Option<i64>, Fault> {
    document.optional_integer("sellByDays", 1..=SELL_BY_DAYS_MAX)
}

fn page_text(document: &Document) -> Result<Option<String>, Fault> {
    Ok(document.optional_string("pageText", 1..=PAGE_TEXT_LENGTH_MAX)?.map(str::to_owned))
}

fn page_image(document: &Document) -> Result<Option<String>, Fault> {
    match document.optional_string("pageImage", 1..=IMAGE_LENGTH_MAX)? {
        Some(image) if !is_image(image) => Err(Fault::invalid(
            "pageImage",
            "must be a PNG, JPEG or WebP image as text: data:image/png;base64,…",
        )),
        image => Ok(image.map(str::to_owned)),
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// `active` or `archived`.
    #[param(example = "active")]
    status: Option<String>,
    /// 1 to 100, 20 unless said.
    #[param(example = "20")]
    limit: Option<String>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
}

/// `GET /api/v1/products`: the products of the key's environment, oldest first. Free.
#[utoipa::path(
    get,
    path = "/api/v1/products",
    summary = "List products",
    security(("key" = ["manage"])),
    params(ListQuery),
    responses(
        (status = 200, body = ListBody<ProductView>),
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
    caller.caller.ensure_scope(Scope::Key(command::MANAGE))?;
    let (who, kernel) = (caller.caller, codes.kernel());
    let status = query.status.as_deref().map(read_status).transpose();
    let place = Place { route: ROUTE, filters: &[query.status.as_deref().unwrap_or_default()] };
    let page = Page::of(kernel, &who, place, query.limit.as_deref(), query.cursor.as_deref());
    let (status, page) = both(status, page)?;
    let (after, rows_max) = (page.after()?, page.rows_max());
    let read =
        move |tx: &mut db::Tx<'_>| product::list(tx, who.tenant_id, who.environment, status, after, rows_max);
    let page = page.listed(kernel.db.read(read).await?, |product| product.product_id.text());
    Ok(reply::json(StatusCode::OK, &ListBody::from(page.map(ProductView::from))))
}

fn read_status(text: &str) -> Result<ProductStatus, Fault> {
    ProductStatus::parse(text).ok_or_else(|| Fault::invalid("status", "must be active or archived"))
}

/// `GET /api/v1/products/{id}`: one product. Free.
#[utoipa::path(
    get,
    path = "/api/v1/products/{id}",
    summary = "Get a product",
    security(("key" = ["manage"])),
    params(("id" = String, Path, description = "`prod_…`")),
    responses(
        (status = 200, body = ProductView),
        (status = 401, description = "`unauthorized`.", body = ErrorBody),
        (status = 403, description = "`org_not_approved` or `insufficient_scope`.", body = ErrorBody),
        (status = 404, description = "`product_not_found`.", body = ErrorBody),
        (status = 429, description = "`rate_limited`.", body = ErrorBody),
        (status = 503, description = "`unavailable`.", body = ErrorBody),
    ),
)]
pub(super) async fn get(
    State(codes): State<Codes>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    caller.caller.ensure_scope(Scope::Key(command::MANAGE))?;
    let product_id = body::id(&id, product::not_found)?;
    let (tenant_id, environment) = (caller.caller.tenant_id, caller.caller.environment);
    let read = move |tx: &mut db::Tx<'_>| product::read(tx, tenant_id, environment, product_id);
    let found = codes.kernel().db.read(read).await?;
    Ok(reply::json(StatusCode::OK, &ProductView::from(found)))
}

#[derive(ToSchema)]
#[schema(as = CodesProductChange, rename_all = "camelCase")]
#[expect(dead_code, reason = "the document's view of a body that is read field by field")]
struct ChangeBody {
    #[schema(min_length = 1, max_length = 200, example = "Premium Cooking Oil 5L")]
    name: Option<String>,
    /// `null` takes it away, as with every field that a product may lack.
    #[schema(max_length = 100, example = "OIL-5L")]
    sku: Option<String>,
    #[schema(example = "9506000134352")]
    gtin: Option<String>,
    /// Of batches that are minted from now on.
    #[schema(example = "EXP25")]
    default_prefix: Option<String>,
    #[schema(max_items = 50, example = json!(["KE"]))]
    expected_regions: Option<Vec<String>>,
    /// Of batches that are minted from now on.
    #[schema(minimum = 1, maximum = 36_500, example = 365)]
    sell_by_days: Option<i64>,
    #[schema(max_length = 500)]
    page_text: Option<String>,
    #[schema(max_length = 20_000)]
    page_image: Option<String>,
    /// `active` or `archived`.
    #[schema(example = "archived")]
    status: Option<String>,
}

/// `PATCH /api/v1/products/{id}`: changes what is named. Free.
#[utoipa::path(
    patch,
    path = "/api/v1/products/{id}",
    summary = "Change a product",
    security(("key" = ["manage"])),
    params(
        ("id" = String, Path, description = "`prod_…`"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters."),
    ),
    request_body = ChangeBody,
    responses(
        (status = 200, body = ProductView),
        (status = 400, description = "`invalid_body` or `invalid_request`.", body = ErrorBody),
        (status = 401, description = "`unauthorized`.", body = ErrorBody),
        (status = 403, description = "`org_not_approved` or `insufficient_scope`.", body = ErrorBody),
        (status = 404, description = "`product_not_found`.", body = ErrorBody),
        (status = 409, description = "`request_in_progress`.", body = ErrorBody),
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
    let change = product_change(&document)?;
    let product_id = body::id(&id, product::not_found)?;
    let call = caller.call("/api/v1/products/{id}", &document);
    let input = ChangeProduct { product_id, change };
    let answer = codes.kernel().run(call, &command::CHANGE_PRODUCT, input, product::change).await?;
    Ok(body::answer(StatusCode::OK, &answer.value, answer.is_replay))
}

fn product_change(document: &Document) -> Result<ProductChange, Fault> {
    let status = match document.optional_string("status", 0..=usize::MAX) {
        Ok(text) => text.map(read_status).transpose(),
        Err(fault) => Err(fault),
    };
    let words = all4(
        name(document),
        nullable(document, "sku", |_| sku(document)),
        nullable(document, "gtin", |_| gtin(document)),
        body::prefix(document, "defaultPrefix"),
    );
    let page = all4(
        body::regions(document, "expectedRegions"),
        nullable(document, "sellByDays", |_| sell_by_days(document)),
        nullable(document, "pageText", |_| page_text(document)),
        nullable(document, "pageImage", |_| page_image(document)),
    );
    let (((name, sku, gtin, prefix), (regions, sell_by_days, page_text, page_image)), status) =
        both(both(words, page), status)?;
    Ok(ProductChange { name, sku, gtin, prefix, regions, sell_by_days, page_text, page_image, status })
}
