use std::io::{self, BufWriter, ErrorKind, Write};

use base::Fault;
use services::citizen::registry::sample;

/// Prints the header and so many rows.
pub(super) fn run(rows: u64, seed: u64) -> Result<(), Fault> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut write = || {
        writeln!(out, "national_id,full_name,date_of_birth,status")?;
        for index in 0..rows {
            let (number, record) = sample::row(seed, index);
            let status = record.status.name();
            writeln!(out, "{number},{},{},{status}", record.full_name, record.date_of_birth)?;
        }
        out.flush()
    };
    match write() {
        // A reader like `head` that has seen enough is no failure.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(Fault::internal),
    }
}
