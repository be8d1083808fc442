//! `endorse(value, 'reason')`: where the operator answers for text from outside. It says what is endorsed and why; what an endorsed
//! value may do is decided where it is used.

use super::{Checker, Range, Typed};
use crate::code::meaning as codes;
use crate::expr::select::inner_marks;
use crate::expr::{Endorsed, Tree};
use crate::value::Value;

impl Checker<'_> {
    /// Notes an endorsement: of one value, for a reason that can be read before anything runs.
    pub(super) fn endorse(&mut self, of: &Typed, reason: Option<&Tree>, range: Range) {
        let reason = match reason {
            Some(Tree::Constant(Value::String(reason))) if !reason.trim().is_empty() => reason.trim().to_owned(),
            _ => {
                let diagnostic = self.report(&codes::ENDORSED, range, "an endorsement says why the value may be trusted");
                *diagnostic =
                    diagnostic.clone().label("no reason").help("write it as a text: `endorse(input.code, 'checked by the form')`");
                return;
            }
        };
        if inner_marks(&of.ty, self.types).untrusted {
            let ty = of.ty.clone();
            let diagnostic = self.report(&codes::ENDORSED, of.range, format!("an endorsement is of one value, this is {ty}"));
            *diagnostic = diagnostic.clone().label("has marked fields").help("endorse the field that is used");
            return;
        }
        let text = self.text.get(of.range.0..of.range.1).unwrap_or_default();
        let idle = !self.whole(of).untrusted;
        self.endorsed.push(Endorsed { of: text.to_owned(), reason, span: self.span(range), idle });
    }
}
