//! Scenarios: inputs, twins, faults and expectations, checked against the flow they run.

use super::context::{Context, name_of};
use crate::ast::{Literal, Node};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::Scope;
use crate::plan::Flow;
use crate::scenario::{Action, Expectation, Fault, FaultKind, Scenario};
use crate::shape::{Shaped, given};
use crate::ty::{Field, Marks, Ty};
use crate::value::{Record, Value};
use std::sync::Arc;

impl Context<'_> {
    pub(crate) fn lower_scenarios(&mut self, nodes: &[Node]) -> Vec<Scenario> {
        nodes.iter().filter(|node| node.name.text == "scenario").filter_map(|node| self.lower_scenario(node)).collect()
    }

    fn lower_scenario(&mut self, node: &Node) -> Option<Scenario> {
        let name = name_of(node)?;
        let Some(flow) = node.first("flow").and_then(|flow| flow.argument(0)).cloned() else {
            self.missing(node, "flow", "write `flow \"NAME\"`: what it runs");
            return None;
        };
        let flow_name = self.reference(&flow, "flow")?;
        let flow = self.plan.flows.get(&flow_name)?.clone();
        let at = self.scenario_begins(node)?;
        let given = node.first("given");
        let input = match given.and_then(|given| given.first("input")) {
            Some(input) => self.record_of(input, &flow.input)?,
            None if self.fed_by_trigger(&flow) => Value::Null,
            None => {
                self.missing(node, "given input", "write `given { input { … } }`");
                return None;
            }
        };
        let before = given.map(|given| self.lower_before_scenario(given)).unwrap_or_default();
        let mut twins = Vec::new();
        for twin in given.map(|given| given.all("twin").collect::<Vec<_>>()).unwrap_or_default() {
            let Some(record) = twin.argument(0).cloned().and_then(|record| self.reference(&record, "type")) else { continue };
            for row in twin.all("-").collect::<Vec<_>>() {
                twins.extend(self.record_of(row, &record).map(|value| (record.clone(), value)));
            }
        }
        if !node.all("expect").any(|expect| !expect.children.is_empty()) {
            let diagnostic = Diagnostic::new(
                &meaning::EMPTY,
                node.name.span,
                format!("the scenario `{}` expects nothing, so it cannot fail", name.text),
            );
            self.report(diagnostic.label("no `expect`").help("write `expect { output … }`"));
        }
        let mocks = self.lower_mocks(node, &flow);
        let faults = node.all("fault").collect::<Vec<_>>().into_iter().filter_map(|fault| self.lower_fault(fault)).collect();
        let actions = self.lower_actions(node, &flow);
        let (line, _) = self.sources.line_column(name.span);
        let location = (self.sources.path(name.span).to_owned(), line);
        Some(Scenario { name: name.text, location, flow: flow_name, at, input, before, twins, mocks, faults, actions })
    }

    /// A record given field by field; defaults fill in, everything else must be given.
    fn record_of(&mut self, node: &Node, record: &str) -> Option<Value> {
        let fields = self.plan.types.records.get(record)?.fields.clone();
        let given = self.fields_of(node, &fields, record);
        let mut complete = Record::default();
        for field in &fields {
            let wrong = written(node, &field.name) && !given.iter().any(|(name, _)| *name == field.name);
            if wrong {
                return None;
            }
            match given.iter().find(|(name, _)| *name == field.name) {
                Some((name, value)) => complete.set(name, value.clone()),
                None => match (&field.default, &field.ty) {
                    (Some(default), _) => complete.set(&field.name, default.clone()),
                    (None, Ty::Optional(_)) => complete.set(&field.name, Value::Null),
                    (None, _) => {
                        let diagnostic =
                            Diagnostic::new(&meaning::MISSING_PARAMETER, node.name.span, format!("`{record}` needs `{}`", field.name));
                        self.report(
                            diagnostic.label(format!("no `{}`", field.name)).help(format!("write `{} …` of type {}", field.name, field.ty)),
                        );
                        return None;
                    }
                },
            }
        }
        Some(Value::Record(Arc::new(complete)))
    }

    pub(crate) fn fields_of(&mut self, node: &Node, fields: &[Field], of: &str) -> Vec<(String, Value)> {
        let mut found = Vec::new();
        for (name, value) in given::all(node) {
            let Some(field) = fields.iter().find(|field| field.name == name.text) else {
                let known: Vec<String> = fields.iter().map(|field| field.name.clone()).collect();
                let diagnostic = Diagnostic::new(&meaning::UNKNOWN_PARAMETER, name.span, format!("`{of}` has no field `{}`", name.text))
                    .label("unknown field");
                self.report(super::context::suggest(diagnostic, &name.text, &known, name.span, "field"));
                continue;
            };
            found.extend(self.typed_given(&name.text, value, &field.ty).map(|value| (name.text.clone(), value)));
        }
        found
    }

    pub(crate) fn step_name(&mut self, value: &Literal, flow: &Flow) -> Option<String> {
        let name = self.text(value, "a step's name")?;
        if flow.steps.iter().any(|step| step.name == name) {
            return Some(name);
        }
        let known: Vec<String> = flow.steps.iter().map(|step| step.name.clone()).collect();
        let diagnostic = Diagnostic::new(&meaning::UNKNOWN_NAME, value.span, format!("the flow `{}` has no step `{name}`", flow.name))
            .label("no such step");
        self.report(super::context::suggest(diagnostic, &name, &known, value.span, "step"));
        None
    }

    /// What people decide and what denies: a step of the flow, or `policy.rule`.
    fn step_or_rule(&mut self, value: &Literal, flow: &Flow) -> Option<String> {
        let text = self.text(value, "the name of a step or a rule")?;
        if !text.contains('.') {
            return self.step_name(value, flow);
        }
        let mut rules = Vec::new();
        for policy in self.plan.policies.values() {
            let denies = policy.denies.iter().map(|rule| &rule.name);
            let others = policy.limits.iter().map(|rule| &rule.name).chain(policy.escalates.iter().map(|rule| &rule.name));
            rules.extend(denies.chain(others).map(|rule| format!("{}.{rule}", policy.name)));
        }
        // One with a mistake of its own was written all the same.
        if rules.contains(&text) || self.locations.0.contains_key(&format!("policy:{text}")) {
            return Some(text);
        }
        let diagnostic = Diagnostic::new(&meaning::UNKNOWN_NAME, value.span, format!("there is no rule `{text}`")).label("no such rule");
        self.report(super::context::suggest(diagnostic, &text, &rules, value.span, "rule"));
        None
    }

    fn lower_mocks(&mut self, node: &Node, flow: &Flow) -> Vec<(String, Vec<(String, Value)>)> {
        let mut mocks = Vec::new();
        for mock in node.all("mock").collect::<Vec<_>>() {
            let Some(name) = mock.argument(0).cloned().and_then(|name| self.step_name(&name, flow)) else { continue };
            let Some(step) = flow.steps.iter().find(|step| step.name == name) else { continue };
            let fields = self.object_fields(&step.ty);
            let given = self.fields_of(mock, &fields, &name);
            mocks.push((name, given));
        }
        mocks
    }

    pub(crate) fn object_fields(&self, ty: &Ty) -> Vec<Field> {
        let field = |name: &String, ty: &Ty| Field::plain(name.clone(), ty.clone());
        match ty {
            Ty::Object(fields) => fields.iter().map(|(name, ty)| field(name, ty)).collect(),
            Ty::Record(name) => self.plan.types.records.get(name).map(|record| record.fields.clone()).unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    fn lower_fault(&mut self, node: &Node) -> Option<Fault> {
        let operation = node.argument(0)?.clone();
        let operation = self.reference(&operation, "operation")?;
        let times = if node.setting("times").is_some() { self.count(node, "times", 1, 1_000)? } else { 1 };
        let kind = match (node.setting("timeout").cloned(), node.setting("status").cloned()) {
            (None, None) if node.setting("delay").is_some() => FaultKind::Delay(self.span_of_time(node, "delay")?),
            _ if node.setting("delay").is_some() => {
                self.missing(node, "one fault", "write `timeout=after-send`, `status=503` or `delay=\"3s\"`: one of the three");
                return None;
            }
            (Some(word), None) => match self.word(&word, "`timeout`", &["before-send", "after-send"])?.as_str() {
                "before-send" => FaultKind::TimeoutBeforeSend,
                _ => FaultKind::TimeoutAfterSend,
            },
            (None, Some(_)) => FaultKind::Status(u16::try_from(self.count(node, "status", 400, 599)?).ok()?),
            _ => {
                self.missing(node, "timeout or status", "write `timeout=after-send`, `status=503` or `delay=\"3s\"`: one of them");
                return None;
            }
        };
        Some(Fault { operation, kind, times })
    }

    fn lower_actions(&mut self, node: &Node, flow: &Flow) -> Vec<Action> {
        let mut actions = Vec::new();
        for child in &node.children {
            let what = |context: &mut Self| child.argument(0).cloned().and_then(|what| context.step_or_rule(&what, flow));
            let action = match child.name.text.as_str() {
                "start" => Some(Action::Start),
                "advance" => child.argument(0).cloned().and_then(|span| self.typed(&span, &Ty::Duration)).and_then(|value| match value {
                    Value::Duration(micros) => Some(Action::Advance(micros)),
                    _ => None,
                }),
                "approve" => what(self).zip(self.by(child)).map(|(what, by)| {
                    let edits = self.edits(child, &what, flow);
                    let after = if child.property("after").is_some() { self.span_of_time(child, "after").unwrap_or(0) } else { 0 };
                    Action::Approve { what, by, edits, after }
                }),
                "event" | "crash" | "undo" => self.lower_beyond(child).map(Action::Beyond),
                "deny" => what(self).zip(self.by(child)).map(|(what, by)| Action::Deny { what, by }),
                "answer" => self.lower_answer(child, flow),
                "expect" => Some(Action::Expect(self.lower_expect(child, flow))),
                _ => None,
            };
            actions.extend(action);
        }
        actions
    }

    fn by(&mut self, node: &Node) -> Option<String> {
        if node.setting("by").is_none() {
            self.missing(node, "by", "write `by=\"ana@shop.example\"`: who decides");
        }
        self.setting_text(node, "by")
    }

    fn lower_answer(&mut self, node: &Node, flow: &Flow) -> Option<Action> {
        let value = node.argument(0)?.clone();
        let what = self.step_name(&value, flow)?;
        let step = flow.steps.iter().find(|step| step.name == what)?;
        let by = self.by(node)?;
        let Ty::Record(record) = &step.ty else { return None };
        let own =
            Node { properties: node.properties.iter().filter(|property| property.name.text != "by").cloned().collect(), ..node.clone() };
        let fields = self.record_of(&own, record)?;
        Some(Action::Answer { what, by, fields })
    }

    fn lower_expect(&mut self, node: &Node, flow: &Flow) -> Vec<(Expectation, usize)> {
        let mut found = Vec::new();
        for child in &node.children {
            let (line, _) = self.sources.line_column(child.span);
            let expectation = match child.name.text.as_str() {
                "effect" => self.expect_effect(child),
                "waiting" => {
                    let to = child.setting("to").cloned().and_then(|to| self.reference(&to, "team"));
                    let what = child.argument(0).cloned().and_then(|what| self.step_or_rule(&what, flow));
                    what.map(|what| Expectation::Waiting { what, to })
                }
                "denied" => {
                    let count = child.setting("count").is_some().then(|| self.count(child, "count", 0, 1_000_000)).flatten();
                    let what = child.argument(0).cloned().and_then(|what| self.step_or_rule(&what, flow));
                    what.map(|what| Expectation::Denied { what, count })
                }
                "output" => self.expect_output(child, flow),
                "refused" | "cost" => self.expect_beyond(child).map(Expectation::Beyond),
                "that" => child
                    .argument(0)
                    .cloned()
                    .and_then(|condition| self.condition(&condition, &Self::outcome_scope(flow)))
                    .map(|checked| Expectation::That(checked.expr)),
                _ => None,
            };
            found.extend(expectation.map(|expectation| (expectation, line)));
        }
        found
    }

    fn expect_effect(&mut self, node: &Node) -> Option<Expectation> {
        let operation = node.argument(0)?.clone();
        let operation = self.reference(&operation, "operation")?;
        let count = node.setting("count").is_some().then(|| self.count(node, "count", 0, 1_000_000)).flatten();
        let request = self.plan.operations.get(&operation)?.request.clone();
        let own =
            Node { properties: node.properties.iter().filter(|property| property.name.text != "count").cloned().collect(), ..node.clone() };
        let fields = self.fields_of(&own, &request, &operation);
        Some(Expectation::Effect { operation, count, fields })
    }

    fn expect_output(&mut self, node: &Node, flow: &Flow) -> Option<Expectation> {
        let types: Vec<(String, Ty)> = flow.output.iter().map(|(name, expr)| (name.clone(), expr.ty.clone())).collect();
        let fields = self.object_fields(&Ty::Object(types));
        Some(Expectation::Output(self.fields_of(node, &fields, &flow.name)))
    }

    /// What `that` may name: `steps`, and every top-level step by its name.
    fn outcome_scope(flow: &Flow) -> Scope {
        let mut scope = Scope::default();
        let mut states = Vec::new();
        for step in &flow.steps {
            let flags = ["ran", "denied", "failed"].into_iter().map(|flag| (flag.to_owned(), Ty::Bool));
            states.push((step.name.clone(), Ty::Object(flags.chain([("settled_by".to_owned(), Ty::String)]).collect())));
            if step.within.is_none() {
                scope = crate::explain::with_step(scope, step, step.ty.clone().optional());
            }
        }
        scope.with("steps", Ty::Object(states), Marks::default())
    }
}

/// Whether a name has a value in a node, a wrong one perhaps: that was told.
pub(crate) fn written(node: &Node, name: &str) -> bool {
    let named = |of: &crate::ast::Name| of.text == name;
    node.properties.iter().any(|property| named(&property.name)) || node.children.iter().any(|child| named(&child.name))
}
