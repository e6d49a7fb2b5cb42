//! What the contract of quota promises, row by row, with what each call causes and does not cause.

mod alerts;
pub(crate) mod bulk;
mod dry_run;
mod idempotency;
mod import;
mod lists;
mod management;
mod memory;
mod refill;
mod rotation;
mod secrets;
mod verify;

/// The published sentence of a token that is none.
const INVALID: &str = "The provided token does not exist or has been revoked";
const EXPIRED: &str = "The provided token has expired";
const EXCEEDED: &str = "The balance is below the cost of this call. Top up the account.";
const BANNED: &str = "The account is banned.";
const REUSED: &str = "Idempotency-Key was already used with a different request payload";
