//! The harness of the tests over the whole system: a private PostgreSQL, the real binary, a plain HTTP client.
//!
//! `xtask` and `bench` use the same harness, so what the tests start is what the crash runs and the bench start.
//! Everything made here removes itself: processes are reaped and folders deleted when their value is dropped, and
//! what a killed run left behind is swept by the next one.

pub mod client;
pub mod folder;
pub mod operator;
pub mod postgres;
pub mod receiver;
pub mod server;
pub mod settings;
pub mod wait;

use std::error::Error;

/// What goes wrong in a harness ends the run, so a sentence is enough.
pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;
