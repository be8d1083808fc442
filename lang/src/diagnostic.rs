//! One value for every mistake a user can make. Renderers are elsewhere; this module renders nothing.

use crate::code::Code;
use crate::source::Span;

/// How much a diagnostic matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// The configuration is accepted; something is likely wrong.
    Warning,
}

/// A second place that explains the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is to be seen there, a few words.
    pub text: String,
}

/// One replacement of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced; an empty span inserts.
    pub span: Span,
    /// By what.
    pub text: String,
}

/// A change that mends the mistake, as data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What it does, in the imperative.
    pub title: String,
    /// The edits; they do not overlap.
    pub edits: Vec<Edit>,
    /// Whether it can be made without asking: the mistake leaves no doubt of what is meant.
    pub safe: bool,
}

/// A user's mistake: a code, an exact place, one sentence that stands alone, and help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of mistake; has a page.
    pub code: Code,
    /// One line, lower case, no full stop, user text in backticks; stands alone.
    pub message: String,
    /// The exact place.
    pub span: Span,
    /// A few words at the place; may be empty.
    pub label: String,
    /// Other places that explain it.
    pub secondary: Vec<Label>,
    /// What to do.
    pub help: Option<String>,
    /// Changes that mend it.
    pub fixes: Vec<Fix>,
}

impl Diagnostic {
    /// A diagnostic with a message at a place.
    #[must_use]
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), span, label: String::new(), secondary: Vec::new(), help: None, fixes: Vec::new() }
    }

    /// Error or warning, as its code says.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.code.severity
    }

    /// With a few words at the primary place.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.label = text.into();
        self
    }

    /// With another place.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    /// With a line of help.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// With a fix of one edit that leaves no doubt of what is meant.
    #[must_use]
    pub fn fix(self, title: impl Into<String>, span: Span, text: impl Into<String>) -> Self {
        self.with(Fix { title: title.into(), edits: vec![Edit { span, text: text.into() }], safe: true })
    }

    /// With a fix of one edit that a person should look at: it removes something, or settles what was open.
    #[must_use]
    pub fn proposal(self, title: impl Into<String>, span: Span, text: impl Into<String>) -> Self {
        self.with(Fix { title: title.into(), edits: vec![Edit { span, text: text.into() }], safe: false })
    }

    /// With a fix.
    #[must_use]
    pub fn with(mut self, fix: Fix) -> Self {
        self.fixes.push(fix);
        self
    }
}

/// The nearest of `candidates` to `name` within a third of its length (at least one change), if there is one and no other is as near:
/// what is offered here is written by `check --fix`, which must not guess between two.
///
/// Distance is Damerau–Levenshtein with adjacent transpositions (optimal string alignment).
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(1);
    let mut near: Vec<(usize, &str)> =
        candidates.into_iter().map(|candidate| (distance(name, candidate), candidate)).filter(|(distance, _)| *distance <= limit).collect();
    near.sort_unstable();
    near.dedup();
    match near.as_slice() {
        [(best, _), (second, _), ..] if best == second => None,
        [(_, candidate), ..] => Some(candidate),
        [] => None,
    }
}

fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut previous: Vec<usize> = (0..=right.len()).collect();
    for (row, from) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, to) in right.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX - 1);
            let mut best =
                (at(&previous, column + 1) + 1).min(at(&current, column) + 1).min(at(&previous, column) + usize::from(from != to));
            let swapped = row > 0 && column > 0 && left.get(row - 1) == Some(to) && right.get(column - 1) == Some(from);
            if swapped {
                best = best.min(at(&before, column - 1) + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut previous, current);
    }
    previous.last().copied().unwrap_or(0)
}
