use axum::extract::{Query, State};
use axum::response::Response;
use base::{Fault, Service, Timestamp};
use http::StatusCode;
use kernel::spine::Scope;
use kernel::usage::{self, Difference, Figure, Range, Source, Wanted};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use web::json::both;
use web::problem::Problem;
use web::{Caller, Failure, reply};

use crate::platform::Platform;

/// Which figures are wanted.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct UsageQuery {
    /// RFC 3339; 24 hours or 30 days before `to` unless said. The bucket in which it lies is told whole.
    #[param(example = "2026-06-01T00:00:00Z")]
    from: Option<String>,
    /// RFC 3339; now unless said. At most 31 days after `from` by the hour, 366 by the day.
    #[param(example = "2026-06-02T00:00:00Z")]
    to: Option<String>,
    /// `hour`, unless it says `day`. Both are counted in UTC.
    #[param(example = "hour")]
    bucket: Option<String>,
    /// Only the calls of this service.
    #[param(example = "quota")]
    service: Option<String>,
}

/// What came of the calls of one service in one hour or day.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Usage)]
pub struct UsageView {
    /// The beginning of the hour or day.
    #[schema(value_type = String, format = DateTime, example = "2026-06-01T13:00:00.000Z")]
    start: Timestamp,
    #[schema(example = "quota")]
    service: &'static str,
    /// In the words of the service; quota counts what `passed` and was charged.
    #[schema(example = "passed")]
    outcome: String,
    #[schema(example = 3)]
    calls: i64,
    /// What they cost the tenant's wallet.
    #[schema(example = 0)]
    credits: i64,
    /// What they cost the accounts of the tenant's own clients.
    #[schema(example = 30)]
    points: i64,
}

/// Hours or days without a call are left out.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = UsageList)]
pub struct UsageList {
    /// Oldest first, then by service and outcome.
    pub data: Vec<UsageView>,
}

impl UsageQuery {
    /// The time that is asked for, and how the services that are asked for count.
    ///
    /// # Errors
    /// The parameter that is wrong.
    pub fn read(
        &self,
        known: &'static [&'static Source],
        now: Timestamp,
    ) -> Result<(Range, Vec<&'static Source>), Fault> {
        let range = Range::parse(self.from.as_deref(), self.to.as_deref(), self.bucket.as_deref(), now);
        let (range, service) = both(range, service(self.service.as_deref()))?;
        let is_wanted = |source: &&&Source| service.is_none_or(|service| service == source.service);
        Ok((range, known.iter().filter(is_wanted).copied().collect()))
    }
}

/// What one outcome's sum of an hour was, and what its rows add up to.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = UsageDifference)]
#[serde(rename_all = "camelCase")]
pub struct DifferenceView {
    #[schema(value_type = String, format = DateTime, example = "2026-06-01T13:00:00.000Z")]
    start: Timestamp,
    #[schema(example = "live")]
    environment: &'static str,
    #[schema(example = "quota")]
    service: &'static str,
    #[schema(example = "passed")]
    outcome: String,
    calls_before: i64,
    calls: i64,
    credits_before: i64,
    credits: i64,
    points_before: i64,
    points: i64,
}

impl From<Difference> for DifferenceView {
    fn from(from: Difference) -> Self {
        let (before, after) = (from.summed, from.counted);
        Self {
            start: from.hour,
            environment: from.environment.name(),
            service: from.service.name(),
            outcome: from.outcome,
            calls_before: before.calls,
            calls: after.calls,
            credits_before: before.credits,
            credits: after.credits,
            points_before: before.points,
            points: after.points,
        }
    }
}

impl UsageList {
    #[must_use]
    pub fn of(figures: Vec<Figure>) -> Self {
        let view = |figure: Figure| UsageView {
            start: figure.start,
            service: figure.service.name(),
            outcome: figure.outcome,
            calls: figure.totals.calls,
            credits: figure.totals.credits,
            points: figure.totals.points,
        };
        Self { data: figures.into_iter().map(view).collect() }
    }
}

/// `GET /platform/v1/usage`: calls by hour or day, of all keys of the environment. Free.
#[utoipa::path(
    get,
    path = "/platform/v1/usage",
    summary = "Count the calls",
    description = "The figures are made of the rows that the calls left, so what was answered is counted at once. A call \
                   that was refused or repeated left none.",
    security(("platform" = ["usage:read"])),
    params(UsageQuery),
    responses(
        (status = 200, body = UsageList),
        (status = 400, description = "A parameter of the query is wrong.", body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 429, body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many calls are not summed up yet; try again in a few minutes.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn get(
    State(platform): State<Platform>,
    caller: Caller,
    Query(query): Query<UsageQuery>,
) -> Result<Response, Failure> {
    caller.caller.ensure_scope(Scope::Key("usage:read"))?;
    let (kernel, who) = (&platform.kernel, caller.caller);
    let (range, sources) = query.read(platform.catalog.usage, kernel.clock.now())?;
    let wanted = Wanted { tenant_id: who.tenant_id, environment: who.environment, subject_id: None, range };
    let figures = kernel.db.read(move |tx| usage::read(tx, &sources, &wanted)).await?;
    Ok(reply::json(StatusCode::OK, &UsageList::of(figures)))
}

fn service(name: Option<&str>) -> Result<Option<Service>, Fault> {
    let names = || Service::ALL.iter().map(|service| service.name()).collect::<Vec<_>>().join(", ");
    let wrong = || Fault::invalid("service", format!("must be one of {}", names()));
    name.map(|name| Service::parse(name).ok_or_else(wrong)).transpose()
}
