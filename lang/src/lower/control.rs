//! Control by outside text: conditions and look-ups that rest on it may lead to an effect only under a cap.
//!
//! Which values outside text may become is checked where a call is lowered; here is only what it may decide.

use super::context::Context;
use super::flow::FlowDraft;
use super::step::Place;
use crate::ast::Node;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::{Checked, Tree};
use crate::plan::{OnTimeout, Operation, Policy, Stage, StepKind, Unaccepted};
use crate::shape::given;
use crate::source::Span;
use crate::value::Value;

/// A place where outside text decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Steering {
    /// The condition, or the parameter.
    pub(crate) span: Span,
    /// What it reads first, such as `verdict.kind`.
    pub(crate) path: String,
}

impl Steering {
    /// Where a condition or a choice rests on outside text.
    pub(crate) fn of(checked: &Checked, span: Span) -> Option<Self> {
        checked
            .marks
            .choosing()
            .steered
            .then(|| Self { span, path: checked.reads.first().map(|(path, _)| path.clone()).unwrap_or_default() })
    }
}

impl Context<'_> {
    /// Notes target and amount that were chosen by outside text among trusted values.
    pub(crate) fn note_steered(&self, call: &Node, operation: &Operation, bound: &[(String, Checked)], place: &mut Place<'_, '_>) {
        let choosing = self.choosing.get(&operation.name).cloned().unwrap_or_default();
        for (name, checked) in
            bound.iter().filter(|(name, checked)| checked.marks.choosing().steered && !checked.speaks() && choosing.contains(name))
        {
            let span = given::place(call, name);
            place.steer(checked, span);
        }
    }

    /// An effect that moves money or cannot be taken back, and that outside text leads to, needs a cap or a person.
    pub(crate) fn check_control(&mut self, draft: &FlowDraft<'_>) {
        self.note_emission(draft);
        self.note_remembering(draft);
        for (at, lowered) in &draft.lowered {
            let bare = self.bare_effects(&lowered.step.kind, &draft.name);
            let steering = if bare.is_empty() { Vec::new() } else { leading_to(draft, *at) };
            let Some(step) = draft.drafts.get(*at).filter(|_| !steering.is_empty()) else { continue };
            for (flow, operation) in bare {
                let of = if flow == draft.name { String::new() } else { format!(" in the flow `{flow}`") };
                let message = format!("text from outside leads to `{operation}`{of}, and no cap holds it");
                let mut diagnostic = Diagnostic::new(&meaning::STEERED, step.span, message).label("done or not as the text decides");
                for Steering { span, path } in &steering {
                    diagnostic = diagnostic.also(*span, decides(path));
                }
                self.report(diagnostic.help(cap_it(&operation)));
            }
        }
    }

    /// Whether a limit bounds it however often it is reached, or a person sees every one.
    pub(crate) fn is_capped(&self, operation: &str, stage: Option<&Stage>, flow: &str) -> bool {
        // A limit with a condition of its own counts only some.
        let limits = |policy: &Policy| policy.limits.iter().any(|limit| limit.condition.is_none());
        let covered = self.plan.policies.values().filter(|policy| policy.covers(operation, flow)).any(|policy| limits(policy));
        covered || self.always_asked(operation, flow) || stage.is_some_and(|stage| stage.when.is_none())
    }

    /// Whether a policy has a person look at every one.
    pub(crate) fn always_asked(&self, operation: &str, flow: &str) -> bool {
        let always = |tree: &Tree| matches!(tree, Tree::Constant(Value::Bool(true)));
        let covering = self.plan.policies.values().filter(|policy| policy.covers(operation, flow));
        covering.flat_map(|policy| &policy.escalates).any(|rule| always(&rule.when.root))
    }
}

/// What outside text does at a place.
pub(crate) fn decides(path: &str) -> String {
    if path.is_empty() { "decided here".to_owned() } else { format!("`{path}` decides here") }
}

/// What to do about an operation that no cap holds.
pub(crate) fn cap_it(operation: &str) -> String {
    format!("write a `limit` in a policy with `on \"{operation}\"`, or `stage` the step")
}

/// Where outside text decides whether a step is done: its own condition, the arms around it, and reflections that stop before it.
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
    // One inside an arm gates what follows its `choose`, too.
    for before in 0..at {
        let stops = |kind: &StepKind| match kind {
            StepKind::Reflect { go_on, .. } => !go_on,
            StepKind::Revise(revise) => revise.otherwise == Unaccepted::Stop,
            StepKind::Wait(wait) => wait.on_timeout == Some(OnTimeout::Stop),
            _ => false,
        };
        if draft.lowered.get(&before).is_some_and(|lowered| stops(&lowered.step.kind)) {
            add(before);
        }
    }
    for (choose, _) in draft.arms(within) {
        add(choose);
    }
    add(at);
    steering
}
