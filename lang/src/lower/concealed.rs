//! Where the value of a field marked `secret` may go: into fields marked `secret` and into conditions. Everywhere else it would be kept
//! without its mark, and printed: in a `let`, an output, what a person is asked or shown, evidence, a text.
//! Prompts are in `talk` (TW0153), keys, targets and parameters of operations in `personal` (TW0159).

use super::context::Context;
use crate::ast::{Literal, Node};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::Checked;
use crate::plan::{Bindings, Operation};
use crate::shape::given;
use crate::source::Span;
use crate::ty::{Field, Marks};

impl Context<'_> {
    /// A value that a step keeps, such as that of a `let`.
    pub(crate) fn check_secret_kept(&mut self, checked: &Checked, at: Span, place: &str) {
        if checked.is_secret_as(&checked.expr.ty) && !checked.closed {
            self.report_secret(at, place);
        }
    }

    /// A value that somebody reads whole, such as an output; or the text that is made of it.
    pub(crate) fn check_secret_told(&mut self, marks: Marks, closed: bool, at: Span, place: &str) {
        if marks.secret && !closed {
            self.report_secret(at, place);
        }
    }

    /// A field of a memory that facts are found by.
    pub(crate) fn check_secret_indexed(&mut self, value: &Literal, fields: &[Field], name: Option<&str>) {
        if fields.iter().any(|field| field.marks.secret && Some(field.name.as_str()) == name) {
            self.report_secret(value.span, "an index");
        }
    }

    fn report_secret(&mut self, at: Span, place: &str) {
        let message = format!("a secret would stand in {place}, where it is printed");
        let diagnostic = Diagnostic::new(&meaning::SECRET_SHOWN, at, message).label("holds a secret");
        self.report(diagnostic.help("name the secret field only where a field marked `secret` takes it, or compare it in a condition"));
    }

    /// A value that a field takes. Whether it would forget that it is a secret.
    pub(crate) fn check_secret_field(&mut self, checked: &Checked, field: &Field, at: Span) -> bool {
        let lost = !field.marks.secret && checked.is_secret_as(&field.ty) && !checked.closed;
        if lost {
            self.report_secret_field(field, at);
        }
        lost
    }

    /// The request of a call that a contract makes: to look, or to take back. It is printed as that of an act is.
    pub(crate) fn without_lost_secrets(&mut self, call: &Node, to: &Operation, bound: Vec<(String, Checked)>) -> Bindings {
        for (name, checked) in &bound {
            if let Some(field) = to.request.iter().find(|field| field.name == *name) {
                self.check_secret_field(checked, field, given::place(call, name));
            }
        }
        bound.into_iter().map(|(name, checked)| (name, checked.expr)).collect()
    }

    /// A field that would forget that what it takes is a secret.
    pub(crate) fn report_secret_field(&mut self, field: &Field, at: Span) {
        let message = format!("`{}` would forget that this is a secret", field.name);
        let diagnostic = Diagnostic::new(&meaning::SECRET_SHOWN, at, message).label("is a secret, the field is not");
        self.report(diagnostic.help(format!("write `field \"{}\" {} secret`, or leave it out", field.name, field.ty)));
    }
}
