//! The wire of quota: `POST /v1/verify` as published, and the management of accounts and tokens.

mod accounts;
mod bulk;
mod dialect;
mod import;
mod lists;
mod tokens;
mod usage;
mod verify;

use base::{KeyKind, Service};
use kernel::idempotency;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use web::{About, Api, Guard, Handlers, Owned, routes};

use super::Quota;

pub use accounts::read_change;
pub use import::{IMPORT_BYTES_MAX, read_import};
pub use lists::{EntryView, account_filter};

const ABOUT: About = About {
    service: "quota",
    title: "Quota",
    description: "Token verification and metering. Call `POST /v1/verify` on every request of your own API, with your \
                  end-user's `Authorization` header passed through unchanged, and let the request in on 200.",
    version: "1",
    document_path: "/openapi/quota.json",
    owned: &[Owned::Exact("/v1/verify"), Owned::Subtree("/v1/accounts"), Owned::Subtree("/v1/tokens")],
    dialect: dialect::DIALECT,
};

/// Routes, document and dialect of the service.
pub fn api(quota: Quota) -> Api {
    let guard = Guard {
        kernel: quota.kernel().clone(),
        service: Service::Quota,
        kinds: &[KeyKind::Admin],
        rate_limit_per_minute: 0,
        idempotency_key_length: idempotency::KEY_LENGTH,
    };
    described(|handlers| guard.routes(handlers)).with_state(quota)
}

/// The same without a kernel, each path of the management behind `guarded`: for its document.
pub fn described(guarded: impl Fn(Handlers<Quota>) -> Handlers<Quota>) -> Api<Quota> {
    Api::new(ABOUT)
        .routes(routes!(verify::verify))
        .routes(guarded(routes!(accounts::create, lists::accounts)))
        .routes(guarded(routes!(accounts::get, accounts::patch)))
        .routes(guarded(routes!(accounts::top_up)))
        .routes(guarded(routes!(usage::get)))
        .routes(guarded(routes!(lists::entries)))
        .routes(guarded(routes!(tokens::create, lists::tokens)))
        .routes(guarded(routes!(import::import)))
        .routes(guarded(routes!(bulk::verify_many)))
        .routes(guarded(routes!(tokens::rotate)))
        .routes(guarded(routes!(tokens::revoke)))
        .describe(describe)
}

fn describe(document: &mut OpenApi) {
    let bearer = |text| {
        SecurityScheme::Http(
            HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(text)).build(),
        )
    };
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(
        "token",
        bearer("An end-user's token: `xa_test_…`, `xa_live_…` or an imported one."),
    );
    components.add_security_scheme(
        "management",
        bearer("Your management key: `xa_admin_test_…` or `xa_admin_live_…`."),
    );
}
