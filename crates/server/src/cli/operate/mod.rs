//! The operator's commands, over the running server or, when none runs, over the database itself.
//!
//! Every command is one call of the operator API and a way to show its answer.

mod account;
mod audit;
mod citizen;
mod codes;
mod credit;
mod event;
mod key;
mod ledger;
mod openapi;
mod registry;
mod secrets;
mod system;
mod tenant;
mod token;
mod usage;
mod webhook;

use std::process::ExitCode;

use base::Fault;
use clap::Subcommand;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::arguments::{Common, Noun};
use super::connection::Connection;
use super::{print, print_error, show};
use crate::client::{Answer, Ask};
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub(super) enum Operate {
    /// Tenants: create, list, show, settings, set, approve, suspend, reopen, close
    Tenant(Noun<tenant::Verb>),
    /// Keys of every service: create, list, update, rotate, revoke
    Key(Noun<key::Verb>),
    /// Quota accounts: create, list, show, rename, ban, unban, top-up, refill, alert, transfers
    Account(Noun<account::Verb>),
    /// Quota tokens: create, list, import, rotate, revoke
    Token(Noun<token::Verb>),
    /// A tenant's credits: grant, show, transfers, floor
    Credit(Noun<credit::Verb>),
    /// Verifications of citizens: list, show, erase
    Citizen(Noun<citizen::Verb>),
    /// Product codes: list, show, export, proof, epochs, close-epoch
    Codes(Noun<codes::Verb>),
    /// The registry of citizens: import, status, abort, sample
    Registry(Noun<registry::Verb>),
    /// Where a tenant's events go: create, list, show, update, enable, disable, delete, rotate-secret, test, replay, deliveries
    Webhook(Noun<webhook::Verb>),
    /// What happened to a tenant: list
    Event(Noun<event::Verb>),
    /// The audit log: list, export, verify, watch, begin-log
    Audit(Noun<audit::Verb>),
    /// The ledger: check, summary
    Ledger(Noun<ledger::Verb>),
    /// Count a tenant's calls, or a quota account's, by hour or day
    Usage(Box<usage::Usage>),
    /// Say what is wrong with this node, if anything
    Doctor(system::Doctor),
    /// Bring the database up to date, and show what was applied
    Migrate(system::Migrate),
    /// The root secrets: rotate, activate, operator-token, path
    Secrets(Noun<secrets::Verb>),
    /// Print the OpenAPI document of a service, or list the documents
    Openapi(openapi::Openapi),
}

/// One call of the operator API, and what a person sees of its answer.
pub(super) struct Job {
    ask: Ask,
    view: Box<dyn Fn(&Value) -> String>,
    /// Whether the answer is good news; else the exit code is 1.
    is_fine: fn(&Value) -> bool,
}

impl Job {
    fn new(ask: Ask, view: impl Fn(&Value) -> String + 'static) -> Self {
        Self { ask, view: Box::new(view), is_fine: |_| true }
    }
}

pub(super) fn run(config: &Config, operate: Operate) -> Result<ExitCode, Fault> {
    let call = |common: Common, job: Job| call(config, &common, job);
    match operate {
        Operate::Tenant(Noun { common, verb }) => call(common, verb.job()),
        Operate::Key(Noun { common, verb }) => call(common, verb.job()),
        Operate::Account(Noun { common, verb }) => call(common, verb.job()),
        Operate::Token(Noun { common, verb }) => call(common, verb.job()?),
        Operate::Credit(Noun { common, verb }) => call(common, verb.job()),
        Operate::Citizen(Noun { common, verb }) => call(common, verb.job()?),
        Operate::Codes(Noun { common, verb }) => codes::run(config, &common, verb),
        Operate::Registry(Noun { common, verb }) => registry::run(config, &common, verb),
        Operate::Webhook(Noun { common, verb }) => call(common, verb.job()),
        Operate::Event(Noun { common, verb }) => call(common, verb.job()),
        Operate::Audit(Noun { common, verb }) => audit::run(config, &common, verb),
        Operate::Ledger(Noun { common, verb }) => call(common, verb.job()),
        Operate::Usage(usage) => {
            let job = usage.job();
            call(usage.common, job)
        }
        Operate::Doctor(system::Doctor { common }) => call(common, system::doctor()),
        Operate::Migrate(system::Migrate { common }) => {
            let runtime = super::runtime()?;
            let connection = Connection::open_or_create(config, &runtime)?;
            answer(&runtime, connection, &common, system::migrate())
        }
        Operate::Secrets(Noun { common, verb }) => match verb.plan(config, &common)? {
            secrets::Plan::Call(job) => call(common, job),
            secrets::Plan::Done => Ok(ExitCode::SUCCESS),
        },
        Operate::Openapi(openapi) => openapi.run(),
    }
}

fn call(config: &Config, common: &Common, job: Job) -> Result<ExitCode, Fault> {
    let runtime = super::runtime()?;
    let connection = Connection::open(config, &runtime)?;
    answer(&runtime, connection, common, job)
}

fn answer(runtime: &Runtime, connection: Connection, common: &Common, job: Job) -> Result<ExitCode, Fault> {
    let mut ask = job.ask;
    if let Some(operator) = &common.operator {
        ask.headers.push(("x-operator", operator.clone()));
    }
    let answer = runtime.block_on(connection.send(ask));
    connection.close();
    let Answer { status, text, body } = answer?;
    if common.json {
        print(&text);
    }
    if !status.is_success() {
        print_error(&format!("attestry: {}", show::refusal(&Answer { status, text, body })));
        return Ok(ExitCode::FAILURE);
    }
    if !common.json {
        print(&(job.view)(&body));
    }
    Ok(if (job.is_fine)(&body) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn get(path: impl Into<String>) -> Ask {
    Ask::get(path, "")
}

/// A body without the fields that were not said.
fn post<const N: usize>(path: impl Into<String>, fields: [(&str, Value); N]) -> Ask {
    let said = fields.into_iter().filter(|(_, value)| !value.is_null());
    Ask::post(path, "", Value::Object(said.map(|(name, value)| (name.to_owned(), value)).collect()))
}

/// The text of a field of an answer, for a line to paste.
fn text<'a>(body: &'a Value, field: &str) -> &'a str {
    body[field].as_str().unwrap_or_default()
}

/// A table, what to say when it is empty, and how to see the next page when it is full.
fn list(body: &Value, columns: show::Columns, limit: u32, empty: &str) -> String {
    let rows = show::rows(body);
    let Some(last) = rows.last() else { return empty.to_owned() };
    let table = show::table(rows, columns);
    if rows.len() < usize::try_from(limit).unwrap_or(usize::MAX) {
        return table;
    }
    let id = columns.first().map_or("id", |(_, field)| if field.ends_with("Id") { field } else { "id" });
    format!("{table}\n\nThere may be more: go on with --after {}", text(last, id))
}
