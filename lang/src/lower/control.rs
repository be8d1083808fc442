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
use crate::plan::{EffectKind, MoneyDirection, Operation, Policy, Stage, StepKind};
use crate::shape::Shaped;
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
        for (name, checked) in bound.iter().filter(|(name, checked)| checked.marks.steered && choosing.contains(name)) {
            let span = call.pairs().into_iter().find(|(of, _)| of.text == *name).map_or(call.span, |(_, value)| value.span);
            place.steer(checked, span);
        }
    }

    /// An effect that moves money or cannot be taken back, and that outside text leads to, needs a cap or a person.
    pub(crate) fn check_control(&mut self, draft: &FlowDraft<'_>) {
        for (at, lowered) in &draft.lowered {
            let StepKind::Act { operation, stage, .. } = &lowered.step.kind else { continue };
            let Some(operation) = self.plan.operations.get(operation).cloned() else { continue };
            let money = operation.money.as_ref().is_some_and(|money| money.direction != MoneyDirection::Price);
            if !money && operation.effect != EffectKind::Irreversible {
                continue;
            }
            let steering = leading_to(draft, *at);
            if steering.is_empty() || self.is_capped(&operation.name, stage.as_ref()) {
                continue;
            }
            let Some(step) = draft.drafts.get(*at) else { continue };
            let message = format!("text from outside leads to `{}`, and no cap holds it", operation.name);
            let mut diagnostic = Diagnostic::new(&meaning::STEERED, step.span, message).label("done or not as the text decides");
            for Steering { span, path } in steering {
                diagnostic =
                    diagnostic.also(span, if path.is_empty() { "decided here".to_owned() } else { format!("`{path}` decides here") });
            }
            let help = format!("write a `limit` in a policy with `on \"{}\"`, or `stage` the step", operation.name);
            self.report(diagnostic.help(help));
        }
    }

    /// Whether a limit bounds it however often it is reached, or a person sees every one.
    fn is_capped(&self, operation: &str, stage: Option<&Stage>) -> bool {
        let always = |tree: &Tree| matches!(tree, Tree::Constant(Value::Bool(true)));
        let caps = |policy: &Policy| !policy.limits.is_empty() || policy.escalates.iter().any(|rule| always(&rule.when.root));
        let covered = self.plan.policies.values().filter(|policy| policy.on.iter().any(|on| on == operation)).any(|policy| caps(policy));
        covered || stage.is_some_and(|stage| stage.when.is_none())
    }
}

/// Where outside text decides whether a step is done: its own condition, the arms around it, and reflections that stop before it.
fn leading_to(draft: &FlowDraft<'_>, at: usize) -> Vec<Steering> {
    let mut steering = Vec::new();
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
        let stops = |kind: &StepKind| matches!(kind, StepKind::Reflect { go_on: false, .. });
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
