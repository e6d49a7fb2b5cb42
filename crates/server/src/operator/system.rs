use axum::extract::State;
use axum::response::Response;
use base::{Environment, Fault, Service};
use db::Tx;
use http::StatusCode;
use kernel::spine::{Audit, Idempotent, Price, Scope};
use kernel::{Command, Ctx, Ending, tenancy};
use serde_json::json;
use web::problem::Problem;
use web::{Failure, Json, reply};

use super::guard::{Operator, Target};
use crate::app::App;

/// Beyond it, leases and expiries of two nodes would disagree.
const CLOCK_SKEW_MAX_US: i64 = 1_000_000;

const PEPPER: &str = "pepper";

pub(super) const ACTIVATE_PEPPER: Command = Command {
    name: "platform.secret.activate",
    scope: Scope::OperatorOnly,
    price: Price::Free,
    audit: Audit::Always,
    idempotent: Idempotent::No,
};

/// `GET /operator/v1/doctor`: what is wrong with this node, if anything.
#[utoipa::path(get, path = "/operator/v1/doctor", security(("operator" = [])), responses((status = 200, description = "`{\"ok\":true,\"problems\":[]}`")))]
pub(super) async fn doctor(State(app): State<App>, _: Operator) -> Result<Response, Failure> {
    let kernel = &app.kernel;
    let mut problems = Vec::new();
    let before = kernel.clock.now();
    let theirs = kernel.db.engine_time().await?;
    let skew_us = (theirs.micros() - before.micros()).abs();
    if skew_us > CLOCK_SKEW_MAX_US {
        problems.push(format!(
            "This node's clock differs from the database's by {} ms. Synchronise both with NTP.",
            skew_us / 1000
        ));
    }
    let status = kernel.db.status();
    if !status.writable {
        problems.push("The database is read-only: its disk is full. Free some space.".to_owned());
    }
    let active = kernel.db.read(|tx| tenancy::active_secret(tx, PEPPER)).await?;
    if active.is_some_and(|version| version != kernel.secrets.active_pepper()) {
        problems.push("Another version of the pepper was activated. Restart this node.".to_owned());
    }
    let report = json!({
        "ok": problems.is_empty(),
        "engine": kernel.db.engine().name(),
        "clockSkewMs": skew_us / 1000,
        "queueDepth": status.queue_depth,
        "queueMax": status.queue_max,
        "pepperVersion": kernel.secrets.active_pepper(),
        "problems": problems,
    });
    Ok(reply::json(StatusCode::OK, &report))
}

/// `GET /operator/v1/migrations`: what was applied to the database, and when.
#[utoipa::path(get, path = "/operator/v1/migrations", security(("operator" = [])), responses((status = 200, description = "`{\"data\":[…]}`")))]
pub(super) async fn migrations(State(app): State<App>, _: Operator) -> Result<Response, Failure> {
    let applied = app.kernel.db.migration_status().await?;
    let data: Vec<_> = applied
        .iter()
        .map(|migration| json!({ "version": migration.version, "name": migration.name, "appliedAt": migration.applied_at }))
        .collect();
    Ok(reply::json(StatusCode::OK, &json!({ "data": data })))
}

/// `POST /operator/v1/secrets/activate`: uses a version of the pepper from now on, here and on nodes that start later.
#[utoipa::path(post, path = "/operator/v1/secrets/activate", security(("operator" = [])), responses((status = 200, description = "`{\"pepperVersion\":…}`"), (status = 409, body = Problem)))]
pub(super) async fn activate_pepper(
    State(app): State<App>,
    operator: Operator,
    Json(document): Json,
) -> Result<Response, Failure> {
    let version = u32::try_from(document.integer("version", 1..=1_000_000)?).expect("the range was checked");
    let kernel = &app.kernel;
    if !kernel.secrets.pepper_versions().any(|held| held == version) {
        return Err(Fault::conflict(format!(
            "This server does not hold version {version} of the pepper: it reads its secrets file when it starts. \
             Add the version with `attestry secrets rotate`, restart the server, then activate it."
        ))
        .into());
    }
    let target = Target { tenant_id: tenancy::INSTALLATION, environment: Environment::Live };
    let call = operator.call(target, Service::Platform, "/operator/v1/secrets/activate", &document);
    let answer = kernel.run(call, &ACTIVATE_PEPPER, version, activate).await?;
    kernel.secrets.activate_pepper(answer.value)?;
    Ok(reply::json(StatusCode::OK, &json!({ "pepperVersion": answer.value })))
}

/// The highest activated version is the one in use, so a lower one would be a row without effect.
fn activate(tx: &mut Tx<'_>, ctx: &mut Ctx, version: &u32) -> Result<Ending<u32>, Fault> {
    let before = tenancy::active_secret(tx, PEPPER)?;
    if let Some(before) = before.filter(|before| before > version) {
        return Err(Fault::conflict(format!(
            "Version {before} of the pepper is in use already, and there is no way back to version {version}. \
             Older versions still recognise every key that was made with them."
        )));
    }
    tenancy::activate_secret(tx, PEPPER, *version, ctx.now)?;
    ctx.target(PEPPER);
    ctx.note(format!("version {version}"));
    ctx.change(format!("{before:?}"), format!("{:?}", Some(version)));
    Ok(Ending::Done(*version))
}
