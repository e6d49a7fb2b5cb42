//! Concurrent callers, and what they do about calls without an answer.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use it::Result;
use it::client::{Client, Request, Response};
use it::server::Server;
use it::wait;
use serde_json::{Value, json};

use super::account::{Account, Books, Call, Outcome, Tally, check_chain};
use super::let_pass;
use super::random::Random;

/// Each with a connection and an account of its own; even ones use keys.
pub(crate) const CALLERS: usize = 16;
const POINTS: i64 = 10_000_000;
/// Little enough to run out in the middle of a leg.
const POOR_POINTS: i64 = 100;
const BULK_ITEMS_MAX: u64 = 20;
/// A caller that never hears anything gives up; the server answers or dies long before.
pub(crate) const ANSWER_LIMIT: Duration = Duration::from_secs(15);
pub(crate) const RECOVERY_LIMIT: Duration = Duration::from_secs(60);
/// Acknowledged keys that each caller sends again after a crash.
const REPLAYS: usize = 3;

/// Makes the accounts: one for each caller, then two that all share and two that run out, with and without keys.
pub(crate) fn open_books(server: &Server) -> Result<Books> {
    let tenant = server.tenant().to_owned();
    let mut operator = server.operator();
    let mut accounts = Vec::new();
    for (number, points) in [(CALLERS, POINTS), (2, POINTS), (2, POOR_POINTS)] {
        let mut kinds = [Vec::new(), Vec::new()];
        for (kind, idempotent) in [(0, true), (1, false)] {
            let seeded = operator.seed(&tenant, number / 2, points, idempotent)?;
            let made = seeded.account_ids.into_iter().zip(seeded.tokens);
            kinds[kind].extend(made.map(|(id, token)| Account { id, token, idempotent, balance: points }));
        }
        let [with_keys, without] = kinds;
        accounts.extend(with_keys.into_iter().zip(without).flat_map(|(first, second)| [first, second]));
    }
    let charges = operator.summary(&tenant)?.charges;
    let key = server.line["demo"]["quota"]["live"]["admin"].as_str().ok_or("no management key")?;
    Ok(Books { tenant, management_key: key.to_owned(), accounts, charges, tally: Tally::default() })
}

/// What a caller does when its connection breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhenCutOff {
    /// The server is dead: stop.
    Stop,
    /// The server is alive, only something behind it is broken: go on.
    GoOn,
}

/// A load that others watch and stop.
#[derive(Debug, Default)]
pub(crate) struct Control {
    stop: AtomicBool,
    pub charged: AtomicU64,
    pub unavailable: AtomicU64,
}

impl Control {
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Waits until a counter has grown by `more`.
    ///
    /// # Errors
    /// It has not within a minute.
    pub(crate) fn wait_for(&self, what: &str, counter: &AtomicU64, more: u64) -> Result<()> {
        let goal = counter.load(Ordering::Relaxed) + more;
        wait::until(what, RECOVERY_LIMIT, || {
            let reached = counter.load(Ordering::Relaxed) >= goal || self.has_stopped();
            Ok(reached.then_some(()))
        })
    }
}

/// Runs all callers until `disturb` has returned, and gives the calls of each.
///
/// # Errors
/// A violation that a caller saw, or what `disturb` said.
pub(crate) fn under_load<T>(
    base_url: &str,
    books: &Books,
    random: &mut Random,
    when_cut_off: WhenCutOff,
    disturb: impl FnOnce(&Control) -> Result<T>,
) -> Result<(Vec<Vec<Call>>, T)> {
    let callers = (0..CALLERS).map(|number| {
        let random = random.fork();
        let client = Client::new(base_url).with_timeout(ANSWER_LIMIT);
        let caller = Caller { number, client, random, when_cut_off, books };
        move |control: &Control| caller.call_until_stopped(control)
    });
    run_beside(callers.collect(), disturb)
}

/// Runs each caller in a thread of its own until `disturb` has returned, and gives what each brings back.
///
/// # Errors
/// As [`under_load`].
pub(crate) fn run_beside<C: Send, T>(
    callers: Vec<impl FnOnce(&Control) -> Result<C> + Send>,
    disturb: impl FnOnce(&Control) -> Result<T>,
) -> Result<(Vec<C>, T)> {
    let control = Control::default();
    std::thread::scope(|scope| {
        let callers: Vec<_> = callers
            .into_iter()
            .map(|caller| {
                let control = &control;
                scope.spawn(move || {
                    let brought = caller(control);
                    if brought.is_err() {
                        // The others and `disturb` need not wait for a run that is lost.
                        control.stop();
                    }
                    brought
                })
            })
            .collect();
        let disturbed = disturb(&control);
        control.stop();
        let brought: Result<Vec<_>> =
            callers.into_iter().map(|caller| caller.join().map_err(|_| "a caller panicked")?).collect();
        Ok((brought?, disturbed?))
    })
}

struct Caller<'a> {
    number: usize,
    client: Client,
    random: Random,
    when_cut_off: WhenCutOff,
    books: &'a Books,
}

impl Caller<'_> {
    fn call_until_stopped(mut self, control: &Control) -> Result<Vec<Call>> {
        let mut calls = Vec::new();
        while !control.has_stopped() {
            let mut sent = self.next_calls();
            let answer = self.client.send(&self.request(&sent));
            let cut_off = answer.is_err();
            if let Ok(response) = answer {
                judge(&response, &mut sent)?;
            }
            let charged = sent.iter().filter(|call| matches!(call.outcome, Outcome::Charged(_))).count();
            let unknown = sent.iter().filter(|call| call.outcome == Outcome::Unknown).count();
            control.charged.fetch_add(charged as u64, Ordering::Relaxed);
            control.unavailable.fetch_add(unknown as u64, Ordering::Relaxed);
            calls.extend(sent);
            if cut_off && self.when_cut_off == WhenCutOff::Stop {
                break;
            }
            if unknown > 0 {
                let_pass(Duration::from_millis(20));
            }
        }
        Ok(calls)
    }

    /// One call, or the items of a bulk call: those of callers without keys, because a bulk call has none.
    fn next_calls(&mut self) -> Vec<Call> {
        if self.books.accounts[self.number].idempotent || self.random.below(2) == 0 {
            return vec![self.next_call()];
        }
        let items = 1 + self.random.below(BULK_ITEMS_MAX);
        let mut calls: Vec<Call> = (0..items).map(|_| self.next_call()).collect();
        for call in &mut calls {
            let account = &self.books.accounts[call.account];
            call.account = if account.idempotent { call.account + 1 } else { call.account };
            call.in_bulk = true;
        }
        calls
    }

    fn request(&self, calls: &[Call]) -> Request {
        let [single] = calls else { return self.bulk(calls) };
        if single.in_bulk { self.bulk(calls) } else { request(&self.books.accounts[single.account], single) }
    }

    fn bulk(&self, calls: &[Call]) -> Request {
        let item =
            |call: &Call| json!({ "token": self.books.accounts[call.account].token, "count": call.count });
        let items: Vec<_> = calls.iter().map(item).collect();
        let ask = Request::post("/v1/tokens/verify").bearer(&self.books.management_key);
        ask.json(&json!({ "items": items }))
    }

    /// Mostly the caller's own account, sometimes one that all share, sometimes one that runs out.
    fn next_call(&mut self) -> Call {
        let kind = usize::try_from(self.random.below(2)).expect("0 or 1");
        let account = match self.random.below(10) {
            0 => CALLERS + 2 + kind,
            1 | 2 => CALLERS + kind,
            _ => self.number,
        };
        let count = i64::try_from(1 + self.random.below(5)).expect("at most 5");
        let key = format!("crash-{:016x}", self.random.below(u64::MAX));
        Call { account, count, key, in_bulk: false, outcome: Outcome::Unknown }
    }
}

/// Without the account's consent a key means nothing, so those accounts get one key for everything: were it obeyed,
/// most of their calls would be free.
fn request(account: &Account, call: &Call) -> Request {
    let key = if account.idempotent { call.key.as_str() } else { "the same for all" };
    Request::post("/v1/verify")
        .bearer(&account.token)
        .header("Idempotency-Key", key)
        .json(&json!({ "count": call.count }))
}

/// Notes what became of each call that this answer is to.
fn judge(response: &Response, calls: &mut [Call]) -> Result<()> {
    let body = response.json();
    let Some(results) = body["results"].as_array() else {
        // A bulk call that was refused as a whole decided nothing, or nobody knows.
        let outcome = outcome(response.status, &body)?;
        calls.iter_mut().for_each(|call| call.outcome = outcome);
        return Ok(());
    };
    if results.len() != calls.len() {
        return Err(format!("{} results for {} items", results.len(), calls.len()).into());
    }
    for (call, result) in calls.iter_mut().zip(results) {
        let status = result["httpStatus"].as_u64().and_then(|status| u16::try_from(status).ok());
        call.outcome = outcome(status.unwrap_or_default(), result)?;
    }
    Ok(())
}

fn outcome(status: u16, body: &Value) -> Result<Outcome> {
    match status {
        200 => match body["balance"].as_i64() {
            Some(balance) if balance >= 0 => Ok(Outcome::Charged(balance)),
            _ => Err(format!("an answer 200 with {body}").into()),
        },
        403 if body["error"] == "Quota Exceeded or Banned" => Ok(Outcome::Refused),
        503 => Ok(Outcome::Unknown),
        // The first call with this key is still at work.
        409 if body["error"] != "Idempotency Conflict" => Ok(Outcome::Unknown),
        status => Err(format!("an answer that must not be: {status} {body}").into()),
    }
}

/// After a recovery: checks the chains, retries the open keys, replays some acknowledged ones, reconciles.
///
/// # Errors
/// The first violation.
pub(crate) fn settle(server: &Server, books: &mut Books, mut calls: Vec<Vec<Call>>) -> Result<()> {
    for (number, calls) in calls.iter().enumerate() {
        let own: Vec<Call> = calls.iter().filter(|call| call.account == number).cloned().collect();
        check_chain(&books.accounts[number], &own)?;
        books.count(calls);
    }
    let mut client = server.client();
    for call in calls.iter_mut().flatten() {
        let account = &books.accounts[call.account];
        if account.idempotent && call.outcome == Outcome::Unknown {
            retry(&mut client, account, call)?;
            books.tally.retried += 1;
        }
    }
    let mut operator = server.operator();
    let calls_so_far = calls.concat();
    books.reconcile(&mut operator, &calls_so_far)?;
    for calls in &calls {
        let with_keys = calls.iter().rev().filter(|call| books.accounts[call.account].idempotent);
        let charged = with_keys.filter(|call| matches!(call.outcome, Outcome::Charged(_)));
        for call in charged.take(REPLAYS) {
            replay(&mut client, &books.accounts[call.account], call)?;
            books.tally.replayed += 1;
        }
    }
    // Nothing was charged since the reconciliation before.
    books.reconcile(&mut operator, &[])
}

/// Sends a call again, with its key, until it has a definite answer.
fn retry(client: &mut Client, account: &Account, call: &mut Call) -> Result<()> {
    call.outcome = wait::until("an answer to a retry", RECOVERY_LIMIT, || {
        let answer = client.send(&request(account, call));
        let answer = answer.map_or(Ok(Outcome::Unknown), |answer| outcome(answer.status, &answer.json()));
        let outcome = answer?;
        Ok((outcome != Outcome::Unknown).then_some(outcome))
    })?;
    Ok(())
}

fn replay(client: &mut Client, account: &Account, call: &Call) -> Result<()> {
    let answer = client.send(&request(account, call))?;
    let again = outcome(answer.status, &answer.json())?;
    if again == call.outcome {
        return Ok(());
    }
    Err(format!("{}: a key answered with {:?} now answers with {again:?}", account.id, call.outcome).into())
}
