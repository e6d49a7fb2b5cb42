//! The attestry binary as a library: configuration, wiring, workers, command line, operator API.
//!
//! A library so that the tests build the same sites over the same kernel that the binary serves.

pub mod app;
pub mod cli;
pub mod client;
pub mod config;
pub mod dev;
pub mod listen;
pub mod operator;
pub mod outbound;
pub mod registry;
pub mod sealing;
pub mod secrets_file;
pub mod webhooks;
pub mod workers;
