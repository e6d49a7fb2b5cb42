//! The rules of accounts and tokens. Every change runs through the spine.

mod account;
mod import;
mod refill;
mod token;

use kernel::Command;
use kernel::spine::{Audit, Idempotent, Price, Scope};

pub use account::{
    AccountChange, AccountFilter, AccountView, AutoRefillView, Change, TopUp, change_account, create_account,
    list_accounts, list_entries, read_account, top_up,
};
pub use import::{IMPORT_MAX, ImportTokens, Imported, import_tokens};
pub use refill::{Refilled, is_refill_due, refill_due};
pub use token::{
    CreateToken, GRACE_SECONDS, RotateToken, TokenView, create_token, is_lasting, list_tokens, revoke_token,
    rotate_token,
};

const fn command(name: &'static str, scope: &'static str, idempotent: Idempotent) -> Command {
    Command { name, scope: Scope::Key(scope), price: Price::Free, audit: Audit::Always, idempotent }
}

pub const CREATE_ACCOUNT: Command = command("quota.account.create", "accounts:write", Idempotent::Optional);
/// Money-in, so a key is required. Operators alone may: a tenant opens an account and tops it up.
pub const CREATE_FUNDED_ACCOUNT: Command = Command {
    scope: Scope::OperatorOnly,
    ..command("quota.account.create_funded", "", Idempotent::Required)
};
pub const CHANGE_ACCOUNT: Command = command("quota.account.change", "accounts:write", Idempotent::No);
pub const TOP_UP: Command = command("quota.account.top_up", "accounts:write", Idempotent::Required);
pub const CREATE_TOKEN: Command = command("quota.token.create", "tokens:write", Idempotent::Optional);
pub const ROTATE_TOKEN: Command = command("quota.token.rotate", "tokens:write", Idempotent::Optional);
/// Not idempotent: the same tokens again are a conflict, and no fingerprint of a secret is kept.
pub const IMPORT_TOKENS: Command = command("quota.token.import", "tokens:write", Idempotent::No);
/// Done by a background worker.
pub const REFILL: Command =
    Command { scope: Scope::OperatorOnly, ..command("quota.account.refill", "", Idempotent::No) };
pub const REVOKE_TOKEN: Command = command("quota.token.revoke", "tokens:write", Idempotent::No);

/// Every command of the service, for the generated list.
pub const COMMANDS: &[&Command] = &[
    &CREATE_ACCOUNT,
    &CREATE_FUNDED_ACCOUNT,
    &CHANGE_ACCOUNT,
    &TOP_UP,
    &CREATE_TOKEN,
    &ROTATE_TOKEN,
    &REVOKE_TOKEN,
    &IMPORT_TOKENS,
    &REFILL,
];
