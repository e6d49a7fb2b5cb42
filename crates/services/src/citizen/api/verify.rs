use axum::extract::State;
use axum::response::Response;
use base::Fault;
use base::id::TenantId;
use http::{HeaderName, HeaderValue, StatusCode};
use utoipa::ToSchema;
use web::json::{Document, both, inside};
use web::{Failure, Json, reply};

use super::dialect::ErrorBody;
use super::member::Member;
use crate::citizen::Citizen;
use crate::citizen::command::{self, Verify};
use crate::citizen::erase;
use crate::citizen::model::{
    Channel, Claims, Disclose, MAX_AGE_SECONDS_DEFAULT, MAX_AGE_SECONDS_MAX, NAME_LENGTH_MAX, NationalId,
    PURPOSE_LENGTH_MAX, Question, REFERENCE_LENGTH_MAX, VerificationId, is_date,
};
use crate::citizen::view::VerifiedView;

const IDEMPOTENT_REPLAY: HeaderName = HeaderName::from_static("idempotent-replay");

#[derive(ToSchema)]
#[schema(as = Question, rename_all = "camelCase")]
#[expect(dead_code, reason = "the document's view of a body that is read field by field")]
struct QuestionBody {
    #[schema(pattern = "^[0-9]{11}$", example = "12345678901")]
    national_id: String,
    /// Why you ask. It is kept in your audit log: name no person in it.
    #[schema(max_length = 255, example = "pre_employment")]
    purpose: Option<String>,
    /// What you know of the person, to be compared with the record.
    claims: Option<ClaimsBody>,
    /// `match` compares without showing the record.
    #[schema(default = "record")]
    disclose: Option<Disclose>,
    /// Your own name for this verification.
    #[schema(max_length = 128, example = "emp-4471")]
    reference: Option<String>,
    /// How old an answer you bought before may be to be given again, free of charge. 0 asks the registry anew.
    #[schema(minimum = 0, maximum = 31_536_000, default = 86_400)]
    max_age_seconds: Option<i64>,
}

/// At least one of the two.
#[derive(ToSchema)]
#[schema(as = Claims, rename_all = "camelCase")]
#[expect(dead_code, reason = "the document's view of a body that is read field by field")]
struct ClaimsBody {
    #[schema(max_length = 200, example = "Mohamed Abdi Hassan")]
    full_name: Option<String>,
    #[schema(format = Date, example = "1990-01-01")]
    date_of_birth: Option<String>,
}

/// `POST /api/v1/verify/citizen`: asks the registry. Costs 1 credit; a repeated answer and an outage cost nothing.
#[utoipa::path(
    post,
    path = "/api/v1/verify/citizen",
    summary = "Verify a citizen",
    security(("key" = ["verify:write"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "8 to 128 characters. The same key and body within 24 hours get the same answer, charged once.")),
    request_body(content = QuestionBody, example = json!({ "nationalId": "12345678901", "purpose": "pre_employment" })),
    responses(
        (status = 200, description = "A final result, positive or not.", body = VerifiedView, example = json!({
            "message": "Verification completed", "cached": false, "creditDeducted": true,
            "data": {
                "id": "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9", "result": "verified", "purpose": "pre_employment",
                "channel": "api", "creditsUsed": 1, "reason": "MATCH", "environment": "test",
                "createdAt": "2026-06-02T12:30:00.000Z", "reference": null,
            },
            "citizen": { "fullName": "Example Citizen", "dateOfBirth": "1990-01-01" },
        })),
        (status = 400, description = "`BAD_REQUEST`.", body = ErrorBody),
        (status = 401, description = "`UNAUTHORIZED`.", body = ErrorBody),
        (status = 402, description = "`INSUFFICIENT_CREDITS`.", body = ErrorBody),
        (status = 403, description = "`FORBIDDEN`.", body = ErrorBody),
        (status = 409, description = "`CONFLICT` or `REQUEST_IN_PROGRESS`.", body = ErrorBody),
        (status = 413, description = "`PAYLOAD_TOO_LARGE`.", body = ErrorBody),
        (status = 415, description = "`UNSUPPORTED_MEDIA_TYPE`.", body = ErrorBody),
        (status = 429, description = "`RATE_LIMITED`.", body = ErrorBody),
        (status = 500, description = "`INTERNAL_ERROR`.", body = ErrorBody),
        (status = 503, description = "`SERVICE_UNAVAILABLE`: the registry cannot be reached. Nothing was charged.", body = ErrorBody),
    ),
)]
pub(super) async fn verify(
    State(citizen): State<Citizen>,
    Member(caller): Member,
    Json(document): Json,
) -> Result<Response, Failure> {
    let question = question(&document)?;
    let tenant_id = caller.caller.tenant_id;
    let call = caller.call("/api/v1/verify/citizen", &document);
    let outside = citizen.outside.clone();
    let input = Verify {
        question,
        settings: citizen.settings,
        secrets: citizen.secrets(),
        has_upstream: outside.upstream.is_some(),
    };
    let act = move |work| command::act(work, outside);
    let answer = citizen
        .kernel()
        .run_slow(call, &command::VERIFY, input, command::claim, act, command::record)
        .await?;
    if !answer.is_replay {
        return Ok(reply::json(StatusCode::OK, &answer.value));
    }
    let view = repeated(&citizen, tenant_id, answer.value).await?;
    let mut response = reply::json(StatusCode::OK, &view);
    response.headers_mut().insert(IDEMPOTENT_REPLAY, HeaderValue::from_static("true"));
    Ok(response)
}

/// A saved reply outlives the erasure of its citizen by up to a day, and must not bring back what was erased.
async fn repeated(
    citizen: &Citizen,
    tenant_id: TenantId,
    saved: VerifiedView,
) -> Result<VerifiedView, Fault> {
    let view = saved.repeated();
    if !view.is_personal() {
        return Ok(view);
    }
    let id: VerificationId =
        view.data.id.parse().map_err(|_| Fault::internal("a saved reply without an id"))?;
    let secrets = citizen.secrets();
    let is_kept = citizen.kernel().db.read(move |tx| erase::is_kept(tx, tenant_id, &secrets, id)).await?;
    Ok(if is_kept { view } else { view.without_person() })
}

fn question(document: &Document) -> Result<Question, Fault> {
    let age = document.integer_or("maxAgeSeconds", 0..=MAX_AGE_SECONDS_MAX, MAX_AGE_SECONDS_DEFAULT);
    let purpose = document.optional_string("purpose", 0..=PURPOSE_LENGTH_MAX);
    let reference = document.optional_string("reference", 0..=REFERENCE_LENGTH_MAX);
    let ((national_id, claims), ((disclose, max_age_seconds), (purpose, reference))) = both(
        both(national_id(document), claims(document)),
        both(both(disclose(document), age), both(purpose, reference)),
    )?;
    Ok(Question {
        national_id,
        claims,
        disclose,
        purpose: purpose.map(str::to_owned),
        reference: reference.map(str::to_owned),
        channel: Channel::Api,
        max_age_seconds,
    })
}

/// The published sentence, whatever is wrong with it.
fn national_id(document: &Document) -> Result<NationalId, Fault> {
    let text = document.string("nationalId", 0..=usize::MAX).ok();
    text.and_then(NationalId::parse)
        .ok_or_else(|| Fault::invalid("nationalId", "National ID must be exactly 11 digits"))
}

fn claims(document: &Document) -> Result<Option<Claims>, Fault> {
    let Some(claims) = document.optional_object("claims")? else { return Ok(None) };
    let date = match claims.optional_string("dateOfBirth", 0..=usize::MAX) {
        Ok(Some(text)) if !is_date(text) => {
            Err(Fault::invalid("dateOfBirth", "must be a date like 1990-01-31"))
        }
        date => date,
    };
    let name = claims.optional_string("fullName", 1..=NAME_LENGTH_MAX);
    let (full_name, date_of_birth) = both(name, date).map_err(|fault| inside("claims", fault))?;
    if full_name.is_none() && date_of_birth.is_none() {
        return Err(Fault::invalid("claims", "must have fullName, dateOfBirth or both"));
    }
    let owned = |text: Option<&str>| text.map(str::to_owned);
    Ok(Some(Claims { full_name: owned(full_name), date_of_birth: owned(date_of_birth) }))
}

fn disclose(document: &Document) -> Result<Disclose, Fault> {
    let wrong = || Fault::invalid("disclose", "must be record or match");
    match document.optional_string("disclose", 0..=usize::MAX) {
        Ok(None) => Ok(Disclose::Record),
        Ok(Some(word)) => Disclose::parse(word).ok_or_else(wrong),
        Err(_) => Err(wrong()),
    }
}
