//! The house rules as tests: arrows between crates, sizes and headers of files, words that must not occur, paths that documents name.
//! Each failure lists every offender. What rustfmt and clippy check is left to them.
#![cfg(test)]

mod documents;
mod manifests;
mod sources;

use std::process::Command;
use tradewind_tests::root;

/// Every file that git knows or would add, by its path from the root.
fn files() -> Vec<String> {
    let listing =
        Command::new("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]).current_dir(root()).output().unwrap();
    assert!(listing.status.success(), "git cannot list the files: {}", String::from_utf8_lossy(&listing.stderr));
    let mut files: Vec<String> = String::from_utf8(listing.stdout).unwrap().lines().map(str::to_owned).collect();
    files.retain(|path| root().join(path).is_file());
    files.sort();
    files.dedup();
    assert!(files.iter().any(|path| path == "Cargo.toml"), "git lists another folder");
    files
}

/// The files of an extension.
fn files_of(extension: &str) -> Vec<String> {
    let suffix = format!(".{extension}");
    files().into_iter().filter(|path| path.ends_with(&suffix)).collect()
}

/// The text of a file; `None` for one that is no text.
fn text_of(path: &str) -> Option<String> {
    String::from_utf8(std::fs::read(root().join(path)).unwrap()).ok()
}

/// Fails with every offender on a line of its own.
fn none(rule: &str, offenders: &[String]) {
    assert!(offenders.is_empty(), "{rule}: {} offenders\n{}\n", offenders.len(), offenders.join("\n"));
}
