//! What was not worked out of conditions: told once for each place, at the first, so that silence means that it was. It proves nothing.

use super::context::Context;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// A question that was given up.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Question<'n> {
    /// Whether the condition of this can hold.
    Holds(&'n str),
    /// Whether the condition of this can fail.
    Fails(&'n str),
    /// Whether this decides anything, after what comes before it.
    Decides(&'n str),
    /// Whether the requirements of a step can hold together.
    Together,
    /// Whether an effect of this operation is ever allowed.
    Allowed(&'n str),
}

impl Question<'_> {
    /// What is asked; a few words on why it is open; and what would settle it.
    fn told(self) -> (String, &'static str, &'static str) {
        const INSIDE: &str = "nothing is wrong with it for that; with fewer `||` and `? :` in it, it would be known";
        const BEFORE: &str = "nothing is wrong with it for that; with fewer conditions before it, or fewer `||` in them, it would be known";
        match self {
            Self::Holds(name) => (format!("whether the condition of {name} can ever hold"), "too many ways in it", INSIDE),
            Self::Fails(name) => (format!("whether the condition of {name} can ever fail"), "too many ways in it", INSIDE),
            Self::Decides(name) => (format!("whether {name} can ever decide"), "too many ways before it", BEFORE),
            Self::Together => ("whether these requirements can hold together".to_owned(), "too many ways in them", INSIDE),
            Self::Allowed(operation) => {
                (format!("whether an effect of `{operation}` is ever allowed"), "one of those that refuse a part", BEFORE)
            }
        }
    }
}

/// The questions of one place that were given up, each condition once.
#[derive(Debug, Default)]
pub(crate) struct Unproved {
    first: Option<Diagnostic>,
    spans: Vec<Span>,
}

impl Unproved {
    /// Notes a question about what stands there.
    pub(crate) fn note(&mut self, question: Question<'_>, span: Span) {
        if self.spans.contains(&span) {
            return;
        }
        self.spans.push(span);
        self.first.get_or_insert_with(|| {
            let (asked, label, help) = question.told();
            Diagnostic::new(&meaning::NOT_PROVED, span, format!("{asked} was not worked out")).label(label).help(help)
        });
    }
}

impl Context<'_> {
    /// Says what was not worked out at a place: the first, and of how many more.
    pub(crate) fn report_unproved(&mut self, unproved: Unproved) {
        let Some(mut diagnostic) = unproved.first else { return };
        diagnostic.message.push_str(&match unproved.spans.len() {
            0 | 1 => String::new(),
            2 => ", nor of one more".to_owned(),
            count => format!(", nor of {} more", count - 1),
        });
        self.report(diagnostic);
    }
}
