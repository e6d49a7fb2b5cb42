//! identity: so far only what its webhooks look like.

pub mod webhook;
