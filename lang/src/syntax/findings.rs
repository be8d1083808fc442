//! What the reading of one file found: mistakes, and the repairs that let the rest of the file be read.
//! It decides nothing about KDL.

use crate::code::{Code, syntax as code};
use crate::diagnostic::Diagnostic;
use crate::source::{SourceId, Span};

/// How many mistakes of one file are kept; the rest are counted.
const KEPT: usize = 300;

/// A change that makes the text acceptable to the KDL reader. It is never shown; fixes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Repair {
    /// First byte replaced.
    pub(super) start: usize,
    /// One past the last byte replaced; equal to `start` for an insertion.
    pub(super) end: usize,
    /// What stands there instead.
    pub(super) text: String,
}

/// Mistakes and repairs of one file.
#[derive(Debug)]
pub(super) struct Findings {
    source: SourceId,
    mistakes: Vec<Diagnostic>,
    uncounted: usize,
    /// Repairs in the order they were found.
    pub(super) repairs: Vec<Repair>,
    /// Ranges that are not read at all: comments, what `/-` leaves out, what is broken beyond repair.
    pub(super) blank: Vec<(usize, usize)>,
}

impl Findings {
    pub(super) fn new(source: SourceId) -> Self {
        Self { source, mistakes: Vec::new(), uncounted: 0, repairs: Vec::new(), blank: Vec::new() }
    }

    /// A span of this file.
    pub(super) fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.source, start, end)
    }

    /// A diagnostic at bytes of this file, not yet kept.
    pub(super) fn mistake(&self, code: Code, start: usize, end: usize, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code, self.span(start, end), message)
    }

    /// Keeps a mistake, or counts it where there are too many.
    pub(super) fn keep(&mut self, mistake: Diagnostic) {
        if self.mistakes.len() < KEPT {
            self.mistakes.push(mistake);
        } else {
            self.uncounted += 1;
        }
    }

    /// Whether nothing is wrong.
    pub(super) fn is_empty(&self) -> bool {
        self.mistakes.is_empty()
    }

    /// Whether a mistake of this code was kept before.
    pub(super) fn has(&self, code: Code) -> bool {
        self.mistakes.iter().any(|mistake| std::ptr::eq(mistake.code, code))
    }

    /// Replaces bytes for the KDL reader.
    pub(super) fn repair(&mut self, start: usize, end: usize, text: impl Into<String>) {
        self.repairs.push(Repair { start, end, text: text.into() });
    }

    /// Hides bytes from the KDL reader.
    pub(super) fn hide(&mut self, start: usize, end: usize) {
        self.blank.push((start, end));
    }

    /// All mistakes in the order of the text.
    pub(super) fn into_mistakes(mut self) -> Vec<Diagnostic> {
        self.mistakes.sort_by_key(|mistake| (mistake.span.start, mistake.span.end));
        if self.uncounted > 0 {
            let at = self.mistakes.last().map_or(self.span(0, 0), |last| last.span);
            let message = format!("{} more mistakes in this file are not shown", self.uncounted);
            self.mistakes.push(Diagnostic::new(&code::TOO_MANY, at, message).help("mend the ones above first, then check again"));
        }
        self.mistakes
    }
}

/// `text` for a message: in backticks, on one line, and short.
pub(super) fn shown(text: &str) -> String {
    let mut short: String = text.chars().map(|character| if character.is_control() { ' ' } else { character }).take(41).collect();
    if short.chars().count() > 40 {
        short.pop();
        short.push('…');
    }
    format!("`{}`", short.replace('`', "'"))
}

/// `text` as a quoted KDL string on one line.
pub(crate) fn quoted(text: &str) -> String {
    let mut written = String::with_capacity(text.len() + 2);
    written.push('"');
    for character in text.chars() {
        match character {
            '"' => written.push_str("\\\""),
            '\\' => written.push_str("\\\\"),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            other if super::chars::is_newline(other) || super::chars::is_forbidden(other) => {
                written.push_str(&format!("\\u{{{:x}}}", u32::from(other)));
            }
            other => written.push(other),
        }
    }
    written.push('"');
    written
}
