//! The callers of a round, and what each of them saw.

use std::sync::atomic::Ordering;
use std::time::Duration;

use it::Result;
use it::client::{Client, Request, Response};
use serde_json::json;

use super::super::let_pass;
use super::super::load::{ANSWER_LIMIT, Control, WhenCutOff, run_beside};
use super::super::random::Random;
use super::books::Books;
use super::export::Download;
use super::mint::{Code, Mint, Outcome};

const MINTERS: usize = 6;
const EXPORTERS: usize = 2;
/// Of each minter in a round, because each is exported at the end.
const LARGE_MINTS_MAX: usize = 3;
/// Each mint is tried again after the recovery, so that a long one is not all that a round is about.
const REST_AFTER_503: Duration = Duration::from_millis(200);
const FORMATS: [&str; 5] = ["csv", "ndjson", "pdf&sheet=a4-65", "pdf&sheet=letter-40", "zpl"];

/// What one caller did in a round.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub mints: Vec<Mint>,
    pub scans: Vec<Scan>,
    pub downloads: Vec<Download>,
}

#[derive(Debug)]
pub(super) struct Scan {
    pub code: Code,
    /// Answered as recorded; nobody knows otherwise.
    pub is_acknowledged: bool,
}

/// Runs minters and exporters until `disturb` has returned.
///
/// # Errors
/// A violation that a caller saw, or what `disturb` said.
pub(super) fn under_load<T>(
    base_url: &str,
    books: &Books,
    random: &mut Random,
    when_cut_off: WhenCutOff,
    disturb: impl FnOnce(&Control) -> Result<T>,
) -> Result<(Vec<Seen>, T)> {
    let callers = (0..MINTERS + EXPORTERS).map(|number| {
        let client = Client::new(base_url).with_timeout(ANSWER_LIMIT);
        let (random, seen) = (random.fork(), Seen::default());
        let caller = Caller { base_url, books, client, random, when_cut_off, seen };
        move |control: &Control| {
            if number < MINTERS { caller.mint_and_scan(control) } else { caller.export(control) }
        }
    });
    run_beside(callers.collect(), disturb)
}

struct Caller<'a> {
    base_url: &'a str,
    books: &'a Books,
    client: Client,
    random: Random,
    when_cut_off: WhenCutOff,
    seen: Seen,
}

impl Caller<'_> {
    fn mint_and_scan(mut self, control: &Control) -> Result<Seen> {
        while !control.has_stopped() {
            let is_cut_off = match self.random.below(3) {
                0 => self.scan()?,
                1 => self.verify()?,
                _ => self.mint(control)?,
            };
            if is_cut_off && self.when_cut_off == WhenCutOff::Stop {
                break;
            }
        }
        Ok(self.seen)
    }

    /// Whether the connection broke, here and below.
    fn mint(&mut self, control: &Control) -> Result<bool> {
        let large = self.seen.mints.iter().filter(|mint| mint.is_large()).count();
        let mut mint = Mint::next(&mut self.random, large < LARGE_MINTS_MAX);
        let answer = self.client.send(&mint.request(&self.books.shop));
        if let Ok(response) = &answer {
            mint.outcome = mint.judge(response)?;
        }
        match mint.outcome {
            Outcome::Minted(_) => drop(control.charged.fetch_add(1, Ordering::Relaxed)),
            Outcome::Refused => {}
            Outcome::Unknown => {
                control.unavailable.fetch_add(1, Ordering::Relaxed);
                let_pass(REST_AFTER_503);
            }
        }
        self.seen.mints.push(mint);
        Ok(answer.is_err())
    }

    /// Each time as another shopper.
    fn scan(&mut self) -> Result<bool> {
        let code = self.choose_code();
        let agent = format!("phone {:016x}", self.random.below(u64::MAX));
        let request = Request::post(&format!("/v/{}/scan", code.token)).header("User-Agent", &agent);
        let answer = self.client.send(&request.json(&json!({})));
        let is_acknowledged = match &answer {
            Ok(response) if response.status == 200 && response.json()["recorded"] == true => true,
            Ok(response) if response.status != 503 => {
                return Err(format!("a scan of {code:?}: {} {}", response.status, response.text()).into());
            }
            _ => false,
        };
        self.seen.scans.push(Scan { code, is_acknowledged });
        Ok(answer.is_err())
    }

    fn verify(&mut self) -> Result<bool> {
        let code = self.choose_code();
        let answer = self.client.send(&verify_request(&self.books.shop.key, &code.token));
        match &answer {
            Ok(response) if response.status != 503 => scan_count(response, &code).map(|_| false),
            _ => Ok(answer.is_err()),
        }
    }

    /// One that all callers share, or the last one of an own batch.
    fn choose_code(&mut self) -> Code {
        let own = self.seen.mints.iter().rev().find_map(|mint| match &mint.outcome {
            Outcome::Minted(minted) => minted.codes.last(),
            _ => None,
        });
        match own.filter(|_| self.random.below(2) == 0) {
            Some(code) => code.clone(),
            None => self.books.shared[pick(&mut self.random, self.books.shared.len())].clone(),
        }
    }

    fn export(mut self, control: &Control) -> Result<Seen> {
        while !control.has_stopped() {
            let large = self.books.large[pick(&mut self.random, self.books.large.len())].as_str();
            let format = FORMATS[pick(&mut self.random, FORMATS.len())];
            let path = format!("/api/v1/batches/{large}/codes?format={format}");
            let (base_url, shop) = (self.base_url, &self.books.shop);
            let download = Download::begin(base_url, &self.client, shop, &path, || control.has_stopped())?;
            match download {
                Some(download) => self.seen.downloads.push(download),
                None if self.when_cut_off == WhenCutOff::Stop => break,
                None => let_pass(REST_AFTER_503),
            }
        }
        Ok(self.seen)
    }
}

fn pick(random: &mut Random, number: usize) -> usize {
    usize::try_from(random.below(number as u64)).expect("less than a usize")
}

pub(super) fn verify_request(key: &str, token: &str) -> Request {
    Request::post("/api/v1/verify").bearer(key).json(&json!({ "token": token }))
}

/// How often a genuine code was scanned.
///
/// # Errors
/// The answer does not say that this is the code of its serial number.
pub(super) fn scan_count(response: &Response, code: &Code) -> Result<i64> {
    let verdict = response.json();
    match verdict["scanCount"].as_i64() {
        Some(count) if verdict["status"] == "genuine" && verdict["serial"] == code.serial => Ok(count),
        _ => Err(format!("{code:?} is answered with {} {}", response.status, response.text()).into()),
    }
}
