//! Runs within a run: which items an `each` has, when each begins, and what becomes of its step when they have ended.
//!
//! They begin in their order, so many at once as the step says. What the step comes to is decided when the last of them has ended.

use super::{Effect, Round, bind};
use crate::child::{Child, ChildEnd, Parent, Part, Picked};
use crate::event::{EventKind, Outcome, Used};
use crate::failure::{Failure, FailureKind};
use crate::fit;
use crate::fork::ON_FAILURE;
use crate::key::{child_id, text_of};
use crate::scope::StepScope;
use crate::state::{Handled, Phase};
use std::collections::BTreeSet;
use std::sync::Arc;
use tradewind_lang::expr::{Expr, Resolve};
use tradewind_lang::plan::{Begin, Each, StepId, StepKind};
use tradewind_lang::ty::Ty;
use tradewind_lang::value::Value;

/// The scope of an item before it runs.
struct ItemScope<'a> {
    around: StepScope<'a>,
    each: &'a Each,
    item: Value,
    place: Value,
}

impl Resolve for ItemScope<'_> {
    fn resolve(&self, name: &str) -> Option<Value> {
        self.own(name).cloned().or_else(|| self.around.resolve(name))
    }

    fn lend(&self, name: &str) -> Option<&Value> {
        self.own(name).or_else(|| self.around.lend(name))
    }
}

impl ItemScope<'_> {
    fn own(&self, name: &str) -> Option<&Value> {
        match name {
            _ if name == self.each.item => Some(&self.item),
            _ if Some(name) == self.each.index.as_deref() => Some(&self.place),
            _ => None,
        }
    }
}

pub(super) fn start(round: &mut Round<'_>, id: StepId, each: &Each) {
    match pick(round, each) {
        Ok(items) => {
            round.emit(Some(id), EventKind::ItemsPicked { items }, Used::State, None);
            round.limit(id, round.now);
            go_on(round, id);
        }
        Err(message) => round.fail_rule(id, message),
    }
}

/// The items for which the condition holds, each with what identifies it.
fn pick(round: &Round<'_>, each: &Each) -> Result<Vec<Picked>, String> {
    let Value::List(listed) = round.evaluate(&each.items)? else { return Err(format!("`{}` is no list", each.items.source)) };
    let mut items = Vec::new();
    let mut keys = BTreeSet::new();
    for (item, place) in listed.iter().zip(0_u32..) {
        let around = StepScope { state: &round.state, now: round.now };
        let scope = ItemScope { around, each, item: item.clone(), place: Value::Int(i64::from(place)) };
        let evaluate = |expr: &Expr| expr.evaluate(&scope).map_err(|error| format!("`{}`: {}", expr.source, error.0));
        match each.condition.as_ref().map(evaluate).transpose()? {
            None | Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) => continue,
            Some(_) => return Err("the condition of an item has no value".to_owned()),
        }
        let key = match each.key.as_ref().map(evaluate).transpose()? {
            None => text_of(&scope.place),
            Some(Value::Null) => return Err("the key of an item is absent".to_owned()),
            Some(key) => text_of(&key),
        };
        if !keys.insert(key.clone()) {
            return Err(format!("two items have the key `{key}`"));
        }
        if items.len() >= each.max as usize {
            return Err(format!("there are more than {} items", each.max));
        }
        items.push(Picked { place, key, value: item.clone() });
    }
    Ok(items)
}

/// Begins the items whose turn has come, and ends the step when nothing is left of it.
pub(super) fn go_on(round: &mut Round<'_>, id: StepId) {
    let Some(Phase::Items(items)) = round.state.step(id).map(|step| step.phase.clone()) else { return };
    if items.is_through() {
        return match items.failed.clone() {
            Some(failure) => round.fail(id, failure, Used::State),
            None => round.emit(Some(id), EventKind::ItemsCompleted, Used::State, None),
        };
    }
    // After a restart some of those that had begun have ended.
    for item in items.unissued() {
        let child = child(round, Some(id), Part::Item(item.place), item.key.clone(), item.value.clone());
        round.perform(Effect::Begin { step: Some(id), child });
    }
}

fn child(round: &Round<'_>, step: Option<StepId>, part: Part, key: Arc<str>, input: Value) -> Child {
    let state = &round.state;
    let name = step.and_then(|id| state.graph.node(id)).map_or(ON_FAILURE, |node| &node.name);
    let (run, trace) = child_id(&state.id, name, &key);
    // What follows a failure has a time of its own: that of the run may have run out.
    let due = if part == Part::OnFailure { None } else { state.due() };
    let place = state.fork.as_ref().map(|_| child_id(state.place(), name, &key).0);
    Child { run, trace, key, input, parent: Parent { run: state.id.clone(), step, part, due, spent: state.spent(), place } }
}

/// `act { flow }`.
pub(super) fn begin_flow(round: &mut Round<'_>, id: StepId, begin: &Begin) {
    let plan = round.state.pinned.plan.clone();
    let input = round.bind(&begin.input).and_then(|input| {
        let flow = plan.flows.get(&begin.flow).ok_or_else(|| format!("the plan has no flow `{}`", begin.flow))?;
        fit::value(&Ty::Record(flow.input.clone()), &input, &plan.types).map(|()| input)
    });
    match input {
        Ok(input) => begin_with(round, id, input),
        Err(message) => round.fail_rule(id, message),
    }
}

/// Begins the run of another flow with an input that fits it.
pub(super) fn begin_with(round: &mut Round<'_>, id: StepId, input: Value) {
    round.emit(Some(id), EventKind::FlowBegun { input }, Used::State, None);
    round.limit(id, round.now);
    flow(round, id);
}

/// Begins the run of the flow where this process has not done so.
pub(super) fn flow(round: &mut Round<'_>, id: StepId) {
    let Some(Phase::Flow { input, issued: false, .. }) = round.state.step(id).map(|step| step.phase.clone()) else { return };
    let child = child(round, Some(id), Part::Flow, "flow".into(), input);
    round.perform(Effect::Begin { step: Some(id), child });
}

/// Begins what follows the failure of the run; whether there is anything to be done before the run ends.
pub(super) fn handle(round: &mut Round<'_>, failure: &Failure) -> bool {
    if round.state.graph.on_failure().is_none() || matches!(round.state.handled, Handled::Done) {
        return false;
    }
    if round.state.handled == Handled::No {
        let kind = EventKind::FailureHandled { step: failed_step(round), failure: failure.clone() };
        round.emit(None, kind, Used::State, None);
    }
    if round.state.handled == Handled::Begun {
        let child = child(round, None, Part::OnFailure, "on-failure".into(), Value::Null);
        round.perform(Effect::Begin { step: None, child });
    }
    true
}

/// The step whose failure or denial ends the run.
fn failed_step(round: &Round<'_>) -> Arc<str> {
    let graph = &round.state.graph;
    let mut ended = graph.nodes.iter().zip(&graph.flow.steps).zip(&round.state.steps).filter(|((_, step), state)| match state.phase {
        Phase::Failed(_) => step.on_error != tradewind_lang::plan::OnError::Skip,
        Phase::Denied { .. } => !step.skip_denied,
        _ => false,
    });
    ended.next().map_or_else(|| "".into(), |((node, _), _)| node.name.clone())
}

pub(super) fn ended(round: &mut Round<'_>, end: &ChildEnd) {
    let is_awaited = match (end.step.and_then(|id| round.state.step(id)).map(|step| &step.phase), end.part) {
        (Some(Phase::Items(items)), Part::Item(place)) => items.is_open(place),
        (Some(Phase::Flow { .. }), Part::Flow) => true,
        (None, Part::OnFailure) => matches!(round.state.handled, Handled::Begun | Handled::Issued),
        _ => false,
    };
    if !is_awaited {
        return;
    }
    let outcome = match &end.outcome {
        Ok(output) => Outcome::Done(output.clone()),
        Err(failure) => Outcome::Failed(failure.clone()),
    };
    let kind = EventKind::ChildEnded { child: end.run.clone(), part: end.part, outcome, waited: end.waited };
    round.emit(end.step, kind, Used::State, end.cost);
    let Some(id) = end.step else { return };
    let overdue = match round.state.step(id).map(|step| &step.phase) {
        Some(Phase::Flow { overdue, .. }) => overdue.clone(),
        _ => None,
    };
    match (end.part, &end.outcome) {
        (Part::Flow, outcome) => match (overdue, outcome) {
            // What took too long counts as that, whatever it came to.
            (Some(failure), _) => round.fail(id, failure, Used::State),
            (None, Ok(output)) => match super::agent::holds(round, id, output) {
                Ok(()) => round.complete(id, output.clone(), Used::State, None),
                Err(message) => round.fail_rule(id, message),
            },
            (None, Err(failure)) => round.fail(id, failure.clone(), Used::State),
        },
        (Part::Item(_), Err(_)) if is_failing(round, id) => {
            round.perform(Effect::EndChildren { step: Some(id), reason: "another item failed".into() });
        }
        (Part::Item(_) | Part::OnFailure, _) => {}
    }
}

/// An item waits for people as one of a batch, so that others may wait beside it.
pub(super) fn asks(round: &mut Round<'_>, id: StepId, place: u32) {
    let Some(Phase::Items(items)) = round.state.step(id).map(|step| &step.phase) else { return };
    if items.is_open(place) && !items.aside.contains(&place) {
        round.emit(Some(id), EventKind::ItemSetAside { place }, Used::State, None);
    }
}

fn is_failing(round: &Round<'_>, id: StepId) -> bool {
    matches!(round.state.step(id).map(|step| &step.phase), Some(Phase::Items(items)) if items.failed.is_some() && !items.is_through())
}

/// What a run came to, as its parent hears it.
pub(crate) fn end_of(summary: &crate::summary::RunSummary) -> Option<(Arc<str>, ChildEnd)> {
    let parent = summary.parent.as_ref()?;
    let outcome = match (&summary.failure, &summary.cancelled) {
        (Some(failure), _) => Err(failure.clone()),
        (None, Some(reason)) => Err(Failure::coded(FailureKind::Person, "cancelled", &**reason)),
        (None, None) => Ok(summary.output.clone()),
    };
    let (run, step, part) = (summary.id.clone(), parent.step, parent.part);
    Some((parent.run.clone(), ChildEnd { run, step, part, outcome, cost: summary.cost, waited: summary.waited }))
}

/// What an item of an `each` comes to: its output, in the scope of its steps.
pub(super) fn output(round: &Round<'_>) -> Result<Value, String> {
    let scope = StepScope { state: &round.state, now: round.now };
    let body = round.state.parent.as_ref().and_then(|parent| parent.step).filter(|_| round.state.graph.body.is_some());
    match body.and_then(|id| round.state.graph.step(id)).map(|step| &step.kind) {
        Some(StepKind::Each(each)) => bind(&each.body.output, &scope),
        _ => bind(&round.state.graph.flow.output, &scope),
    }
}
