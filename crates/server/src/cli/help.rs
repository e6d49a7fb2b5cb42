//! What `--help` shows, and what a wrong call is told.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches};

use super::{Arguments, EXIT_WRONG_CALL, print_error};

/// The heading of the options that every command has.
pub(crate) const COMMON: &str = "Common options";
/// The heading of the options that matter to servers only.
pub(crate) const SERVER: &str = "Server options";

pub(super) const AFTER: &str = "\
Examples:
  attestry dev                                                 # try everything on http://localhost:8080
  attestry serve --data /var/lib/attestry                      # serve for real
  attestry tenant create --name \"Acme Ltd\" --live-approved     # the first tenant
  attestry key create --tenant tn_… --service quota            # a key for it
  attestry ledger check                                        # prove that every balance is right

The commands talk to the server that runs on the data folder, or open the database when none runs.
Exit codes: 0 done, 1 refused or failed, 2 the call is wrong.";

/// Reads a command line. A wrong one is told what is wrong, and how a right one looks.
pub(super) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Arguments, ExitCode> {
    let words: Vec<OsString> = words.into_iter().collect();
    let mut command = command();
    let read = command.try_get_matches_from_mut(&words);
    read.and_then(|matches: ArgMatches| Arguments::from_arg_matches(&matches)).map_err(|error| {
        if !error.use_stderr() {
            super::print(error.render().to_string().trim_end());
            return ExitCode::SUCCESS;
        }
        print_error(error.render().to_string().trim_end());
        if error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            && let Some(example) = example(&command, &words)
        {
            print_error(&format!("\n{example}"));
        }
        ExitCode::from(EXIT_WRONG_CALL)
    })
}

/// The command line with a server's options shown where a server is started, and hidden elsewhere.
pub(super) fn command() -> Command {
    let mut command = Arguments::command().mut_subcommands(|noun| noun.disable_help_subcommand(true));
    // Only a built command has its global options in every subcommand.
    command.build();
    command.mut_subcommands(|subcommand| match subcommand.get_name() {
        "dev" | "serve" => subcommand.mut_args(|arg| match arg.get_help_heading() {
            Some(SERVER) => Arg::hide(arg, false),
            _ => arg,
        }),
        "worker" => subcommand.mut_args(|arg| match arg.get_id().as_str() {
            "metrics_listen" | "connections" | "log" | "print_config" => Arg::hide(arg, false),
            _ => arg,
        }),
        _ => subcommand,
    })
}

/// The examples of the command that was meant.
fn example(command: &Command, words: &[OsString]) -> Option<String> {
    let mut meant = command;
    for word in words.iter().skip(1).filter_map(|word| word.to_str()) {
        if let Some(subcommand) = meant.find_subcommand(word) {
            meant = subcommand;
        }
    }
    meant.get_after_help().map(ToString::to_string)
}
