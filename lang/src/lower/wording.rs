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

impl Context<'_> {
    /// A text with holes over a scope: `text` is what the literal says, or what is in the file that it names.
    pub(crate) fn worded(&mut self, text: &str, literal: &Literal, scope: &Scope) -> Option<CheckedTemplate> {
        if self.refuse_expression(literal, Some(scope)) {
            return None;
        }
        let (checked, found) = template::check(text, literal, scope, &self.plan.types);
        found.into_iter().for_each(|diagnostic| self.report(diagnostic));
        checked
    }

    /// Refuses a text that is written like an expression. `scope`: what its holes may name; `None` where it has none. Whether it did.
    pub(crate) fn refuse_expression(&mut self, value: &Literal, scope: Option<&Scope>) -> bool {
        let Some(source) = value.text().and_then(|text| text.strip_prefix('=')).filter(|_| annotation(value).is_none()) else {
            return false;
        };
        let source = source.trim();
        let diagnostic = Diagnostic::new(&meaning::AS_WRITTEN, value.span, "an expression cannot stand here, this place takes a text");
        let diagnostic = diagnostic.label("its letters would be read as they stand");
        let root = source.split('.').next().unwrap_or(source);
        let diagnostic = match scope {
            None => diagnostic.help("say it in words that hold for every run"),
            Some(scope) if is_path(source) => {
                let hole = format!("{{{{ {source} }}}}");
                let diagnostic = diagnostic.help(format!("write `{hole}`, or `(str)` before the text for its letters"));
                if scope.get(root).is_some() {
                    diagnostic.fix(format!("write `{hole}`"), value.span, format!("\"{hole}\""))
                } else {
                    diagnostic
                }
            }
            Some(_) => diagnostic.help("compute it in a `let` step and write `{{ NAME }}`, or `(str)` before the text for its letters"),
        };
        self.report(diagnostic);
        true
    }
}
