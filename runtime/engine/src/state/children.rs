//! Folding what becomes of runs within a run: items of an `each`, runs of other flows, what follows a failure.

use super::{Phase, RunState, Standing};
use crate::child::{ChildEnd, Part, Picked};
use crate::event::Outcome;
use crate::failure::{Failure, FailureKind};
use crate::key::child_id;
use crate::pinned::FlowGraph;
use crate::planted::{Bug, planted};
use std::collections::BTreeSet;
use std::sync::Arc;
use tradewind_lang::plan::{OnError, StepId, StepKind};
use tradewind_lang::value::Value;

/// An `each` whose items are worked.
#[derive(Debug, Clone)]
pub struct Items {
    /// In the order of their places.
    pub items: Arc<[Picked]>,
    /// How many may have begun: they begin in their order.
    pub begun: usize,
    /// How many were begun by this process. Not in the log.
    pub issued: usize,
    /// How many have ended.
    pub ended: usize,
    /// Places of those that wait for people as one of a batch, or have done so, and have not ended: others are at work beside them.
    pub aside: BTreeSet<u32>,
    /// What each ended with.
    outputs: Outputs,
    /// When they were picked.
    pub since: i64,
    /// Why the step will fail when those that have begun have ended.
    pub failed: Option<Failure>,
    /// The run as it stood when they were picked: what the items see of it.
    pub outer: Arc<RunState>,
}

/// What an item has come to.
#[derive(Debug, Clone, PartialEq, Default)]
enum Output {
    #[default]
    Open,
    LeftOut,
    Given(Value),
}

/// How many outputs are copied when one of them changes.
const CHUNK: usize = 64;

/// Outputs in small shared pieces: a state is cloned for each decision, and one end of ten thousand changes one piece.
#[derive(Debug, Clone, PartialEq)]
struct Outputs(Vec<Arc<[Output; CHUNK]>>);

impl Outputs {
    fn new(count: usize) -> Self {
        let open: Arc<[Output; CHUNK]> = Arc::new(std::array::from_fn(|_| Output::Open));
        Self(vec![open; count.div_ceil(CHUNK)])
    }

    fn get(&self, at: usize) -> &Output {
        self.0.get(at / CHUNK).and_then(|chunk| chunk.get(at % CHUNK)).unwrap_or(&Output::LeftOut)
    }

    fn set(&mut self, at: usize, output: Output) {
        if let Some(place) = self.0.get_mut(at / CHUNK).and_then(|chunk| Arc::make_mut(chunk).get_mut(at % CHUNK)) {
            *place = output;
        }
    }
}

impl PartialEq for Items {
    fn eq(&self, other: &Self) -> bool {
        (self.begun, self.ended, &self.failed, &self.aside) == (other.begun, other.ended, &other.failed, &other.aside)
            && self.items == other.items
            && self.outputs == other.outputs
    }
}

impl Items {
    /// Whether those that have begun have ended, and no more will begin.
    #[must_use]
    pub fn is_through(&self) -> bool {
        self.ended == self.begun && (self.failed.is_some() || self.begun == self.items.len())
    }

    /// Which of the picked items stands at a place of the list.
    fn at(&self, place: u32) -> Option<usize> {
        self.items.binary_search_by_key(&place, |item| item.place).ok()
    }

    /// Whether the item at a place of the list has begun and not ended.
    #[must_use]
    pub fn is_open(&self, place: u32) -> bool {
        self.at(place).is_some_and(|at| at < self.begun && *self.outputs.get(at) == Output::Open)
    }

    /// Those that have begun, were not begun by this process and have not ended.
    pub fn unissued(&self) -> impl Iterator<Item = &Picked> {
        (self.issued..self.begun).filter(|at| *self.outputs.get(*at) == Output::Open).filter_map(|at| self.items.get(at))
    }

    /// Those that have begun and have not ended.
    fn open(&self) -> impl Iterator<Item = &Picked> {
        (0..self.begun).filter(|at| *self.outputs.get(*at) == Output::Open).filter_map(|at| self.items.get(at))
    }

    /// The outputs of the items that have one, in their order.
    fn value(&self) -> Value {
        let outputs = (0..self.items.len()).map(|at| self.outputs.get(at));
        Value::list(outputs.filter_map(|output| match output {
            Output::Given(value) => Some(value.clone()),
            Output::Open | Output::LeftOut => None,
        }))
    }
}

impl RunState {
    /// The graph that holds the bodies of the loops of this run.
    #[must_use]
    pub fn loops(&self) -> &FlowGraph {
        match &self.outer {
            Some(outer) if self.graph.body.is_some() => outer.loops(),
            _ => &self.graph,
        }
    }

    /// Runs within this one that have begun and not ended, as they would be if they were cancelled now.
    #[must_use]
    pub fn open_children(&self) -> Vec<ChildEnd> {
        let mut open = Vec::new();
        let mut add = |step: Option<StepId>, name: &str, part: Part, key: &str| {
            let (run, _) = child_id(&self.id, name, key);
            let outcome = Err(Failure::coded(FailureKind::Person, "cancelled", "it was cancelled before it began"));
            open.push(ChildEnd { run, step, part, outcome, cost: None, waited: 0 });
        };
        for id in &self.looping {
            let Some(name) = self.graph.node(*id).map(|node| &node.name) else { continue };
            match self.step(*id).map(|step| &step.phase) {
                Some(Phase::Items(items)) => {
                    items.open().for_each(|item| add(Some(*id), name, Part::Item(item.place), &item.key));
                }
                Some(Phase::Flow { .. }) => add(Some(*id), name, Part::Flow, "flow"),
                _ => {}
            }
        }
        if self.is_handling() {
            add(None, "on-failure", Part::OnFailure, "on-failure");
        }
        open
    }

    /// Steps with runs within them, and when they began.
    #[must_use]
    pub fn since_of_parts(&self) -> Vec<(StepId, i64)> {
        let since = |id: &StepId| match self.step(*id).map(|step| &step.phase)? {
            Phase::Items(items) => Some((*id, items.since)),
            Phase::Flow { since, .. } => Some((*id, *since)),
            _ => None,
        };
        self.looping.iter().filter_map(since).collect()
    }

    pub(super) fn pick(&mut self, id: StepId, items: &[Picked], since: i64) {
        let outer = Arc::new(self.clone());
        let outputs = Outputs::new(items.len());
        let items =
            Items { items: items.into(), begun: 0, issued: 0, ended: 0, aside: BTreeSet::new(), outputs, since, failed: None, outer };
        self.set_phase(id, Phase::Items(Arc::new(items)));
        self.looping.push(id);
        self.advance_items(id);
    }

    /// Lets as many items begin as may be at work at once.
    fn advance_items(&mut self, id: StepId) {
        let Some(StepKind::Each(each)) = self.graph.step(id).map(|step| &step.kind) else { return };
        let parallel = (each.parallel as usize).max(1) + usize::from(planted(Bug::ParallelOffByOne));
        let may_begin = !self.paused && self.standing == Standing::Running;
        let Some(Phase::Items(items)) = self.steps.get_mut(usize::from(id.0)).map(|step| &mut step.phase) else { return };
        let begun = items.items.len().min(items.ended + items.aside.len() + parallel);
        if may_begin && items.failed.is_none() && begun > items.begun {
            self.children += u32::try_from(begun - items.begun).unwrap_or(u32::MAX);
            Arc::make_mut(items).begun = begun;
        }
        self.note_ready(id);
    }

    /// After a pause.
    pub(super) fn advance_all_items(&mut self) {
        for id in self.looping.clone() {
            self.advance_items(id);
        }
    }

    pub(super) fn begin_flow(&mut self, id: StepId, input: &Value, since: i64) {
        self.children += 1;
        self.set_phase(id, Phase::Flow { input: input.clone(), since, overdue: None, issued: false });
        self.looping.push(id);
    }

    pub(super) fn child_ended(&mut self, step: Option<StepId>, part: Part, outcome: &Outcome, waited: i64) {
        self.children = self.children.saturating_sub(1);
        if !self.graph.flow.terms.people_count {
            self.stopped = self.stopped.saturating_add(waited);
        }
        match (part, step) {
            (Part::Item(place), Some(id)) => self.item_ended(id, place, outcome),
            (Part::OnFailure, _) => self.handled = Handled::Done,
            // What comes of it is an event of the same decision.
            (Part::Flow | Part::Item(_), _) => {}
        }
    }

    fn item_ended(&mut self, id: StepId, place: u32, outcome: &Outcome) {
        let is_left_out = self.graph.step(id).is_some_and(|step| step.on_error == OnError::Skip);
        let Some(Phase::Items(items)) = self.steps.get_mut(usize::from(id.0)).map(|step| &mut step.phase) else { return };
        let Some(at) = items.at(place).filter(|_| items.is_open(place)) else { return };
        let items = Arc::make_mut(items);
        items.ended += 1;
        items.aside.remove(&place);
        let output = match outcome {
            Outcome::Done(value) => Output::Given(value.clone()),
            Outcome::Failed(failure) => {
                if !is_left_out {
                    items.failed.get_or_insert_with(|| failure.clone());
                }
                Output::LeftOut
            }
        };
        items.outputs.set(at, output);
        self.advance_items(id);
    }

    pub(super) fn set_aside(&mut self, id: StepId, place: u32) {
        let Some(Phase::Items(items)) = self.steps.get_mut(usize::from(id.0)).map(|step| &mut step.phase) else { return };
        if items.is_open(place) {
            Arc::make_mut(items).aside.insert(place);
            self.advance_items(id);
        }
    }

    pub(super) fn overdue(&mut self, id: StepId, failure: &Failure) {
        match self.steps.get_mut(usize::from(id.0)).map(|step| &mut step.phase) {
            Some(Phase::Items(items)) => {
                Arc::make_mut(items).failed.get_or_insert_with(|| failure.clone());
                self.note_ready(id);
            }
            Some(Phase::Flow { overdue, .. }) => *overdue = Some(failure.clone()),
            _ => {}
        }
    }

    pub(super) fn complete_items(&mut self, id: StepId, at: i64) {
        let Some(Phase::Items(items)) = self.step(id).map(|step| &step.phase) else { return };
        let value = items.value();
        self.settle(id, Phase::Completed(None), value, at);
    }

    /// Marks items of an `each`, or the run of a flow, as begun by this process; not folded.
    pub(crate) fn mark_issued(&mut self, step: Option<StepId>, part: Part) {
        let phase = step.and_then(|id| self.steps.get_mut(usize::from(id.0))).map(|step| &mut step.phase);
        match (phase, part) {
            (Some(Phase::Items(items)), Part::Item(place)) => {
                let issued = items.at(place).map_or(0, |at| at + 1).max(items.issued);
                Arc::make_mut(items).issued = issued;
            }
            (Some(Phase::Flow { issued, .. }), Part::Flow) => *issued = true,
            (None, Part::OnFailure) => self.handled = Handled::Issued,
            _ => {}
        }
    }
}

/// Whether what follows a failure has been done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Handled {
    /// Nothing of it has begun.
    #[default]
    No,
    /// It is in the log that it begins.
    Begun,
    /// It was begun by this process. Not in the log.
    Issued,
    /// It has ended.
    Done,
}
