//! The real binary as a child process.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use crate::Result;
use crate::client::Client;
use crate::operator::Operator;
use crate::settings;
use crate::wait;

const READY_LIMIT: Duration = Duration::from_secs(60);
/// The server promises 10 s; the rest is for a busy machine.
const STOP_LIMIT: Duration = Duration::from_secs(20);
const LOG_BYTES_SHOWN: usize = 4096;

/// How to start a server.
#[derive(Debug, Clone)]
pub struct Launch {
    pub binary: PathBuf,
    /// Its data folder: the database of SQLite, and the secrets of either engine.
    pub data: PathBuf,
    /// A PostgreSQL URL; SQLite in the data folder without it.
    pub database: Option<String>,
    /// Where its standard error goes; appended to.
    pub log: PathBuf,
    /// A program that runs it, such as `strace`, with its arguments.
    pub wrapper: Vec<String>,
    pub environment: Vec<(String, String)>,
}

impl Launch {
    /// SQLite in `<folder>/data`, the log beside it.
    #[must_use]
    pub fn sqlite(binary: &Path, folder: &Path) -> Self {
        Self {
            binary: binary.to_owned(),
            data: folder.join("data"),
            database: None,
            log: folder.join("server.log"),
            wrapper: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// PostgreSQL at `url`, the secrets in `<folder>/data`.
    #[must_use]
    pub fn postgres(binary: &Path, folder: &Path, url: &str) -> Self {
        Self { database: Some(url.to_owned()), ..Self::sqlite(binary, folder) }
    }

    fn command(&self) -> Command {
        let mut words = self.wrapper.iter().map(PathBuf::from).chain([self.binary.clone()]);
        let mut command = Command::new(words.next().expect("the binary itself is always there"));
        command
            .args(words)
            .args(["dev", "--json", "--port", "0", "--rate-limit", "0", "--data"])
            .arg(&self.data);
        if let Some(url) = &self.database {
            command.args(["--database", url]);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// A running server; killed and reaped on drop.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// The one line that it printed when it was ready.
    pub line: Value,
    pub base_url: String,
    pub admin_url: String,
    pub operator_token: String,
    /// Of the server itself, not of a wrapper around it.
    pub pid: u32,
}

impl Server {
    /// Starts the binary and returns when it says that it is ready.
    ///
    /// # Errors
    /// It ended or stayed silent: the end of its log is in the message.
    pub fn start(launch: &Launch) -> Result<Self> {
        let log = File::options().create(true).append(true).open(&launch.log)?;
        let mut child = launch
            .command()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", launch.binary.display()))?;
        match ready_line(&mut child).and_then(|line| Self::parse(&line)) {
            Ok((line, texts, pid)) => {
                let [base_url, admin_url, operator_token] = texts;
                Ok(Self { child, line, base_url, admin_url, operator_token, pid })
            }
            Err(error) => {
                drop(child.kill());
                drop(child.wait());
                Err(format!("the server did not start: {error}\n{}", end_of(&launch.log)).into())
            }
        }
    }

    fn parse(line: &str) -> Result<(Value, [String; 3], u32)> {
        let value: Value = serde_json::from_str(line).map_err(|error| format!("{error} in {line:?}"))?;
        let text = |name: &str| match value[name].as_str() {
            Some(text) => Ok(text.to_owned()),
            None => Err(format!("no {name} in {line}")),
        };
        let texts = [text("baseUrl")?, text("adminUrl")?, text("operatorToken")?];
        let pid = value["pid"].as_u64().ok_or_else(|| format!("no pid in {line}"))?;
        let pid = u32::try_from(pid)?;
        Ok((value, texts, pid))
    }

    /// A client of the public listener.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(&self.base_url)
    }

    /// A client of the operator's listener.
    #[must_use]
    pub fn operator(&self) -> Operator {
        Operator::new(Client::new(&self.admin_url), &self.operator_token)
    }

    /// The demo tenant of `dev`.
    #[must_use]
    pub fn tenant(&self) -> &str {
        self.line["demo"]["tenantId"].as_str().unwrap_or_default()
    }

    /// Ends it as a crash would, and waits until it is gone.
    ///
    /// # Errors
    /// It cannot be signalled.
    pub fn kill(mut self) -> Result<()> {
        signal(self.pid, "KILL")?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to stop and waits for it.
    ///
    /// # Errors
    /// It is still there after 20 s.
    pub fn terminate(mut self) -> Result<ExitStatus> {
        signal(self.pid, "TERM")?;
        wait::until("the server to stop", STOP_LIMIT, || Ok(self.child.try_wait()?))
    }

    /// Whether it has ended by itself.
    ///
    /// # Errors
    /// The system does not say.
    pub fn has_ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `kill` and `terminate` the child is reaped and its number may be somebody else's.
        if matches!(self.child.try_wait(), Ok(None)) {
            drop(signal(self.pid, "KILL"));
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// The first line of a program's standard output. What follows is read and thrown away, so that the pipe never fills.
///
/// # Errors
/// It ended or stayed silent for a minute.
///
/// # Panics
/// Its standard output is not a pipe.
pub fn ready_line(child: &mut Child) -> Result<String> {
    let output = child.stdout.take().expect("standard output was asked for as a pipe");
    let (sender, receiver) = mpsc::channel();
    std::thread::Builder::new().name("server-output".into()).spawn(move || {
        for line in BufReader::new(output).lines().map_while(std::result::Result::ok) {
            // Only the first line has a listener.
            drop(sender.send(line));
        }
    })?;
    receiver.recv_timeout(READY_LIMIT).map_err(|error| match error {
        mpsc::RecvTimeoutError::Timeout => "no line on standard output after 60 s".into(),
        mpsc::RecvTimeoutError::Disconnected => "it ended".into(),
    })
}

fn end_of(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    String::from_utf8_lossy(&text[text.len().saturating_sub(LOG_BYTES_SHOWN)..]).into_owned()
}

/// Sends a signal by name (`TERM`, `KILL`, `INT`, `QUIT`, `STOP`, `CONT`).
///
/// # Errors
/// There is no such process, or no `kill` on this machine.
pub fn signal(pid: u32, name: &str) -> Result<()> {
    let status =
        Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).stderr(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(format!("cannot send {name} to process {pid}").into()) }
}

/// The binary under test: the one named by the environment, else a debug build that is brought up to date first.
///
/// # Panics
/// It does not build.
#[must_use]
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| binary_of(Profile::Debug).expect("the server builds"))
}

/// As [`binary`], of a chosen profile.
///
/// # Errors
/// It does not build.
pub fn binary_of(profile: Profile) -> Result<PathBuf> {
    if let Some(path) = settings::variable(settings::BINARY) {
        return Ok(PathBuf::from(path));
    }
    build(&["attestry"], profile)?;
    Ok(built("attestry", profile))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    Debug,
    Release,
}

/// Builds packages of this workspace.
///
/// # Errors
/// They do not build.
pub fn build(packages: &[&str], profile: Profile) -> Result<()> {
    let cargo = settings::variable("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(settings::workspace()).args(["build", "--quiet"]);
    command.args(packages.iter().flat_map(|package| ["--package", package]));
    if profile == Profile::Release {
        command.arg("--release");
    }
    if command.status()?.success() {
        Ok(())
    } else {
        Err(format!("cargo build of {packages:?} failed").into())
    }
}

/// Where cargo puts a binary.
#[must_use]
pub fn built(name: &str, profile: Profile) -> PathBuf {
    let target = settings::variable("CARGO_TARGET_DIR")
        .map_or_else(|| settings::workspace().join("target"), PathBuf::from);
    target.join(if profile == Profile::Release { "release" } else { "debug" }).join(name)
}
