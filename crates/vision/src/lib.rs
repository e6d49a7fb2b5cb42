//! What pictures show: image bytes in, findings out.
//!
//! Pure: no I/O, no clock, no randomness. Everything that is read was made by strangers, so every size has a limit that
//! is checked before memory is taken for it.

pub mod sheet;
