//! The wire of citizen: verifications as published, and what the sandbox and the registry say of themselves.

mod about;
mod dialect;
mod member;
mod query;
mod verifications;
mod verify;

use std::ops::RangeInclusive;

use base::{KeyKind, Service};
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use web::{About, Api, Guard, Handlers, Owned, routes};

use super::Citizen;

const ABOUT: About = About {
    service: "citizen",
    title: "Citizen",
    description: "Verification of a citizen against a national registry. Keys `xq_test_…` are answered by a sandbox \
                  that `GET /api/v1/sandbox/scenarios` lists, and cost sandbox credits alone; keys `xq_live_…` are \
                  answered by the registry.\n\nA negative verdict is an answer, not an error: it is a 200 with \
                  `failed` or `not_found`.",
    version: "1",
    document_path: "/api/v1/docs/openapi.json",
    owned: &[
        // Not the path itself, which belongs to another API.
        Owned::Subtree("/api/v1/verify/{anything}"),
        Owned::Subtree("/api/v1/verifications"),
        Owned::Exact("/api/v1/registry/status"),
        Owned::Exact("/api/v1/sandbox/scenarios"),
        Owned::Exact("/api/v1/docs/openapi.json"),
    ],
    dialect: dialect::DIALECT,
};

/// Requests a minute per key lineage.
const RATE_LIMIT_PER_MINUTE: u32 = 60;
const IDEMPOTENCY_KEY_LENGTH: RangeInclusive<usize> = 8..=128;

/// Routes, document and dialect of the service.
pub fn api(citizen: Citizen) -> Api {
    let guard = Guard {
        kernel: citizen.kernel().clone(),
        service: Service::Citizen,
        kinds: &[KeyKind::Secret],
        rate_limit_per_minute: RATE_LIMIT_PER_MINUTE,
        idempotency_key_length: IDEMPOTENCY_KEY_LENGTH,
    };
    described(|handlers| guard.routes(handlers)).with_state(citizen)
}

/// The same without a kernel, each path's handlers behind `guarded`: for its document.
pub fn described(guarded: impl Fn(Handlers<Citizen>) -> Handlers<Citizen>) -> Api<Citizen> {
    Api::new(ABOUT)
        .routes(guarded(routes!(verify::verify)))
        .routes(guarded(routes!(verifications::list)))
        .routes(guarded(routes!(verifications::get)))
        .routes(guarded(routes!(about::registry_status)))
        .routes(guarded(routes!(about::scenarios)))
        .describe(describe)
}

fn describe(document: &mut OpenApi) {
    let scheme =
        HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("`xq_test_…` or `xq_live_…`"));
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("key", SecurityScheme::Http(scheme.build()));
}
