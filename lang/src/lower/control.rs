//! Control by outside text: conditions and look-ups that rest on it may lead to an effect only under a cap.
//!
//! Which values outside text may become is checked where a call is lowered; here is only what it may decide.

use super::asked::Asked;
use super::called::is_grave;
use super::context::Context;
use super::failing::{failing, left_out};
use super::flow::FlowDraft;
use super::step::Place;
use crate::ast::Node;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::Checked;
use crate::plan::{OnError, OnTimeout, Operation, Policy, Stage, StepKind, Unaccepted};
use crate::planted::{Hole, planted};
use crate::shape::given;
use crate::source::Span;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A place where outside text decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Steering {
    /// The condition, or the parameter.
    pub(crate) span: Span,
    /// What it reads of outside text, such as `verdict.kind`.
    pub(crate) path: String,
}

impl Steering {
    /// Where a condition or a choice rests on outside text.
    pub(crate) fn of(checked: &Checked, span: Span) -> Option<Self> {
        checked.marks.choosing().steered.then(|| Self { span, path: checked.blamed().map(|(path, _)| path.clone()).unwrap_or_default() })
    }
}

impl Context<'_> {
    /// Notes target and amount that were chosen by outside text among trusted values.
    pub(crate) fn note_steered(&self, call: &Node, operation: &Operation, bound: &[(String, Checked)], place: &mut Place<'_, '_>) {
        let choosing = self.choosing.get(&operation.name).cloned().unwrap_or_default();
        for (name, checked) in bound.iter().filter(|(name, checked)| {
            !planted(Hole::Target) && checked.marks.choosing().steered && !checked.speaks() && choosing.contains(name)
        }) {
            let span = given::place(call, name);
            place.steer(checked, span);
            place.chosen.insert(name.clone());
        }
    }

    /// An effect that moves money or cannot be taken back, and that outside text leads to, needs a cap or a person.
    pub(crate) fn check_control(&mut self, draft: &FlowDraft<'_>) {
        self.note_emission(draft);
        self.note_remembering(draft);
        self.check_taken_back(draft);
        for (at, lowered) in &draft.lowered {
            let bare = self.bare_effects(&lowered.step.kind, &draft.name, &lowered.chosen);
            let steering = if bare.is_empty() { Vec::new() } else { leading_to(draft, *at) };
            let Some(step) = draft.drafts.get(*at).filter(|_| !steering.is_empty()) else { continue };
            for (flow, operation, loose) in bare {
                let of = if flow == draft.name { String::new() } else { format!(" in the flow `{flow}`") };
                let message = format!("text from outside leads to `{operation}`{of}, and no cap holds it");
                let mut diagnostic = Diagnostic::new(&meaning::STEERED, step.span, message).label("done or not as the text decides");
                for Steering { span, path } in &steering {
                    diagnostic = diagnostic.also(*span, decides(path));
                }
                self.report(diagnostic.help(cap_it(&operation, &loose)));
            }
        }
    }

    /// A step that fails over outside text and takes back what its run has done: what it takes back with needs a cap, too.
    fn check_taken_back(&mut self, draft: &FlowDraft<'_>) {
        let undoing = draft.lowered.iter().filter(|(_, lowered)| lowered.step.on_error == OnError::Undo);
        let undoing: Vec<(usize, Vec<Steering>)> = undoing.map(|(at, _)| (*at, failing(draft, *at))).collect();
        for (at, over) in undoing.into_iter().filter(|(_, over)| !over.is_empty()) {
            let acts = draft.lowered.values().filter_map(|lowered| match &lowered.step.kind {
                StepKind::Act { operation, .. } => self.plan.operations.get(operation)?.terms.undo.as_ref(),
                _ => None,
            });
            let backs: BTreeSet<&String> = acts.map(|undo| &undo.operation).collect();
            let mut found = Vec::new();
            for back in backs.into_iter().filter_map(|name| self.plan.operations.get(name)).filter(|back| is_grave(back)) {
                let loose = self.uncapped(back, None, &draft.name, &BTreeSet::new());
                found.extend(loose.map(|loose| (back.name.clone(), loose)));
            }
            let Some(step) = draft.drafts.get(at) else { continue };
            for (operation, loose) in found {
                let message = format!("text from outside may make this fail, which leads to `{operation}`, and no cap holds it");
                let mut diagnostic = Diagnostic::new(&meaning::STEERED, step.span, message).label("takes back what was done");
                for Steering { span, path } in &over {
                    diagnostic = diagnostic.also(*span, decides(path));
                }
                self.report(diagnostic.help(cap_it(&operation, &loose)));
            }
        }
    }

    /// Whether nothing bounds it however often it is reached, and no person sees every one; and if so, why the limits that cover it do not.
    /// `chosen`: the parameters that outside text chose.
    pub(crate) fn uncapped(&self, operation: &Operation, stage: Option<&Stage>, flow: &str, chosen: &BTreeSet<String>) -> Option<String> {
        // What a rule with a mistake would hold is not known, and the mistake is told.
        let unread = |policy: &&Arc<Policy>| self.known.unread.contains(&policy.name) && policy.covers(&operation.name, flow);
        if self.plan.policies.values().any(|policy| unread(&policy)) {
            return None;
        }
        let looked_at = self.always_asked(&operation.name, flow).max(Asked::in_stage(stage)) == Asked::Always;
        self.loose_limits(operation, flow, chosen).filter(|_| !looked_at).map(|loose| loose.join("; "))
    }
}

/// What outside text does at a place.
pub(crate) fn decides(path: &str) -> String {
    if path.is_empty() { "decided here".to_owned() } else { format!("`{path}` decides here") }
}

/// What to do about an operation that no cap holds. `loose`: why the limits that it has are none.
pub(crate) fn cap_it(operation: &str, loose: &str) -> String {
    let help = format!("write a `limit` in a policy with `on \"{operation}\"`, or `stage` the step");
    if loose.is_empty() { help } else { format!("{help}; {loose}") }
}

/// Whether what follows a step may not be reached through it. A person who is asked decides himself; whether he is asked does not.
pub(crate) fn stops(kind: &StepKind) -> bool {
    match kind {
        StepKind::Reflect { go_on, .. } => !go_on,
        StepKind::Revise(revise) => revise.otherwise != Unaccepted::Continue,
        StepKind::Wait(wait) => wait.on_timeout == Some(OnTimeout::Stop),
        StepKind::Ask { escalation, .. } => escalation.on_timeout != OnTimeout::Skip,
        _ => false,
    }
}

/// Where outside text decides whether a step is done: its own condition, the arms around it, reflections that stop before it, and what
/// it, or its item, is left out over.
pub(crate) fn leading_to(draft: &FlowDraft<'_>, at: usize) -> Vec<Steering> {
    let mut steering = draft.reached.clone();
    let mut add = |of: usize| {
        for found in draft.lowered.get(&of).map(|lowered| lowered.control.as_slice()).unwrap_or_default() {
            if !steering.contains(found) {
                steering.push(found.clone());
            }
        }
    };
    let within = draft.drafts.get(at).and_then(|step| step.within);
    let around = draft.arms(within);
    // In a loop, what stops an item holds those after it.
    let again = around.iter().find(|(outer, _)| draft.drafts.get(*outer).is_some_and(|step| step.node.name.text == "each"));
    let again = again.map_or(at, |(outer, _)| draft.end_of(*outer));
    // One inside an arm gates what follows its `choose`, too.
    let stopping =
        draft.index.stopping(|| draft.lowered.iter().filter(|(_, lowered)| stops(&lowered.step.kind)).map(|(at, _)| *at).collect());
    for before in stopping.iter().copied().take_while(|before| *before < again).filter(|before| *before != at) {
        let around = draft.drafts.get(before).and_then(|step| step.within);
        draft.arms(around).iter().for_each(|(arm, _)| add(*arm));
        add(before);
    }
    for (choose, _) in &around {
        add(*choose);
    }
    add(at);
    for found in left_out(draft, at, &around) {
        if !steering.contains(&found) {
            steering.push(found);
        }
    }
    steering
}
