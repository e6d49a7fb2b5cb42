use base::Fault;
use clap::Subcommand;
use serde_json::json;

use super::{Job, post};
use crate::cli::arguments::Common;
use crate::cli::print;
use crate::config::Config;
use crate::secrets_file::{self, Kind};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Verb {
    /// Add the next version of a secret to the secrets file; it is used once it is activated
    #[command(after_help = "Examples:\n  attestry secrets rotate\n  attestry secrets rotate --kind code")]
    Rotate {
        /// Which secret
        #[arg(long, value_enum, value_name = "NAME", default_value = "pepper")]
        kind: Kind,
    },
    /// Make new keys, or product codes, with this version from now on; those made before keep working
    #[command(
        after_help = "Examples:\n  attestry secrets activate 2 --as alice\n  attestry secrets activate 2 --kind code --as alice"
    )]
    Activate {
        /// Which secret
        #[arg(long, value_enum, value_name = "NAME", default_value = "pepper")]
        kind: Kind,
        /// The number that `attestry secrets rotate` said
        #[arg(value_name = "VERSION", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        version: u32,
    },
    /// Print the token of the operator API
    #[command(after_help = "Example:\n  attestry secrets operator-token")]
    OperatorToken,
    /// Print where the secrets file is
    #[command(after_help = "Example:\n  attestry secrets path")]
    Path,
}

fn activated(kind: Kind, version: u32) -> String {
    match kind {
        Kind::Pepper => format!(
            "Version {version} of the pepper makes new keys from now on; keys made before keep working.\n\
             With several nodes: restart the others. Until then they make keys with the version before."
        ),
        Kind::Code => format!(
            "Epoch {version} mints product codes from now on, on every node; codes minted before stay genuine.\n\
             If a key leaked, close its epoch: attestry codes close-epoch {} --environment live",
            version.saturating_sub(1)
        ),
    }
}

/// What is left to do.
pub(super) enum Plan {
    Call(Job),
    Done,
}

impl Verb {
    /// Does what needs no server.
    pub(super) fn plan(self, config: &Config, common: &Common) -> Result<Plan, Fault> {
        match self {
            Self::Activate { kind, version } => {
                let said = [("version", json!(version)), ("kind", json!(kind.name()))];
                let ask = post("/operator/v1/secrets/activate", said);
                return Ok(Plan::Call(Job::new(ask, move |_| activated(kind, version))));
            }
            Self::Rotate { kind } => rotate(config, common, kind)?,
            Self::OperatorToken => {
                let file = existing(config)?;
                let token = kernel::Secrets::from_file(&file)?.operator_token().expose().to_owned();
                print(&if common.json { json!({ "operatorToken": token }).to_string() } else { token });
            }
            Self::Path => {
                existing(config)?;
                let path = place(config)?;
                print(&if common.json { json!({ "path": path }).to_string() } else { path });
            }
        }
        Ok(Plan::Done)
    }
}

fn rotate(config: &Config, common: &Common, kind: Kind) -> Result<(), Fault> {
    let path = place(config)?;
    let mut file = existing(config)?;
    let random = kernel::Random::system();
    let version = match kind {
        Kind::Pepper => file.add_pepper(&random)?,
        Kind::Code => file.add_code(&random)?,
    };
    secrets_file::write(&config.data, &file)?;
    if common.json {
        print(&json!({ "path": path, "version": version }).to_string());
        return Ok(());
    }
    print(&format!(
        "Version {version} of {} is in {path}, and not in use yet.\n\n\
         1. Back the file up, apart from the database.\n\
         2. Copy it to every node and restart each: a server reads it when it starts.\n\
         3. attestry secrets activate {version} --kind {}",
        kind.noun(),
        kind.name()
    ));
    Ok(())
}

/// The secrets in use; a command that only looks makes none.
fn existing(config: &Config) -> Result<kernel::secrets::SecretsFile, Fault> {
    if secrets_file::is_there(&config.data) {
        return secrets_file::open(&config.data, &kernel::Random::system());
    }
    Err(Fault::invalid(
        "data",
        format!(
            "there is no secrets file in {}. Name its folder with --data DIR, or make one here with `attestry migrate`",
            config.data.display()
        ),
    ))
}

fn place(config: &Config) -> Result<String, Fault> {
    if secrets_file::is_from_environment() {
        return Err(Fault::conflict(
            "The secrets come from the environment variable ATTESTRY_SECRETS and not from a file. Change them where it is set.",
        ));
    }
    let path = secrets_file::path(&config.data);
    Ok(path.canonicalize().unwrap_or(path).display().to_string())
}
