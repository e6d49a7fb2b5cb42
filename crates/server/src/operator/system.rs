use axum::extract::State;
use axum::response::Response;
use base::id::TenantId;
use http::StatusCode;
use kernel::tenancy;
use serde_json::json;
use web::problem::Problem;
use web::{Failure, Json, reply};

use super::guard::Operator;
use crate::app::App;

/// Beyond it, leases and expiries of two nodes would disagree.
const CLOCK_SKEW_MAX_US: i64 = 1_000_000;

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
    let active = kernel.db.read(|tx| tenancy::active_secret(tx, "pepper")).await?;
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
    _: Operator,
    Json(document): Json,
) -> Result<Response, Failure> {
    let version = u32::try_from(document.integer("version", 1..=1_000_000)?).expect("the range was checked");
    let kernel = &app.kernel;
    kernel.secrets.activate_pepper(version)?;
    let now = kernel.clock.now();
    kernel
        .db
        .write(TenantId::from_bits(0), move |tx| tenancy::activate_secret(tx, "pepper", version, now))
        .await?;
    Ok(reply::json(StatusCode::OK, &json!({ "pepperVersion": version })))
}
