//! Rust files: headers, lengths, names of modules, and words that must not occur.

use super::{files, files_of, none, text_of};
use tradewind_tests::scan;

const LONGEST_FILE: usize = 600;
const LONGEST_FUNCTION: usize = 70;

/// Names that say nothing of what a module holds.
const EMPTY_NAMES: &[&str] = &["utils", "common", "helpers", "types", "misc"];

/// Code that must not occur, and why.
const FORBIDDEN: &[(&str, &str)] = &[
    ("#[ignore", "a test that does not run is none"),
    ("[allow(", "lints are suppressed with `expect` and a reason"),
    (", allow(", "lints are suppressed with `expect` and a reason"),
    ("todo!", "unfinished"),
    ("unimplemented!", "unfinished"),
    ("dbg!", "left over"),
];

fn rust() -> Vec<(String, String)> {
    let files: Vec<(String, String)> = files_of("rs").into_iter().filter_map(|path| text_of(&path).map(|text| (path, text))).collect();
    assert!(files.len() > 20, "where are the sources?");
    files
}

#[test]
fn every_file_begins_with_a_header() {
    let files = rust();
    let without = files.iter().filter(|(_, text)| !text.starts_with("//! "));
    let offenders: Vec<String> = without.map(|(path, _)| format!("{path}:1: no `//!` header")).collect();
    none("a header says what a file is and what it refuses to do", &offenders);
}

#[test]
fn files_and_functions_are_short() {
    let mut offenders = Vec::new();
    for (path, text) in rust() {
        let lines = text.lines().count();
        if lines > LONGEST_FILE {
            offenders.push(format!("{path}: {lines} lines"));
        }
        let long = scan::functions(&scan::code_only(&text)).into_iter().filter(|function| function.lines > LONGEST_FUNCTION);
        offenders.extend(long.map(|function| format!("{path}:{}: `{}` has {} lines", function.line, function.name, function.lines)));
    }
    none(&format!("at most {LONGEST_FILE} lines a file, {LONGEST_FUNCTION} a function"), &offenders);
}

#[test]
fn modules_are_named_for_what_they_hold() {
    let mut offenders = Vec::new();
    for (path, text) in rust() {
        if path.trim_end_matches(".rs").split('/').any(|part| EMPTY_NAMES.contains(&part)) {
            offenders.push(path.clone());
        }
        for (line, number) in scan::code_only(&text).lines().zip(1..) {
            let named = line.trim().trim_start_matches("pub ").trim_start_matches("pub(crate) ").strip_prefix("mod ");
            if named.is_some_and(|name| EMPTY_NAMES.contains(&name.trim_end_matches([';', '{', ' ']))) {
                offenders.push(format!("{path}:{number}: {}", line.trim()));
            }
        }
    }
    none("empty names of modules", &offenders);
}

#[test]
fn nothing_is_ignored_allowed_or_left_undone() {
    let mut offenders = Vec::new();
    for (path, text) in rust() {
        for (line, number) in scan::code_only(&text).lines().zip(1..) {
            let found = FORBIDDEN.iter().filter(|(word, _)| line.contains(word));
            offenders.extend(found.map(|(word, why)| format!("{path}:{number}: `{word}`: {why}")));
        }
    }
    none("forbidden", &offenders);
}

#[test]
fn no_file_names_a_place_on_somebodys_machine() {
    // Put together, so that this file does not name them.
    let places: Vec<String> = ["work", "root", "tmp"].iter().map(|folder| format!("/{folder}/")).collect();
    let mut offenders = Vec::new();
    for path in files() {
        let Some(text) = text_of(&path) else { continue };
        for (line, number) in text.lines().zip(1..) {
            let found = places.iter().filter(|place| line.match_indices(place.as_str()).any(|(at, _)| begins_a_path(line, at)));
            offenders.extend(found.map(|place| format!("{path}:{number}: `{place}`")));
        }
    }
    none("paths of a machine", &offenders);
}

/// Not in the middle of a relative path or of an address.
fn begins_a_path(line: &str, at: usize) -> bool {
    !line[..at].chars().next_back().is_some_and(|before| before.is_alphanumeric() || matches!(before, '_' | '-' | '.' | '/' | '}' | ')'))
}
