//! Installs what is missing, where that is possible and allowed.

use std::path::Path;
use std::process::{Command, Stdio};

use it::Result;
use it::postgres::running_as_root;

/// Whether a program is in the search path.
pub(crate) fn has(program: &str) -> bool {
    let path = it::settings::variable("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Installs a Debian package.
///
/// # Errors
/// This machine has no apt, this user may not, or apt failed. The message says what to run.
pub(crate) fn install(package: &str) -> Result<()> {
    let by_hand = format!("install it with: apt-get install {package}");
    if !Path::new("/usr/bin/apt-get").exists() {
        return Err(format!("{package} is missing and there is no apt-get; {by_hand}").into());
    }
    if !running_as_root()? {
        return Err(format!("{package} is missing and only root may install it; {by_hand}").into());
    }
    println!("installing {package} …");
    for arguments in [&["update", "-qq"][..], &["install", "-y", "-qq", "--no-install-recommends", package]] {
        let status = Command::new("apt-get")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()?;
        // An update fails when one of many sources is away; the install then says whether that matters.
        if !status.success() && arguments.contains(&"install") {
            return Err(format!("apt-get install {package} failed; {by_hand}").into());
        }
    }
    Ok(())
}
