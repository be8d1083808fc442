//! What `check` found, for programs: JSON, SARIF, GitHub's annotations, JUnit. One file a format; for people it is in `render.rs`.
//! It decides nothing: a format says where, what and how bad, never whether that is acceptable.

pub(crate) mod github;
pub(crate) mod json;
pub(crate) mod junit;
pub(crate) mod sarif;

use std::path::Path;
use tradewind_lang::compile::Compiled;
use tradewind_lang::diagnostic::{Diagnostic, Severity};
use tradewind_lang::source::{SourceMap, Span};

/// What is reported.
pub(crate) struct Findings<'a> {
    /// Every diagnostic, and the texts they stand in.
    pub(crate) compiled: &'a Compiled,
    /// From the root of version control to the repository; empty, or ends with `/`.
    pub(crate) prefix: &'a str,
    /// Paths of the operator's own files.
    pub(crate) files: &'a [(String, String)],
    /// Whether warnings count as failures.
    pub(crate) deny_warnings: bool,
}

impl Findings<'_> {
    /// The diagnostics, errors first, each kind in order of place.
    pub(crate) fn by_severity(&self) -> Vec<&Diagnostic> {
        let mut sorted: Vec<&Diagnostic> = self.compiled.diagnostics.iter().collect();
        sorted.sort_by_key(|found| found.severity());
        sorted
    }

    /// The path of a span from the root of version control.
    pub(crate) fn path(&self, span: Span) -> String {
        format!("{}{}", self.prefix, self.compiled.sources.path(span))
    }
}

/// `error` or `warning`.
pub(crate) fn level(found: &Diagnostic) -> &'static str {
    if found.severity() == Severity::Error { "error" } else { "warning" }
}

/// Where a span begins and ends: lines and columns from 1, columns in characters; the end is one past the last character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Region {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) end_line: usize,
    pub(crate) end_column: usize,
}

impl Region {
    pub(crate) fn of(span: Span, sources: &SourceMap) -> Self {
        let (line, column) = sources.line_column(span);
        let (end_line, end_column) = sources.line_column(Span { start: span.end, ..span });
        Self { line, column, end_line, end_column }
    }
}

/// The message, and after it the help.
pub(crate) fn with_help(found: &Diagnostic) -> String {
    match &found.help {
        Some(help) => format!("{}; {help}", found.message),
        None => found.message.clone(),
    }
}

/// The way from the folder that version control begins in to the repository: annotations on a pull request are named from there.
pub(crate) fn prefix(root: &Path) -> String {
    let Some(top) = root.ancestors().find(|folder| folder.join(".git").exists()) else { return String::new() };
    let parts = root.strip_prefix(top).unwrap_or(root).components();
    parts.map(|part| format!("{}/", part.as_os_str().to_string_lossy())).collect()
}
