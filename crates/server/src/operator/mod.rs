//! The operator API: what the command line and the operator's scripts call, on a private listener.
//!
//! The same commands run through the same spine as for tenants, with the operator as the actor of the audit log.
//! Every route takes the tenant in its body or query. Errors are problem+json.

mod audit;
mod citizen;
mod codes;
mod guard;
mod keys;
mod ledger;
mod quota;
mod registry;
mod seed;
mod system;
mod tenants;
mod usage;
mod wallet;
mod webhooks;

use kernel::Command;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use web::{About, Api, Handlers, Owned, problem, routes};

use crate::app::App;
use guard::Guard;

const ABOUT: About = About {
    service: "operator",
    title: "Operator",
    description: "For the operator of this installation. Keep its listener private.",
    version: "1",
    document_path: "/openapi/operator.json",
    owned: &[Owned::Subtree("/operator/v1")],
    dialect: problem::DIALECT,
};

/// The commands that no service has, for the generated list.
pub const COMMANDS: &[&Command] = &[&seed::SEED, &system::ACTIVATE_SECRET, &audit::BEGIN_LOG];

/// Routes, document and dialect of the operator's listener.
pub fn api(app: App) -> Api {
    let guard = Guard::new(&app.kernel);
    described(|handlers| guard.routes(handlers)).with_state(app)
}

/// The same without an app, each path's handlers behind `guarded`: for its document.
pub fn described(guarded: impl Fn(Handlers<App>) -> Handlers<App>) -> Api<App> {
    Api::new(ABOUT)
        .routes(guarded(routes!(tenants::list, tenants::create)))
        .routes(guarded(routes!(tenants::get, tenants::change)))
        .routes(guarded(routes!(tenants::set_status)))
        .routes(guarded(routes!(tenants::approve)))
        .routes(guarded(routes!(tenants::settings, tenants::change_settings)))
        .routes(guarded(routes!(wallet::get)))
        .routes(guarded(routes!(wallet::transfers)))
        .routes(guarded(routes!(wallet::grant)))
        .routes(guarded(routes!(wallet::set_floor)))
        .routes(guarded(routes!(tenants::audit)))
        .routes(guarded(routes!(audit::export)))
        .routes(guarded(routes!(audit::begin_log)))
        .routes(guarded(routes!(keys::list, keys::create)))
        .routes(guarded(routes!(keys::change, keys::revoke)))
        .routes(guarded(routes!(keys::rotate)))
        .routes(guarded(routes!(webhooks::list, webhooks::create)))
        .routes(guarded(routes!(webhooks::get, webhooks::change, webhooks::delete)))
        .routes(guarded(routes!(webhooks::rotate)))
        .routes(guarded(routes!(webhooks::test)))
        .routes(guarded(routes!(webhooks::replay)))
        .routes(guarded(routes!(webhooks::deliveries)))
        .routes(guarded(routes!(webhooks::events)))
        .routes(guarded(routes!(quota::list_accounts, quota::create_account)))
        .routes(guarded(routes!(quota::get_account, quota::change_account)))
        .routes(guarded(routes!(quota::top_up)))
        .routes(guarded(routes!(quota::list_transfers)))
        .routes(guarded(routes!(quota::list_tokens, quota::create_token)))
        .routes(guarded(routes!(quota::import_tokens)))
        .routes(guarded(routes!(quota::revoke_token)))
        .routes(guarded(routes!(quota::rotate_token)))
        .routes(guarded(routes!(registry::list, registry::begin)))
        .routes(guarded(routes!(registry::append)))
        .routes(guarded(routes!(registry::merge)))
        .routes(guarded(routes!(registry::finish)))
        .routes(guarded(routes!(registry::abort)))
        .routes(guarded(routes!(citizen::list)))
        .routes(guarded(routes!(citizen::get)))
        .routes(guarded(routes!(citizen::erase)))
        .routes(guarded(routes!(codes::list)))
        .routes(guarded(routes!(codes::get)))
        .routes(guarded(routes!(codes::download)))
        .routes(guarded(routes!(codes::look)))
        .routes(guarded(routes!(codes::epochs)))
        .routes(guarded(routes!(codes::close_epoch)))
        .routes(guarded(routes!(seed::seed)))
        .routes(guarded(routes!(ledger::check)))
        .routes(guarded(routes!(ledger::summary)))
        .routes(guarded(routes!(usage::get)))
        .routes(guarded(routes!(usage::rebuild)))
        .routes(guarded(routes!(system::doctor)))
        .routes(guarded(routes!(system::migrations)))
        .routes(guarded(routes!(system::activate_secret)))
        .describe(|document| {
            let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
            let components = document.components.get_or_insert_default();
            components.add_security_scheme("operator", SecurityScheme::Http(scheme));
        })
}
