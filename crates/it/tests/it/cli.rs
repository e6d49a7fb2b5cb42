//! The command line: the real binary beside a running server, and on the same folder without one.

mod audit;
mod citizen;
mod codes;
mod effects;
mod install;
mod quota;
mod registry;
mod serving;
mod webhook;
mod wrong_calls;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use it::client::{Request, Response};
use it::folder::Folder;
use it::server::{Launch, Server, binary};
use serde_json::Value;

/// The binary on one data folder.
struct Cli {
    data: PathBuf,
}

/// What a call said.
#[derive(Debug)]
struct Said {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Cli {
    fn new(data: &Path) -> Self {
        Self { data: data.to_owned() }
    }

    /// Runs a line of words; `'…'` keeps spaces.
    fn run(&self, line: &str) -> Said {
        let mut command = self.command(line);
        Said::of(&command.output().unwrap())
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(binary());
        command.args(words(line)).arg("--data").arg(&self.data);
        for variable in
            ["ATTESTRY_DATA", "ATTESTRY_DATABASE", "ATTESTRY_TENANT", "ATTESTRY_AS", "ATTESTRY_CONFIG"]
        {
            command.env_remove(variable);
        }
        command
    }

    /// The table or fields of a call that succeeds.
    fn ok(&self, line: &str) -> String {
        let said = self.run(line);
        assert_eq!(said.code, 0, "{line}: {said:?}");
        said.stdout
    }

    /// The JSON of a call that succeeds.
    fn json(&self, line: &str) -> Value {
        let text = self.ok(&format!("{line} --json"));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{line}: {error}: {text}"))
    }
}

impl Said {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    #[track_caller]
    fn refused(self, code: i32, expected: &[&str]) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        for part in expected {
            assert!(self.stderr.contains(part), "{part:?} is not in {}", self.stderr);
        }
        self
    }
}

fn words(line: &str) -> Vec<String> {
    line.split('\'')
        .enumerate()
        .flat_map(|(number, part)| match number % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no text {name} in {value}")).to_owned()
}

fn server() -> (Folder, Launch, Server) {
    let folder = Folder::new().unwrap();
    let launch = Launch::sqlite(binary(), folder.path());
    let server = Server::start(&launch).unwrap();
    (folder, launch, server)
}

fn verify(server: &Server, token: &str) -> Response {
    server.client().send(&Request::post("/v1/verify").bearer(token)).unwrap()
}

/// The JSON document of the operator API, as it came over the wire.
fn operator(server: &Server, path: &str) -> String {
    let mut client = it::client::Client::new(&server.admin_url);
    let response = client.send(&Request::get(path).bearer(&server.operator_token)).unwrap();
    assert_eq!(response.status, 200, "{}", response.text());
    response.text()
}
