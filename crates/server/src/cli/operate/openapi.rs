use std::process::ExitCode;

use base::Fault;
use serde_json::{Value, json};

use crate::app::documents;
use crate::cli::print;
use crate::cli::show::{Columns, table};

const COLUMNS: Columns = &[("SERVICE", "service"), ("TITLE", "title"), ("SERVED AT", "url")];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    attestry openapi                      list the documents\n  \
    attestry openapi quota > quota.json   no server and no database is needed")]
pub(in crate::cli) struct Openapi {
    /// One of the listed services; without it they are listed
    service: Option<String>,
    /// Print exactly what the server answers, on one line
    #[arg(long)]
    json: bool,
}

impl Openapi {
    pub(super) fn run(&self) -> Result<ExitCode, Fault> {
        let documents = documents();
        let Some(name) = &self.service else {
            let rows: Vec<Value> = documents
                .iter()
                .map(|(about, _)| json!({ "service": about.service, "title": about.title, "url": about.document_path }))
                .collect();
            print(&if self.json {
                json!({ "documents": rows }).to_string()
            } else {
                format!("{}\n\nPrint one with: attestry openapi SERVICE", table(&rows, COLUMNS))
            });
            return Ok(ExitCode::SUCCESS);
        };
        let Some((_, document)) = documents.iter().find(|(about, _)| about.service == name) else {
            let names: Vec<&str> = documents.iter().map(|(about, _)| about.service).collect();
            return Err(Fault::invalid("SERVICE", format!("must be one of {}", names.join(", "))));
        };
        let text =
            if self.json { serde_json::to_string(document) } else { serde_json::to_string_pretty(document) };
        print(&text.map_err(Fault::internal)?);
        Ok(ExitCode::SUCCESS)
    }
}
