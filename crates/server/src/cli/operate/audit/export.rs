use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use base::Fault;
use base::id::TenantId;
use serde_json::{Value, json};

use super::get;
use crate::cli::arguments::Common;
use crate::cli::connection::Connection;
use crate::cli::{print, print_error, runtime, show};
use crate::config::Config;

/// Page by page, so that a log of any length needs little memory here and there.
pub(super) fn run(
    config: &Config,
    common: &Common,
    whose: Option<(TenantId, String)>,
    file: Option<&Path>,
) -> Result<ExitCode, Fault> {
    let cannot =
        |error: io::Error| Fault::invalid("--file", format!("the export cannot be written: {error}"));
    let mut out: Box<dyn Write> = match file {
        Some(path) => Box::new(BufWriter::new(File::create(path).map_err(cannot)?)),
        None => Box::new(BufWriter::new(io::stdout())),
    };
    let runtime = runtime()?;
    let connection = Connection::open(config, &runtime)?;
    let whose = whose.map(|(tenant, environment)| format!("&tenantId={tenant}&environment={environment}"));
    let (mut lines, mut position) = (0_u64, None::<String>);
    loop {
        let from = position.map(|position| format!("&position={position}")).unwrap_or_default();
        let whose = whose.as_deref().unwrap_or_default();
        let answer =
            runtime.block_on(connection.send(get(format!("/operator/v1/audit/export?{from}{whose}"))))?;
        if !answer.status.is_success() {
            connection.close();
            print_error(&format!("attestry: {}", show::refusal(&answer)));
            return Ok(ExitCode::FAILURE);
        }
        for line in answer.body["lines"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            writeln!(out, "{line}").map_err(cannot)?;
            lines += 1;
        }
        match answer.body["next"].as_str() {
            Some(next) => position = Some(next.to_owned()),
            None => break,
        }
    }
    connection.close();
    out.flush().map_err(cannot)?;
    // The first line and the last are no rows.
    let rows = lines.saturating_sub(2);
    if let Some(path) = file {
        print(&match common.json {
            true => json!({ "rows": rows, "file": path }).to_string(),
            false => format!(
                "{rows} rows are in {}. Check them: attestry audit verify {0} --key …",
                path.display()
            ),
        });
    }
    Ok(ExitCode::SUCCESS)
}
