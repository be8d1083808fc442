//! Taking back: what a run did itself when a step with `on-error=undo` fails, and the step `act { undo }`.
//!
//! Each reversal becomes a step of the run, so that it is judged, approved, sent, retried, looked up and recovered as any act.

use super::{Effect, Round};
use crate::event::{EventKind, Used};
use crate::failure::{Failure, FailureKind};
use crate::scope::{Over, StepScope};
use crate::state::Phase;
use crate::undo::{AGAIN, Back, Done, Reversal, UNDO, bounded, reversal};
use std::sync::Arc;
use tradewind_lang::plan::{StepId, StepKind, Undo};
use tradewind_lang::value::Value;

/// What the run did, newest first, with how it is taken back.
pub(super) fn own(round: &mut Round<'_>) {
    let state = &round.state;
    let mut done: Vec<Done> = state
        .steps
        .iter()
        .zip(&state.graph.nodes)
        .filter(|(_, node)| node.reverses.is_none())
        .filter_map(|(step, node)| Some((step.done.as_ref()?, node)))
        .map(|(done, node)| Done {
            run: state.id.clone(),
            flow: state.graph.name.clone(),
            step: node.name.clone(),
            seq: done.seq,
            at: done.at,
            intent: done.intent.clone(),
            outcome: Some(crate::event::Outcome::Done(done.answer.clone())),
            back: None,
        })
        .collect();
    done.sort_by_key(|done| std::cmp::Reverse(done.seq));
    let reversals = bounded(done.iter().map(|done| reversal(&state.pinned, done)).collect());
    round.emit(None, EventKind::UndoPlanned { reversals }, Used::State, None);
}

/// `act { undo }`: what was done is looked for in the log.
pub(super) fn start(round: &mut Round<'_>, id: StepId, undo: &Undo) {
    let since = undo.since.map(|since| round.now.saturating_sub(since));
    round.perform(Effect::FindDone { step: id, flow: undo.flow.as_str().into(), act: undo.step.as_str().into(), since });
}

/// It was found. Of those for which the step's `where` holds the newest are taken back; what was taken back before counts as one
/// of them, so that doing it twice does nothing.
pub(super) fn found(round: &mut Round<'_>, id: StepId, found: &Result<Vec<Arc<Reversal>>, String>) {
    if !round.is_running() || !matches!(round.state.step(id).map(|step| &step.phase), Some(Phase::Asking)) {
        return;
    }
    let graph = round.state.graph.clone();
    let Some(StepKind::Undo(undo)) = graph.step(id).map(|step| &step.kind) else { return };
    let found = match found {
        Ok(found) => found,
        Err(message) => return round.fail_rule(id, message.clone()),
    };
    let evidence = match round.bind(&undo.evidence) {
        Ok(evidence) => evidence,
        Err(message) => return round.fail_rule(id, message),
    };
    let mut reversals = Vec::new();
    for reversal in found {
        if reversals.len() >= undo.last as usize {
            break;
        }
        let holds = match &undo.condition {
            None => Ok(true),
            Some(condition) => {
                let scope = StepScope { state: &round.state, now: round.now };
                match condition.evaluate(&Over { scope: &scope, name: "effect", value: &reversal.effect }) {
                    Ok(Value::Bool(truth)) => Ok(truth),
                    Ok(_) => Err(format!("`{}` has no value", condition.source)),
                    Err(error) => Err(format!("`{}`: {}", condition.source, error.0)),
                }
            }
        };
        match holds {
            Ok(false) => {}
            Ok(true) => reversals.push(Reversal { evidence: evidence.clone(), ..Reversal::clone(reversal) }),
            Err(message) => return round.fail_rule(id, message),
        }
    }
    let reversals = bounded(reversals);
    round.emit(Some(id), EventKind::UndoPlanned { reversals }, Used::State, None);
    conclude_if_empty(round, id);
}

fn conclude_if_empty(round: &mut Round<'_>, id: StepId) {
    if matches!(round.state.step(id).map(|step| &step.phase), Some(Phase::Arm { left: 0, .. })) {
        conclude(round, id);
    }
}

/// Every reversal of a step has ended.
pub(super) fn conclude(round: &mut Round<'_>, id: StepId) {
    let graph = round.state.graph.clone();
    let inside = graph.node(id).and_then(|node| node.arms.first()).map_or(&[][..], Vec::as_slice);
    let (mut effects, mut denied, mut failed) = (Vec::new(), None, None);
    for step in inside {
        let (Some(state), Some(reverses)) = (round.state.step(*step), graph.node(*step).and_then(|node| node.reverses.as_ref())) else {
            continue;
        };
        match &state.phase {
            Phase::Completed(_) => effects.push(reverses.effect.clone()),
            Phase::Denied { rule, message } => denied = denied.or(Some((rule.to_string(), message.to_string()))),
            Phase::Failed(failure) => failed = failed.or(Some(Failure::clone(failure))),
            _ => {}
        }
    }
    let goes_on = graph.step(id).is_some_and(|step| step.skip_denied);
    match (failed, denied) {
        (Some(failure), _) => round.fail(id, failure, Used::State),
        (None, Some((rule, message))) if !goes_on => round.deny(id, rule, message, Used::State),
        (None, _) => {
            let value = Value::record([("effects", Value::list(effects))]);
            round.complete(id, value, Used::State, None);
        }
    }
}

/// Whether a newer change of the same thing is still there: what came before it is not put back over it.
pub(super) fn is_covered(round: &Round<'_>, id: StepId, reverses: &Reversal) -> bool {
    let graph = &round.state.graph;
    let around = graph.step(id).and_then(|step| step.within);
    let before = graph.nodes.iter().zip(&round.state.steps).zip(&graph.flow.steps).take(usize::from(id.0));
    let mut newer = before.filter(|(_, step)| step.within == around).filter_map(|((node, step), _)| Some((node.reverses.as_ref()?, step)));
    newer.any(|(other, step)| other.is_about_the_same(reverses) && !matches!(step.phase, Phase::Completed(_)))
}

/// A newer change of the same thing could not be taken back.
pub(super) fn leave(round: &mut Round<'_>, id: StepId) {
    let message = "a newer change of the same thing was not taken back";
    round.fail(id, Failure::coded(FailureKind::Rule, "undo", message), Used::State);
}

/// How many reversals of the whole run there are, how many happened, and what is said of the others.
fn told(round: &Round<'_>) -> (usize, usize, Vec<String>) {
    let state = &round.state;
    let (mut all, mut done, mut others) = (0, 0, Vec::new());
    for ((node, step), _) in
        state.graph.nodes.iter().zip(&state.steps).zip(&state.graph.flow.steps).filter(|(_, step)| step.within.is_none())
    {
        let Some(reverses) = &node.reverses else { continue };
        all += 1;
        match &step.phase {
            Phase::Completed(_) => done += 1,
            Phase::Denied { rule, message } => others.push(format!("`{}`: denied by {rule}, {message}", reverses.step)),
            Phase::Failed(failure) => others.push(format!("`{}`: {failure}", reverses.step)),
            Phase::Skipped(_) => others.push(format!("`{}`: nobody answered in time", reverses.step)),
            _ => {}
        }
    }
    let left = state.left.iter().filter_map(|reversal| match &reversal.back {
        Back::Not(why) => Some(format!("`{}`: {why}", reversal.step)),
        Back::By { .. } => None,
    });
    others.extend(left);
    (all + state.left.len(), done, others)
}

/// What is said of how a run ended that did nothing but take back, or do again; none for another run.
pub(super) fn end(round: &Round<'_>) -> Option<EventKind> {
    let (name, said) = match &*round.state.graph.name {
        UNDO => ("taken_back", "taken back"),
        AGAIN => ("done_again", "done"),
        _ => return None,
    };
    let (all, done, others) = told(round);
    if others.is_empty() {
        let count = i64::try_from(done).unwrap_or(i64::MAX);
        return Some(EventKind::RunCompleted { output: Value::record([(name, Value::Int(count))]) });
    }
    let message = format!("{done} of {all} were {said}; {}", others.join("; "));
    Some(EventKind::RunFailed { failure: Failure::coded(FailureKind::Rule, "undo", message) })
}

/// Why a run fails that failed and took back what it had done.
pub(super) fn told_failure(round: &Round<'_>, failure: Failure) -> Failure {
    let (all, done, others) = told(round);
    let mut message = match all {
        0 => format!("{}; it had done nothing that could be taken back", failure.message),
        _ => format!("{}; {done} of {all} effects were taken back", failure.message),
    };
    if !others.is_empty() {
        message = format!("{message}; {}", others.join("; "));
    }
    Failure { message, ..failure }
}

impl Round<'_> {
    /// Whether steps may begin: of a run that goes on, or of one that takes back what it did.
    pub(super) fn is_working(&self) -> bool {
        self.state.is_working()
    }
}
