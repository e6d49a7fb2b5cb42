//! Rules that a reader can rely on because a test keeps them.

mod dependencies;
mod sources;

pub(crate) use sources::rust_files;
