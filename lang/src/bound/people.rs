//! How long people may keep a step waiting: the time they are given where they are asked.

use crate::plan::{Escalation, LimitElse, Micros, Plan, Rung, Stage};

/// An effect of a flow. Whatever rules apply are one question with the shortest of their times; any rule may be the only one.
/// A stage without a condition is always asked, so it alone says the longest.
pub(super) fn of_effect(plan: &Plan, flow: &str, operation: &str, stage: Option<&Stage>) -> Micros {
    if let Some(stage) = stage.filter(|stage| stage.when.is_none()) {
        return stage.escalation.longest();
    }
    let covering = plan.policies.values().filter(|policy| policy.covers(operation, flow));
    let asked = covering.flat_map(|policy| {
        let over = policy.limits.iter().filter_map(|limit| match &limit.otherwise {
            LimitElse::Escalate(escalation) => Some(escalation),
            LimitElse::Deny => None,
        });
        policy.escalates.iter().map(|rule| &rule.escalation).chain(over)
    });
    longest(asked.chain(stage.map(|stage| &stage.escalation)))
}

/// A route whose ladder asks people: one after the other.
pub(super) fn of_route(plan: &Plan, route: &str) -> Micros {
    let rungs = plan.routes.get(route).map(|route| route.rungs.as_slice()).unwrap_or_default();
    rungs.iter().fold(0, |sum: Micros, rung| match rung {
        Rung::Person { escalation } => sum.saturating_add(escalation.longest()),
        _ => sum,
    })
}

fn longest<'a>(escalations: impl Iterator<Item = &'a Escalation>) -> Micros {
    escalations.map(Escalation::longest).max().unwrap_or(0)
}
