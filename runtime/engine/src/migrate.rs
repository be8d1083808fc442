//! Leading a run that waits over to the active plan, where a `migration` of that plan says how: which of its steps are which of the new
//! flow's, and which new ones are thought done. Pure; the log holds the outcome, so that nobody works it out again.
//!
//! A run is led over whole or not at all. What would let it do something twice, lose an effect, read a value of another kind, or take
//! outside text for the operator's own, keeps it at its plan, with the reason.

mod kinds;

use crate::event::SkipReason;
use crate::fit;
use crate::pinned::{FlowGraph, Pinned};
use crate::planted::{Bug, planted};
use crate::state::{Phase, RunState, Standing, StepState};
use kinds::{carries_no_more, same_type};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tradewind_lang::plan::{Digest, FlowMigration, Step, StepId, StepKind};
use tradewind_lang::value::{Record, Value};

/// How a run was led over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    /// The plan before.
    pub from: Digest,
    /// The plan after.
    pub to: Digest,
    /// Steps of the flow before, and those that stand for them.
    pub steps: Vec<(StepId, StepId)>,
    /// New steps that it had passed, with the values that the migration gives them.
    pub filled: Vec<(StepId, Value)>,
    /// New steps in arms that it does not take.
    pub skipped: Vec<StepId>,
    /// Names of steps before, and the names that they have after, wherever in the flow they stand and whether the run had come to
    /// them or not. None in logs of before this was written down.
    #[serde(default)]
    pub renamed: Option<Renames>,
}

/// Names of steps, and those that they have by now.
pub type Renames = Vec<(Arc<str>, Arc<str>)>;

/// The steps that have another name in a flow of a plan, as its migrations say. A name that the flow still has stays what it is.
#[must_use]
pub fn renames(next: &Pinned, graph: &FlowGraph) -> Renames {
    let flows = next.plan.migrations.values().flat_map(|migration| &migration.flows).filter(|own| *own.flow == *graph.name);
    let moved = flows.flat_map(|own| &own.moved).filter(|(before, after)| !graph.has_step(before) && graph.has_step(after));
    moved.map(|(before, after)| (before.as_str().into(), after.as_str().into())).collect()
}

/// What a plan means for a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Leads {
    /// No migration of it speaks of the run's flow.
    Nowhere,
    /// The run is led over.
    Over(Arc<Moved>),
    /// It may be when it waits next: what keeps it for now.
    Later(&'static str),
    /// It keeps its plan: why.
    Not(Vec<String>),
}

/// What a plan means for a run as it stands.
#[must_use]
pub fn lead(state: &RunState, next: &Pinned) -> Leads {
    let flow = &*state.graph.name;
    let speaks: Vec<&FlowMigration> =
        next.plan.migrations.values().flat_map(|migration| &migration.flows).filter(|own| own.flow == flow).collect();
    let is_there = state.pinned.digest == next.digest && !planted(Bug::MigratedTwice);
    if speaks.is_empty() || is_there || state.parent.is_some() || state.has_ended() {
        return Leads::Nowhere;
    }
    if let Some(why) = keeps_for_now(state) {
        return Leads::Later(why);
    }
    let Some(graph) = next.flow(flow) else { return Leads::Nowhere };
    let mut leading = Leading { state, next, graph, speaks, to: BTreeMap::new(), from: BTreeMap::new(), against: Vec::new() };
    leading.match_input();
    leading.match_steps();
    let renamed = renames(next, graph);
    leading.match_fork(&renamed);
    let (filled, skipped) = leading.new_steps();
    if leading.against.is_empty() {
        let steps = leading.to.into_iter().collect();
        Leads::Over(Arc::new(Moved { from: state.pinned.digest, to: next.digest, steps, filled, skipped, renamed: Some(renamed) }))
    } else {
        leading.against.sort();
        leading.against.dedup();
        Leads::Not(leading.against)
    }
}

fn keeps_for_now(state: &RunState) -> Option<&'static str> {
    match () {
        () if state.standing == Standing::Held => Some("it has not begun"),
        () if state.standing != Standing::Running => Some("it is ending"),
        () if state.children > 0 => Some("runs within it are at work"),
        () if planted(Bug::MigratedAtWork) => None,
        () if state.open > 0 => Some("an effect of it is not settled"),
        () if !state.is_parked() => Some("it is at work"),
        () => None,
    }
}

/// Whether nothing has happened to a step, so that the new flow's own rules say what becomes of it.
fn is_untouched(stands: &StepState) -> bool {
    let fresh = stands.asked == 0 && !stands.slept && stands.before.is_none();
    fresh && matches!(stands.phase, Phase::Waiting | Phase::Ready | Phase::Skipped(SkipReason::Arm))
}

struct Leading<'a> {
    state: &'a RunState,
    next: &'a Pinned,
    graph: &'a Arc<FlowGraph>,
    speaks: Vec<&'a FlowMigration>,
    to: BTreeMap<StepId, StepId>,
    from: BTreeMap<StepId, StepId>,
    against: Vec<String>,
}

fn ids(graph: &FlowGraph) -> impl Iterator<Item = (StepId, &Step)> {
    (0..).map(StepId).zip(&graph.flow.steps).filter(|(id, _)| graph.node(*id).is_some_and(|node| node.is_member))
}

impl Leading<'_> {
    fn match_input(&mut self) {
        let (old, new) = (&self.state.graph.flow.input, &self.graph.flow.input);
        let (before, after) = (&self.state.pinned.plan.types, &self.next.plan.types);
        let ty = |name: &str| tradewind_lang::ty::Ty::Record(name.to_owned());
        if !same_type(&ty(old), before, &ty(new), after) {
            self.against.push("the input of its flow has another type".to_owned());
        }
    }

    /// The step that stands for one of the flow before, by name.
    fn named(&self, name: &str) -> (Option<StepId>, bool) {
        let moved = self.speaks.iter().flat_map(|own| &own.moved).find(|(before, _)| before == name);
        match moved {
            Some((_, after)) => (self.graph.find(after), true),
            None => (self.graph.find(name), false),
        }
    }

    fn is_gone(&self, name: &str) -> bool {
        self.speaks.iter().any(|own| own.gone.iter().any(|gone| gone == name))
    }

    fn match_steps(&mut self) {
        let before = self.state.graph.clone();
        if before.nodes.iter().any(|node| node.reverses.is_some()) {
            return self.against.push("it takes effects back".to_owned());
        }
        for (id, step) in ids(&before) {
            let Some(stands) = self.state.step(id) else { continue };
            if is_untouched(stands) {
                continue;
            }
            let (found, is_moved) = self.named(&step.name);
            let Some(new) = found.filter(|_| !self.is_gone(&step.name)) else {
                self.lost(step, stands);
                continue;
            };
            if is_moved && self.graph.find(&step.name).is_some() {
                self.against.push(format!("`{}` is said to be another step by now, and is still there", step.name));
            }
            if self.from.insert(new, id).is_some() {
                self.against.push(format!("several steps would become `{}`", self.graph.step(new).map_or("", |step| &step.name)));
            }
            self.to.insert(id, new);
        }
        for (id, new) in self.to.clone() {
            if let (Some(step), Some(stands)) = (before.step(id), self.state.step(id)) {
                self.match_step((id, step, stands), new);
            }
        }
    }

    /// What a fork took over is known by the steps of the run itself. What was done within runs that a step begins is known by that
    /// step's name too, so that under another one it would be done again.
    fn match_fork(&mut self, renamed: &Renames) {
        let Some(fork) = &self.state.fork else { return };
        if fork.effects.iter().all(|done| done.at == *self.state.place()) {
            return;
        }
        let before = self.state.graph.clone();
        let steps = || before.flow.steps.iter().chain(&before.flow.terms.on_failure);
        for (name, _) in renamed {
            let Some(step) = steps().find(|step| *step.name == **name) else { continue };
            if before.find(name).is_none() || matches!(step.kind, StepKind::Each(_) | StepKind::Begin(_)) {
                self.against.push(format!("it is a fork, and what was done by `{name}` within a run of its own is known by that name"));
            }
        }
    }

    /// A step that ran, or is under way, and is no more.
    fn lost(&mut self, step: &Step, stands: &StepState) {
        let name = &step.name;
        let acted = matches!(step.kind, StepKind::Act { .. } | StepKind::Begin(_) | StepKind::Emit(_) | StepKind::Undo(_));
        let why = match &stands.phase {
            phase if !phase.is_settled() => format!("it waits at `{name}`, which the new flow does not have"),
            Phase::Completed(_) | Phase::Failed(_) if acted => format!("`{name}` has acted, and the new flow does not know of it"),
            _ if self.is_gone(name) => return,
            _ => format!("`{name}` is over, and the new flow does not have it: say `moved` or `gone`"),
        };
        self.against.push(why);
    }

    fn match_step(&mut self, (id, step, stands): (StepId, &Step, &StepState), new: StepId) {
        let is_moved = self.named(&step.name).1;
        let Some(after) = self.graph.step(new).cloned() else { return };
        let name = &step.name;
        if !stands.phase.is_settled() {
            if !self.is_written_alike(step, &after) {
                self.against.push(format!("it waits at `{name}`, which is written differently"));
            }
        } else if let Some(why) = self.settled_otherwise(step, stands, &after, is_moved) {
            self.against.push(why);
        }
        let arm = |around: Option<(StepId, u16)>| around.map(|(choose, arm)| (self.to.get(&choose).copied(), arm));
        let stands_in = arm(self.state.graph.arm_around(id));
        if stands_in != self.graph.arm_around(new).map(|(choose, arm)| (Some(choose), arm)) {
            self.against.push(format!("`{name}` stands in another arm"));
        }
    }

    /// Whether a step that is under way would go on as it began.
    fn is_written_alike(&self, before: &Step, after: &Step) -> bool {
        let (old, new) = (&self.state.pinned.plan, &self.next.plan);
        let operation = |name: &String| old.operations.get(name) == new.operations.get(name);
        if planted(Bug::MigratedRewritten) {
            return true;
        }
        match (&before.kind, &after.kind) {
            // Its arm is taken: what the others ask does not matter any more.
            (StepKind::Choose { arms }, StepKind::Choose { arms: others }) => arms.len() == others.len(),
            (StepKind::Act { operation: name, .. }, _) if !operation(name) => false,
            (StepKind::Ask { answer, .. }, _) => {
                let ty = tradewind_lang::ty::Ty::Record(answer.clone());
                before.kind == after.kind && same_type(&ty, &old.types, &ty, &new.types)
            }
            (one, other) => one == other && before.bounds == after.bounds,
        }
    }

    /// What speaks against taking a step that is over for one of the new flow.
    fn settled_otherwise(&self, before: &Step, stands: &StepState, after: &Step, is_moved: bool) -> Option<String> {
        let name = &before.name;
        let acts = |step: &Step| match &step.kind {
            StepKind::Act { operation, .. } => Some(operation.clone()),
            StepKind::Begin(begin) => Some(begin.flow.clone()),
            StepKind::Emit(emit) => Some(emit.event.clone()),
            StepKind::Undo(_) => Some(String::new()),
            _ => None,
        };
        let kinds = std::mem::discriminant(&before.kind) == std::mem::discriminant(&after.kind);
        if acts(before) != acts(after) || !kinds && !is_moved {
            return Some(format!("`{name}` is another kind of step"));
        }
        if !matches!(stands.phase, Phase::Completed(_)) && !self.next.plan.may_be_absent(after, &self.graph.name) {
            return Some(format!("`{name}` has no value, and the new flow needs one"));
        }
        if !same_type(&before.ty, &self.state.pinned.plan.types, &after.ty, &self.next.plan.types) {
            return Some(format!("`{name}` has a value of another type"));
        }
        (!carries_no_more(before.origin.as_ref(), after.origin.as_ref()))
            .then(|| format!("`{name}` rests on text from outside, or holds personal data, more than the new flow takes it for"))
    }

    /// What becomes of steps that the flow before does not have: those that were passed have the value that the migration gives them, those
    /// in arms that are not taken are left out, and all others are still to come.
    fn new_steps(&mut self) -> (Vec<(StepId, Value)>, Vec<StepId>) {
        let (mut filled, mut skipped) = (Vec::new(), Vec::new());
        let reached: BTreeSet<StepId> = self.from.iter().filter(|(_, old)| self.was_reached(**old)).map(|(new, _)| *new).collect();
        let graph = self.graph.clone();
        for (id, step) in ids(&graph).filter(|(id, _)| !self.from.contains_key(id)) {
            if self.is_left_out(id, &skipped) {
                skipped.push(id);
                continue;
            }
            let dependents = graph.node(id).map_or(&[][..], |node| &node.dependents);
            let Some(passed) = dependents.iter().find(|dependent| reached.contains(dependent)) else { continue };
            let before = graph.step(*passed).map_or("", |step| &step.name);
            match self.fill_of(step) {
                Some(Ok(value)) => filled.push((id, value)),
                Some(Err(why)) => self.against.push(format!("what `fill` gives `{}` does not fit: {why}", step.name)),
                None => {
                    self.against.push(format!("`{}` comes before `{before}`, which it has reached: `fill` gives it a value", step.name))
                }
            }
        }
        (filled, skipped)
    }

    fn was_reached(&self, old: StepId) -> bool {
        self.state.step(old).is_some_and(|stands| !matches!(stands.phase, Phase::Waiting | Phase::Ready))
    }

    /// Whether a new step stands in an arm that is not taken, or that is over.
    fn is_left_out(&self, id: StepId, skipped: &[StepId]) -> bool {
        let Some((choose, arm)) = self.graph.arm_around(id) else { return false };
        if skipped.contains(&choose) {
            return true;
        }
        let stands = self.from.get(&choose).and_then(|old| self.state.step(*old));
        match stands.map(|stands| &stands.phase) {
            Some(Phase::Arm { arm: taken, .. }) => *taken != arm,
            Some(phase) => phase.is_settled(),
            None => false,
        }
    }

    fn fill_of(&self, step: &Step) -> Option<Result<Value, String>> {
        let (_, fields) = self.speaks.iter().flat_map(|own| &own.fills).find(|(name, _)| *name == step.name)?;
        let record = fields.iter().map(|(name, value)| (Arc::from(name.as_str()), value.clone())).collect();
        let value = Value::Record(Arc::new(Record(record)));
        Some(fit::value(&step.ty, &value, &self.next.plan.types).map(|()| value))
    }
}

impl Moved {
    /// As the log prints it.
    pub(crate) fn fields(&self) -> crate::event::Fields {
        let number = |id: &StepId| Value::Int(i64::from(id.0));
        let steps = self.steps.iter().map(|(old, new)| Value::record([("before", number(old)), ("after", number(new))]));
        let filled = self.filled.iter().map(|(id, value)| Value::record([("step", number(id)), ("value", value.clone())]));
        let pair = |(before, after): &(Arc<str>, Arc<str>)| {
            Value::record([("before", Value::String(before.clone())), ("after", Value::String(after.clone()))])
        };
        let renamed = self.renamed.iter().flatten().map(pair);
        vec![
            ("from", Value::string(self.from.to_string())),
            ("to", Value::string(self.to.to_string())),
            ("steps", Value::list(steps)),
            ("filled", Value::list(filled)),
            ("skipped", Value::list(self.skipped.iter().map(number))),
            ("renamed", Value::list(renamed)),
        ]
    }
}
