//! Where the server of a data folder listens, so that the command line finds it.

use std::fs;

use base::Fault;

use crate::config::Config;

const FILE_NAME: &str = "operator.address";

/// Leaves the operator listener's address in the data folder.
///
/// # Errors
/// A folder that cannot be written.
pub fn note_running(config: &Config, operator: &str) -> Result<(), Fault> {
    fs::write(config.data.join(FILE_NAME), operator).map_err(Fault::internal)
}

/// The address that the last server of this folder left, whether it still runs or not.
pub(super) fn last_address(config: &Config) -> Option<String> {
    fs::read_to_string(config.data.join(FILE_NAME)).ok().filter(|address| !address.is_empty())
}
