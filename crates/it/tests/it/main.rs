//! One binary, so that the whole system is linked once.

mod harness;
mod tidy;
