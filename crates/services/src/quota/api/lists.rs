//! The lists of the management, page by page.

use axum::extract::{Path, Query, State};
use axum::response::Response;
use base::Fault;
use base::id::{AccountId, RequestId, TokenId, TransferId};
use http::StatusCode;
use kernel::spine::Scope;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use web::page::{Listed, Page, Place};
use web::{Caller, Failure, reply};

use super::accounts::parse_id;
use super::dialect::ErrorBody;
use crate::quota::Quota;
use crate::quota::command::{self, AccountFilter, AccountView, TokenView};
use crate::quota::model::{EXTERNAL_ID_LENGTH_MAX, Entry};

/// One page, and where the next one begins.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = QuotaPage)]
pub(super) struct PageView<T> {
    data: Vec<T>,
    /// Send it as `cursor` for the next page; `null` on the last one.
    next_cursor: Option<String>,
}

impl<T> From<Listed<T>> for PageView<T> {
    fn from(listed: Listed<T>) -> Self {
        Self { data: listed.data, next_cursor: listed.next_cursor }
    }
}

/// Which accounts are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct AccountQuery {
    /// Only the account of this client of yours.
    #[param(example = "client-1")]
    external_id: Option<String>,
    /// `true`: only banned accounts; `false`: only those that are not.
    #[param(example = "false")]
    banned: Option<String>,
    /// 1 to 100, 20 unless said.
    #[param(example = "20")]
    limit: Option<String>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
}

/// `GET /v1/accounts`: the accounts of the key's environment, oldest first. Free.
#[utoipa::path(
    get,
    path = "/v1/accounts",
    summary = "List accounts",
    security(("management" = ["accounts:read"])),
    params(AccountQuery),
    responses((status = 200, body = PageView<AccountView>), (status = 400, body = ErrorBody<'static>)),
)]
pub(super) async fn accounts(
    State(quota): State<Quota>,
    caller: Caller,
    Query(query): Query<AccountQuery>,
) -> Result<Response, Failure> {
    caller.caller.ensure_scope(Scope::Key("accounts:read"))?;
    let (kernel, who) = (quota.kernel(), caller.caller);
    let filters =
        [query.external_id.as_deref().unwrap_or_default(), query.banned.as_deref().unwrap_or_default()];
    let place = Place { route: "/v1/accounts", filters: &filters };
    let page = Page::of(kernel, &who, place, query.limit.as_deref(), query.cursor.as_deref())?;
    let filter = account_filter(query.external_id.clone(), query.banned.as_deref())?;
    let (after, rows_max) = (page.after()?, page.rows_max());
    let read = move |tx: &mut db::Tx<'_>| {
        command::list_accounts(tx, who.tenant_id, who.environment, &filter, after, rows_max)
    };
    let listed = page.listed(kernel.db.read(read).await?, |account| account.account_id.text());
    Ok(reply::json(StatusCode::OK, &PageView::from(listed.map(AccountView::from))))
}

/// Which accounts a query asks for.
///
/// # Errors
/// The parameter that is wrong.
pub fn account_filter(external_id: Option<String>, banned: Option<&str>) -> Result<AccountFilter, Fault> {
    if external_id.as_ref().is_some_and(|id| !(1..=EXTERNAL_ID_LENGTH_MAX).contains(&id.chars().count())) {
        let message = format!("must have 1 to {EXTERNAL_ID_LENGTH_MAX} characters");
        return Err(Fault::invalid("externalId", message));
    }
    let is_banned = match banned {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => return Err(Fault::invalid("banned", "must be true or false")),
    };
    Ok(AccountFilter { external_id, is_banned })
}

/// Which tokens are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct TokenQuery {
    /// Only the tokens of this account: `acc_…`.
    account_id: Option<String>,
    /// 1 to 100, 20 unless said.
    #[param(example = "20")]
    limit: Option<String>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
}

/// `GET /v1/tokens`: the tokens of the key's environment, oldest first, without their secrets. Free.
#[utoipa::path(
    get,
    path = "/v1/tokens",
    summary = "List tokens",
    security(("management" = ["tokens:read"])),
    params(TokenQuery),
    responses(
        (status = 200, body = PageView<TokenView>),
        (status = 400, body = ErrorBody<'static>),
        (status = 404, description = "There is no such account.", body = ErrorBody<'static>),
    ),
)]
pub(super) async fn tokens(
    State(quota): State<Quota>,
    caller: Caller,
    Query(query): Query<TokenQuery>,
) -> Result<Response, Failure> {
    caller.caller.ensure_scope(Scope::Key("tokens:read"))?;
    let (kernel, who) = (quota.kernel(), caller.caller);
    let filters = [query.account_id.as_deref().unwrap_or_default()];
    let place = Place { route: "/v1/tokens", filters: &filters };
    let page = Page::of(kernel, &who, place, query.limit.as_deref(), query.cursor.as_deref())?;
    let account_id = query.account_id.as_deref().map(parse_id).transpose()?;
    let (after, rows_max) = (page.after::<TokenId>()?, page.rows_max());
    let read = move |tx: &mut db::Tx<'_>| {
        if let Some(account_id) = account_id {
            command::read_account(tx, who.tenant_id, who.environment, account_id)?;
        }
        command::list_tokens(tx, who.tenant_id, who.environment, account_id, after, rows_max)
    };
    let listed = page.listed(kernel.db.read(read).await?, |token| token.id.text());
    Ok(reply::json(StatusCode::OK, &PageView::from(listed)))
}

/// One movement of an account's points.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = QuotaTransfer)]
pub struct EntryView {
    #[schema(value_type = String, example = "tr_01k0example0000000000000000")]
    id: TransferId,
    /// `charge` for a call, `grant` for what was added.
    #[schema(example = "charge")]
    kind: String,
    /// Negative where points were taken.
    #[schema(example = -1)]
    points: i64,
    /// The token that spent them.
    #[schema(value_type = Option<String>)]
    token_id: Option<TokenId>,
    /// The request that caused it; the items of a bulk call share theirs.
    #[schema(value_type = String)]
    request_id: RequestId,
    /// The name of the payment, or `refill:` and its period.
    reference: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    at: base::Timestamp,
}

impl From<Entry> for EntryView {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.transfer_id,
            kind: entry.kind,
            points: entry.points,
            token_id: entry.token_id,
            request_id: entry.request_id,
            reference: entry.reference,
            at: entry.at,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EntryQuery {
    /// 1 to 100, 20 unless said.
    #[param(example = "20")]
    limit: Option<String>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
}

/// `GET /v1/accounts/{id}/transfers`: what was added to an account and taken from it, newest first. Free.
#[utoipa::path(
    get,
    path = "/v1/accounts/{id}/transfers",
    summary = "List the transfers of an account",
    description = "A page looks through a bounded number of your newest transfers, so it may hold fewer rows than \
                   `limit`, even none, and still have a `nextCursor`: only `null` says that there are no more.",
    security(("management" = ["accounts:read"])),
    params(("id" = String, Path, description = "`acc_…`"), EntryQuery),
    responses(
        (status = 200, body = PageView<EntryView>),
        (status = 400, body = ErrorBody<'static>),
        (status = 404, body = ErrorBody<'static>),
    ),
)]
pub(super) async fn entries(
    State(quota): State<Quota>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<EntryQuery>,
) -> Result<Response, Failure> {
    caller.caller.ensure_scope(Scope::Key("accounts:read"))?;
    let (kernel, who) = (quota.kernel(), caller.caller);
    let account_id: AccountId = parse_id(&id)?;
    let place = Place { route: "/v1/accounts/{id}/transfers", filters: &[&id] };
    let page = Page::of(kernel, &who, place, query.limit.as_deref(), query.cursor.as_deref())?;
    let (before, rows_max) = (page.after()?, page.rows_max());
    let read = move |tx: &mut db::Tx<'_>| {
        command::list_entries(tx, who.tenant_id, who.environment, account_id, before, rows_max)
    };
    let (entries, reach) = kernel.db.read(read).await?;
    let mut listed = page.listed(entries, |entry| entry.transfer_id.text());
    listed.next_cursor = listed.next_cursor.or_else(|| reach.map(|reach| page.cursor_at(&reach.text())));
    Ok(reply::json(StatusCode::OK, &PageView::from(listed.map(EntryView::from))))
}
