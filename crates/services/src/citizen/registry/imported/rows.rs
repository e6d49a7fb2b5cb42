//! The rows of one part of an import: read, judged, sealed, and put into buckets.
//!
//! A row is `line,national_id,full_name,date_of_birth,status`, where `line` is its line in the operator's file.
//! A row that is wrong is rejected with its line and a reason, which never quotes the row: reasons are stored and
//! written to reports, and rows are personal.

use std::collections::BTreeMap;

use base::Fault;
use kernel::{Random, Secrets};
use serde::{Deserialize, Serialize};

use super::import::BUCKETS;
use super::seal::{self, Key, Nonces, SHORT_LENGTH, ShortMac};
use crate::citizen::model::{NationalId, is_date};
use crate::citizen::registry::{Record, RecordStatus};

const NAME_LENGTH_MAX: usize = 200;
const FIELDS: usize = 5;

/// Lines of the operator's file that were left out, and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rejection {
    pub reason: String,
    pub lines: Vec<u64>,
}

#[derive(Default)]
pub(super) struct Rejected(BTreeMap<&'static str, Vec<u64>>);

impl Rejected {
    pub(super) fn add(&mut self, line: u64, reason: &'static str) {
        self.0.entry(reason).or_default().push(line);
    }

    pub(super) fn count(&self) -> i64 {
        let lines: usize = self.0.values().map(Vec::len).sum();
        i64::try_from(lines).unwrap_or(i64::MAX)
    }

    pub(super) fn into_list(self) -> Vec<Rejection> {
        self.0.into_iter().map(|(reason, lines)| Rejection { reason: reason.to_owned(), lines }).collect()
    }
}

/// What became of a part.
#[derive(Default)]
pub(super) struct Prepared {
    /// Sealed lines by bucket, without the empty ones.
    pub(super) staged: Vec<(i64, Vec<u8>)>,
    pub(super) accepted: i64,
    pub(super) rejected: Rejected,
}

/// Judges and seals the rows of a part. `today` is `YYYY-MM-DD`.
///
/// # Errors
/// A part that is no CSV with a line number first: whoever made it is broken, not the operator's file.
pub(super) fn prepare(
    part: &[u8],
    generation: i64,
    key: &Key,
    today: &str,
    secrets: &Secrets,
    random: &Random,
) -> Result<Prepared, Fault> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(part);
    let mut buckets = vec![Vec::new(); BUCKETS];
    let mut prepared = Prepared::default();
    let mut nonces = Nonces::new(random);
    let mut fields = csv::ByteRecord::new();
    while reader.read_byte_record(&mut fields).map_err(|error| unreadable(&error))? {
        let line = line_of(&fields)?;
        match judge(&fields, today) {
            Ok((national_id, record)) => {
                let mac = seal::mac(secrets, national_id);
                let sealed = seal::seal(key, &mut nonces, generation, &mac, &record);
                push(&mut buckets[usize::from(mac[0])], line, seal::short(&mac), &sealed);
                prepared.accepted += 1;
            }
            Err(reason) => prepared.rejected.add(line, reason),
        }
    }
    let staged = buckets.into_iter().zip(0..).filter(|(lines, _)| !lines.is_empty());
    prepared.staged = staged.map(|(lines, bucket)| (bucket, lines)).collect();
    Ok(prepared)
}

fn line_of(fields: &csv::ByteRecord) -> Result<u64, Fault> {
    let first = fields.get(0).and_then(|first| std::str::from_utf8(first).ok());
    first.and_then(|first| first.parse().ok()).ok_or_else(|| {
        Fault::malformed(
            "Each row must begin with its line number: line,national_id,full_name,date_of_birth,status.",
        )
    })
}

fn unreadable(error: &csv::Error) -> Fault {
    Fault::malformed(format!("The rows cannot be read as CSV: {error}."))
}

fn judge<'a>(fields: &'a csv::ByteRecord, today: &str) -> Result<(&'a str, Record), &'static str> {
    if fields.len() != FIELDS {
        return Err("must have 4 fields: national_id, full_name, date_of_birth, status");
    }
    let text = |position| {
        let field: &[u8] = fields.get(position).unwrap_or_default();
        std::str::from_utf8(field).map(str::trim).map_err(|_| "must be written in UTF-8")
    };
    let (national_id, full_name, date_of_birth, status) = (text(1)?, text(2)?, text(3)?, text(4)?);
    if NationalId::parse(national_id).is_none() {
        return Err("national_id must be exactly 11 digits");
    }
    if full_name.is_empty() || full_name.chars().count() > NAME_LENGTH_MAX {
        return Err("full_name must have 1 to 200 characters");
    }
    if full_name.chars().any(char::is_control) {
        return Err("full_name must not contain control characters");
    }
    if !is_date(date_of_birth) {
        return Err("date_of_birth must be a date like 1990-01-31");
    }
    if date_of_birth > today {
        return Err("date_of_birth must not lie in the future");
    }
    let status = RecordStatus::parse(status).ok_or("status must be active, deceased or blocked")?;
    let record = Record { full_name: full_name.to_owned(), date_of_birth: date_of_birth.to_owned(), status };
    Ok((national_id, record))
}

/// Layout of a staged line: line number (8 bytes, big-endian), MAC (16), length of the record (2), sealed record.
fn push(lines: &mut Vec<u8>, line: u64, mac: &ShortMac, sealed: &[u8]) {
    let length = u16::try_from(sealed.len()).expect("a name is bounded");
    lines.extend_from_slice(&line.to_be_bytes());
    lines.extend_from_slice(mac);
    lines.extend_from_slice(&length.to_be_bytes());
    lines.extend_from_slice(sealed);
}

/// A staged line, read back.
pub(super) struct Line<'a> {
    pub(super) mac: &'a ShortMac,
    pub(super) line: u64,
    pub(super) sealed: &'a [u8],
}

/// The lines of a staged bucket, in the order of their MACs and, for one MAC, of the file.
///
/// # Errors
/// Bytes that were changed.
pub(super) fn sorted(staged: &[Vec<u8>]) -> Result<Vec<Line<'_>>, Fault> {
    let mut lines = Vec::new();
    for mut rest in staged.iter().map(Vec::as_slice) {
        while !rest.is_empty() {
            let (line, after) =
                pop(rest).ok_or_else(|| Fault::internal("a staged part of an import was changed"))?;
            lines.push(line);
            rest = after;
        }
    }
    lines.sort_unstable_by_key(|line| (line.mac, line.line));
    Ok(lines)
}

fn pop(bytes: &[u8]) -> Option<(Line<'_>, &[u8])> {
    let (line, rest) = bytes.split_first_chunk()?;
    let (mac, rest) = rest.split_first_chunk::<SHORT_LENGTH>()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (sealed, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    Some((Line { mac, line: u64::from_be_bytes(*line), sealed }, rest))
}
