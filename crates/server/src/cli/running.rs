//! Where the server of a data folder listens, so that the command line finds it.

use std::fs;

use base::Fault;

use crate::config::Config;
use crate::secrets_file;

const FILE_NAME: &str = "operator.address";

/// Leaves the operator listener's address in the data folder, which is not there yet where the secrets come from the
/// environment and the database is elsewhere.
///
/// # Errors
/// A folder that cannot be written.
pub fn note_running(config: &Config, operator: &str) -> Result<(), Fault> {
    let path = config.data.join(FILE_NAME);
    let write = || {
        secrets_file::make_folder(&config.data)?;
        fs::write(&path, operator)
    };
    write().map_err(|error| Fault::invalid("data", format!("{} cannot be written: {error}", path.display())))
}

/// The address that the last server of this folder left, whether it still runs or not.
pub(super) fn last_address(config: &Config) -> Option<String> {
    fs::read_to_string(config.data.join(FILE_NAME)).ok().filter(|address| !address.is_empty())
}
