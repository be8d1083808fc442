//! Parts that are the same in every run and fail in every run. What holds a variable, also one of a macro, is left to the run; so is
//! what is long to compute.

use super::{Checker, Typed};
use crate::code::expression as codes;
use crate::diagnostic::Severity;
use crate::expr::evaluate::evaluate;
use crate::expr::tree::Tree;
use crate::value::{Record, Value};

/// Nodes above which a part is not computed here: each part is computed once for each part around it.
const MOST_NODES: usize = 64;

impl Checker<'_> {
    /// Reports a part without variables whose value is an error. `before`: how much was reported before the part was read, so that the
    /// smallest part is told of and none around it.
    pub(super) fn must_have_a_value(&mut self, typed: &Typed, before: usize) {
        let mut nodes = MOST_NODES;
        let reported = self.diagnostics.get(before..).unwrap_or_default().iter().any(|found| found.severity() == Severity::Error);
        if reported || matches!(typed.tree, Tree::Constant(_)) || !is_constant(&typed.tree, &mut nodes) {
            return;
        }
        if let Err(error) = evaluate(&typed.tree, &Record::default()) {
            let quoted = self.quoted(typed.range);
            let diagnostic = self.report(&codes::LITERAL, typed.range, format!("{quoted} never has a value: {}", error.0));
            diagnostic.label = "fails in every run".to_owned();
            diagnostic.help = Some("change one of its constants".to_owned());
        }
    }
}

/// The value of a part that is the same in every run, where it has one and is not long to compute.
pub(super) fn value(tree: &Tree) -> Option<Value> {
    let mut nodes = MOST_NODES;
    if is_constant(tree, &mut nodes) { evaluate(tree, &Record::default()).ok() } else { None }
}

/// Whether it is the same in every run. A field may be absent and be asked for with `or` or `has`, so nothing is said of one.
fn is_constant(tree: &Tree, nodes: &mut usize) -> bool {
    let Some(left) = nodes.checked_sub(1) else { return false };
    *nodes = left;
    !tree.varies() && !matches!(tree, Tree::Select { .. }) && tree.parts().into_iter().all(|part| is_constant(part, nodes))
}
