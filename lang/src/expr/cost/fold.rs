//! What can be computed before any run.

use crate::expr::evaluate::evaluate;
use crate::expr::tree::Tree;
use crate::value::Record;

/// Computes the parts that are the same in every run. What fails stays: another part may decide before it is reached.
pub(in crate::expr) fn fold(tree: &mut Tree) {
    for part in tree.parts_mut() {
        fold(part);
    }
    if matches!(tree, Tree::Constant(_)) || tree.varies() || !tree.parts().iter().all(|part| matches!(part, Tree::Constant(_))) {
        return;
    }
    if let Ok(value) = evaluate(tree, &Record::default()) {
        *tree = Tree::Constant(value);
    }
}
