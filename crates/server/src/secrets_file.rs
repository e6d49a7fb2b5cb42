//! The secrets file: `secrets.toml` in the data folder, readable by its owner alone, or `ATTESTRY_SECRETS`.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base::Fault;
use kernel::Random;
use kernel::secrets::SecretsFile;
use services::codes::command::mint::CODE_SECRET;

const FILE_NAME: &str = "secrets.toml";
const VARIABLE: &str = "ATTESTRY_SECRETS";

/// What the file has versions of that are activated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Of keys and tokens of the API
    Pepper,
    /// Of product codes; a version is an epoch
    Code,
}

impl Kind {
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Pepper, Self::Code].into_iter().find(|kind| kind.name() == name)
    }

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pepper => "pepper",
            Self::Code => CODE_SECRET,
        }
    }

    /// As sentences call it.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Pepper => "the pepper",
            Self::Code => "the root of product codes",
        }
    }
}

/// The secrets of a data folder; made on the first start. A file of before a kind existed is given that kind: the
/// database tells whether another node was first.
///
/// # Errors
/// A file that others may read, that cannot be read or written, or that is no secrets file.
pub fn open(data: &Path, random: &Random) -> Result<SecretsFile, Fault> {
    if let Some(text) = from_environment() {
        return parse(&text, VARIABLE);
    }
    let path = path(data);
    match fs::read_to_string(&path) {
        Ok(text) => {
            refuse_if_shared(&path)?;
            let mut file = parse(&text, &path.display().to_string())?;
            if file.complete(random) {
                write(data, &file)?;
            }
            Ok(file)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let file = SecretsFile::generate(random);
            write(data, &file)?;
            Ok(file)
        }
        Err(error) => Err(unusable(&path, &error)),
    }
}

/// Whether there are secrets already, in the folder or in the environment.
#[must_use]
pub fn is_there(data: &Path) -> bool {
    is_from_environment() || path(data).exists()
}

/// Whether the secrets come from the environment, so that there is no file to change.
#[must_use]
pub fn is_from_environment() -> bool {
    from_environment().is_some()
}

/// Replaces the file: written beside it, synced, and renamed over it, so that a crash leaves one or the other.
///
/// # Errors
/// A folder that cannot be written.
pub fn write(data: &Path, file: &SecretsFile) -> Result<(), Fault> {
    let path = path(data);
    let text = format!(
        "# The root secrets of this installation. Back this file up apart from the database, and show it to nobody:\n\
         # without it no key works and no saved reply opens.\n\n{}",
        toml::to_string(file).map_err(Fault::internal)?
    );
    let save = || -> std::io::Result<()> {
        make_folder(data)?;
        let beside = path.with_extension("toml.new");
        let mut new = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        new.write_all(text.as_bytes())?;
        new.sync_all()?;
        fs::rename(&beside, &path)?;
        fs::File::open(data)?.sync_all()
    };
    save().map_err(|error| unusable(&path, &error))
}

/// Makes the data folder, for its owner alone, unless it is there.
pub(crate) fn make_folder(data: &Path) -> std::io::Result<()> {
    if data.exists() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(data)
}

/// Where the file of a data folder is.
#[must_use]
pub fn path(data: &Path) -> PathBuf {
    data.join(FILE_NAME)
}

#[expect(
    clippy::disallowed_methods,
    reason = "secrets may come from the environment, and are read here only"
)]
fn from_environment() -> Option<String> {
    std::env::var(VARIABLE).ok()
}

fn parse(text: &str, place: &str) -> Result<SecretsFile, Fault> {
    // The parser's message would quote the line, and the line is the secret.
    toml::from_str(text).map_err(|_| {
        Fault::invalid("secrets", format!("{place} is not a secrets file; restore it from your backup"))
    })
}

fn refuse_if_shared(path: &Path) -> Result<(), Fault> {
    let mode = fs::metadata(path).map_err(|error| unusable(path, &error))?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(Fault::invalid("secrets", format!("{} can be read by others; run: chmod 600 {0}", path.display())))
}

fn unusable(path: &Path, error: &std::io::Error) -> Fault {
    Fault::invalid("secrets", format!("{} cannot be used: {error}", path.display()))
}
