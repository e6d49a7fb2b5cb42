//! One binary, so that the whole system is linked once.

mod harness;
mod sql_table;
mod tidy;
