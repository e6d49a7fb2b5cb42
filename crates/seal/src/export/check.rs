use crate::checkpoint::Checkpoint;
use crate::export::{Header, LINE_BYTES_MAX, Line, Proven, VERSION};
use crate::merkle::{is_included, leaf_hash};
use crate::note::{self, VerifierKey};

/// Checks an export line by line, in memory that does not grow with it. It trusts the keys and nothing else.
#[derive(Debug)]
pub struct Checker {
    keys: Vec<VerifierKey>,
    header: Option<Header>,
    logs: Vec<Checkpoint>,
    /// Which log the last row was in, and where.
    place: (usize, u64),
    rows: u64,
    is_ended: bool,
}

/// What was proven.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Summary {
    pub rows: u64,
    /// Whose rows, and of which environment; those of all tenants when there is none.
    pub whose: Option<(String, String)>,
    /// The logs that the rows are in, as they were signed.
    pub logs: Vec<Checkpoint>,
}

impl Checker {
    /// `keys`: who may have signed.
    #[must_use]
    pub const fn new(keys: Vec<VerifierKey>) -> Self {
        Self { keys, header: None, logs: Vec::new(), place: (0, 0), rows: 0, is_ended: false }
    }

    /// Checks the next line.
    ///
    /// # Errors
    /// Why it is not what was sealed.
    pub fn line(&mut self, text: &str) -> Result<(), String> {
        if self.is_ended {
            return Err("there is a line behind the end".to_owned());
        }
        if text.len() > LINE_BYTES_MAX {
            return Err(format!("it is longer than {LINE_BYTES_MAX} bytes"));
        }
        let line =
            serde_json::from_str(text).map_err(|error| format!("it is no line of an export: {error}"))?;
        match (line, &self.header) {
            (Line::Export(header), None) => self.begin(header),
            (Line::Export(_), Some(_)) => Err("a second export begins".to_owned()),
            (_, None) => Err("the first line must say what is exported: the beginning is missing".to_owned()),
            (Line::Row(row), Some(_)) => self.row(&row),
            (Line::End(end), Some(_)) => {
                self.is_ended = true;
                if end.rows == self.rows {
                    return self.ensure_whole();
                }
                Err(format!("{} rows were exported, and {} are here", end.rows, self.rows))
            }
        }
    }

    /// What was proven, once all lines were checked.
    ///
    /// # Errors
    /// An export that was cut short.
    pub fn finish(self) -> Result<Summary, String> {
        let header = self.header.filter(|_| self.is_ended);
        let header = header.ok_or("the export was cut short: its last line is missing")?;
        let whose = header.tenant_id.zip(header.environment);
        Ok(Summary { rows: self.rows, whose, logs: self.logs })
    }

    fn begin(&mut self, header: Header) -> Result<(), String> {
        if header.version != VERSION {
            return Err(format!(
                "it is of version {}, and this program reads version {VERSION}",
                header.version
            ));
        }
        if header.tenant_id.is_some() != header.environment.is_some() {
            return Err("a tenant and an environment go together".to_owned());
        }
        for log in &header.logs {
            let opened = self.keys.iter().filter(|key| key.name() == log.origin).find_map(|key| {
                let text = note::open(&log.checkpoint, key).ok()?;
                Checkpoint::parse(text).filter(|checkpoint| checkpoint.origin == log.origin)
            });
            let checkpoint = opened
                .ok_or_else(|| format!("the checkpoint of {} is not signed by a given key", log.origin))?;
            if self.logs.iter().any(|known| known.origin == checkpoint.origin) {
                return Err(format!("the log {} is named twice", log.origin));
            }
            self.logs.push(checkpoint);
        }
        self.header = Some(header);
        Ok(())
    }

    fn row(&mut self, row: &Proven) -> Result<(), String> {
        let log = self.logs.iter().position(|log| log.origin == row.log);
        let log = log.ok_or_else(|| format!("it is of the log {}, whose checkpoint is missing", row.log))?;
        self.ensure_order(row, log)?;
        let whole = row.row().ok_or("a salt, hash or erased field of it is malformed")?;
        let proof = row.hashes().ok_or("a hash of its proof is malformed")?;
        let checkpoint = &self.logs[log];
        let leaf = leaf_hash(&whole.entry());
        if !is_included(&leaf, row.index, checkpoint.size, &proof, &checkpoint.root) {
            return Err(format!(
                "row {} ({}) is not the one that was sealed at index {} of {}: it or its proof was changed",
                row.number, row.audit_id, row.index, row.log
            ));
        }
        self.place = (log, row.index);
        self.rows += 1;
        Ok(())
    }

    fn ensure_order(&self, row: &Proven, log: usize) -> Result<(), String> {
        let Some(header) = &self.header else { return Ok(()) };
        if header.tenant_id.is_none() {
            return self.ensure_next(row, log);
        }
        if header.tenant_id.as_ref() != Some(&row.tenant_id)
            || header.environment.as_ref() != Some(&row.environment)
        {
            return Err(format!("it is a row of {} ({})", row.tenant_id, row.environment));
        }
        let expected = header.after + self.rows + 1;
        if row.number != expected {
            return Err(format!(
                "row {expected} was expected, and row {} is here: one was removed or moved",
                row.number
            ));
        }
        if self.rows > 0 && (log, row.index) <= self.place {
            return Err(format!("index {} does not follow index {}", row.index, self.place.1));
        }
        Ok(())
    }

    /// In an export of all rows every index follows the one before.
    fn ensure_next(&self, row: &Proven, log: usize) -> Result<(), String> {
        let (mut at, mut last) = self.place;
        while at < log && last + 1 >= self.logs[at].size {
            (at, last) = (at + 1, 0);
        }
        if (at, last + 1) == (log, row.index) {
            return Ok(());
        }
        Err(format!(
            "index {} of {} was expected, and index {} of {} is here: a row was removed or moved",
            last + 1,
            self.logs[at].origin,
            row.index,
            row.log
        ))
    }

    /// An export of all rows ends where its last log does.
    fn ensure_whole(&self) -> Result<(), String> {
        if self.header.as_ref().is_some_and(|header| header.tenant_id.is_some()) {
            return Ok(());
        }
        let sealed: u64 = self.logs.iter().map(|log| log.size.saturating_sub(1)).sum();
        if self.rows == sealed {
            return Ok(());
        }
        Err(format!("{sealed} rows were sealed, and {} are here: the last ones were removed", self.rows))
    }
}
