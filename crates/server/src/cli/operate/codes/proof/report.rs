use std::collections::BTreeMap;
use std::fmt;

use seal::labels::serial;
use serde_json::{Value, json};

use super::Place;

/// Lines of each kind that a person is shown.
const LINES_MAX: usize = 20;

/// What sheets of labels hold, and what they should.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) pages: usize,
    pub(super) codes: Vec<Code>,
    pub(super) illegible: Vec<Illegible>,
    /// `None` when no code of the tenant was read and no batch named.
    pub(super) batch: Option<Batch>,
}

/// A code that was read.
#[derive(Clone, Debug)]
pub(super) struct Code {
    text: String,
    place: Place,
    /// `None` as the other two for one that is none of the tenant's.
    pub(super) batch_id: Option<String>,
    serial: String,
    /// Within its batch, counted from 1.
    position: i64,
}

/// What nobody can read.
#[derive(Clone, Debug)]
pub(super) enum Illegible {
    /// Something that looks like a code; percent of the page from the left and from the top.
    Spot(Place, u64, u64),
    /// A page, and why.
    Page(Place, String),
}

/// The codes that should be there.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    pub(super) id: String,
    pub(super) first_serial: String,
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Code {
    pub(super) fn of(text: &str, place: &Place, look: &Value) -> Self {
        Self {
            text: text.to_owned(),
            place: place.clone(),
            batch_id: look["batchId"].as_str().map(str::to_owned),
            serial: look["serial"].as_str().unwrap_or_default().to_owned(),
            position: look["position"].as_i64().unwrap_or_default(),
        }
    }
}

impl Batch {
    fn is_of(&self, code: &Code) -> bool {
        code.batch_id.as_ref() == Some(&self.id) && (self.from..=self.to).contains(&code.position)
    }

    fn serial(&self, position: i64) -> String {
        let (prefix, number) = self.first_serial.rsplit_once('-').unwrap_or_default();
        let first: i64 = number.parse().unwrap_or_default();
        serial(prefix, (first + position - 1).unsigned_abs())
    }
}

impl Report {
    pub(super) fn is_fine(&self) -> bool {
        self.batch.is_some()
            && self.illegible.is_empty()
            && self.foreign().is_empty()
            && self.twice().is_empty()
            && self.missing().is_empty()
    }

    /// Codes of the batch, by their positions.
    fn own(&self) -> BTreeMap<i64, Vec<&Code>> {
        let mut own: BTreeMap<i64, Vec<&Code>> = BTreeMap::new();
        for code in
            self.codes.iter().filter(|code| self.batch.as_ref().is_some_and(|batch| batch.is_of(code)))
        {
            own.entry(code.position).or_default().push(code);
        }
        own
    }

    /// Codes that do not belong here.
    fn foreign(&self) -> Vec<&Code> {
        let is_of = |code: &&Code| self.batch.as_ref().is_some_and(|batch| batch.is_of(code));
        self.codes.iter().filter(|code| !is_of(code)).collect()
    }

    fn twice(&self) -> Vec<Vec<&Code>> {
        self.own().into_values().filter(|codes| codes.len() > 1).collect()
    }

    /// The first and last position of each gap.
    fn missing(&self) -> Vec<(i64, i64)> {
        let Some(batch) = &self.batch else { return Vec::new() };
        let (mut gaps, mut next) = (Vec::new(), batch.from);
        for position in self.own().into_keys().chain([batch.to + 1]) {
            if position > next {
                gaps.push((next, position - 1));
            }
            next = position + 1;
        }
        gaps
    }

    pub(super) fn to_json(&self) -> Value {
        let place = |place: &Place| json!({ "file": place.file, "page": place.page });
        let illegible = self.illegible.iter().map(|illegible| match illegible {
            Illegible::Spot(at, left, top) => {
                json!({ "file": at.file, "page": at.page, "leftPercent": left, "topPercent": top })
            }
            Illegible::Page(at, why) => json!({ "file": at.file, "page": at.page, "error": why }),
        });
        let foreign = self.foreign().into_iter();
        let foreign = foreign
            .map(|code| json!({ "file": code.place.file, "page": code.place.page, "text": code.text }));
        let twice = self.twice().into_iter().map(|codes| {
            let places: Vec<Value> = codes.iter().map(|code| place(&code.place)).collect();
            json!({ "serial": codes[0].serial, "places": places })
        });
        let missing = self.missing().into_iter().map(|(from, to)| {
            let serial = |position| self.batch.as_ref().map(|batch| batch.serial(position));
            json!({ "from": serial(from), "to": serial(to), "codes": to - from + 1 })
        });
        json!({
            "ok": self.is_fine(),
            "batchId": self.batch.as_ref().map(|batch| &batch.id),
            "pages": self.pages,
            "read": self.codes.len(),
            "illegible": illegible.collect::<Vec<_>>(),
            "foreign": foreign.collect::<Vec<_>>(),
            "duplicates": twice.collect::<Vec<_>>(),
            "missing": missing.collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (pages, read) = (self.pages, self.codes.len());
        let Some(batch) = &self.batch else {
            write!(f, "{pages} pages, {read} codes read, and none of them is a code of this tenant.")?;
            return section(f, "CANNOT BE READ", self.illegible.iter().map(ToString::to_string));
        };
        let (first, last) = (batch.serial(batch.from), batch.serial(batch.to));
        write!(f, "{pages} pages, {read} codes read; {} has {first} to {last}.", batch.id)?;
        if self.is_fine() {
            return write!(f, "\n\nEvery code is there, once, and can be read.");
        }
        section(f, "CANNOT BE READ", self.illegible.iter().map(ToString::to_string))?;
        let twice = self.twice().into_iter().map(|codes| {
            let places: Vec<String> = codes.iter().map(|code| code.place.to_string()).collect();
            format!("{}: {}", codes[0].serial, places.join("; "))
        });
        section(f, "THERE MORE THAN ONCE", twice)?;
        let foreign = self.foreign().into_iter();
        section(
            f,
            "NOT OF THIS BATCH",
            foreign.map(|code| format!("{}: {}", code.place, shown(&code.text))),
        )?;
        let missing = self.missing().into_iter().map(|(from, to)| match to - from + 1 {
            1 => batch.serial(from),
            codes => format!("{} to {}, {codes} codes", batch.serial(from), batch.serial(to)),
        });
        section(f, "MISSING", missing)
    }
}

/// A heading with its lines, if there are any.
fn section(f: &mut fmt::Formatter<'_>, title: &str, lines: impl Iterator<Item = String>) -> fmt::Result {
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        return Ok(());
    }
    write!(f, "\n\n{title}: {}", lines.len())?;
    for line in lines.iter().take(LINES_MAX) {
        write!(f, "\n  {line}")?;
    }
    if lines.len() > LINES_MAX { write!(f, "\n  … all of them with --json") } else { Ok(()) }
}

/// Somebody else wrote it, and the terminal must not obey it.
fn shown(text: &str) -> String {
    const LETTERS_MAX: usize = 80;
    let letters = text.chars().take(LETTERS_MAX);
    letters.map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, page {}", self.file, self.page)
    }
}

impl fmt::Display for Illegible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spot(place, left, top) => {
                write!(f, "{place}: what looks like a code, {left} % from the left and {top} % from the top")
            }
            Self::Page(place, why) => write!(f, "{place}: {why}"),
        }
    }
}
