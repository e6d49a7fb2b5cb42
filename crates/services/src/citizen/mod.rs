//! citizen: verification of a person against a national registry.

pub mod registry;
