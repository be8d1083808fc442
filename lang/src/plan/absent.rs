//! Which steps may come to no value. The checker, and whoever explains an expression, ask the same here.

use super::{Escalation, LimitElse, OnError, OnTimeout, Plan, Stage, Step, StepKind, Unaccepted};

impl Plan {
    /// Whether a step of a flow may have no value where it is over: left out, failed, denied, or skipped in silence.
    #[must_use]
    pub fn may_be_absent(&self, step: &Step, flow: &str) -> bool {
        // Of a loop, an item is left out, not the list.
        let fails = step.on_error == OnError::Skip && !matches!(step.kind, StepKind::Each(_));
        step.when.is_some() || fails || step.skip_denied || self.silence_skips(&step.kind, flow)
    }

    /// Whether it is left out when nobody answers in time.
    fn silence_skips(&self, kind: &StepKind, flow: &str) -> bool {
        match kind {
            StepKind::Ask { escalation, .. } => skips(escalation),
            StepKind::Wait(wait) => wait.on_timeout == Some(OnTimeout::Skip),
            StepKind::Revise(revise) => matches!(&revise.otherwise, Unaccepted::Escalate(escalation) if skips(escalation)),
            StepKind::Act { operation, stage, .. } => self.effect_skips(operation, stage.as_ref(), flow),
            StepKind::Undo(undo) => self.effect_skips(&undo.by, undo.stage.as_ref(), flow),
            _ => false,
        }
    }

    fn effect_skips(&self, operation: &str, stage: Option<&Stage>, flow: &str) -> bool {
        let covering = self.policies.values().filter(|policy| policy.covers(operation, flow));
        let asked = covering.clone().flat_map(|policy| policy.escalates.iter().map(|rule| &rule.escalation));
        let over = covering.flat_map(|policy| policy.limits.iter()).filter_map(|limit| match &limit.otherwise {
            LimitElse::Escalate(escalation) => Some(escalation),
            LimitElse::Deny => None,
        });
        asked.chain(over).chain(stage.map(|stage| &stage.escalation)).any(skips)
    }
}

fn skips(escalation: &Escalation) -> bool {
    escalation.on_timeout == OnTimeout::Skip
}
