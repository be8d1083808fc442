//! The names that expressions may use, and their values. It computes nothing that is not asked for.

use crate::state::{Phase, RunState};
use tradewind_lang::expr::Resolve;
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
            "input" => Some(self.state.input.clone()),
            "run" => Some(run_value(self.state, self.now)),
            "settings" => Some(self.state.pinned.settings.clone()),
            "steps" => Some(steps_value(self.state)),
            _ => {
                let step = self.state.step(self.state.graph.find(name)?)?;
                step.phase.is_settled().then(|| step.value.clone())
            }
        }
    }

    fn lend(&self, name: &str) -> Option<&Value> {
        match name {
            "input" => Some(&self.state.input),
            "run" | "steps" => None,
            "settings" => Some(&self.state.pinned.settings),
            _ => {
                let step = self.state.step(self.state.graph.find(name)?)?;
                step.phase.is_settled().then_some(&step.value)
            }
        }
    }
}

/// `run`: its id, its flow, and the instant of the decision.
pub(crate) fn run_value(state: &RunState, now: i64) -> Value {
    Value::record([
        ("id", Value::String(state.id.clone())),
        ("now", Value::Timestamp(now)),
        ("flow", Value::String(state.graph.name.clone())),
    ])
}

/// `steps`: what became of each.
fn steps_value(state: &RunState) -> Value {
    let steps = state.graph.nodes.iter().zip(&state.steps);
    let record = steps.map(|(node, step)| {
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
        (node.name.clone(), value)
    });
    Value::Record(std::sync::Arc::new(Record(record.collect())))
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
