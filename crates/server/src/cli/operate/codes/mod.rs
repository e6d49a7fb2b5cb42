//! Product codes: batches, files for the printer, and the epochs of the key that signs them.

mod export;
mod proof;

use std::process::ExitCode;

use base::Fault;
use base::id::{BatchId, TenantId};
use clap::Subcommand;
use serde_json::{Value, json};

use super::{Job, call, get, list, post, text};
use crate::cli::arguments::{Common, Page, Target, id};
use crate::cli::show::{Columns, fields, rows, table};
use crate::config::Config;

const COLUMNS: Columns = &[
    ("ID", "batchId"),
    ("CREATED", "createdAt"),
    ("STATUS", "status"),
    ("CODES", "quantity"),
    ("CREDITS", "charged"),
    ("FROM", "firstSerial"),
    ("TO", "lastSerial"),
];
const FIELDS: Columns = &[
    ("Batch", "batchId"),
    ("Product", "productId"),
    ("Status", "status"),
    ("Codes", "quantity"),
    ("Credits", "charged"),
    ("From", "firstSerial"),
    ("To", "lastSerial"),
    ("Expected region", "expectedRegion"),
    ("Sell by", "sellBy"),
    ("Created", "createdAt"),
    ("Handed out", "exportedAt"),
    ("Cancelled", "cancelledAt"),
    ("Recalled", "recalledAt"),
    ("Because", "reason"),
    ("SHA-256 of the CSV", "csvSha256"),
];
const COUNTS: Columns =
    &[("Codes scanned", "scanned"), ("Visits", "sessions"), ("Amber", "amber"), ("Red", "red")];
const EPOCHS: Columns =
    &[("ENVIRONMENT", "environment"), ("EPOCH", "epoch"), ("MINTS", "isInUse"), ("CLOSED", "closedAt")];

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Verb {
    /// List the batches of a tenant's environment, newest first
    #[command(
        after_help = "Example:\n  attestry codes list --tenant tn_01kdvdna00e008m2jtjb6jqfym --limit 20"
    )]
    List {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        page: Page,
    },
    /// Show a batch, and what became of its codes
    #[command(
        after_help = "Example:\n  attestry codes show bat_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym"
    )]
    Show {
        /// The batch: bat_…
        #[arg(value_name = "BATCH", value_parser = id::<BatchId>)]
        batch: BatchId,
        #[command(flatten)]
        target: Target,
    },
    /// Write the codes of a batch to a file: a table, or labels for a printer
    #[command(
        after_help = "The bytes are those that the tenant gets by `GET /api/v1/batches/{id}/codes`.\n\nExamples:\n  \
        attestry codes export bat_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym\n  \
        attestry codes export bat_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym --format pdf --sheet a4-40 --file labels.pdf\n  \
        attestry codes export bat_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym --from 1 --to 500 --file -"
    )]
    Export(Box<export::Export>),
    /// Read printed or rendered sheets of labels, and say which codes are missing, there twice or illegible
    #[command(
        after_help = "A page is a picture of at least about 200 dots per inch: a scan, a photograph from above, or the PDF itself.\n\nExamples:\n  \
        attestry codes proof labels.pdf --tenant tn_01kdvdna00e008m2jtjb6jqfym\n  \
        attestry codes proof page1.png page2.png --tenant tn_01kdvdna00e008m2jtjb6jqfym --batch bat_01kdvdna00e008m2jtjb6jqfym --from 1 --to 130"
    )]
    Proof(proof::Proof),
    /// List the epochs of the key that signs codes: which one mints, and which were closed
    #[command(after_help = "Example:\n  attestry codes epochs")]
    Epochs,
    /// Refuse codes of an epoch whose key may have leaked; there is no way back
    #[command(
        after_help = "Codes that were minted before stay genuine. Activate the next epoch first, or minting stops:\n\
        `attestry secrets rotate --kind code`, a restart, then `attestry secrets activate N --kind code`.\n\nExamples:\n  \
        attestry codes close-epoch 1 --environment live\n  \
        attestry codes close-epoch 1 --environment live --tenant tn_01kdvdna00e008m2jtjb6jqfym --from-batch bat_01kdvdna00e008m2jtjb6jqfym"
    )]
    CloseEpoch {
        /// The number that `attestry codes epochs` shows
        #[arg(value_name = "EPOCH", value_parser = clap::value_parser!(u8).range(1..))]
        epoch: u8,
        /// Each environment has a key of its own
        #[arg(long, visible_alias = "env", value_name = "NAME", value_parser = ["test", "live"])]
        environment: String,
        /// Refuse this batch and all that were minted after it, too, whose ever they are
        #[arg(long, value_name = "BATCH", requires = "tenant", value_parser = id::<BatchId>)]
        from_batch: Option<BatchId>,
        /// The tenant of that batch: tn_…
        #[arg(long, value_name = "ID", requires = "from_batch", value_parser = id::<TenantId>)]
        tenant: Option<TenantId>,
    },
}

/// Some codes of a batch.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Part {
    /// The first code, counted from 1
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    from: Option<u32>,
    /// The last code, counted from 1 and included
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    to: Option<u32>,
}

pub(super) fn run(config: &Config, common: &Common, verb: Verb) -> Result<ExitCode, Fault> {
    match verb {
        Verb::List { target, page } => {
            let ask = get(format!("/operator/v1/codes/batches?{}&{}", target.query(), page.query()));
            let empty =
                format!("No codes were minted in the {} environment of this tenant.", target.environment);
            let view = move |body: &_| list(body, COLUMNS, page.limit, &empty);
            call(config, common, Job::new(ask, view))
        }
        Verb::Show { batch, target } => {
            let ask = get(format!("/operator/v1/codes/batches/{batch}?{}", target.query()));
            call(config, common, Job::new(ask, shown))
        }
        Verb::Export(export) => export.run(config, common),
        Verb::Proof(proof) => proof.run(config, common),
        Verb::Epochs => {
            let view = |body: &_| table(rows(body), EPOCHS);
            call(config, common, Job::new(get("/operator/v1/codes/epochs"), view))
        }
        Verb::CloseEpoch { epoch, environment, from_batch, tenant } => {
            let said = [
                ("epoch", json!(epoch)),
                ("environment", json!(environment)),
                ("batchId", json!(from_batch)),
                ("tenantId", json!(tenant)),
            ];
            call(config, common, Job::new(post("/operator/v1/codes/epochs/close", said), closed))
        }
    }
}

fn shown(body: &Value) -> String {
    format!("{}\n\n{}", fields(body, FIELDS), fields(&body["counts"], COUNTS))
}

fn closed(body: &Value) -> String {
    let (epoch, environment) = (&body["epoch"], text(body, "environment"));
    let said =
        format!("Epoch {epoch} of {environment} codes is closed: what was minted before stays genuine.");
    if body["isInUse"] == true {
        return format!(
            "{said}\nIt is the one that mints, so no {environment} codes can be minted until the next one is activated:\n  \
             attestry secrets rotate --kind code"
        );
    }
    said
}
