//! Accounts, tokens, and the decision whether a call may pass.

use std::collections::HashMap;

use base::id::{AccountId, LineageId, TokenId};
use base::{Code, Environment, Fault, Timestamp};

/// The largest `count` of a call.
pub const COUNT_MAX: i64 = 1_000_000;
pub const POINTS_PER_CALL_MAX: i64 = 1_000_000;
pub const NAME_LENGTH_MAX: usize = 200;
pub const EXTERNAL_ID_LENGTH_MAX: usize = 128;
pub const LABEL_LENGTH_MAX: usize = 100;
const USE_NOTED_EVERY_SECONDS: i64 = 60;

/// A tenant's own client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    pub account_id: AccountId,
    pub environment: Environment,
    pub name: String,
    pub external_id: Option<String>,
    pub is_idempotent: bool,
    pub is_banned: bool,
    pub balance: i64,
    pub created_at: Timestamp,
}

/// What a new account is made of.
#[derive(Clone, Debug)]
pub struct NewAccount {
    pub name: String,
    pub external_id: Option<String>,
    pub is_idempotent: bool,
    /// To start with.
    pub points: i64,
}

/// A token without its secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    pub token_id: TokenId,
    pub account_id: AccountId,
    pub lineage_id: LineageId,
    pub environment: Environment,
    pub points_per_call: i64,
    pub label: String,
    pub last_four: String,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    /// May lie ahead, after a rotation.
    pub revoked_at: Option<Timestamp>,
    /// Revoked for good, even where a clock has not come to `revoked_at` yet.
    pub is_ended: bool,
}

/// What a new token is made of.
#[derive(Clone, Debug)]
pub struct NewToken {
    pub account_id: AccountId,
    pub points_per_call: i64,
    pub label: String,
    pub expires_at: Option<Timestamp>,
    /// Development tokens are derived from the secrets file.
    pub development_label: Option<String>,
}

impl NewToken {
    /// # Errors
    /// The field that does not fit.
    pub fn validate(&self, now: Timestamp) -> Result<(), Fault> {
        if !(1..=POINTS_PER_CALL_MAX).contains(&self.points_per_call) {
            return Err(Fault::invalid(
                "pointsPerCall",
                format!("must be an integer from 1 to {POINTS_PER_CALL_MAX}"),
            ));
        }
        if self.label.chars().count() > LABEL_LENGTH_MAX {
            return Err(Fault::invalid("label", format!("must have at most {LABEL_LENGTH_MAX} characters")));
        }
        if self.expires_at.is_some_and(|at| at <= now) {
            return Err(Fault::invalid("expiresAt", "must lie in the future"));
        }
        Ok(())
    }
}

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
}

/// What one flush knows, and changes in memory as it decides call after call.
#[derive(Debug)]
pub struct Book {
    pub now: Timestamp,
    pub is_tenant_active: bool,
    pub accounts: HashMap<AccountId, AccountState>,
    pub tokens: HashMap<TokenId, TokenState>,
}

/// A decision, and the points it takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decision {
    pub verdict: Verdict,
    pub cost: i64,
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
        let refuse = |verdict| Decision { verdict, cost: 0 };
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
            return refuse(Verdict::Exceeded);
        }
        let spent = if is_dry_run { 0 } else { cost };
        account.balance -= spent;
        Decision {
            verdict: Verdict::Passed { balance: available - spent, expires_at: token.expires_at },
            cost: spent,
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
        let mut account = AccountState { balance: 10, held: 0, floor: 0, is_frozen: false };
        let mut book =
            Book { now: NOW, is_tenant_active: true, accounts: HashMap::new(), tokens: HashMap::new() };
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
}
