//! Documents: every path of the repository that they name exists, and so does every file they link to.

use super::{files_of, none, text_of};
use std::path::Path;
use tradewind_tests::{markdown, root};

/// Folders of the house; a path that begins with one of them is a path of the repository.
const FOLDERS: &[&str] = &["lang", "stdlib", "runtime", "lsp", "flows", "policies", "console", "editors", "bench", "tests", "docs", ".ci"];

/// Documentation, the language reference, and what lies at the root.
fn documents() -> Vec<(String, String)> {
    let ours = |path: &String| path.starts_with("docs/") || path.starts_with("tests/spec/") || !path.contains('/');
    files_of("md").into_iter().filter(ours).filter_map(|path| text_of(&path).map(|text| (path, text))).collect()
}

/// The part of a text in backticks that must exist: a pattern such as `docs/codes/*` up to its folder. `None` for what is no path.
fn as_path(text: &str) -> Option<&str> {
    let (first, _) = text.split_once('/')?;
    let plain = text.chars().all(|letter| letter.is_ascii_alphanumeric() || "/._-*{},".contains(letter));
    if !plain || !FOLDERS.contains(&first) {
        return None;
    }
    let fixed = &text[..text.find(['*', '{']).unwrap_or(text.len())];
    if fixed.len() == text.len() { Some(text) } else { fixed.rsplit_once('/').map(|(folder, _)| folder) }
}

#[test]
fn every_path_that_a_document_names_exists() {
    let mut offenders = Vec::new();
    let mut seen = 0;
    for (document, text) in documents() {
        for (line, quoted) in markdown::quoted(&text) {
            let Some(path) = as_path(&quoted) else { continue };
            seen += 1;
            if !root().join(path).exists() {
                offenders.push(format!("{document}:{line}: `{quoted}`"));
            }
        }
    }
    none("paths that do not exist", &offenders);
    assert!(seen > 5, "the documents name no path at all");
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut offenders = Vec::new();
    for (document, text) in documents() {
        let folder = Path::new(&document).parent().unwrap();
        for (line, number) in text.lines().zip(1..) {
            for target in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                let file = target.split('#').next().unwrap();
                if !file.is_empty() && !file.contains("://") && !root().join(folder).join(file).exists() {
                    offenders.push(format!("{document}:{number}: ({target})"));
                }
            }
        }
    }
    none("links that lead nowhere", &offenders);
}
