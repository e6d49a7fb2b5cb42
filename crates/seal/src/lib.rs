//! What is sealed so that anyone can check it, without trusting who sealed it.
//!
//! Pure: no I/O, no clock, no randomness, no private keys: whoever holds one passes a function that signs.

pub mod base64;
pub mod beginning;
pub mod checkpoint;
pub mod export;
pub mod labels;
pub mod merkle;
pub mod note;
pub mod qr;
pub mod row;
pub mod tile;
pub mod token;
pub mod tree;
