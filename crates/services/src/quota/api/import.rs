use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use base::Fault;
use http::StatusCode;
use kernel::Secrets;
use utoipa::ToSchema;
use web::body::{BodyLimits, read_json};
use web::json::{Document, Value};
use web::{Caller, Failure, reply};

use super::accounts;
use super::dialect::ErrorBody;
use crate::quota::Quota;
use crate::quota::command::{self, IMPORT_MAX, ImportTokens, Imported};
use crate::quota::model::{ForeignToken, LABEL_LENGTH_MAX, NewToken, POINTS_PER_CALL_MAX};

/// A thousand of the longest tokens fit.
pub const IMPORT_BYTES_MAX: usize = 1024 * 1024;

#[derive(ToSchema)]
#[schema(as = QuotaImport, rename_all = "camelCase")]
#[expect(dead_code, reason = "the document's view of a body that is read field by field")]
struct ImportBody {
    account_id: String,
    /// 24 to 512 printable ASCII characters without a space, which do not begin like a key of this platform.
    #[schema(min_length = 24, max_length = 512)]
    token: Option<String>,
    /// Instead of `token`: up to 1000 of them.
    #[schema(min_items = 1, max_items = 1000)]
    tokens: Option<Vec<String>>,
    #[schema(minimum = 1, maximum = 1_000_000, default = 1)]
    points_per_call: Option<i64>,
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    #[schema(max_length = 100)]
    label: Option<String>,
}

/// `POST /v1/tokens/import`: takes over tokens that were made elsewhere, all of them or none. Free.
#[utoipa::path(
    post,
    path = "/v1/tokens/import",
    summary = "Import tokens",
    description = "Your clients keep the tokens that they have. Only a MAC of each is kept, so the answer shows the last \
                   four characters and never the token. An `Idempotency-Key` is ignored: the same tokens again are a \
                   `Token Exists`.",
    security(("management" = ["tokens:write"])),
    request_body = ImportBody,
    responses(
        (status = 201, description = "In the order of the request.", body = Imported),
        (status = 400, body = ErrorBody<'static>),
        (status = 404, description = "There is no such account.", body = ErrorBody<'static>),
        (status = 409, description = "`Token Exists`: nothing was imported.", body = ErrorBody<'static>),
        (status = 413, description = "`Request Too Large`: more than 1 MiB.", body = ErrorBody<'static>),
    ),
)]
pub(super) async fn import(
    State(quota): State<Quota>,
    caller: Caller,
    headers: http::HeaderMap,
    body: axum::body::Body,
) -> Result<Response, Failure> {
    let limits = BodyLimits { bytes_max: IMPORT_BYTES_MAX, deadline: caller.meta.body_deadline };
    let document = read_json(&headers, body, limits).await?;
    let input = read_import(&document, &quota.kernel().secrets)?;
    // Of a body with secrets not even a fingerprint is made.
    let call = caller.call("/v1/tokens/import", &Document::default());
    let answer = quota.kernel().run(call, &command::IMPORT_TOKENS, input, command::import_tokens).await?;
    Ok(reply::json(StatusCode::CREATED, &answer.value))
}

/// The tokens of a body, and what is to be known about them.
///
/// # Errors
/// The field that is wrong; not found, for an account that is no id.
pub fn read_import(document: &Document, secrets: &Arc<Secrets>) -> Result<ImportTokens, Fault> {
    let new = NewToken {
        account_id: accounts::parse_id(document.string("accountId", 1..=64)?)?,
        points_per_call: document.integer_or("pointsPerCall", 1..=POINTS_PER_CALL_MAX, 1)?,
        label: document.optional_string("label", 0..=LABEL_LENGTH_MAX)?.unwrap_or_default().to_owned(),
        expires_at: document.optional_timestamp("expiresAt")?,
        development_label: None,
    };
    let tokens = match (document.get("token"), document.get("tokens")) {
        (Some(_), Some(_)) => {
            return Err(Fault::invalid("tokens", "must not be sent together with token: send one of them"));
        }
        (None, Some(_)) => read_list(document)?,
        (_, None) => {
            let text = document.string("token", 0..=usize::MAX)?;
            vec![("token".into(), ForeignToken::parse(text).map_err(|wrong| Fault::invalid("token", wrong))?)]
        }
    };
    Ok(ImportTokens { new, tokens, secrets: Arc::clone(secrets) })
}

fn read_list(document: &Document) -> Result<Vec<(std::borrow::Cow<'static, str>, ForeignToken)>, Fault> {
    let items = document.array("tokens", 1..=IMPORT_MAX)?;
    let mut seen = std::collections::HashSet::with_capacity(items.len());
    let mut tokens = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let field = format!("tokens.{index}");
        let Value::String(text) = item else { return Err(Fault::invalid(field, "must be a string")) };
        if !seen.insert(text.as_str()) {
            return Err(Fault::invalid(field, "stands in the list before"));
        }
        let token = ForeignToken::parse(text).map_err(|wrong| Fault::invalid(field.clone(), wrong))?;
        tokens.push((field.into(), token));
    }
    Ok(tokens)
}
