//! The parts of a scenario beyond inputs, answers and twins: what memories, series, earlier effects and rollouts held before it;
//! events, crashes and undos during it; costs and refusals after it.

use super::context::Context;
use super::scenario::written;
use crate::ast::Node;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::plan::{Flow, StepKind};
use crate::scenario::{Before, Beyond, ExpectedBeyond, PastEffect};
use crate::shape::Shaped;
use crate::ty::{Field, Ty};
use crate::value::{Record, Value};
use std::sync::Arc;

/// A node without some of its settings: what is left are fields of a type.
fn without(node: &Node, settings: &[&str]) -> Node {
    Node {
        properties: node.properties.iter().filter(|property| !settings.contains(&property.name.text.as_str())).cloned().collect(),
        children: node.children.iter().filter(|child| !settings.contains(&child.name.text.as_str())).cloned().collect(),
        ..node.clone()
    }
}

impl Context<'_> {
    pub(crate) fn lower_before_scenario(&mut self, given: &Node) -> Vec<Before> {
        let mut found = Vec::new();
        for child in &given.children {
            match child.name.text.as_str() {
                "memory" => found.extend(self.given_memory(child)),
                "series" => found.extend(self.given_series(child)),
                "effect" => found.extend(self.given_effect(child)),
                "rollout" => found.extend(self.given_rollout(child)),
                _ => {}
            }
        }
        found
    }

    /// `age="3d"` of a row; nothing where absent.
    fn age(&mut self, row: &Node) -> i64 {
        if row.property("age").is_some() { self.span_of_time(row, "age").unwrap_or(0) } else { 0 }
    }

    fn given_memory(&mut self, node: &Node) -> Option<Before> {
        let memory = self.reference(&node.argument(0)?.clone(), "memory")?;
        let record = self.plan.memories.get(&memory)?.record.clone();
        let mut facts = Vec::new();
        for row in node.all("-").collect::<Vec<_>>() {
            let age = self.age(row);
            let subject = self.fields_at(&without(row, &["age"]), &record, None, age);
            facts.extend(subject.map(|value| (age, value)));
        }
        Some(Before::Facts { memory, facts })
    }

    fn given_series(&mut self, node: &Node) -> Option<Before> {
        let series = self.reference(&node.argument(0)?.clone(), "series")?;
        let found = self.plan.series.get(&series)?.clone();
        let mut points = Vec::new();
        for row in node.all("-").collect::<Vec<_>>() {
            let age = self.age(row);
            let at = (row.property("age").is_some() && row.property(&found.at).is_none()).then_some(found.at.as_str());
            points.extend(self.fields_at(&without(row, &["age"]), &found.point, at, age).map(|value| (age, value)));
        }
        Some(Before::Points { series, points })
    }

    /// A record of a row; the instant that an `age` stands for, and timestamps of facts that are left out, follow from the age.
    fn fields_at(&mut self, row: &Node, record: &str, at: Option<&str>, age: i64) -> Option<Value> {
        let fields = self.plan.types.records.get(record)?.fields.clone();
        let given = self.fields_of(row, &fields, record);
        let mut complete = Record::default();
        let begins = self.known.scenario_at - age;
        for field in &fields {
            let timed = Some(field.name.as_str()) == at || (age > 0 && field.ty == Ty::Timestamp);
            let value = given.iter().find(|(name, _)| *name == field.name).map(|(_, value)| value.clone());
            let value = value.or_else(|| field.default.clone()).or_else(|| timed.then_some(Value::Timestamp(begins)));
            match (value, &field.ty) {
                (Some(value), _) => complete.set(&field.name, value),
                (None, Ty::Optional(_)) => complete.set(&field.name, Value::Null),
                (None, _) if written(row, &field.name) => return None,
                (None, ty) => {
                    let message = format!("`{record}` needs `{}`", field.name);
                    let diagnostic =
                        Diagnostic::new(&meaning::MISSING_PARAMETER, row.name.span, message).label(format!("no `{}`", field.name));
                    self.report(diagnostic.help(format!("write `{}=…` of type {ty}", field.name)));
                    return None;
                }
            }
        }
        Some(Value::Record(Arc::new(complete)))
    }

    fn given_effect(&mut self, node: &Node) -> Option<Before> {
        let operation = self.reference(&node.argument(0)?.clone(), "operation")?;
        let found = self.plan.operations.get(&operation)?.clone();
        let flow_name = self.setting_reference(node, "flow", "flow")?;
        let flow = self.plan.flows.get(&flow_name)?.clone();
        let Some(step) = node.property("step").cloned() else {
            self.missing(node, "step", "write `step=\"publish\"`: the act that had it");
            return None;
        };
        let step = self.step_name(&step, &flow)?;
        let age = self.age(node);
        let request = self.fields_of(&without(node, &["flow", "step", "age", "before"]), &found.request, &operation);
        let read =
            found.terms.before.as_ref().and_then(|before| self.plan.operations.get(&before.operation)).map(|read| read.response.clone());
        let before = match (node.first("before"), read) {
            (Some(before), Some(ty)) => {
                let fields = self.object_fields(&ty);
                self.fields_of(before, &fields, &operation)
            }
            (Some(before), None) => {
                let message = format!("`{operation}` reads nothing before it writes");
                let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, before.name.span, message).label("nothing was read");
                self.report(diagnostic.help("remove it, or give the operation a `before`"));
                Vec::new()
            }
            _ => Vec::new(),
        };
        Some(Before::Effect(PastEffect { operation, flow: flow_name, step, age, request, before }))
    }

    fn given_rollout(&mut self, node: &Node) -> Option<Before> {
        let name = self.reference(&node.argument(0)?.clone(), "rollout")?;
        let rollout = self.plan.rollouts.get(&name)?.clone();
        let share = node.setting("share").cloned().and_then(|share| self.share(&share));
        let mut assigned = Vec::new();
        for assign in node.all("assign").collect::<Vec<_>>() {
            let (Some(key), Some(arm)) = (self.argument(assign, 0, "a key"), assign.argument(1).cloned()) else { continue };
            let arm = self.word(&arm, "an arm", &[rollout.control.as_str(), rollout.treatment.as_str()]);
            assigned.extend(arm.map(|arm| (key, arm)));
        }
        Some(Before::Rollout { rollout: name, share, assigned })
    }

    /// `event`, `crash` and `undo` of a scenario.
    pub(crate) fn lower_beyond(&mut self, node: &Node) -> Option<Beyond> {
        match node.name.text.as_str() {
            "crash" => Some(Beyond::Crash),
            "undo" => Some(Beyond::Undo),
            _ => {
                let (event, record) = self.event_record(&node.argument(0)?.clone())?;
                let after = if node.property("after").is_some() { self.span_of_time(node, "after").unwrap_or(0) } else { 0 };
                let payload = self.fields_at(&without(node, &["after"]), &record, None, 0)?;
                Some(Beyond::Event { event, payload, after })
            }
        }
    }

    pub(crate) fn expect_beyond(&mut self, node: &Node) -> Option<ExpectedBeyond> {
        if node.name.text == "cost" {
            let Some(max) = node.setting("max").cloned() else {
                self.missing(node, "max", "write `cost max=\"0.02 USD\"`");
                return None;
            };
            return self.money(&max).map(|max| ExpectedBeyond::Cost { max });
        }
        let operation = self.reference(&node.argument(0)?.clone(), "operation")?;
        Some(ExpectedBeyond::Refused { operation, code: self.setting_text(node, "code") })
    }

    /// What a person changes while approving: parameters that the act in question lets them change.
    pub(crate) fn edits(&mut self, node: &Node, what: &str, flow: &Flow) -> Vec<(String, Value)> {
        let own = without(node, &["by", "after"]);
        if own.properties.is_empty() && own.children.is_empty() {
            return Vec::new();
        }
        let policy = what.split_once('.').and_then(|(policy, _)| self.plan.policies.get(policy)).cloned();
        let mut fields: Vec<Field> = Vec::new();
        for step in &flow.steps {
            let (operation, stage) = match &step.kind {
                StepKind::Act { operation, stage, .. } => (operation, stage),
                StepKind::Undo(undo) => (&undo.by, &undo.stage),
                _ => continue,
            };
            let asked = step.name == what || policy.as_ref().is_some_and(|policy| policy.on.contains(operation));
            let editable = stage.as_ref().map(|stage| stage.editable.as_slice()).unwrap_or_default();
            let Some(operation) = self.plan.operations.get(operation).filter(|_| asked) else { continue };
            fields.extend(operation.request.iter().filter(|field| editable.contains(&field.name)).cloned());
        }
        self.fields_of(&own, &fields, what)
    }

    /// A flow that nothing but its triggers feeds may be run without an `input`.
    pub(crate) fn fed_by_trigger(&self, flow: &Flow) -> bool {
        !flow.terms.triggers.is_empty()
    }

    /// The instant at which a scenario begins.
    pub(crate) fn scenario_begins(&mut self, node: &Node) -> Option<i64> {
        let Some(value) = node.setting("at").cloned() else {
            self.missing(node, "at", "write `at \"2026-11-02T09:00:00Z\"`: the clock at its start");
            return None;
        };
        match self.typed(&value, &Ty::Timestamp)? {
            Value::Timestamp(micros) => {
                self.known.scenario_at = micros;
                Some(micros)
            }
            _ => None,
        }
    }
}
