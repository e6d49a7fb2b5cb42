//! What the mints, scans and downloads of a leg must have left behind.

use std::collections::BTreeMap;
use std::time::Duration;

use it::Result;
use it::client::{Client, Request};
use it::server::Server;
use it::wait;
use serde_json::Value;

use super::super::account::Tally;
use super::super::let_pass;
use super::CREDITS;
use super::callers::{Scan, Seen, scan_count, verify_request};
use super::export::{Download, sha256};
use super::mint::{Code, INLINE_MAX, Mint, Minted, Outcome, Shop, number_of};

/// Of the batch that exporters read from the first round on.
const LARGE: i64 = 50_000;
/// Of the batch whose codes all callers scan.
const SHARED: i64 = 5;
/// A worker that was killed keeps its lease for two minutes; the rest is for the work.
const READY_LIMIT: Duration = Duration::from_secs(300);
const READY_STEP: Duration = Duration::from_millis(500);

/// Everything that is known of a leg's codes.
#[derive(Debug)]
pub(super) struct Books {
    pub shop: Shop,
    tenant: String,
    /// Codes that all callers scan.
    pub shared: Vec<Code>,
    /// Batches worth a long download.
    pub large: Vec<String>,
    /// By their ids.
    batches: BTreeMap<String, Batch>,
    /// How often each code was scanned, by its token.
    scanned: BTreeMap<String, i64>,
    /// The digest of each export that was read to its end, by its path.
    files: BTreeMap<String, String>,
    /// Downloads that were cut off.
    resumed: u64,
    /// Mints that had been done, although their callers had no answer.
    done_before: u64,
    pub tally: Tally,
}

#[derive(Debug)]
struct Batch {
    prefix: &'static str,
    quantity: i64,
    /// Of the CSV that its answer promises: of codes that were answered.
    csv_sha256: Option<String>,
}

/// A batch as it is listed.
#[derive(Debug)]
struct Listed {
    id: String,
    quantity: i64,
    serials: [String; 2],
    status: String,
    csv_sha256: Option<String>,
}

impl Books {
    /// Mints what the callers of the first round need.
    pub(super) fn open(server: &Server) -> Result<Self> {
        let text = |name: &str| server.line["demo"]["codes"][name].as_str().map(str::to_owned);
        let shop = text("live").zip(text("productId")).map(|(key, product)| Shop { key, product });
        let mut books = Self {
            shop: shop.ok_or("no key of codes")?,
            tenant: server.tenant().to_owned(),
            shared: Vec::new(),
            large: Vec::new(),
            batches: BTreeMap::new(),
            scanned: BTreeMap::new(),
            files: BTreeMap::new(),
            resumed: 0,
            done_before: 0,
            tally: Tally::default(),
        };
        let mut client = server.client();
        for (key, quantity) in [("the shared codes", SHARED), ("the long export", LARGE)] {
            let mut mint = Mint::of(key, quantity);
            mint.retry(&mut client, &books.shop)?;
            let Outcome::Minted(minted) = &mint.outcome else { return Err("the wallet is empty".into()) };
            books.shared.extend_from_slice(&minted.codes);
            books.note(&mint, minted)?;
        }
        Ok(books)
    }

    pub(super) fn balance(&self, server: &Server) -> Result<i64> {
        let path = format!("/operator/v1/wallet?tenantId={}&environment=live", self.tenant);
        let wallet = server.operator().get(&path)?;
        wallet["balance"].as_i64().ok_or_else(|| format!("no balance in {wallet}").into())
    }

    pub(super) fn summary(&self) -> String {
        let codes: i64 = self.batches.values().map(|batch| batch.quantity).sum();
        let scans: i64 = self.scanned.values().sum();
        let (batches, files, resumed) = (self.batches.len(), self.files.len(), self.resumed);
        let done = self.done_before;
        format!(
            "{codes} codes in {batches} batches, {done} of them done before their retry; {scans} scans; \
             {files} files, {resumed} downloads cut off and resumed"
        )
    }

    /// After a recovery: retries what has no answer, repeats what has, and compares everything with what is there.
    ///
    /// # Errors
    /// The first violation.
    pub(super) fn settle(&mut self, server: &Server, seen: Vec<Seen>) -> Result<()> {
        let mut client = server.client();
        let (mut mints, mut scans, mut downloads) = (Vec::new(), Vec::new(), Vec::new());
        for seen in seen {
            mints.extend(seen.mints);
            scans.extend(seen.scans);
            downloads.extend(seen.downloads);
        }
        self.finish_mints(server, &mut client, mints)?;
        self.check_scans(&mut client, &scans)?;
        for download in downloads {
            self.finish_download(&mut client, download)?;
        }
        server.operator().ledger_check().map(drop)
    }

    fn finish_mints(&mut self, server: &Server, client: &mut Client, mut mints: Vec<Mint>) -> Result<()> {
        let mut spent = 0;
        for mint in &mut mints {
            match mint.outcome {
                Outcome::Minted(_) => self.tally.acknowledged += 1,
                Outcome::Refused => self.tally.refused += 1,
                Outcome::Unknown => {
                    self.tally.unanswered += 1;
                    self.tally.retried += 1;
                    self.done_before += u64::from(mint.retry(client, &self.shop)?);
                }
            }
            if let Outcome::Minted(minted) = &mint.outcome {
                self.note(mint, minted)?;
                spent += mint.quantity;
            }
        }
        self.check_credits(server, CREDITS - spent)?;
        for mint in &mints {
            let Outcome::Minted(minted) = &mint.outcome else { continue };
            mint.replay(client, &self.shop, minted)?;
            self.tally.replayed += 1;
            for code in [minted.codes.first(), minted.codes.last()].into_iter().flatten() {
                scan_count(&client.send(&verify_request(&self.shop.key, &code.token))?, code)?;
            }
        }
        // No replay was charged, and none made a batch.
        self.check_credits(server, CREDITS - spent)?;
        self.check_list(&self.listed(client)?)
    }

    /// A key that got a batch of its own.
    fn note(&mut self, mint: &Mint, minted: &Minted) -> Result<()> {
        let csv_sha256 = if mint.is_large() { None } else { Some(sha256(csv(&minted.codes).as_bytes())?) };
        let batch = Batch { prefix: mint.prefix, quantity: mint.quantity, csv_sha256 };
        if mint.is_large() {
            self.large.push(minted.batch_id.clone());
        }
        match self.batches.insert(minted.batch_id.clone(), batch) {
            None => Ok(()),
            Some(_) => Err(format!("{} was answered to two keys", minted.batch_id).into()),
        }
    }

    /// The wallet, and the charges of the ledger: one for each batch, of as many credits as it has codes.
    fn check_credits(&self, server: &Server, expected: i64) -> Result<()> {
        let balance = self.balance(server)?;
        if balance != expected {
            return Err(format!("the wallet has {balance} and not {expected} credits").into());
        }
        let path = "/operator/v1/ledger/summary?environment=live&unit=credit&tenantId=";
        let summary = server.operator().get(&format!("{path}{}", self.tenant))?;
        let codes: i64 = self.batches.values().map(|batch| batch.quantity).sum();
        if summary["charges"] == self.batches.len() && summary["charged"] == codes {
            return Ok(());
        }
        Err(format!("{codes} codes in {} batches were charged as {summary}", self.batches.len()).into())
    }

    /// All batches, page by page.
    fn listed(&self, client: &mut Client) -> Result<Vec<Listed>> {
        let (mut listed, mut place) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/v1/batches?limit=100{place}");
            let page = client.send(&Request::get(&path).bearer(&self.shop.key))?.json();
            let rows = page["data"].as_array().ok_or_else(|| format!("no batches in {page}"))?;
            listed.extend(rows.iter().map(Listed::of));
            match page["nextCursor"].as_str() {
                Some(cursor) => place = format!("&cursor={cursor}"),
                None => return Ok(listed),
            }
        }
    }

    /// The batches of the answers and no others, whose serial numbers begin at 1 and leave out none.
    fn check_list(&self, listed: &[Listed]) -> Result<()> {
        let mut ranges: BTreeMap<&str, Vec<(i64, i64)>> = BTreeMap::new();
        for row in listed {
            let batch =
                self.batches.get(&row.id).ok_or_else(|| format!("no key was answered with {row:?}"))?;
            let [first, last] = row.serials.each_ref().map(|serial| number_of(serial, batch.prefix));
            let range = first.zip(last).filter(|(first, last)| last - first + 1 == batch.quantity);
            let is_in_time = batch.quantity > INLINE_MAX || row.status == "ready";
            let (Some(range), true, true) = (range, row.quantity == batch.quantity, is_in_time) else {
                return Err(format!("{batch:?} is listed as {row:?}").into());
            };
            ranges.entry(batch.prefix).or_default().push(range);
        }
        if listed.len() != self.batches.len() {
            return Err(format!("{} batches are listed of {}", listed.len(), self.batches.len()).into());
        }
        ranges.into_iter().try_for_each(|(prefix, ranges)| check_ranges(prefix, ranges))
    }

    /// Each code was scanned as often as was acknowledged, and at most as often as was asked.
    fn check_scans(&mut self, client: &mut Client, scans: &[Scan]) -> Result<()> {
        let mut of_code: BTreeMap<&str, (&Code, i64, i64)> = BTreeMap::new();
        for scan in scans {
            let counted = of_code.entry(&scan.code.token).or_insert((&scan.code, 0, 0));
            counted.1 += i64::from(scan.is_acknowledged);
            counted.2 += i64::from(!scan.is_acknowledged);
        }
        for (token, (code, acknowledged, open)) in of_code {
            let before = self.scanned.get(token).copied().unwrap_or_default();
            let after = scan_count(&client.send(&verify_request(&self.shop.key, token))?, code)?;
            if !(acknowledged..=acknowledged + open).contains(&(after - before)) {
                return Err(format!(
                    "{} was scanned {before} and then {after} times, with {acknowledged} acknowledged and {open} open",
                    code.serial
                )
                .into());
            }
            self.scanned.insert(token.to_owned(), after);
        }
        Ok(())
    }

    /// Reads to its end what was cut off, and compares each file with how it was the last time.
    fn finish_download(&mut self, client: &mut Client, mut download: Download) -> Result<()> {
        if !download.is_whole() {
            download.resume(client, &self.shop)?;
            self.resumed += 1;
        }
        self.note_file(&download.path, &download.sha256()?)
    }

    fn note_file(&mut self, path: &str, sha256: &str) -> Result<()> {
        let before = self.files.entry(path.to_owned()).or_insert_with(|| sha256.to_owned());
        if before == sha256 { Ok(()) } else { Err(format!("{path} has other bytes than before").into()) }
    }

    /// Waits until every batch is ready, and reads each to its end.
    ///
    /// # Errors
    /// One is not, or its CSV is not what its answer or its digest says, or its first or last code is not its own.
    pub(super) fn check_ready(&mut self, server: &Server) -> Result<()> {
        let mut client = server.client();
        if self.resumed == 0 {
            return Err("no download was cut off, so nothing is proved of them".into());
        }
        println!("waiting until each of {} batches is ready …", self.batches.len());
        let listed = wait::until("every batch to be ready", READY_LIMIT, || {
            let listed = self.listed(&mut client)?;
            if listed.iter().all(|row| row.status == "ready") {
                return Ok(Some(listed));
            }
            let_pass(READY_STEP);
            Ok(None)
        })?;
        self.check_list(&listed)?;
        listed.iter().try_for_each(|row| self.check_file(&mut client, row))
    }

    fn check_file(&mut self, client: &mut Client, row: &Listed) -> Result<()> {
        let path = format!("/api/v1/batches/{}/codes?format=csv", row.id);
        let file = client.send(&Request::get(&path).bearer(&self.shop.key))?;
        let promised = self.batches.get(&row.id).and_then(|batch| batch.csv_sha256.as_ref());
        let (digest, text) = (sha256(&file.body)?, file.text());
        if file.status != 200 || [row.csv_sha256.as_ref(), promised] != expected(row, &digest) {
            return Err(format!("the CSV has the digest {digest} and not {promised:?}: {row:?}").into());
        }
        let lines: Vec<&str> = text.lines().skip(1).collect();
        if lines.len() as u64 != row.quantity.unsigned_abs() {
            return Err(format!("the CSV has {} lines: {row:?}", lines.len()).into());
        }
        // Were the numbers of two batches to overlap, one of these would be a code of the other's.
        for (line, serial) in [lines.first(), lines.last()].into_iter().flatten().zip(&row.serials) {
            let token = line.split(',').nth(1).unwrap_or_default().to_owned();
            let code = Code { serial: serial.clone(), token, url: String::new() };
            scan_count(&client.send(&verify_request(&self.shop.key, &code.token))?, &code)?;
        }
        self.note_file(&path, &digest)
    }
}

impl Listed {
    fn of(row: &Value) -> Self {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        Self {
            id: text("batchId"),
            quantity: row["quantity"].as_i64().unwrap_or_default(),
            serials: [text("firstSerial"), text("lastSerial")],
            status: text("status"),
            csv_sha256: row["csvSha256"].as_str().map(str::to_owned),
        }
    }
}

/// Which of the two digests there are: the batch's own of what was queued, the answer's of what was answered.
fn expected<'a>(row: &Listed, digest: &'a String) -> [Option<&'a String>; 2] {
    if row.quantity > INLINE_MAX { [Some(digest), None] } else { [None, Some(digest)] }
}

/// The export of codes that were answered.
fn csv(codes: &[Code]) -> String {
    let line = |code: &Code| format!("{},{},{}\n", code.serial, code.token, code.url);
    std::iter::once("serial,token,verifyUrl\n".to_owned()).chain(codes.iter().map(line)).collect()
}

fn check_ranges(prefix: &str, mut ranges: Vec<(i64, i64)>) -> Result<()> {
    ranges.sort_unstable();
    let mut next = 1;
    for (first, last) in ranges {
        if first != next {
            return Err(format!("a batch of {prefix} begins at {first} and not at {next}").into());
        }
        next = last + 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_have_no_gap_and_no_overlap() {
        assert!(check_ranges("A", vec![(4, 9), (1, 3), (10, 10)]).is_ok());
        for wrong in [vec![(2, 3)], vec![(1, 3), (5, 6)], vec![(1, 3), (3, 4)], vec![(1, 3), (1, 3)]] {
            assert!(check_ranges("A", wrong.clone()).is_err(), "{wrong:?}");
        }
    }
}
