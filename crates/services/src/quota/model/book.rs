//! The decision whether a call may pass, in memory, with all that one flush knows.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use base::id::{AccountId, TokenId};
use base::{Code, Timestamp};

const USE_NOTED_EVERY_SECONDS: i64 = 60;

/// The answer to one call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It may pass. `balance` is what is left after it, or now for a dry run.
    Passed {
        balance: i64,
        expires_at: Option<Timestamp>,
    },
    Revoked,
    Expired,
    /// The balance is below the cost.
    Exceeded,
    /// The account is banned, or its tenant suspended.
    Banned,
    /// The Idempotency-Key came with another count before.
    KeyReused,
    /// The management key that asked may not ask any more.
    CallerRefused(Code),
}

/// The live state of a token, read after the locks.
#[derive(Clone, Copy, Debug)]
pub struct TokenState {
    pub points_per_call: i64,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    pub is_ended: bool,
    pub last_used_at: Option<Timestamp>,
}

/// The live state of an account, locked.
#[derive(Clone, Copy, Debug)]
pub struct AccountState {
    pub balance: i64,
    pub held: i64,
    pub floor: i64,
    pub is_frozen: bool,
    pub low_below: Option<i64>,
    /// It was told that the account cannot pay, and nothing was added since.
    pub is_exhausted: bool,
}

/// What a charge or a refusal makes worth telling the tenant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Alert {
    /// The balance went below the account's threshold.
    Low { balance: i64, threshold: i64 },
    /// The balance did not suffice for a call.
    Exhausted { balance: i64 },
}

/// A map by ids, which are random already: hashing them with care would be most of what a look-up costs.
pub type ById<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

#[derive(Clone, Copy, Default, Debug)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write_u128(&mut self, id: u128) {
        // Both halves count, and a factor without structure spreads ids that were made one after the other.
        let [high, low] =
            [id >> 64, id].map(|half| (half & u128::from(u64::MAX)).try_into().unwrap_or(0_u64));
        self.0 = (high ^ low).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}

/// What one flush knows, and changes in memory as it decides call after call.
#[derive(Debug)]
pub struct Book {
    pub now: Timestamp,
    pub is_tenant_active: bool,
    pub accounts: ById<AccountId, AccountState>,
    pub tokens: ById<TokenId, TokenState>,
}

/// A decision, the points it takes, and what is to be told about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decision {
    pub verdict: Verdict,
    pub cost: i64,
    pub alert: Option<Alert>,
}

impl Book {
    /// Decides one call, and takes its cost off the balance in memory unless it is a dry run.
    pub fn decide(
        &mut self,
        token_id: TokenId,
        account_id: AccountId,
        count: i64,
        is_dry_run: bool,
    ) -> Decision {
        let refuse = |verdict| Decision { verdict, cost: 0, alert: None };
        if let Some(refusal) = self.refusal(token_id, account_id) {
            return refuse(refusal);
        }
        let (Some(token), Some(account)) = (self.tokens.get(&token_id), self.accounts.get_mut(&account_id))
        else {
            return refuse(Verdict::Revoked);
        };
        // Both factors are at most a million.
        let cost = count.saturating_mul(token.points_per_call);
        let available = account.balance.saturating_sub(account.held);
        if available.saturating_sub(account.floor) < cost {
            let is_news = !is_dry_run && !std::mem::replace(&mut account.is_exhausted, true);
            let alert = is_news.then_some(Alert::Exhausted { balance: available });
            return Decision { alert, ..refuse(Verdict::Exceeded) };
        }
        let spent = if is_dry_run { 0 } else { cost };
        account.balance -= spent;
        let balance = available - spent;
        let crossed = account.low_below.filter(|below| balance < *below && *below <= available);
        Decision {
            verdict: Verdict::Passed { balance, expires_at: token.expires_at },
            cost: spent,
            alert: crossed.map(|threshold| Alert::Low { balance, threshold }),
        }
    }

    /// Why no call may pass now, whatever it costs and whatever was answered before.
    #[must_use]
    pub fn refusal(&self, token_id: TokenId, account_id: AccountId) -> Option<Verdict> {
        self.token_refusal(token_id).or_else(|| match self.accounts.get(&account_id) {
            _ if !self.is_tenant_active => Some(Verdict::Banned),
            None => Some(Verdict::Revoked),
            Some(account) => account.is_frozen.then_some(Verdict::Banned),
        })
    }

    /// A verdict that was given before, with the balance of now: what a dry run of that call tells.
    #[must_use]
    pub fn told_now(&self, verdict: Verdict, account_id: AccountId) -> Verdict {
        match (verdict, self.accounts.get(&account_id)) {
            (Verdict::Passed { expires_at, .. }, Some(account)) => {
                Verdict::Passed { balance: account.balance.saturating_sub(account.held), expires_at }
            }
            (verdict, _) => verdict,
        }
    }

    /// Notes that a token which may be used came, and tells whether that is to be written: to the minute.
    pub fn note_use(&mut self, token_id: TokenId) -> bool {
        let now = self.now;
        let Some(token) = self.tokens.get_mut(&token_id) else { return false };
        let is_due = token.last_used_at.is_none_or(|last| last.plus_seconds(USE_NOTED_EVERY_SECONDS) <= now);
        if is_due {
            token.last_used_at = Some(now);
        }
        is_due
    }

    /// Why the token itself may not be used, whatever its account holds.
    #[must_use]
    pub fn token_refusal(&self, token_id: TokenId) -> Option<Verdict> {
        let Some(token) = self.tokens.get(&token_id) else {
            return Some(Verdict::Revoked);
        };
        let is_past = |moment: Option<Timestamp>| moment.is_some_and(|at| at <= self.now);
        if token.is_ended || is_past(token.revoked_at) {
            return Some(Verdict::Revoked);
        }
        is_past(token.expires_at).then_some(Verdict::Expired)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quota::model::{COUNT_MAX, POINTS_PER_CALL_MAX};

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);
    const EARLIER: Timestamp = Timestamp::from_millis(999_999);
    const TOKEN: TokenId = TokenId::from_bits(1);
    const ACCOUNT: AccountId = AccountId::from_bits(2);

    fn book(change: impl FnOnce(&mut Book, &mut TokenState, &mut AccountState)) -> Book {
        let mut token = TokenState {
            points_per_call: 2,
            expires_at: None,
            revoked_at: None,
            is_ended: false,
            last_used_at: None,
        };
        let mut account = AccountState {
            balance: 10,
            held: 0,
            floor: 0,
            is_frozen: false,
            low_below: None,
            is_exhausted: false,
        };
        let mut book =
            Book { now: NOW, is_tenant_active: true, accounts: ById::default(), tokens: ById::default() };
        change(&mut book, &mut token, &mut account);
        book.tokens.insert(TOKEN, token);
        book.accounts.insert(ACCOUNT, account);
        book
    }

    #[track_caller]
    fn check(mut book: Book, count: i64, expected: Verdict, cost: i64) {
        let before = book.accounts[&ACCOUNT].balance;
        let dry = book.decide(TOKEN, ACCOUNT, count, true);
        assert_eq!(book.accounts[&ACCOUNT].balance, before, "a dry run takes nothing");
        let real = book.decide(TOKEN, ACCOUNT, count, false);
        assert_eq!((real.verdict, real.cost), (expected, cost));
        assert_eq!(book.accounts[&ACCOUNT].balance, before - cost);
        match (dry.verdict, real.verdict) {
            (Verdict::Passed { .. }, Verdict::Passed { .. }) => {}
            (dry, real) => assert_eq!(dry, real, "a dry run answers as the call would"),
        }
    }

    #[test]
    fn a_call_passes_or_is_refused_for_the_first_reason_that_holds() {
        let passed = |balance| Verdict::Passed { balance, expires_at: None };
        check(book(|_, _, _| {}), 1, passed(8), 2);
        check(book(|_, _, _| {}), 5, passed(0), 10);
        check(book(|_, _, _| {}), 6, Verdict::Exceeded, 0);
        check(book(|_, _, account| account.held = 9), 1, Verdict::Exceeded, 0);
        check(book(|_, _, account| account.held = 8), 1, passed(0), 2);
        check(book(|_, _, account| account.floor = -2), 6, passed(-2), 12);
        check(book(|_, _, account| account.is_frozen = true), 1, Verdict::Banned, 0);
        check(book(|book, _, _| book.is_tenant_active = false), 1, Verdict::Banned, 0);
        check(book(|_, token, _| token.expires_at = Some(NOW)), 1, Verdict::Expired, 0);
        check(book(|_, token, _| token.revoked_at = Some(NOW)), 1, Verdict::Revoked, 0);
        check(
            book(|_, token, _| {
                token.revoked_at = Some(NOW.plus_micros(1));
                token.is_ended = true;
            }),
            1,
            Verdict::Revoked,
            0,
        );
        check(
            book(|_, token, account| {
                token.revoked_at = Some(EARLIER);
                account.is_frozen = true;
            }),
            1,
            Verdict::Revoked,
            0,
        );
        check(book(|_, token, _| token.revoked_at = Some(NOW.plus_micros(1))), 1, passed(8), 2);
        check(
            book(|_, token, _| token.points_per_call = POINTS_PER_CALL_MAX),
            COUNT_MAX,
            Verdict::Exceeded,
            0,
        );
    }

    #[test]
    fn a_token_that_is_not_there_is_as_good_as_revoked() {
        let mut book = book(|_, _, _| {});
        assert_eq!(book.decide(TokenId::from_bits(9), ACCOUNT, 1, false).verdict, Verdict::Revoked);
        assert_eq!(book.decide(TOKEN, AccountId::from_bits(9), 1, false).verdict, Verdict::Revoked);
    }

    #[test]
    fn the_threshold_is_told_where_it_is_crossed_and_an_empty_account_once() {
        let mut book = book(|_, _, account| account.low_below = Some(7));
        let mut alert = |count, is_dry_run| book.decide(TOKEN, ACCOUNT, count, is_dry_run).alert;
        assert_eq!(alert(2, true), None, "a dry run tells nothing");
        assert_eq!(alert(1, false), None, "10 to 8");
        assert_eq!(alert(1, false), Some(Alert::Low { balance: 6, threshold: 7 }));
        assert_eq!(alert(1, false), None, "6 to 4");
        assert_eq!(alert(9, true), None);
        assert_eq!(alert(9, false), Some(Alert::Exhausted { balance: 4 }));
        assert_eq!(alert(9, false), None, "told already");
        assert_eq!(alert(2, false), None);
        assert_eq!(alert(1, false), None);
    }

    #[test]
    fn a_threshold_is_crossed_from_itself_and_not_from_below() {
        for (balance, threshold, is_told) in [(10, 10, true), (10, 9, true), (10, 8, false), (10, 11, false)]
        {
            let mut book = book(|_, _, account| {
                account.balance = balance;
                account.low_below = Some(threshold);
            });
            let alert = book.decide(TOKEN, ACCOUNT, 1, false).alert;
            assert_eq!(alert.is_some(), is_told, "{balance} to {} with {threshold}", balance - 2);
        }
    }
}
