//! The operator's file, read row by row into parts of a bounded size.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::rc::Rc;

use base::Fault;
use bytes::Bytes;
use csv::ByteRecord;
use services::citizen::registry::imported::{PART_BYTES_MAX, Rejection};

const COLUMNS: [&str; 4] = ["national_id", "full_name", "date_of_birth", "status"];
/// A part is closed at this size, well below what the server takes.
const PART_BYTES: usize = PART_BYTES_MAX / 2;
/// A quote that is left open would make one row of the rest of the file.
const ROW_BYTES_MAX: usize = 64 * 1024;
const BUFFER_BYTES: usize = 64 * 1024;

/// Rows for one call.
pub(super) struct Part {
    /// `line,national_id,full_name,date_of_birth,status`, without a header.
    pub(super) csv: Bytes,
    /// Rows that are no rows of this file.
    pub(super) rejected: Vec<Rejection>,
    /// How much of the file was read, from its start.
    pub(super) bytes_read: u64,
}

pub(super) struct Rows {
    reader: csv::Reader<Bounded>,
    trail: Rc<RefCell<Trail>>,
    /// Where each of [`COLUMNS`] stands.
    positions: [usize; 4],
    width: usize,
    /// Of the file, where it is one.
    pub(super) bytes: Option<u64>,
}

/// Opens the file and reads its header. `-` is standard input.
///
/// # Errors
/// A file that cannot be read, or whose first line does not name the four columns.
pub(super) fn open(path: &Path) -> Result<Rows, Fault> {
    let (source, bytes): (Box<dyn Read>, _) = if path == Path::new("-") {
        (Box::new(io::stdin()), None)
    } else {
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        let metadata = file.metadata().map_err(|error| unreadable(path, &error))?;
        (Box::new(file), Some(metadata.len()).filter(|_| metadata.is_file()))
    };
    Rows::new(source, bytes)
}

fn unreadable(path: &Path, error: &io::Error) -> Fault {
    Fault::invalid("FILE", format!("{} cannot be read: {error}", path.display()))
}

impl Rows {
    fn new(source: Box<dyn Read>, bytes: Option<u64>) -> Result<Self, Fault> {
        let trail = Rc::new(RefCell::new(Trail::new()));
        let bounded = Bounded { source, trail: Rc::clone(&trail) };
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(BUFFER_BYTES)
            .from_reader(bounded);
        let mut header = ByteRecord::new();
        reader.read_byte_record(&mut header).map_err(|error| broken(1, &error))?;
        let positions = positions(&header)?;
        Ok(Self { reader, trail, positions, width: header.len(), bytes })
    }

    /// The next part; `None` at the end.
    ///
    /// # Errors
    /// A file that breaks off, or a row without an end.
    pub(super) fn next(&mut self) -> Result<Option<Part>, Fault> {
        let mut writer = csv::Writer::from_writer(Vec::with_capacity(PART_BYTES + ROW_BYTES_MAX));
        let mut wrong_width = Vec::new();
        let mut row = ByteRecord::new();
        let mut is_empty = true;
        while writer.get_ref().len() < PART_BYTES && wrong_width.len() < PART_BYTES / 16 {
            let start = self.reader.position().byte();
            self.trail.borrow_mut().allowance = ROW_BYTES_MAX + BUFFER_BYTES;
            let is_row = self.reader.read_byte_record(&mut row);
            let line = self.trail.borrow_mut().line_from(start);
            if !is_row.map_err(|error| broken(line, &error))? {
                break;
            }
            is_empty = false;
            if row.len() != self.width {
                wrong_width.push(line);
                continue;
            }
            let fields = self.positions.map(|position| row.get(position).unwrap_or_default());
            let line = line.to_string();
            let fields = std::iter::once(line.as_bytes()).chain(fields);
            writer.write_record(fields).map_err(Fault::internal)?;
            writer.flush().map_err(Fault::internal)?;
        }
        if is_empty {
            return Ok(None);
        }
        let reason = format!("must have as many fields as the header, {}", self.width);
        let rejected =
            if wrong_width.is_empty() { Vec::new() } else { vec![Rejection { reason, lines: wrong_width }] };
        let csv = writer.into_inner().map_err(|error| Fault::internal(error.to_string()))?;
        Ok(Some(Part { csv: csv.into(), rejected, bytes_read: self.reader.position().byte() }))
    }
}

fn positions(header: &ByteRecord) -> Result<[usize; 4], Fault> {
    let names: Vec<String> =
        header.iter().map(|name| String::from_utf8_lossy(name).trim().to_ascii_lowercase()).collect();
    let mut positions = [0; 4];
    for (position, column) in positions.iter_mut().zip(COLUMNS) {
        let mut found = names.iter().enumerate().filter(|(_, name)| *name == column);
        match (found.next(), found.next()) {
            (Some((first, _)), None) => *position = first,
            (found, _) => {
                let problem = if found.is_none() { "lacks" } else { "repeats" };
                return Err(Fault::invalid(
                    "FILE",
                    format!(
                        "its first line {problem} the column {column}; it must name the columns, separated by commas: {}",
                        COLUMNS.join(",")
                    ),
                ));
            }
        }
    }
    Ok(positions)
}

fn broken(line: u64, error: &csv::Error) -> Fault {
    Fault::invalid("FILE", format!("cannot be read on from line {line}: {error}"))
}

/// What was read and not parsed yet.
///
/// The parser's own count of lines is that of the place where it began to look for a row, which may be some blank
/// lines before the row.
struct Trail {
    /// The bytes that may still be read for the row at hand.
    allowance: usize,
    /// The offset of the first byte of each line that is not blank, and the line's number.
    starts: VecDeque<(u64, u64)>,
    offset: u64,
    line: u64,
    is_blank: bool,
}

impl Trail {
    const fn new() -> Self {
        let allowance = ROW_BYTES_MAX + BUFFER_BYTES;
        Self { allowance, starts: VecDeque::new(), offset: 0, line: 1, is_blank: true }
    }

    fn note(&mut self, bytes: &[u8]) {
        self.allowance -= bytes.len();
        for (byte, offset) in bytes.iter().zip(self.offset..) {
            match byte {
                b'\n' => {
                    self.line += 1;
                    self.is_blank = true;
                }
                b'\r' => {}
                _ if self.is_blank => {
                    self.starts.push_back((offset, self.line));
                    self.is_blank = false;
                }
                _ => {}
            }
        }
        self.offset += bytes.len() as u64;
    }

    /// The line on which a row stands that was looked for from `offset` on.
    fn line_from(&mut self, offset: u64) -> u64 {
        while self.starts.front().is_some_and(|(start, _)| *start < offset) {
            self.starts.pop_front();
        }
        self.starts.front().map_or(self.line, |(_, line)| *line)
    }
}

/// Hands out no more than the allowance, which each row renews.
struct Bounded {
    source: Box<dyn Read>,
    trail: Rc<RefCell<Trail>>,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let allowed = self.trail.borrow().allowance;
        if allowed == 0 {
            return Err(io::Error::other(format!(
                "a row has more than {ROW_BYTES_MAX} bytes; is a quotation mark left open?"
            )));
        }
        let length = buffer.len().min(allowed);
        let count = self.source.read(&mut buffer[..length])?;
        self.trail.borrow_mut().note(&buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Result<Rows, Fault> {
        Rows::new(Box::new(io::Cursor::new(text.to_owned().into_bytes())), None)
    }

    fn first(text: &str) -> Part {
        rows(text).unwrap().next().unwrap().unwrap()
    }

    #[test]
    fn rows_keep_their_lines_and_columns_their_names() {
        let part = first(
            "\u{feff}status, Full_Name ,note,national_id,date_of_birth\nactive,\"A, \nB\",x,1,2\n\nblocked,C,y,3,4\n",
        );
        let text = String::from_utf8(part.csv.to_vec()).unwrap();
        assert_eq!(text, "2,1,\"A, \nB\",2,active\n5,3,C,4,blocked\n");
        assert!(part.rejected.is_empty(), "{:?}", part.rejected);
    }

    #[test]
    fn lines_are_counted_as_an_editor_counts_them() {
        for end in ["\n", "\r\n"] {
            let text = [
                "national_id,full_name,date_of_birth,status",
                "",
                "1,\"A",
                "",
                "B\",3,4",
                "",
                "",
                "5,6,7,8",
                "9,10,11,12",
            ];
            let part = first(&text.join(end));
            let text = String::from_utf8(part.csv.to_vec()).unwrap();
            let lines: Vec<&str> = text.lines().filter(|line| line.matches(',').count() > 2).collect();
            assert_eq!(lines, ["8,5,6,7,8", "9,9,10,11,12"], "{text:?}");
            assert!(text.starts_with("3,1,"), "{text:?}");
        }
    }

    #[test]
    fn a_row_of_another_width_is_rejected_with_its_line() {
        let part = first("national_id,full_name,date_of_birth,status\n1,2,3\n1,2,3,4,5\n1,2,3,4\n");
        assert_eq!(part.rejected[0].lines, [2, 3]);
        assert_eq!(part.csv, "4,1,2,3,4\n");
    }

    #[test]
    fn a_header_that_lacks_or_repeats_a_column_is_refused_by_its_name() {
        for (header, expected) in [
            ("", "lacks the column national_id"),
            ("national_id;full_name;date_of_birth;status", "lacks the column national_id"),
            ("national_id,full_name,status", "lacks the column date_of_birth"),
            ("national_id,full_name,status,date_of_birth,status", "repeats the column status"),
        ] {
            let Err(fault) = rows(header) else { panic!("{header}") };
            assert!(fault.to_string().contains(expected), "{header}: {fault}");
        }
    }

    #[test]
    fn a_quotation_mark_left_open_ends_the_reading_and_names_its_line() {
        let rest = "12345678901,A,1990-01-01,active\n".repeat(10_000);
        let mut rows =
            rows(&format!("national_id,full_name,date_of_birth,status\n1,A,B,C\n2,\"A,B,C\n{rest}")).unwrap();
        let fault = loop {
            match rows.next() {
                Ok(part) => assert!(part.is_some()),
                Err(fault) => break fault.to_string(),
            }
        };
        assert!(fault.contains("from line 3") && fault.contains("quotation mark"), "{fault}");
    }

    #[test]
    fn a_long_file_comes_in_parts_of_a_bounded_size() {
        let row = "12345678901,Maxamed Cabdi Xasan,1990-01-01,active\n";
        let mut rows =
            rows(&format!("national_id,full_name,date_of_birth,status\n{}", row.repeat(50_000))).unwrap();
        let (mut parts, mut count) = (0, 0);
        while let Some(part) = rows.next().unwrap() {
            assert!(part.csv.len() <= PART_BYTES + 100, "{}", part.csv.len());
            count += part.csv.iter().filter(|byte| **byte == b'\n').count();
            parts += 1;
        }
        assert_eq!((parts, count), (3, 50_000));
    }
}
