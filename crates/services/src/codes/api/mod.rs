//! The wire of codes: the published endpoints, what is ours around them, and the consumer's page.

mod batches;
mod body;
mod dialect;
mod download;
mod pages;
mod products;
mod status;
mod usage;
mod verify;

use base::{KeyKind, Service};
use kernel::idempotency;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use web::{About, Api, Guard, Handlers, Owned, routes};

use super::Codes;

pub use download::DownloadQuery;

const ABOUT: About = About {
    service: "codes",
    title: "Codes",
    description: "Signed product codes against counterfeits: mint them in batches, export them for printers, verify \
                  them, and see which are scanned where they should not be. Keys `vg_test_…` and `vg_live_…`.\n\nA code \
                  that is not genuine is an answer, not an error: a 200 with `counterfeit`, whatever the reason.",
    version: "1",
    document_path: "/api/v1/codes/openapi.json",
    owned: &[
        Owned::Exact("/api/v1/verify"),
        Owned::Subtree("/api/v1/batches"),
        Owned::Subtree("/api/v1/products"),
        Owned::Subtree("/api/v1/codes"),
        Owned::Subtree("/api/v1/usage"),
        Owned::Exact("/v/{token}"),
        Owned::Exact("/v/{token}/scan"),
        Owned::Exact("/V/{token}"),
        Owned::Exact("/V/{token}/scan"),
        Owned::Subtree("/01"),
    ],
    dialect: dialect::DIALECT,
};

/// Requests a minute per key lineage.
const RATE_LIMIT_PER_MINUTE: u32 = 60;

/// Routes, document and dialect of the service.
pub fn api(codes: Codes) -> Api {
    let guard = Guard {
        kernel: codes.kernel().clone(),
        service: Service::Codes,
        kinds: &[KeyKind::Secret],
        rate_limit_per_minute: RATE_LIMIT_PER_MINUTE,
        idempotency_key_length: idempotency::KEY_LENGTH,
    };
    described(|handlers| guard.routes(handlers)).with_state(codes)
}

/// The same without a kernel, each path of the API behind `guarded`: for its document.
pub fn described(guarded: impl Fn(Handlers<Codes>) -> Handlers<Codes>) -> Api<Codes> {
    let api = Api::new(ABOUT)
        .routes(guarded(routes!(batches::list, batches::create)))
        .routes(guarded(routes!(batches::get, batches::change)))
        .routes(guarded(routes!(download::download)))
        .routes(guarded(routes!(products::list, products::create)))
        .routes(guarded(routes!(products::get, products::change)))
        .routes(guarded(routes!(status::set)))
        .routes(guarded(routes!(verify::verify)))
        .routes(guarded(routes!(usage::get)));
    pages::routes(api).describe(describe)
}

fn describe(document: &mut OpenApi) {
    let scheme =
        HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("`vg_test_…` or `vg_live_…`"));
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("key", SecurityScheme::Http(scheme.build()));
}
