//! citizen: verification of a person against a national registry.

pub mod matching;
pub mod registry;
