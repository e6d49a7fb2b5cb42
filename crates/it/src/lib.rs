//! Tests over the whole system: one binary.
