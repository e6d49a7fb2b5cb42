//! The wire of platform: what a tenant sees of itself, and manages.

mod audit;
mod audit_log;
mod keys;
mod tenant;
mod usage;
mod wallet;
mod webhooks;
mod well_known;

use base::{KeyKind, Service};
use kernel::idempotency;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use web::{About, Api, Guard, Handlers, Owned, problem, routes};

use super::Platform;

pub use usage::{DifferenceView, UsageList, UsageQuery};

const ABOUT: About = About {
    service: "platform",
    title: "Platform",
    description: "What a tenant manages about itself: its settings, its keys for every service, its credits. A key \
                  sees its own tenant and environment only.",
    version: "1",
    document_path: "/openapi/platform.json",
    owned: &[Owned::Subtree("/platform/v1")],
    dialect: problem::DIALECT,
};

/// Requests a minute per key lineage.
const RATE_LIMIT_PER_MINUTE: u32 = 600;

/// Routes, document and dialect of the service.
pub fn api(platform: Platform) -> Api {
    let guard = Guard {
        kernel: platform.kernel.clone(),
        service: Service::Platform,
        kinds: &[KeyKind::Secret],
        rate_limit_per_minute: RATE_LIMIT_PER_MINUTE,
        idempotency_key_length: idempotency::KEY_LENGTH,
    };
    described(|handlers| guard.routes(handlers)).with_state(platform)
}

/// The same without a kernel, each path's handlers behind `guarded`: for its document.
pub fn described(guarded: impl Fn(Handlers<Platform>) -> Handlers<Platform>) -> Api<Platform> {
    Api::new(ABOUT)
        .routes(guarded(routes!(tenant::get, tenant::patch)))
        .routes(guarded(routes!(usage::get)))
        .routes(guarded(routes!(keys::list, keys::create)))
        .routes(guarded(routes!(keys::get, keys::patch, keys::revoke)))
        .routes(guarded(routes!(keys::rotate)))
        .routes(guarded(routes!(wallet::get)))
        .routes(guarded(routes!(wallet::transfers)))
        .routes(guarded(routes!(wallet::refill)))
        .routes(routes!(well_known::get))
        .routes(guarded(routes!(webhooks::list, webhooks::create)))
        .routes(guarded(routes!(webhooks::get, webhooks::patch, webhooks::delete)))
        .routes(guarded(routes!(webhooks::rotate)))
        .routes(guarded(routes!(webhooks::test)))
        .routes(guarded(routes!(webhooks::replay)))
        .routes(guarded(routes!(webhooks::deliveries)))
        .routes(guarded(routes!(webhooks::events)))
        .routes(guarded(routes!(audit::list)))
        .routes(guarded(routes!(audit::export)))
        .routes(routes!(audit_log::checkpoint))
        .routes(routes!(audit_log::tile))
        .describe(|document| {
            let scheme = HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some("`at_test_…` or `at_live_…`"));
            let components = document.components.get_or_insert_default();
            components.add_security_scheme("platform", SecurityScheme::Http(scheme.build()));
        })
}
