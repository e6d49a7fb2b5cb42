//! Both engines keep the same promises.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod both;
mod fixture;
mod postgres_only;
mod sqlite_only;
