//! From what happened to the start of a run: which flows an event starts, their input and key. Pure; it starts nothing.

use crate::fit;
use crate::key::text_of;
use crate::pinned::{FlowGraph, Pinned};
use crate::scope::Names;
use std::collections::HashMap;
use std::sync::Arc;
use tradewind_lang::conform;
use tradewind_lang::plan::{Cause, Plan, Trigger};
use tradewind_lang::ty::{Field, Ty, TypeTable};
use tradewind_lang::value::{Record, Value};

/// A flow, and the place of one of its triggers.
pub(crate) type Place = (Arc<str>, usize);

/// Triggers of a plan by what happens.
#[derive(Debug, Default)]
pub(crate) struct Triggers {
    by_event: HashMap<String, Vec<Place>>,
    by_path: HashMap<String, Place>,
    clocks: Vec<Place>,
}

impl Triggers {
    pub(crate) fn new(plan: &Plan) -> Self {
        let mut triggers = Self::default();
        for flow in plan.flows.values() {
            for (place, trigger) in flow.terms.triggers.iter().enumerate() {
                let place: Place = (flow.name.as_str().into(), place);
                match &trigger.cause {
                    Cause::Event { event } => triggers.by_event.entry(event.clone()).or_default().push(place),
                    Cause::Webhook { path, .. } | Cause::Request { path, .. } => {
                        triggers.by_path.entry(path.trim_matches('/').to_owned()).or_insert(place);
                    }
                    Cause::Schedule { .. } => triggers.clocks.push(place),
                    Cause::Manual | Cause::Metric { .. } => {}
                }
            }
        }
        triggers
    }

    /// Triggers of an event, in the order of the flows' names.
    pub(crate) fn of_event(&self, event: &str) -> &[Place] {
        self.by_event.get(event).map_or(&[], Vec::as_slice)
    }

    /// The trigger behind an address.
    pub(crate) fn of_path(&self, path: &str) -> Option<&Place> {
        self.by_path.get(path.trim_matches('/'))
    }
}

impl Pinned {
    /// A flow and one of its triggers.
    pub(crate) fn trigger(&self, (flow, place): &Place) -> Option<(&Arc<FlowGraph>, &Trigger)> {
        let graph = self.flow(flow)?;
        Some((graph, graph.flow.terms.triggers.get(*place)?))
    }

    /// Triggers by a clock.
    pub(crate) fn clocks(&self) -> impl Iterator<Item = (&Arc<FlowGraph>, &Trigger)> {
        self.triggers.clocks.iter().filter_map(|place| self.trigger(place))
    }

    /// The record of an event: of a connector's, or of one that flows emit.
    pub(crate) fn record_of(&self, event: &str) -> Option<String> {
        match self.plan.events.get(event) {
            Some(declared) => Some(declared.record.clone()),
            None => self.plan.types.records.contains_key(event).then(|| event.to_owned()),
        }
    }
}

/// A record with its declared defaults where nothing is given.
pub(crate) fn complete(types: &TypeTable, record: &str, given: &Value) -> Value {
    let fields = types.records.get(record).map(|record| record.fields.as_slice()).unwrap_or_default();
    let mut complete = match given {
        Value::Record(record) => Record::clone(record),
        _ => Record::default(),
    };
    for field in fields {
        if given.get(&field.name).is_none_or(|value| *value == Value::Null) {
            complete.set(&field.name, field.default.clone().unwrap_or(Value::Null));
        }
    }
    Value::Record(Arc::new(complete))
}

/// What a trigger may look at: what happened (`event` or `body`), when, and under which name a run of it goes by itself.
pub(crate) struct Happening<'a> {
    pub(crate) carried: Option<(&'static str, &'a Value)>,
    pub(crate) at: i64,
    pub(crate) id: &'a str,
}

fn scope(active: &Pinned, graph: &FlowGraph, happening: &Happening<'_>) -> Vec<(&'static str, Value)> {
    let run = Value::record([
        ("id", Value::string(happening.id)),
        ("now", Value::Timestamp(happening.at)),
        ("flow", Value::String(graph.name.clone())),
    ]);
    let mut names = vec![("run", run), ("settings", active.settings.clone())];
    names.extend(happening.carried.map(|(name, value)| (name, value.clone())));
    names
}

/// Whether a trigger's condition holds.
///
/// # Errors
/// It has no value.
pub(crate) fn holds(active: &Pinned, graph: &FlowGraph, trigger: &Trigger, happening: &Happening<'_>) -> Result<bool, String> {
    let Some(condition) = &trigger.condition else { return Ok(true) };
    match condition.evaluate(&Names(&scope(active, graph, happening))) {
        Ok(Value::Bool(truth)) => Ok(truth),
        Ok(_) => Err(format!("`{}` has no value", condition.source)),
        Err(error) => Err(format!("`{}`: {}", condition.source, error.0)),
    }
}

/// The input of a flow: what its trigger's children give, else what is carried under the same name, else the default.
///
/// # Errors
/// An expression without a value, or an input that does not fit its type; the text names the place.
pub(crate) fn input(active: &Pinned, graph: &FlowGraph, trigger: &Trigger, happening: &Happening<'_>) -> Result<Value, String> {
    let types = &active.plan.types;
    let names = scope(active, graph, happening);
    let fields = types.records.get(&graph.flow.input).map(|record| record.fields.as_slice()).unwrap_or_default();
    let mut input = Record::default();
    for field in fields {
        let mapped = trigger.input.iter().find(|(name, _)| *name == field.name);
        let value = match mapped {
            Some((name, expr)) => Some(expr.evaluate(&Names(&names)).map_err(|error| format!("`{name}`: {}", error.0))?),
            None => match happening.carried.and_then(|(name, carried)| Some((name, carried.get(&field.name)?))) {
                // A body is not typed yet.
                Some(("body", value)) if *value != Value::Null => Some(typed(field, value, types, conform::field_from_json)?),
                other => other.map(|(_, value)| value.clone()),
            },
        };
        if let Some(value) = value {
            input.set(&field.name, value);
        }
    }
    let input = complete(types, &graph.flow.input, &Value::Record(Arc::new(input)));
    fit::value(&Ty::Record(graph.flow.input.clone()), &input, types)?;
    Ok(input)
}

/// How an untyped value is read: what a caller sends strictly, what a provider tells without the fields that are not declared.
type Read = fn(&serde_json::Value, &Field, &TypeTable) -> Result<Value, Vec<conform::Problem>>;

/// An untyped value as a field's type has it.
fn typed(field: &Field, value: &Value, types: &TypeTable, read: Read) -> Result<Value, String> {
    read(&conform::to_json(value), field, types).map_err(|problems| {
        let first = problems.into_iter().next();
        first.map_or_else(String::new, |problem| {
            let dot = if problem.path.is_empty() || problem.path.starts_with('[') { "" } else { "." };
            format!("`{}{dot}{}`: {}", field.name, problem.path, problem.reason)
        })
    })
}

/// The fields of a record from outside, of which lists and records are not typed yet.
///
/// # Errors
/// What does not fit, with its place.
pub fn typed_record(record: &str, given: &Value, types: &TypeTable) -> Result<Value, String> {
    let fields = types.records.get(record).map(|record| record.fields.as_slice()).unwrap_or_default();
    let mut complete = Record::default();
    for field in fields {
        match given.get(&field.name) {
            Some(value @ (Value::List(_) | Value::Record(_) | Value::Map(_))) => {
                complete.set(&field.name, typed(field, value, types, conform::field_from_answer)?);
            }
            Some(value) => complete.set(&field.name, value.clone()),
            None => {}
        }
    }
    Ok(Value::Record(Arc::new(complete)))
}

/// What the flow says identifies a run with this input; none where it says nothing.
///
/// # Errors
/// It has no value.
pub(crate) fn key(graph: &FlowGraph, input: &Value) -> Result<Option<Arc<str>>, String> {
    let Some(key) = &graph.flow.key else { return Ok(None) };
    match key.evaluate(&Names(&[("input", input.clone())])) {
        Ok(Value::Null) => Err(format!("`{}` is absent", key.source)),
        Ok(value) => Ok(Some(text_of(&value))),
        Err(error) => Err(error.0),
    }
}
