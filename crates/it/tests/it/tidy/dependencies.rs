//! Arrows between crates point down, and what belongs to one floor stays there.

use std::collections::BTreeMap;
use std::path::Path;

use it::settings::workspace;

/// The floor of each crate of the product. A crate may depend only on crates of lower floors.
const FLOORS: &[(&str, u32)] = &[
    ("base", 0),
    ("seal", 0),
    ("vision", 0),
    ("db", 1),
    ("kernel", 2),
    ("web", 3),
    ("services", 4),
    ("portal", 5),
    ("attestry", 6),
];

/// Crates that serve, load or test the product. They may see anything below, and nothing may see them.
const TOOLS: &[&str] = &["it", "xtask", "bench", "naive-peer"];

/// Which crates may name a dependency.
const HOMES: &[(&str, &[&str])] = &[
    ("axum", &["web", "services", "portal", "attestry", "naive-peer"]),
    ("http", &["web", "services", "portal", "attestry"]),
    ("http-body", &["web", "services", "portal", "attestry"]),
    ("http-body-util", &["web", "services", "portal", "attestry"]),
    ("hyper", &["web", "attestry"]),
    ("hyper-util", &["web", "attestry"]),
    ("reqwest", &["attestry"]),
    ("rusqlite", &["db"]),
    // A bench writes rows as others do, to compare.
    ("postgres", &["db", "bench"]),
    // The peer is a yardstick from outside, not a part of the product.
    ("tokio-postgres", &["db", "naive-peer"]),
    ("vision", &["attestry", "xtask"]),
];

/// The names under `[dependencies]` of every crate; development dependencies may point anywhere.
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let root = workspace();
    let manifest = read(&root.join("Cargo.toml"));
    let members = manifest.split_once("members = [").and_then(|(_, rest)| rest.split_once(']'));
    let (members, _) = members.expect("the workspace lists its members");
    let folders = members.split(',').map(|member| member.trim().trim_matches('"')).filter(|m| !m.is_empty());
    folders.map(|folder| manifest_of(&read(&root.join(folder).join("Cargo.toml")))).collect()
}

fn manifest_of(text: &str) -> (String, Vec<String>) {
    let mut section = "";
    let mut name = String::new();
    let mut dependencies = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if line.starts_with('[') {
            section = line;
        } else if section == "[package]" && line.starts_with("name ") {
            name = line.split('"').nth(1).expect("a name is quoted").to_owned();
        } else if section.ends_with("dependencies]") && !section.contains("dev-") {
            let end = line.find(|c: char| !c.is_alphanumeric() && c != '-' && c != '_').unwrap_or(line.len());
            dependencies.push(line[..end].to_owned());
        }
    }
    (name, dependencies)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn floor(name: &str) -> Option<u32> {
    FLOORS.iter().find(|(known, _)| *known == name).map(|(_, floor)| *floor)
}

#[test]
fn every_crate_has_a_floor_or_is_a_tool() {
    for name in dependencies().keys() {
        assert!(floor(name).is_some() || TOOLS.contains(&name.as_str()), "give {name} a floor");
    }
}

#[test]
fn arrows_between_crates_point_down() {
    for (name, dependencies) in dependencies() {
        let Some(own) = floor(&name) else { continue };
        for dependency in dependencies {
            assert!(!TOOLS.contains(&dependency.as_str()), "{name} depends on the tool {dependency}");
            if let Some(theirs) = floor(&dependency) {
                assert!(theirs < own, "{name} (floor {own}) depends on {dependency} (floor {theirs})");
            }
        }
    }
}

#[test]
fn http_and_database_drivers_stay_on_their_floors() {
    for (name, dependencies) in dependencies() {
        for (dependency, homes) in HOMES {
            let named = dependencies.iter().any(|own| own == dependency);
            assert!(
                !named || homes.contains(&name.as_str()),
                "{name} may not name {dependency}: {homes:?} may"
            );
        }
    }
}

#[test]
fn services_do_not_see_each_other() {
    let root = workspace().join("crates/services/src");
    let services: Vec<String> = std::fs::read_dir(&root)
        .expect("the services are there")
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    for service in &services {
        for source in super::rust_files(&root.join(service)) {
            let text = read(&source);
            for other in services.iter().filter(|other| *other != service) {
                let arrows =
                    [format!("crate::{other}::"), format!("crate::{other};"), format!("super::{other}::")];
                let found = arrows.iter().find(|arrow| text.contains(arrow.as_str()));
                assert_eq!(found, None, "{} sees the service {other}", source.display());
            }
        }
    }
}

#[test]
fn a_manifest_is_read_with_its_targets_and_without_its_tests() {
    let (name, dependencies) = manifest_of(
        "[package]\nname = \"a\"\n[dependencies]\nb.workspace = true\n# c = 1\nd-e = { version = \"1\" }\n\
         [target.'cfg(unix)'.dependencies]\nf = \"1\"\n[dev-dependencies]\ng = \"1\"\n",
    );
    assert_eq!(name, "a");
    assert_eq!(dependencies, ["b", "d-e", "f"]);
}
