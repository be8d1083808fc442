//! Where the value of a field marked `secret` may go: into fields marked `secret` and into conditions. Everywhere else it would be kept
//! without its mark, and printed: in a `let`, an output, what a person is asked or shown, evidence, a text.
//! Prompts are in `talk` (TW0153), keys, targets and parameters of operations in `personal` (TW0159).

use super::context::Context;
use super::marked::{Mark, Paths};
use crate::ast::{Literal, Node};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::{Checked, Scope};
use crate::plan::{Bindings, Operation};
use crate::shape::given;
use crate::source::Span;
use crate::ty::{Field, Marks};

/// A secret in a place where it is printed.
fn shown(at: Span, place: &str) -> Diagnostic {
    let message = format!("a secret would stand in {place}, where it is printed");
    let diagnostic = Diagnostic::new(&meaning::SECRET_SHOWN, at, message).label("holds a secret");
    diagnostic.help("name the secret field only where a field marked `secret` takes it, or compare it in a condition")
}

impl Context<'_> {
    /// A value that a step keeps, such as that of a `let`.
    pub(crate) fn check_secret_kept(&mut self, checked: &Checked, at: Span, place: &str, scope: &Scope) {
        if checked.is_secret_as(&checked.expr.ty) && (!checked.closed || self.is_secret_truth(checked, scope)) {
            self.report_secret(at, place, Paths { scope, reads: &checked.reads });
        }
    }

    /// A value that somebody reads whole, such as an output.
    pub(crate) fn check_secret_given(&mut self, checked: &Checked, at: Span, place: &str, scope: &Scope) {
        if !checked.closed || self.is_secret_truth(checked, scope) {
            self.check_secret_told(checked.marks, at, place, Paths { scope, reads: &checked.reads });
        }
    }

    /// A text that is made of values.
    pub(crate) fn check_secret_told(&mut self, marks: Marks, at: Span, place: &str, paths: Paths<'_>) {
        if marks.secret {
            self.report_secret(at, place, paths);
        }
    }

    /// A field of a memory that facts are found by.
    pub(crate) fn check_secret_indexed(&mut self, value: &Literal, record: &str, fields: &[Field], name: Option<&str>) {
        let Some(field) = fields.iter().find(|field| field.marks.secret && Some(field.name.as_str()) == name) else { return };
        let diagnostic = shown(value.span, "an index");
        let diagnostic = match self.field_of(record, &field.name) {
            Some(declared) => diagnostic.also(declared, "marked `secret` here"),
            None => diagnostic,
        };
        self.report(diagnostic);
    }

    fn report_secret(&mut self, at: Span, place: &str, paths: Paths<'_>) {
        let diagnostic = self.with_mark(shown(at, place), paths, Mark::Secret);
        self.report(diagnostic);
    }

    /// A value that a field takes. Whether it would forget that it is a secret.
    pub(crate) fn check_secret_field(&mut self, checked: &Checked, field: &Field, at: Span, scope: &Scope) -> bool {
        let told = !checked.closed || self.is_secret_truth(checked, scope);
        let lost = !field.marks.secret && checked.is_secret_as(&field.ty) && told;
        if lost {
            self.report_secret_field(field, at, Paths { scope, reads: &checked.reads });
        }
        lost
    }

    /// The request of a call that a contract makes: to look, or to take back. It is printed as that of an act is.
    pub(crate) fn without_lost_secrets(&mut self, call: &Node, to: &Operation, scope: &Scope, bound: Vec<(String, Checked)>) -> Bindings {
        for (name, checked) in &bound {
            if let Some(field) = to.request.iter().find(|field| field.name == *name) {
                self.check_secret_field(checked, field, given::place(call, name), scope);
            }
        }
        bound.into_iter().map(|(name, checked)| (name, checked.expr)).collect()
    }

    /// A field that would forget that what it takes is a secret.
    pub(crate) fn report_secret_field(&mut self, field: &Field, at: Span, paths: Paths<'_>) {
        let message = format!("`{}` would forget that this is a secret", field.name);
        let diagnostic = Diagnostic::new(&meaning::SECRET_SHOWN, at, message).label("is a secret, the field is not");
        let diagnostic = self.with_mark(diagnostic, paths, Mark::Secret);
        self.report(diagnostic.help(format!("write `field \"{}\" {} secret`, or leave it out", field.name, field.ty)));
    }
}
