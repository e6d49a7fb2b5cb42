//! The services: folders of one inner shape, which never import each other.
//!
//! `mod.rs` front page · `api` wire types and handlers · `model.rs` domain types and pure steps ·
//! `command.rs` the rules · `store.rs` SQL and row mapping.

pub mod citizen;
pub mod codes;
pub mod identity;
pub mod platform;
pub mod quota;

use base::Service;
use kernel::Command;
use kernel::settings::Setting;
use kernel::spine::{Renderer, Renderers};
use kernel::usage::Source;
use kernel::webhooks::{Form, Forms};

/// Every command of every service, for the generated list: a price change is a visible diff.
#[must_use]
pub fn commands() -> Vec<&'static Command> {
    [
        citizen::command::COMMANDS,
        citizen::registry::imported::COMMANDS,
        codes::command::COMMANDS,
        platform::command::COMMANDS,
        quota::command::COMMANDS,
    ]
    .concat()
}

/// What the services declare about keys and settings.
pub const CATALOG: platform::Catalog = platform::Catalog { scopes, settings, usage: USAGE };

/// The plans a tenant may be on. The first is the one of a tenant whose plan nobody said.
pub const PLANS: &[&str] = &["standard", citizen::command::PLAN];

/// How the calls of each service are counted.
pub const USAGE: &[&Source] = &[&citizen::usage::SOURCE, &codes::usage::SOURCE, &quota::usage::SOURCE];

/// Every scope of a service that has scopes; none elsewhere.
#[must_use]
pub fn scopes(service: Service) -> &'static [&'static str] {
    match service {
        Service::Citizen => citizen::SCOPES,
        Service::Quota => quota::SCOPES,
        Service::Platform => platform::SCOPES,
        Service::Codes => codes::SCOPES,
        Service::Identity | Service::Partner => &[],
    }
}

/// Every setting that a tenant may change: the kernel's and those of each service.
#[must_use]
pub fn settings() -> Vec<&'static Setting> {
    [kernel::settings::SETTINGS, citizen::SETTINGS, codes::SETTINGS].concat()
}

/// The services whose webhooks have a form of their own for what happens to the tenant and its wallets.
#[must_use]
pub fn renderers() -> Renderers {
    vec![Renderer {
        service: Service::Citizen,
        credits: citizen::events::credit_body,
        suspension: citizen::events::suspended,
    }]
}

/// The services whose webhooks have events to choose from, and forms of their own.
static FORMS: &[&Form] =
    &[&citizen::webhook::FORM, &codes::webhook::FORM, &identity::webhook::FORM, &quota::webhook::FORM];

/// What each service's webhooks look like.
#[must_use]
pub fn forms() -> Forms {
    Forms::new(FORMS)
}

/// Every statement of every service that runs on both engines, for the test that prepares them.
#[must_use]
pub fn statements() -> Vec<&'static str> {
    [citizen::statements(), codes::statements(), quota::statements()].concat()
}

/// Statements that PostgreSQL alone runs.
#[must_use]
pub fn postgres_statements() -> Vec<&'static str> {
    [citizen::postgres_statements(), quota::postgres_statements()].concat()
}

/// Statements that SQLite alone runs.
#[must_use]
pub fn sqlite_statements() -> Vec<&'static str> {
    quota::sqlite_statements()
}
