//! Which crate may import which, and what a manifest says of each dependency.

use super::{none, text_of};
use std::collections::{BTreeMap, BTreeSet};

/// Every crate: folder, name, the workspace crates it may import. What is absent is forbidden.
/// Nothing may import `tradewind-cli` or `tradewind-bench`; `tradewind-tests` serves the harnesses that are targets of the command line.
const ARROWS: &[(&str, &str, &[&str])] = &[
    ("lang", "tradewind-lang", &[]),
    ("stdlib", "tradewind-stdlib", &["tradewind-lang"]),
    ("runtime/engine", "tradewind-engine", &["tradewind-lang"]),
    // Adapters perform, they do not decide: ports of the engine, the plan of `lang`, never each other.
    ("runtime/store", "tradewind-store", &["tradewind-engine"]),
    ("runtime/vault", "tradewind-vault", &["tradewind-engine"]),
    ("runtime/models", "tradewind-models", &["tradewind-engine", "tradewind-lang"]),
    ("runtime/memory", "tradewind-memory", &["tradewind-engine", "tradewind-lang"]),
    ("runtime/connectors", "tradewind-connectors", &["tradewind-engine", "tradewind-lang"]),
    // Whoever serves answers through a trait of its own, so that it needs to know nobody.
    ("runtime/server", "tradewind-server", &["tradewind-engine"]),
    // What is followed is fetched and judged without knowing who compiles or adopts it.
    ("runtime/source", "tradewind-source", &["tradewind-lang"]),
    ("runtime/cli", "tradewind-cli", WITH_HARNESSES),
    ("tests", "tradewind-tests", EVERYTHING),
    ("bench", "tradewind-bench", EVERYTHING),
];

const EVERYTHING: &[&str] = &[
    "tradewind-lang",
    "tradewind-stdlib",
    "tradewind-engine",
    "tradewind-store",
    "tradewind-vault",
    "tradewind-models",
    "tradewind-memory",
    "tradewind-connectors",
];

const WITH_HARNESSES: &[&str] = &[
    "tradewind-lang",
    "tradewind-stdlib",
    "tradewind-engine",
    "tradewind-store",
    "tradewind-models",
    "tradewind-memory",
    "tradewind-connectors",
    "tradewind-server",
    "tradewind-vault",
    "tradewind-source",
    "tradewind-tests",
];

/// Packages that a crate must not reach, not even through others, not even in its tests.
const OUT_OF_REACH: &[(&str, &[&str])] = &[
    ("tradewind-lang", &["tokio", "reqwest", "axum", "hyper", "surrealdb", "surrealdb-core", "rustls", "tradewind-engine"]),
    ("tradewind-engine", &["reqwest", "axum", "hyper", "surrealdb", "surrealdb-core", "rustls"]),
];

/// A dependency of a manifest.
struct Dependency {
    name: String,
    line: usize,
    text: String,
    commented: bool,
}

/// The entries of every section whose name ends in `dependencies`.
fn dependencies(manifest: &str) -> Vec<Dependency> {
    let (mut inside, mut above, mut found) = (false, "", Vec::new());
    for (text, line) in manifest.lines().zip(1..) {
        if text.starts_with('[') {
            inside = text.trim_end_matches(']').ends_with("dependencies");
        } else if inside && text.contains('=') && !text.starts_with('#') {
            let name = text.split(['=', '.', ' ']).next().unwrap().to_owned();
            // Headings of a group stand above an empty line's worth of entries: only a comment of its own counts.
            let behind = text.rsplit_once('#').is_some_and(|(_, comment)| comment.split_whitespace().count() >= 2);
            let commented = behind || above.starts_with("# ") && above.split_whitespace().count() > 4;
            found.push(Dependency { name, line, text: text.to_owned(), commented });
        }
        above = text;
    }
    found
}

fn manifest_of(folder: &str) -> (String, Vec<Dependency>) {
    let path = format!("{folder}/Cargo.toml");
    let found = dependencies(&text_of(&path).unwrap());
    (path, found)
}

/// Packages of the lock file and what each depends on; for our own, what their tests depend on, too.
fn locked() -> BTreeMap<String, BTreeSet<String>> {
    let quoted = |line: &str| line.split('"').nth(1).map(|text| text.split(' ').next().unwrap().to_owned());
    let mut packages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in text_of("Cargo.lock").unwrap().split("[[package]]").skip(1) {
        let name = package.lines().find(|line| line.starts_with("name = ")).and_then(quoted).unwrap();
        let depends = package.lines().filter(|line| line.starts_with(" \"")).filter_map(quoted);
        packages.entry(name).or_default().extend(depends);
    }
    packages
}

#[test]
fn every_crate_is_in_the_table_of_arrows() {
    let root = text_of("Cargo.toml").unwrap();
    let members = root.split("\nmembers = [").nth(1).unwrap().split(']').next().unwrap();
    let members: BTreeSet<&str> = members.split('"').skip(1).step_by(2).collect();
    let table: BTreeSet<&str> = ARROWS.iter().map(|(folder, _, _)| *folder).collect();
    assert_eq!(members, table);
    for (folder, name, _) in ARROWS {
        let manifest = text_of(&format!("{folder}/Cargo.toml")).unwrap();
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{folder}/Cargo.toml does not name {name}");
        assert!(manifest.contains("[lints]\nworkspace = true"), "{folder}/Cargo.toml does not take the lints of the workspace");
    }
}

#[test]
fn crates_import_only_what_the_table_allows() {
    let mut offenders = Vec::new();
    for (folder, name, allowed) in ARROWS {
        let (path, found) = manifest_of(folder);
        let ours = found.iter().filter(|dependency| dependency.name.starts_with("tradewind-"));
        let forbidden = ours.filter(|dependency| !allowed.contains(&dependency.name.as_str()));
        offenders.extend(forbidden.map(|dependency| format!("{path}:{}: {name} may not import {}", dependency.line, dependency.name)));
    }
    none("arrows", &offenders);
}

#[test]
fn the_database_is_known_to_the_store_alone() {
    let mut offenders = Vec::new();
    for (folder, name, _) in ARROWS.iter().filter(|(folder, _, _)| !matches!(*folder, "runtime/store" | "bench")) {
        let (path, found) = manifest_of(folder);
        let databases = found.iter().filter(|dependency| dependency.name.starts_with("surreal"));
        offenders.extend(databases.map(|dependency| format!("{path}:{}: {name} depends on {}", dependency.line, dependency.name)));
    }
    none("only runtime/store depends on SurrealDB", &offenders);
}

#[test]
fn the_language_and_the_engine_reach_no_network_and_no_database() {
    let packages = locked();
    let mut offenders = Vec::new();
    for (from, forbidden) in OUT_OF_REACH {
        assert!(packages.contains_key(*from), "{from} is not in Cargo.lock");
        let mut ways: BTreeMap<&str, String> = BTreeMap::from([(*from, (*from).to_owned())]);
        let mut open = vec![*from];
        while let Some(package) = open.pop() {
            for next in packages.get(package).into_iter().flatten() {
                if !ways.contains_key(next.as_str()) {
                    ways.insert(next, format!("{} -> {next}", ways[package]));
                    open.push(next);
                }
            }
        }
        offenders.extend(forbidden.iter().filter_map(|name| ways.get(name)).cloned());
    }
    none("out of reach", &offenders);
}

#[test]
fn every_dependency_is_shared_and_has_a_reason() {
    let mut offenders = Vec::new();
    for dependency in dependencies(&text_of("Cargo.toml").unwrap()) {
        if !dependency.commented && !dependency.text.contains("path = ") {
            offenders.push(format!("Cargo.toml:{}: `{}` has no comment that says why", dependency.line, dependency.name));
        }
    }
    for (folder, _, _) in ARROWS {
        let (path, found) = manifest_of(folder);
        let own = found.iter().filter(|dependency| !dependency.text.contains("workspace = true"));
        offenders.extend(own.map(|found| format!("{path}:{}: `{}` is not shared by the workspace", found.line, found.name)));
    }
    none("dependencies", &offenders);
}

#[test]
fn the_purity_of_the_language_is_enforced_entry_by_entry() {
    let banned = text_of("lang/clippy.toml").unwrap();
    let needed = [
        "std::time::SystemTime::now",
        "std::time::Instant::now",
        "jiff::Timestamp::now",
        "std::env::var",
        "std::fs::read",
        "std::fs::read_to_string",
        "std::fs::write",
        "std::fs::File::open",
        "std::net::TcpStream::connect",
        "std::process::Command::new",
        "std::thread::spawn",
        "std::collections::HashMap",
        "std::collections::HashSet",
    ];
    let absent = needed.iter().filter(|path| !banned.contains(&format!("\"{path}\"")));
    let mut offenders: Vec<String> = absent.map(|path| format!("lang/clippy.toml: `{path}` is not banned")).collect();
    for (text, line) in banned.lines().zip(1..).filter(|(text, _)| text.contains("path = ")) {
        let reason = text.split("reason = \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
        if reason.len() < 5 {
            offenders.push(format!("lang/clippy.toml:{line}: no reason"));
        }
    }
    none("ban list", &offenders);
}
