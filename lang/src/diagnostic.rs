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

/// One line, whatever was quoted in it: reports hold a message to one, and a name may be a text over several.
fn one_line(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    let lines: Vec<&str> = text.split(char::is_control).map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join(" ")
}

impl Diagnostic {
    /// A diagnostic with a message at a place.
    #[must_use]
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        let message = one_line(message.into());
        Self { code, message, span, label: String::new(), secondary: Vec::new(), help: None, fixes: Vec::new() }
    }

    /// Error or warning, as its code says.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.code.severity
    }

    /// With a few words at the primary place.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.label = one_line(text.into());
        self
    }

    /// With another place.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: one_line(text.into()) });
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

    /// With the fix that writes a name that is near to the one given: where it is certain that it was meant, one that leaves no doubt.
    #[must_use]
    pub fn meant(self, name: &str, near: &str, span: Span, text: impl Into<String>) -> Self {
        let safe = is_slip(name, near);
        self.with(Fix { title: format!("write `{near}`"), edits: vec![Edit { span, text: text.into() }], safe })
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

/// Letters from which on a word with one in place of another is rather a slip than another word, as `gbr` is not `ger`.
const CERTAIN: usize = 5;

/// Whether a name that stands for something of the user's own is certainly another one that is near to it: a letter too many or too few, two that
/// changed their places, capitals; one in place of another only in a word that is long enough.
fn is_slip(name: &str, near: &str) -> bool {
    name.chars().count() >= CERTAIN || name.chars().count() != near.chars().count() || has_same_letters(name, near)
}

/// Whether two words are made of the same letters, large or small.
fn has_same_letters(one: &str, other: &str) -> bool {
    let letters = |word: &str| {
        let mut letters: Vec<char> = word.chars().flat_map(char::to_lowercase).collect();
        letters.sort_unstable();
        letters
    };
    letters(one) == letters(other)
}

/// The nearest of `candidates` to `name` within a third of its length, if there is one and no other is as near: what is offered here is written
/// by `check --fix`, which must not guess between two. To a word of one or two letters only one with the same letters is near.
///
/// Distance is Damerau–Levenshtein with adjacent transpositions (optimal string alignment).
#[must_use]
pub fn nearest<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Nothing is near to no name at all.
    if given.is_empty() {
        return None;
    }
    let name: Vec<char> = given.chars().collect();
    let short = name.len() < 3;
    let mut limit = (name.len() / 3).max(1);
    let mut rows = Rows::default();
    let mut best: Option<&str> = None;
    let mut tied = false;
    for candidate in candidates {
        let Some(distance) = rows.distance(&name, candidate, limit).filter(|_| !short || has_same_letters(given, candidate)) else {
            continue;
        };
        // Within a limit that only falls, what is not nearer than the best is as near.
        tied = distance == limit && best.is_some_and(|best| tied || best != candidate);
        if distance < limit || best.is_none() {
            best = Some(candidate);
            limit = distance;
        }
    }
    best.filter(|_| !tied)
}

/// Rows of the distance's table, kept from one candidate to the next.
#[derive(Default)]
struct Rows {
    right: Vec<char>,
    before: Vec<usize>,
    previous: Vec<usize>,
    current: Vec<usize>,
}

impl Rows {
    /// The distance, if it is within the limit. Most candidates are given up after a few letters.
    fn distance(&mut self, left: &[char], right: &str, limit: usize) -> Option<usize> {
        // A character has one to four bytes, so the difference of lengths is known before the characters are.
        if right.len() > (left.len() + limit) * 4 || right.len() + limit < left.len() {
            return None;
        }
        self.right.clear();
        self.right.extend(right.chars());
        if left.len().abs_diff(self.right.len()) > limit {
            return None;
        }
        self.before.clear();
        self.previous.clear();
        self.previous.extend(0..=self.right.len());
        for (row, from) in left.iter().enumerate() {
            self.current.clear();
            self.current.push(row + 1);
            let mut least = row + 1;
            for (column, to) in self.right.iter().enumerate() {
                let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX - 1);
                let replaced = at(&self.previous, column) + usize::from(from != to);
                let mut best = (at(&self.previous, column + 1) + 1).min(at(&self.current, column) + 1).min(replaced);
                let swapped = row > 0 && column > 0 && left.get(row - 1) == Some(to) && self.right.get(column - 1) == Some(from);
                if swapped {
                    best = best.min(at(&self.before, column - 1) + 1);
                }
                self.current.push(best);
                least = least.min(best);
            }
            // A swap reaches back two rows and costs one: a row beyond the limit by more than that stays beyond it.
            if least > limit + 1 {
                return None;
            }
            std::mem::swap(&mut self.before, &mut self.previous);
            std::mem::swap(&mut self.previous, &mut self.current);
        }
        self.previous.last().copied().filter(|distance| *distance <= limit)
    }
}
