use axum::extract::{Query, State};
use axum::response::Response;
use http::StatusCode;
use kernel::ledger;
use kernel::spine::Scope;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use web::page::{Listed, Page, Place};
use web::problem::Problem;
use web::{Caller, Failure, Json, reply};

use crate::platform::command::{self, REFILL_MAX, TransferView, WalletView};
use crate::platform::{Platform, body};

/// `GET /platform/v1/wallet`: the credits of the environment. Free.
#[utoipa::path(
    get,
    path = "/platform/v1/wallet",
    summary = "Get the wallet",
    description = "What may still be spent is `balance - held - floor`.",
    security(("platform" = ["wallet:read"])),
    responses(
        (status = 200, body = WalletView),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 429, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn get(State(platform): State<Platform>, caller: Caller) -> Result<Response, Failure> {
    caller.caller.ensure_scope(Scope::Key("wallet:read"))?;
    let who = caller.caller;
    let read = move |tx: &mut db::Tx<'_>| command::read_wallet(tx, who.tenant_id, who.environment);
    Ok(reply::json(StatusCode::OK, &platform.kernel.db.read(read).await?))
}

/// Which transfers are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TransfersQuery {
    /// From this moment on: RFC 3339.
    #[param(example = "2026-06-01T00:00:00Z")]
    from: Option<String>,
    /// Until before this moment: RFC 3339.
    #[param(example = "2026-07-01T00:00:00Z")]
    to: Option<String>,
    /// `grant`, `charge`, `capture`, `void`, `expire`, `refund` or `adjust`.
    #[param(example = "charge")]
    kind: Option<String>,
    /// 1 to 100, 20 unless said.
    #[param(example = "20")]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// `GET /platform/v1/wallet/transfers`: what moved in and out of the wallet, newest first. Free.
#[utoipa::path(
    get,
    path = "/platform/v1/wallet/transfers",
    summary = "List transfers",
    description = "Transfers are immutable: a correction is another one. A hold shows when it ends: as `capture` with \
                   what it cost, or as `void` or `expire` with nothing.",
    security(("platform" = ["wallet:read"])),
    params(TransfersQuery),
    responses(
        (status = 200, body = Listed<TransferView>),
        (status = 400, description = "A parameter of the query is wrong.", body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 429, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn transfers(
    State(platform): State<Platform>,
    caller: Caller,
    Query(query): Query<TransfersQuery>,
) -> Result<Response, Failure> {
    caller.caller.ensure_scope(Scope::Key("wallet:read"))?;
    let (who, kernel) = (caller.caller, &platform.kernel);
    let filter = body::transfer_filter(query.from.as_deref(), query.to.as_deref(), query.kind.as_deref())?;
    let said = [query.from, query.to, query.kind].map(Option::unwrap_or_default);
    let said = said.each_ref().map(String::as_str);
    let place = Place { route: "/platform/v1/wallet/transfers", filters: &said };
    let page = Page::of(kernel, &who, place, query.limit.as_deref(), query.cursor.as_deref())?;
    let (before, rows_max) = (page.after()?, page.rows_max());
    let (tenant_id, environment) = (who.tenant_id, who.environment);
    let read = move |tx: &mut db::Tx<'_>| {
        ledger::wallet_transfers(tx, tenant_id, environment, filter, before, rows_max)
    };
    let page = page.listed(kernel.db.read(read).await?, |transfer| transfer.transfer_id.text());
    Ok(reply::json(StatusCode::OK, &page.map(|row| TransferView::of(tenant_id, environment, row))))
}

#[derive(ToSchema)]
#[schema(as = Refill)]
#[expect(dead_code, reason = "the document's view of a body that is read field by field")]
struct RefillBody {
    #[schema(minimum = 1, maximum = 1_000_000, example = 5000)]
    amount: i64,
}

/// `POST /platform/v1/wallet/refill`: adds credits to the test wallet. An `Idempotency-Key` is required. Free.
#[utoipa::path(
    post,
    path = "/platform/v1/wallet/refill",
    summary = "Refill the test wallet",
    description = "Test credits cost nothing: up to 1 000 000 a call, and as long as the wallet has no more than \
                   10 000 000. Live credits are bought from the operator of this server.",
    security(("platform" = ["wallet:write"])),
    params(("Idempotency-Key" = String, Header, description = "Any unique value; the same one for a retry. Kept 24 hours.")),
    request_body = RefillBody,
    responses(
        (status = 200, body = WalletView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "A live wallet, a full one, or the same request is at work.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The `Idempotency-Key` came with another request.", body = Problem, content_type = "application/problem+json"),
        (status = 429, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn refill(
    State(platform): State<Platform>,
    caller: Caller,
    Json(document): Json,
) -> Result<Response, Failure> {
    let amount = document.integer("amount", 1..=REFILL_MAX)?;
    let call = caller.call("/platform/v1/wallet/refill", &document);
    let answer = platform.kernel.run(call, &command::REFILL, amount, command::refill).await?;
    Ok(reply::json(StatusCode::OK, &answer.value))
}
