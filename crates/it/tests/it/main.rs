//! One binary, so that the whole system is linked once.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[macro_use]
mod fixture;

mod audit;
mod bad_input;
mod callers;
mod citizen;
mod cli;
mod codes;
mod commands;
mod harness;
mod matching;
mod openapi;
mod operations;
mod outbound;
mod platform;
mod quota;
mod races;
mod registry;
mod sql_table;
mod tidy;
mod usage;
mod webhooks;
