//! The vocabulary of Attestry: words every floor above speaks.
//!
//! Nothing here does I/O, reads the clock or asks for randomness: callers pass both in.

pub mod cidr;
pub mod credits;
pub mod crockford;
pub mod fault;
pub mod id;
pub mod key_text;
pub mod origin;
pub mod secret;
pub mod time;

pub use cidr::Cidr;
pub use credits::Credits;
pub use fault::{Code, Fault, FieldError};
pub use key_text::{Environment, KeyKind, KeyText, Service};
pub use origin::OriginRule;
pub use secret::Secret;
pub use time::Timestamp;
