//! `each`: a loop over a list, bounded by `max`; and the variables that its steps see.

use super::came::Way;
use super::context::Context;
use super::flow::FlowDraft;
use super::step::{Place, Verb};
use crate::ast::Node;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::{self, Checked, Held, Scope};
use crate::plan::{Arm, Each, StepKind};
use crate::planted::{Hole, planted};
use crate::shape::Shaped;
use crate::source::Span;
use crate::ty::{Marks, Ty};
use std::rc::Rc;

/// A variable of a loop, and what the list that it comes from reads.
#[derive(Debug, Clone)]
pub(crate) struct LoopVariables {
    pub(crate) item: String,
    pub(crate) index: Option<String>,
    pub(crate) ty: Ty,
    pub(crate) marks: Marks,
    pub(crate) reads: Vec<(String, Span)>,
    /// Where outside text came into the list, or chose what is in it.
    pub(crate) came: Option<Way>,
}

/// The loops around a place, outermost first, and what is known to have a value inside them and the arms around.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    pub(crate) loops: Vec<Rc<LoopVariables>>,
    pub(crate) known: Vec<String>,
}

/// The name of an item where none is given.
const ITEM: &str = "item";

impl LoopVariables {
    /// The variables in scope.
    pub(crate) fn add(&self, scope: Scope) -> Scope {
        let scope = scope.with(&self.item, self.ty.clone(), self.marks);
        match &self.index {
            // How far it counts is decided by whoever made the list.
            Some(index) => scope.with(index, Ty::Int, self.marks.choosing()),
            None => scope,
        }
    }

    /// Whether a path begins with one of them.
    pub(crate) fn names(&self, path: &str) -> bool {
        let root = path.split('.').next().unwrap_or(path);
        root == self.item || self.index.as_deref() == Some(root)
    }
}

/// The name that a setting gives; its absence or its mistakes are reported where the loop is lowered.
fn named(node: &Node, setting: &str) -> Option<String> {
    node.setting(setting).and_then(|value| value.text()).map(str::to_owned)
}

impl Context<'_> {
    /// The variables of a loop, from the list that it goes over. Reports nothing: the loop itself does.
    pub(crate) fn loop_variables(&self, node: &Node, scope: &Scope) -> LoopVariables {
        let listed = node.setting("in").and_then(|value| {
            let source = value.text()?.strip_prefix('=')?.to_owned();
            expr::check(&source, value, 1, scope, &self.plan.types, None).0
        });
        let came = listed.as_ref().and_then(Way::of);
        let (ty, marks, reads) = match listed {
            Some(checked) => {
                let item = match checked.expr.ty {
                    Ty::List(item) => *item,
                    _ => Ty::Unknown,
                };
                (item, checked.own, checked.reads)
            }
            None => (Ty::Unknown, Marks::default(), Vec::new()),
        };
        LoopVariables { item: named(node, "as").unwrap_or_else(|| ITEM.to_owned()), index: named(node, "index"), ty, marks, reads, came }
    }

    /// What is around a place. It is asked several times for each step, and what is around a loop is around all that stands in it:
    /// it is worked out once as long as no other step is lowered.
    pub(crate) fn surroundings(&self, draft: &FlowDraft<'_>, within: Option<(usize, u16)>) -> Rc<Surroundings> {
        let Some(arm) = within else { return Rc::default() };
        if let Some(found) = draft.index.recall(arm) {
            return found;
        }
        let found = Rc::new(self.surroundings_of(draft, arm));
        draft.index.remember(arm, Rc::clone(&found));
        found
    }

    fn surroundings_of(&self, draft: &FlowDraft<'_>, (at, arm): (usize, u16)) -> Surroundings {
        let Some(step) = draft.drafts.get(at) else { return Surroundings::default() };
        let mut around = self.surroundings(draft, step.within).as_ref().clone();
        let is_loop = step.node.name.text == "each";
        if !is_loop && !super::around::conditions(step.node).any(super::around::tells) {
            return around;
        }
        let scope = around.loops.iter().fold(self.steps_scope(draft, step.within, Some(at)), |scope, outer| outer.add(scope));
        let scope = scope.knowing(around.known.iter().cloned());
        let inside = self.known_inside(draft, (at, arm), &scope);
        if is_loop {
            let scope = scope.knowing(inside.iter().cloned());
            let variables = self.loop_variables(step.node, &scope);
            // An item hides what else has its name; what is known of the item itself comes from the loop's own condition.
            around.known.retain(|path| !variables.names(path));
            around.loops.push(Rc::new(variables));
        }
        around.known.extend(inside);
        around
    }

    pub(crate) fn lower_each(&mut self, node: &Node, place: &mut Place<'_, '_>) -> Option<Verb> {
        let Some(items) = node.setting("in").cloned() else {
            self.missing(node, "in", "write `in=\"=order.lines\"`: the list it goes over");
            return None;
        };
        let checked = self.value(&items, &place.scope, None);
        let max = self.bound(node, "max", 1_000_000, "write `max=100`: more items than this fail the step before the first begins");
        if let Some(checked) = &checked
            && !matches!(checked.expr.ty, Ty::List(_) | Ty::Unknown)
        {
            let message = format!("`each` goes over a list, this is {}", checked.expr.ty);
            self.report(Diagnostic::new(&meaning::WRONG_VALUE, items.span, message).label("not a list").help("name a list"));
            return None;
        }
        self.loop_names(node, place);
        let variables = self.loop_variables(node, &place.scope);
        let inside = variables.add(place.scope.clone());
        let key = match node.setting("key").cloned() {
            Some(key) => self.value(&key, &inside, None).map(|checked| {
                place.failing.bounds(checked.marks, &checked.reads, key.span);
                self.check_personal(&checked, Some(&key), "the key of an item", &inside);
                place.note(checked).expr
            }),
            None => None,
        };
        let mut picked = Marks::default();
        let condition = match node.setting("where").cloned() {
            Some(condition) => self.condition(&condition, &inside).map(|checked| {
                self.prove_picks(&inside, "this `each`", condition.span, &checked.expr);
                if !planted(Hole::Picked) {
                    place.steer(&checked, condition.span);
                    picked = checked.marks.choosing();
                }
                place.note(checked).expr
            }),
            None => None,
        };
        let parallel = if node.setting("max-parallel").is_some() { self.count(node, "max-parallel", 1, 10_000) } else { Some(1) };
        if !node.children.iter().any(|child| super::flow::VERBS.contains(&child.name.text.as_str())) {
            let diagnostic = Diagnostic::new(&meaning::EMPTY, node.name.span, "this `each` has no step, so it does nothing");
            self.report(diagnostic.label("no step").help("write a step in it, such as an `act`"));
        }
        let scope = self.flow_scope(place.draft, Some((place.at, 0)), None);
        let output = self.lower_output(node, &scope);
        place.reads.extend(output.iter().flat_map(|(_, checked)| checked.reads.iter().cloned()));
        output.iter().for_each(|(_, checked)| place.failing.note(checked));
        output.iter().for_each(|(_, checked)| place.came.note(checked));
        let marks = output.iter().fold(Marks::default(), |marks, (_, checked)| marks.with(checked.marks));
        let ty = Ty::Object(output.iter().map(|(name, checked)| (name.clone(), checked.expr.ty.clone())).collect());
        let body = Arm { when: None, output: output.into_iter().map(|(name, checked)| (name, checked.expr)).collect() };
        // Which items there are, and how many, comes from whoever made the list.
        let checked = checked?;
        if !planted(Hole::Items) {
            place.steer(&Checked { marks: checked.own, ..checked.clone() }, items.span);
        }
        place.failing.bounds(checked.own, &checked.reads, items.span);
        let items = place.note(checked);
        let marks = marks.with(picked).with(if planted(Hole::Items) { Marks::default() } else { items.own });
        let ty = Ty::List(Box::new(ty));
        place.held = max.map(|max| Held::listed(&ty, max, &self.plan.types));
        let each =
            Each { items: items.expr, item: variables.item, index: variables.index, key, condition, max: max?, parallel: parallel?, body };
        Some((StepKind::Each(Box::new(each)), ty, marks))
    }

    /// The names of a loop must not hide a step that its own steps could name.
    fn loop_names(&mut self, node: &Node, place: &Place<'_, '_>) {
        for setting in ["as", "index"] {
            let Some(value) = node.setting(setting).cloned() else { continue };
            let Some(name) = self.text(&value, &format!("`{setting}`")) else { continue };
            self.step_name_allowed(&name, value.span);
            if let Some(first) = place.draft.drafts.iter().find(|draft| draft.name == name) {
                let message = format!("`{name}` names a step of this flow, and an item too");
                let diagnostic = Diagnostic::new(&meaning::DUPLICATE_NAME, value.span, message).label("again");
                self.report(diagnostic.also(first.span, "first here").help("one would hide the other: rename one"));
            }
        }
    }

    /// A bound that must be given: everything that could go on and on has one.
    pub(crate) fn bound(&mut self, node: &Node, name: &str, most: i64, help: &str) -> Option<u32> {
        if node.setting(name).is_some() {
            return self.count(node, name, 1, most);
        }
        if !super::context::mistyped(node, name) {
            let message = format!("this `{}` does not say how often at most", node.name.text);
            let diagnostic = Diagnostic::new(&meaning::NO_BOUND, node.name.span, message).label(format!("no `{name}`"));
            self.report(diagnostic.help(help));
        }
        None
    }
}
