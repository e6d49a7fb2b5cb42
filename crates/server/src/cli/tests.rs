use std::ffi::OsString;

use clap::{Command, FromArgMatches};

use super::{Arguments, help};

/// Words of a shell, as far as the examples need one: double quotes, and comments after `  `.
fn words(line: &str) -> Vec<OsString> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for letter in line.trim().chars() {
        match letter {
            '"' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            letter => words.last_mut().unwrap().push(letter),
        }
    }
    words.into_iter().filter(|word| !word.is_empty()).map(OsString::from).collect()
}

/// Every command without verbs of its own, with the words that lead to it.
fn leaves(command: &Command, path: &str, found: &mut Vec<(String, Command)>) {
    let mut has_verbs = false;
    for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
        has_verbs = true;
        leaves(subcommand, &format!("{path} {}", subcommand.get_name()), found);
    }
    if !has_verbs {
        found.push((path.to_owned(), command.clone()));
    }
}

fn all_leaves() -> Vec<(String, Command)> {
    let mut found = Vec::new();
    leaves(&help::command(), "attestry", &mut found);
    found
}

#[test]
fn the_command_line_is_sound() {
    help::command().debug_assert();
}

#[test]
fn every_command_has_one_line_of_help_and_an_example_that_is_read() {
    let leaves = all_leaves();
    assert!(leaves.len() > 30, "{}", leaves.len());
    for (path, leaf) in leaves {
        assert!(leaf.get_about().is_some(), "{path} has no line of help");
        for argument in leaf.get_arguments() {
            assert!(argument.get_help().is_some(), "{path}: {} has no help", argument.get_id());
        }
        let after = leaf.get_after_help().map(ToString::to_string).unwrap_or_default();
        let examples: Vec<&str> = after.lines().filter(|line| line.starts_with("  attestry ")).collect();
        assert!(!examples.is_empty(), "{path} has no example");
        for example in examples {
            let call = example.split("   ").next().unwrap();
            let call = call.split(['<', '>', '&']).next().unwrap().trim();
            assert!(call.starts_with(&path), "{path} shows {call}");
            let matches = help::command().try_get_matches_from(words(call));
            let matches = matches.unwrap_or_else(|error| panic!("{call}: {error}"));
            Arguments::from_arg_matches(&matches).unwrap();
        }
    }
}

#[test]
fn a_command_that_is_no_server_hides_the_options_of_servers() {
    let help_of = |words: &[&str]| {
        let words = ["attestry"].iter().chain(words).chain(&["--help"]);
        help::command().try_get_matches_from(words).unwrap_err().to_string()
    };
    for serving in [&["serve"][..], &["dev"]] {
        assert!(help_of(serving).contains("--operator-listen"), "{serving:?}");
    }
    let worker = help_of(&["worker"]);
    assert!(worker.contains("--metrics-listen") && !worker.contains("--operator-listen"), "{worker}");
    for other in [&[][..], &["tenant", "list"], &["doctor"]] {
        let shown = help_of(other);
        assert!(!shown.contains("--operator-listen") && shown.contains("--data"), "{shown}");
    }
}

#[test]
fn a_server_reads_its_options_before_and_after_the_command() {
    for line in ["attestry --listen 127.0.0.1:1 serve", "attestry serve --listen 127.0.0.1:1"] {
        let matches = help::command().try_get_matches_from(words(line)).unwrap();
        let arguments = Arguments::from_arg_matches(&matches).unwrap();
        assert_eq!(arguments.layer.listen, Some("127.0.0.1:1".parse().unwrap()), "{line}");
    }
}

#[test]
fn wrong_values_are_refused_before_anything_is_opened() {
    for line in [
        "attestry tenant show tn_short",
        "attestry tenant show acc_01kdvdna00e008m2jtjb6jqfym",
        "attestry key create --tenant tn_01kdvdna00e008m2jtjb6jqfym --service quotas",
        "attestry key rotate key_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym --grace-seconds 901",
        "attestry account top-up acc_01kdvdna00e008m2jtjb6jqfym --tenant tn_01kdvdna00e008m2jtjb6jqfym --points 0",
        "attestry credit grant --tenant tn_01kdvdna00e008m2jtjb6jqfym --amount 5 --reference r --environment prod",
        "attestry audit list --limit 0",
        "attestry tenant list --after a&limit=5",
        "attestry tenant list --as é",
        "attestry secrets activate 0",
        "attestry token create --account acc_01kdvdna00e008m2jtjb6jqfym",
    ] {
        assert!(help::command().try_get_matches_from(words(line)).is_err(), "{line}");
    }
}
