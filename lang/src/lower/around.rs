//! What is known to have a value inside an arm or a loop, because its steps are only done where a condition held: that of the arm,
//! the negation of those before it, and the `when` and the `where` of what stands around. Inputs, items and settled steps do not change,
//! so that what held once holds for all of them. It reports nothing: the conditions are checked where they are lowered.

use super::context::Context;
use super::flow::FlowDraft;
use super::prove::MOST_EARLIER;
use crate::ast::{Literal, Node};
use crate::expr::{self, Checked, Scope};
use crate::shape::Shaped;

impl Context<'_> {
    /// Paths that have a value wherever a step in this arm of this step is done.
    pub(crate) fn known_inside(&self, draft: &FlowDraft<'_>, (at, arm): (usize, u16), scope: &Scope) -> Vec<String> {
        let Some(step) = draft.drafts.get(at) else { return Vec::new() };
        let (node, mut known) = (step.node, Vec::new());
        let mut learn = |value: Option<&Literal>, scope: &Scope, truth: bool| {
            if let Some(checked) = value.and_then(|value| self.telling(value, scope)) {
                known.extend(if truth { checked.proves } else { checked.refutes });
            }
        };
        learn(node.property("when"), scope, true);
        if node.name.text == "each" {
            learn(node.first("when").and_then(|when| when.argument(0)), scope, true);
            if node.setting("where").is_some_and(tells) {
                learn(node.setting("where"), &self.loop_variables(node, scope).add(scope.clone()), true);
            }
            return known;
        }
        let arms = |child: &&Node| matches!(child.name.text.as_str(), "when" | "otherwise");
        let arm = usize::from(arm);
        for earlier in node.children.iter().filter(arms).take(arm).skip(arm.saturating_sub(MOST_EARLIER)) {
            learn(earlier.argument(0), scope, false);
        }
        learn(node.children.iter().filter(arms).nth(arm).and_then(|arm| arm.argument(0)), scope, true);
        known
    }

    /// A condition that may tell what is present, checked in silence.
    fn telling(&self, value: &Literal, scope: &Scope) -> Option<Checked> {
        let text = value.text().filter(|_| tells(value))?;
        let (text, offset) = text.strip_prefix('=').map_or((text, 0), |rest| (rest, 1));
        expr::check(text, value, offset, scope, &self.plan.types, None).0
    }
}

/// The conditions under which what stands in a step is done.
pub(crate) fn conditions(node: &Node) -> impl Iterator<Item = &Literal> {
    let own = [node.property("when"), node.setting("where")].into_iter().flatten();
    own.chain(node.children.iter().filter(|child| child.name.text == "when").filter_map(|child| child.argument(0)))
}

/// Whether a condition may tell what is present: most do not, and are not looked at again for every step.
pub(crate) fn tells(value: &Literal) -> bool {
    value.text().is_some_and(|text| ["has", "null"].iter().any(|word| text.contains(word)))
}
