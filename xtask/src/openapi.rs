//! Somebody else's validator reads every OpenAPI document that the server answers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use it::Result;
use it::server::{Profile, built};
use it::settings;

use crate::apt;

/// From PyPI; the version is part of the folder's name, so that a newer one is installed afresh.
const VALIDATOR: &str = "openapi-spec-validator==0.9.0";

/// Validates the documents of the built binary and says how many there are.
pub(crate) fn validate() -> Result<usize> {
    let folder = settings::workspace().join("target/openapi");
    let documents = write_documents(&folder)?;
    let validator = installed(&folder)?;
    // "3.1" is what the documents say of themselves; a validator left to guess would accept a document of 3.0, too.
    let status = Command::new(validator)
        .args(["--schema", "3.1"])
        .args(&documents)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()?;
    if !status.success() {
        return Err(format!("a document in {} is not OpenAPI 3.1: see above", folder.display()).into());
    }
    Ok(documents.len())
}

fn write_documents(folder: &Path) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(folder)?;
    let list: serde_json::Value = serde_json::from_slice(&attestry(&["openapi", "--json"])?)?;
    let services = list["documents"].as_array().ok_or("`attestry openapi --json` lists no documents")?;
    let names = services.iter().filter_map(|document| document["service"].as_str());
    names
        .map(|name| {
            let path = folder.join(format!("{name}.json"));
            fs::write(&path, attestry(&["openapi", name])?)?;
            Ok(path)
        })
        .collect()
}

fn attestry(arguments: &[&str]) -> Result<Vec<u8>> {
    let output = Command::new(built("attestry", Profile::Debug)).args(arguments).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(output.stdout)
}

/// The validator in a Python environment of its own, made when it is not there.
fn installed(folder: &Path) -> Result<PathBuf> {
    Ok(environment(folder, &[VALIDATOR])?.join("bin/openapi-spec-validator"))
}

/// A Python environment with these packages of PyPI, made when it is not there.
pub(crate) fn environment(folder: &Path, packages: &[&str]) -> Result<PathBuf> {
    let named = packages.join(" ");
    let environment = folder.join(named.replace("==", "-").replace(' ', "-"));
    let is_whole = environment.join("installed");
    if is_whole.is_file() {
        return Ok(environment);
    }
    println!("installing {named} …");
    let make = || Command::new("python3").args(["-m", "venv"]).arg(&environment).status();
    if !make().is_ok_and(|status| status.success()) {
        apt::install("python3-venv")?;
        make()?;
    }
    let install = ["install", "--quiet", "--disable-pip-version-check"];
    let mut command = Command::new(environment.join("bin/pip"));
    let status = command.args(install).args(packages).stdin(Stdio::null()).status()?;
    if !status.success() {
        return Err(format!("pip could not install {named}; leave it out with --without-validator").into());
    }
    fs::write(is_whole, named)?;
    Ok(environment)
}
