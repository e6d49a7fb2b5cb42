use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::ExitCode;

use base::Fault;
use seal::export::{Checker, LINE_BYTES_MAX, Summary};
use seal::note::VerifierKey;
use serde_json::json;

use crate::cli::arguments::Common;
use crate::cli::{print, print_error};

pub(super) fn run(common: &Common, file: &Path, keys: Vec<VerifierKey>) -> Result<ExitCode, Fault> {
    let cannot =
        |error: io::Error| Fault::invalid("FILE", format!("{} cannot be read: {error}", file.display()));
    let mut lines: Box<dyn BufRead> = if file == Path::new("-") {
        Box::new(BufReader::new(io::stdin()))
    } else {
        Box::new(BufReader::new(File::open(file).map_err(cannot)?))
    };
    let checked = check(&mut lines, keys).map_err(cannot)?;
    if common.json {
        print(&report(&checked).to_string());
    }
    match checked {
        Ok(summary) => {
            if !common.json {
                print(&told(&summary));
            }
            Ok(ExitCode::SUCCESS)
        }
        Err((line, why)) => {
            if !common.json {
                print_error(&format!("attestry: line {line}: {why}"));
            }
            Ok(ExitCode::FAILURE)
        }
    }
}

/// What is proven, or the first line that is wrong, from 1, and why.
fn check(
    lines: &mut dyn BufRead,
    keys: Vec<VerifierKey>,
) -> Result<Result<Summary, (u64, String)>, io::Error> {
    let mut checker = Checker::new(keys);
    let mut number = 0;
    loop {
        let mut line = Vec::new();
        // One byte more than a line may have, so that memory stays bounded whatever the file is.
        lines.take(LINE_BYTES_MAX as u64 + 2).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(checker.finish().map_err(|why| (number, why)));
        }
        number += 1;
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        let checked = match std::str::from_utf8(&line) {
            Ok(text) => checker.line(text),
            Err(_) => Err("it is not UTF-8".to_owned()),
        };
        if let Err(why) = checked {
            return Ok(Err((number, why)));
        }
    }
}

fn told(summary: &Summary) -> String {
    let whose = match &summary.whose {
        Some((tenant, environment)) => format!("of {tenant} ({environment})"),
        None => "of all tenants".to_owned(),
    };
    let logs = summary.logs.iter().map(|log| format!("\n  {} with {} entries", log.origin, log.size));
    format!(
        "{} rows {whose} are as they were sealed, and none between them is missing. They are in:{}",
        summary.rows,
        logs.collect::<String>()
    )
}

fn report(checked: &Result<Summary, (u64, String)>) -> serde_json::Value {
    match checked {
        Ok(summary) => {
            let logs = summary.logs.iter().map(|log| json!({ "origin": log.origin, "size": log.size }));
            let (tenant, environment) = summary.whose.clone().unzip();
            json!({
                "ok": true, "rows": summary.rows, "tenantId": tenant, "environment": environment,
                "logs": logs.collect::<Vec<_>>(),
            })
        }
        Err((line, why)) => json!({ "ok": false, "line": line, "reason": why }),
    }
}
