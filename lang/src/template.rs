//! Text with `{{ }}` holes: checked against a typed scope, rendered strictly.
//! Dotted paths, a few filters, `if` and `for`; whatever computes is a `let` step's work.

use crate::ast::Literal;
use crate::diagnostic::Diagnostic;
use crate::expr::{Resolve, Scope};
use crate::source::Span;
use crate::ty::{Marks, TypeTable};
use serde::{Deserialize, Serialize};

mod check;
mod deep;
mod filter;
mod render;
#[cfg(test)]
mod tests;

/// A checked template: its text and the variables it reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Template {
    /// As written.
    pub text: String,
    /// Names of the variables it reads, each once.
    pub variables: Vec<String>,
}

/// A checked template with what the compiler wants to know of it.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedTemplate {
    /// The template.
    pub template: Template,
    /// The union of the marks of everything it reads.
    pub marks: Marks,
    /// Each path it reads and where (the whole literal where the text is in a file of its own).
    pub reads: Vec<(String, Span)>,
    /// The first of them that outside text is in, or decided.
    pub outside: Option<(String, Span)>,
}

/// Checks a template: syntax, and that every dotted path exists in the scope.
/// Returns `None` exactly when at least one diagnostic is an error.
pub fn check(text: &str, literal: &Literal, scope: &Scope, types: &TypeTable) -> (Option<CheckedTemplate>, Vec<Diagnostic>) {
    check::check(text, literal, scope, types)
}

impl Template {
    /// The text with its holes filled.
    ///
    /// # Errors
    /// A path without a value, a filter that fails; the text is for people.
    pub fn render(&self, scope: &dyn Resolve) -> Result<String, String> {
        render::render(self, scope)
    }
}
