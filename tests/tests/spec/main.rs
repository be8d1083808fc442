//! The language's specifications run as tests: a page for every diagnostic code, and the reference under `tests/spec/`.
//! What mistakes look like in a terminal is tested with the command line.
#![cfg(test)]

mod codes;
mod fixes;
mod reference;

use std::fmt::Write as _;
use std::path::Path;
use tradewind_lang::compile::{self, Compiled, Repository};

const MANIFEST: &str = "project \"example\" { currency \"USD\" }\n";

/// Files that every example may name.
const FILES: &[(&str, &str)] = &[
    ("texts/reply.md", "Thank you for your message.\n"),
    (
        "data/training.jsonl",
        "{\"text\": \"It broke after a day.\", \"label\": \"complaint\"}\n{\"text\": \"Lovely chair.\", \"label\": \"praise\"}\n",
    ),
];

/// Hands an example with the standard library to a part of the front end; the default manifest stands in where it has none of its own.
fn with_repository<T>(files: &[(String, String)], manifest: bool, work: impl FnOnce(&Repository<'_>) -> T) -> T {
    let kdl = |path: &str| Path::new(path).extension().is_some_and(|extension| extension == "kdl");
    let (mut configuration, others): (Vec<_>, Vec<_>) = files.iter().cloned().partition(|(path, _)| kdl(path));
    let own = configuration.iter().any(|(_, text)| text.lines().any(|line| line.trim_start().starts_with("project")));
    if manifest && !own {
        configuration.insert(0, ("tradewind.kdl".to_owned(), MANIFEST.to_owned()));
    }
    let read = |path: &str| {
        let given = others.iter().find(|(of, _)| of == path).map(|(_, text)| text.clone());
        given.or_else(|| FILES.iter().find(|(of, _)| *of == path).map(|(_, text)| (*text).to_owned()))
    };
    work(&Repository { configuration: &configuration, library: tradewind_stdlib::LIBRARY, read: &read, environment: None })
}

/// Compiles an example.
fn compiled(files: &[(String, String)], manifest: bool) -> Compiled {
    with_repository(files, manifest, compile::compile)
}

/// `CODE line:column message`, a line each; `clean` where there is nothing. A file other than `main` is named.
fn listed(compiled: &Compiled, main: &str) -> String {
    let mut text = String::new();
    for found in &compiled.diagnostics {
        let (line, column) = compiled.sources.line_column(found.span);
        let path = compiled.sources.path(found.span);
        let path = if path == main { String::new() } else { format!("{path}:") };
        writeln!(text, "{} {path}{line}:{column} {}", found.code.id, found.message).unwrap();
    }
    if text.is_empty() {
        assert!(compiled.plan.is_some(), "nothing is reported, and yet there is no plan");
        text.push_str("clean\n");
    }
    text
}
