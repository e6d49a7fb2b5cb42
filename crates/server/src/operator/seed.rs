use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use base::{Fault, Service};
use db::Tx;
use http::StatusCode;
use kernel::spine::{Audit, Idempotent, Price, Scope};
use kernel::{Command, Ctx, Ending, Secrets};
use serde::{Deserialize, Serialize};
use services::quota::command::{self, CreateToken};
use services::quota::model::{NewAccount, NewToken};
use web::problem::Problem;
use web::{Failure, Json, reply};

use super::guard::{Operator, Target};
use crate::app::App;

const ACCOUNTS_MAX: i64 = 20_000;
/// One transaction of the seed, so that other calls get their turn in between.
const CHUNK: i64 = 500;

/// Audited once per chunk, under a name of its own.
pub(super) const SEED: Command = Command {
    name: "quota.account.seed",
    scope: Scope::OperatorOnly,
    price: Price::Free,
    audit: Audit::Always,
    idempotent: Idempotent::No,
};

#[derive(Debug)]
struct Chunk {
    accounts: i64,
    points: i64,
    is_idempotent: bool,
    secrets: Arc<Secrets>,
}

/// The accounts of a seed and their tokens, in step.
#[derive(Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Seeded {
    tokens: Vec<String>,
    account_ids: Vec<String>,
}

/// `POST /operator/v1/seed`: many accounts with a token each: a tool for load tests.
///
/// It makes points from nothing, ignores an `Idempotency-Key` and makes as many accounts again when it is repeated, so
/// it is not for books that count. Each 500 accounts are one transaction and one row of the audit log, which says how
/// many points were made; a call that fails keeps those before.
#[utoipa::path(post, path = "/operator/v1/seed", security(("operator" = [])), responses((status = 201, body = Seeded), (status = 400, body = Problem)))]
pub(super) async fn seed(
    State(app): State<App>,
    operator: Operator,
    Json(document): Json,
) -> Result<Response, Failure> {
    let target = Target::of(&document)?;
    let mut left = document.integer("accounts", 1..=ACCOUNTS_MAX)?;
    let points = document.integer_or("points", 0..=kernel::ledger::AMOUNT_MAX, 1_000_000)?;
    let is_idempotent = document.boolean_or("idempotency", false)?;
    let mut seeded = Seeded::default();
    while left > 0 {
        let accounts = left.min(CHUNK);
        let chunk = Chunk { accounts, points, is_idempotent, secrets: Arc::clone(&app.kernel.secrets) };
        let call = operator.call(target, Service::Quota, "/operator/v1/seed", &document);
        let answer = app.kernel.run(call, &SEED, chunk, seed_chunk).await?;
        seeded.tokens.extend(answer.value.tokens);
        seeded.account_ids.extend(answer.value.account_ids);
        left -= accounts;
    }
    Ok(reply::json(StatusCode::CREATED, &seeded))
}

fn seed_chunk(tx: &mut Tx<'_>, ctx: &mut Ctx, chunk: &Chunk) -> Result<Ending<Seeded>, Fault> {
    let mut seeded = Seeded::default();
    for _ in 0..chunk.accounts {
        let new = NewAccount {
            name: "seeded".to_owned(),
            external_id: None,
            is_idempotent: chunk.is_idempotent,
            points: chunk.points,
        };
        let account = done(command::create_account(tx, ctx, &new)?)?;
        let new = NewToken {
            account_id: account.id,
            points_per_call: 1,
            label: String::new(),
            expires_at: None,
            development_label: None,
        };
        let input = CreateToken { new, secrets: Arc::clone(&chunk.secrets) };
        let token = done(command::create_token(tx, ctx, &input)?)?;
        seeded.account_ids.push(account.id.text());
        seeded.tokens.extend(token.token);
    }
    ctx.target(format!("{} accounts", chunk.accounts));
    ctx.note(format!("{} points each", chunk.points));
    Ok(Ending::Done(seeded))
}

fn done<T>(ending: Ending<T>) -> Result<T, Fault> {
    match ending {
        Ending::Done(value) => Ok(value),
        Ending::Record(fault) => Err(fault),
    }
}
