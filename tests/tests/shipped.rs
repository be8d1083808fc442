//! The shipped repository compiles without a single diagnostic.
#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};
use tradewind_lang::compile::{Repository, compile, ignored_folders};

fn kdl_files(root: &Path, folder: &Path, ignored: &[String], found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let relative = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !entry.file_name().to_string_lossy().starts_with('.') && !ignored.contains(&relative) {
                kdl_files(root, &path, ignored, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "kdl") {
            found.push(path);
        }
    }
}

#[test]
fn the_shipped_repository_is_clean() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let ignored = ignored_folders(&fs::read_to_string(root.join("tradewind.kdl")).unwrap());
    let mut files = Vec::new();
    kdl_files(root, root, &ignored, &mut files);
    files.sort();
    let name = |path: &PathBuf| path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
    let configuration: Vec<(String, String)> = files.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect();
    let read = |path: &str| fs::read_to_string(root.join(path)).ok();
    let compiled =
        compile(&Repository { configuration: &configuration, library: tradewind_stdlib::LIBRARY, read: &read, environment: None });
    let found: Vec<String> = compiled
        .diagnostics
        .iter()
        .map(|found| {
            let (line, column) = compiled.sources.line_column(found.span);
            format!(
                "{} {}:{line}:{column} {} [{}]",
                found.code.id,
                compiled.sources.path(found.span),
                found.message,
                found.help.clone().unwrap_or_default()
            )
        })
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
    let plan = compiled.plan.unwrap();
    assert!(plan.flows.contains_key("returns-triage"));
    let bytes = plan.to_bytes();
    let again = tradewind_lang::plan::Plan::from_bytes(&bytes).unwrap();
    assert_eq!(again, plan);
    assert_eq!(again.digest(), plan.digest());
}
