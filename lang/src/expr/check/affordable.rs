//! Whether a run can pay for an expression: what is certain is refused, what is likely is said.

use super::{Checker, Range};
use crate::code::expression as codes;
use crate::expr::cost::{self, Held};
use crate::expr::operate::MOST_PARTS;
use crate::expr::tree::Tree;

impl Checker<'_> {
    /// Refuses what a run cannot finish at the declared sizes, and says so where it may not.
    pub(super) fn affordable(&mut self, tree: &Tree, range: Range) {
        let cost::Cost { declared, assumed } = cost::cost(tree, self.scope, self.types);
        // What is only handed on was large before.
        let made = !matches!(tree, Tree::Constant(_) | Tree::Variable { .. } | Tree::Select { .. });
        let parts = if made && !self.cel() { Held::of(tree, self.scope, self.types).parts() } else { 0 };
        // CEL's own rules accept whatever a run may not finish.
        if declared > cost::BUDGET && !self.cel() {
            let message = format!("at the declared sizes the expression takes {declared} steps, a run gives it {}", cost::BUDGET);
            let diagnostic = self.report(&codes::TOO_DEAR, range, message);
            let (label, help) = match loops(tree) {
                0 => ("more than a run can do", "do it with less: a shorter list, or a declared `max`"),
                1 => ("a loop over too much", "make the list shorter first with a `let` step or `filter`, or declare a smaller `max`"),
                _ => ("loops in loops", "make the inner list shorter first with a `let` step or `filter`, or declare a smaller `max`"),
            };
            diagnostic.label = label.to_owned();
            diagnostic.help = Some(help.to_owned());
        } else if parts > MOST_PARTS {
            let message = format!("at the declared sizes its value has {parts} parts, and a value has at most {MOST_PARTS}");
            let diagnostic = self.report(&codes::TOO_DEAR, range, message);
            diagnostic.label = "larger than a run keeps".to_owned();
            diagnostic.help = Some("keep less: name the fields that are needed, or declare a smaller `max`".to_owned());
        } else if assumed.max(declared) > cost::BUDGET {
            let message = format!("the expression may take {assumed} steps, a run gives it {}", cost::BUDGET);
            let diagnostic = self.report(&codes::COST, range, message);
            diagnostic.label = "loops over lists of any length".to_owned();
            diagnostic.help =
                Some("declare how long its lists are with `max`, or make the inner one shorter first with a `let` step".to_owned());
        }
    }
}

/// How many loops stand in one another.
fn loops(tree: &Tree) -> usize {
    let inner = tree.parts().into_iter().map(loops).max().unwrap_or(0);
    inner + usize::from(matches!(tree, Tree::Each { .. } | Tree::Pairs { .. }))
}
