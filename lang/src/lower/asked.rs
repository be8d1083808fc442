//! Whether a person looks at every effect of an operation before it happens. Silence is nobody's look: one that happens where nobody answers
//! in time is not looked at.

use super::context::Context;
use crate::expr::{Expr, Tree};
use crate::plan::{Escalation, OnTimeout, Stage};
use crate::value::Value;

/// How far a person is asked about every one; the greater the surer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Asked {
    /// Not about every one.
    No,
    /// About every one, and where nobody answers it happens all the same.
    UntilSilence,
    /// About every one, and without an answer it does not happen.
    Always,
}

/// What to do where somebody is asked, and silence would answer.
pub(crate) const SILENCE: &str = "silence would approve it, and nobody would have looked: write `on-timeout=deny`";

impl Asked {
    /// By an escalation that holds wherever this is true; `None` holds always.
    fn by(escalation: &Escalation, when: Option<&Expr>) -> Self {
        match (when.is_none_or(|when| matches!(when.root, Tree::Constant(Value::Bool(true)))), escalation.on_timeout) {
            (false, _) => Self::No,
            (true, OnTimeout::Approve) => Self::UntilSilence,
            (true, _) => Self::Always,
        }
    }

    /// By the stage of an act.
    pub(crate) fn in_stage(stage: Option<&Stage>) -> Self {
        stage.map_or(Self::No, |stage| Self::by(&stage.escalation, stage.when.as_ref()))
    }
}

impl Context<'_> {
    /// How far the policies have a person look at every effect of an operation in a flow.
    pub(crate) fn always_asked(&self, operation: &str, flow: &str) -> Asked {
        let covering = self.plan.policies.values().filter(|policy| policy.covers(operation, flow));
        let rules = covering.flat_map(|policy| &policy.escalates);
        rules.map(|rule| Asked::by(&rule.escalation, Some(&rule.when))).max().unwrap_or(Asked::No)
    }
}
