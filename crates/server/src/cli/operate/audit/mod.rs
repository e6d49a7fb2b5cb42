//! The audit log: what an operator lists and exports, and what anyone checks.

mod export;
mod verify;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use base::Fault;
use base::id::TenantId;
use clap::Subcommand;
use seal::note::VerifierKey;
use serde_json::json;

use super::{Job, call, get, list, post, text};
use crate::cli::arguments::{Common, Page, id};
use crate::cli::show::Columns;
use crate::config::Config;

const COLUMNS: Columns = &[
    ("WHEN", "at"),
    ("BY", "actorId"),
    ("ACTION", "action"),
    ("TARGET", "target"),
    ("OUTCOME", "outcome"),
    ("NOTE", "note"),
];

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Verb {
    /// List the rows of a tenant or, without one, of the installation itself, newest first
    #[command(after_help = "Examples:\n  \
        attestry audit list --tenant tn_01kdvdna00e008m2jtjb6jqfym --limit 20\n  \
        attestry audit list")]
    List {
        /// The tenant: tn_…
        #[arg(long, value_name = "ID", value_parser = id::<TenantId>)]
        tenant: Option<TenantId>,
        #[command(flatten)]
        page: Page,
    },
    /// Write sealed rows with their proofs, those of all tenants or of one, for `audit verify`
    #[command(after_help = "Examples:\n  \
        attestry audit export --file audit.jsonl\n  \
        attestry audit export --tenant tn_01kdvdna00e008m2jtjb6jqfym --environment test > mine.jsonl")]
    Export {
        /// Only the rows of this tenant: tn_…
        #[arg(long, value_name = "ID", value_parser = id::<TenantId>)]
        tenant: Option<TenantId>,
        /// Of which environment of the tenant
        #[arg(long, visible_alias = "env", value_name = "NAME", value_parser = ["test", "live"], default_value = "live")]
        environment: String,
        /// Where to write [default: standard output]
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Check an export with the public key alone: no server, no database, no network
    #[command(
        after_help = "The key is in GET /.well-known/attestry, under audit. Take it once over a way that you trust.\n\n\
        Examples:\n  \
        attestry audit verify audit.jsonl --key attestry/9f0c2ab31d5e7784+d9bef712+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea\n  \
        curl -s -H 'Authorization: Bearer at_live_…' http://localhost:8080/platform/v1/audit/export | attestry audit verify - --key attestry/9f0c2ab31d5e7784+d9bef712+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
    )]
    Verify {
        /// The export; - reads standard input
        file: PathBuf,
        /// A public key of the log; say it again for each log that the export names
        #[arg(long, value_name = "KEY", required = true, value_parser = key)]
        key: Vec<VerifierKey>,
    },
    /// Compare the published checkpoint with the one of the last time, and alarm if the log did not just grow
    #[command(
        after_help = "The first time, the checkpoint is taken as it is. Run it from cron, on another machine than the log's.\n\
        Exit code 1: an alarm, or the log could not be asked; the message says which, and the state stays as it was.\n\n\
        Example:\n  \
        attestry audit watch --url https://id.example --key attestry/9f0c2ab31d5e7784+d9bef712+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea --state /var/lib/watch.json"
    )]
    Watch {
        /// Where the server is, such as https://id.example
        #[arg(long, value_name = "URL")]
        url: String,
        /// The log's public key
        #[arg(long, value_name = "KEY", value_parser = key)]
        key: VerifierKey,
        /// Remembers the last checkpoint; made the first time
        #[arg(long, value_name = "FILE")]
        state: PathBuf,
    },
    /// Begin a new log that names the one before, after a restore that no node can notice
    #[command(
        after_help = "On SQLite a restored database is noticed at the start. On PostgreSQL run this after every restore, before anything else.\n\
        The reason is published.\n\nExample:\n  attestry audit begin-log --reason \"restored from the backup of 2026-06-01\""
    )]
    BeginLog {
        /// Why, for everyone to read
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

pub(super) fn run(config: &Config, common: &Common, verb: Verb) -> Result<ExitCode, Fault> {
    match verb {
        Verb::List { tenant, page } => {
            let of_tenant = tenant.map(|tenant| format!("&tenantId={tenant}")).unwrap_or_default();
            let ask = get(format!("/operator/v1/audit?{}{of_tenant}", page.query()));
            let view = move |body: &_| list(body, COLUMNS, page.limit, "Nothing was audited here.");
            call(config, common, Job::new(ask, view))
        }
        Verb::Export { tenant, environment, file } => {
            export::run(config, common, tenant.map(|tenant| (tenant, environment)), file.as_deref())
        }
        Verb::Verify { file, key } => verify::run(common, &file, key),
        Verb::Watch { url, key, state } => watch::run(common, &url, &key, &state),
        Verb::BeginLog { reason } => {
            let ask = post("/operator/v1/audit/logs", [("reason", json!(reason))]);
            let view = |body: &_| format!("The audit log is now {}.", text(body, "origin"));
            call(config, common, Job::new(ask, view))
        }
    }
}

fn key(text: &str) -> Result<VerifierKey, String> {
    VerifierKey::parse(text).ok_or_else(|| {
        "a key looks like attestry/9f0c2ab31d5e7784+2f1c9a04+AdXl…: see audit.keys in GET /.well-known/attestry"
            .to_owned()
    })
}
