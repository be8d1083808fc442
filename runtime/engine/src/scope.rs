//! The names that expressions may use, and their values. It computes nothing that is not asked for.

use crate::child::Part;
use crate::state::{Phase, RunState};
use std::sync::Arc;
use tradewind_lang::expr::Resolve;
use tradewind_lang::plan::{Each, StepKind};
use tradewind_lang::value::{Record, Value};

/// The scope of a step's expressions: `input`, `run`, `settings`, `steps`, and the steps by name.
#[derive(Debug)]
pub(crate) struct StepScope<'a> {
    pub(crate) state: &'a RunState,
    pub(crate) now: i64,
}

impl Resolve for StepScope<'_> {
    fn resolve(&self, name: &str) -> Option<Value> {
        match name {
            "run" => Some(run_value(self.state, self.now)),
            "steps" => Some(Value::Record(std::sync::Arc::new(steps_of(self.state)))),
            _ => match self.lend(name) {
                Some(value) => Some(value.clone()),
                None => self.place(name),
            },
        }
    }

    fn lend(&self, name: &str) -> Option<&Value> {
        match name {
            "run" | "steps" => None,
            "input" => Some(&whole(self.state).input),
            "settings" => Some(&self.state.pinned.settings),
            _ => step_value(self.state, name),
        }
    }
}

impl StepScope<'_> {
    /// The place of an item, by the name that its `each`, or one around it, gives it.
    fn place(&self, name: &str) -> Option<Value> {
        let mut state = self.state;
        loop {
            let outer = state.outer.as_deref()?;
            if let Some((each, place)) = loop_of(state)
                && each.index.as_deref() == Some(name)
            {
                return Some(Value::Int(i64::from(place)));
            }
            state = outer;
        }
    }
}

/// The `each` whose item a run is, and its place there.
fn loop_of(state: &RunState) -> Option<(&Each, u32)> {
    let (parent, outer) = (state.parent.as_ref()?, state.outer.as_deref()?);
    let Part::Item(place) = parent.part else { return None };
    match &outer.graph.step(parent.step?)?.kind {
        StepKind::Each(each) => Some((each, place)),
        _ => None,
    }
}

/// The value of a step, of an item, or of what failed: here, or in what runs around it.
fn step_value<'a>(state: &'a RunState, name: &str) -> Option<&'a Value> {
    if let Some(id) = state.graph.find(name) {
        let step = state.step(id)?;
        return step.phase.is_settled().then_some(&step.value);
    }
    let outer = state.outer.as_deref()?;
    if loop_of(state).is_some_and(|(each, _)| each.item == name) {
        return Some(&state.input);
    }
    if state.parent.as_ref().is_some_and(|parent| parent.part == Part::OnFailure) {
        if name == "failure" {
            return Some(&outer.failure);
        }
        // A step that never came to its turn is absent.
        return outer.graph.find(name).and_then(|id| outer.step(id)).map(|step| &step.value);
    }
    step_value(outer, name)
}

/// The run of the flow itself: the one around an item, or around what follows a failure.
pub(crate) fn whole(state: &RunState) -> &RunState {
    state.outer.as_deref().map_or(state, whole)
}

/// `run`: its id, its flow, and the instant of the decision.
pub(crate) fn run_value(state: &RunState, now: i64) -> Value {
    Value::record([
        ("id", Value::String(whole(state).id.clone())),
        ("now", Value::Timestamp(now)),
        ("flow", Value::String(state.graph.name.clone())),
    ])
}

/// `steps`: what became of each.
fn steps_of(state: &RunState) -> Record {
    let mut record = state.outer.as_deref().map_or_else(Record::default, steps_of);
    for (node, step) in state.graph.nodes.iter().zip(&state.steps).filter(|(node, _)| node.is_member) {
        let settled_by = match step.phase {
            Phase::Completed(Some(by)) => Value::string(by.as_str()),
            _ => Value::string(""),
        };
        let value = Value::record([
            ("ran", Value::Bool(matches!(step.phase, Phase::Completed(_)))),
            ("denied", Value::Bool(matches!(step.phase, Phase::Denied { .. }))),
            ("failed", Value::Bool(matches!(step.phase, Phase::Failed(_)))),
            ("settled_by", settled_by),
        ]);
        record.0.push((node.name.clone(), value));
    }
    record
}

/// A scope with a few names more.
pub(crate) struct Beside<'a> {
    pub(crate) scope: &'a dyn Resolve,
    pub(crate) names: &'a [(Arc<str>, Value)],
}

impl Resolve for Beside<'_> {
    fn resolve(&self, name: &str) -> Option<Value> {
        self.own(name).cloned().or_else(|| self.scope.resolve(name))
    }

    fn lend(&self, name: &str) -> Option<&Value> {
        self.own(name).or_else(|| self.scope.lend(name))
    }
}

impl Beside<'_> {
    fn own(&self, name: &str) -> Option<&Value> {
        self.names.iter().rev().find(|(other, _)| **other == *name).map(|(_, value)| value)
    }
}

/// A scope with one name more.
pub(crate) struct Over<'a> {
    pub(crate) scope: &'a dyn Resolve,
    pub(crate) name: &'a str,
    pub(crate) value: &'a Value,
}

impl Resolve for Over<'_> {
    fn resolve(&self, name: &str) -> Option<Value> {
        if name == self.name { Some(self.value.clone()) } else { self.scope.resolve(name) }
    }

    fn lend(&self, name: &str) -> Option<&Value> {
        if name == self.name { Some(self.value) } else { self.scope.lend(name) }
    }
}

/// A scope of a few names.
#[derive(Debug)]
pub(crate) struct Names<'a>(pub(crate) &'a [(&'a str, Value)]);

impl Resolve for Names<'_> {
    fn resolve(&self, name: &str) -> Option<Value> {
        self.lend(name).cloned()
    }

    fn lend(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }
}

/// The scope of a step, and `event`.
#[derive(Debug)]
pub(crate) struct WithEvent<'a> {
    pub(crate) event: &'a Value,
    pub(crate) around: StepScope<'a>,
}

impl Resolve for WithEvent<'_> {
    fn resolve(&self, name: &str) -> Option<Value> {
        if name == "event" { Some(self.event.clone()) } else { self.around.resolve(name) }
    }

    fn lend(&self, name: &str) -> Option<&Value> {
        if name == "event" { Some(self.event) } else { self.around.lend(name) }
    }
}
