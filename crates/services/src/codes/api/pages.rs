//! The consumer's page: what a shopper sees who scans a product. Without a key, and without JavaScript if need be.
//!
//! A page is always a 200 and says the same of every code that is not one of ours.

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use base::id::RequestId;
use base::{Fault, Service};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use kernel::spine::Call;
use kernel::{Actor, Caller};
use serde::{Deserialize, Serialize};
use web::body::BodyLimits;
use web::{Api, Failure, RequestMeta, reply};

use crate::codes::Codes;
use crate::codes::command::SCAN;
use crate::codes::command::look::{Genuine, look};
use crate::codes::command::scan::{self, ScanCode};
use crate::codes::language::Language;
use crate::codes::page::{self, FirstScan, Verdict, View};
use crate::codes::risk::{Band, Condition};
use crate::codes::store::look as looks;
use crate::codes::visitor::scan_of;

const HTML: &str = "text/html; charset=utf-8";
/// A beacon says nothing, and a form has no fields.
const BODY_BYTES_MAX: usize = 1024;

/// Adds the pages, which no document mentions. A symbol holds its address in capitals, so `/V/` is the same as `/v/`.
pub(super) fn routes(api: Api<Codes>) -> Api<Codes> {
    api.page("/v/{token}", get(show))
        .page("/V/{token}", get(show))
        .page("/v/{token}/scan", post(record))
        .page("/V/{token}/scan", post(record))
        .page("/01/{gtin}/21/{token}", get(show_with_gtin))
}

#[derive(Debug, Default, Deserialize)]
struct PageQuery {
    lang: Option<String>,
}

/// What a page is made of.
struct Found {
    token: String,
    code: Option<Genuine>,
    text: Option<String>,
    image: Option<String>,
}

/// `GET /v/{token}`: the page, or with `Accept: application/json` the verdict. Records nothing. Free.
async fn show(
    State(codes): State<Codes>,
    Path(token): Path<String>,
    Query(query): Query<PageQuery>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let found = find(&codes, token, None).await?;
    Ok(answer(&found, &headers, query.lang.as_deref(), false))
}

/// `GET /01/{gtin}/21/{token}`: the same by its GS1 Digital Link. Free.
async fn show_with_gtin(
    State(codes): State<Codes>,
    Path((gtin, token)): Path<(String, String)>,
    Query(query): Query<PageQuery>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let found = find(&codes, token, Some(gtin)).await?;
    Ok(answer(&found, &headers, query.lang.as_deref(), false))
}

/// `POST /v/{token}/scan`: records that a shopper scanned the code, before it answers. Free.
async fn record(
    State(codes): State<Codes>,
    meta: RequestMeta,
    Path(token): Path<String>,
    Query(query): Query<PageQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let limits = BodyLimits { bytes_max: BODY_BYTES_MAX, deadline: meta.body_deadline };
    web::body::read(&headers, body, limits).await?;
    let before = find(&codes, token.clone(), None).await?;
    let is_recorded = match &before.code {
        Some(code) => note(&codes, code, &meta, &headers).await?,
        None => false,
    };
    let after = if is_recorded { find(&codes, token, None).await? } else { before };
    if is_json(&headers, header::CONTENT_TYPE) {
        return Ok(reply::json(
            StatusCode::OK,
            &RecordedBody { recorded: is_recorded, verdict: VerdictBody::of(&after) },
        ));
    }
    Ok(answer(&after, &headers, query.lang.as_deref(), is_recorded))
}

async fn find(codes: &Codes, token: String, gtin: Option<String>) -> Result<Found, Fault> {
    let (keys, now) = (codes.keys().clone(), codes.kernel().clock.now());
    let asked = token.clone();
    let read = move |tx: &mut db::Tx<'_>| {
        let code = look(tx, &keys, &asked, now)?;
        let code = code.filter(|code| gtin.is_none() || (code.gtin.is_some() && code.gtin == gtin));
        let (text, image) = match &code {
            Some(code) => looks::page(tx, &code.batch)?,
            None => (None, None),
        };
        Ok((code, text, image))
    };
    let (code, text, image) = codes.kernel().db.read(read).await?;
    Ok(Found { token, code, text, image })
}

/// Records a scan, unless its visitor reads codes for a living.
async fn note(codes: &Codes, code: &Genuine, meta: &RequestMeta, headers: &HeaderMap) -> Result<bool, Fault> {
    let kernel = codes.kernel();
    let scan = scan_of(&kernel.secrets, &codes.0.settings.places, meta, headers, kernel.clock.now());
    if codes.0.crawlers.note(&scan, code.number) {
        return Ok(false);
    }
    let input = ScanCode { batch_id: code.batch.batch_id, number: code.number, scan };
    kernel.run(call(code, meta.request_id), &SCAN, input, scan::record).await?;
    Ok(true)
}

/// The platform itself records it: a shopper has no key.
fn call(code: &Genuine, request_id: RequestId) -> Call {
    Call {
        caller: Caller {
            tenant_id: code.batch.tenant_id,
            environment: code.batch.environment,
            service: Service::Codes,
            actor: Actor::System { worker: "scan" },
            scopes: Vec::new(),
        },
        request_id,
        route: "/v/{token}/scan",
        idempotency_key: None,
        fingerprint: Default::default(),
    }
}

/// The verdict for programs. It says less than `POST /api/v1/verify`, because anybody may ask.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VerdictBody<'a> {
    valid: bool,
    status: &'static str,
    token: &'a str,
    #[serde(flatten)]
    genuine: Option<GenuineBody<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GenuineBody<'a> {
    product: &'a str,
    org: &'a str,
    qr_status: &'static str,
    risk_level: &'static str,
}

#[derive(Serialize)]
struct RecordedBody<'a> {
    recorded: bool,
    #[serde(flatten)]
    verdict: VerdictBody<'a>,
}

impl<'a> VerdictBody<'a> {
    fn of(found: &'a Found) -> Self {
        let genuine = found.code.as_ref().map(|code| GenuineBody {
            product: &code.product,
            org: &code.org,
            qr_status: code.condition.name(),
            risk_level: code.band.name(),
        });
        let status = if genuine.is_some() { "genuine" } else { "counterfeit" };
        Self { valid: genuine.is_some(), status, token: &found.token, genuine }
    }
}

fn answer(found: &Found, headers: &HeaderMap, lang: Option<&str>, is_recorded: bool) -> Response {
    const VARIES: HeaderValue = HeaderValue::from_static("Accept, Accept-Language");
    if is_json(headers, header::ACCEPT) {
        let mut response = reply::json(StatusCode::OK, &VerdictBody::of(found));
        response.headers_mut().insert(header::VARY, VARIES);
        return response;
    }
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|accepted| accepted.to_str().ok());
    let language = page::choose(lang, accepted);
    let mut response = reply::text(HTML, html(found, language, is_recorded));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(page::policy()));
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    headers.insert(header::VARY, VARIES);
    response
}

fn html(found: &Found, language: Language, is_recorded: bool) -> String {
    let code = found.code.as_ref();
    let serial = code.map(Genuine::serial);
    // A token of ours has twenty letters and digits; what has others is shown and never addressed.
    let scan_path = code.map_or(String::new(), |_| format!("/v/{}/scan", found.token));
    let view = View {
        verdict: code.map_or(Verdict::Unknown, verdict),
        token: &found.token,
        product: code.map(|code| code.product.as_str()),
        brand: code.map(|code| code.org.as_str()),
        serial: serial.as_deref(),
        text: found.text.as_deref(),
        image: found.image.as_deref(),
        first_scan: code.and_then(|code| first_scan(code, language)),
        scan_path: &scan_path,
        risk_level: code.map_or("", |code| code.band.name()),
        is_recorded,
    };
    page::render(&view, language)
}

fn verdict(code: &Genuine) -> Verdict {
    match (code.condition, code.band) {
        (Condition::Recalled, _) => Verdict::Recalled,
        (Condition::Stolen, _) => Verdict::Stolen,
        (Condition::Inactive | Condition::Consumed, _) => Verdict::Inactive,
        (Condition::Active, Band::Green) => Verdict::Genuine,
        (Condition::Active, Band::Amber) if code.is_past_sell_by => Verdict::Inactive,
        (Condition::Active, Band::Amber | Band::Red) => Verdict::Elsewhere,
    }
}

/// To the month and country: more would tell one shopper about another.
fn first_scan(code: &Genuine, language: Language) -> Option<FirstScan> {
    let text = code.first_at?.to_string();
    let (year, rest) = text.split_once('-')?;
    let (month, _) = rest.split_once('-')?;
    let region = code.first_country.map(|country| country.name(language));
    Some(FirstScan { year: year.parse().ok()?, month: month.parse().ok()?, region })
}

/// Whether a header names JSON before anything that a browser would ask for.
fn is_json(headers: &HeaderMap, name: header::HeaderName) -> bool {
    let value = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.trim_start().starts_with("application/json")
}
