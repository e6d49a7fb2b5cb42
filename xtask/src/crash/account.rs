//! The books of the crash runs: what each call may and must have done to its account.

use std::fmt;

use it::Result;
use it::operator::Operator;

/// An account under load, as we believe it to be.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub id: String,
    pub token: String,
    pub idempotent: bool,
    /// After the last reconciliation.
    pub balance: i64,
}

/// How one call ended for its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Answered 200 with this balance.
    Charged(i64),
    /// Answered 403: the balance is too low.
    Refused,
    /// No answer, or a 503: it may have been charged.
    Unknown,
}

/// One call.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub account: usize,
    pub count: i64,
    pub key: String,
    /// An item of a bulk call, which brings no key.
    pub in_bulk: bool,
    pub outcome: Outcome,
}

/// What a leg has done so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub rounds: u32,
    pub acknowledged: u64,
    /// Those of the acknowledged that were items of bulk calls.
    pub in_bulk: u64,
    pub refused: u64,
    /// Without a definite answer, before any retry.
    pub unanswered: u64,
    /// Keys that were sent again until they had an answer.
    pub retried: u64,
    /// Acknowledged keys that were sent again and answered as the first time, without a charge.
    pub replayed: u64,
}

impl Tally {
    pub(crate) const HEADER: &'static str = "leg                                              rounds acknowledged in bulk refused unanswered retried replayed";
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rounds, acknowledged, in_bulk, refused, unanswered, retried, replayed } = self;
        write!(
            f,
            "{rounds:>6} {acknowledged:>12} {in_bulk:>7} {refused:>7} {unanswered:>10} {retried:>7} {replayed:>8}"
        )
    }
}

/// The accounts of a leg, and the number of charges that the ledger has for them.
#[derive(Debug)]
pub(crate) struct Books {
    pub tenant: String,
    /// Of the same environment as the accounts.
    pub management_key: String,
    pub accounts: Vec<Account>,
    pub charges: i64,
    pub tally: Tally,
}

impl Books {
    /// Compares every account with what the calls since the last time say, and takes over what it finds.
    ///
    /// # Errors
    /// The first violation.
    pub(crate) fn reconcile(&mut self, operator: &mut Operator, calls: &[Call]) -> Result<()> {
        for (index, account) in self.accounts.iter_mut().enumerate() {
            let calls: Vec<&Call> = calls.iter().filter(|call| call.account == index).collect();
            let balance = operator.balance(&self.tenant, &account.id)?;
            check_account(account, &calls, balance)?;
            account.balance = balance;
        }
        let certain = number(calls, |outcome| matches!(outcome, Outcome::Charged(_)));
        let open = number(calls, |outcome| outcome == Outcome::Unknown);
        let charges = operator.summary(&self.tenant)?.charges;
        let new = charges - self.charges;
        if !(certain..=certain + open).contains(&new) {
            return Err(format!(
                "{new} charges in the ledger for {certain} acknowledged and {open} open calls"
            )
            .into());
        }
        self.charges = charges;
        operator.ledger_check()?;
        Ok(())
    }

    /// Counts the calls as their callers saw them, before any retry.
    pub(crate) fn count(&mut self, calls: &[Call]) {
        for call in calls {
            match call.outcome {
                Outcome::Charged(_) => {
                    self.tally.acknowledged += 1;
                    self.tally.in_bulk += u64::from(call.in_bulk);
                }
                Outcome::Refused => self.tally.refused += 1,
                Outcome::Unknown => self.tally.unanswered += 1,
            }
        }
    }
}

fn number(calls: &[Call], wanted: impl Fn(Outcome) -> bool) -> i64 {
    i64::try_from(calls.iter().filter(|call| wanted(call.outcome)).count())
        .expect("a run has fewer calls than 2^63")
}

/// The rules for one account, whose balance is now `balance`.
fn check_account(account: &Account, calls: &[&Call], balance: i64) -> Result<()> {
    let id = &account.id;
    if balance < 0 {
        return Err(format!("{id} is at {balance}, below its floor").into());
    }
    let certain: i64 =
        calls.iter().filter(|call| matches!(call.outcome, Outcome::Charged(_))).map(|call| call.count).sum();
    let open: Vec<i64> =
        calls.iter().filter(|call| call.outcome == Outcome::Unknown).map(|call| call.count).collect();
    if account.idempotent && !open.is_empty() {
        return Err(format!("{id}: {} keys have no answer after their retries", open.len()).into());
    }
    let spent = account.balance - balance;
    if is_sum_of_some(&open, spent - certain) {
        return Ok(());
    }
    Err(format!("{id}: {spent} points are gone for {certain} acknowledged ones and open calls of {open:?}")
        .into())
}

/// Whether some of the numbers add up to the sum: every open call was charged once or not at all.
fn is_sum_of_some(numbers: &[i64], sum: i64) -> bool {
    let Ok(sum) = usize::try_from(sum) else { return false };
    let mut reachable = vec![false; sum + 1];
    reachable[0] = true;
    for number in numbers {
        let number = usize::try_from(*number).expect("a call charges at least one point");
        for total in (number..=sum).rev() {
            reachable[total] |= reachable[total - number];
        }
    }
    reachable[sum]
}

/// Each answer to the only caller of an account must show the balance that its own calls leave, until one call
/// has no answer.
///
/// # Errors
/// The first balance that is off: an acknowledged charge was lost or made twice.
pub(crate) fn check_chain(account: &Account, calls: &[Call]) -> Result<()> {
    let mut expected = account.balance;
    for call in calls {
        match call.outcome {
            Outcome::Unknown => return Ok(()),
            Outcome::Refused => {}
            Outcome::Charged(balance) => {
                expected -= call.count;
                if balance != expected {
                    return Err(
                        format!("{} answered balance {balance} and not {expected}", account.id).into()
                    );
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(idempotent: bool) -> Account {
        Account { id: "acc".into(), token: String::new(), idempotent, balance: 10 }
    }

    fn calls(outcomes: &[(i64, Outcome)]) -> Vec<Call> {
        let call = |(count, outcome): &(i64, Outcome)| Call {
            account: 0,
            count: *count,
            key: String::new(),
            in_bulk: false,
            outcome: *outcome,
        };
        outcomes.iter().map(call).collect()
    }

    fn check(idempotent: bool, outcomes: &[(i64, Outcome)], balance: i64) -> bool {
        let calls = calls(outcomes);
        check_account(&account(idempotent), &calls.iter().collect::<Vec<_>>(), balance).is_ok()
    }

    #[test]
    fn an_acknowledged_charge_stands_exactly_once() {
        let outcomes = [(3, Outcome::Charged(7)), (4, Outcome::Refused)];
        assert!(check(true, &outcomes, 7));
        for balance in [10, 4, 3] {
            assert!(!check(true, &outcomes, balance), "{balance}");
        }
    }

    #[test]
    fn an_open_call_is_charged_once_or_not_at_all() {
        let outcomes = [(2, Outcome::Charged(8)), (3, Outcome::Unknown), (4, Outcome::Unknown)];
        for balance in [8, 5, 4, 1] {
            assert!(check(false, &outcomes, balance), "{balance}");
        }
        for balance in [10, 7, 6, 2, 0] {
            assert!(!check(false, &outcomes, balance), "{balance}");
        }
        assert!(!check(true, &outcomes, 8), "a key is retried until it has an answer");
    }

    #[test]
    fn a_balance_below_the_floor_is_a_violation_whatever_the_calls_say() {
        assert!(!check(false, &[(11, Outcome::Charged(-1))], -1));
    }

    #[test]
    fn the_answers_to_one_caller_form_a_chain() {
        let good = calls(&[(1, Outcome::Charged(9)), (2, Outcome::Charged(7)), (1, Outcome::Unknown)]);
        assert!(check_chain(&account(false), &good).is_ok());
        let lost = calls(&[(1, Outcome::Charged(9)), (2, Outcome::Charged(8))]);
        assert!(check_chain(&account(false), &lost).is_err());
    }
}
