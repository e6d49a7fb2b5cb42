//! Accounts, tokens, and the decision whether a call may pass.

mod book;
mod refill;

use std::ops::RangeInclusive;

use base::id::{AccountId, LineageId, RequestId, TokenId, TransferId};
use base::key_text::{self, last_four};
use base::{Environment, Fault, Secret, Timestamp};
use kernel::Ctx;

pub use book::{AccountState, Alert, Book, ById, Decision, TokenState, Verdict};
pub use refill::{AutoRefill, Period, REFERENCE_PREFIX};

/// The largest `count` of a call.
pub const COUNT_MAX: i64 = 1_000_000;
pub const POINTS_PER_CALL_MAX: i64 = 1_000_000;
pub const NAME_LENGTH_MAX: usize = 200;
pub const EXTERNAL_ID_LENGTH_MAX: usize = 128;
pub const LABEL_LENGTH_MAX: usize = 100;

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
    /// Below it, the account is told to run low.
    pub low_balance_threshold: Option<i64>,
    pub auto_refill: Option<AutoRefill>,
    /// When the next refill is due.
    pub refill_due_at: Option<Timestamp>,
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
    /// Made elsewhere.
    pub is_imported: bool,
}

impl Token {
    /// A token that was just made, here or elsewhere.
    #[must_use]
    pub fn new(ctx: &Ctx, new: &NewToken, lineage_id: LineageId, secret: &Secret) -> Self {
        Self {
            token_id: TokenId::new(ctx.now, ctx.random.id_bits()),
            account_id: new.account_id,
            lineage_id,
            environment: ctx.environment,
            points_per_call: new.points_per_call,
            label: new.label.clone(),
            last_four: last_four(secret),
            created_at: ctx.now,
            last_used_at: None,
            expires_at: new.expires_at,
            revoked_at: None,
            is_ended: false,
            is_imported: false,
        }
    }
}

/// The text of a token that was made elsewhere, which callers can send behind `Bearer` and which no key of ours looks
/// like.
#[derive(Clone, Debug)]
pub struct ForeignToken(Secret);

impl ForeignToken {
    pub const LENGTH: RangeInclusive<usize> = 24..=512;

    /// # Errors
    /// What the text must be.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if !Self::is_well_formed(text) {
            return Err("must have 24 to 512 printable ASCII characters without a space");
        }
        if key_text::looks_like_ours(text) {
            return Err("must not begin like a key of this platform: import what was made elsewhere");
        }
        Ok(Self(Secret::new(text.to_owned())))
    }

    /// Whether a text may be a token that was made elsewhere.
    #[must_use]
    pub fn is_well_formed(text: &str) -> bool {
        Self::LENGTH.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    }

    #[must_use]
    pub const fn secret(&self) -> &Secret {
        &self.0
    }
}

/// One movement of an account's points.
#[derive(Clone, Debug)]
pub struct Entry {
    pub transfer_id: TransferId,
    /// Negative where points were taken.
    pub points: i64,
    pub kind: String,
    /// The token that spent them.
    pub token_id: Option<TokenId>,
    pub request_id: RequestId,
    pub reference: Option<String>,
    pub at: Timestamp,
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
