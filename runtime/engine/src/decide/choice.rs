//! What the `when` of a candidate is told of a task, and whether it holds. Pure: of the run, its plan, and what is said.

use super::Round;
use crate::scope::Names;
use tradewind_lang::expr::Expr;
use tradewind_lang::plan::{EffectKind, Flow, MoneyDirection, Plan, StepKind};
use tradewind_lang::value::Value;

/// A task as a route sees it.
pub(super) struct Asked<'a> {
    /// `text` or `classify`.
    pub(super) capability: &'a str,
    /// Tokens that are said, at most: its bytes.
    pub(super) tokens: u64,
    /// Whether personal data may be in it.
    pub(super) personal: bool,
}

/// Whether a candidate is asked for a task.
///
/// # Errors
/// It is not: why, for people.
pub(super) fn holds(round: &Round<'_>, name: &str, when: &Expr, asked: &Asked<'_>) -> Result<(), String> {
    let risk = if is_risky(&round.state.pinned.plan, &round.state.graph.flow, 0) { "high" } else { "low" };
    let task = Value::record([
        ("capability", Value::string(asked.capability)),
        ("risk", Value::string(risk)),
        ("tokens", Value::Int(i64::try_from(asked.tokens).unwrap_or(i64::MAX))),
        ("personal", Value::Bool(asked.personal)),
        ("left", left(round)),
    ]);
    match when.evaluate(&Names(&[("task", task)])) {
        Ok(Value::Bool(true)) => Ok(()),
        Ok(Value::Bool(false)) => Err(format!("`{name}`: `{}` does not hold", when.source)),
        Ok(_) => Err(format!("`{name}`: `{}` has no value", when.source)),
        Err(error) => Err(format!("`{name}`: `{}`: {}", when.source, error.0)),
    }
}

/// What the flow's cap on costs leaves; absent where it has none.
fn left(round: &Round<'_>) -> Value {
    let Some(cap) = round.state.graph.flow.cost_cap else { return Value::Null };
    let taken = [round.state.spent(), round.state.outstanding()];
    let left = taken.into_iter().flatten().try_fold(cap, |left, taken| left.minus(taken));
    left.map_or(Value::Null, Value::Money)
}

/// Whether anything that a flow does moves money or cannot be taken back. Flows that start each other in a circle are refused by the
/// compiler; whoever starts others deeper than that is called risky.
fn is_risky(plan: &Plan, flow: &Flow, depth: u8) -> bool {
    if depth > 16 {
        return true;
    }
    let is_operation_risky = |name: &str| {
        plan.operations.get(name).is_none_or(|operation| {
            let moves = operation.money.as_ref().is_some_and(|money| money.direction != MoneyDirection::Price);
            moves || operation.effect == EffectKind::Irreversible
        })
    };
    flow.steps.iter().any(|step| match &step.kind {
        StepKind::Act { operation, .. } => is_operation_risky(operation),
        StepKind::Undo(undo) => is_operation_risky(&undo.by),
        StepKind::Begin(begin) => plan.flows.get(&begin.flow).is_none_or(|flow| is_risky(plan, flow, depth + 1)),
        StepKind::Agent(acting) => {
            let actor = acting.actor.as_ref().and_then(|(name, _)| plan.agents.get(name));
            let tools = acting.tools.iter().chain(actor.into_iter().flat_map(|actor| &actor.acting.tools));
            tools.into_iter().any(|tool| is_operation_risky(&tool.operation))
        }
        _ => false,
    })
}
