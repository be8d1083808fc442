//! Texts that somebody reads: prompts, questions, messages. Their holes are filled; an expression is refused, since its letters would be
//! read as they stand. It lowers no step.

use super::annotation::annotation;
use super::context::Context;
use crate::ast::Literal;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::Scope;
use crate::template::{self, CheckedTemplate};

/// A text that only names a value, such as `input.words`.
fn is_path(text: &str) -> bool {
    let name = |part: &str| {
        let mut letters = part.chars();
        letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
            && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
    };
    text.split('.').all(name)
}

/// The hole that shows what an expression names, where that is all it says.
fn hole_of(value: &Literal) -> Option<String> {
    let source = value.text()?.strip_prefix('=').filter(|_| annotation(value).is_none())?.trim();
    is_path(source).then(|| format!("{{{{ {source} }}}}"))
}

impl Context<'_> {
    /// A text with holes over a scope: `text` is what the literal says, or what is in the file that it names. Where it is an expression that
    /// a hole would show, it is read as that hole, so that what is wrong with the hole is said along with it.
    pub(crate) fn worded(&mut self, text: &str, literal: &Literal, scope: &Scope) -> Option<CheckedTemplate> {
        if self.refuse_expression(literal, Some(scope)) {
            return template::check(&hole_of(literal)?, literal, scope, &self.plan.types).0;
        }
        let (checked, found) = template::check(text, literal, scope, &self.plan.types);
        found.into_iter().for_each(|diagnostic| self.report(diagnostic));
        checked
    }

    /// Refuses a text that is written like an expression. `scope`: what its holes may name; `None` where it has none. Whether it did.
    pub(crate) fn refuse_expression(&mut self, value: &Literal, scope: Option<&Scope>) -> bool {
        if annotation(value).is_some() || value.text().is_none_or(|text| !text.starts_with('=')) {
            return false;
        }
        let diagnostic = Diagnostic::new(&meaning::AS_WRITTEN, value.span, "an expression cannot stand here, this place takes a text");
        let diagnostic = diagnostic.label("its letters would be read as they stand");
        let diagnostic = match (scope, hole_of(value)) {
            (None, _) => diagnostic.help("say it in words that hold for every run"),
            (Some(scope), Some(hole)) => {
                let diagnostic = diagnostic.help(format!("write `{hole}`, or `(str)` before the text for its letters"));
                // A hole that is wrong in its turn, such as one that shows a list, would be no way out.
                match template::check(&hole, value, scope, &self.plan.types) {
                    (Some(_), found) if found.is_empty() => diagnostic.fix(format!("write `{hole}`"), value.span, format!("\"{hole}\"")),
                    _ => diagnostic,
                }
            }
            (Some(_), None) => {
                diagnostic.help("compute it in a `let` step and write `{{ NAME }}`, or `(str)` before the text for its letters")
            }
        };
        self.report(diagnostic);
        true
    }
}
