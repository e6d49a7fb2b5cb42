//! The form of the source text: lengths, words, and that every file is used.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use it::settings::workspace;

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;

/// In the form of `sha256sum`. A line is added with a migration and never changed once that is released.
const MIGRATION_CHECKSUMS: &str = include_str!("../migrations.sha256");

/// Functions that are longer than they may be, with their length. It only ever gets shorter.
const LONG_FUNCTIONS: &[(&str, &str, usize)] = &[];

/// What no file may say, with the reason. In two parts each, so that this file does not say it either.
const BANNED: &[(&str, &str, &str)] = &[
    ("TO", "DO", "do it, or write down in an ADR why not"),
    ("FIX", "ME", "fix it"),
    ("unimplemented", "!(", "implement it"),
    ("to", "do!(", "do it"),
    ("#[ign", "ore", "a test that does not run proves nothing"),
    ("#[all", "ow(", "write #[expect(lint, reason = \"…\")]"),
    ("#![all", "ow(", "write #![expect(lint, reason = \"…\")]"),
    ("../sha", "red", "the repository must stand on its own"),
    ("/wor", "k/", "the repository must stand on its own"),
];

const SOURCE_FOLDERS: &[&str] = &["crates", "bench", "xtask"];

/// All Rust files below a folder, in a stable order.
pub(crate) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    files(folder, &["rs"])
}

fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
            if path.is_dir() {
                if !path.ends_with("target") && !path.ends_with("assets") {
                    folders.push(path);
                }
            } else if extensions.contains(&extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn all_rust_files() -> Vec<(String, String)> {
    SOURCE_FOLDERS
        .iter()
        .flat_map(|folder| rust_files(&workspace().join(folder)))
        .map(|path| named(&path))
        .collect()
}

/// The path from the root of the workspace, and the text.
fn named(path: &Path) -> (String, String) {
    let name = path.strip_prefix(workspace()).expect("below the workspace").to_string_lossy().into_owned();
    (name, fs::read_to_string(path).expect("a source file is UTF-8"))
}

/// Name and length of every function. Relies on rustfmt: the closing brace stands under the first word.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = &line[..line.len() - line.trim_start().len()];
        let end = lines[start..].iter().position(|line| line.strip_prefix(indent).is_some_and(ends_function));
        if let Some(end) = end {
            found.push((name, end + 1));
        }
    }
    found
}

/// A closing brace, a declaration without a body, or a whole function on one line.
fn ends_function(line: &str) -> bool {
    line == "}"
        || (function_name(line).is_some() && (line.ends_with(';') || line.ends_with('}')))
        || line == ");"
}

fn function_name(line: &str) -> Option<String> {
    let mut words = line.trim_start().split(' ').skip_while(|word| {
        matches!(*word, "pub" | "async" | "const" | "unsafe" | "extern") || word.starts_with("pub(")
    });
    if words.next() != Some("fn") {
        return None;
    }
    let name = words.next()?;
    Some(name[..name.find(['(', '<']).unwrap_or(name.len())].to_owned())
}

#[test]
fn no_file_is_too_long_to_read() {
    for (name, text) in all_rust_files() {
        let lines = text.lines().count();
        assert!(lines <= FILE_LINES_MAX, "{name} has {lines} lines, at most {FILE_LINES_MAX}: split it");
    }
}

#[test]
fn no_function_is_too_long_to_see_at_once() {
    let mut long = Vec::new();
    for (name, text) in all_rust_files() {
        let too_long = functions(&text).into_iter().filter(|(_, lines)| *lines > FUNCTION_LINES_MAX);
        long.extend(too_long.map(|(function, lines)| (name.clone(), function, lines)));
    }
    let allowed: Vec<_> = LONG_FUNCTIONS
        .iter()
        .map(|(file, function, lines)| ((*file).into(), (*function).into(), *lines))
        .collect();
    assert_eq!(long, allowed, "split what is new on the left; take out of LONG_FUNCTIONS what got shorter");
}

#[test]
fn banned_words_do_not_appear() {
    let extensions = ["rs", "toml", "md", "sql", "yml", "html", "js", "css", "scn"];
    for (name, text) in files(&workspace(), &extensions).iter().map(|path| named(path)) {
        for (first, second, reason) in BANNED {
            let word = format!("{first}{second}");
            let line = text.lines().position(|line| line.contains(&word)).map(|line| line + 1);
            assert!(line.is_none(), "{name}:{} says {word:?}: {reason}", line.unwrap_or(0));
        }
    }
}

#[test]
fn every_source_file_is_part_of_a_crate() {
    let files = all_rust_files();
    let names: BTreeSet<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let declared: BTreeSet<String> = files.iter().flat_map(|(name, text)| modules(name, text)).collect();
    for name in names {
        let is_root = ["/src/main.rs", "/src/lib.rs", "/build.rs"].iter().any(|root| name.ends_with(root))
            || is_target_root(name);
        assert!(
            is_root || declared.contains(name),
            "{name} is compiled into nothing: declare it or delete it"
        );
    }
}

/// `tests/x.rs`, `benches/x.rs`, `examples/x.rs`, `src/bin/x.rs`, or `main.rs` in a folder there.
fn is_target_root(name: &str) -> bool {
    ["/tests/", "/benches/", "/examples/", "/src/bin/"].iter().any(|folder| {
        name.split_once(folder).is_some_and(|(_, rest)| {
            !rest.contains('/') || (rest.ends_with("/main.rs") && rest.matches('/').count() == 1)
        })
    })
}

/// The files that a file declares with `mod name;`.
fn modules(name: &str, text: &str) -> Vec<String> {
    let (folder, file) = name.rsplit_once('/').expect("a source file is in a folder");
    let own = file.strip_suffix(".rs").expect("a Rust file");
    let is_root = own == "mod" || name.ends_with("/src/main.rs") || own == "lib" || is_target_root(name);
    let folder = if is_root { folder.to_owned() } else { format!("{folder}/{own}") };
    let declarations = text.lines().filter_map(|line| {
        let mut words = line.trim().strip_suffix(';')?.split(' ');
        let word = words.find(|word| !word.starts_with("pub"))?;
        if word == "mod" { words.next() } else { None }
    });
    declarations
        .flat_map(|module| [format!("{folder}/{module}.rs"), format!("{folder}/{module}/mod.rs")])
        .collect()
}

#[test]
fn published_migrations_are_never_edited() {
    let folder = workspace().join("migrations");
    let mut listed: Vec<(&str, &str)> =
        MIGRATION_CHECKSUMS.lines().filter_map(|line| line.split_once("  ")).collect();
    listed.sort_by_key(|(_, name)| *name);
    let migrations = files(&folder, &["sql"]);
    let names: Vec<String> = migrations
        .iter()
        .map(|path| path.file_name().expect("a file").to_string_lossy().into_owned())
        .collect();
    let numbers: Vec<usize> = names.iter().filter_map(|name| name.get(..4)?.parse().ok()).collect();
    assert_eq!(numbers, (1..=names.len()).collect::<Vec<_>>(), "migrations are numbered 0001, 0002, …");
    assert_eq!(
        listed.iter().map(|(_, name)| *name).collect::<Vec<_>>(),
        names,
        "after adding a migration: (cd migrations && sha256sum *.sql) > crates/it/tests/it/migrations.sha256",
    );
    for (checksum, name) in listed {
        let now = sha256(&folder.join(name));
        assert_eq!(now, checksum, "{name} was edited: write a new migration instead");
    }
}

fn sha256(path: &Path) -> String {
    let output = std::process::Command::new("sha256sum").arg(path).output().expect("sha256sum runs");
    String::from_utf8_lossy(&output.stdout).split(' ').next().unwrap_or_default().to_owned()
}

#[test]
fn functions_are_measured_from_their_name_to_their_brace() {
    let text = "fn a() {\n    let x = 1;\n}\n\nimpl B {\n    pub(crate) async fn c<T>(\n        t: T,\n    ) {\n        f(\n        );\n    }\n    fn d();\n}\n";
    assert_eq!(functions(text), [("a".into(), 3), ("c".into(), 6), ("d".into(), 1)]);
}

#[test]
fn a_declared_module_is_found_in_both_places() {
    assert_eq!(modules("crates/a/src/b.rs", "mod c;"), ["crates/a/src/b/c.rs", "crates/a/src/b/c/mod.rs"]);
    assert_eq!(
        modules("crates/a/src/lib.rs", "pub mod c;\nmod d {"),
        ["crates/a/src/c.rs", "crates/a/src/c/mod.rs"]
    );
}
