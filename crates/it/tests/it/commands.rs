//! The generated list of commands is the product's: a changed price or scope is a visible diff.

use std::fs;

use it::settings::{variable, workspace};
use kernel::Command;
use kernel::spine::{Audit, Idempotent, Price, Scope};

const FILE: &str = "docs/generated/commands.md";
const HEAD: &str = "# Commands\n\n\
    Every command of every service and of the operator, and what runs it, costs it and records it.\n\
    Generated from the source: `UPDATE=1 cargo test -p it commands` writes this file, and a test fails when it is stale.\n\n\
    | command | scope | price | audit | Idempotency-Key |\n|---|---|---|---|---|\n";

fn commands() -> Vec<&'static Command> {
    services::commands().into_iter().chain(attestry::operator::COMMANDS.iter().copied()).collect()
}

fn generated() -> String {
    let mut rows: Vec<String> = commands()
        .into_iter()
        .map(|command| {
            let scope = match command.scope {
                Scope::Key(name) => format!("`{name}`"),
                Scope::OperatorOnly => "operator only".to_owned(),
            };
            let price = match command.price {
                Price::Free => "free".to_owned(),
                Price::UpTo(units) => format!("up to {units}"),
            };
            let audit = match command.audit {
                Audit::Never => "never",
                Audit::Always => "when done",
                Audit::WithRefusals => "when done or refused",
            };
            let idempotent = match command.idempotent {
                Idempotent::No => "ignored",
                Idempotent::Optional => "optional",
                Idempotent::OptionalOnce => "optional, once",
                Idempotent::Required => "required",
            };
            format!("| `{}` | {scope} | {price} | {audit} | {idempotent} |\n", command.name)
        })
        .collect();
    rows.sort();
    format!("{HEAD}{}", rows.concat())
}

#[test]
fn the_list_of_commands_in_the_documents_is_the_one_in_the_source() {
    let path = workspace().join(FILE);
    if variable("UPDATE").is_some_and(|value| value == "1") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, generated()).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(written, generated(), "{FILE} is stale: UPDATE=1 cargo test -p it commands");
}

#[test]
fn every_command_has_a_name_of_its_own() {
    let mut names: Vec<&str> = commands().iter().map(|command| command.name).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all, "{names:?}");
    for name in names {
        assert!(name.split('.').count() == 3, "{name}: service.noun.verb");
    }
}
