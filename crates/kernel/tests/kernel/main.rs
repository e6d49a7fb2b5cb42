//! The promises of the kernel, on both engines, with the real schema.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[macro_use]
mod fixture;

mod audit_log;
mod check;
mod drain;
mod holds;
mod idempotency;
mod jobs;
mod keys;
mod ledger;
mod model;
mod postgres_only;
mod races;
mod revocation;
mod rotation;
mod settings;
mod shop;
mod slow;
mod spend;
mod spine;
mod subjects;
mod tenancy;
