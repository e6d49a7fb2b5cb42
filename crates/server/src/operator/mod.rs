//! The operator API: what the command line and the operator's scripts call, on a private listener.
//!
//! The same commands run through the same spine as for tenants, with the operator as the actor of the audit log.
//! Every route takes the tenant in its body or query. Errors are problem+json.

mod guard;
mod keys;
mod ledger;
mod quota;
mod seed;
mod system;
mod tenants;

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use web::{About, Api, Owned, problem, routes};

use crate::app::App;
use guard::Guard;
pub(crate) use keys::scopes_of;

const ABOUT: About = About {
    service: "operator",
    title: "Operator",
    description: "For the operator of this installation. Keep its listener private.",
    version: "1",
    document_path: "/openapi/operator.json",
    owned: &[Owned::Subtree("/operator/v1")],
    dialect: problem::DIALECT,
};

/// Routes, document and dialect of the operator's listener.
pub fn api(app: App) -> Api {
    let guard = Guard::new(&app.kernel);
    Api::new(ABOUT)
        .routes(guard.routes(routes!(tenants::list, tenants::create)))
        .routes(guard.routes(routes!(tenants::get)))
        .routes(guard.routes(routes!(tenants::set_status)))
        .routes(guard.routes(routes!(tenants::wallet)))
        .routes(guard.routes(routes!(tenants::grant)))
        .routes(guard.routes(routes!(tenants::audit)))
        .routes(guard.routes(routes!(keys::list, keys::create)))
        .routes(guard.routes(routes!(keys::revoke)))
        .routes(guard.routes(routes!(keys::rotate)))
        .routes(guard.routes(routes!(quota::list_accounts, quota::create_account)))
        .routes(guard.routes(routes!(quota::get_account, quota::change_account)))
        .routes(guard.routes(routes!(quota::top_up)))
        .routes(guard.routes(routes!(quota::list_tokens, quota::create_token)))
        .routes(guard.routes(routes!(quota::revoke_token)))
        .routes(guard.routes(routes!(quota::rotate_token)))
        .routes(guard.routes(routes!(seed::seed)))
        .routes(guard.routes(routes!(ledger::check)))
        .routes(guard.routes(routes!(ledger::summary)))
        .routes(guard.routes(routes!(system::doctor)))
        .routes(guard.routes(routes!(system::migrations)))
        .routes(guard.routes(routes!(system::activate_pepper)))
        .describe(|document| {
            let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
            let components = document.components.get_or_insert_default();
            components.add_security_scheme("operator", SecurityScheme::Http(scheme));
        })
        .with_state(app)
}
